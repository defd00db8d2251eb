"""A worker's own record: what it decided about each task and how far its work has come. SQLite, one file per worker.

`agent status` and `task explain` read it. A decision is written before its bid is sent, so that a restarted worker sends the same
bid again. Knows no chain; what is binding lies in `slashing_protection`.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import Any, Self

from agent_runtime.faults import Fault, no_fault
from symphony_chain.errors import Failure
from symphony_chain.journal_file import BUSY_TIMEOUT_S, open_journal
from symphony_chain.types import Bid

SCHEMA = """
CREATE TABLE IF NOT EXISTS decisions (
  task_id BLOB PRIMARY KEY, verdict TEXT NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL,
  agent_id INTEGER NOT NULL, price_wei TEXT, confidence_bps INTEGER, expiry_s INTEGER, signature BLOB,
  block_number INTEGER NOT NULL, updated_s REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS work (
  task_id BLOB NOT NULL, seat INTEGER NOT NULL, stage TEXT NOT NULL, detail TEXT NOT NULL,
  thinking_s REAL NOT NULL, tokens INTEGER NOT NULL, updated_s REAL NOT NULL, PRIMARY KEY (task_id, seat)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS reviews (
  task_id BLOB NOT NULL, seat INTEGER NOT NULL, header BLOB NOT NULL, prompt TEXT NOT NULL, answer BLOB,
  share_bps INTEGER NOT NULL, risk REAL NOT NULL, trace BLOB NOT NULL, commit_end_s INTEGER NOT NULL,
  verdict TEXT NOT NULL, own_answer BLOB, updated_s REAL NOT NULL, PRIMARY KEY (task_id, seat)
) WITHOUT ROWID;
"""
#: What a person may say of a seat's answer; "waiting" until then.
VERDICTS = ("approved", "answered", "refused")
_REVIEW = "task_id, seat, header, prompt, answer, share_bps, risk, trace, commit_end_s, verdict, own_answer"


@dataclass(frozen=True, slots=True)
class Decision:
    """What a worker decided: ``verdict`` is "bid" (with the signed bid), "take" (a free seat) or "refused" (with a reason code).
    """

    task_id: bytes
    verdict: str
    reason: str
    detail: str
    block_number: int
    bid: Bid | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """How far a seat has come: thinking, thought, review, failed; seconds of thinking and tokens made."""

    task_id: bytes
    seat: int
    stage: str
    detail: str = ""
    thinking_s: float = 0.0
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Review:
    """A seat that asks a person, and what that person said.

    Attributes:
        header: canonical bytes of the beacon header. prompt: what the model was asked.
        answer: what the chains voted for, with its share (None: no chain came to one); risk: why the seat asks, 0…1.
        trace: evidence so far.
        commit_end_s: block time until which an answer can be committed.
        verdict: waiting, approved, answered (with ``own_answer``, canonical) or refused.
    """

    task_id: bytes
    seat: int
    header: bytes
    prompt: str
    answer: bytes | None
    share_bps: int
    risk: float
    trace: bytes
    commit_end_s: int
    verdict: str = "waiting"
    own_answer: bytes | None = None


class WorkerStore:
    """The record of one agent. Close it, or use it as a context manager; `read_only` opens it beside a running worker."""

    def __init__(
        self, path: Path, *, clock: Callable[[], float], fault: Fault = no_fault, read_only: bool = False
    ) -> None:
        self.path = path
        self._clock = clock
        self._fault = fault
        self._lock = threading.Lock()
        with self._guarded():
            if read_only:
                self._db = sqlite3.connect(
                    f"file:{path}?mode=ro", uri=True, timeout=BUSY_TIMEOUT_S, check_same_thread=False
                )
                return
            self._db = open_journal(path, SCHEMA)

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def decide(self, agent_id: int, decision: Decision) -> None:
        """Writes a decision over the last one about the task; on disk when this returns."""
        bid = decision.bid
        self._fault("decision.before_write")
        with self._guarded():
            self._db.execute(
                "INSERT OR REPLACE INTO decisions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    decision.task_id,
                    decision.verdict,
                    decision.reason,
                    decision.detail,
                    agent_id,
                    str(bid.price_wei) if bid else None,
                    bid.confidence_bps if bid else None,
                    bid.expiry_s if bid else None,
                    bid.signature if bid else None,
                    decision.block_number,
                    self._clock(),
                ),
            )
        self._fault("decision.after_write")

    def decision(self, task_id: bytes) -> Decision | None:
        """The last decision about a task."""
        rows = self._fetch("SELECT * FROM decisions WHERE task_id = ?", (task_id,))
        return _decision(rows[0]) if rows else None

    def decisions(self, limit: int = 100) -> list[Decision]:
        """The newest decisions, newest first."""
        rows = self._fetch("SELECT * FROM decisions ORDER BY block_number DESC, task_id LIMIT ?", (limit,))
        return [_decision(row) for row in rows]

    def note(self, work: Work) -> None:
        """Writes how far a seat has come."""
        self._fault("work.before_write")
        with self._guarded():
            self._db.execute("INSERT OR REPLACE INTO work VALUES (?, ?, ?, ?, ?, ?, ?)", (*_work_row(work), self._clock()))
        self._fault("work.after_write")

    def work(self, limit: int = 100) -> list[Work]:
        """The seats worked on last, newest first."""
        sql = "SELECT task_id, seat, stage, detail, thinking_s, tokens FROM work ORDER BY updated_s DESC LIMIT ?"
        return [Work(*row) for row in self._fetch(sql, (limit,))]

    def ask(self, review: Review) -> None:
        """Writes down that a seat asks a person; on disk when this returns. A verdict that is there stays."""
        self._fault("review.before_write")
        with self._guarded():
            self._db.execute(
                "INSERT OR IGNORE INTO reviews VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", (*astuple(review), self._clock())
            )
        self._fault("review.after_write")

    def review(self, task_id: bytes, seat: int) -> Review | None:
        """What a seat asks, and the verdict."""
        rows = self._fetch(f"SELECT {_REVIEW} FROM reviews WHERE task_id = ? AND seat = ?", (task_id, seat))
        return Review(*rows[0]) if rows else None

    def waiting(self, after_s: int) -> list[Review]:
        """The seats that ask and can still commit after a block of that time, the most urgent first."""
        sql = f"SELECT {_REVIEW} FROM reviews WHERE verdict = 'waiting' AND commit_end_s > ? ORDER BY commit_end_s, task_id, seat"
        return [Review(*row) for row in self._fetch(sql, (after_s,))]

    def decide_review(self, task_id: bytes, seat: int, verdict: str, own_answer: bytes | None = None) -> bool:
        """A person's verdict, once: False where there is one already, or nothing was asked. Another process may write it."""
        assert verdict in VERDICTS and (own_answer is not None) == (verdict == "answered")
        with self._guarded():
            done = self._db.execute(
                "UPDATE reviews SET verdict = ?, own_answer = ?, updated_s = ? "
                "WHERE task_id = ? AND seat = ? AND verdict = 'waiting'",
                (verdict, own_answer, self._clock(), task_id, seat),
            )
        return done.rowcount == 1

    def counts(self) -> dict[str, int]:
        """Reason code → number of tasks refused for it; ``bid`` and ``take`` → tasks bid for, and seats taken."""
        sql = "SELECT CASE verdict WHEN 'refused' THEN reason ELSE verdict END, COUNT(*) FROM decisions GROUP BY 1 ORDER BY 1"
        return {str(name): int(count) for name, count in self._fetch(sql, ())}

    def totals(self) -> dict[str, float]:
        """Seconds of thinking and tokens over all seats."""
        row = self._fetch("SELECT COUNT(*), COALESCE(SUM(thinking_s), 0), COALESCE(SUM(tokens), 0) FROM work", ())[0]
        return {"seats": int(row[0]), "thinking_s": float(row[1]), "tokens": int(row[2])}

    def _fetch(self, sql: str, arguments: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        with self._guarded():
            return self._db.execute(sql, arguments).fetchall()

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            with self._lock:
                yield
        except (sqlite3.Error, OSError) as error:
            raise Failure(
                f"the worker's record {self.path} cannot be used: {error}",
                code="worker.store_unusable",
                hint="free disk space and check that the folder is writable; no bid was sent",
                path=str(self.path),
            ) from error


def as_json(record: Decision | Work) -> dict[str, Any]:
    """JSON form of a row: hex task id, wei as decimal string, no signature."""
    out = asdict(record) | {"task_id": "0x" + record.task_id.hex()}
    bid = out.pop("bid", None)
    if bid:
        out |= {"price_wei": str(bid["price_wei"]), "confidence_bps": bid["confidence_bps"], "expiry_s": bid["expiry_s"]}
    return out


def _work_row(work: Work) -> tuple[Any, ...]:
    return (work.task_id, work.seat, work.stage, work.detail, work.thinking_s, work.tokens)


def _decision(row: tuple[Any, ...]) -> Decision:
    bid = Bid(row[4], int(row[5]), row[6], row[7], row[8]) if row[1] == "bid" else None
    return Decision(row[0], row[1], row[2], row[3], row[9], bid)
