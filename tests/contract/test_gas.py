"""Gas does not creep up: every step and whole task within one per cent of the committed figures, or below."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SNAPSHOT = Path(__file__).with_name("gas.json")
#: Calldata of signatures and digests differs by a few zero bytes between runs: far below this.
TOLERANCE = 1.01


@pytest.mark.anvil
def test_no_step_costs_a_hundredth_more_than_it_did() -> None:
    command = [sys.executable, "scripts/bench_gas.py", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    measured = json.loads(done.stdout)
    assert done.returncode == (1 if measured["missed"] else 0), done.stderr
    kept = json.loads(SNAPSHOT.read_text())
    assert {name: set(measured[name]) for name in kept} == {name: set(table) for name, table in kept.items()}
    risen = {
        f"{name}: {what}": (gas, measured[name][what])
        for name, table in kept.items()
        for what, gas in table.items()
        if measured[name][what] > gas * TOLERANCE
    }
    assert not risen, "was it worth it? then: python scripts/bench_gas.py --write"
