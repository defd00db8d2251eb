"""The indexer's rows of the contracts around the market as the API's documents. Pure; knows no database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from api.rows import Anchor, Row
from api.schema.ledger import (
    Delta,
    Feedback,
    FeedbackAnswer,
    FeedbackCredit,
    PoolBook,
    PoolEpoch,
    PoolRecord,
    PoolShare,
    PoolTerms,
    Release,
    TaskAnchor,
)
from symphony_chain.content.cid import CODECS, Cid


def blocks_of(row: Row) -> Iterator[int | None]:
    """Every height that a row's document refers to."""
    yield from (row["block_number"], row.get("published_block"), row.get("given_block"))
    yield from (answer["block_number"] for answer in row.get("answers", ()))


def release(row: Row, anchor: Anchor) -> Release:
    """A release of a list."""
    return Release(
        **anchor.of(row["block_number"]),
        **_some(row, "publisher", "name", "name_hash", "version", "digest", "size_bytes", "yanked", "tx_hash"),
        kind=label_text(row["kind"]),
        cid=_cid(row),
        published=anchor.ref(row["published_block"]),
    )


def delta(row: Row, anchor: Anchor) -> Delta:
    """A delta of a list."""
    names = ("agent_id", "base_model", "parent", "head", "is_head", "digest", "size_bytes", "tx_hash")
    return Delta(**anchor.of(row["block_number"]), **_some(row, *names), cid=_cid(row))


def feedback(row: Row, anchor: Anchor) -> Feedback:
    """A feedback with its answers."""
    names = ("agent_id", "client", "decimals", "tag1", "tag2", "endpoint", "uri", "digest", "revoked", "tx_hash")
    return Feedback(
        **anchor.of(row["block_number"]),
        **_some(row, *names),
        index=row["feedback_index"],
        value=decimal_text(row["value"], row["decimals"]),
        given=anchor.ref(row["given_block"]),
        answers=tuple(
            FeedbackAnswer(**anchor.of(part["block_number"]), **_some(part, "responder", "uri", "digest", "tx_hash"))
            for part in row["answers"]
        ),
    )


def credit(row: Row) -> FeedbackCredit:
    """A proved seat."""
    return FeedbackCredit(**_some(row, "seat", "agent_id", "client", "tx_hash"))


def task_anchor(row: Row) -> TaskAnchor:
    """A digest anchored on a task."""
    return TaskAnchor(**_some(row, "by", "digest", "tx_hash"), kind=label_text(row["kind"]))


def pool_book(row: Row, anchor: Anchor) -> PoolBook:
    """The pool's book in one token."""
    return PoolBook(**anchor.of(row["block_number"]), **_some(row, "token", "owed_wei", "carry_wei", "next_epoch"))


def pool_epoch(row: Row, anchor: Anchor, terms: PoolTerms | None) -> PoolEpoch:
    """An epoch of the pool. Recording into it is open until the end of the epoch after it."""
    names = ("token", "epoch", "pot_wei", "given_wei", "released_wei", "reserved_wei", "left_wei", "unpaid_wei")
    return PoolEpoch(
        **anchor.of(row["block_number"]),
        **_some(row, *names),
        starts_s=row["epoch"] * terms.epoch_s if terms else None,
        final_at_s=(row["epoch"] + 2) * terms.epoch_s if terms else None,
        final=row["released_wei"] is not None,
    )


def pool_record(row: Row, anchor: Anchor) -> PoolRecord:
    """A recorded task with the shares that its seats were paid."""
    names = ("task_id", "token", "epoch", "amount_wei", "sharing", "recorder", "tx_hash")
    shares = ("seat", "agent_id", "given_wei", "amount_wei", "tx_hash")
    return PoolRecord(
        **anchor.of(row["block_number"]),
        **_some(row, *names),
        shares=tuple(PoolShare(**_some(part, *shares)) for part in row["shares"]),
    )


def decimal_text(value: int, decimals: int) -> str:
    """``value / 10**decimals`` exactly, without an exponent."""
    digits = str(abs(value)).rjust(decimals + 1, "0")
    whole, places = digits[: len(digits) - decimals], digits[len(digits) - decimals :].rstrip("0")
    return ("-" if value < 0 else "") + whole + (f".{places}" if places else "")


def label_text(word: str) -> str:
    """A bytes32 label as text; what is no ASCII is U+FFFD."""
    return bytes.fromhex(word[2:]).rstrip(b"\0").decode("ascii", "replace")


def _cid(row: Row) -> str | None:
    return str(Cid.from_digest(bytes.fromhex(row["digest"][2:]), row["codec"])) if row["codec"] in CODECS else None


def _some(row: Row, *names: str) -> dict[str, Any]:
    return {name: row[name] for name in names}
