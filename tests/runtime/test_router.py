"""The router: awards for requesters who are away, survives its own end, and cannot take anybody's money."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from eth_account.signers.local import LocalAccount

from agent_runtime.requester import PostedTask, Requester
from agent_runtime.requester_outcome import Outcome, outcome_of
from agent_runtime.router import RouterConfig, RouterService
from agent_runtime.task_request import TaskRequest, build
from symphony_chain.abi import contract_error
from symphony_chain.content import ContentStore
from symphony_chain.deploy import Deployment
from symphony_chain.errors import InvalidInput, RpcRevert
from symphony_chain.events import TaskAwarded, decode
from symphony_chain.market import (
    MarketClient,
    encode_cancel,
    encode_claim,
    encode_evaluate,
    encode_settle,
    encode_withdraw,
)
from symphony_chain.rpc import Rpc
from symphony_chain.tx import TxSender
from symphony_chain.tx_journal import TxJournal
from symphony_chain.types import State
from tests.runtime.conftest import ETHER, Bank, Buyer, ConfigFor, eventually, jump, question
from tests.runtime.people import RunningWorker
from tests.runtime.scripted import ScriptedEngine, add_up

FAST = RouterConfig(linger_s=1, poll_s=0.05)


@pytest.fixture
def key(bank: Bank) -> LocalAccount:
    return bank.person()


@contextmanager
def opened(rpc: Rpc, deployment: Deployment, key: LocalAccount, folder: Path) -> Iterator[RouterService]:
    """A router that has started and waits to be stepped."""
    with TxJournal(folder / "router.sqlite") as journal:
        service = RouterService(rpc, deployment, TxSender(rpc, key, journal), FAST)
        service.start()
        yield service


@contextmanager
def running(rpc: Rpc, deployment: Deployment, key: LocalAccount, folder: Path) -> Iterator[RouterService]:
    """A router at work in a thread; what ends it early is raised here."""
    stop = threading.Event()
    with Rpc(rpc.url) as own, opened(own, deployment, key, folder) as service, ThreadPoolExecutor(1) as pool:
        ended = pool.submit(service.run, stop)
        try:
            yield service
        finally:
            stop.set()
        ended.result()


def post_and_leave(buyer: Buyer, rpc: Rpc, deployment: Deployment, folder: Path, request: TaskRequest) -> PostedTask:
    """Posts with a requester that is closed at once: its key signs nothing afterwards."""
    with ContentStore(buyer.folder / "content", max_bytes=1 << 24) as store, TxJournal(folder / "away.sqlite") as journal:
        sender = TxSender(rpc, buyer.account, journal)
        path = folder / "away-requester.sqlite"
        with Requester(rpc, deployment, sender, store, journal=path, gateway_urls=[buyer.gateway.url], poll_s=0.05) as away:
            return away.post(request, "away")


def end_of(service: RouterService, posted: PostedTask) -> Outcome:
    """How a task ended, seen by the router."""

    def closed() -> bool:
        view = service.view.book.task(posted.task_id)
        return view is not None and view.closed

    eventually(closed, what="the end of the task")
    view = service.view.book.task(posted.task_id)
    assert view is not None
    return outcome_of(view, service.view.book)


def awarded_by(rpc: Rpc, deployment: Deployment, posted: PostedTask) -> list[str]:
    """Who sent the awards of a task."""
    found = []
    for log in rpc.get_logs(from_block=0, address=deployment.market):
        event = decode(log)
        if isinstance(event, TaskAwarded) and event.task_id == posted.task_id:
            tx = rpc.get_transaction(log.tx_hash)
            assert tx is not None
            found.append(tx.sender)
    return found


def test_a_requester_that_is_away_is_served(
    buyer: Buyer, config_for: ConfigFor, rpc: Rpc, deployment: Deployment, key: LocalAccount, tmp_path: Path
) -> None:
    market, nonce = MarketClient(rpc, deployment.market), rpc.get_nonce(buyer.account.address, "latest")
    with (
        running(rpc, deployment, key, tmp_path) as service,
        RunningWorker(config_for("ada"), ScriptedEngine(add_up)),
        RunningWorker(config_for("bob"), ScriptedEngine(add_up)),
    ):
        posted = post_and_leave(buyer, rpc, deployment, tmp_path, question(k=2, router=key.address))
        outcome = end_of(service, posted)
    assert outcome.state is State.SETTLED and outcome.answer == "42"
    assert awarded_by(rpc, deployment, posted) == [key.address]
    assert rpc.get_nonce(buyer.account.address, "latest") == nonce + 1, "the requester posted, and did nothing else"
    assert outcome.spent_wei == posted.task.escrow_wei
    assert market.balance(buyer.account.address) == outcome.refund_wei and market.balance(key.address) == 0


def test_it_cannot_take_money(
    buyer: Buyer, config_for: ConfigFor, rpc: Rpc, deployment: Deployment, key: LocalAccount
) -> None:
    """Everything else that a router might call is refused, while the escrow is there to be had."""
    with RunningWorker(config_for("ada"), ScriptedEngine(add_up)) as ada:
        posted = buyer.requester.post(question(k=1, router=key.address), "greed")
        agent_id = ada.worker.agent_id
    task, me, victim = posted.task, key.address, buyer.account.address
    attempts = {
        "NotAuthorized": [
            encode_cancel(task),
            encode_evaluate(task, [0]),
            encode_withdraw(victim, me, 1),
            encode_claim(agent_id, me),
        ],
        "InsufficientBalance": [encode_withdraw(me, me, 1)],
        "WrongState": [encode_settle(task)],
    }
    for error, calls in attempts.items():
        for data in calls:
            with pytest.raises(RpcRevert) as refused:
                rpc.call("eth_call", {"from": me, "to": deployment.market, "data": "0x" + data.hex()}, "latest")
            assert contract_error(refused.value.data).context["error"] == error
    buyer.requester.cancel(posted.task_id)
    assert buyer.requester.withdraw() == task.escrow_wei


def test_a_router_that_ends_after_sending_awards_once(
    buyer: Buyer, config_for: ConfigFor, rpc: Rpc, deployment: Deployment, key: LocalAccount, tmp_path: Path
) -> None:
    request = question(k=1, bid_window_s=600, router=key.address)
    with RunningWorker(config_for("ada"), ScriptedEngine(add_up)):
        with opened(rpc, deployment, key, tmp_path) as first:
            posted = post_and_leave(buyer, rpc, deployment, tmp_path, request)

            def sent() -> bool:
                first.step()
                return rpc.get_nonce(key.address, "pending") == 1

            eventually(sent, what="the award in the node's pool")
        with running(rpc, deployment, key, tmp_path) as second:
            outcome = end_of(second, posted)
    assert outcome.state is State.SETTLED
    assert rpc.get_nonce(key.address, "latest") == 1, "one transaction in its whole life"


def test_without_gas_money_it_says_so_and_goes_on(
    buyer: Buyer,
    config_for: ConfigFor,
    rpc: Rpc,
    bank: Bank,
    deployment: Deployment,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    poor = bank.person(0)
    caplog.set_level("INFO", logger="agent_runtime")
    with running(rpc, deployment, poor, tmp_path) as service, RunningWorker(config_for("ada"), ScriptedEngine(add_up)):
        request = question(k=1, bid_window_s=600, router=poor.address)
        posted = post_and_leave(buyer, rpc, deployment, tmp_path, request)
        eventually(lambda: '"unfunded"' in caplog.text, what="the complaint")
        bank.sender.send(poor.address, b"", value_wei=ETHER, idempotency_key=f"gas/{poor.address}").expect_mined()
        outcome = end_of(service, posted)
    assert outcome.state is State.SETTLED and awarded_by(rpc, deployment, posted) == [poor.address]
    assert caplog.text.count('"unfunded"') == 1, "once, not with every block"


def test_the_requester_steps_in_for_a_silent_router(
    buyer: Buyer, config_for: ConfigFor, rpc: Rpc, deployment: Deployment, key: LocalAccount
) -> None:
    with RunningWorker(config_for("ada"), ScriptedEngine(add_up)), ThreadPoolExecutor(1) as pool:
        posted = buyer.requester.post(question(k=1, bid_window_s=400, commit_window_s=400, router=key.address), "silent")
        driven = pool.submit(buyer.requester.drive, posted)
        eventually(lambda: any(p.stage == "bids" for p in buyer.log), what="a bid")
        block = rpc.block_number()
        eventually(lambda: rpc.block_number() > block + 10, what="a few blocks")
        assert not driven.done() and awarded_by(rpc, deployment, posted) == [], "the award is the router's for now"
        jump(rpc, 330)
        outcome = driven.result()
    assert outcome.state is State.SETTLED and awarded_by(rpc, deployment, posted) == [buyer.account.address]


def test_nobody_awards_and_the_money_comes_back(
    buyer: Buyer, rpc: Rpc, deployment: Deployment, bank: Bank, key: LocalAccount, tmp_path: Path
) -> None:
    posted = post_and_leave(buyer, rpc, deployment, tmp_path, question(router=key.address))
    jump(rpc, 61)
    bank.sender.send(deployment.market, encode_settle(posted.task), idempotency_key=posted.task_id.hex()).expect_mined()
    assert buyer.requester.withdraw() == posted.task.escrow_wei


@pytest.mark.parametrize("field", ["router", "evaluator", "token"])
def test_whoever_is_named_must_be_an_address(field: str) -> None:
    with pytest.raises(InvalidInput, match=f"{field} 'bob'"):
        build(question(**{field: "bob"}), requester="0x" + "11" * 20, timestamp_s=0, salt=bytes(32), gateway_urls=())
