"""The relay's memory: which raw transaction each idempotency key stands for. SQLite; written before any broadcast."""

from __future__ import annotations

import sqlite3
import threading
from dataclasses import dataclass
from pathlib import Path

from symphony_chain.errors import Failure
from symphony_chain.journal_file import open_journal

_SCHEMA = """CREATE TABLE IF NOT EXISTS relayed (
  chain TEXT NOT NULL, idempotency_key TEXT NOT NULL, tx_hash BLOB NOT NULL, created_s REAL NOT NULL,
  PRIMARY KEY (chain, idempotency_key))"""


@dataclass(frozen=True)
class Claim:
    """Whose transaction a key stands for, and whether this call was the first to use it."""

    tx_hash: bytes
    first: bool


class RelayJournal:
    """Keys of one chain; several processes may share the file. `chain` is the deployment's genesis hash."""

    def __init__(self, path: Path, chain: str) -> None:
        self._chain = chain
        self._lock = threading.Lock()
        try:
            self._db = open_journal(path, _SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise _unwritable(path, error) from error
        self._path = path

    def close(self) -> None:
        """Closes the file."""
        self._db.close()

    def claim(self, key: str, tx_hash: bytes, now_s: float) -> Claim:
        """Binds a key to a transaction, durably, or tells what it is bound to already."""
        try:
            with self._lock:
                row = (self._chain, key, tx_hash, now_s)
                done = self._db.execute("INSERT OR IGNORE INTO relayed VALUES (?, ?, ?, ?)", row)
                found = self._db.execute(
                    "SELECT tx_hash FROM relayed WHERE chain = ? AND idempotency_key = ?", (self._chain, key)
                ).fetchone()
        except sqlite3.Error as error:
            raise _unwritable(self._path, error) from error
        return Claim(bytes(found[0]), done.rowcount == 1)

    def release(self, key: str, tx_hash: bytes) -> None:
        """Forgets a key whose transaction was refused before it was broadcast."""
        with self._lock:
            self._db.execute(
                "DELETE FROM relayed WHERE chain = ? AND idempotency_key = ? AND tx_hash = ?",
                (self._chain, key, tx_hash),
            )


def _unwritable(path: Path, error: Exception) -> Failure:
    return Failure(
        f"the relay's journal {path} cannot be written: {error}",
        hint="free disk space and check that the folder is writable; nothing was sent",
        code="api.journal_unwritable",
    )
