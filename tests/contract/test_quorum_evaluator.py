"""An ERC-8183 job judged by real votes of three agents on the market's bytecode: every verdict, every fault, every coin."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from eth_abi import abi as eth_abi
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from symphony_chain import events, market, quorum, registry, signing
from symphony_chain.abi import decode_output, encode, signatures
from symphony_chain.deploy import initcode
from symphony_chain.errors import InvalidInput
from symphony_chain.quorum import CASE_PLACEHOLDER, QUORUM, Policy
from symphony_chain.skills import pack_word
from symphony_chain.spec.body import TaskBody
from symphony_chain.spec.header import BeaconHeader, BodyRef
from symphony_chain.types import NATIVE, ZERO_ADDRESS, Bid, Opening, Receipt, State, Task
from tests.contract.doubles import Double
from tests.contract.evm import Deployed, Outcome

KEYS: list[LocalAccount] = [Account.from_key(keccak(text=f"quorum {i}")) for i in range(9)]
ACTORS = [key.address for key in KEYS]
CLIENT, PROVIDER, PAYER, OTHER, ROUTER, STRANGER, ANNA, BERT, CARL = ACTORS
AGENTS = (ANNA, BERT, CARL)
SKILL = pack_word({0: 10_000})
PAGE = keccak(text="page")
BUDGET = 5_000
CEILING_WEI = 10**13
ESCROW_WEI = 3 * CEILING_WEI
DELIVERABLE = hashlib.sha256(b"the work").digest()
OPEN, FUNDED, SUBMITTED, COMPLETED, REJECTED, EXPIRED = range(6)
_BASE = Deployed.new(ACTORS)

HEADER = BeaconHeader(
    title="Was the job done?", body=BodyRef(bytes(32), 1), answer_format={"type": "boolean"}, skills=("judging",)
)
BODY = TaskBody(
    f"Case: {CASE_PLACEHOLDER}\nTrue if the deliverable does what \"Paint the fence — green\" asks; false if it does not, "
    "or if the job's own event names another one."
)
TASK = Task(
    requester=ZERO_ADDRESS, router=ROUTER, token=NATIVE, ceiling_wei=CEILING_WEI, base_bps=2_000, bond_wei=0, kind=0,
    page_id=PAGE, requirement=SKILL, min_match_bps=5_000, k=3, min_seats=2, quorum_bps=5_001, open=False,
    bid_end_s=20, commit_end_s=40, reveal_window_s=20, evaluator=ZERO_ADDRESS, evaluation_window_s=0, evaluation_fee_wei=0,
    shared_bps=0, parent=bytes(32), header=bytes(32), salt=bytes(32),
)  # fmt: skip
POLICY = Policy.of(TASK, HEADER, BODY)


def error(outcome: Outcome) -> tuple[str, tuple[Any, ...]]:
    """Name and arguments of the evaluator's custom error."""
    assert not outcome.ok
    known = {s.hash[:4]: s for s in signatures(QUORUM, "error")}
    found = known.get(outcome.output[:4])
    if found is None:
        assert outcome.error is not None
        return outcome.error[0], tuple(outcome.error[1].values())
    return found.name, tuple(eth_abi.decode(found.types, outcome.output[4:]))


def logged(outcome: Outcome) -> dict[str, tuple[Any, ...]]:
    """The evaluator's own events of a call: name → the values that are no topics."""
    known = {s.hash: s for s in signatures(QUORUM, "event")}
    return {
        s.name: eth_abi.decode([t for t, indexed in zip(s.types, s.indexed, strict=True) if not indexed], log.data)
        for log in outcome.logs
        if (s := known.get(log.topics[0]))
    }


