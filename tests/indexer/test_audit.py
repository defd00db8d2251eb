"""The audit: silent on a true index, and names every single false cell, missing row and added row."""

from __future__ import annotations

import dataclasses
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Boolean, Connection, Table, delete, insert, select, update

from indexer.audit import audit
from indexer.database import open_engine
from indexer.replay import Replay
from indexer.report import ROW, AuditReport, Difference
from indexer.schema import PROJECTIONS, Wei
from symphony_chain import events as ev
from symphony_chain.deploy import Deployment
from symphony_chain.errors import WrongChain
from symphony_chain.rpc import Rpc
from tests.indexer.scenario import Scenario

MUTATIONS = 100
Named = set[tuple[str, str, str]]


def named(report: AuditReport) -> Named:
    return {(d.table, repr(d.key), d.column) for d in report.differences}


def test_clean_run_finds_nothing_and_accounts_for_every_wei(world: Scenario, world_db: str) -> None:
    report = audit(world.rpc, world.deployment, world_db)
    assert report.differences == () and report.ok
    assert report.checked_rows > 400 and report.checked_cells > 4_000
    assert report.owed_wei == report.held_wei == world.rpc.get_balance(world.deployment.market)


def test_every_projection_table_has_rows(world_db: str) -> None:
    engine = open_engine(world_db, read_only=True)
    with engine.begin() as connection:
        for table in PROJECTIONS:
            assert connection.execute(select(table)).first() is not None, table.name
    engine.dispose()


def other_value(rng: random.Random, table: Table, column: str, value: Any) -> Any:
    """Another value of the column's type."""
    kind = table.c[column].type
    if value is None:
        return 7 if not _is_text(kind) else "0x" + "ab" * 32
    if table.c[column].nullable and rng.random() < 0.2:
        return None
    if isinstance(kind, Boolean):
        return not value
    if not _is_text(kind):
        return rng.choice([value + 1, value + 10**6, max(value - 1, 0) if value else 1])
    if column in ("phase", "kind", "reason"):
        return {"SETTLED": "VOID", "pay": "burnt", "declared": "earned"}.get(value, "SETTLED" if column == "phase" else "pay")
    if not value.startswith("0x"):
        return value + "x"
    place = rng.randrange(2, len(value)) if len(value) > 2 else 2
    return value[:place] + ("0" if value[place:place + 1] != "0" else "1") + value[place + 1 :]


def _is_text(kind: Any) -> bool:
    return kind.python_type is str and not isinstance(kind, Wei)


def mutate(rng: random.Random, connection: Connection, table: Table) -> Named:
    """One change of one row; returns what an audit must say about it, exactly."""
    keys = [column.name for column in table.primary_key]
    row = dict(rng.choice(connection.execute(select(table)).mappings().all()))
    where = [table.c[key] == row[key] for key in keys]

    def key_of(changed: dict[str, Any]) -> str:
        return repr({key: changed[key] for key in keys})

    action = rng.random()
    if action < 0.15:
        connection.execute(delete(table).where(*where))
        return {(table.name, key_of(row), ROW)}
    if action < 0.3:
        free = next(key for key in reversed(keys))
        added = row | {free: other_value(random.Random(1), table, free, row[free])}
        if isinstance(row[free], int):
            added[free] = 10**9 + rng.randrange(10**6)
        if table.name == "blocks":
            added["hash"] = "0x" + "cd" * 32
        connection.execute(insert(table), added)
        return {(table.name, key_of(added), ROW)}
    column = rng.choice([column.name for column in table.columns])
    value = other_value(rng, table, column, row[column])
    if column in keys and isinstance(value, int):
        value = 10**9  # certainly free
    assert value != row[column]
    connection.execute(update(table).where(*where).values({column: value}))
    if column in keys:
        return {(table.name, key_of(row), ROW), (table.name, key_of(row | {column: value}), ROW)}
    return {(table.name, key_of(row), column)}


