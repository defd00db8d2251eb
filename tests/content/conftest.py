"""Fixtures of the content tests: stores, sample files, a gateway on a free loopback port. Knows nothing of
chains."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvicorn
from hypothesis import HealthCheck, settings

from symphony_chain.content import ContentStore

ServeGateway = Callable[[object], str]

# Machines under load must not turn a slow example into a failure.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ContentStore]:
    with ContentStore(tmp_path / "store", max_bytes=1 << 26) as made:
        yield made


@pytest.fixture
def other_store(tmp_path: Path) -> Iterator[ContentStore]:
    with ContentStore(tmp_path / "other", max_bytes=1 << 26) as made:
        yield made


@pytest.fixture
def serve() -> Iterator[ServeGateway]:
    """Run ASGI apps on free loopback ports until the test ends; gives each one's base URL."""
    with contextlib.ExitStack() as stack:

        def start(app: object) -> str:
            listener = stack.enter_context(socket.socket())
            listener.bind(("127.0.0.1", 0))
            listener.listen()  # clients queue here until the server takes over, so there is nothing to wait for
            config = uvicorn.Config(app, log_level="critical", ws="none", lifespan="off")  # type: ignore[arg-type]
            server = uvicorn.Server(config)
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
            thread.start()

            def stop() -> None:
                server.should_exit = True
                thread.join(timeout=10)
                assert not thread.is_alive()

            stack.callback(stop)
            return f"http://127.0.0.1:{listener.getsockname()[1]}"

        yield start
