"""halmos: what is arithmetic is proved for all arguments, and every proof turns red where the code is wrong.

Proofs are in contracts/test/symbolic. A run needs only the libraries, so it compiles in seconds.
"""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.contract.tools import FORGE, ROOT, environment, need, run

pytestmark = pytest.mark.node

HOME = ROOT / ".venv-halmos" / "bin"
SYMBOLIC = ROOT / "contracts" / "test" / "symbolic"
ASSERTION_LIMIT_S = 600


@dataclass(frozen=True)
class Suite:
    """A contract of proofs and the solver that suits its queries; "" is halmos's own."""

    name: str
    solver: str
    slow: bool = False


SUITES = {
    suite.name: suite
    for suite in (
        Suite("StepSymbolic", "bitwuzla", slow=True),
        Suite("MatchSymbolic", "bitwuzla", slow=True),
        Suite("WordsSymbolic", ""),
        Suite("OrdersSymbolic", ""),
        Suite("ShareSymbolic", "bitwuzla"),
        Suite("MoneySymbolic", "cvc5"),
    )
}
LIBRARIES = "libraries/"
MONEY = "test/symbolic/Money.t.sol"
#: proof → what breaks it: file, the text as it is and as it would be wrong.
MUTANTS = {
    "check_inRange_is_of_every_lane": (
        LIBRARIES + "Capability.sol",
        "return (word + GAP) & TOP == 0;",
        "return (word + GAP) & (TOP >> 16) == 0;",
    ),
    "check_step_moves_its_lane_toward_the_score": (
        LIBRARIES + "Capability.sol",
        "next += ((score - e) * r / 160_000) << shift;",
        "next += ((score - e) * r / 9_000) << shift;",
    ),
    "check_match_and_weight_of_one_lane": (LIBRARIES + "Capability.sol", "if (e < FLOOR) e = FLOOR;", ""),
    "check_match_and_weight_of_two_lanes": (LIBRARIES + "Capability.sol", "if (weight == 0) weight = 1;", ""),
    "check_head_opens_with_its_fields": (LIBRARIES + "Words.sol", "(revealWindow_ << REVEAL)", "(revealWindow_ << 157)"),
    "check_award_keeps_deadlines_and_kind": (
        LIBRARIES + "Words.sol",
        "((1 << FREE) - (1 << BID_END))",
        "((1 << EVALUATION) - (1 << BID_END))",
    ),
    "check_only_the_desk_is_hidden": (LIBRARIES + "Words.sol", "~(DESKS << DESK)", "~(DESKS << PLAN)"),
    "check_phase_alone_changes": (LIBRARIES + "Words.sol", "<< 8 >> 8)", "<< 9 >> 9)"),
    "check_closed_head_is_a_receipt": (LIBRARIES + "Words.sol", "(closedAt_ << 208)", "(closedAt_ << 209)"),
    "check_time_only_leads_forward": (
        LIBRARIES + "Words.sol",
        "if (state == State.Awarded && time > head.commitEnd())",
        "if (state == State.Awarded && time >= head.commitEnd())",
    ),
    "check_seat_is_awarded_with_its_fields": (LIBRARIES + "Words.sol", "(agentId_ << 208)", "(agentId_ << 207)"),
    "check_seat_advances_and_stays_its_agents": (LIBRARIES + "Words.sol", "<< 2 >> 210 << 208", "<< 3 >> 211 << 208"),
    "check_weight_alone_changes": (LIBRARIES + "Words.sol", "~(uint256(0x3fff) << 240)", "~(uint256(0x7fff) << 240)"),
    "check_structHash_is_of_the_fields": (
        LIBRARIES + "Orders.sol",
        "and(shr(176, terms), 0xff)) // minSeats",
        "and(shr(168, terms), 0xff)) // minSeats",
    ),
    "check_fields_are_the_words": (
        LIBRARIES + "Orders.sol",
        "return uint32(t.times >> 112);",
        "return uint24(t.times >> 112);",
    ),
    "check_bid_fields_are_its_terms": (
        LIBRARIES + "Orders.sol",
        "return uint96(b.terms >> 32);",
        "return uint88(b.terms >> 32);",
    ),
    "check_escrow_is_the_sum": (
        LIBRARIES + "Orders.sol",
        "return ceiling(t) * k(t) + evaluationFee(t);",
        "return ceiling(t) * k(t);",
    ),
    "check_share_is_between_base_and_all": (MONEY, "(10_000 - base) * score", "10_000 * score"),
    "check_share_grows_with_the_score": (MONEY, "(10_000 - base) * score", "(10_000 - base) * (10_000 - score)"),
    "check_pay_is_at_most_the_price": (MONEY, "return price * share / 1e8;", "return price * share / 1e7;"),
    "check_pay_grows_with_the_share": (MONEY, "return price * share / 1e8;", "return price - share;"),
    "check_burn_and_share_split_the_pay": (MONEY, "pay -= burn;", ""),
}


