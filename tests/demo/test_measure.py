"""Where the seconds went: unions of intervals, and three parts that add up."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symphony.demo.measure import Clock, StepGas, clock, union_s

TASK = "ab" * 32
SECONDS = st.integers(0, 60)
INTERVALS = st.lists(st.tuples(SECONDS, SECONDS).map(lambda pair: (min(pair), max(pair))), max_size=8)


@pytest.mark.parametrize(
    ("intervals", "want"),
    [
        ([], 0),
        ([(1, 3)], 2),
        ([(1, 3), (2, 5)], 4),
        ([(2, 5), (1, 3)], 4),
        ([(1, 9), (2, 3)], 8),
        ([(1, 2), (4, 6)], 3),
        ([(-5, 2), (8, 99)], 4),
        ([(20, 30)], 0),
        ([(4, 4)], 0),
    ],
)
def test_union(intervals: list[tuple[float, float]], want: float) -> None:
    assert union_s(intervals, 0, 10) == want


@given(INTERVALS, SECONDS, SECONDS)
def test_union_is_the_number_of_covered_seconds(intervals: list[tuple[int, int]], a: int, b: int) -> None:
    start, end = min(a, b), max(a, b)
    covered = sum(any(begin <= t and t + 1 <= stop for begin, stop in intervals) for t in range(start, end))
    assert union_s(intervals, start, end) == covered


def test_the_parts_add_up() -> None:
    split = Clock(10.0, 6.0, 3.0)
    assert split.orchestration_s == 1.0 and split.overhead_fraction == pytest.approx(0.1)
    assert StepGas(4, 10).mean == 2.5


def records(folder: Path, transactions: list[tuple[str, float, float, int | None]], thoughts: dict[str, float]) -> None:
    """The two files of one sender, with the columns that are read."""
    folder.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(folder / "tx.sqlite")) as db, db:
        db.execute("CREATE TABLE tx (idempotency_key TEXT, created_s REAL, updated_s REAL, block_number INTEGER)")
        db.executemany("INSERT INTO tx VALUES (?, ?, ?, ?)", transactions)
    with closing(sqlite3.connect(folder / "worker.sqlite")) as db, db:
        db.execute("CREATE TABLE work (task_id BLOB, thinking_s REAL)")
        db.executemany("INSERT INTO work VALUES (?, ?)", [(bytes.fromhex(task), s) for task, s in thoughts.items()])


def test_time_is_split_by_what_was_going_on(tmp_path: Path) -> None:
    # 100…104 two agents think side by side, 104…106 a commit waits, 106…107 nothing, 107…109 a settlement waits, 109…110 nothing
    records(tmp_path / "agents" / "agent-1", [(f"commit/0x{TASK}/0", 104.0, 106.0, 5)], {TASK: 4.0})
    records(tmp_path / "agents" / "agent-2", [(f"commit/0x{TASK}/1", 103.0, 105.5, 5)], {TASK: 2.0})
    records(tmp_path, [("settle", 107.0, 109.0, 6), ("never mined", 100.0, 110.0, None)], {})
    split = clock(tmp_path, ["agent-1", "agent-2"], 100.0, 110.0)
    assert split == Clock(10.0, 4.0, 4.0)
    assert split.orchestration_s == 2.0


def test_the_columns_read_are_those_of_the_real_files(tmp_path: Path) -> None:
    """The journals of this test are made by hand; the real schemas must have the same columns."""
    from agent_runtime.worker_store import WorkerStore
    from symphony_chain.tx_journal import TxJournal

    folder = tmp_path / "agents" / "agent-1"
    folder.mkdir(parents=True)
    with TxJournal(folder / "tx.sqlite"), WorkerStore(folder / "worker.sqlite", clock=time.time):
        pass
    assert clock(tmp_path, ["agent-1"], 0.0, 5.0) == Clock(5.0, 0.0, 0.0)
