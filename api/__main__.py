"""`python -m api`: serves one index until SIGTERM or the end of its parent. Prints one JSON line when it is ready."""

from __future__ import annotations

import argparse
import json
import logging
import os
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import uvicorn

from api.app import create_app
from api.services import Services
from api.settings import LOOPBACK_HOSTS, ApiSettings
from symphony_chain.errors import Conflict, Failure, SymphonyError, UsageError

PARENT_POLL_S = 1.0
SHUTDOWN_S = 3


def main(argv: list[str] | None = None) -> int:
    """Runs the server; exit codes as in `symphony_chain.errors`."""
    options = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        listener = bind(options.host, options.port)
        with listener:
            host, port = listener.getsockname()[:2]
            url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
            serve(listener, url, _settings(options, url))
    except SymphonyError as error:
        print(json.dumps({"error": error.as_dict()}, default=str), file=sys.stderr)
        return error.exit_code
    return 0


def bind(host: str, port: int) -> socket.socket:
    """A bound socket; Conflict `api.port_taken` if somebody else has the port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        return listener
    except OverflowError as error:
        listener.close()
        raise UsageError(f"{port} is not a port", hint="give 0…65535; 0 takes any free one") from error
    except OSError as error:
        listener.close()
        raise Conflict(
            f"cannot listen on {host}:{port}: {error.strerror or error}",
            hint="choose another port, or 0 for any free one; perhaps an API already runs there",
            code="api.port_taken",
            port=port,
        ) from error


def serve(listener: socket.socket, url: str, settings: ApiSettings) -> None:
    """Serves until told to stop."""
    app = create_app(settings)
    parts: Services = app.state.services
    config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=SHUTDOWN_S)
    server = _Server(config, url, before_exit=parts.hub.close)
    threading.Thread(target=_watch, args=(os.getppid(), server), daemon=True).start()
    server.run(sockets=[listener])
    if not server.started:
        raise Failure("the API could not start", hint="its log says why", code="api.not_started")


class _Server(uvicorn.Server):
    """Says when it is ready, and ends event streams before it waits for connections to close."""

    def __init__(self, config: uvicorn.Config, url: str, *, before_exit: Callable[[], None]) -> None:
        super().__init__(config)
        self._url = url
        self._before_exit = before_exit

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            print(json.dumps({"url": self._url}), flush=True)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._before_exit()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # SIGTERM is how a supervisor ends us: a clean exit, not a death by signal.
        self.should_exit = True


def _watch(parent: int, server: uvicorn.Server) -> None:
    """Stops the server when the parent process is gone."""
    wait = threading.Event()
    while os.getppid() == parent and not server.should_exit:
        wait.wait(PARENT_POLL_S)
    server.should_exit = True


def _settings(options: argparse.Namespace, url: str) -> ApiSettings:
    if options.relayer_keystore is not None and options.host not in LOOPBACK_HOSTS and options.public_url is None:
        raise UsageError("a relayer key on an open host needs --public-url", hint="say under which URL this API is public")
    return ApiSettings(
        db_url=options.db,
        rpc_url=options.rpc,
        deployment_path=options.deployment,
        content_dir=options.content,
        public_url=options.public_url or url,
        relayer_keystore=options.relayer_keystore,
        relayer_password_file=options.relayer_password_file,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m api", description="Symphony's REST API and explorer.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes any free one (default)")
    parser.add_argument("--db", required=True, help="URL of the index, as the indexer writes it")
    parser.add_argument("--rpc", required=True, help="URL of the node")
    parser.add_argument("--deployment", required=True, type=Path, help="the deployment file")
    parser.add_argument("--content", required=True, type=Path, help="folder of the content store")
    parser.add_argument("--public-url", help="base URL under which others reach this API")
    parser.add_argument("--relayer-keystore", type=Path, help="folder with the one key that pays for relayed orders")
    parser.add_argument("--relayer-password-file", type=Path)
    return parser


if __name__ == "__main__":
    sys.exit(main())
