"""Keeps a task's texts reachable: a gateway on this machine while the command runs, and copies at other gateways.

Knows nothing of tasks on chain.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from symphony_chain.content.errors import Unavailable, UploadRefused
from symphony_chain.content.store import ContentStore
from symphony_chain.content.unixfs import Added
from symphony_chain.content.upload import put_document
from symphony_chain.errors import Failure


class MirroredStore(ContentStore):
    """A content store whose additions also go to other gateways, before anything that names them can be sent.

    Args:
        mirrors: base URLs that take `PUT /v1/content?kind=…`.
    """

    def __init__(self, path: Path, *, max_bytes: int, mirrors: Sequence[str]) -> None:
        super().__init__(path, max_bytes=max_bytes)
        self._mirrors = tuple(mirrors)

    def add(self, data: bytes, kind: str) -> Added:
        added = super().add(data, kind)
        for url in self._mirrors:
            _upload(url, data, kind)
        return added


def _upload(url: str, data: bytes, kind: str) -> None:
    try:
        put_document(url, data, kind)
    except (Unavailable, UploadRefused) as error:
        raise Failure(
            str(error),
            hint="nothing was posted; name another --content-url, or leave it out and let agents read from this machine",
            code="content.upload",
            url=url,
        ) from error


@contextmanager
def gateway(store: ContentStore, *, host: str, port: int) -> Iterator[str]:
    """Serves a store over HTTP; gives the base URL.

    Raises:
        Conflict `gateway.port_taken`.
    """
    from agent_runtime.worker_gateway import GatewayServer

    server = GatewayServer(store, host=host, port=port)
    try:
        yield server.url
    finally:
        server.close()


def local_port(endpoints: Sequence[str], host: str) -> int:
    """The port under which a header announces a gateway of this host; 0 where it announces none."""
    for url in endpoints:
        parts = urlsplit(url)
        if parts.hostname == host and parts.port:
            return parts.port
    return 0
