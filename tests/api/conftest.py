"""One played world with texts for the tests that only read, and clients of an API over it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from api import create_app
from tests.api.browser import CHROMIUM
from tests.api.server import served
from tests.api.world import World, build
from tests.indexer.conftest import cluster, databases, devnet_world

__all__ = ["cluster", "databases"]  # fixtures of the index: tests that ask for `databases` run on every kind


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A market with texts in every state; do not write to this chain."""
    folder = tmp_path_factory.mktemp("told")
    with devnet_world(folder) as scenario:
        yield build(scenario, folder)


@pytest.fixture(scope="session")
def client(told: World) -> Iterator[TestClient]:
    """A client of an API over that market."""
    with TestClient(create_app(told.settings), raise_server_exceptions=False) as http:
        yield http


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A market of one module's own, with four agents and no task: it may be written to."""
    folder = tmp_path_factory.mktemp("live")
    with devnet_world(folder) as scenario:
        yield build(scenario, folder, played=False)


@pytest.fixture(scope="session")
def told_url(told: World) -> Iterator[str]:
    """URL of an API process over the played market."""
    with served(told.settings) as (url, _):
        yield url


# Per module: while its driver lives, Playwright keeps an event loop running in this thread; asyncio tests could not run theirs.
@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium."""
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()
