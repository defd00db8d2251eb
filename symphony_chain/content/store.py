"""The content store: bytes in, CID out; CID in, verified bytes out. Blocks in flat files, pins and sizes in
SQLite.

Processes may share a store's folder. An add is one transaction: it is there whole or not at all. Knows
nothing of networks: see ``fetch`` and ``gateway``.
"""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

from symphony_chain.content.blockstore import FlatFs, disk_error
from symphony_chain.content.cid import RAW, Cid
from symphony_chain.content.errors import MissingContent, StoreFull
from symphony_chain.content.metadata import Metadata
from symphony_chain.content.unixfs import Added, add_stream, children, file_size, read_file
from symphony_chain.errors import InvalidInput, NotFound

#: Seconds between two sweeps of a full store: each looks at every block.
SWEEP_S = 60.0
_KIND = re.compile(r"[a-z][a-z0-9_.-]{0,31}")


@dataclass(frozen=True, slots=True)
class Stat:
    """What the store knows of one root: size of the file in bytes, its kind, when it was added, who pins
    it."""

    cid: Cid
    size_bytes: int
    kind: str
    added_s: float
    pin_owners: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Usage:
    """Totals of a store; ``used_bytes`` counts blocks on disk against ``max_bytes``."""

    used_bytes: int
    max_bytes: int
    blocks: int
    roots: int
    pins: int


