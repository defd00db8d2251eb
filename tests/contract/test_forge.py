"""forge: the invariants hold on our contracts, and a broken contract turns each of them red."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from symphony_chain.abi import artifact
from tests.contract.tools import FORGE, ROOT, need, run

pytestmark = pytest.mark.node

CONTRACTS = sorted(p.stem for p in (ROOT / "symphony_chain" / "artifacts").glob("*.json") if p.stem != "manifest")

MARKET = "TaskMarket.sol"
WORDS = "libraries/Words.sol"
#: property → what breaks it: a fault's name, file, the text as it is and as it would be wrong.
MUTANTS = {
    "Solvency": (
        "a withdrawal leaves the balance",
        "Vault.sol",
        "_balance[account][token] = have - amount;",
        "",
    ),
    "Conservation": ("the bonds of no-shows vanish", MARKET, "t.taken + t.lostBonds", "t.taken"),
    "Liveness": (
        "a silent evaluator is waited for, forever",
        WORDS,
        "return time > head.evaluationEnd() ? State.Closing : State.Evaluating;",
        "return State.Evaluating;",
    ),
    "NoDoubleSettle": (
        "settle leaves the task open",
        MARKET,
        "_head[taskId] = HeadLib.closed(t.outcome, block.timestamp, _receiptDigest(winner, results));",
        "",
    ),
    "CommitBinding": (
        "any opening will do",
        MARKET,
        "if (_commitmentOf(taskId, word.agentId(), o) >> 48 != word.value208()) revert CommitmentMismatch(taskId, seat);",
        "",
    ),
    "RevealOnlyAfterCommit": (
        "reveals open at once",
        MARKET,
        "if (_seat[head.desk()][i].word.tag() == SeatLib.AWARDED) revert WrongState(taskId, state, State.Revealing);",
        "",
    ),
    "OnlyOwnSeat": (
        "anybody commits for a seat",
        MARKET,
        "_authorize(word.wallet(), keccak256(abi.encode(COMMIT_TYPEHASH, taskId, seat, commitment)), signature);",
        "signature;",
    ),
    "OneTaskADesk": (
        "a desk is given away while somebody sits there",
        MARKET,
        "if (_seat[desk][0].word.tag() == 0) return desk;",
        "return desk;",
    ),
    "DistinctOwners": (
        "one owner may hold several seats",
        MARKET,
        "if (s.ownerTags[j] == c.ownerTag) return Skip.OwnerSeated;",
        "",
    ),
    "WeightBound": (
        "a commitment wipes the weight out",
        WORDS,
        "uint256 kept = Seat.unwrap(seat) << 2 >> 210 << 208;",
        "uint256 kept = Seat.unwrap(seat) << 16 >> 224 << 208;",
    ),
    "ScoreInRange": (
        "an evaluator scores above 1",
        MARKET,
        'if (!Capability.inRange(scores)) revert ParameterOutOfRange("scores", scores, 0, Capability.FULL);',
        "",
    ),
    "ReceiptBinding": (
        "the receipt forgets the last word",
        MARKET,
        "digest := keccak256(results, add(32, shl(5, n)))",
        "digest := keccak256(results, shl(5, n))",
    ),
    "EvaluationNeverPaysRequester": (
        "what a harsh evaluation takes returns",
        MARKET,
        "if (pay < byVote) t.taken += byVote - pay;",
        "byVote;",
    ),
}
#: All that the invariants need; fewer files compile sooner.
FILES = (
    "AgentRegistry.sol",
    "Plans.sol",
    "TaskMarket.sol",
    "Vault.sol",
    "interfaces/IAgentRegistry.sol",
    "interfaces/ITaskMarket.sol",
    "libraries",
    "solc-shim.cjs",
    "test/Base.t.sol",
    "test/Handler.t.sol",
    "test/Hostile.sol",
    "test/Invariants.t.sol",
)
#: Compiled in a hurry, and the counterexample as it was found: only that there is one matters.
HURRY = {"FOUNDRY_OPTIMIZER": "false", "FOUNDRY_INVARIANT_SHRINK_RUN_LIMIT": "0"}
SLOW = list(MUTANTS)[2:]  # a compilation each


def test_invariants_and_unit_tests_pass() -> None:
    need(FORGE)
    done = run([FORGE, "test"])
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    for name in MUTANTS:
        assert f"[PASS] invariant_{name}()" in done.stdout


def test_forge_builds_the_same_bytecode() -> None:
    """After the test above there is nothing left to compile."""
    need(FORGE)
    done = run([FORGE, "build"])
    assert done.returncode == 0, done.stdout + done.stderr
    for name in CONTRACTS:
        built = json.loads((ROOT / "out" / f"{name}.sol" / f"{name}.json").read_text())
        assert built["bytecode"]["object"] == artifact(name)["bytecode"]
        assert built["deployedBytecode"]["object"] == artifact(name)["deployedBytecode"]


def test_every_invariant_has_a_mutant() -> None:
    text = (ROOT / "contracts" / "test" / "Invariants.t.sol").read_text()
    assert set(re.findall(r"function invariant_(\w+)", text)) == set(MUTANTS)


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.slow) if n in SLOW else n for n in MUTANTS],
)
def test_a_broken_contract_turns_an_invariant_red(name: str, tmp_path: Path) -> None:
    need(FORGE)
    fault, file, good, bad = MUTANTS[name]
    for part in FILES:
        here = ROOT / "contracts" / part
        (tmp_path / "contracts" / part).parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if here.is_dir() else shutil.copy)(here, tmp_path / "contracts" / part)
    shutil.copy(ROOT / "foundry.toml", tmp_path)
    (tmp_path / "node_modules").symlink_to(ROOT / "node_modules")
    source = tmp_path / "contracts" / file
    text = source.read_text()
    assert text.count(good) == 1, f"the mutant no longer fits the contract: {fault}"
    source.write_text(text.replace(good, bad))

    done = run([FORGE, "test", "--match-test", f"invariant_{name}"], cwd=tmp_path, **HURRY)

    assert done.returncode != 0, f"nobody noticed: {fault}\n" + done.stdout[-2000:]
    assert "Compiler run successful" in done.stdout + done.stderr, done.stdout[-2000:] + done.stderr[-2000:]
    assert "FAIL" in done.stdout and f"invariant_{name}" in done.stdout
