"""One played world for the tests that only read, and helpers to start others."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import delete, inspect

from indexer.database import open_engine
from indexer.schema import metadata
from indexer.sync import Indexer
from symphony_chain.devnet import available_kinds, start_devnet
from symphony_chain.rpc import Rpc
from tests.indexer.postgres import Cluster, running_cluster
from tests.indexer.scenario import Scenario


@contextmanager
def devnet_world(folder: Path, kind: str = "auto") -> Iterator[Scenario]:
    """A fresh devnet that mines on every transaction, with a deployment."""
    if kind not in ("auto", *available_kinds()):
        pytest.skip(f"{kind} is not installed")
    with start_devnet(kind, block_time_s=0) as node, Rpc(node.url) as rpc:
        yield Scenario.start(rpc, folder)


class Databases:
    """Makes databases of one kind."""

    def __init__(self, folder: Path, cluster: Cluster | None = None) -> None:
        self._folder = folder
        self._cluster = cluster
        self._numbers = itertools.count()
        self._swept: list[str] = []

    def new(self) -> str:
        """URL of a fresh database; an SQLite file is made by whoever opens it."""
        if self._cluster is not None:
            return self._cluster.create()
        return f"sqlite:///{self._folder / f'{next(self._numbers)}.db'}"

    @contextmanager
    def lent(self) -> Iterator[str]:
        """URL of an empty database for one test. A PostgreSQL one (seven megabytes, a thousand files) is swept and lent again."""
        if self._cluster is None:
            yield self.new()
            return
        url = self._swept.pop() if self._swept else self._cluster.create()
        yield url
        engine = open_engine(url)
        with engine.begin() as connection:
            there = set(inspect(connection).get_table_names())
            for table in metadata.sorted_tables:
                if table.name in there:
                    connection.execute(delete(table))
        engine.dispose()
        self._swept.append(url)


DATABASE_KINDS = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The PostgreSQL server of this test process, started when the first test wants it."""
    with running_cluster() as running:
        yield running


def databases_of(kind: str, request: pytest.FixtureRequest, factory: pytest.TempPathFactory) -> Databases:
    """Databases of a kind of `DATABASE_KINDS`."""
    cluster = request.getfixturevalue("cluster") if kind == "postgres" else None
    return Databases(factory.mktemp("databases"), cluster)


@pytest.fixture(scope="session", params=DATABASE_KINDS)
def databases(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Databases:
    """Tests that ask for this (or for `db`, or `world_db`) run on every kind of database."""
    return databases_of(request.param, request, tmp_path_factory)


@pytest.fixture(scope="session")
def sqlite_databases(tmp_path_factory: pytest.TempPathFactory) -> Databases:
    """For what is not about databases."""
    return Databases(tmp_path_factory.mktemp("databases"))


@pytest.fixture
def db(databases: Databases) -> Iterator[str]:
    """URL of an empty database."""
    with databases.lent() as url:
        yield url


def database(folder: Path, name: str = "index") -> str:
    """URL of an SQLite database, for what is not about databases."""
    return f"sqlite:///{folder / name}.db"


def fresh_digest(world: Scenario, folder: Path) -> str:
    """Digest of an index made from nothing, in SQLite: the same rows have the same digest in any database."""
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
def world_db(world: Scenario, databases: Databases) -> str:
    """The world's index; do not write to it."""
    return indexed(world, databases.new())


def indexed(world: Scenario, url: str) -> str:
    """The database, once the whole chain is in it."""
    with Indexer(world.rpc, world.deployment, url) as indexer:
        indexer.sync_once()
    return url