class ContentStore:
    """Content-addressed files below ``path``, at most ``max_bytes`` of blocks. Close it, or use it as a
    context manager."""

    def __init__(self, path: Path, *, max_bytes: int, clock: Callable[[], float] = time.time) -> None:
        if max_bytes <= 0:
            raise InvalidInput(
                f"a store of {max_bytes} bytes holds nothing", hint="give max_bytes above zero"
            )
        self.path = Path(path)
        self.max_bytes = max_bytes
        self._clock = clock
        self._swept_s: float | None = None
        self.blocks = FlatFs(self.path / "blocks")
        self._meta = Metadata(self.path / "meta.sqlite")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the metadata; the store cannot be used afterwards."""
        self._meta.close()

    def add(self, data: bytes, kind: str) -> Added:
        """Store bytes and return their CID: raw up to 1 MiB, a UnixFS tree above.

        Raises:
            StoreFull: no room; nothing was kept. StoreUnusable: the folder cannot be written.
        """
        return self._add(io.BytesIO(data), kind)

    def add_file(self, path: Path, kind: str = "file") -> Added:
        """``add`` for a file, read in chunks."""
        try:
            with Path(path).open("rb") as stream:
                return self._add(stream, kind)
        except FileNotFoundError as exc:
            raise NotFound(f"no file {path}", hint="check the path") from exc
        except OSError as exc:
            raise disk_error(exc, Path(path)) from exc

    def get(self, cid: Cid, max_bytes: int) -> bytes:
        """The whole file, every block verified.

        Raises:
            MissingContent, HashMismatch (the damaged block is dropped), MalformedBlock, TooLarge.
        """
        return b"".join(read_file(cid, self.blocks.get, max_bytes=max_bytes))

    def has(self, cid: Cid) -> bool:
        """Whether every block of the file is here."""
        return not self.missing(cid, limit=1)

    def missing(self, cid: Cid, limit: int = 1 << 16) -> list[Cid]:
        """Blocks of the file that are not here, as far as the blocks that are here tell; depth first, at most
        ``limit``."""
        absent: list[Cid] = []
        seen: set[Cid] = set()
        stack = [cid]
        while stack and len(absent) < limit:
            current = stack.pop()
            if current in seen:
                continue
            seen.add(current)
            if not self.blocks.has(current):
                absent.append(current)
                continue
            stack.extend(reversed(self.children(current)))
        return absent

    def children(self, cid: Cid) -> tuple[Cid, ...]:
        """CIDs that a stored block links to; raw blocks are not read for it."""
        return () if cid.codec == RAW else children(cid, self.blocks.get(cid))

    def put_block(self, cid: Cid, block: bytes) -> None:
        """Keep one block of a file that is being fetched, after checking its hash."""
        cid.verify(block)
        with self._meta.writing():
            self._reserve(0 if self._meta.knows_block(cid.digest) else len(block))
            self.blocks.put(cid, block)
            self._meta.add_block(cid.digest, len(block), self._clock())

    def adopt(self, cid: Cid, kind: str) -> None:
        """Make a completely fetched file a root of this store, as ``add`` does."""
        if self.missing(cid, limit=1):
            raise MissingContent(f"{cid} is not complete in the store", hint="fetch it first", cid=str(cid))
        size_bytes = file_size(cid, self.blocks.get(cid))
        with self._meta.writing():
            self._meta.add_root(cid, _checked_kind(kind), size_bytes, self._clock())

    def pin(self, cid: Cid, owner: str = "local") -> None:
        """Keep a file from garbage collection until ``owner`` unpins it; the file must be here."""
        with self._meta.writing():
            if self.missing(cid, limit=1):
                raise MissingContent(
                    f"{cid} is not complete in the store", hint="add or fetch it before pinning", cid=str(cid)
                )
            self._meta.add_pin(cid, owner)

    def unpin(self, cid: Cid, owner: str = "local") -> None:
        """Withdraw an owner's pin; no error if there is none."""
        with self._meta.writing():
            self._meta.remove_pin(cid, owner)

    def stat(self, cid: Cid) -> Stat:
        """Size, kind and pins of a root; ``MissingContent`` if it never was added or adopted here."""
        found = self._meta.root(cid)
        if found is None:
            raise MissingContent(
                f"{cid} is not in the store", hint="fetch it from a provider, or add the file", cid=str(cid)
            )
        kind, size_bytes, added_s = found
        return Stat(cid, size_bytes, kind, added_s, self._meta.pin_owners(cid))

    def usage(self) -> Usage:
        """Totals of the store."""
        blocks, roots, pins = self._meta.counts()
        return Usage(self._meta.used_bytes(), self.max_bytes, blocks, roots, pins)

    def gc(self, *, target_bytes: int = 0, min_age_s: float = 3600.0) -> int:
        """Delete unpinned blocks, oldest first, until at most ``target_bytes`` are used; returns the bytes
        freed.

        Blocks younger than ``min_age_s`` stay: they may belong to a fetch or an unpinned add of another
        process.
        """
        with self._meta.writing():
            now_s = self._clock()
            self._take_in_strays(now_s, min_age_s)
            keep = self._reachable_from_pins()
            used_bytes = self._meta.used_bytes()
            freed_bytes = 0
            for digest, size_bytes, added_s in self._meta.blocks_by_age():
                if used_bytes - freed_bytes <= target_bytes:
                    break
                if digest in keep or now_s - added_s < min_age_s:
                    continue
                self.blocks.delete(Cid(RAW, digest))
                self._meta.remove_block(digest)
                freed_bytes += size_bytes
            for root in self._meta.roots():
                if not self.blocks.has(root):
                    self._meta.remove_root(root)
            return freed_bytes

    def make_room(self) -> None:
        """``gc`` of a full store, down to three quarters of its limit; at most once a minute, else nothing."""
        now_s = self._clock()
        if self._swept_s is not None and 0 <= now_s - self._swept_s < SWEEP_S:
            return
        self._swept_s = now_s
        self.gc(target_bytes=self.max_bytes * 3 // 4)

    def _add(self, stream: BinaryIO, kind: str) -> Added:
        kind = _checked_kind(kind)
        written: list[Cid] = []

        def undo() -> None:
            # No other process can have come to rely on these files: it would have needed the lock that we
            # hold.
            for cid in written:
                self.blocks.delete(cid)

        with self._meta.writing(undo):
            used_bytes = self._meta.used_bytes()

            def put(cid: Cid, block: bytes) -> None:
                nonlocal used_bytes
                if self._meta.knows_block(cid.digest):
                    self._meta.renew_block(cid.digest, self._clock())  # it may be about to be pinned
                else:
                    used_bytes += len(block)
                    self._check_room(used_bytes)
                if self.blocks.put(cid, block):
                    written.append(cid)
                self._meta.add_block(cid.digest, len(block), self._clock())

            added = add_stream(stream, put)
            self.blocks.sync(written)
            self._meta.add_root(added.cid, kind, added.size_bytes, self._clock())
        return added

    def _reserve(self, more_bytes: int) -> None:
        if more_bytes:
            self._check_room(self._meta.used_bytes() + more_bytes)

    def _check_room(self, wanted_bytes: int) -> None:
        if wanted_bytes > self.max_bytes:
            raise StoreFull(
                f"content store {self.path} would hold {wanted_bytes} bytes; its limit is {self.max_bytes}",
                hint="raise the store's limit, or unpin content and collect garbage",
                path=str(self.path),
                max_bytes=self.max_bytes,
            )

    def _take_in_strays(self, now_s: float, min_age_s: float) -> None:
        """Give every block file a row, and drop temporary files of dead writers."""
        for cid, info in self.blocks.scan():
            self._meta.add_block(cid.digest, info.st_size, info.st_mtime)
        for path in self.blocks.stray_files():
            if now_s - path.stat().st_mtime >= min_age_s:
                path.unlink(missing_ok=True)

    def _reachable_from_pins(self) -> set[bytes]:
        reached: set[Cid] = set()
        stack = self._meta.pinned()
        while stack:
            cid = stack.pop()
            if cid in reached:
                continue
            reached.add(cid)
            if self.blocks.has(cid):
                stack.extend(self.children(cid))
        return {cid.digest for cid in reached}


def _checked_kind(kind: str) -> str:
    if not _KIND.fullmatch(kind):
        raise InvalidInput(
            f"content kind {kind!r} is not a short lower-case word",
            hint="use header, body, trace, registration, …",
        )
    return kind
