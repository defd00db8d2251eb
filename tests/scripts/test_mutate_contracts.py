"""The pure parts of scripts/mutate_contracts.py: tokens, faults, samples, results. Compiles and runs nothing."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest

from tests.scripts.loading import load_script

ROOT = Path(__file__).resolve().parents[2]
TEXT = """
contract C {
    uint256 constant LIMIT = 7; // no function: left alone
    mapping(address => uint256) private _held;

    /// if (a < b) in a comment is no code
    function pay(address to, uint256 amount) external returns (bool) {
        if (amount > _held[to]) revert TooMuch("a < b", amount);
        uint256 rest = _held[to] - amount;
        for (uint256 i; i < 3; ++i) _note(to, i);
        _held[to] = rest;
        emit Paid(to, amount);
        return true;
    }

    function peek() external;
}
"""


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load_script("mutate_contracts")


def test_every_kind_of_fault_is_made_and_nothing_outside_a_function(script: ModuleType) -> None:
    names = {(m.operator, m.before, m.after) for m in script.mutants_of("C.sol", TEXT)}
    assert names == {
        ("comparison", ">", ">="),
        ("comparison", ">", "<"),
        ("check removed", "amount > _held[to]", "false"),
        ("arguments swapped", '"a < b", amount', 'amount, "a < b"'),
        ("arithmetic", "-", "+"),
        ("comparison", "<", "<="),
        ("comparison", "<", ">"),
        ("constant", "3", "4"),
        ("constant", "3", "2"),
        ("arithmetic", "++", "--"),
        ("arguments swapped", "to, i", "i, to"),
        ("statement removed", "_note(to, i);", ""),
        ("statement removed", "_held[to] = rest;", ""),
        ("statement removed", "emit Paid(to, amount);", ""),
        ("arguments swapped", "to, amount", "amount, to"),
        ("boolean", "true", "false"),
    }
    assert {m.function for m in script.mutants_of("C.sol", TEXT)} == {"pay"}


def test_a_mutant_changes_its_place_alone(script: ModuleType) -> None:
    for mutant in script.mutants_of("C.sol", TEXT):
        changed = mutant.apply(TEXT)
        assert changed != TEXT
        assert changed == TEXT[: mutant.start] + mutant.after + TEXT[mutant.end :]
        assert TEXT.splitlines()[mutant.line - 1].find(mutant.before.splitlines()[0]) >= 0
        with pytest.raises(AssertionError):
            mutant.apply("/* another text */" + TEXT)


def test_keys_are_of_one_text_and_one_place(script: ModuleType) -> None:
    mutants = script.mutants_of("C.sol", TEXT)
    assert len({m.key(TEXT) for m in mutants}) == len(mutants)
    assert mutants[0].key(TEXT) != mutants[0].key(TEXT + " ")


@pytest.mark.parametrize("name", ["TaskMarket", "RewardPool"])
def test_a_sample_is_stratified_seeded_and_only_grows(script: ModuleType, name: str) -> None:
    files = script.TARGETS[name].files
    mutants = [m for file in files for m in script.mutants_of(file, (ROOT / file).read_text())]
    plan = script.stratified(mutants, 1)
    assert plan == script.stratified(mutants, 1) != script.stratified(mutants, 2)
    assert sorted(plan, key=repr) == sorted(mutants, key=repr) and len(plan) > 200
    functions = {(m.file, m.function) for m in mutants}
    assert {(m.file, m.function) for m in plan[: len(functions)]} == functions, "each function once before any twice"


def test_only_mutants_that_differ_count(script: ModuleType) -> None:
    results = [{"outcome": o} for o in ("killed", "killed", "killed", "survived", "stillborn", "equivalent")]
    score = script.score_of(results)
    assert (score.killed, score.judged, score.dropped, score.share) == (3, 4, 2, 0.75)
    assert script.score_of([]).share == 0.0


def test_a_run_that_was_cut_off_is_read_up_to_there(script: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    assert script.read_results(path) == {}
    path.write_text(json.dumps({"key": "a", "outcome": "killed"}) + '\n{"key": "b", "outc')
    assert script.read_results(path) == {"a": {"key": "a", "outcome": "killed"}}


def test_a_survivor_is_explained_or_said_not_to_be(script: ModuleType) -> None:
    survivor = {"outcome": "survived", "by": "", "file": "C.sol", "line": 9, "name": "pay: - → +"}
    assert "NOT EXPLAINED" in script.report([survivor], {})
    assert "it is so" in script.report([survivor], {"pay: - → +": "it is so"})


def test_explanations_are_of_mutants_that_can_be(script: ModuleType) -> None:
    files = [file for target in script.TARGETS.values() for file in target.files]
    names = {m.name for file in files for m in script.mutants_of(file, (ROOT / file).read_text())}
    assert set(json.loads(script.EXPLAINED.read_text())) <= names
