"""The slashing-protection database: one opening per seat, one process per key, on disk before it counts."""

from __future__ import annotations

import multiprocessing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.errors import Doppelganger, DoubleCommit, ProtectionFailed, ProtectionLocked
from agent_runtime.slashing_protection import Opening, ProtectionDb
from symphony_chain.deploy import CONTRACT_NAMES, Deployment

OPERATOR = "0x" + "11" * 20
HERE = Deployment(31337, "0x" + "aa" * 32, 0, **{name: f"0x{i:040x}" for i, name in enumerate(CONTRACT_NAMES, 1)})
OPENING = Opening(b"t" * 32, 0, 7, b"42", b"d" * 32, b"e" * 32, b"s" * 32)


def open_db(folder: Path, deployment: Deployment = HERE) -> ProtectionDb:
    return ProtectionDb(folder, deployment, OPERATOR, clock=lambda: 0.0)


def test_a_second_answer_for_a_seat_is_refused_for_ever(tmp_path: Path) -> None:
    with open_db(tmp_path) as db:
        db.record(OPENING)
        db.record(OPENING)
    with open_db(tmp_path) as db:
        for field, value in {"answer": b"43", "salt": b"x" * 32, "evidence_digest": b"y" * 32, "agent_id": 8}.items():
            with pytest.raises(DoubleCommit):
                db.record(replace(OPENING, **{field: value}))
        assert db.all() == [OPENING] and db.find(OPENING.task_id, 0) == OPENING
        db.record(replace(OPENING, seat=1, answer=b"43"))  # another seat is another promise


def test_other_chains_and_markets_have_their_own(tmp_path: Path) -> None:
    elsewhere = [replace(HERE, genesis="0x" + "bb" * 32), replace(HERE, market="0x" + "44" * 20), replace(HERE, chain_id=1)]
    with open_db(tmp_path) as db:
        db.record(OPENING)
        for deployment in elsewhere:
            with open_db(tmp_path, deployment) as other:
                assert other.all() == []


def test_commits_on_chain_must_be_ours(tmp_path: Path) -> None:
    with open_db(tmp_path) as db:
        with pytest.raises(Doppelganger, match="does not know it"):
            db.check_commit(OPENING.task_id, 0, OPENING.commitment)
        db.record(OPENING)
        db.check_commit(OPENING.task_id, 0, OPENING.commitment)
        with pytest.raises(Doppelganger, match="another answer"):
            db.check_commit(OPENING.task_id, 0, b"z" * 32)


def _hold(folder: Path, ready, release) -> None:
    with open_db(folder):
        ready.set()
        release.wait(60)


def test_one_process_per_key(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ready, release = context.Event(), context.Event()
    holder = context.Process(target=_hold, args=(tmp_path, ready, release))
    holder.start()
    assert ready.wait(60)
    with pytest.raises(ProtectionLocked) as refused:
        open_db(tmp_path)
    assert refused.value.context["pid"] == str(holder.pid)
    holder.kill()
    holder.join()
    open_db(tmp_path).close()  # the kernel has freed the lock of the dead; setting `release` would wait for it for ever


def test_the_opening_is_on_disk_before_record_returns(tmp_path: Path) -> None:
    with open_db(tmp_path) as db:
        assert db._db.execute("PRAGMA synchronous").fetchone() == (2,)
        db.record(OPENING)
        # A reader of the file alone sees it: nothing waits in the process.
        import sqlite3

        beside = sqlite3.connect(db.path)
        assert beside.execute("SELECT answer FROM openings").fetchall() == [(b"42",)]
        beside.close()


def test_a_full_disk_is_one_clear_error_and_nothing_is_kept(tmp_path: Path) -> None:
    with open_db(tmp_path) as db:
        pages = db._db.execute("PRAGMA page_count").fetchone()[0]
        db._db.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(ProtectionFailed, match="full") as failed:
            for index in range(1_000):
                db.record(replace(OPENING, task_id=index.to_bytes(32, "big"), answer=b"x" * 4_000))
        assert "free disk space" in failed.value.hint
        kept = len(db.all())
    with open_db(tmp_path) as db:
        assert len(db.all()) == kept
        db.record(replace(OPENING, task_id=b"\xff" * 32))  # with room again, work goes on


def test_a_damaged_file_is_not_ignored(tmp_path: Path) -> None:
    with open_db(tmp_path) as db:
        db.record(OPENING)
    db.path.write_bytes(b"not a database" * 1_000)
    with pytest.raises(ProtectionFailed):
        open_db(tmp_path)
    open_lock = list(tmp_path.glob("*.lock"))
    assert open_lock, "and the key is free again"


@given(
    records=st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 1), st.sampled_from([b"1", b"2"])), min_size=1, max_size=12
    )
)
def test_whatever_is_asked_the_first_answer_stands(tmp_path_factory: pytest.TempPathFactory, records) -> None:
    first: dict[tuple[int, int], bytes] = {}
    with open_db(tmp_path_factory.mktemp("protection")) as db:
        for task, seat, answer in records:
            opening = replace(OPENING, task_id=bytes([task]) * 32, seat=seat, answer=answer)
            stands = first.setdefault((task, seat), answer)
            if stands == answer:
                db.record(opening)
            else:
                with pytest.raises(DoubleCommit):
                    db.record(opening)
        assert {(o.task_id[0], o.seat): o.answer for o in db.all()} == first
