"""Writes tests/vectors/{eip712,tally}.json from the Python SDK; `--check` compares without writing.

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
from symphony_chain.skills import FULL_SCALE, LANES, pack_word
from symphony_chain.types import NATIVE, ZERO_ADDRESS, Bid, Task

VECTORS = Path(__file__).resolve().parent.parent / "tests" / "vectors"
#: Not a deployment: vectors must not change with the contracts' bytecode.
DOMAIN = signing.Domain(31337, to_checksum_address("0x" + "22" * 20), to_checksum_address("0x" + "11" * 20))
KEY = keccak(text="symphony vectors")
SEED = 20_260_101


def eip712() -> dict[str, Any]:
    """Typed messages with digest and signature, and commitments."""
    account = Account.from_key(KEY)
    task = _task(account.address)
    task_id = signing.task_id(DOMAIN, task)
    bid = Bid(7, 900_000_000_000_000, 8_125, 1_800_000_060)
    messages = [
        ("Task", signing.task_message(task)),
        ("Task", signing.task_message(replace(task, k=16, router=account.address, quorum_bps=10_000))),
        ("Bid", signing.bid_message(task_id, bid)),
        ("Bid", signing.bid_message(task_id, Bid((1 << 32) - 1, (1 << 96) - 1, 0, (1 << 40) - 1))),
        ("Award", {"taskId": task_id, "agentIds": [7, 3, 11], "prices": [900, 0, (1 << 96) - 1]}),
        ("Award", {"taskId": task_id, "agentIds": [], "prices": []}),
        ("Commit", {"taskId": task_id, "seat": 2, "commitment": keccak(text="commitment")}),
        ("Cancel", {"taskId": task_id}),
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
        "salts": [
            {"privateKey": _hex(KEY), "taskId": _hex(t), "salt": _hex(signing.derive_salt(KEY, t))}
            for t in (task_id, bytes(32))
        ],
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
        "votes": [_vote(rng) for _ in range(60)],
    }


def _vote(rng: random.Random) -> dict[str, Any]:
    """A vote over few answers and weights, so that ties, no-shows and missed quorums are common."""
    task_id = rng.randbytes(32)
    answers = [rng.randbytes(tally.ANSWER_BYTES) for _ in range(3)]
    votes = [
        tally.Vote(rng.choice([1, 25, 5_000, 10_000]), rng.choice([*answers, None]))
        for _ in range(rng.randint(1, 16))
    ]
    quorum_bps = rng.choice([1, 3_333, 5_000, 5_001, 6_667, 10_000])
    result = tally.tally(task_id, votes, quorum_bps)
    return {
        "taskId": _hex(task_id),
        "quorumBps": quorum_bps,
        "votes": [{"weight": v.weight, "answer": _hex(v.answer) if v.answer else None} for v in votes],
        "outcome": result.outcome.name,
        "winner": _hex(result.winner) if result.winner else None,
        "winnerWeight": result.winner_weight,
        "totalWeight": result.total_weight,
        "supporters": result.supporters,
    }


def _task(requester: str) -> Task:
    return Task(
        requester=requester, router=ZERO_ADDRESS, token=NATIVE, ceiling_wei=10**15, base_bps=2_000, bond_wei=5, kind=0,
        page_id=keccak(text="page"), requirement=pack_word({0: 10_000, 15: 1}), min_match_bps=3_000, k=3, min_seats=2,
        quorum_bps=5_001, bid_end_s=1_800_000_060, commit_end_s=1_800_000_240, reveal_window_s=120, evaluator=ZERO_ADDRESS,
        evaluation_window_s=0, evaluation_fee_wei=0, shared_bps=0, parent=bytes(32), header=keccak(text="header"),
        salt=keccak(text="salt"),
    )  # fmt: skip


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
    for name, value in (("eip712", eip712()), ("tally", tallies())):
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