def checks() -> dict[str, Suite]:
    """Proof → its suite, as the files have them."""
    found: dict[str, Suite] = {}
    for path in sorted(SYMBOLIC.glob("*.t.sol")):
        for contract in re.split(r"^contract ", path.read_text(), flags=re.MULTILINE)[1:]:
            for check in re.findall(r"function (check_\w+)", contract):
                found[check] = SUITES[contract.split()[0]]
    return found


def prepared(folder: Path) -> Path:
    """A folder with all that the proofs need."""
    need(FORGE)
    if not (HOME / "halmos").exists():
        pytest.skip("halmos is missing: run `make setup-test`")
    (folder / "contracts" / "test").mkdir(parents=True)
    for part in ("interfaces", "libraries", "test/symbolic"):
        shutil.copytree(ROOT / "contracts" / part, folder / "contracts" / part)
    shutil.copy(ROOT / "contracts" / "solc-shim.cjs", folder / "contracts")
    shutil.copy(ROOT / "foundry.toml", folder)
    (folder / "node_modules").symlink_to(ROOT / "node_modules")
    return folder


def prove(folder: Path, suite: Suite, check: str = "check_") -> dict[str, int]:
    """Proof → exit code of its proof: 0 proved, 1 refuted, else neither."""
    command: list[str | Path] = [HOME / "halmos", "--no-status", "--contract", suite.name, "--function", check]
    # A loop walks sixteen lanes; an overflow in a proof is a fault like any other.
    command += ["--loop", "17", "--panic-error-codes", "*", "--solver-timeout-assertion", f"{ASSERTION_LIMIT_S}s"]
    if suite.solver:
        command += ["--solver-command", f"{HOME / 'python'} {ROOT / 'scripts' / 'solve_smt.py'} {suite.solver}"]
    path = f"{FORGE.parent}:{environment()['PATH']}"
    done = run([*command, "--json-output", "proofs.json"], cwd=folder, PATH=path, FOUNDRY_AST="true")
    said = done.stdout[-3000:] + done.stderr[-3000:]
    assert (folder / "proofs.json").exists(), f"halmos ended with {done.returncode}: {said}"
    results = json.loads((folder / "proofs.json").read_text())["test_results"]
    return {r["name"].split("(")[0]: r["exitcode"] for found in results.values() for r in found}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepared(tmp_path_factory.mktemp("halmos"))


@pytest.mark.parametrize("name", [pytest.param(s.name, marks=pytest.mark.slow) if s.slow else s.name for s in SUITES.values()])
def test_everything_is_proved(built: Path, name: str) -> None:
    proved = prove(built, SUITES[name])
    assert proved == {check: 0 for check, suite in checks().items() if suite.name == name}


def test_every_proof_has_a_mutant() -> None:
    assert set(checks()) == set(MUTANTS)


@pytest.mark.slow
@pytest.mark.parametrize("check", MUTANTS)
def test_wrong_code_refutes_its_proof(check: str, tmp_path: Path) -> None:
    folder = prepared(tmp_path)
    file, good, bad = MUTANTS[check]
    source = folder / "contracts" / file
    text = source.read_text()
    assert text.count(good) == 1, "the mutant no longer fits the code"
    source.write_text(text.replace(good, bad))
    assert prove(folder, checks()[check], check) == {check: 1}


def test_the_formulas_proved_are_those_of_the_market() -> None:
    """Pay is computed inside a function that no proof can call, so its formulas stand in the proofs once more."""
    market, proofs = (ROOT / "contracts" / "TaskMarket.sol").read_text(), (ROOT / "contracts" / MONEY).read_text()
    share = "base * 10_000 + (10_000 - base) * score"
    assert f"return {share};" in proofs and "return price * share / 1e8;" in proofs
    assert f"pay = t.price * ({share}) / 1e8;" in market
    assert "uint256 burn = pay * burnBps / 10_000;" in proofs and "uint256 burn = pay * SCORE_BURN_BPS / 10_000;" in market
    for line in ("pay -= burn;", "uint256 shared = pay * sharedBps / 10_000;"):
        assert line in proofs and line in market
