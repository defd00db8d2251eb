"""One task, all the way, with workers in threads: every way that it can end."""

from __future__ import annotations

from agent_runtime.slashing_protection import ProtectionDb
from agent_runtime.worker_store import WorkerStore
from symphony_chain.content import Cid
from symphony_chain.market import MarketClient
from symphony_chain.spec import Trace, answer_digest
from symphony_chain.types import State
from tests.runtime.conftest import Buyer, ConfigFor, question
from tests.runtime.people import RunningWorker
from tests.runtime.scripted import ScriptedEngine, add_up


def test_settled(buyer: Buyer, config_for: ConfigFor, rpc, deployment) -> None:
    with (
        RunningWorker(config_for("ada"), ScriptedEngine(add_up)) as ada,
        RunningWorker(config_for("bob"), ScriptedEngine(add_up)),
        RunningWorker(config_for("eve"), ScriptedEngine(lambda prompt, index: "hm\n#### 7")) as eve,
    ):
        posted = buyer.requester.post(question(), "first")
        outcome = buyer.requester.drive(posted)
        funnel = buyer.requester.explain(posted.task_id)

    assert outcome.state is State.SETTLED
    assert outcome.answer == "42" and outcome.answer_digest == answer_digest(b"42")
    assert sorted(seat.answer for seat in outcome.seats) == ["42", "42", "7"]
    won = {seat.agent_id: seat.score_bps for seat in outcome.seats}
    assert won[ada.worker.agent_id] == 10_000 and won[eve.worker.agent_id] == 0
    assert outcome.paid_wei + outcome.refund_wei == posted.task.escrow_wei
    assert (funnel.bid, funnel.seated) == (3, 3)
    assert MarketClient(rpc, deployment.market).balance(buyer.account.address) == outcome.refund_wei
    assert [p.stage for p in buyer.log if p.stage in ("posted", "awarded", "settled")] == ["posted", "awarded", "settled"]
