"""Every custom error of registry, plans and market, hit on the bytecode and on the model with the same arguments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from eth_utils.crypto import keccak

from symphony_chain import market
from symphony_chain.abi import MARKET, PLANS, REGISTRY, decode_error, encode, signatures
from symphony_chain.deploy import Terms
from symphony_chain.types import NATIVE, ZERO_ADDRESS, Kind, Receipt
from tests.contract.doubles import Double
from tests.contract.evm import market_code
from tests.contract.test_task_life import (
    ANNA,
    BERT,
    REQUESTER,
    SKILL,
    STRANGER,
    WALLET,
    awarded,
    commit,
    new_task,
    offers_for,
    opening,
    planned,
)
from tests.contract.test_task_life import world as world  # the fixture
from tests.property.world import PAGES, Act, Plan, World

#: Errors of the libraries that our calls cannot reach: no token is ever burnt or minted to zero, no string is long, and ERC-721's
#: own checks of zero addresses are behind ours. No chain has the gas to use up all desks: forge writes the counter.
UNREACHABLE = {"ERC721InvalidOwner", "ERC721InvalidSender", "InvalidShortString", "NoDesk", "StringTooLong"}
#: Errors that need a token or a receiver which misbehaves: tested below, on the bytecode alone.
OF_STRANGERS = {"Reentrancy", "TransferFailed", "TransferFromFailed"}


def _pending(world: World) -> Act:
    task = new_task(world)
    awarded(world, task)
    return world.settle(STRANGER, task)


def _twice_committed(world: World) -> Act:
    task_id = awarded(world, new_task(world))
    commit(world, task_id, 0, b"1")
    return world.commit(ANNA, task_id, 0, bytes(32))


def _reveal(
    world: World, seat: int, committed: int = 3, again: bool = False, answer: bytes = b"", salt: bytes = b""
) -> Act:
    """A reveal after commitEnd, where `committed` of three seats have committed to b"1"."""
    task = new_task(world)
    task_id = awarded(world, task)
    for i in range(committed):
        commit(world, task_id, i, b"1")
    world.chain.evm.at(task.commit_end_s + 1)
    opened = replace(opening(b"1", seat), answer=answer)
    if again:
        world.must(world.reveal(STRANGER, task_id, opened))
    return world.reveal(STRANGER, task_id, replace(opened, salt=salt) if salt else opened)


def _posted_twice(world: World) -> Act:
    task = new_task(world)
    world.must(world.post(REQUESTER, task))
    return world.post(REQUESTER, task)


def _crowd(world: World) -> Act:
    task = new_task(world)
    world.must(world.post(REQUESTER, task))
    return world.award(REQUESTER, task, offers_for(world, task, (1,)) * 33)


def _few(world: World) -> Act:
    task = new_task(world)
    world.must(world.post(REQUESTER, task))
    return world.award(REQUESTER, task, offers_for(world, task, (1,)))


def _wallet_takes_for_itself(world: World) -> Act:
    world.must(world.set_wallet(ANNA, 1, WALLET, world.now_s + 300))
    world.must(world.fund_agent(STRANGER, 1, 1))
    return world.claim(WALLET, 1, WALLET)


def _taken_twice(world: World) -> Act:
    task = new_task(world, open=True)
    world.must(world.post(REQUESTER, task))
    world.chain.evm.at(task.bid_end_s + 1)
    world.must(world.take(ANNA, task, 1))
    return world.take(ANNA, task, 1)


def _plan_as_answer(world: World) -> Act:
    task_id = awarded(world, new_task(world, kind=Kind.PLAN, k=1, min_seats=1), (1,))
    return world.reveal(STRANGER, task_id, commit(world, task_id, 0, b"1"))


def _named_child_is_open(world: World) -> Act:
    task = new_task(world, kind=Kind.PLAN, k=1, min_seats=1)
    task_id = awarded(world, task, (1,))
    plan = Plan(keccak(b"trace"), (keccak(b"not yet"),))
    return world.reveal_plan(STRANGER, task, commit(world, task_id, 0, b"1", plan.evidence), plan)


def _plan(world: World, wrong: Callable[[Receipt], Receipt], *, trace: bytes | None = None) -> Act:
    """A plan's reveal with a receipt that is not the child's."""
    task, sub, plan, opened = planned(world)
    world.chain.evm.at(task.commit_end_s + 1)
    if trace is not None:
        plan = replace(plan, trace_digest=trace)
    return world.reveal_plan(STRANGER, task, opened, plan, [wrong(world.receipts[world.task_id(sub)])])


def _another(world: World) -> Callable[[Receipt], Receipt]:
    return lambda right: next(r for r in world.receipts.values() if r != right)


def _too_rich(world: World) -> Act:
    world.chain.evm.give(STRANGER, 1 << 120)
    return world.deposit(STRANGER, STRANGER, 1 << 120)


def _no_operator(world: World) -> Act:
    data = encode(REGISTRY, "setApprovalForAll", ZERO_ADDRESS, True)
    run = lambda call: world.registry.set_approval_for_all(call, ZERO_ADDRESS, True)  # noqa: E731
    return Act(ANNA, world.chain.registry, data, run)


CASES: dict[str, Callable[[World], Act]] = {
    "AlreadyCommitted": _twice_committed,
    "AlreadyRevealed": lambda w: _reveal(w, 0, again=True),
    "AmountMismatch": lambda w: w.deposit(STRANGER, STRANGER, 2, value_wei=1),
    "AmountTooLarge": _too_rich,
    "AnswerMismatch": lambda w: _reveal(w, 0, answer=b"2"),
    "AnswerTooLong": lambda w: _reveal(w, 0, answer=b"1" * 257),
    "BadSignature": lambda w: w.post(STRANGER, new_task(w), signer=STRANGER),
    "ChildMismatch": lambda w: _plan(w, lambda right: _another(w)(right)),
    "ChildOpen": _named_child_is_open,
    "CommitmentMismatch": lambda w: _reveal(w, 0, salt=b"\x07" * 32),
    "DeadlineTooFar": lambda w: w.set_wallet(ANNA, 1, WALLET, w.now_s + 301),
    "ERC721IncorrectOwner": lambda w: w.transfer(ANNA, BERT, ANNA, 1),
    "ERC721InsufficientApproval": lambda w: w.transfer(STRANGER, ANNA, BERT, 1),
    "ERC721InvalidApprover": lambda w: w.approve(STRANGER, BERT, 1),
    "ERC721InvalidOperator": _no_operator,
    "ERC721InvalidReceiver": lambda w: w.transfer(ANNA, ANNA, ZERO_ADDRESS, 1),
    "ERC721NonexistentToken": lambda w: w.transfer(ANNA, ANNA, BERT, 99),
    "ETHTransferFailed": lambda w: w.withdraw(REQUESTER, REQUESTER, w.chain.market, 1),
    "EvidenceMismatch": lambda w: _plan(w, lambda right: right, trace=bytes(32)),
    "InsufficientBalance": lambda w: w.withdraw(ANNA, ANNA, ANNA, 1),
    "LaneOutOfRange": lambda w: w.declare(ANNA, 1, PAGES[0], 10_001),
    "NoSuchReceipt": lambda w: _plan(w, lambda right: replace(right, winner=b"")),
    "NoSuchSeat": lambda w: _reveal(w, 3),
    "NotAgentOwner": lambda w: w.declare(STRANGER, 1, PAGES[0], SKILL),
    "NotAuthorized": lambda w: w.post(STRANGER, new_task(w)),
    "NotCommitted": lambda w: _reveal(w, 2, committed=2),
    "NothingToClaim": lambda w: w.claim(ANNA, 1, ANNA),
    "ParameterOutOfRange": lambda w: w.post(REQUESTER, new_task(w, k=17)),
    "ReservedMetadataKey": lambda w: w.register_uri(ANNA, "ipfs://x", (("agentWallet", b"x"),)),
    "Pending": _pending,
    "SeatRefused": _taken_twice,
    "SignatureExpired": lambda w: w.withdraw_signed(
        STRANGER, REQUESTER, REQUESTER, 1, w.now_s - 1, REQUESTER
    ),
    "TaskExists": _posted_twice,
    "TooFewSeats": _few,
    "TooManyBids": _crowd,
    "UnknownAgent": lambda w: w.fund_agent(STRANGER, 99, 1),
    "WalletMayOnlyPayOwner": _wallet_takes_for_itself,
    "WrongKind": _plan_as_answer,
    "WrongState": lambda w: w.settle(STRANGER, new_task(w)),
    "ZeroAddress": lambda w: w.deposit(STRANGER, ZERO_ADDRESS, 1),
}


def test_no_error_is_forgotten() -> None:
    declared = {s.name for contract in (MARKET, REGISTRY, PLANS) for s in signatures(contract, "error")}
    assert declared == set(CASES) | OF_STRANGERS | UNREACHABLE


@pytest.mark.parametrize("name", CASES)
def test_error(world: World, name: str) -> None:
    outcome = world.do(CASES[name](world))  # compares with the model
    assert outcome.error is not None
    assert outcome.error[0] == name
    world.compare_views()


@pytest.mark.parametrize(
    ("changes", "parameter"),
    [
        ({"kind": 4}, "kind"), ({"evaluator": ANNA}, "evaluationWindow"), ({"evaluation_window_s": 1}, "evaluationWindow"),
        ({"evaluation_fee_wei": 1}, "evaluationFee"), ({"shared_bps": 10_001}, "sharedBps"),
        ({"evaluator": ANNA, "evaluation_window_s": 30 * 86_400 + 1}, "evaluationWindow"), ({"requirement": 0}, "requirement"),
        ({"requirement": 10_001 << 240}, "requirement"),
        ({"ceiling_wei": 0}, "ceiling"), ({"base_bps": 10_001}, "baseBps"), ({"min_match_bps": 10_001}, "minMatchBps"),
        ({"k": 0}, "k"), ({"k": 17}, "k"), ({"min_seats": 0}, "minSeats"), ({"min_seats": 4}, "minSeats"),
        ({"quorum_bps": 0}, "quorumBps"), ({"quorum_bps": 10_001}, "quorumBps"), ({"bid_end_s": 0}, "bidEnd"),
        ({"bid_end_s": 2**40 - 1}, "bidEnd"), ({"commit_end_s": 0}, "commitEnd"), ({"commit_end_s": 2**40 - 1}, "commitEnd"),
        ({"reveal_window_s": 4}, "revealWindow"), ({"reveal_window_s": 30 * 86_400 + 1}, "revealWindow"),
    ],
)  # fmt: skip
def test_post_names_the_parameter_it_refuses(
    world: World, changes: dict[str, object], parameter: str
) -> None:
    outcome = world.do(world.post(REQUESTER, new_task(world, **changes)))
    assert outcome.error is not None
    assert outcome.error[1]["name"].rstrip(b"\0").decode() == parameter


def test_post_takes_the_edges_of_every_range(world: World) -> None:
    now_s, day_s = world.now_s, 86_400
    for i, changes in enumerate(
        (
            {"bid_end_s": now_s + 5, "commit_end_s": now_s + 10, "reveal_window_s": 5},
            {
                "bid_end_s": now_s + 30 * day_s,
                "commit_end_s": now_s + 60 * day_s,
                "reveal_window_s": 30 * day_s,
            },
            {"base_bps": 10_000, "min_match_bps": 10_000, "quorum_bps": 10_000, "k": 16, "min_seats": 16},
            {"shared_bps": 10_000, "evaluator": ANNA, "evaluation_window_s": 5, "evaluation_fee_wei": 0},
            {"evaluator": ANNA, "evaluation_window_s": 30 * day_s, "evaluation_fee_wei": 10**6, "kind": 3, "open": True},
            {"base_bps": 0, "min_match_bps": 0, "quorum_bps": 1, "k": 1, "min_seats": 1, "ceiling_wei": 1},
        )
    ):
        world.must(world.post(REQUESTER, new_task(world, salt=bytes([i]) * 32, **changes)))


def test_the_zero_account_belongs_to_nobody(world: World) -> None:
    """A malformed signature recovers to the zero address: that must not make it the zero account's."""
    data = encode(MARKET, "withdraw", ZERO_ADDRESS, NATIVE, STRANGER, 0, world.now_s, b"\x01")
    outcome = world.chain.evm.send(STRANGER, world.chain.market, data)
    assert outcome.error == ("BadSignature", {"expected": ZERO_ADDRESS})


