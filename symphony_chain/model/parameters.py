"""Which tasks the market takes: the model of `TaskMarket._check`, in the contract's order. Knows no state."""

from __future__ import annotations

from symphony_chain.model.context import ModelRevert
from symphony_chain.skills import FULL_SCALE, unpack_word
from symphony_chain.types import MAX_SEATS, ZERO_ADDRESS, Task

MAX_WINDOW_S = 30 * 24 * 3600
_MAX_UINT96 = (1 << 96) - 1


def check_task(task: Task, now_s: int, min_window_s: int) -> None:
    """Refuses a task whose parameters this deployment does not offer or that are out of range."""
    unsupported = {
        "token": task.token != ZERO_ADDRESS,
        "kind": task.kind != 0,
        "evaluator": task.evaluator != ZERO_ADDRESS
        or bool(task.evaluation_window_s or task.evaluation_fee_wei),
        "sharedBps": task.shared_bps != 0,
        "parent": any(task.parent),
    }
    for name, used in unsupported.items():
        if used:
            raise ModelRevert("UnsupportedParameter", name=name)
    if task.requirement == 0 or max(unpack_word(task.requirement)) > FULL_SCALE:
        raise ModelRevert(
            "ParameterOutOfRange", name="requirement", value=task.requirement, min=1, max=FULL_SCALE
        )
    ranges = (
        ("ceiling", task.ceiling_wei, 1, _MAX_UINT96),
        ("baseBps", task.base_bps, 0, FULL_SCALE),
        ("minMatchBps", task.min_match_bps, 0, FULL_SCALE),
        ("k", task.k, 1, MAX_SEATS),
        ("minSeats", task.min_seats, 1, task.k),
        ("quorumBps", task.quorum_bps, 1, FULL_SCALE),
        ("bidEnd", task.bid_end_s, now_s + min_window_s, now_s + MAX_WINDOW_S),
        ("commitEnd", task.commit_end_s, task.bid_end_s + min_window_s, task.bid_end_s + MAX_WINDOW_S),
        ("revealWindow", task.reveal_window_s, min_window_s, MAX_WINDOW_S),
    )
    for name, value, least, most in ranges:
        if not least <= value <= most:
            raise ModelRevert("ParameterOutOfRange", name=name, value=value, min=least, max=most)
