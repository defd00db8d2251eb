"""The report: its keys, its figures, and every reason for which a run does not count as a success."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from agent_runtime.evaluation.suites import requirement
from symphony.demo.board import Board, end_line
from symphony.demo.measure import Clock, StepGas
from symphony.demo.report import document, lines
from symphony.demo.run import Run, commit_window_s
from symphony_chain.types import State
from tests.demo.runs import ESCROW_WEI, a_run, result

KEYS = {
    "tasks", "settled", "expired", "correct", "vote_accuracy", "seat_accuracy", "gas_per_task", "wall_s", "thinking_s",
    "chain_s", "overhead_fraction", "payouts_wei", "audit_ok", "devnet",
}  # fmt: skip
GAS = {"award": StepGas(2, 200), "bid": StepGas(6, 600), "settle": StepGas(2, 100)}
RIGHT = result(1, ["4", "4", "5"])
WRONG = result(2, ["5", "5", "4"])
SPLIT = result(3, ["4", "5", "6"], State.INCONCLUSIVE)
SILENT_SPLIT = result(4, ["4", "5", None], State.INCONCLUSIVE)
VOID = result(5, [None, None, None], State.VOID)
EXPIRED = result(6, [], State.EXPIRED)


def reported(run: Run) -> dict[str, Any]:
    return document(run, GAS, Clock(10.0, 6.0, 3.0), devnet="pyevm")


def test_figures() -> None:
    report = reported(a_run(RIGHT, WRONG, SPLIT, replace(RIGHT, item=replace(RIGHT.item, family="products"))))
    assert set(report) >= KEYS
    assert (report["tasks"], report["settled"], report["inconclusive"], report["correct"]) == (4, 3, 1, 2)
    assert report["vote_accuracy"] == 0.5
    assert report["seat_accuracy"] == pytest.approx((2 + 1 + 1 + 2) / 12)
    assert report["gas_per_task"] == 75, "bids are the agents' own affair"
    assert report["families"]["products"] == {"tasks": 1, "vote": 1.0, "seat": 0.6667}
    assert report["wall_s"] == report["thinking_s"] + report["chain_s"] + report["orchestration_s"]
    assert report["first_answer_s"] == 4.0
    assert report["payouts_wei"] == {"1": "1916", "2": "1916", "3": "476"}
    money = {name: int(wei) for name, wei in report["money"].items() if name.endswith("_wei")}
    assert money["escrowed_wei"] == money["paid_wei"] + money["refunded_wei"] + money["burnt_wei"] == 4 * ESCROW_WEI
    assert money["burnt_wei"] == 12, "the score burn of twelve seats"
    json.dumps(report)


@pytest.mark.parametrize(
    ("run", "reason"),
    [
        (a_run(RIGHT, RIGHT, EXPIRED), "1 tasks ended without a vote"),
        (a_run(RIGHT, RIGHT, VOID), "1 tasks ended without a vote"),
        (a_run(RIGHT, RIGHT, SILENT_SPLIT), "split by silence"),
        (a_run(RIGHT, WRONG), "right on 50%"),
        (a_run(RIGHT, audit_ok=False), "audit"),
        (a_run(RIGHT, held_wei=1), "money"),
        (a_run(RIGHT, lost_wei=1), "money"),
        (replace(a_run(RIGHT), escrow_wei=ESCROW_WEI + 1), "money"),
    ],
)
def test_each_reason_to_fail(run: Run, reason: str) -> None:
    report = reported(run)
    (failure,) = report["failures"]
    assert reason in failure
    assert lines(report)[-1] == f"NOT OK: {failure}"


def test_an_honest_run_is_a_success() -> None:
    assert reported(a_run(RIGHT, RIGHT, RIGHT, SPLIT, WRONG))["failures"] == []
    assert reported(a_run(RIGHT, RIGHT, WRONG, WRONG, WRONG, RIGHT, RIGHT))["failures"] == [
        "the vote was right on 57%, less than 60%"
    ]


def test_the_tables_are_aligned() -> None:
    shown = lines(reported(a_run(RIGHT, WRONG)))
    table = [line for line in shown if line.startswith(("step", "award", "bid", "settle"))]
    assert len(table) == 4 and len({len(line) for line in table}) == 1
    assert "2: 2 settled" in shown[1] and "void" not in shown[1]


def test_end_lines() -> None:
    board = Board(12)
    assert board.close(RIGHT).split() == ["1/12", "right", "sums-1", "4,", "2", "of", "3", "seats"]
    assert "(should be 4)" in end_line(WRONG, 2, 12)
    assert "split" in end_line(SPLIT, 3, 12) and end_line(SPLIT, 3, 12).endswith("4, 5, 6")
    assert end_line(VOID, 4, 12).endswith("no answer (void)") and end_line(EXPIRED, 4, 12).endswith("no answer (expired)")
    assert board.line() == "1 of 12 closed, 1 right"


def test_foreign_answers_cannot_move_the_cursor() -> None:
    hostile = result(1, ["4", "\x1b[2Jx", None], State.INCONCLUSIVE)
    assert "\x1b" not in end_line(hostile, 1, 1)


def test_what_a_family_asks_for() -> None:
    assert requirement("boolean_expressions") == {"boolean_expressions": 10_000}
    assert list(requirement("tracking_shuffled_objects_three_objects")) == ["tracking_shuffled_objects"]
    assert len(requirement("unheard_of")) == 16


def test_time_to_think_grows_with_the_queue() -> None:
    assert 60 < commit_window_s(1) < commit_window_s(20) == 300