def test_open_is_a_flag(world: World) -> None:
    """The packed field has eight bits; the contract takes none but 0 and 1."""
    words = list(new_task(world).words())
    words[3] |= 2 << 184
    outcome = world.chain.evm.send(REQUESTER, world.chain.market, encode(MARKET, "post", words, b""))
    assert outcome.error is not None
    assert (outcome.error[0], outcome.error[1]["name"].rstrip(b"\0")) == ("ParameterOutOfRange", b"open")


def test_only_plans_opens_plans(world: World) -> None:
    task_id = awarded(world, new_task(world, kind=Kind.PLAN, k=1, min_seats=1), (1,))
    opened = commit(world, task_id, 0, b"1")
    data = encode(MARKET, "revealPlan", task_id, opened.as_tuple(), 1)
    outcome = world.chain.evm.send(ANNA, world.chain.market, data)
    assert outcome.error == ("NotAuthorized", {"caller": ANNA, "expected": world.chain.plans})


def test_a_settled_child_needs_its_receipt(world: World) -> None:
    """An index out of bounds: nothing is opened."""
    task, _, plan, opened = planned(world)
    world.chain.evm.at(task.commit_end_s + 1)
    data = market.encode_reveal_plan(world.chain.market, task, opened, plan.trace_digest, plan.children, [])
    assert world.chain.evm.send(STRANGER, world.chain.plans, data).error == ("Panic", {"code": 0x32})


