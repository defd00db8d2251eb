"""Following chains that mine by themselves, on every devnet."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from indexer.meta import Health
from indexer.store import Store
from indexer.sync import Indexer
from symphony_chain.devnet import available_kinds, start_devnet
from symphony_chain.rpc import Rpc, wait_until
from tests.indexer.conftest import database
from tests.indexer.scenario import Scenario


@pytest.mark.parametrize(
    "kind", ["pyevm", pytest.param("anvil", marks=pytest.mark.anvil), pytest.param("hardhat", marks=pytest.mark.hardhat)]
)
def test_follows_a_live_chain_and_outlives_its_node(kind: str, tmp_path: Path) -> None:
    if kind not in available_kinds():
        pytest.skip(f"{kind} is not installed")
    with start_devnet(kind, block_time_s=1.0 if kind == "hardhat" else 0.2) as node, Rpc(node.url) as rpc:
        world = Scenario.start(rpc, tmp_path)
        stop = threading.Event()
        with Rpc(node.url) as own, Indexer(own, world.deployment, database(tmp_path)) as indexer:
            thread = threading.Thread(target=indexer.run, args=(stop,), kwargs={"poll_s": 0.05})
            thread.start()
            try:
                with Store(database(tmp_path)) as store:
                    world.register(world.keys[0], {0: 9_000})
                    now = world.now_s  # a chain of several blocks a second may run ahead of the wall
                    posted = world.post(bid_end_s=now + 10_000, commit_end_s=now + 20_000)
                    task_id = "0x" + posted.task_id.hex()
                    wait_until(lambda: store.counts()["tasks"] == 1, 20, what="the task in the index")
                    assert store.get_task(task_id)["state"] == "OPEN"
                    wait_until(lambda: store.status().health is Health.FOLLOWING, 20, what="the state following")
                    node.stop()
                    wait_until(lambda: store.status().health is Health.UNREACHABLE, 30, what="the state unreachable")
                    assert store.get_task(task_id)["state"] == "OPEN" and thread.is_alive()
            finally:
                stop.set()
                thread.join(30)
            assert not thread.is_alive()
