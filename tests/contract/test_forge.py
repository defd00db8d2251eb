"""forge: the invariants hold on our contracts, and a broken contract turns them red."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.contract.tools import FORGE, ROOT, need, run

pytestmark = pytest.mark.node

#: A fault each, and an invariant that must notice it.
MUTANTS = {
    "refund pays again what the seats got": (
        "uint256 refund = t.price * seats.length - t.paid;",
        "uint256 refund = t.price * seats.length;",
        "invariant_Conservation",
    ),
    "settle leaves the task open": (
        "_head[taskId] = HeadLib.closed(t.outcome);",
        "",
        "invariant_NothingImproperSucceeds",
    ),
    "reveals open at once": (
        "if (state != State.Awarded) revert WrongState(taskId, state, State.Revealing);",
        "if (state == State.Awarded) return;",
        "invariant_NothingImproperSucceeds",
    ),
    "one owner may hold several seats": (
        "if (s.owners[j] == s.owners[i]) return Skip.OwnerSeated;",
        "",
        "invariant_NothingImproperSucceeds",
    ),
    "bonds of no-shows vanish": (
        "if (t.burnt != 0) _burnt[task.token] += t.burnt;",
        "",
        "invariant_Conservation",
    ),
}
SLOW = list(MUTANTS)[1:]  # a compilation each


def test_invariants_and_unit_tests_pass() -> None:
    need(FORGE)
    done = run([FORGE, "test"])
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    for name in ("Solvency", "Conservation", "Liveness", "NothingImproperSucceeds", "ScoreInRange"):
        assert f"[PASS] invariant_{name}" in done.stdout


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.slow) if n in SLOW else n for n in MUTANTS],
    ids=lambda n: n.replace(" ", "-"),
)
def test_a_broken_contract_turns_an_invariant_red(name: str, tmp_path: Path) -> None:
    need(FORGE)
    good, bad, invariant = MUTANTS[name]
    shutil.copytree(ROOT / "contracts", tmp_path / "contracts")
    shutil.copy(ROOT / "foundry.toml", tmp_path)
    (tmp_path / "node_modules").symlink_to(ROOT / "node_modules")
    source = tmp_path / "contracts" / "TaskMarket.sol"
    text = source.read_text()
    assert text.count(good) == 1, "the mutant no longer fits the contract"
    source.write_text(text.replace(good, bad))

    done = run([FORGE, "test", "--match-contract", "InvariantsTest", "--match-test", invariant], cwd=tmp_path)

    assert done.returncode != 0, done.stdout[-2000:]
    assert "Compiler run successful" in done.stdout + done.stderr, done.stdout[-2000:] + done.stderr[-2000:]
    assert "FAIL" in done.stdout and invariant in done.stdout
