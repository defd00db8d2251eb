"""From the facts of a task to its documents: vote, money, deadlines, whole task. Pure but for texts by digest.

The vote goes through `symphony_chain.model.tally`, the project's only tally. Knows no SQL and no HTTP.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from api.explain import explain
from api.reader import TaskFacts
from api.schema.task import (
    AnswerVote,
    Commit,
    Deadline,
    Money,
    Payout,
    Reveal,
    Seat,
    TaskDetail,
    TaskReceipt,
    Vote,
)
from api.texts import Texts
from symphony_chain.content.cid import Cid
from symphony_chain.content.errors import MalformedCid
from symphony_chain.model.tally import ANSWER_BYTES, tally
from symphony_chain.model.tally import Vote as SeatVote
from symphony_chain.skills import FULL_SCALE
from symphony_chain.types import Receipt, SeatResult

_DEADLINES = {"bid_end": "Bids", "commit_end": "Commits", "reveal_end": "Reveals", "evaluation_end": "Scores"}


def digest_of(text: str) -> bytes:
    """Bytes of 0x-hex."""
    return bytes.fromhex(text.removeprefix("0x"))


def with_answers(facts: TaskFacts, texts: Texts) -> TaskFacts:
    """The facts with answers that were published elsewhere filled in by their digest."""
    seats = tuple(_with_answer(seat, texts) for seat in facts.seats)
    return replace(facts, seats=seats)


def _with_answer(seat: Seat, texts: Texts) -> Seat:
    if seat.answer is not None or seat.answer_digest is None:
        return seat
    return seat.model_copy(update={"answer": texts.answer(digest_of(seat.answer_digest))})


def vote_of(facts: TaskFacts) -> Vote | None:
    """The vote as far as it has come; None before the award."""
    if not facts.seats:
        return None
    record = facts.record
    votes = [SeatVote(seat.weight, _counted(seat)) for seat in facts.seats]
    result = tally(digest_of(record.id), votes, record.quorum_bps, facts.task.min_seats)
    groups: dict[bytes, list[Seat]] = {}
    for seat, vote in zip(facts.seats, votes, strict=True):
        if vote.answer is not None:
            groups.setdefault(vote.answer, []).append(seat)
    settled = facts.closing.winner if facts.closing else b""
    answers = [_answer_vote(key, seats, result.total_weight, key == settled) for key, seats in groups.items()]
    answers.sort(key=lambda a: (not a.winner, digest_of(a.digest)[:ANSWER_BYTES] != result.winner, -a.weight, a.digest))
    revealed = sum(answer.weight for answer in answers)
    return Vote(
        block=record.block,
        finality=record.finality,
        total_weight=result.total_weight,
        revealed_weight=revealed,
        silent_weight=result.total_weight - revealed,
        quorum_bps=record.quorum_bps,
        quorum_weight=-(-record.quorum_bps * result.total_weight // FULL_SCALE),
        answers=tuple(answers),
        decided=facts.closing is not None,
    )


def _counted(seat: Seat) -> bytes | None:
    return digest_of(seat.answer_digest)[:ANSWER_BYTES] if seat.answer_digest else None


def _answer_vote(key: bytes, seats: list[Seat], total: int, winner: bool) -> AnswerVote:
    weight = sum(seat.weight for seat in seats)
    digest = next(seat.answer_digest for seat in seats if seat.answer_digest)
    return AnswerVote(
        digest=digest,
        cid=str(Cid.from_digest(digest_of(digest))),
        answer=next((seat.answer for seat in seats if seat.answer is not None), None),
        weight=weight,
        share_bps=weight * FULL_SCALE // total,
        supporters=tuple(seat.agent_id for seat in seats),
        winner=winner,
    )


def money_of(facts: TaskFacts) -> Money:
    """Where every wei of the escrow is. Bonds are the agents' own money and not part of it."""
    record, closing = facts.record, facts.closing
    escrow_wei = facts.task.escrow_wei
    payouts = [_payout(seat) for seat in facts.seats if seat.pay_wei is not None]
    paid_wei = sum(payout.pay_wei for payout in payouts)
    if closing is not None:
        refunded_wei = closing.refund_wei
    else:
        refunded_wei = escrow_wei if record.state == "cancelled" else 0
    no_shows = sum(seat.no_show for seat in facts.seats) if closing else 0
    closed = closing is not None or record.state == "cancelled"
    return Money(
        block=record.block,
        finality=record.finality,
        token=facts.task.token,
        escrow_wei=escrow_wei,
        price_wei=record.price_wei,
        held_wei=0 if closed else escrow_wei - facts.returned_wei,
        returned_wei=facts.returned_wei,
        paid_wei=paid_wei,
        shared_wei=sum(payout.shared_wei for payout in payouts),
        fee_wei=closing.fee_wei if closing else 0,
        refunded_wei=refunded_wei,
        burnt_wei=closing.burnt_wei if closing else 0,
        lost_bonds_wei=facts.task.bond_wei * no_shows,
        payouts=tuple(payouts),
    )


