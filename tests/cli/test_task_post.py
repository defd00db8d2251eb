"""A person with a keystore file and some coins: posts a task, sees it through, verifies it, audits it, takes the rest home."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from symphony_chain.devnet import DEVNET_ACCOUNTS, start_devnet
from symphony_chain.keys import Keystore
from symphony_chain.rpc import Rpc
from tests.cli.conftest import invoke
from tests.cli.hands import Hands
from tests.indexer.scenario import ETHER, Scenario

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "correct horse"
TASK = {
    "prompt": "I have an apple and two pears. How many fruits do I have?",
    "answer_format": "integer",
    "skills": {"boolean_expressions": 10_000},
    "k": 3,
    "ceiling": "0.01 ether",
    "bid_window": "20m",  # the chain's clock runs five times as fast as ours here
    "commit_window": "20m",
    "reveal_window": "20m",
}


@dataclass
class Person:
    """A keystore, a password file, a data folder, and a market to use them at."""

    scenario: Scenario
    rpc: Rpc
    url: str
    folder: Path
    address: str

    @property
    def options(self) -> list[str]:
        data, deployment = self.folder / "data", self.folder / "deployment.json"
        keys = ["--keystore", str(self.folder / "keys"), "--password-file", str(self.folder / "password")]
        return ["--rpc", self.url, "--deployment", str(deployment), "--data-dir", str(data), *keys]

    @property
    def chain(self) -> list[str]:
        return self.options[:6]


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    folder = tmp_path_factory.mktemp("person")
    with start_devnet("pyevm", block_time_s=0.2) as node, Rpc(node.url) as rpc:
        scenario = Scenario.start(rpc, folder)
        scenario.register_four()
        scenario.deployment.save(folder / "deployment.json")
        key = Keystore(folder / "keys").create("alice", PASSWORD, kdf="pbkdf2", work=10)
        (folder / "password").write_text(PASSWORD + "\n")
        scenario.send(scenario.requester, key.address, b"", ETHER)
        (folder / "task.json").write_text(json.dumps(TASK))
        yield Person(scenario, rpc, node.url, folder, key.address)


def symphony(*args: object) -> tuple[int, dict[str, Any], str]:
    """Runs the command in a process of its own; exit code, its one document, and its notes."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("SYMPHONY_")} | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "symphony", *map(str, args), "--json"]
    done = subprocess.run(
        command, capture_output=True, text=True, env=env, stdin=subprocess.DEVNULL, timeout=180
    )
    assert len(done.stdout.splitlines()) == 1, (done.stdout, done.stderr)
    return done.returncode, json.loads(done.stdout), done.stderr


def test_a_whole_task_from_a_keystore(person: Person) -> None:
    with Hands(person.scenario, person.url, ["3", "3", "4"]):
        code, document, notes = symphony(
            "task", "post", person.folder / "task.json", "--yes", *person.options
        )
    assert code == 0, document
    assert document["state"] == "settled" and document["answer"] == "3"
    assert len(document["seats"]) == 3 and "awarded" in notes
    task_id = document["task_id"]
    escrow, paid, back, burnt = (int(document[name]) for name in ("escrow_wei", "paid_wei", "refund_wei", "burnt_wei"))
    assert escrow == paid + back + burnt == 3 * 10**16
    assert burnt > 0, "dear enough to move scores"

    shown = invoke("task", "show", task_id[:10], "--json", *person.chain)
    assert shown.code == 0
    assert shown.json["state"] == "settled" and shown.json["prompt"] == TASK["prompt"]

    receipt = invoke("vote", "verify", task_id, "--json", *person.chain)
    assert receipt.code == 0 and receipt.json["ok"] and receipt.json["winner"] == "3"
    assert receipt.json["title"]
    assert [
        check
        for check in receipt.json["checks"]
        if check["name"] == "body is what the header names" and check["ok"]
    ]

    explained = invoke("task", "explain", task_id, "--json", *person.chain)
    assert explained.json["agents"] == 4 and explained.json["bid"] == 3 and explained.json["seated"] == 3
    assert explained.json["reasons"] == {"no_bid": 1}

    withdrawn = invoke("withdraw", "--yes", "--json", *person.options)
    assert withdrawn.code == 0 and int(withdrawn.json["amount_wei"]) == back
    assert invoke("withdraw", "--yes", "--json", *person.options).error["code"] == "withdraw.nothing"

    first = document["seats"][0]
    index = [address for address, _ in DEVNET_ACCOUNTS].index(first["owner"])
    claim = ("reward", "claim", first["agent_id"], "--from", f"devnet:{index}", "--yes", "--json", *person.chain)
    claimed = invoke(*claim)
    assert claimed.code == 0 and [c["amount_wei"] for c in claimed.json["claims"]] == [first["pay_wei"]]
    assert invoke(*claim).error["code"] == "reward.nothing"


def test_the_index_of_it_is_audited(person: Person) -> None:
    from indexer.sync import Indexer

    url = f"sqlite:///{person.folder / 'index.sqlite'}"
    with Indexer(person.rpc, person.scenario.deployment, url) as index:
        index.sync_once()
    report = invoke("audit", "--db", url, "--json", *person.chain)
    assert report.code == 0, report.out
    assert report.json["ok"] and report.json["checked_rows"] > 10 and report.json["differences"] == []

    import sqlite3

    with sqlite3.connect(person.folder / "index.sqlite") as db:
        db.execute("UPDATE seats SET weight = weight + 1 WHERE seat = 0")
    db.close()
    broken = invoke("audit", "--db", url, "--json", *person.chain)
    assert broken.code == 4 and broken.error["code"] == "audit.mismatch"
    assert "seats" in {difference["table"] for difference in broken.json["differences"]}


