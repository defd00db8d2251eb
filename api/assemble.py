"""From the facts of a task to its documents: vote, money, deadlines, whole task. Pure but for texts by digest.

The vote goes through `symphony_chain.model.tally`, the project's only tally. Knows no SQL and no HTTP.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from api.explain import explain
from api.reader import TaskFacts
from api.schema.task import AnswerVote, Commit, Deadline, Money, Payout, Reveal, Seat, TaskDetail, Vote
from api.texts import Texts
from symphony_chain.content.cid import Cid
from symphony_chain.content.errors import MalformedCid
from symphony_chain.model.tally import ANSWER_BYTES, tally
from symphony_chain.model.tally import Vote as SeatVote
from symphony_chain.skills import FULL_SCALE

_DEADLINES = {"bid_end": "Bids", "commit_end": "Commits", "reveal_end": "Reveals"}


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
    result = tally(digest_of(record.id), votes, record.quorum_bps)
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
    burnt_wei = closing.burnt_wei if closing else 0
    closed = closing is not None or record.state == "cancelled"
    return Money(
        block=record.block,
        finality=record.finality,
        escrow_wei=escrow_wei,
        price_wei=record.price_wei,
        held_wei=0 if closed else escrow_wei - facts.returned_wei,
        returned_wei=facts.returned_wei,
        paid_wei=paid_wei,
        refunded_wei=refunded_wei,
        burnt_wei=burnt_wei,
        payouts=tuple(payouts),
    )


def _payout(seat: Seat) -> Payout:
    return Payout(
        seat=seat.seat,
        agent_id=seat.agent_id,
        pay_wei=seat.pay_wei or 0,
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


def deadlines_of(facts: TaskFacts, now_s: int) -> list[Deadline]:
    """The three limits of a task; `now_s` is the indexed head's timestamp."""
    record = facts.record
    times = (record.bid_end_s, record.commit_end_s, record.reveal_end_s)
    return [
        Deadline.model_validate({"name": name, "label": label, "at_s": at_s, "passed": now_s > at_s})
        for (name, label), at_s in zip(_DEADLINES.items(), times, strict=True)
    ]


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
        "deadlines": deadlines_of(facts, now_s),
        "timeline": facts.timeline,
    }
    return TaskDetail.model_validate(values)


def _body_cid(header: dict[str, Any] | None) -> Cid | None:
    try:
        return Cid.parse(header["body"]["cid"]) if header else None
    except MalformedCid:
        return None
