"""Watches a task of anybody to its end: reads, says what changed, sends nothing."""

from __future__ import annotations

import time
from collections.abc import Callable

from symphony.cli.taskview import effective_state, next_turn
from symphony.verify.history import TaskHistory, load_history
from symphony.verify.reader import RpcReader
from symphony_chain.errors import DeadlineExceeded
from symphony_chain.types import State

POLL_S = 0.5


def watch_until_final(
    reader: RpcReader,
    task_id: bytes,
    say: Callable[[str], None],
    *,
    timeout_s: float | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[TaskHistory, State]:
    """Returns the history and state of a closed task, saying each stage once.

    Raises:
        DeadlineExceeded: it was not closed within `timeout_s`. ChainUnavailable: the node is away.
    """
    end_s, last, said = None if timeout_s is None else clock() + timeout_s, -1, ""
    while True:
        number = reader.rpc.block_number()
        if number != last:
            last = number
            history = load_history(reader, task_id)
            state = effective_state(history, reader.state(task_id))
            line = _stage(history, state)
            if line != said:
                said = line
                say(line)
            if state.is_final:
                return history, state
        if end_s is not None and clock() >= end_s:
            raise DeadlineExceeded(
                f"task 0x{task_id.hex()[:12]} was not closed within {timeout_s:g} s",
                hint="`symphony task show` tells who must act next, and by when",
            )
        sleep(POLL_S)


def _stage(history: TaskHistory, state: State) -> str:
    seats = len(history.seats)
    counts = {
        State.OPEN: f"{len(history.bids)} bids",
        State.AWARDED: f"{len(history.commits)} of {seats} committed",
        State.REVEALING: f"{len(history.reveals)} of {seats} revealed",
    }.get(state, "")
    turn = next_turn(history, state)
    following = f"; next: {turn.who} {turn.does}" if turn else ""
    return f"{state.name.lower()}" + (f", {counts}" if counts else "") + following
