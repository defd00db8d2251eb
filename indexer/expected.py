"""Facts of a replay as the rows that every projection table must hold. Pure; shares nothing with the projections but the schema.

Each table is rendered whole from the facts: a balance is the sum of the cash book, a vote a count of seats, a row's block the
newest of the places that touched it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from indexer.expected_ledger import ledger_tables
from indexer.place import Place
from indexer.replay import Entry, Replay, SeatFacts, TaskFacts
from symphony_chain.model import tally
from symphony_chain.types import SOLIDITY_NAMES, ZERO_ADDRESS, State

Row = dict[str, Any]
#: Effect of a cash-book kind on an address's balance, on an agent's account.
ON_BALANCE = {"deposit": 1, "withdrawal": -1, "escrow": -1, "returned": 1, "refund": 1, "fee": 1, "shared": 1}
ON_ACCOUNT = {"agent_funding": 1, "bond": -1, "bond_returned": 1, "pay": 1, "claim": -1}


def expected_tables(replay: Replay) -> dict[str, list[Row]]:
    """Rows per table, all but blocks, transactions and logs."""
    return {
        "agents": _agents(replay),
        "capabilities": _capabilities(replay),
        "capability_history": _history(replay),
        "skill_pages": [
            {"page_id": _hex(key), "block_number": place.block.number, "tags": tags, "tx_hash": place.tx}
            for key, (place, tags) in replay.pages.items()
        ],
        "tasks": [_task(key, facts) for key, facts in replay.tasks.items()],
        "bids": [_bid(place, e) for facts in replay.tasks.values() for place, e in facts.bids],
        "skips": [
            _at(place, task_id=_hex(e.task_id), agent_id=e.agent_id, reason=e.reason.name)
            for facts in replay.tasks.values()
            for place, e in facts.skips
        ],
        "seats": [
            _seat(key, facts, i, seat) for key, facts in replay.tasks.items() for i, seat in enumerate(facts.seats)
        ],
        "plan_children": [
            _at(place, seq=seq, task_id=_hex(e.task_id), seat=e.seat, child=_hex(child))
            for facts in replay.tasks.values()
            for seat in facts.seats
            if seat.plan is not None
            for place, e in [seat.plan]
            for seq, child in enumerate(e.children)
        ],
        "votes": [row for key, facts in replay.tasks.items() for row in _votes(key, facts)],
        "payouts": [_entry(entry) for entry in replay.entries],
        "balances": _balances(replay.entries),
        "agent_accounts": _accounts(replay),
        "burnt": _burnt(replay.entries),
        **ledger_tables(replay.ledger),
    }


def _hex(value: bytes) -> str:
    return "0x" + value.hex()


def _word(value: int) -> str:
    return "0x" + value.to_bytes(32, "big").hex()


def _at(place: Place, **columns: Any) -> Row:
    return {"block_number": place.block.number, "log_index": place.log.log_index, "tx_hash": place.tx, **columns}


def _newest(places: Iterable[Place]) -> int:
    return max(place.block.number for place in places)


def _agents(replay: Replay) -> list[Row]:
    return [
        {
            "agent_id": agent_id,
            "block_number": _newest(agent.touched),
            "owner": agent.owner,
            "wallet": agent.acting_wallet,
            "wallet_set": agent.wallet != ZERO_ADDRESS,
            "uri": agent.uri,
            "file_digest": None if agent.file_digest is None else _hex(agent.file_digest),
            "registered_block": agent.minted.block.number,
            "registered_tx": agent.minted.tx,
        }
        for agent_id, agent in replay.agents.items()
    ]


def _capabilities(replay: Replay) -> list[Row]:
    blocks: dict[tuple[int, bytes], int] = {}
    for change in replay.words:
        blocks[change.agent_id, change.page_id] = change.place.block.number
    return [
        {
            "agent_id": agent_id,
            "page_id": _hex(page_id),
            "block_number": number,
            "declared": _word(replay.declared[agent_id, page_id]),
            "earned": _word(replay.earned[agent_id, page_id]),
        }
        for (agent_id, page_id), number in blocks.items()
    ]


def _history(replay: Replay) -> list[Row]:
    return [
        {
            "block_number": change.place.block.number,
            "log_index": change.place.log.log_index,
            "seq": change.seq,
            "agent_id": change.agent_id,
            "page_id": _hex(change.page_id),
            "kind": change.kind,
            "word": _word(change.word),
            "task_id": None if change.task_id is None else _hex(change.task_id),
            "score_bps": change.score_bps,
        }
        for change in replay.words
    ]


#: The index's names of the task's parameters that are not plain snake case of Solidity's.
_RENAMED = {
    "ceiling": "ceiling_wei", "bond": "bond_wei", "evaluationFee": "evaluation_fee_wei", "bidEnd": "bid_end_s",
    "commitEnd": "commit_end_s", "revealWindow": "reveal_window_s", "evaluationWindow": "evaluation_window_s",
}  # fmt: skip


def _snake(name: str) -> str:
    return _RENAMED.get(name) or "".join("_" + c.lower() if c.isupper() else c for c in name)


def _parameters(facts: TaskFacts) -> Row:
    row: Row = {"reveal_end_s": facts.task.reveal_end_s, "evaluation_end_s": facts.task.evaluation_end_s}
    for name, value in zip(SOLIDITY_NAMES, facts.task.as_tuple(), strict=True):
        row[_snake(name)] = _hex(value) if isinstance(value, bytes) else value
    return row | {"requirement": _word(facts.task.requirement)}


def _task(key: bytes, facts: TaskFacts) -> Row:
    award, closing = facts.awarded, facts.closing
    done = closing.settled if closing else None
    settled = closing is not None and closing.outcome is not State.CANCELLED
    return _parameters(facts) | {
        "task_id": _hex(key),
        "block_number": _newest(facts.places()),
        "value_wei": facts.value_wei,
        "phase": facts.record.phase.name,
        "bid_count": len(facts.bids),
        "seat_count": len(facts.seats),
        "free_seats": facts.record.free,
        "commit_count": sum(seat.committed is not None for seat in facts.seats),
        "reveal_count": sum(seat.revealed is not None for seat in facts.seats),
        "price_wei": facts.price_wei if award else None,
        "returned_wei": facts.returned_wei if award else None,
        "winner": _hex(done.winner) if done and done.winner else None,
        "winner_weight": (done.winner_weight if done else 0) if settled else None,
        "total_weight": (done.total_weight if done else 0) if settled else None,
        "evaluated": (done.evaluated if done else False) if settled else None,
        "refund_wei": closing.refund_wei if closing else None,
        "burnt_wei": (done.burnt_wei if done else 0) if closing else None,
        "fee_wei": (done.fee_wei if done else 0) if closing else None,
        "shared_wei": (done.shared_wei if done else 0) if settled else None,
        "receipt": _hex(facts.record.receipt) if done else None,
        "posted_block": facts.posted.block.number,
        "posted_log_index": facts.posted.log.log_index,
        "posted_s": facts.posted.block.timestamp,
        "posted_tx": facts.posted.tx,
        "awarded_block": award.block.number if award else None,
        "awarded_s": award.block.timestamp if award else None,
        "awarded_tx": award.tx if award else None,
        "closed_block": closing.place.block.number if closing else None,
        "closed_s": closing.place.block.timestamp if closing else None,
        "closed_tx": closing.place.tx if closing else None,
    }


def _bid(place: Place, e: Any) -> Row:
    return _at(
        place,
        task_id=_hex(e.task_id),
        agent_id=e.agent_id,
        price_wei=e.price_wei,
        confidence_bps=e.confidence_bps,
        expiry_s=e.expiry_s,
        signature=_hex(e.signature),
    )


def _seat(key: bytes, facts: TaskFacts, number: int, seat: SeatFacts) -> Row:
    commit, reveal, plan, result = seat.committed, seat.revealed, seat.plan, seat.result
    places = [seat.seated, *(act[0] for act in (commit, reveal, plan) if act is not None)]
    places += [facts.closing.place] if facts.closing else []
    return {
        "task_id": _hex(key),
        "seat": number,
        "block_number": _newest(places),
        "agent_id": seat.agent_id,
        "wallet": seat.wallet,
        "award_weight": seat.award_weight,
        "weight": seat.weight,
        "seated_block": seat.seated.block.number,
        "seated_tx": seat.seated.tx,
        "commitment": _hex(commit[1].commitment) if commit else None,
        "commit_block": commit[0].block.number if commit else None,
        "commit_tx": commit[0].tx if commit else None,
        "answer_digest": _hex(reveal[1].answer_digest) if reveal else None,
        "evidence_digest": _hex(reveal[1].evidence_digest) if reveal else None,
        "salt": _hex(reveal[1].salt) if reveal else None,
        "answer": _hex(reveal[1].answer) if reveal and reveal[1].answer else None,
        "reveal_block": reveal[0].block.number if reveal else None,
        "reveal_tx": reveal[0].tx if reveal else None,
        "trace_digest": _hex(plan[1].trace_digest) if plan else None,
        "score_bps": result.score_bps if result else None,
        "scored": result.scored if result else None,
        "won": result.won if result else None,
        "pay_wei": result.pay_wei if result else None,
        "shared_wei": tally.shared_wei(facts.task, result) if result else None,
        "bond_returned_wei": tally.bond_returned_wei(facts.task, result) if result else None,
        "earned": _word(result.earned) if result else None,
    }


def _votes(key: bytes, facts: TaskFacts) -> list[Row]:
    groups: dict[bytes, list[SeatFacts]] = defaultdict(list)
    for seat in facts.seats:
        if seat.answer26 is not None:
            groups[seat.answer26].append(seat)
    rows = []
    for answer, group in groups.items():
        places = [seat.revealed[0] for seat in group if seat.revealed]
        won = facts.closing is not None and facts.closing.settled is not None and facts.closing.settled.winner == answer
        if won and facts.closing is not None:
            places.append(facts.closing.place)
        rows.append(
            {
                "task_id": _hex(key),
                "answer26": _hex(answer),
                "block_number": _newest(places),
                "weight": sum(seat.weight for seat in group),
                "supporters": len(group),
                "won": won,
            }
        )
    return rows


def _entry(entry: Entry) -> Row:
    return _at(
        entry.place,
        seq=entry.seq,
        kind=entry.kind,
        task_id=None if entry.task_id is None else _hex(entry.task_id),
        seat=entry.seat,
        agent_id=entry.agent_id,
        account=entry.account,
        token=entry.token,
        amount_wei=entry.amount_wei,
    )


def _balances(entries: list[Entry]) -> list[Row]:
    sums: dict[tuple[str, str], Row] = {}
    for entry in entries:
        if entry.kind in ON_BALANCE and entry.account is not None:
            row = sums.setdefault((entry.account, entry.token), {"amount_wei": 0})
            row["amount_wei"] += ON_BALANCE[entry.kind] * entry.amount_wei
            row["block_number"] = entry.place.block.number
    return [{"account": account, "token": token, **row} for (account, token), row in sums.items()]


def _accounts(replay: Replay) -> list[Row]:
    rows: dict[tuple[int, str], Row] = defaultdict(
        lambda: {"accrued_wei": 0, "seats": 0, "won": 0, "no_shows": 0, "block_number": -1}
    )
    for entry in replay.entries:
        if entry.kind in ON_ACCOUNT and entry.agent_id is not None:
            row = rows[entry.agent_id, entry.token]
            row["accrued_wei"] += ON_ACCOUNT[entry.kind] * entry.amount_wei
            row["block_number"] = max(row["block_number"], entry.place.block.number)
    for facts in replay.tasks.values():
        for seat in facts.seats:
            if seat.result is None or facts.closing is None:
                continue
            row = rows[seat.agent_id, facts.task.token]
            row["seats"] += 1
            row["won"] += seat.result.won
            row["no_shows"] += not seat.result.revealed
            row["block_number"] = max(row["block_number"], facts.closing.place.block.number)
    return [{"agent_id": agent_id, "token": token, **row} for (agent_id, token), row in rows.items()]


def _burnt(entries: list[Entry]) -> list[Row]:
    rows: dict[str, Row] = {}
    for entry in entries:
        if entry.kind == "burnt":
            row = rows.setdefault(entry.token, {"token": entry.token, "amount_wei": 0})
            row["amount_wei"] += entry.amount_wei
            row["block_number"] = entry.place.block.number
    return list(rows.values())
