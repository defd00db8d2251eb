"""Do the commitments open, do the answers hash, and was every step taken in its window?

Texts come from a fetcher and are hashed before they are read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from symphony.verify.checks import Checks
from symphony.verify.history import TaskHistory
from symphony.verify.reader import ChainReader
from symphony_chain.errors import InvalidInput
from symphony_chain.events import AnswerRevealed
from symphony_chain.signing import commitment
from symphony_chain.spec import (
    MAX_ANSWER_BYTES,
    MAX_BODY_BYTES,
    MAX_HEADER_BYTES,
    BeaconHeader,
    TaskBody,
    canonical,
)

#: sha-256 digest and size limit in; the bytes, or None where nobody has them.
Fetch = Callable[[bytes, int], bytes | None]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Texts:
    """The task's words, as far as they could be had."""

    header: BeaconHeader | None
    body: TaskBody | None


def check_texts(history: TaskHistory, fetch: Fetch, checks: Checks) -> Texts:
    """Header and body must be the bytes that the chain names."""
    raw = _fetched("header is what the chain names", history.task.header, MAX_HEADER_BYTES, fetch, checks)
    header = _parsed("header is well formed", raw, BeaconHeader.parse, checks) if raw is not None else None
    if header is None:
        return Texts(None, None)
    raw = _fetched("body is what the header names", header.body.digest, MAX_BODY_BYTES, fetch, checks)
    return Texts(
        header, _parsed("body is well formed", raw, TaskBody.parse, checks) if raw is not None else None
    )


def check_openings(reader: ChainReader, history: TaskHistory, checks: Checks) -> dict[int, AnswerRevealed]:
    """Each reveal must open its seat's commitment, in its window; returns the reveals by seat."""
    task = history.task
    committed = {entry.event.seat: entry for entry in history.commits}
    checks.holds(
        "one commitment a seat", len(committed) == len(history.commits), f"{len(history.commits)} commitments"
    )
    for entry in history.commits:
        time_s = reader.block_time_s(entry.log.block_number)
        subject = f"seat {entry.event.seat}"
        checks.holds(
            "committed in time",
            time_s <= task.commit_end_s,
            f"{time_s} of at most {task.commit_end_s}",
            subject,
        )
    seats = len(history.seats) if not history.free else -1  # while a seat is free, not all have committed
    reveals: dict[int, AnswerRevealed] = {}
    for opened in history.reveals:
        event, subject = opened.event, f"seat {opened.event.seat}"
        checks.holds(
            "revealed once",
            event.seat not in reveals,
            "a second reveal" if event.seat in reveals else "",
            subject,
        )
        reveals[event.seat] = event
        mine = committed.get(event.seat)
        if mine is None or mine.at > opened.at:
            checks.holds("committed before it was revealed", False, "no earlier commitment", subject)
            continue
        want = commitment(
            history.task_id, event.agent_id, event.answer_digest, event.evidence_digest, event.salt
        )
        checks.equal("commitment opens", mine.event.commitment, want, subject)
        checks.equal("one agent commits and reveals", event.agent_id, mine.event.agent_id, subject)
        time_s = reader.block_time_s(opened.log.block_number)
        all_in = len(committed) == seats and all(entry.at < opened.at for entry in committed.values())
        checks.holds(
            "revealed only when commitments were closed",
            (all_in or time_s > task.commit_end_s) and time_s <= task.reveal_end_s,
            "all seats had committed" if all_in else f"{time_s}, commitments ended {task.commit_end_s}",
            subject,
        )
    return reveals


def check_answers(
    reveals: dict[int, AnswerRevealed], texts: Texts, fetch: Fetch, checks: Checks
) -> dict[bytes, str]:
    """Each answer must hash to its digest and be canonical in the task's format; returns digest → text."""
    known: dict[bytes, str] = {}
    for seat, event in sorted(reveals.items()):
        subject, raw = f"seat {seat}", event.answer or fetch(event.answer_digest, MAX_ANSWER_BYTES)
        if raw is None:
            checks.skip(
                "answer hashes to its digest",
                "its text was not published on chain and no gateway has it",
                subject,
            )
            continue
        if not checks.equal(
            "answer hashes to its digest", event.answer_digest, hashlib.sha256(raw).digest(), subject
        ):
            continue
        known[event.answer_digest] = raw.decode("utf-8", "replace")
        if texts.header is not None:
            checks.equal(
                "answer is canonical", raw, _canonical(known[event.answer_digest], texts.header), subject
            )
    return known


def _canonical(answer: str, header: BeaconHeader) -> bytes | None:
    try:
        return canonical(answer, header.answer_format)
    except InvalidInput:
        return None


def _fetched(name: str, digest: bytes, max_bytes: int, fetch: Fetch, checks: Checks) -> bytes | None:
    raw = fetch(digest, max_bytes)
    if raw is None:
        checks.skip(name, f"no content store or gateway here has 0x{digest.hex()}")
        return None
    return raw if checks.equal(name, digest, hashlib.sha256(raw).digest()) else None


def _parsed(name: str, raw: bytes, parse: Callable[[bytes], T], checks: Checks) -> T | None:
    try:
        value = parse(raw)
    except InvalidInput as error:
        checks.holds(name, False, error.message)
        return None
    checks.holds(name, True, f"{len(raw)} bytes")
    return value
