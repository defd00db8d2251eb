"""Workers bring copies of what others may audit to the gateways they read from, and lose nothing where those refuse."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from agent_runtime.jobs import Inline
from agent_runtime.worker_copies import ATTEMPTS, RETRY_BLOCKS, Copies
from symphony_chain.canonical import sha256
from symphony_chain.content.errors import Unavailable, UploadRefused
from symphony_chain.content.upload import put_document
from symphony_chain.spec.registration import Registration
from symphony_chain.spec.trace import Trace
from tests.runtime.conftest import Buyer, ConfigFor, eventually, question
from tests.runtime.people import RunningWorker
from tests.runtime.scripted import ScriptedEngine, add_up


class Shelf:
    """A gateway that takes copies: answers with ``status``, keeps what it was brought."""

    def __init__(self) -> None:
        self.status, self.brought = 201, []  # type: tuple[int, list[tuple[dict[str, str], bytes]]]
        shelf = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                url = urlsplit(self.path)
                data = self.rfile.read(int(self.headers["Content-Length"]))
                if url.path == "/v1/content":
                    shelf.brought.append((dict(parse_qsl(url.query)), data))
                self.send_response(shelf.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    opened = Shelf()
    yield opened
    opened.close()


def test_registration_file_and_trace_arrive(buyer: Buyer, config_for: ConfigFor, shelf: Shelf) -> None:
    """Each once, with its place on chain; a gateway that takes no copies disturbs nothing."""
    with RunningWorker(config_for("ada", content_urls=(buyer.gateway.url, shelf.url)), ScriptedEngine(add_up)) as ada:
        posted = buyer.requester.post(question(k=1), "copied")
        buyer.requester.drive(posted)
        eventually(lambda: len(shelf.brought) >= 2, what="both copies")
        agent_id, view = ada.worker.agent_id, ada.worker.view.book.task(posted.task_id)
        file_digest = ada.worker.view.book.agent(agent_id).file_digest  # type: ignore[union-attr]
    (first, file), (second, trace) = shelf.brought
    assert first == {"kind": "registration", "agent": str(agent_id)}
    assert sha256(file) == file_digest and Registration.parse(file).name == "ada"
    assert second == {"kind": "trace", "task": "0x" + posted.task_id.hex(), "seat": "0"}
    assert view is not None and sha256(trace) == view.reveals[0].evidence_digest and Trace.parse(trace).answer == "42"


class Stub:
    """As much of a worker as copies look at."""

    def __init__(self) -> None:
        self.agent_id, self.number = 3, 100
        self.files = {sha256(b"file"): b"file"}

    @property
    def head(self) -> Stub:
        return self

    @property
    def me(self) -> Stub:
        return self

    file_digest = sha256(b"file")

    @property
    def content(self) -> Stub:
        return self

    def get(self, cid: Any, max_bytes: int) -> bytes:
        return self.files[cid.digest]


@pytest.mark.parametrize("error", [Unavailable("away", hint="later"), UploadRefused("no", hint="later")])
def test_a_gateway_that_does_not_take_it_is_asked_again_for_a_while(error: Exception) -> None:
    core, asked = Stub(), []

    def put(url: str, data: bytes, kind: str, of: Mapping[str, str | int]) -> None:
        asked.append((core.number, url))
        if url == "http://bad":
            raise error

    copies = Copies(core, Inline(), ("http://bad", "http://good"), put=put)  # type: ignore[arg-type]
    for core.number in range(100, 100 + RETRY_BLOCKS * (ATTEMPTS + 2)):  # noqa: B007
        copies.step([])
    bad = [number for number, url in asked if url == "http://bad"]
    assert bad == [100 + (RETRY_BLOCKS + 1) * i for i in range(ATTEMPTS)], "then it is left alone"
    assert [url for _, url in asked].count("http://good") == 1


def test_a_slow_gateway_holds_nobody_up() -> None:
    """While an upload runs there is no second one, and the step returns."""

    class Never(Inline):
        def submit(self, *_: Any, **__: Any) -> Future[Any]:
            started.append(1)
            return Future()

    started: list[int] = []
    copies = Copies(Stub(), Never(), ("http://slow", "http://other"))  # type: ignore[arg-type]
    for _ in range(5):
        copies.step([])
    assert started == [1]


def test_errors_of_an_upload(shelf: Shelf) -> None:
    for shelf.status, error in ((403, UploadRefused), (404, UploadRefused), (429, Unavailable), (503, Unavailable)):
        with pytest.raises(error) as caught:
            put_document(shelf.url + "/", b"x", "trace")
        assert shelf.url in str(caught.value) and caught.value.hint
    shelf.close()
    with pytest.raises(Unavailable, match="is away"):
        put_document(shelf.url, b"x", "trace")
