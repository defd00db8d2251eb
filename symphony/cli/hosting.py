"""Keeps a task's texts reachable: a gateway on this machine while the command runs, and copies at other gateways.

Knows nothing of tasks on chain.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from symphony_chain.content.store import ContentStore
from symphony_chain.content.unixfs import Added
from symphony_chain.errors import Failure

UPLOAD_TIMEOUT_S = 10.0


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
            _upload(url.rstrip("/"), data, kind)
        return added


def _upload(url: str, data: bytes, kind: str) -> None:
    try:
        answer = httpx.put(
            f"{url}/v1/content",
            params={"kind": kind},
            content=data,
            timeout=UPLOAD_TIMEOUT_S,
            trust_env=False,
        )
    except httpx.HTTPError as error:
        raise _refused(url, kind, str(error) or type(error).__name__) from error
    if answer.status_code >= 300:
        raise _refused(url, kind, f"it answers {answer.status_code}: {answer.text[:200]}")


def _refused(url: str, kind: str, why: str) -> Failure:
    return Failure(
        f"{url} did not take the {kind}: {why}",
        hint="nothing was posted; name another --content-url, or leave it out and let agents read from this machine",
        code="content.upload",
        url=url,
    )


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
