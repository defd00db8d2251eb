"""A worker's content gateway: serves its store over HTTP from a thread of its own. Knows no tasks."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

import uvicorn

from symphony_chain.content import ContentStore
from symphony_chain.content.gateway import gateway_app
from symphony_chain.errors import Conflict, Failure

START_DEADLINE_S = 20.0


class GatewayServer:
    """Listens from construction until `close`; port 0 takes a free one.

    Raises:
        Conflict ``gateway.port_taken``: the address cannot be had. Failure ``gateway.failed``: the server did not start.
    """

    def __init__(self, store: ContentStore, *, host: str, port: int) -> None:
        self._socket = _bind(host, port)
        config = uvicorn.Config(
            gateway_app(store), log_level="warning", access_log=False, lifespan="off", ws="none", timeout_graceful_shutdown=2
        )
        started = threading.Event()
        self._server = _Server(config, started.set)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="gateway", daemon=True
        )
        self._thread.start()
        if not started.wait(START_DEADLINE_S):
            self.close()
            raise Failure("the content gateway did not start", hint="is the machine overloaded?", code="gateway.failed")

    @property
    def url(self) -> str:
        host, port = self._socket.getsockname()[:2]
        return f"http://{host}:{port}"

    def close(self) -> None:
        """Stops listening; returns when the server is gone."""
        self._server.should_exit = True
        self._thread.join(START_DEADLINE_S)
        self._socket.close()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_started()


def _bind(host: str, port: int) -> socket.socket:
    listener = socket.socket()
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise Conflict(
            f"the content gateway cannot listen on {host}:{port}: {error}",
            hint="choose another gateway_port, or 0 for any free one",
            code="gateway.port_taken",
            port=port,
        ) from error
    return listener
