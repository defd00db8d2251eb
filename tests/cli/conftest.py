"""Fixtures of the command line's tests: one devnet with every outcome played on it, and a way to run commands in-process."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from symphony.cli import run
from symphony_chain.devnet import Devnet, start_devnet
from symphony_chain.rpc import Rpc
from tests.indexer.scenario import Scenario


@dataclass(frozen=True)
class Ran:
    """A finished command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one document on stdout."""
        lines = self.out.splitlines()
        assert len(lines) == 1, self.out
        document = json.loads(lines[0])
        assert isinstance(document, dict)
        return document

    @property
    def error(self) -> dict[str, Any]:
        error = self.json["error"]
        assert set(error) == {"code", "message", "hint", "context"}
        assert error["message"] and error["hint"]
        return error


def invoke(*args: object) -> Ran:
    """Runs `symphony ARGS…` in this process, without a terminal."""
    out, err, stdin = io.StringIO(), io.StringIO(), sys.stdin
    sys.stdin = io.StringIO("")
    try:
        with redirect_stdout(out), redirect_stderr(err):
            code = run([str(arg) for arg in args])
    finally:
        sys.stdin = stdin
    return Ran(code, out.getvalue(), err.getvalue())


@dataclass(frozen=True)
class World:
    """A devnet on which one task of every outcome was played, and its deployment file."""

    node: Devnet
    rpc: Rpc
    scenario: Scenario
    deployment: Path

    @property
    def chain(self) -> tuple[str, ...]:
        """The options that point a command at it."""
        return ("--rpc", self.node.url, "--deployment", str(self.deployment))


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    with start_devnet("pyevm", block_time_s=0) as node, Rpc(node.url) as rpc:
        scenario = Scenario.start(rpc, folder)
        scenario.play_all()
        path = folder / "deployment.json"
        scenario.deployment.save(path)
        yield World(node, rpc, scenario, path)


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test works in its own folder, without the settings of whoever runs it."""
    monkeypatch.chdir(tmp_path)
    for name in (
        "SYMPHONY_RPC_URL",
        "SYMPHONY_DATA_DIR",
        "SYMPHONY_ADDRESSES_FILE",
        "SYMPHONY_PASSWORD_FILE",
        "SYMPHONY_DEBUG",
    ):
        monkeypatch.delenv(name, raising=False)
