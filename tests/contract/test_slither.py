"""slither: every finding above informational has a written reason in contracts/slither-reasons.json, function by function.

A contract that is wrong on purpose goes along in every run: an analysis that looked at nothing would not find it.
"""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.contract.tools import FORGE, ROOT, environment, need, run

pytestmark = pytest.mark.node

REASONS = ROOT / "contracts" / "slither-reasons.json"
SLITHER = ROOT / ".venv-slither" / "bin" / "slither"
IMPACTS = {"High", "Medium", "Low"}
CANARY = """// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

contract Canary {
    function leave(address payable to) external {
        require(tx.origin == to);
        to.transfer(address(this).balance);
    }
}
"""

#: detector and "Contract.function"
Finding = tuple[str, str]


def accepted() -> list[Finding]:
    """Every finding that has a reason."""
    listed: dict[str, list[dict[str, Any]]] = json.loads(REASONS.read_text())
    return [(check, name) for check, groups in listed.items() for group in groups for name in group["functions"]]


def where(element: dict[str, Any]) -> str:
    """ "Contract.function" of a slither element: a variable or statement belongs to the function around it."""
    parent = element.get("type_specific_fields", {}).get("parent")
    if element["type"] == "function":
        return f"{parent['name']}.{element['name']}"
    return where(parent) if parent else str(element["name"])


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> set[Finding]:
    """What slither says of the contracts and of the canary."""
    need(FORGE)
    if not SLITHER.exists():
        pytest.skip("slither is missing: run `make setup-test`")
    folder = tmp_path_factory.mktemp("slither")
    shutil.copytree(ROOT / "contracts", folder / "contracts", ignore=shutil.ignore_patterns("test"))
    (folder / "contracts" / "Canary.sol").write_text(CANARY)
    shutil.copy(ROOT / "foundry.toml", folder)
    (folder / "node_modules").symlink_to(ROOT / "node_modules")
    command: list[str | Path] = [SLITHER, ".", "--compile-force-framework", "foundry", "--filter-paths", "node_modules"]
    command += ["--exclude-informational", "--exclude-optimization", "--json", "found.json"]
    done = run(command, cwd=folder, PATH=os.pathsep.join([str(FORGE.parent), environment()["PATH"]]))
    assert (folder / "found.json").exists(), done.stdout[-2000:] + done.stderr[-4000:]
    found = json.loads((folder / "found.json").read_text())
    assert found["success"], found["error"]
    return {
        (result["check"], where(result["elements"][0]))
        for result in found["results"]["detectors"]
        if result["impact"] in IMPACTS
    }


def test_the_analysis_sees(findings: set[Finding]) -> None:
    assert {("tx-origin", "Canary.leave"), ("arbitrary-send-eth", "Canary.leave")} <= findings


def test_every_finding_has_a_reason(findings: set[Finding]) -> None:
    ours = {finding for finding in findings if not finding[1].startswith("Canary")}
    assert sorted(ours - set(accepted())) == [], "look at each; mend it, or write down why it is none"


def test_no_reason_is_stale(findings: set[Finding]) -> None:
    assert sorted(set(accepted()) - findings) == [], "slither finds these no more: drop them"


def test_reasons_are_written_and_nothing_is_listed_twice() -> None:
    listed = json.loads(REASONS.read_text())
    assert all(len(group["reason"]) > 20 for groups in listed.values() for group in groups)
    assert [finding for finding, times in Counter(accepted()).items() if times > 1] == []
