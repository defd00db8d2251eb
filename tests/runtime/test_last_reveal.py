"""The last reveal settles: the normal way, wrong guesses about who is last, silence of others, and a reorganisation."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from agent_runtime.chain_book import TaskView
from agent_runtime.requester import PostedTask
from symphony_chain.abi import MARKET, function
from symphony_chain.deploy import Deployment
from symphony_chain.events import AnswerRevealed, TaskSettled, decode
from symphony_chain.market import MarketClient
from symphony_chain.rpc import Log, Rpc
from symphony_chain.tx import TxSender
from symphony_chain.tx_journal import Call
from symphony_chain.types import State
from tests.runtime.conftest import Buyer, ConfigFor, eventually, jump, question, reorganise
from tests.runtime.people import RunningWorker
from tests.runtime.scripted import ScriptedEngine, add_up

REVEAL_AND_SETTLE = function(MARKET, "revealAndSettle").hash[:4]
#: Nobody's patience ends in a test.
FOR_EVER = 10**6


@contextmanager
def three(config_for: ConfigFor, **changes: object) -> Iterator[list[RunningWorker]]:
    """Agents that add up; the better its match, the lower its seat."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(
                RunningWorker(
                    config_for(name, skills={"arithmetic_word_problems": match_bps}, **changes), ScriptedEngine(add_up)
                )
            )
            for name, match_bps in (("ada", 9_900), ("bob", 9_000), ("eve", 8_000))
        ]


def logs_of(rpc: Rpc, deployment: Deployment, posted: PostedTask, kind: type) -> list[tuple[Log, Any]]:
    """Events of a task with their logs."""
    events = [(log, decode(log)) for log in rpc.get_logs(from_block=0, address=deployment.market)]
    return [(log, e) for log, e in events if isinstance(e, kind) and e.task_id == posted.task_id]  # type: ignore[attr-defined]


def check_once(rpc: Rpc, deployment: Deployment, posted: PostedTask, seats: int) -> bool:
    """One settlement, one reveal a seat; whether a reveal settled."""
    reveals = logs_of(rpc, deployment, posted, AnswerRevealed)
    assert sorted(event.seat for _, event in reveals) == list(range(seats))
    ((settled, _),) = logs_of(rpc, deployment, posted, TaskSettled)
    return settled.tx_hash in {log.tx_hash for log, _ in reveals}


@pytest.mark.parametrize("k", [1, 3])
def test_the_last_reveal_settles(k: int, buyer: Buyer, config_for: ConfigFor, rpc: Rpc, deployment: Deployment) -> None:
    with three(config_for, settle_stagger_blocks=FOR_EVER):
        posted = buyer.requester.post(question(k=k), "last")
        outcome = buyer.requester.drive(posted)
    assert outcome.state is State.SETTLED and outcome.answer == "42"
    assert check_once(rpc, deployment, posted, k)
    ((settled, _),) = logs_of(rpc, deployment, posted, TaskSettled)
    (last,) = [event for log, event in logs_of(rpc, deployment, posted, AnswerRevealed) if log.tx_hash == settled.tx_hash]
    assert last.seat == k - 1, "the highest seat let the others go first"
    assert outcome.spent_wei == posted.task.escrow_wei


