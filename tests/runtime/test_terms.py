"""Tasks with more than a vote: score burn, bonds, evaluators, a share for the pool, free seats. Workers in threads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from eth_utils.crypto import keccak

from agent_runtime.bidding import BidPolicy
from agent_runtime.chain_book import TaskView
from agent_runtime.requester import Outcome, PostedTask
from agent_runtime.worker_store import WorkerStore
from symphony_chain.deploy import DEFAULT_TERMS, Deployment
from symphony_chain.events import PayClaimed
from symphony_chain.keys import Keystore
from symphony_chain.market import MarketClient, encode_deposit, encode_evaluate
from symphony_chain.rpc import Rpc
from symphony_chain.tx import TxSender
from symphony_chain.tx_journal import TxJournal
from symphony_chain.types import State
from tests.runtime.conftest import PASSWORD, Bank, Buyer, ConfigFor, eventually, jump, question
from tests.runtime.people import RunningWorker, events_of
from tests.runtime.scripted import ScriptedEngine, add_up

ARTIFACTS = Path(__file__).resolve().parents[1] / "artifacts"
FLOAT_WEI = 10**15
#: Dear enough for the default terms: a seat's pay moves scores.
SCORING = BidPolicy(wei_per_token=10**11)


def says(answer: str) -> ScriptedEngine:
    return ScriptedEngine(lambda prompt, index: f"Let me see.\n#### {answer}")


def broken(prompt: str, index: int) -> str:
    raise RuntimeError("the graphics card is on fire")


def check_money(buyer: Buyer, outcome: Outcome, posted: PostedTask) -> None:
    """Every wei of the escrow is somewhere, and what is the requester's comes back."""
    assert outcome.spent_wei == posted.task.escrow_wei
    assert buyer.requester.withdraw() == outcome.refund_wei


@contextmanager
def three(config_for: ConfigFor, *, bidding: BidPolicy = SCORING, **changes: object) -> Iterator[list[RunningWorker]]:
    """Two agents that add up, and one that always says 7."""
    with (
        RunningWorker(config_for("ada", bidding=bidding, **changes), ScriptedEngine(add_up)) as ada,
        RunningWorker(config_for("bob", bidding=bidding, **changes), ScriptedEngine(add_up)) as bob,
        RunningWorker(config_for("eve", bidding=bidding, **changes), says("7")) as eve,
    ):
        yield [ada, bob, eve]


