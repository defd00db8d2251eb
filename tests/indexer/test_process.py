"""The indexer as a process: ready line, clean end, hard kills, full disk, wrong chain, a node that goes away."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from indexer.database import migrate, open_engine
from indexer.errors import AnotherWriter, DiskFull
from indexer.meta import Health
from indexer.sync import Indexer
from symphony_chain.devnet import start_devnet
from symphony_chain.errors import ChainUnavailable, UsageError, WrongChain
from symphony_chain.rpc import Rpc, wait_until
from tests.indexer.conftest import database, devnet_world, fresh_digest
from tests.indexer.scenario import Scenario

ROOT = Path(__file__).resolve().parents[2]
NOBODY = "http://127.0.0.1:9"  # the discard port: nothing listens


def command(
    world: Scenario, folder: Path, *more: str, rpc_url: str | None = None, db_url: str | None = None
) -> list[str]:
    path = folder / "deployment.json"
    world.deployment.save(path)
    base = [sys.executable, "-m", "indexer", "--rpc", rpc_url or world.rpc.url, "--deployment", str(path)]
    return [*base, "--db", db_url or database(folder), *more]


@contextmanager
def running(arguments: list[str], **options: Any) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        arguments, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def finish(arguments: list[str]) -> tuple[int, dict[str, Any]]:
    """Exit code and error of a run that ends by itself."""
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, json.loads(done.stderr)["error"]


def test_ready_line_then_follows_then_ends_on_sigterm(db: str, tmp_path: Path) -> None:
    with devnet_world(tmp_path) as world, running(command(world, tmp_path, db_url=db)) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        assert ready["ready"] and ready["state"] == "following" and ready["pid"] == process.pid
        world.register_four()
        tip = world.rpc.block_number()
        with Indexer(world.rpc, world.deployment, database(tmp_path, "other")) as reference:
            reference.sync_once()
            engine = open_engine(db, read_only=True)

            def indexed() -> bool:
                with engine.begin() as connection:
                    found = connection.exec_driver_sql("select max(number) from blocks").scalar()
                return found is not None and found >= tip

            wait_until(indexed, 20)
            engine.dispose()
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
            with Indexer(world.rpc, world.deployment, db) as again:
                assert again.digest() == reference.digest()


def test_stops_amid_a_long_catching_up_and_goes_on_later(world: Scenario, tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    with Indexer(world.rpc, world.deployment, database(tmp_path), batch_blocks=7) as indexer:
        assert (indexer.sync_once(stop).indexed, indexer.sync_once(stop).indexed) == (6, 13)
        indexer.sync_once()
        assert indexer.digest() == fresh_digest(world, tmp_path)


def test_ends_with_its_parent(world: Scenario, tmp_path: Path) -> None:
    line = " ".join(command(world, tmp_path))
    with running(["sh", "-c", f"{line} & wait"], start_new_session=True) as shell:
        assert shell.stdout is not None
        child = json.loads(shell.stdout.readline())["pid"]
        shell.kill()
        shell.wait(10)
        wait_until(lambda: not _alive(child), 20, what="the orphan's end")


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


# --- kill -9 in the middle of a write ---

KILLER = """
import os, signal, sys
from pathlib import Path
import indexer.writer as writer
from indexer.rows import Rows
from indexer.sync import Indexer
from symphony_chain.deploy import Deployment
from symphony_chain.rpc import Rpc

point, count = sys.argv[4], int(sys.argv[5])
owner, name = {"rows": (Rows, "flush"), "undo": (writer, "prune_undo"), "rollback": (writer, "roll_back")}[point]
true, calls = getattr(owner, name), []

def dying(*args):
    true(*args)
    calls.append(1)
    if len(calls) == count:
        os.kill(os.getpid(), signal.SIGKILL)

setattr(owner, name, dying)
with Rpc(sys.argv[1]) as rpc, Indexer(rpc, Deployment.load(Path(sys.argv[2])), sys.argv[3], batch_blocks=7) as indexer:
    indexer.sync_once()