def test_tokens_that_do_not_move(world: World) -> None:
    evm, vault = world.chain.evm, world.chain.market
    silent = Double.deploy(evm, STRANGER, "FalseReturnToken")
    silent.must(STRANGER, "mint", STRANGER, 10)
    assert evm.send(STRANGER, vault, market.encode_deposit(STRANGER, 1, silent.address)).error == ("TransferFromFailed", {})
    nobody = evm.send(STRANGER, vault, market.encode_deposit(STRANGER, 1, ANNA))
    assert nobody.error == ("TransferFromFailed", {}), "an address without code is no token"
    listed = Double.deploy(evm, STRANGER, "BlacklistToken")
    listed.must(STRANGER, "mint", STRANGER, 10)
    listed.must(STRANGER, "approve", vault, 10)
    assert evm.send(STRANGER, vault, market.encode_deposit(STRANGER, 1, listed.address)).ok
    listed.must(STRANGER, "setBlocked", vault, True)
    stuck = evm.send(STRANGER, vault, market.encode_withdraw(STRANGER, STRANGER, 1, listed.address))
    assert stuck.error == ("TransferFailed", {})


def test_a_receiver_that_calls_back(world: World) -> None:
    receiver = Double.deploy(world.chain.evm, STRANGER, "ReenteringReceiver")
    again = market.encode_withdraw(receiver.address, STRANGER, 0)
    receiver.must(STRANGER, "arm", world.chain.market, again)
    world.must(world.deposit(STRANGER, STRANGER, 5))
    world.must(world.withdraw(STRANGER, STRANGER, receiver.address, 5))
    assert receiver.read("called") and not receiver.read("succeeded")
    inner = decode_error(receiver.read("result"))
    assert inner is not None and inner.name == "Reentrancy"


def test_no_market_is_without_a_pool(world: World) -> None:
    with pytest.raises(AssertionError, match="ZeroAddress"):
        world.chain.evm.create(STRANGER, market_code(world.chain.registry, world.chain.plans, pool=ZERO_ADDRESS))


def unchecked(**changes: int) -> Terms:
    """Terms that `Terms` itself would refuse: the contract must, too."""
    terms = Terms()
    for name, value in changes.items():
        object.__setattr__(terms, name, value)
    return terms


@pytest.mark.parametrize(
    ("terms", "parameter"),
    [
        (unchecked(min_window_s=0), "minWindow"),
        (unchecked(min_window_s=30 * 86_400 + 1), "minWindow"),
        (unchecked(score_burn_bps=10_001), "scoreBurnBps"),
    ],
)
def test_no_market_has_terms_out_of_range(world: World, terms: Terms, parameter: str) -> None:
    with pytest.raises(AssertionError, match=f"ParameterOutOfRange.*{parameter}"):
        world.chain.evm.create(STRANGER, market_code(world.chain.registry, world.chain.plans, terms))