def test_the_score_burn_is_accounted_for(buyer: Buyer, config_for: ConfigFor) -> None:
    with three(config_for):
        posted = buyer.requester.post(question(), "burn")
        outcome = buyer.requester.drive(posted)
    assert outcome.state is State.SETTLED
    before_burn = [outcome.price_wei, outcome.price_wei, outcome.price_wei * posted.task.base_bps // 10_000]
    burns = [pay * DEFAULT_TERMS.score_burn_bps // 10_000 for pay in before_burn]
    assert sorted(s.pay_wei for s in outcome.seats) == sorted(p - b for p, b in zip(before_burn, burns, strict=True))
    assert outcome.burnt_wei == sum(burns) > 0 and outcome.lost_bonds_wei == 0
    check_money(buyer, outcome, posted)


def test_bonds_come_from_the_float_and_are_lost_by_silence(
    buyer: Buyer, config_for: ConfigFor, rpc: Rpc, deployment: Deployment
) -> None:
    bond_wei, market = FLOAT_WEI // 4, MarketClient(rpc, deployment.market)
    with (
        RunningWorker(config_for("ada", bond_float_wei=FLOAT_WEI), ScriptedEngine(add_up)) as ada,
        RunningWorker(config_for("bob", bond_float_wei=FLOAT_WEI), ScriptedEngine(add_up)) as bob,
        RunningWorker(config_for("eve", bond_float_wei=FLOAT_WEI), ScriptedEngine(broken)) as eve,
        ThreadPoolExecutor(1) as pool,
    ):
        posted = buyer.requester.post(question(bond_wei=bond_wei, bid_window_s=200, reveal_window_s=3_600), "bonds")
        driven = pool.submit(buyer.requester.drive, posted)
        eventually(lambda: any(p.stage == "committed" and p.detail["count"] == 2 for p in buyer.log), what="two commits")
        jump(rpc, 400)
        outcome = driven.result()

        def accrued(running: RunningWorker) -> int:
            return market.account(running.worker.agent_id).accrued_wei

        eventually(lambda: accrued(ada) == accrued(bob) == FLOAT_WEI, what="two floats, filled up after the claims")
        eventually(lambda: accrued(eve) == FLOAT_WEI - bond_wei, what="what the silent one has left: over half, so not filled up")
    assert outcome.state is State.SETTLED
    assert outcome.lost_bonds_wei == bond_wei == outcome.burnt_wei
    check_money(buyer, outcome, posted)


def test_the_evaluators_scores_replace_the_votes(
    buyer: Buyer, config_for: ConfigFor, rpc: Rpc, bank: Bank, deployment: Deployment, tmp_path
) -> None:
    judge, fee_wei = bank.person(), 10**12
    request = question(evaluator=judge.address, evaluation_window_s=600, evaluation_fee_wei=fee_wei)
    with three(config_for) as (_, _, eve), ThreadPoolExecutor(1) as pool, TxJournal(tmp_path / "judge.sqlite") as journal:
        posted = buyer.requester.post(request, "judged")
        driven = pool.submit(buyer.requester.drive, posted)
        eventually(lambda: any(p.stage == "revealed" and p.detail["count"] == 3 for p in buyer.log), what="three reveals")
        view = buyer.requester.view.book.task(posted.task_id)
        assert view is not None and not view.closed, "nobody settles before the evaluator's time is over"
        scores = [9_000 if seat.agent_id == eve.worker.agent_id else 1_000 for seat in view.seats]
        sender = TxSender(rpc, judge, journal)
        sender.send(deployment.market, encode_evaluate(posted.task, scores), idempotency_key="judge").expect_mined()
        outcome = driven.result()
    assert outcome.state is State.SETTLED and outcome.answer == "42", "the vote still says which answer won"
    assert outcome.evaluated and outcome.fee_wei == fee_wei
    assert [seat.score_bps for seat in outcome.seats] == scores
    assert outcome.burnt_wei > 0, "what a harsh evaluation takes is nobody's"
    assert MarketClient(rpc, deployment.market).balance(judge.address) == fee_wei
    check_money(buyer, outcome, posted)


def test_a_silent_evaluator_blocks_nothing(buyer: Buyer, config_for: ConfigFor, rpc: Rpc, bank: Bank) -> None:
    judge = bank.person(0)
    request = question(evaluator=judge.address, evaluation_window_s=60, evaluation_fee_wei=10**12, reveal_window_s=300)
    with three(config_for), ThreadPoolExecutor(1) as pool:
        posted = buyer.requester.post(request, "unjudged")
        driven = pool.submit(buyer.requester.drive, posted)
        eventually(lambda: any(p.stage == "revealed" and p.detail["count"] == 3 for p in buyer.log), what="three reveals")
        jump(rpc, 60 + 90 + 300 + 61)
        outcome = driven.result()
    assert outcome.state is State.SETTLED and not outcome.evaluated and outcome.fee_wei == 0
    check_money(buyer, outcome, posted)


def test_the_pools_share_is_no_agents(buyer: Buyer, config_for: ConfigFor, rpc: Rpc, deployment: Deployment) -> None:
    with RunningWorker(config_for("ada"), ScriptedEngine(add_up)) as ada:
        posted = buyer.requester.post(question(k=1, shared_bps=2_000), "shared")
        outcome = buyer.requester.drive(posted)
        agent_id = ada.worker.agent_id
        eventually(lambda: events_of(rpc, deployment, PayClaimed, agent_id=agent_id), what="the claim")
    (claim,) = events_of(rpc, deployment, PayClaimed, agent_id=agent_id)
    assert claim.amount_wei == outcome.price_wei - outcome.price_wei * 2_000 // 10_000
    check_money(buyer, outcome, posted)


def test_free_seats_are_taken_when_nobody_awards(buyer: Buyer, config_for: ConfigFor, rpc: Rpc) -> None:
    with three(config_for) as workers:
        posted = buyer.requester.post(question(open=True, k=2, min_seats=1), "free")
        eventually(lambda: len(seen(workers[0], posted).bids) == 3, what="three bids that nobody awards")
        jump(rpc, 61)
        outcome = buyer.requester.drive(posted)  # all seats taken and committed: nobody waits for the commit window's end
    assert outcome.price_wei == posted.task.ceiling_wei and len({seat.owner for seat in outcome.seats}) == 2
    assert outcome.state in (State.SETTLED, State.INCONCLUSIVE), "two of three were quick, perhaps with different answers"
    assert "taken" in {p.stage for p in buyer.log}
    check_money(buyer, outcome, posted)


def seen(running: RunningWorker, posted: PostedTask) -> TaskView:
    """A task in a worker's picture."""
    eventually(lambda: running.worker.view.book.task(posted.task_id), what="the task in the worker's picture")
    view = running.worker.view.book.task(posted.task_id)
    assert view is not None
    return view


def test_an_erc20_is_served_where_the_configuration_names_its_rate(
    buyer: Buyer, config_for: ConfigFor, rpc: Rpc, bank: Bank, deployment: Deployment, tmp_path
) -> None:
    """Escrow, bond-free seats, pay and claim in a token; an agent without a rate for it says so."""
    holder, units = bank.sender, 10**9
    code = bytes.fromhex(json.loads((ARTIFACTS / "PlainToken.json").read_text())["bytecode"][2:])
    receipt = holder.send(None, code, idempotency_key="coin").expect_mined()
    coin = receipt.contract_address
    assert coin is not None
    with TxJournal(tmp_path / "coin.sqlite") as journal:
        mine = TxSender(rpc, buyer.account, journal)
        for call in (selector("mint(address,uint256)"), selector("approve(address,uint256)")):
            whom = buyer.account.address if call == selector("mint(address,uint256)") else deployment.market
            data = call + bytes(12) + bytes.fromhex(whom[2:]) + units.to_bytes(32, "big")
            mine.send(coin, data, idempotency_key=call.hex()).expect_mined()
        deposit = encode_deposit(buyer.account.address, units, coin)
        mine.send(deployment.market, deposit, idempotency_key="deposit").expect_mined()
    plain = config_for("bob")
    with (
        RunningWorker(config_for("ada", bidding=BidPolicy(rates={coin: 3})), ScriptedEngine(add_up)) as ada,
        RunningWorker(plain, ScriptedEngine(add_up)),
        WorkerStore(plain.record_path, clock=float, read_only=True) as record,
    ):
        posted = buyer.requester.post(question(k=1, token=coin, ceiling_wei=10**6, bid_window_s=600), "coins")
        outcome = buyer.requester.drive(posted)
        agent_id = ada.worker.agent_id
        eventually(lambda: events_of(rpc, deployment, PayClaimed, agent_id=agent_id), what="the claim")
        eventually(lambda: record.decision(posted.task_id), what="the other's decision")
        decision = record.decision(posted.task_id)
    assert decision is not None and decision.reason == "token_unsupported"
    (claim,) = events_of(rpc, deployment, PayClaimed, agent_id=agent_id)
    assert (claim.token, claim.amount_wei) == (coin, outcome.price_wei) and 0 < outcome.price_wei <= 10**6
    assert outcome.spent_wei == posted.task.escrow_wei == 10**6
    assert buyer.requester.withdraw(token=coin) == units - outcome.price_wei


def selector(signature: str) -> bytes:
    return keccak(text=signature)[:4]


def test_one_owner_takes_one_seat(buyer: Buyer, config_for: ConfigFor, rpc: Rpc, tmp_path) -> None:
    first = config_for("ada")
    Keystore(first.keystore_dir).create("second", PASSWORD, kdf="pbkdf2", work=10)
    second = replace(first, name="bob", operator="second", data_dir=tmp_path / "bob")
    with (
        RunningWorker(first, ScriptedEngine(add_up)) as ada,
        RunningWorker(second, ScriptedEngine(add_up)),
        WorkerStore(first.record_path, clock=float, read_only=True) as one,
        WorkerStore(second.record_path, clock=float, read_only=True) as two,
    ):
        posted = buyer.requester.post(question(open=True, k=2, min_seats=1, reveal_window_s=3_600), "twins")
        jump(rpc, 61)

        def reasons() -> list[str]:
            return sorted(d.reason for record in (one, two) if (d := record.decision(posted.task_id)) is not None)

        eventually(lambda: reasons() == ["owner_seated", "take"], what="one seat and one refusal")
        eventually(lambda: seen(ada, posted).commits, what="the commit")
        jump(rpc, 100)
        outcome = buyer.requester.drive(posted)
    assert len(outcome.seats) == 1 and outcome.state is State.SETTLED
    check_money(buyer, outcome, posted)


def test_a_float_is_given_once(config_for: ConfigFor, rpc: Rpc, deployment: Deployment) -> None:
    """Restarts and waiting do not add to it."""
    config, market = config_for("ada", bond_float_wei=FLOAT_WEI), MarketClient(rpc, deployment.market)

    def work_a_while() -> int:
        with RunningWorker(config, ScriptedEngine(add_up)) as ada:
            agent_id = ada.worker.agent_id
            eventually(lambda: market.account(agent_id).accrued_wei >= FLOAT_WEI, what="the float")
            start = rpc.block_number()
            eventually(lambda: rpc.block_number() > start + 5, what="a few blocks")
        return market.account(agent_id).accrued_wei

    assert [work_a_while(), work_a_while()] == [FLOAT_WEI, FLOAT_WEI]