"""


def killed(world: Scenario, folder: Path, db: str, point: str, count: int) -> None:
    """Runs an indexer that kills itself with open, half-written transaction."""
    path = folder / "deployment.json"
    world.deployment.save(path)
    script = [sys.executable, "-c", KILLER, world.rpc.url, str(path), db, point, str(count)]
    done = subprocess.run(script, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.mark.parametrize(("point", "count"), [("rows", 1), ("rows", 5), ("undo", 3), ("undo", 9)])
def test_kill_9_while_writing_loses_nothing(world: Scenario, db: str, tmp_path: Path, point: str, count: int) -> None:
    killed(world, tmp_path, db, point, count)
    with Indexer(world.rpc, world.deployment, db) as indexer:
        applied = indexer.sync_once().applied
        assert applied == world.rpc.block_number() + 1 - 7 * (count - 1), "the batches before the kill are kept"
        assert indexer.digest() == fresh_digest(world, tmp_path)


def test_kill_9_while_rolling_back_loses_nothing(db: str, tmp_path: Path) -> None:
    with devnet_world(tmp_path) as world:
        world.register_four()
        world.to_state("revealed")
        with Indexer(world.rpc, world.deployment, db) as indexer:
            indexer.sync_once()
        world.rpc.call("anvil_reorg", 6, [])
        killed(world, tmp_path, db, "rollback", 1)
        with Indexer(world.rpc, world.deployment, db) as indexer:
            assert indexer.sync_once().dropped == 6
            assert indexer.digest() == fresh_digest(world, tmp_path)


# --- full disk ---


def test_full_disk_is_a_clear_error_and_a_run_with_room_repairs(world: Scenario, tmp_path: Path) -> None:
    url = database(tmp_path)
    engine = open_engine(url)
    migrate(engine)
    with engine.begin() as connection:
        pages = connection.exec_driver_sql("pragma page_count").scalar_one()
    engine.dispose()
    code, error = finish(command(world, tmp_path, "--max-pages", str(pages + 12)))
    assert code == 1 and error["code"] == "index.disk_full" and "free some space" in error["hint"]
    with Indexer(world.rpc, world.deployment, url) as indexer:
        indexer.sync_once()
        assert indexer.digest() == fresh_digest(world, tmp_path)


def test_full_disk_before_the_first_table(world: Scenario, tmp_path: Path) -> None:
    with pytest.raises(DiskFull):
        Indexer(world.rpc, world.deployment, database(tmp_path), max_pages=5)


# --- wrong chain, no chain ---


def test_a_database_of_another_chain_is_refused_and_kept(world: Scenario, db: str) -> None:
    with Indexer(world.rpc, world.deployment, db) as indexer:
        indexer.sync_once()
        before = indexer.digest()
    other = dataclasses.replace(world.deployment, genesis="0x" + "12" * 32)
    with pytest.raises(WrongChain) as refusal:
        Indexer(world.rpc, other, db)
    assert refusal.value.exit_code == 5 and "nothing was deleted" in refusal.value.hint
    with Indexer(world.rpc, world.deployment, db) as indexer:
        assert indexer.digest() == before


def test_exits_5_at_a_node_of_another_chain(world: Scenario, tmp_path: Path) -> None:
    with start_devnet("pyevm", block_time_s=0) as other:
        code, error = finish(command(world, tmp_path, rpc_url=other.url))
    assert code == 5 and error["code"] == "chain.wrong" and error["hint"]


def test_a_devnet_restarted_at_the_same_port_is_wrong_chain(tmp_path: Path) -> None:
    with devnet_world(tmp_path, "pyevm") as world:
        url, port = world.rpc.url, int(world.rpc.url.rsplit(":", 1)[1])
        indexer = Indexer(world.rpc, world.deployment, database(tmp_path))
        world.register_four()
        indexer.sync_once()
        before = indexer.digest()
    with indexer, Rpc(url) as rpc:
        indexer.rpc = rpc
        indexer._follower = None
        with pytest.raises(ChainUnavailable) as down:
            indexer.sync_once()
        assert down.value.code == "chain.unreachable" and indexer.state() is Health.UNREACHABLE
        with start_devnet("pyevm", port=port, block_time_s=0):
            with pytest.raises(WrongChain):
                indexer.sync_once()
        assert indexer.state() is Health.WRONG_CHAIN and indexer.digest() == before


def test_starts_without_a_node_and_says_so(world: Scenario, tmp_path: Path) -> None:
    with running(command(world, tmp_path, rpc_url=NOBODY)) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        assert ready["state"] == "unreachable" and ready["indexed"] is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


# --- bad words ---


@pytest.mark.parametrize("url", ["nonsense", "sqlite://", "nosuch://x/y", "mysql+pymysql://x/y", "oracle://x/y"])
def test_a_bad_database_url_is_a_usage_error(url: str, world: Scenario) -> None:
    with pytest.raises(UsageError) as error:
        Indexer(world.rpc, world.deployment, url)
    assert error.value.exit_code == 2 and "sqlite:///" in error.value.hint


@pytest.mark.postgres
def test_a_database_server_that_is_away_is_a_clear_error(world: Scenario, tmp_path: Path) -> None:
    code, error = finish(command(world, tmp_path, db_url="postgresql://symphony:secret@127.0.0.1:9/none"))
    assert code == 1 and error["code"] == "index.database" and error["hint"]
    assert "secret" not in json.dumps(error)


def test_a_missing_deployment_file_is_a_clear_error(world: Scenario, tmp_path: Path) -> None:
    arguments = command(world, tmp_path)
    os.unlink(tmp_path / "deployment.json")
    code, error = finish(arguments)
    assert code != 0 and "deployment.json" in error["message"] and error["hint"]


def test_no_database_file(world: Scenario, tmp_path: Path) -> None:
    (tmp_path / "index.db").write_bytes(b"this is no database" * 100)
    code, error = finish(command(world, tmp_path))
    assert code == 1 and error["code"] == "index.database" and error["hint"]


def test_two_writers_are_refused(world: Scenario, db: str, tmp_path: Path) -> None:
    def first_step(indexer: Indexer) -> Callable[[], None]:
        steps = indexer._new_follower().poll()
        step = next(iter(steps))
        return lambda: indexer._take(step)

    with Indexer(world.rpc, world.deployment, db) as one, Indexer(world.rpc, world.deployment, db) as two:
        late = first_step(two)
        one.sync_once()
        with pytest.raises(AnotherWriter):
            late()
        assert one.digest() == fresh_digest(world, tmp_path)
