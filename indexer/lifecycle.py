"""What block time makes of a task row: the contract's `stateAt` over the index's columns. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, and_, not_, or_

from indexer.schema import tasks
from symphony_chain.types import State


def state_at(task: Mapping[str, Any], now_s: int) -> State:
    """State of a task row at a block time."""
    state = State[task["phase"]]
    if state is State.OPEN and now_s > task["bid_end_s"]:
        return State.FREE if task["free_seats"] and now_s <= task["commit_end_s"] else State.UNAWARDED
    if state is State.AWARDED and now_s > task["commit_end_s"]:
        state = State.REVEALING
    if state is State.REVEALING and now_s > task["reveal_end_s"]:
        return State.CLOSING if now_s > task["evaluation_end_s"] else State.EVALUATING
    return state


def in_state(state: State, now_s: int) -> ColumnElement[bool]:
    """The same as a condition on the table."""
    phase = tasks.c.phase
    running = or_(phase == State.REVEALING.name, and_(phase == State.AWARDED.name, tasks.c.commit_end_s < now_s))
    free = and_(tasks.c.free_seats > 0, tasks.c.commit_end_s >= now_s)
    match state:
        case State.OPEN:
            return and_(phase == State.OPEN.name, tasks.c.bid_end_s >= now_s)
        case State.FREE:
            return and_(phase == State.OPEN.name, tasks.c.bid_end_s < now_s, free)
        case State.UNAWARDED:
            return and_(phase == State.OPEN.name, tasks.c.bid_end_s < now_s, not_(free))
        case State.AWARDED:
            return and_(phase == State.AWARDED.name, tasks.c.commit_end_s >= now_s)
        case State.REVEALING:
            return and_(running, tasks.c.reveal_end_s >= now_s)
        case State.EVALUATING:
            return and_(running, tasks.c.reveal_end_s < now_s, tasks.c.evaluation_end_s >= now_s)
        case State.CLOSING:
            return and_(running, tasks.c.evaluation_end_s < now_s)
        case _:
            return phase == state.name
