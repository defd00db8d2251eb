"""hardhat.config.js compiles the contracts to the very bytecode that the package ships."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from symphony_chain.devnet.binaries import find_hardhat

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.node
@pytest.mark.hardhat
def test_hardhat_builds_the_shipped_bytecode() -> None:
    hardhat = find_hardhat()
    if hardhat is None:
        pytest.skip("Hardhat or Node 22 is not installed here")
    command = [hardhat.node, hardhat.cli, "build", "--no-tests"]
    built = subprocess.run(command, cwd=hardhat.project, capture_output=True, text=True, timeout=300)
    assert built.returncode == 0, built.stdout + built.stderr
    shipped = [path for path in (ROOT / "symphony_chain" / "artifacts").glob("*.json") if path.stem != "manifest"]
    assert {path.stem for path in shipped} >= {"AgentRegistry", "TaskMarket"}
    for path in shipped:
        (built_file,) = (ROOT / "artifacts" / "contracts").glob(f"**/{path.stem}.sol/{path.name}")
        theirs = json.loads(built_file.read_text())
        ours = json.loads(path.read_text())
        for part in ("bytecode", "deployedBytecode"):
            assert theirs[part].removeprefix("0x") == ours[part].removeprefix("0x"), (path.stem, part)
