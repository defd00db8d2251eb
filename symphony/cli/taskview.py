"""A task as people want to see it: where it stands, who must act next and by when. Pure: history in, lines out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from symphony.cli.text import clean, format_amount, short, table
from symphony.verify.answers import Texts
from symphony.verify.history import TaskHistory, TaskLine
from symphony_chain.events import TaskCancelled, TaskSettled
from symphony_chain.types import ZERO_ADDRESS, State

MEANING = {
    State.NONE: "not posted",
    State.OPEN: "agents are bidding",
    State.FREE: "nobody was awarded; agents that match may take the seats at the ceiling",
    State.UNAWARDED: "nobody was awarded in time; anybody may close it and the escrow returns",
    State.AWARDED: "the seats are thinking; each commits to an answer",
    State.REVEALING: "the seats reveal what they committed to",
    State.EVALUATING: "the evaluator may score the seats; without scores the vote decides",
    State.CLOSING: "nobody can act any more; anybody may settle it",
    State.SETTLED: "an answer won and was paid",
    State.INCONCLUSIVE: "no answer reached the quorum",
    State.VOID: "nobody revealed an answer",
    State.EXPIRED: "never awarded; the escrow went back",
    State.CANCELLED: "cancelled by its requester; the escrow went back",
}


@dataclass(frozen=True, slots=True)
class Turn:
    """Who must act next; `until_s` is block time, None where there is no deadline."""

    who: str
    does: str
    until_s: int | None


def effective_state(history: TaskHistory, state: State) -> State:
    """The state with the look-ahead of the contract's `reveal`: when all seats have committed, reveals are open."""
    all_in = not history.free and len(history.commits) == len(history.seats)
    return State.REVEALING if state is State.AWARDED and all_in else state


def next_turn(history: TaskHistory, state: State) -> Turn | None:
    """Who must act for the task to go on; None once it is closed."""
    task = history.task
    if state is State.OPEN:
        who = "the requester" if task.router == ZERO_ADDRESS else f"the router {task.router} or the requester"
        return Turn(who, "awards seats, or the requester cancels", task.bid_end_s)
    if state is State.FREE:
        return Turn("any agent that matches", "takes a seat", task.commit_end_s)
    if state is State.AWARDED:
        missing = {seat.seat for _, seat in history.seats} - {e.event.seat for e in history.commits}
        free = [f"{history.free} more may be taken"] if history.free else []
        return Turn(", ".join([*([_seats_text(missing)] if missing else []), *free]), "commit", task.commit_end_s)
    if state in (State.REVEALING, State.EVALUATING):
        return _after_commits(history, state)
    if state in (State.UNAWARDED, State.CLOSING):
        return Turn("anybody", "settles", None)
    return None


def _after_commits(history: TaskHistory, state: State) -> Turn:
    hidden = {e.event.seat for e in history.commits} - {e.event.seat for e in history.reveals}
    if state is State.REVEALING and hidden:
        return Turn(_seats_text(hidden), "reveal", history.task.reveal_end_s)
    if history.task.evaluator != ZERO_ADDRESS:
        return Turn(f"the evaluator {history.task.evaluator}", "scores the seats", history.task.evaluation_end_s)
    return Turn("anybody", "settles", None)


def _seats_text(seats: set[int]) -> str:
    return f"seats {', '.join(map(str, sorted(seats)))}"


def line_state(line: TaskLine, head_s: int) -> State:
    """The state of a task in a list, from its events and the head's time."""
    task = line.task
    if line.closed is not None:
        return line.closed
    if not line.seats:
        if head_s <= task.bid_end_s:
            return State.OPEN
        return State.FREE if task.open and head_s <= task.commit_end_s else State.UNAWARDED
    if head_s > task.evaluation_end_s:
        return State.CLOSING
    if head_s > task.reveal_end_s:
        return State.EVALUATING
    free = task.k - len(line.seats) if task.open and line.price_wei is None else 0
    all_in = not free and line.commits == len(line.seats)
    return State.REVEALING if all_in or head_s > task.commit_end_s else State.AWARDED