def test_nobody_believes_to_be_last(
    buyer: Buyer, config_for: ConfigFor, rpc: Rpc, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All reveal plainly, and one of them settles."""
    monkeypatch.setattr(TaskView, "is_last_reveal", lambda view, seat: False)
    with three(config_for):
        posted = buyer.requester.post(question(), "nobody")
        outcome = buyer.requester.drive(posted)
    assert outcome.state is State.SETTLED and not check_once(rpc, deployment, posted, 3)


@pytest.mark.parametrize("simulated", [True, False])
def test_everybody_believes_to_be_last(
    simulated: bool,
    buyer: Buyer,
    config_for: ConfigFor,
    rpc: Rpc,
    deployment: Deployment,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A wrong guess is refused by the simulation, or mined and reverted: the seat reveals plainly, once, and the task settles."""
    monkeypatch.setattr(TaskView, "is_last_reveal", lambda view, seat: True)
    guesses = guess_without_looking(monkeypatch) if not simulated else []
    with three(config_for):
        posted = buyer.requester.post(question(), "everybody")
        outcome = buyer.requester.drive(posted)
    assert outcome.state is State.SETTLED and outcome.answer == "42"
    check_once(rpc, deployment, posted, 3)
    assert simulated or len(guesses) >= 2, "at least two were wrong"


def guess_without_looking(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """From now on `revealAndSettle` is sent without a simulation; gives the keys of those sent."""
    simulate: Callable[[TxSender, Any, str, Call], int] = TxSender._simulate
    sent: list[str] = []

    def blind(sender: TxSender, view: Any, key: str, call: Call) -> int:
        if call.data[:4] != REVEAL_AND_SETTLE or "#" in key:
            return simulate(sender, view, key, call)
        sent.append(key)
        return 500_000

    monkeypatch.setattr(TxSender, "_simulate", blind)
    return sent


def test_the_last_seat_does_not_wait_for_ever(
    buyer: Buyer, config_for: ConfigFor, rpc: Rpc, deployment: Deployment
) -> None:
    """One has committed and falls silent: the other waits a few blocks, reveals, and the task is settled without it."""
    gone = threading.Event()

    def after_the_other(prompt: str, index: int) -> str:
        assert gone.wait(60)
        return add_up(prompt, index)

    ada = RunningWorker(config_for("ada", skills={"arithmetic_word_problems": 9_900}), ScriptedEngine(add_up))
    bob_config = config_for("bob", skills={"arithmetic_word_problems": 9_000}, settle_stagger_blocks=3)
    with RunningWorker(bob_config, ScriptedEngine(after_the_other)) as bob, ThreadPoolExecutor(1) as pool:
        with ada:
            posted = buyer.requester.post(question(k=2, reveal_window_s=3_600), "silent")
            driven = pool.submit(buyer.requester.drive, posted)
            eventually(lambda: any(p.stage == "committed" for p in buyer.log), what="the first commit")
        gone.set()
        eventually(lambda: logs_of(rpc, deployment, posted, AnswerRevealed), what="the reveal")
        ((log, reveal),) = logs_of(rpc, deployment, posted, AnswerRevealed)
        jump(rpc, 60 + 90 + 3_600)
        outcome = driven.result()
    assert reveal.agent_id == bob.worker.agent_id and reveal.seat == 1
    view = buyer.requester.view.book.task(posted.task_id)
    assert view is not None and view.touched.number > log.block_number, "it settled later, by a transaction of its own"
    assert outcome.state is State.SETTLED and [seat.revealed for seat in outcome.seats] == [False, True]
    assert outcome.spent_wei == posted.task.escrow_wei


def test_a_reorganisation_takes_reveals_and_settlement_away(
    buyer: Buyer, config_for: ConfigFor, rpc: Rpc, deployment: Deployment
) -> None:
    with three(config_for, settle_stagger_blocks=3):
        posted = buyer.requester.post(question(reveal_window_s=3_600), "reorganised")
        buyer.requester.drive(posted)
        reveals = logs_of(rpc, deployment, posted, AnswerRevealed)
        first = min(log.block_number for log, _ in reveals)
        before = {log.block_hash for log, _ in reveals}
        reorganise(rpc, lambda: rpc.block_number() - first + 1)

        def again() -> bool:
            now = logs_of(rpc, deployment, posted, TaskSettled)
            return bool(now) and now[0][0].block_hash not in before

        eventually(again, what="another settlement")
    check_once(rpc, deployment, posted, 3)
    assert MarketClient(rpc, deployment.market).state(posted.task_id) is State.SETTLED
