"""The requester's journal: which task stands for which idempotency key, on disk before it is posted. SQLite.

Rows are keyed by (chain id, genesis, market, requester). Knows no chain and no money.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from symphony_chain.deploy import Deployment
from symphony_chain.errors import Failure
from symphony_chain.journal_file import open_journal
from symphony_chain.types import Task

SCHEMA = """
CREATE TABLE IF NOT EXISTS posted (
  whose TEXT NOT NULL, idempotency_key TEXT NOT NULL, request_digest BLOB NOT NULL, attempt INTEGER NOT NULL,
  task_id BLOB NOT NULL, task TEXT NOT NULL, created_s REAL NOT NULL,
  PRIMARY KEY (whose, idempotency_key)
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Journaled:
    """One row: the task that a key stands for, the digest of the request it was made from, and which attempt it is."""

    key: str
    request_digest: bytes
    attempt: int
    task_id: bytes
    task: Task


class RequesterStore:
    """A journal file, created if absent. Close it, or use it as a context manager.

    Raises Failure ``requester.journal_unwritable`` wherever the file cannot be used; nothing is posted then.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float]) -> None:
        self.path = path
        self._clock = clock
        self._lock = threading.Lock()
        with self._guarded():
            self._db = open_journal(path, SCHEMA)

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def find(self, whose: str, key: str) -> Journaled | None:
        """The task of a key."""
        rows = self._rows("whose = ? AND idempotency_key = ?", (whose, key))
        return rows[0] if rows else None

    def by_task(self, whose: str, task_id: bytes) -> Journaled | None:
        """The row of a task."""
        rows = self._rows("whose = ? AND task_id = ?", (whose, task_id))
        return rows[0] if rows else None

    def all(self, whose: str) -> list[Journaled]:
        """Every row, oldest first."""
        return self._rows("whose = ? ORDER BY created_s, idempotency_key", (whose,))

    def record(self, whose: str, row: Journaled) -> None:
        """Writes a task; on disk when this returns. A later attempt replaces one that never reached the chain."""
        values = (whose, row.key, row.request_digest, row.attempt, row.task_id, json.dumps(row.task.as_json()))
        with self._guarded():
            self._db.execute("INSERT OR REPLACE INTO posted VALUES (?, ?, ?, ?, ?, ?, ?)", (*values, self._clock()))

    def _rows(self, where: str, arguments: tuple[Any, ...]) -> list[Journaled]:
        sql = f"SELECT idempotency_key, request_digest, attempt, task_id, task FROM posted WHERE {where}"
        with self._guarded():
            rows = self._db.execute(sql, arguments).fetchall()
        return [Journaled(r[0], r[1], r[2], r[3], Task.from_json(json.loads(r[4]))) for r in rows]

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            with self._lock:
                yield
        except (sqlite3.Error, OSError) as error:
            raise Failure(
                f"the requester's journal {self.path} cannot be used: {error}",
                code="requester.journal_unwritable",
                hint="free disk space and check that the folder is writable; nothing was posted",
                path=str(self.path),
            ) from error


def whose(deployment: Deployment, requester: str) -> str:
    """Key of a requester on one market of one chain."""
    return f"{deployment.chain_id}/{deployment.genesis}/{deployment.market}/{requester}".lower()