def test_posted_without_waiting_and_taken_up_again(person: Person) -> None:
    code, document, _ = symphony(
        "task", "post", person.folder / "task.json", "--no-wait", "--yes", *person.options
    )
    assert code == 0 and document["state"] == "open"
    task_id = document["task_id"]
    again, same, _ = symphony(
        "task",
        "post",
        person.folder / "task.json",
        "--no-wait",
        "--yes",
        "--key",
        document["key"],
        *person.options,
    )
    assert (again, same["task_id"]) == (0, task_id), "one key never posts twice"

    hands = Hands(person.scenario, person.url, ["5", "5", "5"])
    hands._known.discard(bytes.fromhex(task_id[2:]))
    with hands:
        code, document, _ = symphony("task", "watch", task_id, *person.options)
    assert code == 0 and document["state"] == "settled" and document["answer"] == "5"

    looked = invoke("task", "watch", task_id, "--read-only", "--json", *person.chain)
    assert looked.code == 0 and looked.json["state"] == "settled"


def test_cancel_returns_the_escrow(person: Person) -> None:
    _, document, _ = symphony(
        "task", "post", person.folder / "task.json", "--no-wait", "--yes", *person.options
    )
    task_id = document["task_id"]
    refused = invoke("task", "cancel", task_id, "--json", *person.options)
    assert refused.code == 2 and refused.error["code"] == "usage.confirm"
    stranger = invoke("task", "cancel", task_id, "--yes", "--json", *person.chain, "--from", "devnet:1")
    assert stranger.code == 4 and stranger.error["code"] == "task.not_yours"
    cancelled = invoke("task", "cancel", task_id, "--yes", "--json", *person.options)
    assert cancelled.code == 0 and int(cancelled.json["refund_wei"]) == 3 * 10**16
    twice = invoke("task", "cancel", task_id, "--yes", "--json", *person.options)
    assert twice.code == 4 and twice.error["code"] == "task.not_cancellable"
    verified = invoke("vote", "verify", task_id, "--json", *person.chain)
    assert verified.code == 0 and verified.json["state"] == "cancelled"


def test_a_task_that_nobody_wants_comes_back(person: Person) -> None:
    code, document, _ = symphony(
        "task", "post", "--prompt", "hello?", "--format", "text", "--skill", "text2sql", "--bid-window", "30s",
        "--seats", "1", "--yes", *person.options,
    )  # fmt: skip
    assert code == 0, document
    assert document["state"] == "cancelled" and document["refund_wei"] == document["escrow_wei"]


def test_an_evaluator_scores_the_seats(person: Person) -> None:
    world, now_s = person.scenario, person.rpc.head().timestamp
    fee_wei = 10**12
    posted = world.post(
        bid_end_s=now_s + 1_200, commit_end_s=now_s + 2_400, reveal_window_s=1_200,
        evaluator=person.address, evaluation_window_s=1_200, evaluation_fee_wei=fee_wei,
    )  # fmt: skip
    world.seat_all(posted)
    world.commit(posted, ["a", "a", "b"])
    task_id = "0x" + posted.task_id.hex()
    scores = ("task", "evaluate", task_id, "--yes", "--json")
    early = invoke(*scores, "--scores", "1,2,3", *person.options)
    assert early.code == 4 and early.json["error"]["code"] == "contract.Pending"
    world.reveal(posted, [0, 1, 2])
    due = invoke("task", "show", task_id, "--json", *person.chain).json["next"]
    assert person.address in due["who"] and due["until_s"] == posted.task.evaluation_end_s
    assert invoke(*scores, "--scores", "1,2", *person.options).error["code"] == "task.scores"
    assert invoke(*scores, "--scores", "1,2,10001", *person.options).error["code"] == "usage"
    stranger = invoke(*scores, "--scores", "1,2,3", *person.chain, "--from", "devnet:1")
    assert stranger.code == 4 and stranger.error["code"] == "task.not_evaluator"
    done = invoke(*scores, "--scores", "9000,8000,0", *person.options)
    assert done.code == 0 and done.json["state"] == "settled" and int(done.json["fee_wei"]) == fee_wei
    shown = invoke("task", "show", task_id, "--json", *person.chain).json
    assert shown["evaluated"] and [seat["score_bps"] for seat in shown["seats"]] == [9_000, 8_000, 0]
    again = invoke(*scores, "--scores", "9000,8000,0", *person.options)
    assert again.code == 4 and again.error["code"] == "contract.WrongState"


def test_a_free_seat_says_who_may_take_it(person: Person) -> None:
    world, now_s = person.scenario, person.rpc.head().timestamp
    posted = world.post(open=True, k=2, bid_end_s=now_s + 60, commit_end_s=now_s + 9_000)
    world.warp(posted.task.bid_end_s + 1)
    task_id = "0x" + posted.task_id.hex()

    def shown() -> dict[str, Any]:
        return invoke("task", "show", task_id, "--json", *person.chain).json

    free = shown()
    assert free["state"] == "free" and free["free_seats"] == 2 and "takes a seat" in free["next"]["does"]
    world.take(posted, world.agents[0])
    half = shown()
    assert half["state"] == "awarded" and half["free_seats"] == 1 and len(half["seats"]) == 1
    assert half["next"]["who"] == "seats 0, 1 more may be taken" and int(half["price_wei"]) == posted.task.ceiling_wei
    cancel = invoke("task", "cancel", task_id, "--yes", "--json", *person.options)
    assert cancel.code == 4 and cancel.error["code"] == "task.not_cancellable"
