"""Tasks that share their pay: workers record them in the reward pool in time, once, and the owner takes the share."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from agent_runtime.config import WorkerConfig
from agent_runtime.worker_pool import Recorder
from symphony.verify import RpcReader
from symphony.verify.closed import closed_tasks_of
from symphony_chain.deploy import Deployment
from symphony_chain.market import MarketClient
from symphony_chain.reward_events import Recorded
from symphony_chain.rewards import RewardPoolClient, encode_record
from symphony_chain.rpc import Rpc
from symphony_chain.types import State
from tests.cli.conftest import invoke
from tests.runtime.conftest import Bank, Buyer, ConfigFor, eventually, jump, question, reorganise
from tests.runtime.people import RunningWorker, keys_of, records_of
from tests.runtime.scripted import ScriptedEngine, add_up

SHARED_BPS = 2_000


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Workers look at the pool only once this is set."""
    free, step = threading.Event(), Recorder.step
    monkeypatch.setattr(Recorder, "step", lambda recorder, views: step(recorder, views) if free.is_set() else None)
    return free


def cli(config: WorkerConfig, *arguments: object) -> dict[str, Any]:
    """A command of the agent's owner."""
    keys = ("--keystore", config.keystore_dir, "--from", config.owner, "--password-file", config.password_file)
    chain = ("--rpc", config.rpc_url, "--deployment", config.deployment)
    done = invoke(*arguments, *chain, *(keys if "claim" in arguments else ()), "--json")
    assert done.code == 0, done.out + done.err
    return done.json


def test_from_a_shared_task_to_its_share(
    buyer: Buyer, config_for: ConfigFor, rpc: Rpc, deployment: Deployment
) -> None:
    """What one epoch's task gave is divided among the seats of a later one's."""
    pool, market = RewardPoolClient(rpc, deployment.pool), MarketClient(rpc, deployment.market)
    terms = pool.terms()

    def to_epoch(epoch: int) -> None:
        jump(rpc, max(0, epoch * terms.epoch_s - rpc.head().timestamp))

    config = config_for("ada")
    with RunningWorker(config, ScriptedEngine(add_up)) as ada, RunningWorker(config_for("bob"), ScriptedEngine(add_up)):
        agent_id = ada.worker.agent_id

        def shared(name: str) -> Recorded:
            """A task that is answered, settled and recorded; nobody but the workers does anything for that."""
            posted = buyer.requester.post(question(k=2, shared_bps=SHARED_BPS), name)
            assert buyer.requester.drive(posted).state is State.SETTLED
            eventually(lambda: records_of(rpc, deployment, posted.task_id), what="the record")
            (record,) = records_of(rpc, deployment, posted.task_id)
            assert record.sharing and record.market == deployment.market
            return record

        first = shared("one")
        to_epoch(first.epoch + terms.delay)
        second = shared("two")
        assert first.epoch < second.epoch < first.epoch + terms.delay + terms.spread
        jump(rpc, terms.final_at_s(second.epoch) - rpc.head().timestamp)
        eventually(lambda: rpc.head().timestamp >= terms.final_at_s(second.epoch), what="the end of recording")
        eventually(lambda: market.account(agent_id).accrued_wei == 0, what="the claim of pay")

    listed = cli(config, "reward", "list", agent_id)
    assert [share["standing"] for share in listed["shares"]] == ["to_advance", "to_advance"]
    done = cli(config, "reward", "claim", agent_id, "--pool", "--yes")
    assert {step["step"] for step in done["pool"]} >= {"advance", "share"}
    (claim,) = done["claims"]
    shares = cli(config, "reward", "list", agent_id)["shares"]
    assert {share["standing"] for share in shares} == {"shared"}
    got_wei = sum(int(share["amount_wei"]) for share in shares)
    assert int(claim["amount_wei"]) == got_wei > 0 and market.account(agent_id).accrued_wei == 0


def test_an_agent_that_comes_second_finds_it_done(
    buyer: Buyer, config_for: ConfigFor, rpc: Rpc, bank: Bank, deployment: Deployment, held: threading.Event
) -> None:
    """A stranger has recorded the task: that counts as done, and costs the agent nothing."""
    config = config_for("ada")
    with RunningWorker(config, ScriptedEngine(add_up)) as ada:
        posted = buyer.requester.post(question(k=1, shared_bps=SHARED_BPS), "stranger")
        buyer.requester.drive(posted)
        (closed,) = closed_tasks_of(RpcReader(rpc, deployment), ada.worker.agent_id)
        data = encode_record(deployment.market, closed.receipt)
        bank.sender.send(deployment.pool, data, idempotency_key=f"record/{posted.task_id.hex()}").expect_mined()
        eventually(lambda: MarketClient(rpc, deployment.market).account(ada.worker.agent_id).accrued_wei == 0, what="the claim")
        _, operator = keys_of(config)
        nonce = rpc.get_nonce(operator.address, "pending")
        held.set()
        eventually(lambda: posted.task_id in ada.worker._recorder._done, what="the end of it")
        assert rpc.get_nonce(operator.address, "pending") == nonce
    assert len(records_of(rpc, deployment, posted.task_id)) == 1


def test_a_record_that_a_reorganisation_takes_away_is_sent_again(
    buyer: Buyer, config_for: ConfigFor, rpc: Rpc, deployment: Deployment
) -> None:
    with RunningWorker(config_for("ada"), ScriptedEngine(add_up)):
        posted = buyer.requester.post(question(k=1, shared_bps=SHARED_BPS), "undone")
        buyer.requester.drive(posted)
        eventually(lambda: records_of(rpc, deployment, posted.task_id), what="the record")
        reorganise(rpc, lambda: 2)
        eventually(lambda: records_of(rpc, deployment, posted.task_id), what="the record again")
        block = rpc.block_number()
        eventually(lambda: rpc.block_number() > block + 4, what="a few blocks")
    assert len(records_of(rpc, deployment, posted.task_id)) == 1


def test_who_comes_too_late_does_not_record(
    buyer: Buyer, config_for: ConfigFor, rpc: Rpc, deployment: Deployment, held: threading.Event
) -> None:
    """After the end of the next epoch a record is possible, but its seats get nothing for it."""
    terms = RewardPoolClient(rpc, deployment.pool).terms()
    with RunningWorker(config_for("ada"), ScriptedEngine(add_up)) as ada:
        posted = buyer.requester.post(question(k=1, shared_bps=SHARED_BPS), "late")
        closed_s = buyer.requester.drive(posted).closed_s
        closes_s = terms.final_at_s(terms.epoch_of(closed_s))
        jump(rpc, closes_s - closed_s)
        eventually(lambda: ada.worker.view.head.timestamp >= closes_s, what="the late block in the worker's picture")
        held.set()
        eventually(lambda: posted.task_id in ada.worker._recorder._done, what="the end of it")
    assert records_of(rpc, deployment, posted.task_id) == []
