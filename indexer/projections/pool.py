"""The reward pool's books of this market. Money itself moves in the market: see `money`."""

from __future__ import annotations

from indexer.projections.at import At
from indexer.rows import Row, Rows
from indexer.schema import pool_books, pool_epochs, pool_records, pool_shares
from indexer.text import hex_of
from symphony_chain import reward_events as ev


def on_recorded(rows: Rows, event: ev.Recorded, at: At) -> None:
    rows.put(
        pool_records,
        task_id=hex_of(event.task_id),
        token=event.token,
        epoch=event.epoch,
        amount_wei=event.amount_wei,
        sharing=event.sharing,
        tx_hash=at.tx_hash,
    )
    epoch = _epoch(rows, event.token, event.epoch)
    given_wei = epoch["given_wei"] + (event.amount_wei if event.sharing else 0)
    rows.put(pool_epochs, **epoch | {"pot_wei": epoch["pot_wei"] + event.amount_wei, "given_wei": given_wei})
    _owe(rows, event.token, event.amount_wei)


def on_finalised(rows: Rows, event: ev.Finalised, at: At) -> None:
    """Also of epochs without a pot, where others' release begins or ends."""
    final = {
        "released_wei": event.released_wei,
        "reserved_wei": event.reserved_wei,
        "left_wei": event.reserved_wei,
        "unpaid_wei": event.given_wei,
    }
    rows.put(pool_epochs, **_epoch(rows, event.token, event.epoch) | final)
    carry = {"next_epoch": event.epoch + 1, "carry_wei": event.released_wei - event.reserved_wei}
    rows.put(pool_books, **_book(rows, event.token) | carry)


def on_shared(rows: Rows, event: ev.Shared, at: At) -> None:
    task_id = hex_of(event.task_id)
    epoch = _epoch(rows, event.token, rows.need(pool_records, task_id)["epoch"])
    left = {"left_wei": epoch["left_wei"] - event.amount_wei, "unpaid_wei": epoch["unpaid_wei"] - event.given_wei}
    rows.put(pool_epochs, **epoch | left)
    _owe(rows, event.token, -event.amount_wei)
    rows.append(
        pool_shares,
        log_index=at.log_index,
        task_id=task_id,
        seat=event.seat,
        agent_id=event.agent_id,
        token=event.token,
        given_wei=event.given_wei,
        amount_wei=event.amount_wei,
        tx_hash=at.tx_hash,
    )


def _book(rows: Rows, token: str) -> Row:
    return rows.get(pool_books, token) or {"token": token, "next_epoch": 0, "carry_wei": 0, "owed_wei": 0}


def _owe(rows: Rows, token: str, delta_wei: int) -> None:
    book = _book(rows, token)
    rows.put(pool_books, **book | {"owed_wei": book["owed_wei"] + delta_wei})


def _epoch(rows: Rows, token: str, epoch: int) -> Row:
    nothing = dict.fromkeys(("pot_wei", "given_wei", "left_wei", "unpaid_wei"), 0)
    unknown = {"released_wei": None, "reserved_wei": None}
    return rows.get(pool_epochs, token, epoch) or {"token": token, "epoch": epoch} | nothing | unknown
