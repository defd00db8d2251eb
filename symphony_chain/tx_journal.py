"""The journal of transactions: every signed write is on disk before it is broadcast, under its idempotency key.

One SQLite file may serve many keys and chains; rows are keyed by (chain id, genesis hash, sender). Knows no network.
"""

from __future__ import annotations

import fcntl
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from symphony_chain.errors import Conflict, Failure
from symphony_chain.journal_file import open_journal

# signed: on disk, perhaps not broadcast.  sent: a node took it.  mined, reverted: seen in a block.
# dropped: its nonce went to another transaction.  refused: never sent (a simulation reverted, or the node said no).
State = Literal["signed", "sent", "mined", "reverted", "dropped", "refused"]
LIVE: tuple[State, ...] = ("signed", "sent")

SCHEMA = """
CREATE TABLE IF NOT EXISTS tx (
  id INTEGER PRIMARY KEY,
  chain_id INTEGER NOT NULL, genesis BLOB NOT NULL, sender TEXT NOT NULL,
  idempotency_key TEXT NOT NULL,
  recipient TEXT NOT NULL, data BLOB NOT NULL, value_wei TEXT NOT NULL,
  state TEXT NOT NULL,
  nonce INTEGER, tx_hash BLOB, raw BLOB,
  block_number INTEGER, block_hash BLOB, revert_data BLOB,
  created_s REAL NOT NULL, updated_s REAL NOT NULL,
  UNIQUE (chain_id, genesis, sender, idempotency_key)
);
CREATE UNIQUE INDEX IF NOT EXISTS tx_nonce ON tx (chain_id, genesis, sender, nonce)
  WHERE nonce IS NOT NULL AND state != 'dropped';
"""


@dataclass(frozen=True, slots=True)
class Account:
    """Whose rows: one key on one chain; the genesis hash tells a restarted devnet from its predecessor."""

    chain_id: int
    genesis: bytes
    sender: str


