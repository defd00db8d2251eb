"""The audit: silent on a true index, and names every single false cell, missing row and added row."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Boolean, Connection, Table, delete, insert, select, update

from indexer.audit import audit
from indexer.contracts import Contracts
from indexer.database import open_engine
from indexer.replay import Replay
from indexer.report import ROW, AuditReport, Difference
from indexer.schema import PROJECTIONS, Number
from symphony_chain import events as ev
from symphony_chain import ledger_events as le
from symphony_chain import reward_events as re
from symphony_chain.deploy import DEFAULT_TERMS, Deployment
from symphony_chain.errors import WrongChain
from symphony_chain.rewards import RewardPoolClient
from symphony_chain.rpc import Rpc
from symphony_chain.types import NATIVE
from tests.indexer.conftest import Databases, indexed
from tests.indexer.postgres import Cluster
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
    tokens = [money for money in report.money if money.token != NATIVE]
    assert len(tokens) == 2, "every token that was ever used is counted"
    whole, shrunk = sorted(tokens, key=lambda money: money.is_short)
    assert whole.owed_wei == whole.held_wei == client_balance(world, whole.token)
    assert shrunk.is_short and shrunk.held_wei == shrunk.owed_wei * 9 // 10, "its own fault, and said"
    assert [entry["token"] for entry in report.as_json()["money"]] == [money.token for money in report.money]


def client_balance(world: Scenario, token: str) -> int:
    data = bytes.fromhex("70a08231" + "00" * 12 + world.deployment.market[2:])
    return int.from_bytes(world.rpc.eth_call(token, data), "big")


def test_a_token_that_does_not_say_what_it_holds_breaks_no_audit(
    world: Scenario, world_db: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    true_call = Rpc.eth_call

    def mute(self: Rpc, to: str | None, data: bytes, *args: Any, **kwargs: Any) -> bytes:
        return b"" if data[:4] == bytes.fromhex("70a08231") else true_call(self, to, data, *args, **kwargs)

    monkeypatch.setattr(Rpc, "eth_call", mute)
    report = audit(world.rpc, world.deployment, world_db)
    assert report.ok and [money.held_wei for money in report.money if money.token != NATIVE] == [None, None]


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
    return kind.python_type is str and not isinstance(kind, Number)


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


def check_mutation(seed: int, world: Scenario, url: str) -> None:
    """Changes one table, audits, and puts back what was there."""
    table = PROJECTIONS[seed % len(PROJECTIONS)]
    engine = open_engine(url)
    with engine.begin() as connection:
        before = [dict(row) for row in connection.execute(select(table)).mappings()]
        expected = mutate(random.Random(seed), connection, table)
    report = audit(world.rpc, world.deployment, url)
    with engine.begin() as connection:
        connection.execute(delete(table))
        connection.execute(insert(table), before)
    engine.dispose()
    assert not report.ok
    assert named(report) == expected


@pytest.fixture(scope="session")
def changed_db(world: Scenario, sqlite_databases: Databases) -> str:
    """An index that is changed and put right again."""
    return indexed(world, sqlite_databases.new())


@pytest.mark.parametrize("seed", range(MUTATIONS))
def test_each_mutation_is_found_and_named(seed: int, world: Scenario, changed_db: str) -> None:
    check_mutation(seed, world, changed_db)


@pytest.mark.postgres
def test_mutations_are_found_in_postgresql_too(world: Scenario, cluster: Cluster) -> None:
    """A third of the tables: what differs between databases is types and keys, not the audit."""
    url = indexed(world, cluster.create())
    for seed in range(0, len(PROJECTIONS), 3):
        check_mutation(seed, world, url)


def test_another_deployment_is_refused(world: Scenario, world_db: str) -> None:
    with pytest.raises(WrongChain):
        audit(world.rpc, dataclasses.replace(world.deployment, genesis="0x" + "00" * 32), world_db)
    with pytest.raises(WrongChain):
        audit(world.rpc, dataclasses.replace(world.deployment, block=1), world_db)


# --- a chain that breaks its own rules: the model must say so ---

Change = Callable[[Any], Any]
LIES: list[tuple[type, str, Change]] = [
    (ev.TaskPosted, "taskId", lambda e: dataclasses.replace(e, task=dataclasses.replace(e.task, quorum_bps=1))),
    (ev.TaskPosted, "value", lambda e: dataclasses.replace(e, task=dataclasses.replace(e.task, token="0x" + "11" * 20))),
    (ev.BidPosted, "signature", lambda e: dataclasses.replace(e, price_wei=e.price_wei + 1)),
    (ev.SeatTaken, "weight", lambda e: dataclasses.replace(e, award=dataclasses.replace(e.award, weight=1))),
    (ev.SeatTaken, "index", lambda e: dataclasses.replace(e, award=dataclasses.replace(e.award, seat=1))),
    (ev.AnswerCommitted, "agentId", lambda e: dataclasses.replace(e, agent_id=e.agent_id + 1)),
    (ev.AnswerRevealed, "answer", lambda e: dataclasses.replace(e, answer=b"another")),
    (ev.PlanRevealed, "weight", lambda e: dataclasses.replace(e, weight=e.weight + 1) if e.children else e),
    (ev.PlanRevealed, "children", lambda e: dataclasses.replace(e, children=())),
    (ev.TaskAwarded, "returned", lambda e: dataclasses.replace(e, returned_wei=e.returned_wei + 1)),
    (ev.TaskAwarded, "weight", lambda e: _seat0(e, weight=e.seats[0].weight + 1)),
    (ev.TaskAwarded, "wallet", lambda e: _seat0(e, wallet="0x" + "11" * 20)),
    (ev.AnswerRevealed, "opening", lambda e: dataclasses.replace(e, salt=bytes(32))),
    (ev.TaskCancelled, "refund", lambda e: dataclasses.replace(e, refund_wei=e.refund_wei - 1)),
    (ev.TaskSettled, "winnerWeight", lambda e: dataclasses.replace(e, winner_weight=e.winner_weight + 1)),
    (ev.TaskSettled, "refund", lambda e: dataclasses.replace(e, refund_wei=e.refund_wei + 1)),
    (ev.TaskSettled, "burnt", lambda e: dataclasses.replace(e, burnt_wei=e.burnt_wei + 1)),
    (ev.TaskSettled, "fee", lambda e: dataclasses.replace(e, fee_wei=e.fee_wei + 1)),
    (ev.TaskSettled, "state", lambda e: dataclasses.replace(e, evaluated=True)),
    (ev.TaskSettled, "results", lambda e: _result0(e, won=not e.results[0].won)),
    (ev.TaskSettled, "results", lambda e: _result0(e, pay_wei=e.results[0].pay_wei + 1)),
    (ev.TaskSettled, "results", lambda e: _result0(e, earned=e.results[0].earned + 1)),
    (re.Recorded, "Recorded", lambda e: dataclasses.replace(e, amount_wei=e.amount_wei + 1)),
    (re.Finalised, "Finalised", lambda e: dataclasses.replace(e, released_wei=e.released_wei + 1)),
    (re.Shared, "Shared", lambda e: dataclasses.replace(e, amount_wei=e.amount_wei + 1)),
    (le.FeedbackOpened, "FeedbackOpened", lambda e: dataclasses.replace(e, client="0x" + "11" * 20)),
    (le.NewFeedback, "NewFeedback", lambda e: dataclasses.replace(e, client="0x" + "11" * 20)),
    (le.NewFeedback, "NewFeedback", lambda e: dataclasses.replace(e, index=2)),
    (le.FeedbackRevoked, "FeedbackRevoked", lambda e: dataclasses.replace(e, index=9)),
    (le.ResponseAppended, "ResponseAppended", lambda e: dataclasses.replace(e, uri="")),
    (le.Anchored, "Anchored", lambda e: dataclasses.replace(e, by="0x" + "11" * 20)),
    (le.ReleasePublished, "ReleasePublished", lambda e: dataclasses.replace(e, name_hash=bytes(32))),
    (le.DeltaPublished, "DeltaPublished", lambda e: dataclasses.replace(e, delta=dataclasses.replace(e.delta, parent=b"1" * 32))),
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


def test_a_true_chain_has_no_findings(world: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    left = replay_with_one_lie(world, type(None), lambda e: e, monkeypatch)
    assert {d.column for d in left} == {"BidPosted.signature"}, "which the wallet that is a contract answers for"
    assert all(world.rpc.get_code(d.want) and d.have == world.agents[1].wallet.address for d in left)


def test_a_bid_that_no_key_signed_needs_a_wallet_with_code(
    world: Scenario, world_db: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    true_code = Rpc.get_code
    wallets = {agent.wallet.address for agent in world.agents}
    monkeypatch.setattr(
        Rpc,
        "get_code",
        lambda self, address, *a: true_code(self, address, *a) if address in addresses_of(world) | wallets else b"",
    )
    report = audit(world.rpc, world.deployment, world_db)
    assert {difference.column for difference in report.differences} == {"BidPosted.signature"}


def addresses_of(world: Scenario) -> set[str]:
    return set(Contracts(world.deployment).addresses)


def replay_with_one_lie(
    world: Scenario, kind: type, lie: Change, monkeypatch: pytest.MonkeyPatch
) -> list[Difference]:
    true_decode, told = Contracts.decode, []

    def decode(self: Contracts, log: Any) -> Any:
        event = true_decode(self, log)
        if isinstance(event, kind) and event is not None and not told:
            said = lie(event)
            if said != event:
                told.append(event)
            return said
        return event

    replay = Replay(world.deployment, DEFAULT_TERMS.rules, RewardPoolClient(world.rpc, world.deployment.pool).terms())
    with monkeypatch.context() as patch:
        patch.setattr(Contracts, "decode", decode)
        blocks = {}
        for log in logs_of(world.rpc, world.deployment):
            block = blocks.setdefault(log.block_number, world.rpc.get_block(log.block_number))
            replay.read(block, log)
    return [*replay.findings, *(unproven.difference for unproven in replay.unproven)]


def logs_of(rpc: Rpc, deployment: Deployment) -> list[Any]:
    return rpc.get_logs(from_block=0, to_block="latest", address=Contracts(deployment).addresses)


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
    assert {d.column for d in report.differences} >= {
        "earnedOf", "balanceOf", "accountOf", "headOf", "seatOf", "receiptOf", "declaredOf", "owed", "bookOf", "epochOf",
        "recordOf", "creditsOf", "openedOf", "readFeedback", "getResponseCount", "releaseOf", "latestOf",
    }  # fmt: skip