def task_document(history: TaskHistory, state: State, texts: Texts, head_s: int) -> dict[str, Any]:
    """Everything about a task for JSON."""
    turn = next_turn(history, state)
    closed = history.closed.event if history.closed else None
    return {
        "task_id": history.task_id,
        "state": state,
        "meaning": MEANING[state],
        "final": state.is_final,
        "head_s": head_s,
        "next": {"who": turn.who, "does": turn.does, "until_s": turn.until_s} if turn else None,
        "title": texts.header.title if texts.header else None,
        "prompt": texts.body.prompt if texts.body else None,
        "answer_format": dict(texts.header.answer_format) if texts.header else None,
        "parameters": history.task.as_json(),
        "bids": [_bid(entry.event) for entry in history.bids],
        "skipped": [{"agent_id": e.event.agent_id, "reason": e.event.reason} for e in history.skipped],
        "price_wei": history.price_wei if history.seats else None,
        "free_seats": 0 if state.is_final else history.free,
        "seats": _seats(history),
        "winner": closed.winner if isinstance(closed, TaskSettled) and closed.winner else None,
        "refund_wei": closed.refund_wei if closed is not None else None,
        "burnt_wei": closed.burnt_wei if isinstance(closed, TaskSettled) else None,
        "fee_wei": closed.fee_wei if isinstance(closed, TaskSettled) else None,
        "evaluated": closed.evaluated if isinstance(closed, TaskSettled) else None,
        "events": [
            {"event": type(e.event).__name__, "block": e.log.block_number, "tx_hash": e.log.tx_hash}
            for e in history.timeline
        ],
    }


def _bid(event: Any) -> dict[str, Any]:
    return {
        "agent_id": event.agent_id,
        "price_wei": event.price_wei,
        "confidence_bps": event.confidence_bps,
        "expiry_s": event.expiry_s,
    }


def _seats(history: TaskHistory) -> list[dict[str, Any]]:
    committed = {entry.event.seat for entry in history.commits}
    reveals = {entry.event.seat: entry.event for entry in history.reveals}
    closed = history.closed.event if history.closed else None
    results = {r.seat: r for r in closed.results} if isinstance(closed, TaskSettled) else {}
    seats = []
    for _, award in history.seats:
        reveal, result = reveals.get(award.seat), results.get(award.seat)
        seats.append(
            {
                "seat": award.seat,
                "agent_id": award.agent_id,
                "wallet": award.wallet,
                "weight": award.weight,
                "committed": award.seat in committed,
                "answer_digest": reveal.answer_digest if reveal else None,
                "answer": reveal.answer.decode("utf-8", "replace") if reveal and reveal.answer else None,
                "score_bps": result.score_bps if result else None,
                "pay_wei": result.pay_wei if result else None,
            }
        )
    return seats


def task_lines(history: TaskHistory, state: State, texts: Texts, head_s: int) -> list[str]:
    """A task as text; every word of a stranger is made inert."""
    task, lines = history.task, [f"task    0x{history.task_id.hex()}"]
    if texts.header is not None:
        lines.append(f"title   {clean(texts.header.title)}")
    if texts.body is not None:
        lines.append(f"prompt  {clean(texts.body.prompt, 600)}")
    lines.append(f"state   {state.name.lower()}: {MEANING[state]}")
    turn = next_turn(history, state)
    if turn is not None:
        lines.append(f"next    {turn.who} {turn.does}{_deadline(turn, head_s)}")
    fee = f", and {format_amount(task.evaluation_fee_wei, task.token)} for the evaluator" if task.evaluation_fee_wei else ""
    lines.append(
        f"escrow  {format_amount(task.escrow_wei, task.token)} ({task.k} seats of at most "
        f"{format_amount(task.ceiling_wei, task.token)}{fee})"
    )
    lines.append(
        f"bids    {len(history.bids)}" + (f", {len(history.skipped)} passed over" if history.skipped else "")
    )
    seats = _seats(history)
    if seats:
        rows = [(s["seat"], s["agent_id"], s["weight"], _stage(s), _paid(s, task.token)) for s in seats]
        lines += ["", *table(["seat", "agent", "weight", "answer", "pay"], rows)]
    if isinstance(history.closed and history.closed.event, TaskCancelled):
        lines.append(f"refund  {format_amount(task.escrow_wei, task.token)}")
    return lines


def _deadline(turn: Turn, head_s: int) -> str:
    return "" if turn.until_s is None else f" within {max(0, turn.until_s - head_s)} s"


def _stage(seat: dict[str, Any]) -> str:
    if seat["answer"] is not None:
        return clean(seat["answer"], 40)
    if seat["answer_digest"] is not None:
        return short(seat["answer_digest"])
    return "committed" if seat["committed"] else "thinking"


def _paid(seat: dict[str, Any], token: str) -> str:
    return "-" if seat["pay_wei"] is None else format_amount(seat["pay_wei"], token)
