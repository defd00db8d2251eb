"""Blocks as flat files: ``blocks/<2 characters>/<base32 digest>``, written beside and renamed, verified on
every read.

Many processes may share the folder: a block is written under a name of its own and appears whole or not at
all. Knows nothing of files, pins or limits.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from symphony_chain.content.cid import RAW, Cid
from symphony_chain.content.errors import ContentError, HashMismatch, MissingContent, StoreFull, StoreUnusable

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_TEMPORARY = ".tmp-"


class FlatFs:
    """Blocks of any codec, keyed by digest, below one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise disk_error(exc, root) from exc

    def path(self, cid: Cid) -> Path:
        """Where the block lies or would lie."""
        name = base64.b32encode(cid.digest).decode().lower().rstrip("=")
        return self.root / name[-3:-1] / name

    def has(self, cid: Cid) -> bool:
        """Whether a file of that name is there (its content is checked when it is read)."""
        return self.path(cid).is_file()

    def size(self, cid: Cid) -> int | None:
        """Bytes of the stored block, None if absent."""
        try:
            return self.path(cid).stat().st_size
        except FileNotFoundError:
            return None

    def get(self, cid: Cid) -> bytes:
        """The block, verified. A damaged file is removed, so that the content can be added or fetched again.

        Raises:
            MissingContent, HashMismatch, StoreUnusable.
        """
        path = self.path(cid)
        try:
            block = path.read_bytes()
        except FileNotFoundError:
            hint = "fetch it from a provider, or add the file again"
            raise MissingContent(f"block {cid} is not in the store", hint=hint, cid=str(cid)) from None
        except OSError as exc:
            raise disk_error(exc, path) from exc
        try:
            cid.verify(block)
        except HashMismatch:
            with contextlib.suppress(OSError):
                path.unlink()
            raise
        return block

    def put(self, cid: Cid, block: bytes) -> bool:
        """Write a block that the caller has verified or computed; False if it was there already.

        Durable only after ``sync``: a crash of the machine may leave a damaged file, which ``get`` then
        removes.
        """
        path = self.path(cid)
        if self.size(cid) == len(block):
            return False
        temporary = path.with_name(f"{_TEMPORARY}{os.getpid()}-{secrets.token_hex(8)}")
        try:
            path.parent.mkdir(exist_ok=True)
            try:
                temporary.write_bytes(block)
                os.replace(temporary, path)
            except OSError:
                with contextlib.suppress(OSError):
                    temporary.unlink()
                raise
        except OSError as exc:
            raise disk_error(exc, path) from exc
        return True

    def sync(self, cids: list[Cid]) -> None:
        """Flush these blocks and their folders to the disk (one pass at the end is faster than a flush per
        block)."""
        try:
            folders = {self.path(cid).parent for cid in cids}
            for path in [*(self.path(cid) for cid in cids), *folders]:
                handle = os.open(path, os.O_RDONLY)
                try:
                    os.fsync(handle)
                finally:
                    os.close(handle)
        except OSError as exc:
            raise disk_error(exc, self.root) from exc

    def delete(self, cid: Cid) -> None:
        """Remove a block; no error if it is absent."""
        try:
            self.path(cid).unlink(missing_ok=True)
        except OSError as exc:
            raise disk_error(exc, self.root) from exc

    def scan(self) -> Iterator[tuple[Cid, os.stat_result]]:
        """(CID with codec raw, stat) of every stored block."""
        for folder in sorted(self.root.iterdir()):
            for path in sorted(folder.iterdir()) if folder.is_dir() else ():
                name = path.name
                with contextlib.suppress(ValueError, ContentError, FileNotFoundError):
                    digest = base64.b32decode(name.upper() + "=" * (-len(name) % 8))
                    yield Cid(RAW, digest), path.stat()

    def stray_files(self) -> Iterator[Path]:
        """Temporary files that a killed process left behind (or that a living one is writing now)."""
        return self.root.glob(f"*/{_TEMPORARY}*")


def disk_error(exc: OSError, path: Path) -> ContentError:
    """The typed error for a failed disk operation."""
    reason = exc.strerror or str(exc)
    if exc.errno in _NO_ROOM:
        return StoreFull(
            f"no room left at {path}: {reason}",
            hint="free disk space or raise the process's file limits",
            path=str(path),
        )
    return StoreUnusable(
        f"cannot use {path}: {reason}",
        hint="check that the folder exists, is yours and is writable",
        path=str(path),
    )