def _payout(seat: Seat) -> Payout:
    return Payout(
        seat=seat.seat,
        agent_id=seat.agent_id,
        pay_wei=seat.pay_wei or 0,
        shared_wei=seat.shared_wei or 0,
        bond_returned_wei=seat.bond_returned_wei or 0,
        score_bps=seat.score_bps or 0,
    )


def commits_of(facts: TaskFacts) -> list[Commit]:
    """The commitments in seat order."""
    return [
        Commit(
            seat=s.seat,
            agent_id=s.agent_id,
            commitment=s.commitment,
            tx_hash=s.commit_tx,
            block=s.commit_block,
            finality=s.finality,
        )
        for s in facts.seats
        if s.commitment and s.commit_tx and s.commit_block
    ]


def reveals_of(facts: TaskFacts) -> list[Reveal]:
    """The opened answers in seat order."""
    return [
        Reveal(
            seat=s.seat,
            agent_id=s.agent_id,
            answer_digest=s.answer_digest,
            evidence_digest=s.evidence_digest,
            salt=s.salt,
            answer=s.answer,
            tx_hash=s.reveal_tx,
            block=s.reveal_block,
            finality=s.finality,
        )
        for s in facts.seats
        if s.answer_digest and s.evidence_digest and s.salt and s.reveal_tx and s.reveal_block
    ]


def trace_of(seat: Seat, texts: Texts) -> dict[str, Any] | None:
    """The trace that an opened seat's evidence digest names (a plan's seat names it beside its children), if it is at hand."""
    digest = seat.trace_digest or seat.evidence_digest
    return texts.trace(digest_of(digest)) if digest else None


def deadlines_of(facts: TaskFacts, now_s: int) -> list[Deadline]:
    """The limits of a task, the evaluator's only where one is named; `now_s` is the indexed head's timestamp."""
    record = facts.record
    times = [record.bid_end_s, record.commit_end_s, record.reveal_end_s]
    if facts.task.evaluation_window_s:
        times.append(record.evaluation_end_s)
    return [
        Deadline.model_validate({"name": name, "label": label, "at_s": at_s, "passed": now_s > at_s})
        for (name, label), at_s in zip(_DEADLINES.items(), times, strict=False)
    ]


def receipt_of(facts: TaskFacts) -> TaskReceipt | None:
    """The receipt of a task that was closed with seats: what other contracts take as proof."""
    if facts.closing is None or not facts.seats:
        return None
    receipt = Receipt(facts.task, facts.closing.winner, tuple(_result(seat) for seat in facts.seats))
    words, winner, results = receipt.as_tuple()
    return TaskReceipt(
        block=facts.record.block,
        finality=facts.record.finality,
        task_id=facts.record.id,
        outcome=facts.record.state,
        task=tuple(_word(word) for word in words),
        winner=_word(winner),
        results=tuple(_word(word) for word in results),
        digest="0x" + receipt.digest().hex(),
    )


def _result(seat: Seat) -> SeatResult:
    """A closed seat as the contract packs it."""
    return SeatResult(
        seat=seat.seat,
        agent_id=seat.agent_id,
        score_bps=seat.score_bps or 0,
        weight=seat.weight,
        pay_wei=seat.pay_wei or 0,
        revealed=seat.answer_digest is not None,
        scored=bool(seat.scored),
        won=bool(seat.won),
        earned=int(seat.earned or "0x0", 16),
    )


def _word(value: int | bytes) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else f"0x{value:064x}"


def detail_of(facts: TaskFacts, texts: Texts, now_s: int) -> TaskDetail:
    """The whole document of a task."""
    facts = with_answers(facts, texts)
    header = texts.header(facts.task.header)
    body_cid = _body_cid(header)
    values = facts.record.model_dump() | {
        "title": header["title"] if header else None,
        "params": facts.task.as_json(),
        "header_cid": str(Cid.from_digest(facts.task.header)),
        "beacon": header,
        "body_cid": str(body_cid) if body_cid else None,
        "body": texts.body(body_cid.digest) if body_cid else None,
        "bid_list": facts.bids,
        "seat_list": facts.seats,
        "vote": vote_of(facts),
        "explain": explain(facts),
        "money": money_of(facts),
        "evaluated": facts.closing.evaluated if facts.closing else None,
        "children": facts.children,
        "receipt": receipt_of(facts),
        "pool_record": facts.pool_record,
        "credits": facts.credits,
        "anchors": facts.anchors,
        "deadlines": deadlines_of(facts, now_s),
        "timeline": facts.timeline,
    }
    return TaskDetail.model_validate(values)


def _body_cid(header: dict[str, Any] | None) -> Cid | None:
    try:
        return Cid.parse(header["body"]["cid"]) if header else None
    except MalformedCid:
        return None
