"""Every custom error of both contracts, hit on the bytecode and on the model with the same arguments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from eth_utils.crypto import keccak

from symphony_chain.abi import MARKET, REGISTRY, encode, signatures
from symphony_chain.types import NATIVE, ZERO_ADDRESS, Bid
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
    opening,
)
from tests.contract.test_task_life import world as world  # the fixture
from tests.property.world import PAGES, Act, World

#: Errors of the libraries that our calls cannot reach: no token is ever burnt or minted to zero, no string is long, no call of a
#: batch fails without data, and ERC-721's own checks of zero addresses are behind ours.
UNREACHABLE = {
    "AddressEmptyCode", "ERC721InvalidOwner", "ERC721InvalidSender", "FailedCall", "InvalidShortString", "StringTooLong",
}  # fmt: skip


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
    opened = opening(b"1", seat)
    if again:
        world.must(world.reveal(STRANGER, task_id, seat, opened))
    return world.reveal(STRANGER, task_id, seat, replace(opened, salt=salt) if salt else opened, answer)


def _posted_twice(world: World) -> Act:
    task = new_task(world)
    world.must(world.post(REQUESTER, task))
    return world.post(REQUESTER, task)


def _crowd(world: World) -> Act:
    task = new_task(world)
    world.must(world.post(REQUESTER, task))
    offer = world.offer(world.task_id(task), Bid(1, 1, 1, task.bid_end_s), ANNA)
    return world.award(REQUESTER, task, [offer] * 33)


def _few(world: World) -> Act:
    task = new_task(world)
    world.must(world.post(REQUESTER, task))
    return world.award(
        REQUESTER, task, [world.offer(world.task_id(task), Bid(1, 1, 1, task.bid_end_s), ANNA)]
    )


def _wallet_takes_for_itself(world: World) -> Act:
    world.must(world.set_wallet(ANNA, 1, WALLET, world.now_s + 300))
    world.must(world.fund_agent(STRANGER, 1, 1))
    return world.claim(WALLET, 1, WALLET)


def _incorrect_owner(world: World) -> Act:
    return world.transfer(ANNA, BERT, ANNA, 1)


def _no_operator(world: World) -> Act:
    data = encode(REGISTRY, "setApprovalForAll", ZERO_ADDRESS, True)
    run = lambda call: world.registry.set_approval_for_all(call, ZERO_ADDRESS, True)  # noqa: E731
    return Act(ANNA, world.chain.registry, data, run)


CASES: dict[str, Callable[[World], Act]] = {
    "AlreadyCommitted": _twice_committed,
    "AlreadyRevealed": lambda w: _reveal(w, 0, again=True),
    "AnswerMismatch": lambda w: _reveal(w, 0, answer=b"2"),
    "AnswerTooLong": lambda w: _reveal(w, 0, answer=b"1" * 257),
    "BadSignature": lambda w: w.post(STRANGER, new_task(w), signer=STRANGER),
    "CommitmentMismatch": lambda w: _reveal(w, 0, salt=b"\x07" * 32),
    "DeadlineTooFar": lambda w: w.set_wallet(ANNA, 1, WALLET, w.now_s + 301),
    "ERC721IncorrectOwner": _incorrect_owner,
    "ERC721InsufficientApproval": lambda w: w.transfer(STRANGER, ANNA, BERT, 1),
    "ERC721InvalidApprover": lambda w: w.approve(STRANGER, BERT, 1),
    "ERC721InvalidOperator": _no_operator,
    "ERC721InvalidReceiver": lambda w: w.transfer(ANNA, ANNA, ZERO_ADDRESS, 1),
    "ERC721NonexistentToken": lambda w: w.transfer(ANNA, ANNA, BERT, 99),
    "InsufficientBalance": lambda w: w.withdraw(ANNA, ANNA, ANNA, 1),
    "LaneOutOfRange": lambda w: w.declare(ANNA, 1, PAGES[0], 10_001),
    "NoSuchSeat": lambda w: _reveal(w, 3),
    "NotAgentOwner": lambda w: w.declare(STRANGER, 1, PAGES[0], SKILL),
    "NotAuthorized": lambda w: w.post(STRANGER, new_task(w)),
    "NotCommitted": lambda w: _reveal(w, 2, committed=2),
    "NothingToClaim": lambda w: w.claim(ANNA, 1, ANNA),
    "ParameterOutOfRange": lambda w: w.post(REQUESTER, new_task(w, k=17)),
    "ReservedMetadataKey": lambda w: w.register_uri(ANNA, "ipfs://x", (("agentWallet", b"x"),)),
    "RevealsPending": _pending,
    "SignatureExpired": lambda w: w.withdraw_signed(
        STRANGER, REQUESTER, REQUESTER, 1, w.now_s - 1, REQUESTER
    ),
    "TaskExists": _posted_twice,
    "TooFewSeats": _few,
    "TooManyBids": _crowd,
    "TransferFailed": lambda w: w.withdraw(REQUESTER, REQUESTER, w.chain.market, 1),
    "UnknownAgent": lambda w: w.fund_agent(STRANGER, 99, 1),
    "UnsupportedParameter": lambda w: w.post(REQUESTER, new_task(w, shared_bps=1)),
    "WalletMayOnlyPayOwner": _wallet_takes_for_itself,
    "WrongState": lambda w: w.settle(STRANGER, new_task(w)),
    "ZeroAddress": lambda w: w.deposit(STRANGER, ZERO_ADDRESS, 1),
}


def test_no_error_is_forgotten() -> None:
    declared = {s.name for contract in (MARKET, REGISTRY) for s in signatures(contract, "error")}
    assert declared == set(CASES) | UNREACHABLE


@pytest.mark.parametrize("name", CASES)
def test_error(world: World, name: str) -> None:
    outcome = world.do(CASES[name](world))  # compares with the model
    assert outcome.error is not None
    assert outcome.error[0] == name
    world.compare_views()


@pytest.mark.parametrize(
    ("changes", "parameter"),
    [
        ({"token": ANNA}, "token"), ({"kind": 1}, "kind"), ({"evaluator": ANNA}, "evaluator"),
        ({"evaluation_window_s": 1}, "evaluator"), ({"evaluation_fee_wei": 1}, "evaluator"), ({"shared_bps": 1}, "sharedBps"),
        ({"parent": keccak(b"p")}, "parent"), ({"requirement": 0}, "requirement"),
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
    assert outcome.error[1]["name"] == parameter


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
            {"base_bps": 0, "min_match_bps": 0, "quorum_bps": 1, "k": 1, "min_seats": 1, "ceiling_wei": 1},
        )
    ):
        world.must(world.post(REQUESTER, new_task(world, salt=bytes([i]) * 32, **changes)))


def test_the_zero_account_belongs_to_nobody(world: World) -> None:
    """A malformed signature recovers to the zero address: that must not make it the zero account's."""
    data = encode(MARKET, "withdraw", ZERO_ADDRESS, NATIVE, STRANGER, 0, world.now_s, b"\x01")
    outcome = world.chain.evm.send(STRANGER, world.chain.market, data)
    assert outcome.error == ("BadSignature", {"expected": ZERO_ADDRESS})
