"""Which tasks the market takes: the model of `TaskMarket._opened`, in the contract's order. Knows no state."""

from __future__ import annotations

from symphony_chain.model.context import ModelRevert
from symphony_chain.skills import FULL_SCALE, unpack_word
from symphony_chain.types import MAX_SEATS, ZERO_ADDRESS, Kind, Task

MAX_WINDOW_S = 30 * 24 * 3600
_MAX_UINT96 = (1 << 96) - 1


def check_task(task: Task, now_s: int, min_window_s: int) -> None:
    """Refuses a task whose parameters are out of range."""
    if task.requirement == 0:
        raise _out_of_range("requirement", 0, 1, (1 << 256) - 1)
    if max(unpack_word(task.requirement)) > FULL_SCALE:
        raise _out_of_range("requirement", task.requirement, 1, FULL_SCALE)
    evaluated = task.evaluator != ZERO_ADDRESS
    window = (min_window_s, MAX_WINDOW_S)
    ranges = (
        ("ceiling", task.ceiling_wei, 1, _MAX_UINT96),
        ("kind", task.kind, 0, max(Kind)),
        ("baseBps", task.base_bps, 0, FULL_SCALE),
        ("minMatchBps", task.min_match_bps, 0, FULL_SCALE),
        ("sharedBps", task.shared_bps, 0, FULL_SCALE),
        ("k", task.k, 1, MAX_SEATS),
        ("minSeats", task.min_seats, 1, task.k),
        ("quorumBps", task.quorum_bps, 1, FULL_SCALE),
        ("bidEnd", task.bid_end_s, now_s + min_window_s, now_s + MAX_WINDOW_S),
        ("commitEnd", task.commit_end_s, task.bid_end_s + min_window_s, task.bid_end_s + MAX_WINDOW_S),
        ("revealWindow", task.reveal_window_s, *window),
        ("evaluationWindow", task.evaluation_window_s, *(window if evaluated else (0, 0))),
        ("evaluationFee", task.evaluation_fee_wei, 0, _MAX_UINT96 if evaluated else 0),
    )
    for name, value, least, most in ranges:
        if not least <= value <= most:
            raise _out_of_range(name, value, least, most)


def _out_of_range(name: str, value: int, least: int, most: int) -> ModelRevert:
    return ModelRevert("ParameterOutOfRange", name=name.encode().ljust(32, b"\0"), value=value, min=least, max=most)
