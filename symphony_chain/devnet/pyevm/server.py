"""JSON-RPC over HTTP for the embedded node: dispatch, batches, CORS for browsers. Knows no chain."""

from __future__ import annotations

import inspect
import logging
import sys
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson

from symphony_chain.devnet.pyevm.faults import INTERNAL, INVALID_PARAMS, METHOD_NOT_FOUND, RpcFault
from symphony_chain.devnet.pyevm.methods import Method

MAX_BODY_BYTES = 32 * 2**20
CORS = (
    b"Access-Control-Allow-Origin: *\r\n"
    b"Access-Control-Allow-Methods: POST, OPTIONS\r\n"
    b"Access-Control-Allow-Headers: *\r\n"
    b"Access-Control-Allow-Private-Network: true\r\n"
    b"Access-Control-Max-Age: 86400\r\n"
)
logger = logging.getLogger(__name__)


class Dispatcher:
    """Answers JSON-RPC 2.0 documents from a table of methods."""

    def __init__(self, table: Mapping[str, Method]) -> None:
        self._table = table

    def answer(self, body: bytes) -> bytes:
        """The answer to one request body; a batch is answered in order."""
        try:
            request = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            return orjson.dumps(_error(None, RpcFault(-32700, f"parse error: {error}")))
        if isinstance(request, list):
            answers = [self._one(item) for item in request]
            return orjson.dumps(answers if answers else _error(None, RpcFault(-32600, "empty batch")))
        return orjson.dumps(self._one(request))

    def _one(self, request: Any) -> dict[str, Any]:
        if not isinstance(request, dict) or not isinstance(request.get("method"), str):
            return _error(None, RpcFault(-32600, "invalid request: expected an object with a method"))
        request_id = request.get("id")
        try:
            return {"jsonrpc": "2.0", "id": request_id, "result": self._run(request)}
        except RpcFault as fault:
            return _error(request_id, fault)
        except Exception as error:  # a fault of ours must reach the client as an error, not as a broken connection
            logger.exception("%s failed", request["method"])
            return _error(request_id, RpcFault(INTERNAL, f"internal error: {type(error).__name__}: {error}"))

    def _run(self, request: dict[str, Any]) -> Any:
        name = request["method"]
        method = self._table.get(name)
        if method is None:
            raise RpcFault(METHOD_NOT_FOUND, f"the method {name} does not exist on this devnet")
        arguments = request.get("params") or []
        if not isinstance(arguments, list):
            raise RpcFault(INVALID_PARAMS, "params must be a list")
        try:
            inspect.signature(method).bind(*arguments)
        except TypeError as error:
            raise RpcFault(INVALID_PARAMS, f"{name}: {error}") from None
        return method(*arguments)


def _error(request_id: Any, fault: RpcFault) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": request_id, "error": fault.as_json()}


class RpcServer(ThreadingHTTPServer):
    """One thread per connection; raises OSError where the port is taken."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, host: str, port: int, dispatcher: Dispatcher) -> None:
        self.dispatcher = dispatcher
        super().__init__((host, port), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in the middle is no news; anything else is logged."""
        if not isinstance(sys.exception(), ConnectionError):
            logger.exception("connection from %s failed", client_address)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{self.server_address[0]!s}:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: RpcServer

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > MAX_BODY_BYTES:
            self.close_connection = True
            self._reply(413, b'{"error":"body too large"}')
            return
        self._reply(200, self.server.dispatcher.answer(self.rfile.read(length)))

    def do_OPTIONS(self) -> None:
        self._reply(204, b"")

    def do_GET(self) -> None:
        self._reply(405, b'{"error":"this is a JSON-RPC address: use POST"}')

    def _reply(self, status: int, body: bytes) -> None:
        head = b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n" % (status, len(body)) + CORS
        self.wfile.write(head + b"\r\n" + body)  # one write: two would wait for the client's delayed ACK

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        return
