"""Slashing protection: no operator key ever commits to two answers for one seat, over crashes, restarts and copies.

One SQLite file (synchronous=FULL) per (chain id, genesis, market, operator key), locked by one process. The whole opening of a
commitment is on disk before anything is broadcast. Knows no RPC: what the chain says comes in as arguments. The idea is
Lighthouse's slashing-protection database and doppelganger check.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

from agent_runtime.errors import Doppelganger, DoubleCommit, ProtectionFailed, ProtectionLocked
from agent_runtime.faults import Fault, no_fault
from symphony_chain import types
from symphony_chain.deploy import Deployment
from symphony_chain.journal_file import open_journal
from symphony_chain.signing import commitment

_SCHEMA = """
CREATE TABLE IF NOT EXISTS openings (
  task_id BLOB NOT NULL, seat INTEGER NOT NULL, agent_id INTEGER NOT NULL,
  answer BLOB NOT NULL, answer_digest BLOB NOT NULL, evidence_digest BLOB NOT NULL, salt BLOB NOT NULL,
  commitment BLOB NOT NULL, created_s REAL NOT NULL,
  PRIMARY KEY (task_id, seat)
) WITHOUT ROWID;
"""
_COLUMNS = "task_id, seat, agent_id, answer, answer_digest, evidence_digest, salt"


@dataclass(frozen=True, slots=True)
class Opening:
    """Everything that opens one commitment. ``answer`` is canonical; digests and salt have 32 bytes."""

    task_id: bytes
    seat: int
    agent_id: int
    answer: bytes
    answer_digest: bytes
    evidence_digest: bytes
    salt: bytes

    @property
    def commitment(self) -> bytes:
        """The 32 bytes that go on chain."""
        return commitment(self.task_id, self.agent_id, self.answer_digest, self.evidence_digest, self.salt)

    def published(self) -> types.Opening:
        """As `reveal` takes it; a short answer goes along."""
        inline = self.answer if len(self.answer) <= types.MAX_INLINE_ANSWER else b""
        return types.Opening(self.seat, self.answer_digest, self.evidence_digest, self.salt, inline)


class ProtectionDb:
    """The openings of one operator key on one market. Close it, or use it as a context manager.

    Args:
        folder: shared by all workers that have the keystore, so that two of them see each other's lock.
        clock: seconds since the epoch, for the record only.

    Raises:
        ProtectionLocked: another process holds the key. ProtectionFailed: the file cannot be used.
    """

    def __init__(
        self, folder: Path, deployment: Deployment, operator: str, *, clock: Callable[[], float], fault: Fault = no_fault
    ) -> None:
        name = f"{deployment.chain_id}-{deployment.genesis_hash.hex()[:16]}-{deployment.market}-{operator}".lower()
        self.path = folder / f"{name}.sqlite"
        self.operator = operator
        self._clock = clock
        self._fault = fault
        self._thread_lock = threading.Lock()
        with self._guarded():
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock_file = _take_lock(folder / f"{name}.lock", operator)
            try:
                self._db = open_journal(self.path, _SCHEMA)
            except BaseException:
                self._lock_file.close()
                raise

    def close(self) -> None:
        """Gives the key free; may be called again."""
        self._db.close()
        self._lock_file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def find(self, task_id: bytes, seat: int) -> Opening | None:
        """The opening of a seat."""
        rows = self._rows("WHERE task_id = ? AND seat = ?", (task_id, seat))
        return rows[0] if rows else None

    def all(self) -> list[Opening]:
        """Every opening, oldest first."""
        return self._rows("ORDER BY created_s, task_id, seat", ())

    def record(self, opening: Opening) -> Opening:
        """Writes an opening before its commitment may be signed; on disk when this returns. The same one again is no error.

        Raises:
            DoubleCommit: the seat has another opening. ProtectionFailed: it could not be written.
        """
        self._fault("opening.before_write")
        known = self.find(opening.task_id, opening.seat)
        if known is None:
            self._insert(opening)
        elif known != opening:
            raise DoubleCommit(
                f"seat {opening.seat} of task 0x{opening.task_id.hex()} has another answer in {self.path}",
                hint="nothing to do: the first answer stands, this one is thrown away",
                task_id="0x" + opening.task_id.hex(),
                seat=opening.seat,
            )
        self._fault("opening.after_write")
        return opening

    def check_commit(self, task_id: bytes, seat: int, on_chain: bytes) -> None:
        """Compares a commitment of this key that the chain shows with the journal.

        Raises:
            Doppelganger: it is not one of ours.
        """
        known = self.find(task_id, seat)
        if known is not None and known.commitment == on_chain:
            return
        raise Doppelganger(
            f"seat {seat} of task 0x{task_id.hex()} was committed by operator {self.operator}, but "
            + ("with another answer than ours" if known else f"{self.path} does not know it"),
            hint="another worker uses this key, or the database was lost: stop the other one, restore the database, "
            "or name a new operator key",
            task_id="0x" + task_id.hex(),
            seat=seat,
        )

    def _insert(self, opening: Opening) -> None:
        values = (
            opening.task_id,
            opening.seat,
            opening.agent_id,
            opening.answer,
            opening.answer_digest,
            opening.evidence_digest,
            opening.salt,
            opening.commitment,
            self._clock(),
        )
        with self._guarded():
            self._db.execute(
                f"INSERT INTO openings ({_COLUMNS}, commitment, created_s) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values
            )

    def _rows(self, where: str, arguments: tuple[object, ...]) -> list[Opening]:
        with self._guarded():
            rows = self._db.execute(f"SELECT {_COLUMNS} FROM openings {where}", arguments).fetchall()
        return [Opening(*row) for row in rows]

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            with self._thread_lock:
                yield
        except (sqlite3.Error, OSError) as error:
            raise ProtectionFailed(
                f"the slashing-protection database {self.path} cannot be used: {error}",
                hint="free disk space or restore the file from a backup; never delete it while a task is open",
                path=str(self.path),
            ) from error


def _take_lock(path: Path, operator: str) -> IO[str]:
    """An exclusive lock that the kernel frees with the process; the file names the holder for people."""
    file = path.open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read().strip() or "unknown"
        file.close()
        raise ProtectionLocked(
            f"operator key {operator} is in use by process {holder}",
            hint="stop that worker first; one key works in one process only",
            pid=holder,
        ) from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file
