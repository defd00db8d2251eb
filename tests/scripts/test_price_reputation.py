"""scripts/price_reputation.py against sums done by hand, and against the tally itself."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from symphony_chain.model.tally import Vote, seat_weight, tally
from symphony_chain.types import State

ROOT = Path(__file__).resolve().parents[2]
HONEST, PLANTED = bytes(25) + b"h", bytes(25) + b"p"


def prices(*options: str) -> list[dict[str, Any]]:
    command = [sys.executable, "scripts/price_reputation.py", "--json", *options]
    found: list[dict[str, Any]] = json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout)
    return found


@pytest.fixture(scope="module")
def found() -> list[dict[str, Any]]:
    return prices("--score-min", "0.001 ether", "--burn-bps", "500", "--gas-price", "2 gwei")


def test_a_score_of_80_takes_25_tasks_of_two_seats(found: list[dict[str, Any]]) -> None:
    first = found[0]
    assert (first["tasks"], first["score_bps"]) == (25, 8_000)
    assert first["burnt_wei"] == 25 * 2 * 10**15 * 500 // 10_000
    assert first["gas_wei"] == first["gas"] * 2 * 10**9
    assert first["capital_wei"] == 2 * 10**15


def test_the_price_is_in_proportion_to_both_constants(found: list[dict[str, Any]]) -> None:
    double = prices("--score-min", "0.002 ether", "--burn-bps", "1000")
    assert [p["burnt_wei"] and 4 * p["burnt_wei"] for p in found] == [p["burnt_wei"] for p in double]


def test_the_scores_named_win_the_vote_and_one_less_does_not(found: list[dict[str, Any]]) -> None:
    full = 10_000
    for case in found[1:]:
        honest = int(case["what"].split()[1])
        against = [Vote(seat_weight(full, 8_000, full), HONEST)] * honest
        for score, wins in ((case["score_bps"], True), ((case["score_bps"] or full + 1) - 1, False)):
            if score is None:
                continue
            votes = [Vote(seat_weight(full, score, full), PLANTED)] * case["agents"] + against
            result = tally(bytes(32), votes, 5_001)
            assert (result.winner == PLANTED and result.outcome is State.SETTLED) is wins, case


def test_one_seat_never_outvotes_two_of_80(found: list[dict[str, Any]]) -> None:
    (case,) = [p for p in found if p["what"].startswith("out-voting 2") and p["agents"] == 1]
    assert case["tasks"] is None and case["burnt_wei"] is None
