"""Writes tests/vectors/{eip712,words,tally}.json from the Python SDK; `--check` compares without writing.

Solidity, Python and JavaScript each reproduce them (tests/contract/test_vectors.py). Seeded: the same code gives the same bytes.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from eth_account import Account
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from symphony_chain import signing
from symphony_chain.model import tally
from symphony_chain.model.records import Seat, Tag, TaskRecord
from symphony_chain.skills import FULL_SCALE, LANES, pack_word
from symphony_chain.types import (
    NATIVE,
    ZERO_ADDRESS,
    Bid,
    Kind,
    Receipt,
    SeatAward,
    SeatResult,
    State,
    Task,
)

VECTORS = Path(__file__).resolve().parent.parent / "tests" / "vectors"
#: Not a deployment: vectors must not change with the contracts' bytecode.
DOMAIN = signing.Domain(31337, to_checksum_address("0x" + "22" * 20), to_checksum_address("0x" + "11" * 20))
KEY = keccak(text="symphony vectors")
SEED = 20_260_101
BIDS = (
    Bid(7, 900_000_000_000_000, 8_125, 1_800_000_060),
    Bid((1 << 32) - 1, (1 << 96) - 1, 10_000, (1 << 40) - 1),
    Bid(3, 0, 0, 0),
)


def eip712() -> dict[str, Any]:
    """Typed messages with digest and signature, and commitments."""
    account = Account.from_key(KEY)
    task = _task(account.address)
    task_id = signing.task_id(DOMAIN, task)
    terms = [bid.terms for bid in BIDS]
    messages = [
        *(("Task", signing.task_message(t)) for t in _tasks(account.address)),
        *(("Bid", signing.bid_message(task_id, bid)) for bid in BIDS),
        ("Award", {"taskId": task_id, "bids": terms}),
        ("Award", {"taskId": task_id, "bids": []}),
        ("Hire", {"taskId": task_id, "bids": terms}),
        ("Take", {"taskId": task_id, "agentId": 7, "deadline": 1_800_000_000}),
        ("Commit", {"taskId": task_id, "seat": 2, "commitment": keccak(text="commitment")}),
        ("Cancel", {"taskId": task_id}),
        ("Evaluate", {"taskId": task_id, "scores": signing.scores_word([10_000, 0, 3_333])}),
        (
            "Claim",
            {"agentId": 7, "token": NATIVE, "to": account.address, "nonce": 3, "deadline": 1_800_000_000},
        ),
        (
            "Withdraw",
            {
                "account": account.address,
                "token": NATIVE,
                "to": DOMAIN.market,
                "amount": 10**18,
                "nonce": 0,
                "deadline": (1 << 256) - 1,
            },
        ),
        (
            "AgentWalletSet",
            {"agentId": 7, "newWallet": account.address, "owner": DOMAIN.registry, "deadline": 1_800_000_300},
        ),
    ]
    return {
        "chainId": DOMAIN.chain_id,
        "market": DOMAIN.market,
        "registry": DOMAIN.registry,
        "signer": account.address,
        "privateKey": _hex(KEY),
        "messages": [
            {
                "typedData": _plain(signing.typed_data(DOMAIN, kind, message)),
                "digest": _hex(signing.digest(DOMAIN, kind, message)),
                "signature": _hex(signing.sign(account, DOMAIN, kind, message)),
            }
            for kind, message in messages
        ],
        "commitments": [_commitment(task_id, agent_id) for agent_id in (1, 7, (1 << 32) - 1)],
        "plans": [_plan(children) for children in ([], [task_id], [task_id, bytes(32), keccak(text="child")])],
        "salts": [
            {"privateKey": _hex(KEY), "taskId": _hex(t), "salt": _hex(signing.derive_salt(KEY, t))}
            for t in (task_id, bytes(32))
        ],
    }


def words() -> dict[str, Any]:
    """Packed words of calldata, events and storage beside the values in them, as contracts/libraries draws them."""
    rng = random.Random(SEED)
    tasks = _tasks(to_checksum_address("0x" + "a5" * 20))
    awards = [SeatAward(0, 7, DOMAIN.market, 10_000), SeatAward(1, (1 << 32) - 1, DOMAIN.registry, 1)]
    results = tuple(_result(rng, seat) for seat in range(3))
    receipts = [
        Receipt(tasks[0], b"", ()),
        Receipt(tasks[0], b"", results[:1]),
        Receipt(tasks[1], keccak(text="answer")[:26], results),
    ]
    return {
        "tasks": [
            {
                "fields": _plain(signing.task_message(t)),
                "words": [_hex(w) if isinstance(w, bytes) else _word_hex(w) for w in t.words()],
                "taskId": _hex(signing.task_id(DOMAIN, t)),
                "escrow": str(t.escrow_wei),
            }
            for t in tasks
        ],
        "bids": [
            {
                "agentId": str(b.agent_id),
                "price": str(b.price_wei),
                "confidenceBps": str(b.confidence_bps),
                "expiry": str(b.expiry_s),
                "terms": _word_hex(b.terms),
            }
            for b in BIDS
        ],
        "awards": [
            {"wallet": a.wallet, "agentId": a.agent_id, "weight": a.weight, "word": _word_hex(a.word())} for a in awards
        ],
        "heads": [_head(record) for record in _records(tasks)],
        "seats": [_seat(tag, weight) for tag in Tag for weight in (1, 10_000)],
        "receipts": [
            {
                "winner": _hex(r.winner),
                "results": [
                    {
                        "agentId": s.agent_id,
                        "scoreBps": s.score_bps,
                        "weight": s.weight,
                        "pay": str(s.pay_wei),
                        "revealed": s.revealed,
                        "scored": s.scored,
                        "won": s.won,
                        "words": [_word_hex(w) for w in s.words()],
                    }
                    for s in r.results
                ],
                "digest": _hex(r.digest()),
            }
            for r in receipts
        ],
    }


def _result(rng: random.Random, seat: int) -> SeatResult:
    brim = ((1 << 32) - 1, 10_000, 10_000, (1 << 96) - 1, True, True, True)
    edges = brim if seat == 0 else (seat, 0, 1, 0, False, seat == 1, False)
    agent_id, score_bps, weight, pay_wei, revealed, scored, won = edges
    return SeatResult(seat, agent_id, score_bps, weight, pay_wei, revealed, scored, won, _word(rng))


def _records(tasks: list[Task]) -> list[TaskRecord]:
    """A head in every stored phase."""
    plan = replace(tasks[1], kind=Kind.PLAN, open=True)
    records = [TaskRecord(tasks[0]), TaskRecord(plan)]
    for task, phase, free in ((tasks[0], State.AWARDED, 0), (tasks[1], State.REVEALING, 0), (plan, State.AWARDED, 2)):
        seat = Seat(7, DOMAIN.market, 25, task.commit_end_s)
        records.append(TaskRecord(task, phase, task.ceiling_wei, seats=[seat] * (task.k - free)))
        records[-1].free = free
    for outcome in (State.SETTLED, State.INCONCLUSIVE, State.VOID, State.EXPIRED, State.CANCELLED):
        records.append(TaskRecord(tasks[0]))
        records[-1].close(outcome, 1_800_000_240, keccak(text="receipt")[:26] if outcome <= State.VOID else bytes(26))
    return records


def _head(record: TaskRecord) -> dict[str, Any]:
    task, live = record.task, not record.phase.is_final
    return {
        "phase": int(record.phase),
        "seats": len(record.seats),
        "free": record.free,
        "plan": live and task.kind == Kind.PLAN,
        "bidEnd": task.bid_end_s if live else 0,
        "commitEnd": task.commit_end_s if live else 0,
        "revealEnd": task.reveal_end_s if live else 0,
        "evaluationEnd": task.evaluation_end_s if live else 0,
        "price": str(record.price_wei),
        "closedAt": record.closed_at_s,
        "receipt": _hex(record.receipt),
        "word": _word_hex(record.word()),
    }


def _seat(tag: Tag, weight: int) -> dict[str, Any]:
    digest = keccak(text=f"seat {tag.name}")
    seat = Seat((1 << 32) - weight, DOMAIN.market, weight)
    if tag is not Tag.AWARDED:
        seat.advance(tag, digest)
    return {
        "tag": int(tag),
        "weight": weight,
        "agentId": seat.agent_id,
        "wallet": seat.wallet,
        "digest": _hex(digest),
        "word": _word_hex(seat.word()),
    }


def _plan(children: list[bytes]) -> dict[str, Any]:
    trace = keccak(text="trace")
    return {
        "traceDigest": _hex(trace),
        "children": [_hex(child) for child in children],
        "evidenceDigest": _hex(signing.plan_evidence(trace, children)),
    }


def tallies() -> dict[str, Any]:
    """Matches, weights, steps and whole votes: edges first, then seeded random ones."""
    rng = random.Random(SEED)
    full = pack_word(dict.fromkeys(range(LANES), FULL_SCALE))
    words = [
        (full, full, full),
        (0, 0, 1),
        (full, 0, full),
        (pack_word({3: 7_000}), pack_word({3: 9_999}), pack_word({3: 1})),
    ]
    words += [(_word(rng), _word(rng), _word(rng) or 1) for _ in range(40)]
    steps = [(0, full, FULL_SCALE), (full, full, 0), (full, full, FULL_SCALE), (pack_word({0: 15}), full, 0)]
    steps += [(e, r, rng.choice([0, FULL_SCALE, rng.randrange(FULL_SCALE)])) for _, e, r in words[4:]]
    return {
        "seats": [
            {
                "declared": _word_hex(d),
                "earned": _word_hex(e),
                "requirement": _word_hex(r),
                "matchBps": tally.match_bps(d, r),
                "weight": tally.seat_weight(d, e, r),
            }
            for d, e, r in words
        ],
        "steps": [
            {
                "earned": _word_hex(e),
                "requirement": _word_hex(r),
                "scoreBps": s,
                "next": _word_hex(tally.step_word(e, r, s)),
            }
            for e, r, s in steps
        ],
        "votes": [_vote(rng) for _ in range(120)],
    }


def _vote(rng: random.Random) -> dict[str, Any]:
    """A vote over few answers and weights, so that ties, no-shows and missed quorums are common."""
    task_id = rng.randbytes(32)
    answers = [rng.randbytes(tally.ANSWER_BYTES) for _ in range(3)]
    votes = [
        tally.Vote(rng.choice([1, 25, 25, 5_000, 10_000]), rng.choice([*answers, None]))
        for _ in range(rng.choice([*range(1, 6), 16]))
    ]
    quorum_bps = rng.choice([1, 3_333, 5_000, 5_001, 6_667, 10_000])
    min_seats = rng.choice([1, 1, 2, 5])
    result = tally.tally(task_id, votes, quorum_bps, min_seats)
    return {
        "taskId": _hex(task_id),
        "quorumBps": quorum_bps,
        "minSeats": min_seats,
        "votes": [{"weight": v.weight, "answer": _hex(v.answer) if v.answer else None} for v in votes],
        "outcome": result.outcome.name,
        "winner": _hex(result.winner) if result.winner else None,
        "winnerWeight": result.winner_weight,
        "totalWeight": result.total_weight,
        "supporters": result.supporters,
    }


def _task(requester: str) -> Task:
    return Task(
        requester=requester, router=ZERO_ADDRESS, token=NATIVE, ceiling_wei=10**15, base_bps=2_000, bond_wei=5, kind=Kind.ANSWER,
        page_id=keccak(text="page"), requirement=pack_word({0: 10_000, 15: 1}), min_match_bps=3_000, k=3, min_seats=2,
        quorum_bps=5_001, open=False, bid_end_s=1_800_000_060, commit_end_s=1_800_000_240, reveal_window_s=120,
        evaluator=ZERO_ADDRESS, evaluation_window_s=0, evaluation_fee_wei=0, shared_bps=0, parent=bytes(32),
        header=keccak(text="header"), salt=keccak(text="salt"),
    )  # fmt: skip


def _tasks(requester: str) -> list[Task]:
    """A plain task; one with every feature; one where every field is at the top of its type."""
    plain = _task(requester)
    full = replace(
        plain, router=requester, token=DOMAIN.registry, kind=Kind.ROLLOUT, k=16, quorum_bps=10_000, open=True,
        evaluator=DOMAIN.market, evaluation_window_s=90, evaluation_fee_wei=10**12, shared_bps=333, parent=keccak(text="plan"),
    )  # fmt: skip
    top = "0x" + "ff" * 20
    brim = Task(
        requester, to_checksum_address(top), to_checksum_address(top), (1 << 96) - 1, 0xFFFF, (1 << 96) - 1, 0xFF, b"\xff" * 32,
        (1 << 256) - 1, 0xFFFF, 0xFF, 0xFF, 0xFFFF, True, (1 << 40) - 1, (1 << 40) - 1, (1 << 32) - 1, to_checksum_address(top),
        (1 << 32) - 1, (1 << 96) - 1, 0xFFFF, b"\xff" * 32, b"\xff" * 32, b"\xff" * 32,
    )  # fmt: skip
    return [plain, full, brim]


def _commitment(task_id: bytes, agent_id: int) -> dict[str, Any]:
    answer, evidence, salt = keccak(text="answer"), keccak(text="evidence"), keccak(text=f"salt {agent_id}")
    return {
        "taskId": _hex(task_id),
        "agentId": agent_id,
        "answerDigest": _hex(answer),
        "evidenceDigest": _hex(evidence),
        "salt": _hex(salt),
        "commitment": _hex(signing.commitment(task_id, agent_id, answer, evidence, salt)),
    }


def _word(rng: random.Random) -> int:
    return pack_word(
        {lane: rng.choice([0, 1, 499, 501, 10_000, rng.randrange(10_001)]) for lane in range(LANES)}
    )


def _word_hex(word: int) -> str:
    return f"0x{word:064x}"


def _hex(value: bytes) -> str:
    return "0x" + value.hex()


def _plain(value: Any) -> Any:
    """JSON form of a typed message: bytes as hex, every number as a decimal string (JavaScript's end at 2⁵³)."""
    if isinstance(value, bytes):
        return _hex(value)
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return str(value)
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="compare with the committed files; write nothing"
    )
    args = parser.parse_args()
    stale = 0
    for name, value in (("eip712", eip712()), ("words", words()), ("tally", tallies())):
        path = VECTORS / f"{name}.json"
        text = json.dumps(value, indent=1) + "\n"
        if args.check and (not path.exists() or path.read_text() != text):
            print(f"stale: {path.name}; run python scripts/make_vectors.py", file=sys.stderr)
            stale += 1
        elif not args.check:
            path.write_text(text)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
