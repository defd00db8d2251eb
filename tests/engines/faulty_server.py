"""A model server that does what a script says, request by request: over real sockets, in a thread, on a free loopback port."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

MODELS = {"object": "list", "data": [{"id": "tiny", "object": "model"}]}


@dataclass
class Reply:
    """Status, headers and body of one answer; the body is sent as it is, JSON if it is no bytes."""

    status: int = 200
    body: Any = b""
    headers: dict[str, str] = field(default_factory=dict)
    claimed_bytes: int | None = None

    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


#: A step of a script: an answer, or a function that is given the handler and does as it likes.
Step = Reply | Callable[[BaseHTTPRequestHandler], None]


def completion(text: str = " 42", finish: str | None = "stop", logprobs: Any = None, tokens: Any = 2) -> Reply:
    """An answer of /v1/completions as it should be."""
    choice = {"index": 0, "text": text, "finish_reason": finish, "logprobs": logprobs}
    return Reply(body={"choices": [choice], "usage": {"completion_tokens": tokens}})


def message(content: Any = " 42", **more: Any) -> Reply:
    """An answer of /v1/chat/completions as it should be."""
    choice = {"message": {"role": "assistant", "content": content, **more}, "finish_reason": "stop"}
    return Reply(body={"choices": [choice], "usage": {"completion_tokens": 2}})


class FaultyServer:
    """Answers ``GET /v1/models`` with ``models``, and every other request with the next step; the last step goes on for ever."""

    def __init__(self, steps: Sequence[Step], models: Step | None = None) -> None:
        self.requests: list[tuple[str, str, dict[str, str], Any]] = []
        self.released = threading.Event()
        self._steps, self._models = list(steps), models or Reply(body=MODELS)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # head and body in one packet: two wait for each other's acknowledgement

            def do_GET(self) -> None:
                outer._answer(self, b"")

            def do_POST(self) -> None:
                outer._answer(self, self.rfile.read(int(self.headers["content-length"])))

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    @property
    def completions(self) -> list[Any]:
        """Bodies of the requests for completions."""
        return [body for method, _, _, body in self.requests if method == "POST"]

    def __enter__(self) -> FaultyServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, handler: BaseHTTPRequestHandler, payload: bytes) -> None:
        body = json.loads(payload) if payload else None
        self.requests.append((handler.command, handler.path, dict(handler.headers.items()), body))
        step = self._models
        if handler.command == "POST":
            step = self._steps.pop(0) if len(self._steps) > 1 else self._steps[0]
        if not isinstance(step, Reply):
            handler.close_connection = True
            try:
                step(handler)
            except OSError:
                pass  # the client has had enough
            return
        content = step.content()
        handler.send_response(step.status)
        for name, value in step.headers.items():
            handler.send_header(name, value)
        claimed = len(content) if step.claimed_bytes is None else step.claimed_bytes
        handler.send_header("content-length", str(claimed))
        handler.end_headers()
        handler.wfile.write(content)
        handler.wfile.flush()
        handler.close_connection = handler.close_connection or claimed != len(content)