@pytest.mark.parametrize("seed", range(MUTATIONS))
def test_each_mutation_is_found_and_named(seed: int, world: Scenario, world_db: str, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    shutil.copy(world_db.removeprefix("sqlite:///"), copy)
    rng = random.Random(seed)
    engine = open_engine(f"sqlite:///{copy}")
    with engine.begin() as connection:
        expected = mutate(rng, connection, PROJECTIONS[seed % len(PROJECTIONS)])
    engine.dispose()
    report = audit(world.rpc, world.deployment, f"sqlite:///{copy}")
    assert not report.ok
    assert named(report) == expected


def test_another_deployment_is_refused(world: Scenario, world_db: str) -> None:
    with pytest.raises(WrongChain):
        audit(world.rpc, dataclasses.replace(world.deployment, genesis="0x" + "00" * 32), world_db)
    with pytest.raises(WrongChain):
        audit(world.rpc, dataclasses.replace(world.deployment, block=1), world_db)


# --- a chain that breaks its own rules: the model must say so ---

Change = Callable[[Any], Any]
LIES: list[tuple[type, str, Change]] = [
    (ev.TaskPosted, "taskId", lambda e: dataclasses.replace(e, task=dataclasses.replace(e.task, quorum_bps=1))),
    (ev.BidPosted, "signature", lambda e: dataclasses.replace(e, price_wei=e.price_wei + 1)),
    (ev.TaskAwarded, "returned", lambda e: dataclasses.replace(e, returned_wei=e.returned_wei + 1)),
    (ev.TaskAwarded, "weight", lambda e: _seat0(e, weight=e.seats[0].weight + 1)),
    (ev.TaskAwarded, "wallet", lambda e: _seat0(e, wallet="0x" + "11" * 20)),
    (ev.AnswerRevealed, "opening", lambda e: dataclasses.replace(e, salt=bytes(32))),
    (ev.TaskCancelled, "refund", lambda e: dataclasses.replace(e, refund_wei=e.refund_wei - 1)),
    (ev.TaskSettled, "winnerWeight", lambda e: dataclasses.replace(e, winner_weight=e.winner_weight + 1)),
    (ev.TaskSettled, "refund", lambda e: dataclasses.replace(e, refund_wei=e.refund_wei + 1)),
    (ev.TaskSettled, "results", lambda e: _result0(e, pay_wei=e.results[0].pay_wei + 1)),
    (ev.TaskSettled, "results", lambda e: _result0(e, earned=e.results[0].earned + 1)),
]


def _seat0(event: Any, **changes: Any) -> Any:
    return dataclasses.replace(event, seats=(dataclasses.replace(event.seats[0], **changes), *event.seats[1:]))


def _result0(event: Any, **changes: Any) -> Any:
    return dataclasses.replace(event, results=(dataclasses.replace(event.results[0], **changes), *event.results[1:]))


@pytest.mark.parametrize(("kind", "column", "lie"), LIES)
def test_a_statement_against_the_rules_is_a_finding(
    kind: type, column: str, lie: Change, world: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    findings = replay_with_one_lie(world, kind, lie, monkeypatch)
    assert any(d.table == "chain" and column in d.column for d in findings), findings
    assert replay_with_one_lie(world, type(None), lambda e: e, monkeypatch) == []


def replay_with_one_lie(
    world: Scenario, kind: type, lie: Change, monkeypatch: pytest.MonkeyPatch
) -> list[Difference]:
    true_decode, told = ev.decode, []

    def decode(log: Any) -> Any:
        event = true_decode(log)
        if isinstance(event, kind) and event is not None and not told:
            told.append(event)
            return lie(event)
        return event

    replay = Replay(world.deployment.domain)
    with monkeypatch.context() as patch:
        patch.setattr(ev, "decode", decode)
        blocks = {}
        for log in logs_of(world.rpc, world.deployment):
            block = blocks.setdefault(log.block_number, world.rpc.get_block(log.block_number))
            replay.read(block, log)
    return replay.findings


def logs_of(rpc: Rpc, deployment: Deployment) -> list[Any]:
    return rpc.get_logs(from_block=0, to_block="latest", address=[deployment.registry, deployment.market])


def test_storage_that_contradicts_the_events_is_found(world_db: str, world: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    true_balance = Rpc.get_balance
    monkeypatch.setattr(Rpc, "get_balance", lambda *a, **k: true_balance(*a, **k) - 1)
    report = audit(world.rpc, world.deployment, world_db)
    assert [(d.table, d.column) for d in report.differences] == [("contract", "balance")]
    monkeypatch.setattr(Rpc, "get_balance", lambda *a, **k: true_balance(*a, **k) + 1)
    assert audit(world.rpc, world.deployment, world_db).ok, "coins forced on the market break nobody's audit"
    monkeypatch.undo()
    true_batch = Rpc.batch

    def lying(self: Rpc, calls: Any) -> list[Any]:
        out = true_batch(self, calls)
        views = [i for i, (method, _) in enumerate(calls) if method == "eth_call"]
        for i in views[:1]:
            out[i] = out[i][:-1] + ("1" if out[i][-1] != "1" else "2")
        return out

    monkeypatch.setattr(Rpc, "batch", lying)
    report = audit(world.rpc, world.deployment, world_db)
    assert {d.column for d in report.differences} >= {"earnedOf", "balanceOf", "accountOf", "burntOf", "declaredOf"}
