"""Finished runs as the demo would have them, made of plain values."""

from __future__ import annotations

from agent_runtime.model.datasets import TaskItem
from agent_runtime.requester_outcome import Outcome, SeatOutcome
from indexer.report import AuditReport, TokenMoney
from symphony.demo.run import Result, Run
from symphony_chain.spec import answer_digest
from symphony_chain.types import NATIVE, State

ESCROW_WEI = 3_000
PRICE_WEI = 600
BASE_WEI = 120
BURN_PER_SEAT_WEI = 1


def item(number: int, answer: str = "4", family: str = "sums") -> TaskItem:
    return TaskItem(f"{family}-{number}", family, 1, "2 + 2 =", answer, {"type": "integer"})


def seat(number: int, answer: str | None, pay_wei: int) -> SeatOutcome:
    """A seat of agent `number` + 1; None has not revealed."""
    digest = b"" if answer is None else answer_digest(answer.encode())
    return SeatOutcome(number, number + 1, "0x", 100, answer is not None, answer, digest, 0, pay_wei)


def result(number: int, answers: list[str | None], state: State = State.SETTLED, gold: str = "4") -> Result:
    """A task whose seats said `answers`; the first one's won where it is settled."""
    winner = answers[0] if state is State.SETTLED else None
    before_burn = [0 if a is None else PRICE_WEI if a == winner else BASE_WEI for a in answers]
    pays = [max(0, pay - BURN_PER_SEAT_WEI) for pay in before_burn]
    seats = tuple(seat(i, a, pay) for i, (a, pay) in enumerate(zip(answers, pays, strict=True)))
    outcome = Outcome(
        task_id=bytes([number]) * 32,
        state=state,
        answer=winner,
        answer_digest=b"" if winner is None else answer_digest(winner.encode()),
        winner_weight=200,
        total_weight=300,
        evaluated=False,
        price_wei=PRICE_WEI,
        paid_wei=sum(pays),
        refund_wei=ESCROW_WEI - sum(before_burn),
        burnt_wei=sum(before_burn) - sum(pays),
        lost_bonds_wei=0,
        fee_wei=0,
        seats=seats,
        posted_s=1,
        closed_s=9,
    )
    return Result(item(number, gold), outcome)


def a_run(*results: Result, audit_ok: bool = True, held_wei: int = 0, lost_wei: int = 0) -> Run:
    """A run of these results, whose refunds came back but for `lost_wei`."""
    audit = AuditReport(audit_ok, 77, 10, 100, (), (TokenMoney(NATIVE, 0, held_wei),))
    back_wei = sum(r.outcome.refund_wei for r in results) - lost_wei
    return Run(list(results), 1_000.0, 1_010.0, 1_004.0, ESCROW_WEI, back_wei, audit)