@dataclass(frozen=True, slots=True)
class Call:
    """What a transaction does; an idempotency key stands for exactly one of these."""

    to: str  # "" creates a contract
    data: bytes
    value_wei: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One row. ``nonce``, ``tx_hash`` and ``raw`` are None for a refused one."""

    id: int
    key: str
    call: Call
    state: State
    nonce: int | None
    tx_hash: bytes | None
    raw: bytes | None
    block_number: int | None
    block_hash: bytes | None
    revert_data: bytes | None


_COLUMNS = (
    "id, idempotency_key, recipient, data, value_wei, state, nonce, tx_hash, raw, block_number, block_hash, revert_data"
)
_WHOSE = "chain_id = ? AND genesis = ? AND sender = ?"


class TxJournal:
    """A journal file, created if absent. Safe for threads of this process and for other processes.

    Raises Failure ``tx.journal_unwritable`` wherever the file cannot be written; nothing is broadcast then.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        with self._guarded():
            self._db = open_journal(path, SCHEMA)

    def close(self) -> None:
        """Closes the file."""
        self._db.close()

    def __enter__(self) -> TxJournal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def nonce_lock(self, sender: str) -> Iterator[None]:
        """Held by one process at a time per key, beside the journal; the kernel frees the lock of one that dies."""
        path = self.path.with_name(f"{self.path.name}.{sender.lower()}.lock")
        with self._guarded():
            file = path.open("w")
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    # ---- reading -----------------------------------------------------------------------------------------------------

    def find(self, account: Account, key: str) -> Entry | None:
        """The row of an idempotency key."""
        rows = self._rows(f"{_WHOSE} AND idempotency_key = ?", (*_who(account), key))
        return rows[0] if rows else None

    def by_state(self, account: Account, *states: State) -> list[Entry]:
        """Rows in any of these states, in nonce order."""
        marks = ", ".join("?" * len(states))
        return self._rows(f"{_WHOSE} AND state IN ({marks}) ORDER BY nonce, id", (*_who(account), *states))

    def next_nonce(self, account: Account) -> int:
        """One more than the highest nonce given out and not dropped; 0 if none."""
        with self._guarded():
            row = self._db.execute(
                f"SELECT MAX(nonce) FROM tx WHERE {_WHOSE} AND state != 'dropped'", _who(account)
            ).fetchone()
        return 0 if row[0] is None else int(row[0]) + 1

    def _rows(self, where: str, arguments: tuple[Any, ...]) -> list[Entry]:
        with self._guarded():
            rows = self._db.execute(f"SELECT {_COLUMNS} FROM tx WHERE {where}", arguments).fetchall()
        return [_entry(row) for row in rows]

    # ---- writing -----------------------------------------------------------------------------------------------------

    def record_signed(
        self, account: Account, key: str, call: Call, *, nonce: int, tx_hash: bytes, raw: bytes, now_s: float
    ) -> None:
        """Writes a signed transaction; on disk when this returns. Replaces a refused row of the same key."""
        self._insert(account, key, call, "signed", (nonce, tx_hash, raw, None), now_s)

    def record_refused(
        self, account: Account, key: str, call: Call, *, revert_data: bytes | None, now_s: float
    ) -> None:
        """Writes that a call was never sent, and why."""
        self._insert(account, key, call, "refused", (None, None, None, revert_data), now_s)

    def _insert(
        self, account: Account, key: str, call: Call, state: State, rest: tuple[Any, Any, Any, Any], now_s: float
    ) -> None:
        values = (*_who(account), key, call.to, call.data, str(call.value_wei), state, *rest, now_s, now_s)
        marks = ", ".join("?" * len(values))
        with self._transaction() as db:
            db.execute(
                f"DELETE FROM tx WHERE {_WHOSE} AND idempotency_key = ? AND state = 'refused'", (*_who(account), key)
            )
            db.execute(
                "INSERT INTO tx (chain_id, genesis, sender, idempotency_key, recipient, data, value_wei, state,"
                f" nonce, tx_hash, raw, revert_data, created_s, updated_s) VALUES ({marks})",
                values,
            )

    def mark(
        self,
        entry: Entry,
        state: State,
        *,
        now_s: float,
        block_number: int | None = None,
        block_hash: bytes | None = None,
        revert_data: bytes | None = None,
    ) -> None:
        """Moves a row to a state; block fields are those of the receipt, None where there is none."""
        with self._transaction() as db:
            db.execute(
                "UPDATE tx SET state=?, block_number=?, block_hash=?, revert_data=?, updated_s=? WHERE id=?",
                (state, block_number, block_hash, revert_data, now_s, entry.id),
            )

    def mark_refused(self, entry: Entry, *, now_s: float) -> None:
        """The node refused a signed transaction outright: its nonce is free again."""
        with self._transaction() as db:
            db.execute(
                "UPDATE tx SET state = 'refused', nonce = NULL, tx_hash = NULL, raw = NULL, updated_s = ? WHERE id = ?",
                (now_s, entry.id),
            )

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._guarded():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            with self._lock:
                yield
        except sqlite3.IntegrityError as error:
            raise Conflict(
                f"the journal {self.path} already holds this idempotency key or this nonce",
                code="tx.duplicate",
                hint="Another process uses the same key; try again.",
            ) from error
        except (sqlite3.Error, OSError) as error:
            raise Failure(
                f"the transaction journal {self.path} cannot be used: {error}",
                code="tx.journal_unwritable",
                hint="Free disk space and check that the folder is writable; nothing was sent.",
                path=str(self.path),
            ) from error


def _who(account: Account) -> tuple[int, bytes, str]:
    return (account.chain_id, account.genesis, account.sender)


def _entry(row: tuple[Any, ...]) -> Entry:
    return Entry(row[0], row[1], Call(row[2], row[3], int(row[4])), *row[5:])
