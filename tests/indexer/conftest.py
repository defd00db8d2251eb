"""One played world for the tests that only read, and helpers to start others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from indexer.sync import Indexer
from symphony_chain.devnet import available_kinds, start_devnet
from symphony_chain.rpc import Rpc
from tests.indexer.scenario import Scenario

KINDS = ["pyevm", pytest.param("anvil", marks=pytest.mark.anvil)]


@contextmanager
def devnet_world(folder: Path, kind: str = "auto") -> Iterator[Scenario]:
    """A fresh devnet that mines on every transaction, with a deployment."""
    if kind not in ("auto", *available_kinds()):
        pytest.skip(f"{kind} is not installed")
    with start_devnet(kind, block_time_s=0) as node, Rpc(node.url) as rpc:
        yield Scenario.start(rpc, folder)


def database(folder: Path, name: str = "index") -> str:
    return f"sqlite:///{folder / name}.db"


def fresh_digest(world: Scenario, folder: Path) -> str:
    """Digest of an index made from nothing."""
    path = folder / "fresh.db"
    for old in folder.glob("fresh.db*"):
        old.unlink()
    with Indexer(world.rpc, world.deployment, f"sqlite:///{path}") as indexer:
        indexer.sync_once()
        return indexer.digest()


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenario]:
    """Every outcome and every event, played once; do not write to this chain."""
    with devnet_world(tmp_path_factory.mktemp("world")) as scenario:
        scenario.play_all()
        yield scenario


@pytest.fixture(scope="session")
def world_db(world: Scenario, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The world's index; do not write to it."""
    url = database(tmp_path_factory.mktemp("index"))
    with Indexer(world.rpc, world.deployment, url) as indexer:
        indexer.sync_once()
    return url