@dataclass
class Court:
    """A market with three agents, an evaluator, a job contract and its token."""

    chain: Deployed = field(default_factory=_BASE.fork)
    fee_bps: int = 0

    def __post_init__(self) -> None:
        evm = self.chain.evm
        self.evm = evm
        self.address = evm.create(STRANGER, initcode(QUORUM, ["address"], [self.chain.market]))
        self.token = Double.deploy(evm, STRANGER, "PlainToken")
        self.jobs = Double.deploy(evm, STRANGER, "Job8183", self.fee_bps)
        for owner in AGENTS:
            self.must(evm.send(owner, self.chain.registry, registry.encode_register(bytes(32), PAGE, SKILL)))
        self.token.must(CLIENT, "mint", CLIENT, 100 * BUDGET)
        self.token.must(CLIENT, "approve", self.jobs.address, 100 * BUDGET)

    def must(self, outcome: Outcome) -> Outcome:
        assert outcome.ok, error(outcome)
        return outcome

    def send(self, sender: str, data: bytes, value_wei: int = 0) -> Outcome:
        """A call to the evaluator."""
        return self.evm.send(sender, self.address, data, value_wei)

    def on_market(self, sender: str, data: bytes, value_wei: int = 0) -> Outcome:
        return self.evm.send(sender, self.chain.market, data, value_wei)

    def read(self, name: str, *args: Any) -> tuple[Any, ...]:
        return decode_output(QUORUM, name, self.evm.call(self.address, encode(QUORUM, name, *args)))

    def purse(self, payer: str) -> str:
        return str(to_checksum_address(self.read("purseOf", payer)[0]))

    def status(self, job_id: int) -> int:
        """Of a job: the second member of the struct."""
        return int(eth_abi.decode(["uint256"] * 3, self.evm.call(self.jobs.address, self.jobs.data("getJob", job_id)))[2])

    # --- a job ---

    def opened(self, policy: Policy | None = POLICY) -> int:
        """A job that the client has opened, with its policy."""
        expiry_s = self.evm.time_s + 3600
        made = self.jobs.must(CLIENT, "createJob", PROVIDER, self.address, expiry_s, "Paint the fence", ZERO_ADDRESS, 0)
        job_id = int.from_bytes(made.output, "big")
        if policy is not None:
            self.must(self.send(CLIENT, quorum.encode_set_policy(self.jobs.address, job_id, policy)))
        return job_id

    def submitted(self, policy: Policy = POLICY) -> int:
        """A job whose provider has submitted and presented its work."""
        job_id = self.opened(policy)
        self.jobs.must(CLIENT, "setBudget", job_id, self.token.address, BUDGET, b"")
        self.jobs.must(CLIENT, "fund", job_id, BUDGET, b"")
        self.jobs.must(PROVIDER, "submit", job_id, DELIVERABLE, b"")
        self.must(self.send(PROVIDER, quorum.encode_present(self.jobs.address, job_id, DELIVERABLE)))
        return job_id

    # --- a vote ---

    def judge(self, job_id: int, payer: str = PAYER, value_wei: int = ESCROW_WEI, policy: Policy = POLICY) -> Outcome:
        return self.send(payer, quorum.encode_judge(self.jobs.address, job_id, policy), value_wei)

    def vote_on(self, job_id: int, payer: str = PAYER, value_wei: int = ESCROW_WEI, policy: Policy = POLICY) -> Task:
        """A posted vote's task, as Python knows it."""
        outcome = self.must(self.judge(job_id, payer, value_wei, policy))
        (posted,) = [e for e in outcome.events if isinstance(e, events.TaskPosted)]
        task = policy.task_of(self.jobs.address, job_id, DELIVERABLE, self.purse(payer), self.evm.time_s)
        assert posted.task == task
        assert outcome.output == posted.task_id == signing.task_id(self.chain.domain, task)
        return task

    def awarded(self, task: Task, prices: Sequence[int] = (CEILING_WEI,) * 3) -> events.TaskAwarded:
        task_id = signing.task_id(self.chain.domain, task)
        bids = [
            signing.sign_bid(KEYS[6 + i], self.chain.domain, task_id, Bid(i + 1, price, 1, task.bid_end_s))
            for i, price in enumerate(prices)
        ]
        outcome = self.must(self.on_market(ROUTER, market.encode_award(task, bids)))
        (award,) = outcome.events
        assert isinstance(award, events.TaskAwarded)
        return award

    def answered(self, task: Task, answers: Sequence[str | None]) -> tuple[events.TaskSettled, Receipt]:
        """Commits, reveals and settles a vote whose seats are taken; None is a no-show."""
        task_id = signing.task_id(self.chain.domain, task)
        openings = []
        for seat, answer in enumerate(answers):
            if answer is None:
                continue
            digest = hashlib.sha256(answer.encode()).digest()
            opening = Opening(seat, digest, keccak(b"trace"), keccak(bytes([seat])), answer.encode())
            sealed = signing.commitment(task_id, seat + 1, digest, opening.evidence_digest, opening.salt)
            self.must(self.on_market(AGENTS[seat], market.encode_commit(task_id, seat, sealed)))
            openings.append(opening)
        if None in answers:
            self.evm.at(task.commit_end_s + 1)
        outcome = self.must(self.on_market(STRANGER, market.encode_reveal_and_settle(task, openings)))
        settled = outcome.events[-1]
        assert isinstance(settled, events.TaskSettled)
        return settled, Receipt(task, settled.winner, settled.results)

    def settled(self, task: Task, answers: Sequence[str | None]) -> Receipt:
        self.awarded(task)
        return self.answered(task, answers)[1]

    def resolve(self, job_id: int, receipt: Receipt, sender: str = STRANGER) -> Outcome:
        return self.send(sender, quorum.encode_resolve(self.jobs.address, job_id, receipt))


