"""The worker's process: one line when ready, a clean end, and one clear error for everything that can be wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from eth_account import Account

from agent_runtime.config import EngineConfig, load_config
from agent_runtime.errors import ConfigInvalid
from symphony_chain.deploy import deploy
from symphony_chain.devnet import DEVNET_ACCOUNTS, start_devnet
from symphony_chain.keys import Keystore
from symphony_chain.rpc import Rpc
from symphony_chain.tx import TxSender
from symphony_chain.tx_journal import TxJournal
from symphony_chain.types import State
from tests.runtime.conftest import ETHER, PASSWORD, Buyer, ConfigFor, eventually, jump, question
from tests.runtime.people import RunningWorker, keys_of
from tests.runtime.processes import ROOT, WorkerProcess
from tests.runtime.scripted import ScriptedEngine, add_up


def test_ready_works_and_ends_cleanly(buyer: Buyer, config_for: ConfigFor) -> None:
    with WorkerProcess(config_for("ada")) as worker:
        worker.start()
        ready = worker.wait_ready()
        outcome = buyer.requester.drive(buyer.requester.post(question(k=1), "process"))
        assert outcome.state is State.SETTLED and outcome.seats[0].agent_id == ready["agent_id"]
        assert worker.stop() == 0 and worker.alive() == []
        events = [json.loads(line)["event"] for line in worker.stderr.splitlines()]
    assert {"ready", "bid", "thinking", "thought"} <= set(events)


def test_a_killed_agent_does_not_show_and_the_others_settle(buyer: Buyer, config_for: ConfigFor, rpc: Rpc) -> None:
    with (
        WorkerProcess(config_for("dead")) as dead,
        RunningWorker(config_for("ada"), ScriptedEngine(add_up)),
        RunningWorker(config_for("bob"), ScriptedEngine(add_up)),
        ThreadPoolExecutor(1) as pool,
    ):
        dead.start(fault="commit.tx.before_journal")
        agent_id = dead.wait_ready()["agent_id"]
        posted = buyer.requester.post(question(bid_window_s=200, reveal_window_s=3_600), "dead")
        driven = pool.submit(buyer.requester.drive, posted)
        dead.wait_killed()
        eventually(lambda: any(p.stage == "committed" and p.detail["count"] == 2 for p in buyer.log), what="two commits")
        jump(rpc, 400)
        outcome = driven.result()
    assert outcome.state is State.SETTLED and outcome.answer == "42"
    assert [seat.agent_id for seat in outcome.seats if not seat.revealed] == [agent_id]


def test_it_ends_with_its_parent(config_for: ConfigFor) -> None:
    config = config_for("orphan")
    config.data_dir.mkdir(parents=True, exist_ok=True)
    path = config.data_dir / "config.json"
    config.save(path)
    script = (
        "import os, subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-m', 'agent_runtime.worker', '--config', sys.argv[1],"
        " '--parent', str(os.getpid())], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)\n"
        "print(child.pid, child.stdout.readline().decode().strip(), flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    parent = subprocess.run([sys.executable, "-c", script, str(path)], cwd=ROOT, stdout=subprocess.PIPE, timeout=120)
    pid, _, line = parent.stdout.decode().partition(" ")
    assert json.loads(line)["ready"] is True
    eventually(lambda: _gone(int(pid)), what="the worker's end")


def _gone(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] in ("Z", "X")
    except OSError:
        return True


@pytest.mark.parametrize(
    ("changes", "code", "exit_code"),
    [
        ({"rpc_url": "http://127.0.0.1:9"}, "chain.unreachable", 5),
        ({"owner": "nobody"}, "key.missing", 3),
        ({"engine": EngineConfig(spec="tests.runtime.nowhere:engine")}, "worker.config_invalid", 2),
        ({"engine": EngineConfig(weights=Path("/nonexistent"))}, "model.missing", 3),
    ],
)
def test_errors_are_one_json_line(changes, code: str, exit_code: int, config_for: ConfigFor) -> None:
    with WorkerProcess(replace(config_for("bad"), **changes)) as worker:
        worker.start()
        assert worker.wait_exit() == exit_code, worker.stderr
        error = json.loads(worker.stderr.splitlines()[-1])
    assert error["code"] == code and error["hint"]


def test_a_wrong_password_is_one_clear_error(config_for: ConfigFor, tmp_path: Path) -> None:
    config = config_for("bad")
    (tmp_path / "wrong").write_text("something else")
    with WorkerProcess(replace(config, password_file=tmp_path / "wrong")) as worker:
        worker.start()
        assert worker.wait_exit() == 2
        assert json.loads(worker.stderr.splitlines()[-1])["code"] == "key.wrong_password"


def test_an_unfunded_owner_is_one_clear_error(config_for: ConfigFor, tmp_path: Path) -> None:
    config = config_for("poor")
    Keystore(config.keystore_dir).create("poor", PASSWORD, key=bytes(Account.create().key), kdf="pbkdf2", work=10)
    with WorkerProcess(replace(config, owner="poor")) as worker:
        worker.start()
        assert worker.wait_exit() == 4
        error = json.loads(worker.stderr.splitlines()[-1])
    assert error["code"] == "tx.unfunded" and "Send ether" in error["hint"]


def test_another_chain_ends_the_worker(config_for: ConfigFor) -> None:
    config = config_for("lost")
    with start_devnet("pyevm") as other, WorkerProcess(replace(config, rpc_url=other.url)) as worker:
        worker.start()
        assert worker.wait_exit() == 5
        assert json.loads(worker.stderr.splitlines()[-1])["code"] == "chain.wrong"


def test_a_killed_chain_ends_the_worker_after_its_patience(config_for: ConfigFor, tmp_path: Path) -> None:
    """What was journaled stays; the error names the node."""
    config = replace(config_for("lost"), patience_s=0.5)
    with start_devnet("pyevm", block_time_s=0.2) as own, Rpc(own.url) as rpc, TxJournal(tmp_path / "tx.sqlite") as journal:
        sender = TxSender(rpc, Account.from_key(DEVNET_ACCOUNTS[0][1]), journal)
        deploy(sender).save(tmp_path / "own.json")
        owner, _ = keys_of(config)
        sender.send(owner.address, b"", value_wei=10 * ETHER, idempotency_key="gift").expect_mined()
        with WorkerProcess(replace(config, rpc_url=own.url, deployment=tmp_path / "own.json")) as worker:
            worker.start()
            worker.wait_ready()
            own.stop()
            assert worker.wait_exit() == 5
            error = json.loads(worker.stderr.splitlines()[-1])
    assert error["code"] == "chain.unreachable" and own.url in error["message"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"skill": {}}, "unknown field skill"),
        ({"bidding": {"wei_per_tokens": 1}}, "bidding.wei_per_tokens"),
        ({"poll_s": "fast"}, "poll_s"),
        ({"skills": {"cooking": 1}}, "cooking"),
        ({"skills": {"navigate": 20_000}}, "navigate"),
        ({"skills": {}}, "no skills"),
        ({"operator": "owner"}, "owner and operator"),
        ({"max_store_bytes": -1}, "max_store_bytes"),
        ({"thinking": {"samples": 0}}, "samples"),
    ],
)
def test_a_bad_configuration_names_what_is_off(change: dict, named: str, config_for: ConfigFor, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    good = config_for("ada")
    good.save(path)
    assert load_config(path) == replace(good, protection_dir=None)
    path.write_text(json.dumps(good.as_json() | change))
    with pytest.raises(ConfigInvalid) as refused:
        load_config(path)
    assert named in refused.value.message and str(path) in refused.value.message


def test_no_configuration_at_all(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match="no configuration file"):
        load_config(tmp_path / "none.json")
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(ConfigInvalid, match="cannot read"):
        load_config(tmp_path / "broken.json")


def test_sigterm_while_thinking_is_clean(buyer: Buyer, config_for: ConfigFor) -> None:
    with WorkerProcess(config_for("ada")) as worker:
        worker.start()
        worker.wait_ready()
        buyer.requester.post(question(k=1), "unawarded")
        eventually(lambda: '"bid"' in worker.stderr, what="the bid")
        assert worker.handle is not None
        os.kill(worker.handle.pid, signal.SIGTERM)
        assert worker.wait_exit() == 0
