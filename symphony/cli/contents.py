"""Files as the chain names them: digest and codec of a CID, and a size. Knows no contracts."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from symphony_chain.errors import NotFound, UsageError

if TYPE_CHECKING:
    from symphony.cli.session import Session
    from symphony_chain.content.unixfs import Added


def add_file(session: Session, path: Path, kind: str, *, keep: bool) -> Added:
    """CID and size of a file; with `keep` it also goes into the local content store, for agents and gateways to fetch.

    Whoever then names it on chain pins it there; what the chain refused stays for garbage collection.

    Raises:
        NotFound: there is none. UsageError `content.unreadable`, `content.empty`. StoreFull, StoreUnusable: it cannot be kept.
    """
    if not keep:
        return hash_file(path)
    with _opened(path):
        return session.store.add_file(path, kind)


def hash_file(path: Path) -> Added:
    """CID and size of a file that is only read."""
    from symphony_chain.content.unixfs import add_stream

    with _opened(path) as stream:
        return add_stream(stream, lambda _cid, _block: None)


def read_file(path: Path) -> bytes:
    """All bytes of a file."""
    with _opened(path) as stream:
        return stream.read()


def cid_text(digest: bytes, codec: int) -> str | None:
    """The CID of what the chain keeps; None where a stranger gave a codec that is none of ours."""
    from symphony_chain.content.cid import CODECS, Cid

    return str(Cid.from_digest(digest, codec)) if codec in CODECS else None


def _opened(path: Path) -> AbstractContextManager[BinaryIO]:
    try:
        if path.is_file() and path.stat().st_size == 0:
            raise UsageError(f"{path} is empty", hint="name the file that you mean", code="content.empty")
        return path.open("rb")
    except FileNotFoundError:
        raise NotFound(f"there is no file {path}", hint="check the path", code="content.no_file") from None
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read: {error.strerror}", hint="name one file that you may read", code="content.unreadable"
        ) from error


keep_help = "Keep a copy in the local content store, from which gateways serve it."
