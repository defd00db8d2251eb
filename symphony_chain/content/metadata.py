"""The content store's SQLite side: how many bytes lie on disk, which roots were added, what is pinned.

A write transaction is also the lock between processes: whoever adds, fetches or collects garbage holds it.
Knows nothing of blocks' content.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from symphony_chain.content.cid import Cid
from symphony_chain.content.errors import ContentError, StoreFull, StoreUnusable

BUSY_TIMEOUT_S = 30.0
# A file size limit of the process shows up as a failed write or truncate, a full disk as SQLITE_FULL.
_NO_ROOM = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR_WRITE,
    sqlite3.SQLITE_IOERR_TRUNCATE,
    sqlite3.SQLITE_IOERR_SHMSIZE,
}
_SCHEMA = """
CREATE TABLE IF NOT EXISTS blocks (
    digest BLOB PRIMARY KEY, size_bytes INTEGER NOT NULL, added_s REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS totals (one INTEGER PRIMARY KEY CHECK (one = 1), used_bytes INTEGER NOT NULL);
INSERT OR IGNORE INTO totals VALUES (1, 0);
CREATE TRIGGER IF NOT EXISTS block_in AFTER INSERT ON blocks
    BEGIN UPDATE totals SET used_bytes = used_bytes + NEW.size_bytes; END;
CREATE TRIGGER IF NOT EXISTS block_out AFTER DELETE ON blocks
    BEGIN UPDATE totals SET used_bytes = used_bytes - OLD.size_bytes; END;
CREATE TABLE IF NOT EXISTS roots (
    cid BLOB PRIMARY KEY, kind TEXT NOT NULL, size_bytes INTEGER NOT NULL, added_s REAL NOT NULL) WITHOUT
    ROWID;
CREATE TABLE IF NOT EXISTS pins (cid BLOB NOT NULL, owner TEXT NOT NULL, PRIMARY KEY (cid, owner)) WITHOUT
ROWID;
"""


class Metadata:
    """One connection to ``meta.sqlite``, safe to use from several threads (one at a time)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.RLock()
        try:
            self._db = sqlite3.connect(
                path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
        except sqlite3.Error as exc:
            raise self._error(exc) from exc
        try:
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.executescript(_SCHEMA)
        except sqlite3.Error as exc:
            self._db.close()
            raise self._error(exc) from exc

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @contextlib.contextmanager
    def writing(self, undo: Callable[[], None] | None = None) -> Iterator[None]:
        """A write transaction that keeps every other writer of the store out until it ends.

        If it fails, ``undo`` runs before the others are let in.
        """
        with self._lock:
            self._execute("BEGIN IMMEDIATE")
            try:
                yield
                self._execute("COMMIT")
            except BaseException:
                try:
                    if undo is not None:
                        undo()
                finally:
                    with contextlib.suppress(sqlite3.Error):
                        self._db.execute("ROLLBACK")
                raise

    def used_bytes(self) -> int:
        return int(self._row("SELECT used_bytes FROM totals")[0])

    def counts(self) -> tuple[int, int, int]:
        """(blocks, roots, pins)."""
        row = self._row(
            "SELECT (SELECT COUNT(*) FROM blocks), (SELECT COUNT(*) FROM roots), (SELECT COUNT(*) FROM pins)"
        )
        return int(row[0]), int(row[1]), int(row[2])

    def add_block(self, digest: bytes, size_bytes: int, now_s: float) -> None:
        self._execute("INSERT OR IGNORE INTO blocks VALUES (?, ?, ?)", digest, size_bytes, now_s)

    def knows_block(self, digest: bytes) -> bool:
        return self._one("SELECT 1 FROM blocks WHERE digest = ?", digest) is not None

    def renew_block(self, digest: bytes, now_s: float) -> None:
        self._execute("UPDATE blocks SET added_s = ? WHERE digest = ?", now_s, digest)

    def remove_block(self, digest: bytes) -> None:
        self._execute("DELETE FROM blocks WHERE digest = ?", digest)

    def blocks_by_age(self) -> list[tuple[bytes, int, float]]:
        """(digest, size, time added), oldest first."""
        return [
            (bytes(row[0]), int(row[1]), float(row[2]))
            for row in self._all("SELECT * FROM blocks ORDER BY added_s, digest")
        ]

    def add_root(self, cid: Cid, kind: str, size_bytes: int, now_s: float) -> None:
        self._execute("INSERT OR REPLACE INTO roots VALUES (?, ?, ?, ?)", bytes(cid), kind, size_bytes, now_s)

    def root(self, cid: Cid) -> tuple[str, int, float] | None:
        """(kind, size, time added) of a root."""
        row = self._one("SELECT kind, size_bytes, added_s FROM roots WHERE cid = ?", bytes(cid))
        return None if row is None else (str(row[0]), int(row[1]), float(row[2]))

    def roots(self) -> list[Cid]:
        return [Cid.read(row[0])[0] for row in self._all("SELECT cid FROM roots ORDER BY added_s, cid")]

    def remove_root(self, cid: Cid) -> None:
        self._execute("DELETE FROM roots WHERE cid = ?", bytes(cid))

    def add_pin(self, cid: Cid, owner: str) -> None:
        self._execute("INSERT OR IGNORE INTO pins VALUES (?, ?)", bytes(cid), owner)

    def remove_pin(self, cid: Cid, owner: str) -> None:
        self._execute("DELETE FROM pins WHERE cid = ? AND owner = ?", bytes(cid), owner)

    def pin_owners(self, cid: Cid) -> tuple[str, ...]:
        return tuple(
            row[0] for row in self._all("SELECT owner FROM pins WHERE cid = ? ORDER BY owner", bytes(cid))
        )

    def pinned(self) -> list[Cid]:
        return [Cid.read(row[0])[0] for row in self._all("SELECT DISTINCT cid FROM pins ORDER BY cid")]

    def _row(self, sql: str, *args: Any) -> tuple[Any, ...]:
        row = self._one(sql, *args)
        assert row is not None  # aggregate queries always have a row
        return row

    def _one(self, sql: str, *args: Any) -> tuple[Any, ...] | None:
        rows = self._all(sql, *args)
        return rows[0] if rows else None

    def _execute(self, sql: str, *args: Any) -> None:
        self._all(sql, *args)

    def _all(self, sql: str, *args: Any) -> list[tuple[Any, ...]]:
        with self._lock:
            try:
                return self._db.execute(sql, args).fetchall()
            except sqlite3.Error as exc:
                raise self._error(exc) from exc

    def _error(self, exc: sqlite3.Error) -> ContentError:
        if getattr(exc, "sqlite_errorcode", 0) in _NO_ROOM:
            hint = "free disk space or raise the process's file limits"
            return StoreFull(f"no room left for {self._path}: {exc}", hint=hint, path=str(self._path))
        hint = "is the folder yours and writable? if meta.sqlite is damaged, delete it: only pins are lost"
        return StoreUnusable(f"cannot use {self._path}: {exc}", hint=hint, path=str(self._path))
