"""Tasks, bids, seats, votes and what they pay, from the market's events. Knows no registry."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from indexer.projections import money
from indexer.projections.agents import set_words
from indexer.projections.at import At
from indexer.projections.money import CashBook
from indexer.rows import Row, Rows
from indexer.schema import agent_accounts, bids, capability_history, seats, skips, tasks, votes
from indexer.text import hex_of, word_of
from symphony_chain import events as ev
from symphony_chain.types import NATIVE, SeatAward, SeatResult, State, Task, receipt_digest

ANSWER26 = 54  # characters of "0x" and 26 bytes


def task_columns(task: Task) -> Row:
    """A task's 24 parameters under the index's names, and the deadlines that follow from them."""
    columns: Row = {}
    for field in fields(Task):
        value: Any = getattr(task, field.name)
        columns[field.name] = hex_of(value) if isinstance(value, bytes) else value
    deadlines = {"reveal_end_s": task.reveal_end_s, "evaluation_end_s": task.evaluation_end_s}
    return columns | {"requirement": word_of(task.requirement)} | deadlines


def on_posted(rows: Rows, event: ev.TaskPosted, at: At) -> None:
    """Coins that came along are the requester's first, then the escrow is taken from its balance."""
    task, task_id = event.task, hex_of(event.task_id)
    rows.put(
        tasks,
        **{column.name: None for column in tasks.columns if column.nullable}
        | task_columns(task)
        | {
            "task_id": task_id,
            "value_wei": event.value_wei,
            "phase": State.OPEN.name,
            "bid_count": 0,
            "seat_count": 0,
            "free_seats": task.k if task.open else 0,
            "commit_count": 0,
            "reveal_count": 0,
            "posted_block": at.block_number,
            "posted_log_index": at.log_index,
            "posted_s": at.timestamp_s,
            "posted_tx": at.tx_hash,
        },
    )
    book = CashBook(rows, at, token=task.token, task_id=task_id)
    money.add_balance(rows, task.requester, NATIVE, event.value_wei)
    book.enter("deposit", event.value_wei, account=task.requester)
    money.add_balance(rows, task.requester, task.token, -task.escrow_wei)
    book.enter("escrow", task.escrow_wei, account=task.requester)


def on_cancelled(rows: Rows, event: ev.TaskCancelled, at: At) -> None:
    task_id = hex_of(event.task_id)
    task = _close(rows, task_id, at, phase=State.CANCELLED.name, refund_wei=event.refund_wei, burnt_wei=0, fee_wei=0)
    _refund(rows, task, event.refund_wei, "refund", CashBook(rows, at, token=task["token"], task_id=task_id))


def on_bid(rows: Rows, event: ev.BidPosted, at: At) -> None:
    task_id = hex_of(event.task_id)
    count = rows.need(tasks, task_id)["bid_count"]
    rows.change(tasks, task_id, bid_count=count + 1)
    rows.append(
        bids,
        log_index=at.log_index,
        task_id=task_id,
        agent_id=event.agent_id,
        price_wei=event.price_wei,
        confidence_bps=event.confidence_bps,
        expiry_s=event.expiry_s,
        signature=hex_of(event.signature),
        tx_hash=at.tx_hash,
    )


def on_skipped(rows: Rows, event: ev.BidSkipped, at: At) -> None:
    rows.append(
        skips,
        log_index=at.log_index,
        task_id=hex_of(event.task_id),
        agent_id=event.agent_id,
        reason=event.reason.name,
        tx_hash=at.tx_hash,
    )


def on_awarded(rows: Rows, event: ev.TaskAwarded, at: At) -> None:
    """All seats at once; what is not awarded then is never free."""
    task_id = hex_of(event.task_id)
    task = rows.change(
        tasks,
        task_id,
        phase=State.AWARDED.name,
        price_wei=event.price_wei,
        returned_wei=event.returned_wei,
        seat_count=len(event.seats),
        free_seats=0,
        awarded_block=at.block_number,
        awarded_s=at.timestamp_s,
        awarded_tx=at.tx_hash,
    )
    book = CashBook(rows, at, token=task["token"], task_id=task_id)
    _refund(rows, task, event.returned_wei, "returned", book)
    for seat in event.seats:
        _seat(rows, task, seat, at, book)


def on_taken(rows: Rows, event: ev.SeatTaken, at: At) -> None:
    """One free seat, at the ceiling; the first one taken is the task's award. The escrow of free seats stays until it closes."""
    task_id = hex_of(event.task_id)
    task = rows.need(tasks, task_id)
    first = {"awarded_block": at.block_number, "awarded_s": at.timestamp_s, "awarded_tx": at.tx_hash}
    task = rows.change(
        tasks,
        task_id,
        phase=State.AWARDED.name,
        price_wei=task["ceiling_wei"],
        returned_wei=0,
        seat_count=task["seat_count"] + 1,
        free_seats=task["free_seats"] - 1,
        **first if task["awarded_block"] is None else {},
    )
    _seat(rows, task, event.award, at, CashBook(rows, at, token=task["token"], task_id=task_id))


def _seat(rows: Rows, task: Row, seat: SeatAward, at: At, book: CashBook) -> None:
    rows.put(
        seats,
        **{column.name: None for column in seats.columns if column.nullable}
        | {
            "task_id": task["task_id"],
            "seat": seat.seat,
            "agent_id": seat.agent_id,
            "wallet": seat.wallet,
            "award_weight": seat.weight,
            "weight": seat.weight,
            "seated_block": at.block_number,
            "seated_tx": at.tx_hash,
        },
    )
    money.add_accrued(rows, seat.agent_id, task["token"], -task["bond_wei"])
    book.enter("bond", task["bond_wei"], agent_id=seat.agent_id, seat=seat.seat)


