"""Gas does not creep up: every step and whole task within one per cent of the committed figures, or below."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SNAPSHOT = Path(__file__).with_name("gas.json")
#: Calldata of signatures and digests differs by a few zero bytes between runs: far below this.
TOLERANCE = 1.01


@pytest.fixture(scope="module")
def measured() -> dict[str, Any]:
    command = [sys.executable, "scripts/bench_gas.py", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    found: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (1 if found["missed"] else 0), done.stderr
    return found


@pytest.mark.anvil
def test_every_target_is_met(measured: dict[str, Any]) -> None:
    assert measured["missed"] == []


@pytest.mark.anvil
def test_ten_thousand_bids_make_no_step_dearer(measured: dict[str, Any]) -> None:
    steps = measured["steps"]
    for step in ("award k=3", "settle k=3"):
        assert steps[f"{step} after 10,000 bids"] <= 1.05 * steps[step]


@pytest.mark.anvil
def test_no_step_costs_a_hundredth_more_than_it_did(measured: dict[str, Any]) -> None:
    kept = json.loads(SNAPSHOT.read_text())
    assert {name: set(measured[name]) for name in kept} == {name: set(table) for name, table in kept.items()}
    risen = {
        f"{name}: {what}": (gas, measured[name][what])
        for name, table in kept.items()
        for what, gas in table.items()
        if measured[name][what] > gas * TOLERANCE
    }
    assert not risen, "was it worth it? then: python scripts/bench_gas.py --write"
