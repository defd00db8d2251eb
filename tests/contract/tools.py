"""Finds forge and Node for the tests that need npm packages, and runs them. Starts nothing by itself."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from symphony_chain.devnet.binaries import find_node

ROOT = Path(__file__).resolve().parents[2]
#: The native binary: npm's shim answers 0 whatever forge said.
FORGE = ROOT / "node_modules" / "@foundry-rs" / "forge-linux-amd64" / "bin" / "forge"
ETHERS = ROOT / "node_modules" / "ethers"
TIMEOUT_S = 600


def need(path: Path) -> None:
    """Skips, visibly, where npm packages are not installed."""
    if not path.exists() or find_node() is None:
        pytest.skip(f"{path.relative_to(ROOT)} or Node is missing: run `npm install`")


def environment(**more: str) -> dict[str, str]:
    """This process's environment with Node on the PATH: the compiler shim is a Node script."""
    node = find_node()
    assert node is not None
    return {**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ['PATH']}", **more}


def run(command: Sequence[str | Path], cwd: Path = ROOT, **env: str) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end; the caller judges the exit code."""
    return subprocess.run(
        command,
        cwd=cwd,
        env=environment(**env),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def run_with_input(command: Sequence[str | Path], text: str) -> subprocess.CompletedProcess[str]:
    """As `run`, with `text` on standard input."""
    return subprocess.run(
        command,
        input=text,
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def node() -> Path:
    """The Node that `need` made sure of."""
    found = find_node()
    assert found is not None
    return found