def on_committed(rows: Rows, event: ev.AnswerCommitted, at: At) -> None:
    task_id = hex_of(event.task_id)
    rows.change(
        seats, task_id, event.seat, commitment=hex_of(event.commitment), commit_block=at.block_number, commit_tx=at.tx_hash
    )
    count = rows.need(tasks, task_id)["commit_count"]
    rows.change(tasks, task_id, commit_count=count + 1)


def on_revealed(rows: Rows, event: ev.AnswerRevealed, at: At) -> None:
    task_id, digest = hex_of(event.task_id), hex_of(event.answer_digest)
    seat = rows.change(
        seats,
        task_id,
        event.seat,
        answer_digest=digest,
        evidence_digest=hex_of(event.evidence_digest),
        salt=hex_of(event.salt),
        answer=hex_of(event.answer) if event.answer else None,
        reveal_block=at.block_number,
        reveal_tx=at.tx_hash,
    )
    task = rows.need(tasks, task_id)
    # The contract notes the phase only where time does not tell it: at an early reveal of more than one seat.
    early = task["seat_count"] > 1 and at.timestamp_s <= task["commit_end_s"]
    phase = State.REVEALING.name if early else task["phase"]
    rows.change(tasks, task_id, reveal_count=task["reveal_count"] + 1, phase=phase)
    weigh(rows, task_id, digest, seat["weight"], supporters=1)


def weigh(rows: Rows, task_id: str, answer_digest: str, delta: int, *, supporters: int = 0) -> None:
    """Moves the weight of an answer."""
    answer26 = answer_digest[:ANSWER26]
    vote = rows.get(votes, task_id, answer26) or {"weight": 0, "supporters": 0}
    rows.put(
        votes,
        task_id=task_id,
        answer26=answer26,
        weight=vote["weight"] + delta,
        supporters=vote["supporters"] + supporters,
        won=False,
    )


def on_settled(rows: Rows, event: ev.TaskSettled, at: At, *, pool: str) -> None:
    task_id, winner = hex_of(event.task_id), hex_of(event.winner)
    task = _close(
        rows,
        task_id,
        at,
        phase=event.outcome.name,
        winner=winner if event.winner else None,
        winner_weight=event.winner_weight,
        total_weight=event.total_weight,
        evaluated=event.evaluated,
        refund_wei=event.refund_wei,
        burnt_wei=event.burnt_wei,
        fee_wei=event.fee_wei,
        receipt=hex_of(receipt_digest(event.winner, event.results)) if event.results else None,
    )
    if event.winner:
        rows.change(votes, task_id, winner, won=True)
    book = CashBook(rows, at, token=task["token"], task_id=task_id)
    shared_wei = sum(_close_seat(rows, task, result, at, book, pool) for result in event.results)
    rows.change(tasks, task_id, shared_wei=shared_wei)
    money.add_balance(rows, pool, task["token"], shared_wei)
    money.add_balance(rows, task["evaluator"], task["token"], event.fee_wei)
    book.enter("fee", event.fee_wei, account=task["evaluator"])
    _refund(rows, task, event.refund_wei, "refund", book)
    if event.burnt_wei:
        money.add_burnt(rows, task["token"], event.burnt_wei)
        book.enter("burnt", event.burnt_wei)


def _close_seat(rows: Rows, task: Row, result: SeatResult, at: At, book: CashBook, pool: str) -> int:
    """Pays one seat; returns the pool's part in wei."""
    task_id, agent_id, token = task["task_id"], result.agent_id, task["token"]
    shared_wei: int = result.pay_wei * task["shared_bps"] // 10_000
    bond_wei = task["bond_wei"] if result.revealed else 0
    rows.change(
        seats,
        task_id,
        result.seat,
        score_bps=result.score_bps,
        scored=result.scored,
        won=result.won,
        pay_wei=result.pay_wei,
        shared_wei=shared_wei,
        bond_returned_wei=bond_wei,
        earned=word_of(result.earned),
    )
    account = money.agent_account(rows, agent_id, token)
    rows.put(
        agent_accounts,
        **account
        | {
            "accrued_wei": account["accrued_wei"] + result.pay_wei - shared_wei + bond_wei,
            "seats": account["seats"] + 1,
            "won": account["won"] + result.won,
            "no_shows": account["no_shows"] + (not result.revealed),
        },
    )
    book.enter("pay", result.pay_wei - shared_wei, agent_id=agent_id, seat=result.seat)
    book.enter("shared", shared_wei, account=pool, agent_id=agent_id, seat=result.seat)
    book.enter("bond_returned", bond_wei, agent_id=agent_id, seat=result.seat)
    if result.scored:
        set_words(rows, agent_id, task["page_id"], earned=word_of(result.earned))
        rows.append(
            capability_history,
            log_index=at.log_index,
            seq=result.seat,
            agent_id=agent_id,
            page_id=task["page_id"],
            kind="earned",
            word=word_of(result.earned),
            task_id=task_id,
            score_bps=result.score_bps,
        )
    return shared_wei


def _close(rows: Rows, task_id: str, at: At, **columns: Any) -> Row:
    return rows.change(
        tasks,
        task_id,
        closed_block=at.block_number,
        closed_s=at.timestamp_s,
        closed_tx=at.tx_hash,
        free_seats=0,
        **columns,
    )


def _refund(rows: Rows, task: Row, amount_wei: int, kind: str, book: CashBook) -> None:
    money.add_balance(rows, task["requester"], task["token"], amount_wei)
    book.enter(kind, amount_wei, account=task["requester"])
