"""One step of the follower into the database, whole or not at all. Knows no node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, insert, select

from indexer import meta as meta_table
from indexer.contracts import Contracts
from indexer.errors import AnotherWriter
from indexer.projections import projections
from indexer.projections.at import At
from indexer.rows import Rows, prune_undo, roll_back
from indexer.schema import blocks, logs, reorgs, transactions
from indexer.text import bytes_of, hex_of
from symphony_chain.follow import Applied, ReorgBeyondFinality, RolledBack
from symphony_chain.rpc_types import Block, Log


def apply_blocks(
    connection: Connection,
    batch: Applied,
    txs: Sequence[dict[str, Any]],
    *,
    contracts: Contracts,
    finality_depth: int,
) -> None:
    """Stores blocks, transactions, raw logs and everything projected from them."""
    first = batch.blocks[0].block
    tip = stored_tip(connection)
    if tip is not None and (first.number != tip.number + 1 or first.parent_hash != tip.hash):
        raise _another_writer(tip.number)
    undo_floor = max(undo_floor_of(connection), batch.head_number - finality_depth)
    rows, of_type = Rows(connection, undo_from=undo_floor + 1), projections(contracts.deployment)
    connection.execute(insert(blocks), [_block_row(item.block) for item in batch.blocks])
    if txs:
        connection.execute(insert(transactions), list(txs))
    for item in batch.blocks:
        rows.begin_block(item.block.number)
        for log in item.logs:
            rows.append(logs, **_log_row(log))
            event = contracts.decode(log)
            projection = of_type.get(type(event))
            if projection is not None:
                projection(rows, event, At(item.block.number, item.block.timestamp, log.log_index, hex_of(log.tx_hash)))
    rows.flush()
    prune_undo(connection, undo_floor + 1)
    indexed = batch.blocks[-1].block.number
    meta_table.write(connection, undo_floor=undo_floor, head_number=batch.head_number, indexed_number=indexed)


def undo(connection: Connection, step: RolledBack) -> None:
    """Drops orphaned blocks and everything they changed.

    Raises:
        ReorgBeyondFinality: the undo log does not reach that far; nothing changed.
    """
    tip = stored_tip(connection)
    if tip is None or not step.dropped or tip.hash != step.dropped[-1].hash:
        raise _another_writer(tip.number if tip else -1)
    floor = undo_floor_of(connection)
    if step.to_number < floor:
        raise ReorgBeyondFinality(
            f"a reorganisation to block {step.to_number} goes below block {floor}, which is final here",
            hint="check that the node follows the right chain; if the reorganisation is real, rebuild the index",
            to_number=step.to_number,
            final_number=floor,
        )
    roll_back(connection, step.to_number)
    meta_table.write(connection, indexed_number=step.to_number)
    old_hash = hex_of(step.dropped[-1].hash)
    connection.execute(insert(reorgs), {"to_number": step.to_number, "from_number": tip.number, "old_hash": old_hash})


def stored_tip(connection: Connection) -> Block | None:
    """The newest stored block."""
    newest = window(connection, 1)
    return newest[0] if newest else None


def window(connection: Connection, count: int) -> tuple[Block, ...]:
    """The newest stored headers, ascending."""
    found = connection.execute(select(blocks).order_by(blocks.c.number.desc()).limit(count)).all()
    return tuple(
        Block(
            number=row.number,
            hash=bytes_of(row.hash),
            parent_hash=bytes_of(row.parent_hash),
            timestamp=row.timestamp_s,
            base_fee_wei=row.base_fee_wei,
            gas_limit=row.gas_limit,
            gas_used=row.gas_used,
        )
        for row in reversed(found)
    )


def undo_floor_of(connection: Connection) -> int:
    """Lowest height that can be rolled back to."""
    return int(meta_table.read(connection).get("undo_floor", "-1"))


def _block_row(block: Block) -> dict[str, Any]:
    return {
        "number": block.number,
        "hash": hex_of(block.hash),
        "parent_hash": hex_of(block.parent_hash),
        "timestamp_s": block.timestamp,
        "gas_used": block.gas_used,
        "gas_limit": block.gas_limit,
        "base_fee_wei": block.base_fee_wei,
    }


def _log_row(log: Log) -> dict[str, Any]:
    topics = [hex_of(topic) for topic in log.topics] + [None] * (4 - len(log.topics))
    return {
        "log_index": log.log_index,
        "tx_hash": hex_of(log.tx_hash),
        "tx_index": log.tx_index,
        "address": log.address,
        **{f"topic{i}": topic for i, topic in enumerate(topics)},
        "data": hex_of(log.data),
    }


def _another_writer(tip_number: int) -> AnotherWriter:
    return AnotherWriter(
        f"the database moved to block {tip_number} by another hand",
        hint="only one indexer may write a database; stop the other one",
    )
