"""Where a command finds texts by digest: the local content store, then gateways. Every byte is verified against its digest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from symphony_chain.devnet.accounts import is_loopback

if TYPE_CHECKING:
    from collections.abc import Iterator

    from symphony.cli.session import Session

DEADLINE_S = 10.0


def gateways(session: Session, extra: Sequence[str]) -> list[str]:
    """Gateways to ask, best first: those named on the command line, then that of a running `symphony up`."""
    running = session.settings.api_url
    return [*extra, *([running] if running else [])]


@contextmanager
def text_fetcher(session: Session, extra: Sequence[str]) -> Iterator[Callable[[bytes, int], bytes | None]]:
    """A function from digest and size limit to bytes, or None where nobody has them.

    Gateways on this machine are allowed only beside a node on this machine: a devnet.
    """
    from symphony_chain.content.cid import Cid
    from symphony_chain.content.errors import ContentError
    from symphony_chain.content.fetch import Fetcher

    urls = gateways(session, extra)
    with Fetcher(session.store, allow_local=is_loopback(session.settings.rpc_url)) as fetcher:

        def fetch(digest: bytes, max_bytes: int) -> bytes | None:
            try:
                return fetcher.fetch(
                    Cid.from_digest(digest), urls, max_bytes=max_bytes, deadline_s=DEADLINE_S
                )
            except ContentError:
                return None

        yield fetch
