"""A worker is killed with SIGKILL at every fault point; started again, it loses nothing and contradicts itself nowhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import pytest
from eth_account.signers.local import LocalAccount

from agent_runtime.config import WorkerConfig
from agent_runtime.faults import FAULT_POINTS, WRITES
from agent_runtime.reasoning.cot import ThinkingPolicy
from agent_runtime.reasoning.escalation import EscalationPolicy
from agent_runtime.slashing_protection import ProtectionDb
from agent_runtime.worker_store import WorkerStore
from symphony_chain.deploy import Deployment
from symphony_chain.events import (
    AgentFunded,
    AnswerCommitted,
    AnswerRevealed,
    PayClaimed,
    SeatTaken,
    Transfer,
)
from symphony_chain.market import MarketClient
from symphony_chain.rpc import Rpc
from symphony_chain.signing import derive_salt
from symphony_chain.types import State
from tests.runtime.conftest import Buyer, ConfigFor, eventually, jump, question
from tests.runtime.people import events_of, keys_of, records_of
from tests.runtime.processes import WorkerProcess, Zygote

#: Passed before the worker is ready, so before there is a task.
BEFORE_READY = ("topup", "register", "registration", "wallet", "declare", "set_file")
FLOAT_WEI = 10**15
SHARED_BPS = 1_000
#: Every risk is high enough to ask a person.
ASKING = ThinkingPolicy(samples=3, max_tokens=64, escalation=EscalationPolicy(medium=0.0, high=0.0))
#: Its evaluator is silent, so that revealing and settling are two writes.
JUDGED = {"evaluator": "0x" + "11" * 20, "evaluation_window_s": 400}


def test_registry_is_wide_enough() -> None:
    assert len(FAULT_POINTS) >= 15 and len(set(FAULT_POINTS)) == len(FAULT_POINTS)
    assert {point.split(".")[0] for point in FAULT_POINTS} >= set(WRITES)


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    launcher = Zygote()
    yield launcher
    launcher.close()


@pytest.mark.parametrize("point", FAULT_POINTS)
def test_crash(
    point: str, buyer: Buyer, config_for: ConfigFor, rpc: Rpc, deployment: Deployment, zygote: Zygote
) -> None:
    buyer.requester.settle_grace_blocks = 10**6  # the worker alone settles here
    write = point.split(".")[0]
    float_wei = FLOAT_WEI if write == "fund" else 0
    thinking = {"thinking": ASKING} if write == "review" else {}
    config = config_for("crash", bond_float_wei=float_wei, **thinking)
    owner, operator = keys_of(config)
    terms: dict[str, object] = {"bid_window_s": 400, "commit_window_s": 400, "reveal_window_s": 400}
    terms |= JUDGED if write in ("reveal", "settle") else {}
    terms |= {"shared_bps": SHARED_BPS} if write == "record" else {}
    request = question(k=1, linger_s=0, bond_wei=float_wei // 2, open=write == "take", **terms)
    with WorkerProcess(config, zygote) as worker, ThreadPoolExecutor(1) as pool:
        if write == "declare":
            worker.start()  # registering declares at once; only a changed mind declares again
            worker.wait_ready()
            assert worker.stop() == 0
            worker.config = replace(config, skills={"arithmetic_word_problems": 8_000})
        worker.start(fault=point)
        if write in BEFORE_READY:
            worker.wait_killed()
            worker.start()
            worker.wait_ready()
            posted = buyer.requester.post(request, point)
            outcome = buyer.requester.drive(posted)
        elif write == "take":
            worker.wait_ready()
            posted = buyer.requester.post(request, point)
            jump(rpc, 401)  # nobody awards
            worker.wait_killed()
            worker.start()
            outcome = buyer.requester.drive(posted)
        else:
            worker.wait_ready()
            posted = buyer.requester.post(request, point)
            driven = pool.submit(buyer.requester.drive, posted)
            if write != "settle":
                worker.wait_killed()
                worker.start()
            if write == "review":
                approve(config, posted.task_id)
            if write in ("reveal", "settle"):
                eventually(lambda: any(p.stage == "revealed" for p in buyer.log), what="the reveal")
                jump(rpc, 4 * 400)
            if write == "settle":
                worker.wait_killed()
                worker.start()
            outcome = driven.result()
        assert outcome.state is State.SETTLED and outcome.answer == "42"
        agent_id = outcome.seats[0].agent_id
        claimed = partial(events_of, rpc, deployment, PayClaimed, agent_id=agent_id)
        eventually(claimed, what="the claim")
        if write == "record":
            eventually(partial(records_of, rpc, deployment, posted.task_id), what="the record in the pool")
        worker.wait_ready()
        assert worker.stop() == 0
        assert worker.alive() == []

    _check_one_commit(rpc, deployment, posted.task_id, config, operator)
    assert len(events_of(rpc, deployment, Transfer, to=owner.address)) == 1, "one agent was registered"
    assert len(events_of(rpc, deployment, SeatTaken, task_id=posted.task_id)) == (write == "take")
    assert len(records_of(rpc, deployment, posted.task_id)) == (write == "record")
    shared_wei = outcome.price_wei * posted.task.shared_bps // 10_000
    assert [claim.amount_wei for claim in claimed()] == [outcome.price_wei - shared_wei + float_wei], (
        "pay was claimed once, in full"
    )
    assert claimed()[0].to == owner.address
    market = MarketClient(rpc, deployment.market)
    head = rpc.block_number()  # a funding that was sent before the worker stopped may be mined between two reads
    funded = [event.amount_wei for event in events_of(rpc, deployment, AgentFunded, until=head, agent_id=agent_id)]
    assert set(funded) <= {float_wei} and sum(funded) == market.account(agent_id, block=head).accrued_wei + float_wei
    assert len(funded) in ((1, 2) if float_wei else (0,)), "once before the claim, and perhaps once after it"
    assert market.balance(buyer.account.address) == posted.task.escrow_wei - outcome.price_wei == outcome.refund_wei


def approve(config: WorkerConfig, task_id: bytes) -> None:
    """What `symphony agent review` does, as soon as the seat asks."""
    with WorkerStore(config.record_path, clock=time.time) as store:
        eventually(lambda: store.decide_review(task_id, 0, "approved"), what="the question to a person")


def _check_one_commit(rpc: Rpc, deployment: Deployment, task_id: bytes, config, operator: LocalAccount) -> None:
    commits = events_of(rpc, deployment, AnswerCommitted, task_id=task_id)
    reveals = events_of(rpc, deployment, AnswerRevealed, task_id=task_id)
    assert len(commits) == 1 and len(reveals) == 1
    folder = config.protection_folder
    with ProtectionDb(folder, deployment, operator.address, clock=time.time) as protection:
        (opening,) = protection.all()
    assert opening.commitment == commits[0].commitment
    assert opening.salt == reveals[0].salt == derive_salt(bytes(operator.key), task_id)
    assert opening.evidence_digest == reveals[0].evidence_digest

