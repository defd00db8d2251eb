"""`symphony router run` on a real chain: it awards for a person who has gone, and survives being killed. A deployment's terms."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from symphony.services import ready_line
from symphony_chain.deploy import Deployment, Terms, addresses
from symphony_chain.devnet import start_devnet
from symphony_chain.devnet.process import guarded
from symphony_chain.keys import Keystore
from symphony_chain.market import MarketClient
from symphony_chain.rpc import Rpc, wait_until
from symphony_chain.types import State
from tests.cli.conftest import World, invoke
from tests.cli.hands import Hands
from tests.cli.test_task_post import PASSWORD, ROOT, TASK, symphony
from tests.indexer.scenario import ETHER, Scenario

DEADLINE_S = 60.0


@contextmanager
def router(folder: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """The command in a process of its own, ready."""
    log = folder / "router.log"
    with log.open("wb") as out:
        command = guarded([sys.executable, "-m", "symphony", "router", "run", "--linger", "1s", "--json", *options])
        process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    try:

        def ready() -> bool:
            assert process.poll() is None, log.read_text()
            return ready_line(log.read_text()) is not None

        wait_until(ready, DEADLINE_S, 0.05, what="the router")
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(DEADLINE_S)


@pytest.mark.anvil
def test_a_person_posts_and_goes_away(tmp_path: Path) -> None:
    """Two keystores, three processes: one posts and ends, one routes and is killed in between, one bids and answers."""
    keys = Keystore(tmp_path / "keys")
    person, guide = (keys.create(name, PASSWORD, kdf="pbkdf2", work=10).address for name in ("person", "guide"))
    (tmp_path / "password").write_text(PASSWORD)
    (tmp_path / "task.json").write_text(json.dumps(TASK | {"bid_window": "40m", "router": guide}))
    with start_devnet("anvil", block_time_s=0.2) as node, Rpc(node.url) as rpc:
        world = Scenario.start(rpc, tmp_path)
        world.register_four()
        world.deployment.save(tmp_path / "deployment.json")
        for address in (person, guide):
            world.send(world.requester, address, b"", ETHER)
        options = ["--rpc", node.url, "--deployment", str(tmp_path / "deployment.json"), "--keystore", str(keys.folder)]
        options += ["--password-file", str(tmp_path / "password")]
        mine = [*options, "--data-dir", str(tmp_path / "person"), "--from", "person"]
        its = [*options, "--data-dir", str(tmp_path / "guide"), "--from", "guide"]
        with router(tmp_path, *its) as first:
            first.send_signal(signal.SIGKILL)
            first.wait(DEADLINE_S)
        with Hands(world, node.url, ["5", "5", "5"]):
            code, posted, _ = symphony("task", "post", tmp_path / "task.json", "--no-wait", "--yes", *mine)
            assert code == 0, posted
            with router(tmp_path, *its) as second:
                task_id, market = bytes.fromhex(posted["task_id"][2:]), MarketClient(rpc, world.deployment.market)
                wait_until(lambda: market.state(task_id) is State.SETTLED, DEADLINE_S, 0.1, what="the settlement")
                second.send_signal(signal.SIGTERM)
                assert second.wait(DEADLINE_S) == 0
        assert rpc.get_nonce(person, "latest") == 1, "the person's key posted, and signed nothing else"
        assert rpc.get_nonce(guide, "latest") == 1, "the router's key awarded, and sent nothing else"
        assert market.balance(guide) == 0
        shown = invoke("task", "show", posted["task_id"], "--json", *options[:4]).json
        spent_wei = sum(int(seat["pay_wei"]) for seat in shown["seats"]) + int(shown["burnt_wei"])
        returned_wei = market.balance(person)
        assert spent_wei + returned_wei == int(posted["escrow_wei"])


def test_a_router_needs_a_key(world: World, tmp_path: Path) -> None:
    done = invoke("router", "run", "--from", "nobody", "--json", *world.chain)
    assert done.code == 3 and done.error["code"] == "key.missing"


def test_terms_are_part_of_the_address(world: World, tmp_path: Path) -> None:
    terms = Terms(min_window_s=7, score_min_wei=10**15, score_burn_bps=250)
    path = tmp_path / "other.json"
    arguments = ("--min-window", 7, "--score-min", "0.001 ether", "--score-burn", 250, "--from", "devnet:6")
    chain = ("--rpc", world.node.url, "--deployment", path)
    deployed = invoke("chain", "deploy", *arguments, *chain, "--json")
    assert deployed.code == 0, deployed.out
    assert Deployment.load(path).market == deployed.json["market"] == addresses(terms)["market"]
    assert deployed.json["market"] != world.scenario.deployment.market
    assert deployed.json["registry"] == world.scenario.deployment.registry, "who is who does not depend on terms"
    status = invoke("chain", "status", "--json", *chain).json
    assert status["terms"]["min_window_s"] == 7 and status["terms"]["score_burn_bps"] == 250
    assert status["terms"]["score_min_wei"] == str(10**15)
    assert "2.5 % of it is burnt" in invoke("chain", "status", *chain).out
    refused = invoke("chain", "deploy", "--score-token", "gold", *chain, "--from", "devnet:6", "--json")
    assert refused.code == 2 and "gold" in refused.error["message"]
