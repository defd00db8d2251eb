"""The undo log is exact: random changes over random blocks, rolled back, equal what was there."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, insert, select

from indexer.database import migrate, open_engine
from indexer.digest import digest
from indexer.errors import Inconsistent
from indexer.projections import money
from indexer.rows import Rows, roll_back
from indexer.schema import (
    balances,
    bids,
    blocks,
    metadata,
    seats,
    undo,
    votes,
)
from symphony_chain.types import NATIVE


def change_something(rng: random.Random, rows: Rows, log_index: int) -> None:
    match rng.randrange(4):
        case 0:
            amount = rng.choice([0, 1, 2**64, 2**255 + 1])
            rows.put(balances, account=f"0x{rng.randrange(4):040x}", token=NATIVE, amount_wei=amount)
        case 1:
            key = (f"0x{rng.randrange(3):064x}", "0x" + "ab" * 26)
            known = rows.get(votes, *key) or {"weight": 0, "supporters": 0}
            rows.put(
                votes, task_id=key[0], answer26=key[1], weight=known["weight"] + 1, supporters=1, won=rng.random() < 0.5
            )
        case 2:
            unknown = {column.name: None for column in seats.columns if column.nullable}
            known = {"agent_id": rng.randrange(9), "wallet": "0x", "award_weight": 1, "weight": 1}
            known |= {"seated_block": 1, "seated_tx": "0x"}
            rows.put(seats, task_id="0x01", seat=rng.randrange(3), **known, **unknown)
        case _:
            rows.append(
                bids, log_index=log_index, task_id="0x01", agent_id=1, price_wei=2**200, confidence_bps=1, expiry_s=1,
                signature="0x", tx_hash="0x",
            )  # fmt: skip


def apply_block(engine: Engine, rng: random.Random, numbers: range) -> None:
    """One database transaction over a run of blocks."""
    with engine.begin() as connection:
        rows = Rows(connection, undo_from=0)
        for number in numbers:
            header = {"number": number, "hash": f"0x{rng.getrandbits(200):x}", "parent_hash": "0x", "timestamp_s": 0}
            connection.execute(insert(blocks), header | {"gas_used": 0, "gas_limit": 0, "base_fee_wei": 0})
            rows.begin_block(number)
            for log_index in range(rng.randrange(6)):
                change_something(rng, rows, log_index)
        rows.flush()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32))
def test_rolling_back_restores_every_cell(seed: int) -> None:
    note(f"seed {seed}")
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        engine = open_engine(f"sqlite:///{Path(folder) / 'rows.db'}")
        try:
            metadata.create_all(engine)
            digests, next_number = {-1: state_of(engine)}, 0
            for _ in range(rng.randint(3, 10)):
                if rng.random() < 0.4 and next_number:
                    target = rng.choice([number for number in digests if number < next_number])
                    with engine.begin() as connection:
                        roll_back(connection, target)
                    assert state_of(engine) == digests[target]
                    digests = {number: known for number, known in digests.items() if number <= target}
                    next_number = target + 1
                length = rng.choice([1, 1, 4])
                apply_block(engine, rng, range(next_number, next_number + length))
                next_number += length
                digests[next_number - 1] = state_of(engine)
        finally:
            engine.dispose()


def state_of(engine: Engine) -> str:
    with engine.begin() as connection:
        return digest(connection)


def test_final_blocks_leave_no_undo(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'rows.db'}")
    migrate(engine)
    with engine.begin() as connection:
        rows = Rows(connection, undo_from=5)
        for number in range(10):
            rows.begin_block(number)
            rows.put(balances, account="0x1", token=NATIVE, amount_wei=number)
        rows.flush()
        kept = connection.execute(select(undo.c.block_number).order_by(undo.c.block_number)).scalars().all()
    engine.dispose()
    assert kept == [5, 6, 7, 8, 9]


def test_money_may_be_short_within_a_block_but_not_after_it(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'rows.db'}")
    migrate(engine)
    with engine.begin() as connection:
        rows = Rows(connection, undo_from=0)
        rows.begin_block(1)
        money.add_balance(rows, "0x1", NATIVE, -5)
        money.add_balance(rows, "0x1", NATIVE, 7)
        rows.begin_block(2)
        money.add_balance(rows, "0x1", NATIVE, -3)
        with pytest.raises(Inconsistent, match="-1"):
            rows.begin_block(3)
    engine.dispose()
