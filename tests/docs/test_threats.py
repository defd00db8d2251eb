"""docs/threats.md names tests that exist, and every attack that has a test has a row."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "threats.md").read_text()
ATTACKS = "tests/security/test_attacks.py"
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ") and ("test_" in line or "tests/" in line)]


def named(row: str) -> list[tuple[str, str]]:
    """(file, name) of every test in a row's last cell: `name` in `file`, `name` of the attacks, a whole file, or an invariant."""
    cell = row.rstrip("| ").rsplit("|", 1)[1].replace("forge invariants ", "").replace("forge invariant ", "")
    found: list[tuple[str, str]] = []
    for part in cell.split(", "):
        codes = re.findall(r"`([^`]+)`", part)
        if len(codes) == 2:
            found.append((codes[1], codes[0]))
        elif "/" in codes[0]:
            found.append((codes[0], ""))
        elif codes[0].startswith("test_"):
            found.append((ATTACKS, codes[0]))
        else:
            found.append(("contracts/test/Invariants.t.sol", f"invariant_{codes[0]}"))
    return found


def test_the_rows_are_read() -> None:
    assert len(ROWS) > 35
    assert named("| a | b | `test_x`, forge invariant `Solvency` |") == [
        (ATTACKS, "test_x"),
        ("contracts/test/Invariants.t.sol", "invariant_Solvency"),
    ]
    assert named("| a | b | `test_y` in `tests/z.py`, `tests/w.py` |") == [("tests/z.py", "test_y"), ("tests/w.py", "")]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip()[:40])
def test_every_named_test_exists(row: str) -> None:
    tests = named(row)
    assert tests
    for file, name in tests:
        text = (ROOT / file).read_text()
        assert re.search(rf"(def|function) {name}\b", text) if name else text, f"{file} has no {name}"


def test_every_attack_has_a_row() -> None:
    tests = set(re.findall(r"^def (test_\w+)", (ROOT / ATTACKS).read_text(), re.MULTILINE))
    missing = {test for test in tests if f"`{test}`" not in PAGE}
    assert not missing, f"docs/threats.md says nothing of {sorted(missing)}"