@pytest.fixture
def court() -> Court:
    return Court()


# --- verdicts ---


def test_true_completes_and_the_payer_gets_back_what_the_vote_did_not_spend(court: Court) -> None:
    job_id = court.submitted()
    task = court.vote_on(job_id)
    task_id = signing.task_id(court.chain.domain, task)
    award = court.awarded(task, (CEILING_WEI, CEILING_WEI // 2, CEILING_WEI // 4))
    settled, receipt = court.answered(task, ("true", "false", "true"))

    done = court.must(court.resolve(job_id, receipt))

    assert logged(done) == {"JobDecided": (True,)}
    assert court.status(job_id) == COMPLETED
    assert court.token.read("balanceOf", PROVIDER) == BUDGET
    completed = [log for log in done.logs if log.address == court.jobs.address]
    assert eth_abi.decode(["bytes32"], completed[-1].data) == (task_id,)  # the reason
    # The case is closed, and the job does not come back.
    assert court.read("caseOf", court.jobs.address, job_id) == (bytes(32),) * 3
    assert error(court.resolve(job_id, receipt)) == ("ForeignTask", (task_id, bytes(32)))

    left_wei = award.returned_wei + settled.refund_wei
    assert court.chain.read("balanceOf", court.purse(PAYER), NATIVE) == left_wei > 0
    before_wei = court.evm.coins(STRANGER)
    court.must(court.send(PAYER, quorum.encode_withdraw_purse(STRANGER, left_wei)))
    assert court.evm.coins(STRANGER) == before_wei + left_wei


def test_false_rejects_and_the_client_gets_its_budget_back(court: Court) -> None:
    job_id = court.submitted()
    before = court.token.read("balanceOf", CLIENT)
    receipt = court.settled(court.vote_on(job_id), ("false", "false", "true"))
    assert logged(court.must(court.resolve(job_id, receipt))) == {"JobDecided": (False,)}
    assert court.status(job_id) == REJECTED
    assert court.token.read("balanceOf", CLIENT) == before + BUDGET


def test_without_quorum_another_vote_follows_on_what_is_left(court: Court) -> None:
    job_id = court.submitted()
    first = court.vote_on(job_id)
    live = signing.task_id(court.chain.domain, first)
    assert error(court.judge(job_id, OTHER)) == ("VoteLive", (live, State.OPEN))
    court.awarded(first)
    assert error(court.judge(job_id, OTHER)) == ("VoteLive", (live, State.AWARDED))
    settled, receipt = court.answered(first, ("true", "false", None))
    assert settled.outcome is State.INCONCLUSIVE
    assert error(court.resolve(job_id, receipt)) == ("Undecided", (live, State.INCONCLUSIVE))
    assert court.status(job_id) == SUBMITTED

    # The same payer pays the second vote from its purse, with coins for the rest; another payer's vote would do as well.
    left_wei = court.chain.read("balanceOf", court.purse(PAYER), NATIVE)
    assert left_wei == settled.refund_wei
    assert error(court.judge(job_id, PAYER, ESCROW_WEI - left_wei - 1))[0] == "InsufficientBalance"
    second = court.vote_on(job_id, PAYER, ESCROW_WEI - left_wei)
    assert court.chain.read("balanceOf", court.purse(PAYER), NATIVE) == 0
    assert error(court.resolve(job_id, receipt))[0] == "ForeignTask"
    second_receipt = court.settled(second, ("true", "true", "true"))
    assert error(court.judge(job_id)) == (
        "VoteLive",
        (signing.task_id(court.chain.domain, second), State.SETTLED),
    )
    court.must(court.resolve(job_id, second_receipt))
    assert court.status(job_id) == COMPLETED


def test_nobody_seated_or_nobody_there_returns_everything(court: Court) -> None:
    job_id = court.submitted()
    first = court.vote_on(job_id)
    court.evm.at(first.bid_end_s + 1)
    assert error(court.judge(job_id))[0] == "VoteLive"
    court.must(court.on_market(STRANGER, market.encode_settle(first)))
    assert court.chain.read("balanceOf", court.purse(PAYER), NATIVE) == ESCROW_WEI

    second = court.vote_on(job_id, PAYER, 0)  # Expired: another may follow
    court.awarded(second)
    court.evm.at(second.commit_end_s + 1)
    court.must(court.on_market(STRANGER, market.encode_settle(second)))
    assert court.chain.read("stateOf", signing.task_id(court.chain.domain, second)) == State.VOID
    assert court.chain.read("balanceOf", court.purse(PAYER), NATIVE) == ESCROW_WEI

    court.must(court.resolve(job_id, court.settled(court.vote_on(job_id, OTHER), ("true",) * 3)))
    court.must(court.send(PAYER, quorum.encode_withdraw_purse(PAYER, ESCROW_WEI)))
    assert court.status(job_id) == COMPLETED


def test_another_answer_decides_nothing(court: Court) -> None:
    job_id = court.submitted()
    receipt = court.settled(court.vote_on(job_id), ("True",) * 3)
    done = court.must(court.resolve(job_id, receipt))
    assert logged(done) == {"NoVerdict": (hashlib.sha256(b"True").digest()[:26].ljust(32, b"\0"),)}
    assert court.status(job_id) == SUBMITTED
    assert error(court.judge(job_id))[0] == "TaskExists"  # the very same vote, in the same second
    court.evm.at(court.evm.time_s + 1)
    court.must(court.resolve(job_id, court.settled(court.vote_on(job_id), ("false",) * 3)))
    assert court.status(job_id) == REJECTED


def test_silence_blocks_nobody(court: Court) -> None:
    job_id = court.submitted()
    task = court.vote_on(job_id)
    court.awarded(task)
    court.evm.at(court.evm.time_s + 3 * 3600)
    court.jobs.must(CLIENT, "claimRefund", job_id)
    assert court.status(job_id) == EXPIRED
    court.must(court.on_market(STRANGER, market.encode_settle(task)))
    assert court.chain.read("balanceOf", court.purse(PAYER), NATIVE) == ESCROW_WEI
    assert error(court.judge(job_id)) == ("WrongStatus", (EXPIRED, SUBMITTED))

    # A verdict that comes too late is the job's to refuse; a job with none is free to expire while Open.
    late = court.submitted()
    receipt = court.settled(court.vote_on(late, OTHER), ("true",) * 3)
    court.evm.at(court.evm.time_s + 3 * 3600)
    court.jobs.must(CLIENT, "claimRefund", late)
    assert court.jobs.error(court.resolve(late, receipt)) == "WrongStatus"


# --- who sits ---


def test_the_payer_chooses_neither_agents_nor_the_end(court: Court) -> None:
    task = court.vote_on(court.submitted())
    task_id, purse = signing.task_id(court.chain.domain, task), court.purse(PAYER)
    bid = signing.sign_bid(KEYS[6], court.chain.domain, task_id, Bid(1, 1, 1, task.bid_end_s))
    assert error(court.on_market(PAYER, market.encode_award(task, [bid]))) == (
        "NotAuthorized",
        (PAYER.lower(), purse.lower()),
    )
    assert error(court.on_market(PAYER, market.encode_cancel(task)))[0] == "NotAuthorized"
    signed = signing.sign_cancel(KEYS[2], court.chain.domain, task_id)
    assert error(court.on_market(PAYER, market.encode_cancel(task, signed)))[0] == "BadSignature"
    # The purse obeys the evaluator alone, and the evaluator posts and withdraws, no more.
    award, cancel = market.encode_award(task, [bid]), market.encode_cancel(task)
    for data, value_wei in ((award, 0), (cancel, 0), (market.encode_withdraw(purse, PAYER, 0), 0), (b"", 1)):
        refused = court.evm.send(PAYER, purse, data, value_wei)
        assert error(refused) == ("NotAuthorized", (PAYER.lower(), court.address.lower()))


def test_open_seats_need_no_router(court: Court) -> None:
    policy = replace(POLICY, task=replace(TASK, router=ZERO_ADDRESS, open=True))
    job_id = court.submitted(policy)
    task = court.vote_on(job_id, policy=policy)
    court.evm.at(task.bid_end_s + 1)
    for agent_id, owner in enumerate(AGENTS, 1):
        court.must(court.on_market(owner, market.encode_take(task, agent_id)))
    _, receipt = court.answered(task, ("true",) * 3)
    court.must(court.resolve(job_id, receipt))
    assert court.status(job_id) == COMPLETED


# --- the policy ---


def test_the_policy_is_the_clients_and_stands(court: Court) -> None:
    job_id = court.opened(policy=None)
    call = quorum.encode_set_policy(court.jobs.address, job_id, POLICY)
    assert error(court.send(PROVIDER, call)) == ("NotAuthorized", (PROVIDER.lower(), CLIENT.lower()))
    done = court.must(court.send(CLIENT, call))
    digest, words = logged(done)["PolicySet"]
    assert digest == POLICY.digest == court.read("caseOf", court.jobs.address, job_id)[0]
    assert words == POLICY.words()  # whoever sees the event can post the vote
    softer = replace(POLICY, task=replace(TASK, quorum_bps=1))
    assert error(court.send(CLIENT, quorum.encode_set_policy(court.jobs.address, job_id, softer))) == (
        "PolicyFixed",
        (POLICY.digest,),
    )
    other = court.opened(policy=None)
    court.jobs.must(CLIENT, "setBudget", other, court.token.address, BUDGET, b"")
    court.jobs.must(CLIENT, "fund", other, BUDGET, b"")
    assert error(court.send(CLIENT, quorum.encode_set_policy(court.jobs.address, other, POLICY))) == (
        "WrongStatus",
        (FUNDED, OPEN),
    )
    made = court.jobs.must(CLIENT, "createJob", PROVIDER, STRANGER, court.evm.time_s + 3600, "", ZERO_ADDRESS, 0)
    foreign = int.from_bytes(made.output, "big")
    assert error(court.send(CLIENT, quorum.encode_set_policy(court.jobs.address, foreign, POLICY))) == (
        "NotEvaluator",
        (STRANGER.lower(),),
    )


CHANGES: dict[str, Policy] = {
    "an easier quorum": replace(POLICY, task=replace(TASK, quorum_bps=1)),
    "another router": replace(POLICY, task=replace(TASK, router=PAYER)),
    "fewer seats": replace(POLICY, task=replace(TASK, k=1, min_seats=1)),
    "longer windows": replace(POLICY, task=replace(TASK, bid_end_s=21)),
    "another question": replace(POLICY, body_tail=POLICY.body_tail + b" "),
    "another header": replace(POLICY, header_tail=POLICY.header_tail + b" "),
    "a letter moved between the parts": replace(
        POLICY, body_head=POLICY.body_head[:-1], body_tail=POLICY.body_head[-1:] + POLICY.body_tail
    ),
    "an evaluator over the vote": replace(POLICY, task=replace(TASK, evaluator=PAYER, evaluation_window_s=10)),
}


@pytest.mark.parametrize("name", CHANGES, ids=lambda n: n.replace(" ", "-"))
def test_a_vote_by_another_policy_is_none(court: Court, name: str) -> None:
    job_id = court.submitted()
    changed = CHANGES[name]
    assert error(court.judge(job_id, policy=changed, value_wei=changed.task.escrow_wei)) == (
        "PolicyMismatch",
        (changed.digest, POLICY.digest),
    )


def test_the_deliverable_is_the_providers_word_once(court: Court) -> None:
    job_id = court.opened()
    court.jobs.must(CLIENT, "setBudget", job_id, court.token.address, BUDGET, b"")
    court.jobs.must(CLIENT, "fund", job_id, BUDGET, b"")
    present = quorum.encode_present(court.jobs.address, job_id, DELIVERABLE)
    assert error(court.send(PROVIDER, present)) == ("WrongStatus", (FUNDED, SUBMITTED))
    court.jobs.must(PROVIDER, "submit", job_id, DELIVERABLE, b"")
    assert error(court.judge(job_id)) == ("NotPresented", ())
    assert error(court.send(CLIENT, present)) == ("NotAuthorized", (CLIENT.lower(), PROVIDER.lower()))
    empty = quorum.encode_present(court.jobs.address, job_id, bytes(32))
    assert error(court.send(PROVIDER, empty)) == ("EmptyDeliverable", ())
    assert logged(court.must(court.send(PROVIDER, present))) == {"DeliverablePresented": (DELIVERABLE,)}
    again = quorum.encode_present(court.jobs.address, job_id, keccak(b"better work"))
    assert error(court.send(PROVIDER, again)) == ("AlreadyPresented", (DELIVERABLE,))
    court.vote_on(job_id)


@given(
    job=st.binary(min_size=20, max_size=20),
    job_id=st.integers(0, 2**256 - 1),
    deliverable=st.binary(min_size=32, max_size=32),
)
@settings(max_examples=12, deadline=None)
def test_the_chain_and_python_write_the_same_documents(job: bytes, job_id: int, deliverable: bytes) -> None:
    address = to_checksum_address(job)
    header, body = _COURT.read("documentsOf", POLICY.words(), address, job_id, deliverable)
    assert (header, body) == POLICY.documents(address, job_id, deliverable)
    read = BeaconHeader.parse(header)
    assert read == replace(HEADER, body=BodyRef(hashlib.sha256(body).digest(), len(body)))
    assert quorum.case_text(address, job_id, deliverable) in TaskBody.parse(body).prompt


_COURT = Court()


def test_a_policy_that_no_agent_could_read_is_refused_in_python() -> None:
    with pytest.raises(InvalidInput, match="true or false"):
        Policy.of(TASK, replace(HEADER, answer_format={"type": "integer"}), BODY)
    with pytest.raises(InvalidInput, match="exactly once"):
        Policy.of(TASK, HEADER, TaskBody("Was it done?"))
    with pytest.raises(InvalidInput, match="exactly once"):
        Policy.of(TASK, HEADER, TaskBody(f"{CASE_PLACEHOLDER} {CASE_PLACEHOLDER}"))


# --- wrong proofs ---


def test_only_the_jobs_own_vote_counts_and_only_as_it_ended(court: Court) -> None:
    first, second = court.submitted(), court.submitted()
    mine, other = court.vote_on(first), court.vote_on(second, OTHER)
    unsettled = Receipt(mine, hashlib.sha256(b"true").digest()[:26], ())
    assert error(court.resolve(first, unsettled))[0] == "NoSuchReceipt"
    true, false = court.settled(mine, ("true",) * 3), court.settled(other, ("false",) * 3)
    assert error(court.resolve(first, false))[0] == "ForeignTask"
    assert error(court.resolve(first, replace(true, winner=false.winner)))[0] == "NoSuchReceipt"
    assert error(court.resolve(first, replace(true, results=false.results)))[0] == "NoSuchReceipt"
    assert error(court.resolve(first, replace(true, task=replace(mine, quorum_bps=1))))[0] == "NoSuchReceipt"
    court.must(court.resolve(first, true))
    court.must(court.resolve(second, false))
    assert (court.status(first), court.status(second)) == (COMPLETED, REJECTED)


def test_a_task_that_looks_like_the_vote_is_foreign(court: Court) -> None:
    job_id = court.submitted()
    task = court.vote_on(job_id)
    fake = replace(task, requester=STRANGER)
    court.must(court.on_market(STRANGER, market.encode_post(fake), fake.escrow_wei))
    receipt = court.settled(fake, ("true",) * 3)
    assert error(court.resolve(job_id, receipt)) == (
        "ForeignTask",
        (signing.task_id(court.chain.domain, fake), signing.task_id(court.chain.domain, task)),
    )


# --- hostile counterparties ---


def test_a_hostile_job_harms_itself_alone(court: Court) -> None:
    honest = court.submitted()
    honest_task = court.vote_on(honest)
    liar = Double.deploy(court.evm, STRANGER, "HostileJob")
    liar.must(STRANGER, "set", court.address, STRANGER, OPEN, b"")
    court.must(court.send(STRANGER, quorum.encode_set_policy(liar.address, 1, POLICY)))
    liar.must(STRANGER, "set", court.address, STRANGER, SUBMITTED, b"")
    court.must(court.send(STRANGER, quorum.encode_present(liar.address, 1, DELIVERABLE)))
    posted = court.must(court.send(OTHER, quorum.encode_judge(liar.address, 1, POLICY), ESCROW_WEI))
    (event,) = [e for e in posted.events if isinstance(e, events.TaskPosted)]
    receipt = court.settled(event.task, ("true",) * 3)

    # While it is completed it tries to be completed again, then to empty a purse, then to take over the honest job.
    resolve = quorum.encode_resolve(liar.address, 1, receipt)
    attacks = (
        resolve,
        quorum.encode_withdraw_purse(liar.address, 1),
        quorum.encode_set_policy(court.jobs.address, honest, POLICY),
        quorum.encode_present(court.jobs.address, honest, DELIVERABLE),
    )
    before = court.read("caseOf", court.jobs.address, honest)
    for n, attack in enumerate(attacks):
        liar.must(STRANGER, "set", court.address, STRANGER, SUBMITTED, attack)
        court.must(court.send(STRANGER, resolve) if n == 0 else liar.send(court.address, "complete", 1, bytes(32), b""))
        assert liar.read("callbackSucceeded") is False
        assert liar.read("completions") == n + 1
    assert error(court.send(STRANGER, resolve))[0] == "ForeignTask"
    assert court.read("caseOf", court.jobs.address, honest) == before
    court.must(court.resolve(honest, court.settled(honest_task, ("true",) * 3)))
    assert court.status(honest) == COMPLETED

    # One that never lets itself be rejected keeps its case, and its payer the money.
    liar.must(STRANGER, "set", court.address, STRANGER, OPEN, b"")
    court.must(court.send(STRANGER, quorum.encode_set_policy(liar.address, 2, POLICY)))
    liar.must(STRANGER, "set", court.address, STRANGER, SUBMITTED, b"")
    court.must(court.send(STRANGER, quorum.encode_present(liar.address, 2, DELIVERABLE)))
    posted = court.must(court.send(OTHER, quorum.encode_judge(liar.address, 2, POLICY), ESCROW_WEI))
    (event,) = [e for e in posted.events if isinstance(e, events.TaskPosted)]
    court.awarded(event.task)
    settled, receipt = court.answered(event.task, ("false", "false", "true"))
    assert not court.send(STRANGER, quorum.encode_resolve(liar.address, 2, receipt)).ok
    court.must(court.send(OTHER, quorum.encode_withdraw_purse(OTHER, settled.refund_wei)))


def test_a_contract_without_getjob_cannot_be_judged(court: Court) -> None:
    assert not court.send(STRANGER, quorum.encode_set_policy(court.token.address, 1, POLICY)).ok
    assert not court.send(STRANGER, quorum.encode_set_policy(STRANGER, 1, POLICY)).ok


def test_a_receiver_that_calls_back_gets_its_money_once(court: Court) -> None:
    receiver = Double.deploy(court.evm, STRANGER, "ReenteringReceiver")
    purse = court.purse(receiver.address)
    court.must(court.on_market(STRANGER, market.encode_deposit(purse, 100), 100))
    court.must(court.on_market(STRANGER, market.encode_deposit(court.purse(PAYER), 900), 900))
    withdraw = quorum.encode_withdraw_purse(receiver.address, 100)
    receiver.must(STRANGER, "arm", court.address, withdraw)
    court.must(court.send(receiver.address, withdraw))
    assert receiver.read("called") is True and receiver.read("succeeded") is False
    assert court.evm.coins(receiver.address) == 100
    assert court.chain.read("balanceOf", court.purse(PAYER), NATIVE) == 900


# --- money ---


@pytest.mark.parametrize(
    ("name", "deposits"),
    [("PlainToken", (2_999, 1)), ("NoReturnToken", (2_999, 1)), ("FeeToken", (3_000, 100))],
)
def test_a_vote_in_a_token_is_paid_from_the_payers_purse_alone(
    court: Court, name: str, deposits: tuple[int, int]
) -> None:
    token = Double.deploy(court.evm, STRANGER, name)
    policy = replace(POLICY, task=replace(TASK, token=token.address, ceiling_wei=1_000))
    job_id = court.submitted(policy)

    def deposit(payer: str, amount: int) -> None:
        token.must(payer, "mint", payer, amount)
        token.must(payer, "approve", court.chain.market, amount)
        data = market.encode_deposit(court.purse(payer), amount, token.address)
        court.must(court.on_market(payer, data))

    deposit(OTHER, 5_000)  # another payer's money: it must not help
    others = court.chain.read("balanceOf", court.purse(OTHER), token.address)
    deposit(PAYER, deposits[0])
    assert error(court.judge(job_id, PAYER, 0, policy))[0] == "InsufficientBalance"
    deposit(PAYER, deposits[1])
    held = court.chain.read("balanceOf", court.purse(PAYER), token.address)
    task = court.vote_on(job_id, PAYER, 0, policy)
    award = court.awarded(task, (400, 500, 600))
    settled, receipt = court.answered(task, ("true", "true", "false"))
    court.must(court.resolve(job_id, receipt))

    left = court.chain.read("balanceOf", court.purse(PAYER), token.address)
    assert left == held - 3_000 + award.returned_wei + settled.refund_wei
    court.must(court.send(PAYER, quorum.encode_withdraw_purse(STRANGER, left, token.address)))
    assert token.read("balanceOf", STRANGER) == left - (left // 100 if name == "FeeToken" else 0)
    assert court.chain.read("balanceOf", court.purse(OTHER), token.address) == others


def test_coins_do_not_pay_a_vote_in_a_token(court: Court) -> None:
    policy = replace(POLICY, task=replace(TASK, token=court.token.address))
    assert error(court.judge(court.submitted(policy), policy=policy))[0] == "AmountMismatch"


def test_a_jobs_fee_for_its_evaluator_is_the_callers_reward() -> None:
    court = Court(fee_bps=300)
    job_id = court.submitted()
    court.must(court.resolve(job_id, court.settled(court.vote_on(job_id), ("true",) * 3)))
    assert court.token.read("balanceOf", court.address) == BUDGET * 3 // 100
    court.must(court.send(OTHER, quorum.encode_sweep(court.token.address)))
    assert court.token.read("balanceOf", OTHER) == BUDGET * 3 // 100
    assert court.token.read("balanceOf", court.address) == 0


VOTES = st.lists(
    st.tuples(
        st.sampled_from((PAYER, OTHER)),
        st.integers(0, ESCROW_WEI),  # sent too much
        st.none() | st.tuples(*(st.sampled_from(("true", "false", "?", None)),) * 3),
        st.tuples(*(st.integers(1, CEILING_WEI),) * 3),
        st.booleans(),
    ),
    min_size=1,
    max_size=4,
)


@given(votes=VOTES)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_wei_is_its_payers_or_was_spent_by_its_own_votes(votes: list[Any]) -> None:
    """Votes of two payers on several jobs, each closed by a stranger: what a purse holds is what its owner put in, less what its
    votes spent by the market's own events; together with the agents' pay and what was burnt it is all that came in."""
    court = Court()
    put = dict.fromkeys((PAYER, OTHER), 0)
    spent = dict.fromkeys((PAYER, OTHER), 0)
    burnt_wei = 0
    for payer, surplus_wei, answers, prices, resolve in votes:
        job_id = court.submitted()
        task = court.vote_on(job_id, payer, ESCROW_WEI + surplus_wei)
        put[payer] += ESCROW_WEI + surplus_wei
        spent[payer] += ESCROW_WEI
        if answers is None:
            court.evm.at(task.bid_end_s + 1)
            spent[payer] -= ESCROW_WEI
            court.must(court.on_market(STRANGER, market.encode_settle(task)))
        else:
            spent[payer] -= court.awarded(task, prices).returned_wei
            if answers == (None, None, None):
                court.evm.at(task.commit_end_s + 1)
                (settled,) = court.must(court.on_market(STRANGER, market.encode_settle(task))).events
            else:
                settled, receipt = court.answered(task, answers)
                if resolve and settled.outcome is State.SETTLED:
                    court.must(court.resolve(job_id, receipt))
            assert isinstance(settled, events.TaskSettled)
            spent[payer] -= settled.refund_wei
            burnt_wei += settled.burnt_wei
        for who in put:
            assert court.chain.read("balanceOf", court.purse(who), NATIVE) == put[who] - spent[who]
        pay_wei = sum(court.chain.read("accountOf", i, NATIVE)[0] for i in (1, 2, 3))
        assert sum(put.values()) == court.evm.coins(court.chain.market)
        assert sum(spent.values()) == pay_wei + burnt_wei
        assert court.evm.coins(court.address) == court.chain.read("balanceOf", court.address, NATIVE) == 0
    for who in put:
        left_wei = put[who] - spent[who]
        assert error(court.send(who, quorum.encode_withdraw_purse(who, left_wei + 1)))[0] == "InsufficientBalance"
        court.must(court.send(who, quorum.encode_withdraw_purse(who, left_wei)))
    assert court.evm.coins(court.chain.market) == sum(spent.values())
