"""Reputation on real settlements, beside its model: ERC-8004's interface, who may rate, what readers see, anchors, errors."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from eth_utils.crypto import keccak
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from symphony_chain import reputation
from symphony_chain.abi import artifact, decode_output, encode, signatures
from symphony_chain.ledger_events import Anchored, FeedbackOpened, NewFeedback
from symphony_chain.model.context import Call
from symphony_chain.reputation import (
    MAX_VALUE,
    PREFERENCE,
    REPUTATION,
    SUCCESS_RATE,
    VERDICT,
    Feedback,
    FeedbackEntry,
    Summary,
)
from symphony_chain.types import ZERO_ADDRESS, Receipt, State
from tests.contract.evm import Outcome
from tests.contract.ledger import (
    ANNA,
    BERT,
    CARL,
    OTHER,
    REQUESTER,
    STRANGER,
    LedgerWorld,
    error_names,
    error_of,
    events_of,
    ok,
)

GOOD = Feedback(87, tag1="starred", tag2="maths", uri="ipfs://bafk", digest=keccak(b"file"))

#: ERC-8004's ReputationRegistry, as its reference contracts and its text have it: signature and results.
ERC8004_FUNCTIONS = {
    "giveFeedback(uint256,int128,uint8,string,string,string,string,bytes32)": "",
    "revokeFeedback(uint256,uint64)": "",
    "appendResponse(uint256,address,uint64,string,bytes32)": "",
    "getSummary(uint256,address[],string,string)": "uint64,int128,uint8",
    "readFeedback(uint256,address,uint64)": "int128,uint8,string,string,bool",
    "readAllFeedback(uint256,address[],string,string,bool)": "address[],uint64[],int128[],uint8[],string[],string[],bool[]",
    "getResponseCount(uint256,address,uint64,address[])": "uint64",
    "getClients(uint256)": "address[]",
    "getLastIndex(uint256,address)": "uint64",
    "getIdentityRegistry()": "address",
}
#: Signature, names, and which parameters are indexed.
ERC8004_EVENTS = {
    "NewFeedback(uint256,address,uint64,int128,uint8,string,string,string,string,string,bytes32)": (
        "agentId clientAddress feedbackIndex value valueDecimals indexedTag1 tag1 tag2 endpoint feedbackURI feedbackHash",
        "agentId clientAddress indexedTag1",
    ),
    "FeedbackRevoked(uint256,address,uint64)": (
        "agentId clientAddress feedbackIndex",
        "agentId clientAddress feedbackIndex",
    ),
    "ResponseAppended(uint256,address,uint64,address,string,bytes32)": (
        "agentId clientAddress feedbackIndex responder responseURI responseHash",
        "agentId clientAddress responder",
    ),
}


@pytest.fixture
def world() -> LedgerWorld:
    return LedgerWorld()


# --- steps, on both sides ---


def open_(world: LedgerWorld, receipt: Receipt, seat: int, sender: str = STRANGER) -> Outcome:
    data = reputation.encode_open(receipt, seat)
    return world.step(REPUTATION, sender, data, lambda c: world.reputation.open(c, receipt, seat))


def give(world: LedgerWorld, sender: str, agent_id: int, feedback: Feedback) -> Outcome:
    data = reputation.encode_give_feedback(agent_id, feedback)
    return world.step(
        REPUTATION, sender, data, lambda c: world.reputation.give_feedback(c, agent_id, feedback)
    )


def revoke(world: LedgerWorld, sender: str, agent_id: int, index: int) -> Outcome:
    data = reputation.encode_revoke_feedback(agent_id, index)
    return world.step(
        REPUTATION, sender, data, lambda c: world.reputation.revoke_feedback(c, agent_id, index)
    )


def respond(
    world: LedgerWorld, sender: str, agent_id: int, client: str, index: int, uri: str = "ipfs://re"
) -> Outcome:
    data = reputation.encode_append_response(agent_id, client, index, uri, keccak(text=uri))

    def run(call: Call) -> None:
        world.reputation.append_response(call, agent_id, client, index, uri, keccak(text=uri))

    return world.step(REPUTATION, sender, data, run)


def anchor(world: LedgerWorld, sender: str, receipt: Receipt, kind: bytes, digest: bytes) -> Outcome:
    data = reputation.encode_anchor(receipt, kind, digest)
    return world.step(REPUTATION, sender, data, lambda c: world.reputation.anchor(c, receipt, kind, digest))


def rated(world: LedgerWorld, feedback: Feedback = GOOD, requester: str = REQUESTER) -> Receipt:
    """A task with agent 1 alone, whose requester has rated it."""
    receipt = world.settled(requester=requester)
    ok(open_(world, receipt, 0))
    ok(give(world, requester, 1, feedback))
    return receipt


# --- ERC-8004 ---


def test_the_interface_is_that_of_erc_8004() -> None:
    functions = {s.text: ",".join(s.outputs) for s in signatures(REPUTATION, "function")}
    assert {text: functions.get(text) for text in ERC8004_FUNCTIONS} == ERC8004_FUNCTIONS
    events = {
        s.text: (
            " ".join(s.names),
            " ".join(name for name, indexed in zip(s.names, s.indexed, strict=True) if indexed),
        )
        for s in signatures(REPUTATION, "event")
    }
    assert {text: events.get(text) for text in ERC8004_EVENTS} == ERC8004_EVENTS
    mutable = {"giveFeedback", "revokeFeedback", "appendResponse", "open", "anchor", "multicall"}
    abi = artifact(REPUTATION)["abi"]
    views = {i["name"] for i in abi if i["type"] == "function" and i["stateMutability"] in ("view", "pure")}
    assert {s.name for s in signatures(REPUTATION, "function")} - views == mutable


def test_a_strangers_client_needs_no_word_of_ours_once_the_seat_is_open(world: LedgerWorld) -> None:
    receipt = world.settled((1, 2))
    task_id = world.task_id(receipt.task)
    opened = ok(open_(world, receipt, 1))  # anyone may
    assert events_of(opened) == [FeedbackOpened(task_id, 2, REQUESTER, 1)]
    assert (world.read_reputation.credits(2, REQUESTER), world.read_reputation.opened(task_id)) == (1, (1,))

    given = ok(give(world, REQUESTER, 2, GOOD))
    assert events_of(given) == [NewFeedback(2, REQUESTER, 1, GOOD)]
    assert given.logs[0].topics[3] == keccak(text="starred")
    assert world.read_reputation.credits(2, REQUESTER) == 0
    raw = world.chain.evm.call(world.where[REPUTATION], encode(REPUTATION, "readFeedback", 2, REQUESTER, 1))
    assert decode_output(REPUTATION, "readFeedback", raw) == (87, 0, "starred", "maths", False)
    assert world.read_reputation.feedback(2) == (
        FeedbackEntry(REQUESTER, 1, 87, 0, "starred", "maths", False),
    )
    assert world.read_reputation.summary(2, [REQUESTER]) == Summary(1, 87, 0)
    identity = world.chain.evm.call(world.where[REPUTATION], encode(REPUTATION, "getIdentityRegistry"))
    assert decode_output(REPUTATION, "getIdentityRegistry", identity) == (world.chain.registry.lower(),)


def test_rating_takes_one_call(world: LedgerWorld) -> None:
    receipt = world.settled()
    data = reputation.encode_rate(receipt, 0, GOOD)

    def both(call: Call) -> None:
        world.reputation.open(call, receipt, 0)
        world.reputation.give_feedback(call, 1, GOOD)

    ok(world.step(REPUTATION, REQUESTER, data, both))
    assert world.read_reputation.summary(1, [REQUESTER], "starred", "maths").mean == 87


def test_each_seat_gives_one_credit_and_each_feedback_takes_one(world: LedgerWorld) -> None:
    first, second = world.settled(), world.settled()
    for receipt in (first, second):
        ok(open_(world, receipt, 0))
    assert world.read_reputation.credits(1, REQUESTER) == 2
    for value in (10, 20):
        ok(give(world, REQUESTER, 1, Feedback(value)))
    assert error_of(give(world, REQUESTER, 1, GOOD)) == ("NothingOpen", {"agentId": 1, "client": REQUESTER})
    assert world.read_reputation.summary(1, [REQUESTER]) == Summary(2, 15, 0)


def test_a_revoked_feedback_counts_no_more_and_its_credit_stays_spent(world: LedgerWorld) -> None:
    rated(world)
    ok(revoke(world, REQUESTER, 1, 1))
    assert world.read_reputation.summary(1, [REQUESTER]) == Summary(0, 0, 0)
    assert world.read_reputation.feedback(1) == ()
    assert [entry.revoked for entry in world.read_reputation.feedback(1, include_revoked=True)] == [True]
    assert world.read_reputation.credits(1, REQUESTER) == 0


def test_responses_are_counted_by_feedback_by_client_and_by_responder(world: LedgerWorld) -> None:
    rated(world)
    rated(world)
    rated(world, requester=OTHER)
    for sender, client, index in (
        (ANNA, REQUESTER, 1),
        (ANNA, REQUESTER, 2),
        (STRANGER, REQUESTER, 2),
        (ANNA, OTHER, 1),
    ):
        ok(respond(world, sender, 1, client, index))
    read = world.read_reputation.responses
    assert read(1, REQUESTER, 2) == 2
    assert read(1, REQUESTER, 2, [ANNA]) == 1
    assert read(1, REQUESTER) == 3
    assert read(1, ZERO_ADDRESS) == 4
    assert read(1, ZERO_ADDRESS, 0, [ANNA, STRANGER]) == 4
    assert read(1, ZERO_ADDRESS, 0, [STRANGER]) == 1
    assert read(1, REQUESTER, 0, [ZERO_ADDRESS]) == 0


def test_a_mean_that_does_not_fit_has_fewer_decimals(world: LedgerWorld) -> None:
    """Where the reference contracts cut off the upper bits."""
    for feedback in (Feedback(MAX_VALUE, 0), Feedback(1, 18), Feedback(1, 18)):
        rated(world, feedback)
    summary = world.read_reputation.summary(1, [REQUESTER])
    assert summary == world.reputation.summary(1, [REQUESTER]) == Summary(3, MAX_VALUE // 3, 0)
    assert summary.mean == Decimal(MAX_VALUE // 3)


# --- the market as a client ---


def test_settlements_are_read_as_feedback_of_the_market(world: LedgerWorld) -> None:
    market = world.chain.market
    assert world.read_reputation.clients(1) == ()
    world.settled((1, 2, 3), dissent=(3,))
    world.settled((1,))
    world.settled((1, 2), absent=(1,))  # agent 1 shows up no more: the quorum is missed
    account = world.chain.read("accountOf", 1, ZERO_ADDRESS)
    assert account[1:] == (3, 2, 1)
    for tag in ("", SUCCESS_RATE):
        assert world.read_reputation.summary(1, [market], tag) == Summary(3, 6666, 2)
    assert world.read_reputation.summary(3, [market]) == Summary(1, 0, 2)
    for tags in (("starred", ""), ("", "maths"), (SUCCESS_RATE, "maths")):
        assert world.read_reputation.summary(1, [market], *tags) == Summary(0, 0, 0)
    # Readers that take the clients from the contract get both kinds, weighed by their number.
    rated(world, Feedback(50))
    clients = world.read_reputation.clients(1)
    assert clients == (market, REQUESTER)
    assert world.read_reputation.summary(1, clients) == Summary(5, (3 * 10_000 + 5_000) // 5, 2)
    # It has no single entries.
    assert world.read_reputation.feedback(1, [market]) == ()
    last = world.chain.evm.call(world.where[REPUTATION], encode(REPUTATION, "getLastIndex", 1, market))
    assert decode_output(REPUTATION, "getLastIndex", last) == (0,)


def test_settlements_in_another_token_are_no_success(world: LedgerWorld) -> None:
    token = next(iter(world.base.fee_bps))
    world.must(world.deposit(REQUESTER, REQUESTER, 10**6, token))
    receipt = world.settled(token=token)
    assert world.read_reputation.clients(1) == ()
    # But its requester may say what it thinks.
    ok(open_(world, receipt, 0))
    ok(give(world, REQUESTER, 1, GOOD))
    assert world.read_reputation.clients(1) == (REQUESTER,)


# --- who may rate ---


def test_only_the_requester_of_the_task_may_rate(world: LedgerWorld) -> None:
    receipt = world.settled((1, 2))
    ok(open_(world, receipt, 0, sender=STRANGER))
    for sender in (STRANGER, OTHER, BERT):
        assert error_of(give(world, sender, 1, GOOD)) == ("NothingOpen", {"agentId": 1, "client": sender})
    # The other seat is not open, and another agent was never seated.
    for agent_id in (2, 3, 99):
        expected = ("NothingOpen", {"agentId": agent_id, "client": REQUESTER})
        assert error_of(give(world, REQUESTER, agent_id, GOOD)) == expected


@pytest.mark.parametrize("role", ["owner", "approved", "operator", "wallet"])
def test_nobody_rates_its_own_agent(world: LedgerWorld, role: str) -> None:
    ok(open_(world, world.settled(), 0))
    if role == "owner":
        world.must(world.transfer(ANNA, ANNA, REQUESTER, 1))
    elif role == "approved":
        world.must(world.approve(ANNA, REQUESTER, 1))
    elif role == "operator":
        data = encode("AgentRegistry", "setApprovalForAll", REQUESTER, True)
        assert world.chain.evm.send(ANNA, world.chain.registry, data).ok
        world.registry.operators.add((ANNA, REQUESTER))
    else:
        world.must(world.set_wallet(ANNA, 1, REQUESTER, world.now_s + 300))
    expected = ("SelfFeedback", {"agentId": 1, "client": REQUESTER})
    assert error_of(give(world, REQUESTER, 1, GOOD)) == expected


def test_a_seat_that_showed_nothing_is_nothing_to_rate(world: LedgerWorld) -> None:
    inconclusive = world.settled((1, 2), absent=(2,))
    void = world.settled((3,), absent=(3,))
    assert world.market.receipt(world.task_id(inconclusive.task))[0] is State.INCONCLUSIVE
    assert world.market.receipt(world.task_id(void.task))[0] is State.VOID
    ok(open_(world, inconclusive, 0))
    for receipt, seat in ((inconclusive, 1), (void, 0), (inconclusive, 2), (inconclusive, 2**256 - 1)):
        expected = ("NotRevealed", {"taskId": world.task_id(receipt.task), "seat": seat})
        assert error_of(open_(world, receipt, seat)) == expected


def test_receipts_are_proof_of_this_markets_settlements_only(world: LedgerWorld) -> None:
    receipt = world.settled()
    task_id = world.task_id(receipt.task)
    result = receipt.results[0]
    forged = [
        replace(receipt, results=(replace(result, agent_id=2),)),
        replace(receipt, results=(*receipt.results, result)),
        replace(receipt, results=()),
        replace(receipt, winner=b"\1" * 26),
    ]
    for wrong in forged:
        assert error_of(open_(world, wrong, 0)) == ("NoSuchReceipt", {"taskId": task_id})
    # Another task under this one's settlement, such as one whose requester the forger is.
    other = replace(receipt, task=replace(receipt.task, requester=STRANGER))
    assert error_of(open_(world, other, 0)) == ("NoSuchReceipt", {"taskId": world.task_id(other.task)})
    # The same settlement in another market, and on another chain, has another id: here it is unknown.
    elsewhere = LedgerWorld()
    foreign = elsewhere.settled((1, 2))
    assert error_of(open_(world, foreign, 0)) == ("NoSuchReceipt", {"taskId": world.task_id(foreign.task)})


# --- anchors ---


def test_requester_and_evaluator_anchor_digests(world: LedgerWorld) -> None:
    receipt = world.settled((1, 2), evaluator=CARL)
    task_id = world.task_id(receipt.task)
    labels, verdict = keccak(b"labels"), keccak(b"verdict")
    done = ok(anchor(world, REQUESTER, receipt, PREFERENCE, labels))
    assert events_of(done) == [Anchored(task_id, REQUESTER, PREFERENCE, labels)]
    assert done.logs[0].topics[3] == b"preference".ljust(32, b"\0")
    ok(anchor(world, CARL, receipt, VERDICT, verdict))
    expected = ("NotOfTask", {"taskId": task_id, "caller": ANNA})
    assert error_of(anchor(world, ANNA, receipt, VERDICT, verdict)) == expected
    forged = replace(receipt, winner=b"")
    assert error_of(anchor(world, REQUESTER, forged, VERDICT, verdict)) == (
        "NoSuchReceipt",
        {"taskId": task_id},
    )


# --- errors and bounds ---


def test_every_error_is_raised_and_agrees_with_the_model(world: LedgerWorld) -> None:
    receipt = rated(world)
    task_id = world.task_id(receipt.task)
    ok(open_(world, world.settled(), 0))  # a credit at hand
    unknown = {"agentId": 1, "client": REQUESTER}
    out = "ValueOutOfRange"
    cases: list[tuple[Outcome, str, dict[str, object]]] = [
        (open_(world, receipt, 0), "AlreadyOpened", {"taskId": task_id, "seat": 0}),
        (open_(world, receipt, 1), "NotRevealed", {"taskId": task_id, "seat": 1}),
        (open_(world, replace(receipt, winner=b""), 0), "NoSuchReceipt", {"taskId": task_id}),
        (give(world, STRANGER, 1, GOOD), "NothingOpen", {"agentId": 1, "client": STRANGER}),
        (give(world, REQUESTER, 1, Feedback(0, 19)), out, {"value": 0, "valueDecimals": 19}),
        (
            give(world, REQUESTER, 1, Feedback(MAX_VALUE + 1)),
            out,
            {"value": MAX_VALUE + 1, "valueDecimals": 0},
        ),
        (
            give(world, REQUESTER, 1, Feedback(-MAX_VALUE - 1)),
            out,
            {"value": -MAX_VALUE - 1, "valueDecimals": 0},
        ),
        (give(world, REQUESTER, 1, Feedback(1, tag1="t" * 65)), "TagTooLong", {"length": 65, "max": 64}),
        (give(world, REQUESTER, 1, Feedback(1, tag2="é" * 33)), "TagTooLong", {"length": 66, "max": 64}),
        (revoke(world, REQUESTER, 1, 0), "NoSuchFeedback", {**unknown, "feedbackIndex": 0}),
        (revoke(world, REQUESTER, 1, 2), "NoSuchFeedback", {**unknown, "feedbackIndex": 2}),
        (respond(world, ANNA, 1, REQUESTER, 2), "NoSuchFeedback", {**unknown, "feedbackIndex": 2}),
        (respond(world, ANNA, 1, REQUESTER, 1, ""), "EmptyResponse", {}),
        (anchor(world, ANNA, receipt, VERDICT, task_id), "NotOfTask", {"taskId": task_id, "caller": ANNA}),
    ]
    ok(revoke(world, REQUESTER, 1, 1))
    cases.append((revoke(world, REQUESTER, 1, 1), "AlreadyRevoked", {"agentId": 1, "feedbackIndex": 1}))
    world.must(world.approve(ANNA, REQUESTER, 1))
    cases.append((give(world, REQUESTER, 1, GOOD), "SelfFeedback", unknown))
    no_clients = world.chain.evm.send(
        STRANGER, world.where[REPUTATION], encode(REPUTATION, "getSummary", 1, [], "", "")
    )
    cases.append((no_clients, "NoClients", {}))
    assert [error_of(outcome) for outcome, _, _ in cases] == [
        (name, arguments) for _, name, arguments in cases
    ]
    assert {name for _, name, _ in cases} == error_names(REPUTATION)


def test_extreme_values_are_taken(world: LedgerWorld) -> None:
    for feedback in (
        Feedback(MAX_VALUE, 18),
        Feedback(-MAX_VALUE),
        Feedback(0, tag1="t" * 64, tag2="é" * 32),
    ):
        rated(world, feedback)
    assert [entry.value for entry in world.read_reputation.feedback(1)] == [MAX_VALUE, -MAX_VALUE, 0]


def test_steps_cost_the_same_however_much_is_there(world: LedgerWorld) -> None:
    """No step walks anything: the tenth feedback, and the tenth response, cost what the second does."""
    gas: dict[str, list[int]] = {"open": [], "give": [], "respond": []}
    for index in range(1, 11):
        receipt = world.settled()
        gas["open"].append(ok(open_(world, receipt, 0)).gas_used)
        gas["give"].append(ok(give(world, REQUESTER, 1, GOOD)).gas_used)
        gas["respond"].append(ok(respond(world, ANNA, 1, REQUESTER, index)).gas_used)
    for step, used in gas.items():
        assert max(used[1:]) - min(used[1:]) <= 200, (step, used)  # calldata's zero bytes differ


def test_text_that_is_no_text_stops_no_reader(world: LedgerWorld) -> None:
    ok(open_(world, world.settled(), 0))
    good = reputation.encode_give_feedback(1, GOOD)
    assert good.count(b"starred") == good.count(b"maths") == 1
    bad = good.replace(b"starred", b"st\xffrred").replace(b"ipfs://bafk", b"ipfs://\xc3\x28fk")
    outcome = ok(world.chain.evm.send(REQUESTER, world.where[REPUTATION], bad))
    (event,) = events_of(outcome)
    assert isinstance(event, NewFeedback)
    assert (event.feedback.tag1, event.feedback.uri) == ("st\ufffdrred", "ipfs://\ufffd(fk")
    assert [entry.tag1 for entry in world.read_reputation.feedback(1)] == ["st\ufffdrred"]


# --- everything at once ---

people = st.sampled_from((REQUESTER, OTHER, ANNA, STRANGER))
agents = st.sampled_from((1, 1, 1, 2, 3))
tags = st.sampled_from(("", "", "starred", "maths", SUCCESS_RATE))
values = st.sampled_from((0, 1, -1, MAX_VALUE, -MAX_VALUE, MAX_VALUE + 1)) | st.integers(-(10**6), 10**6)
decimals = st.sampled_from((0, 0, 2, 2, 18, 19)) | st.integers(0, 18)
indexes = st.integers(0, 4)


class ReputationMachine(RuleBasedStateMachine):
    """Two requesters and some settled tasks; anybody tries anything, and all views must agree with the model."""

    def __init__(self) -> None:
        super().__init__()
        self.world = world = LedgerWorld()
        world.must(world.deposit(ANNA, ANNA, 10**6))
        self.receipts = [
            world.settled((1, 2, 3), dissent=(3,)),
            world.settled((1, 2), absent=(2,), requester=OTHER),
            world.settled((1,)),
            world.settled((1,), requester=OTHER),
            world.settled((1,), requester=ANNA),  # who owns agent 1
        ]

    @rule(which=st.integers(0, 4), seat=st.integers(0, 3))
    def opens(self, which: int, seat: int) -> None:
        open_(self.world, self.receipts[which], seat)

    @rule(sender=people, agent=agents, value=values, places=decimals, tag1=tags, tag2=tags)
    def gives(self, sender: str, agent: int, value: int, places: int, tag1: str, tag2: str) -> None:
        give(self.world, sender, agent, Feedback(value, places, tag1, tag2))

    @rule(sender=people, agent=agents, index=indexes)
    def revokes(self, sender: str, agent: int, index: int) -> None:
        revoke(self.world, sender, agent, index)

    @rule(sender=people, agent=agents, client=people, index=indexes, uri=st.sampled_from(("ipfs://x", "")))
    def responds(self, sender: str, agent: int, client: str, index: int, uri: str) -> None:
        respond(self.world, sender, agent, client, index, uri)

    @rule(agent=agents, to=people)
    def sells(self, agent: int, to: str) -> None:
        owner = self.world.registry.owner_and_wallet(agent)[0]
        self.world.do(self.world.transfer(owner, owner, to, agent))

    @rule(
        agent=agents,
        named=st.lists(people, max_size=4),
        market=st.booleans(),
        tag1=tags,
        tag2=tags,
        all_=st.booleans(),
    )
    def reads(self, agent: int, named: list[str], market: bool, tag1: str, tag2: str, all_: bool) -> None:
        model, read = self.world.reputation, self.world.read_reputation
        if market:
            named = [*named, self.world.chain.market]
        if named:
            assert read.summary(agent, named, tag1, tag2) == model.summary(agent, named, tag1, tag2)
        found = read.feedback(agent, named, tag1, tag2, include_revoked=all_)
        assert list(found) == model.feedback(agent, named, tag1, tag2, include_revoked=all_)
        for client in (*named, ZERO_ADDRESS):
            for index in (0, 1, 2):
                assert read.responses(agent, client, index, named) == model.responses(
                    agent, client, index, named
                )

    @invariant()
    def credits_clients_and_seats_agree(self) -> None:
        model, read = self.world.reputation, self.world.read_reputation
        for agent in (1, 2, 3):
            assert read.clients(agent) == model.clients(agent)
            for client in (REQUESTER, OTHER, ANNA):
                assert read.credits(agent, client) == model.credits[agent, client]
                spent = len(model.entries[agent].get(client, ()))
                assert spent + model.credits[agent, client] == sum(
                    receipt.results[seat].agent_id == agent
                    for receipt in self.receipts
                    if receipt.task.requester == client
                    for seat in read.opened(self.world.task_id(receipt.task))
                )


ReputationMachine.TestCase.settings = settings(
    max_examples=6, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
TestReputationMachine = ReputationMachine.TestCase
