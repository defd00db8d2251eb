"""`audit`: recomputes the whole index from the chain alone and names every cell, row and statement that differs.

The chain is read anew, decided by `symphony_chain.model`, and rendered by code that shares nothing with the projections;
the contracts' storage and coins are compared too. Holds a chain's rows in memory. Changes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Table, select

from indexer import meta as meta_table
from indexer.database import guarded, open_engine, require_tables
from indexer.evidence import Storage, block_row, collect, log_row
from indexer.expected import expected_tables
from indexer.expected_ledger import ledger_views
from indexer.meta import Identity
from indexer.replay import Replay
from indexer.report import ROW, AuditReport, Difference, TokenMoney
from indexer.schema import PROJECTIONS
from symphony_chain.abi import MARKET, REGISTRY
from symphony_chain.deploy import Deployment
from symphony_chain.errors import Conflict, WrongChain
from symphony_chain.market import MarketClient
from symphony_chain.model.records import TaskRecord
from symphony_chain.model.tally import ScoreRules
from symphony_chain.rewards import RewardPoolClient
from symphony_chain.rpc import Rpc
from symphony_chain.types import NATIVE, State

Row = dict[str, Any]
Tables = Mapping[str, Sequence[Row]]


def audit(rpc: Rpc, deployment: Deployment, db_url: str) -> AuditReport:
    """Compares an index with its chain, up to the block that the index says it stands at.

    Raises:
        WrongChain: the node or the database is of another chain. IndexMissing, Conflict: there is nothing to audit yet.
        ChainUnavailable: the node is away, behind, or was reorganised meanwhile.
    """
    deployment.require(rpc)
    last, have = _index(db_url, deployment)
    evidence = collect(rpc, deployment, last)
    replay = Replay(deployment, _rules(rpc, deployment), RewardPoolClient(rpc, deployment.pool).terms())
    for log in evidence.logs:
        replay.read(evidence.blocks[log.block_number], log)
    want: dict[str, list[Row]] = {
        **expected_tables(replay),
        "blocks": [block_row(block) for block in evidence.blocks.values()],
        "transactions": evidence.transactions,
        "logs": [log_row(log) for log in evidence.logs],
    }
    differences = [difference for table in PROJECTIONS for difference in _compare(table, have, want)]
    storage = Storage(rpc, deployment, last)
    money, of_money = _conservation(storage, replay, want)
    forged = [u.difference for u in replay.unproven if not storage.had_code(u.wallet, u.block_number)]
    differences += [*evidence.findings, *replay.findings, *forged, *_storage(storage, replay, want), *of_money]
    rows = sum(len(want[table.name]) for table in PROJECTIONS)
    cells = sum(len(want[table.name]) * len(table.columns) for table in PROJECTIONS)
    return AuditReport(not differences, last, rows, cells, tuple(differences), tuple(money))


def _rules(rpc: Rpc, deployment: Deployment) -> ScoreRules:
    """The market's own constants of scoring."""
    policy = MarketClient(rpc, deployment.market).policy()
    return ScoreRules(policy.score_token, policy.score_min_wei, policy.score_burn_bps)


def _index(db_url: str, deployment: Deployment) -> tuple[int, dict[str, list[Row]]]:
    """Height of the index and all its rows, as one snapshot."""
    engine = open_engine(db_url, read_only=True)
    try:
        require_tables(engine)
        with guarded(engine), engine.begin() as connection:
            entries = meta_table.read(connection)
            found, wanted = meta_table.identity(entries), Identity.of(deployment)
            if found is None or "indexed_number" not in entries:
                raise Conflict("the index is still empty", code="index.empty", hint="let the indexer run first")
            if found != wanted:
                raise WrongChain(
                    f"the database mirrors chain {found.chain_id}, genesis {found.genesis[:18]}…, market {found.market}",
                    hint="audit the database of this deployment",
                )
            tables = {t.name: [dict(r) for r in connection.execute(select(t)).mappings()] for t in PROJECTIONS}
            return int(entries["indexed_number"]), tables
    finally:
        engine.dispose()


def _compare(table: Table, have: Tables, want: Tables) -> Iterator[Difference]:
    keys = [column.name for column in table.primary_key]
    columns = [column.name for column in table.columns]
    mine = {tuple(row[key] for key in keys): row for row in have[table.name]}
    theirs = {tuple(row[key] for key in keys): row for row in want[table.name]}
    for key in sorted(mine.keys() | theirs.keys(), key=repr):
        left, right = mine.get(key), theirs.get(key)
        named = dict(zip(keys, key, strict=True))
        if left is None or right is None:
            yield Difference(table.name, named, ROW, left, right)
            continue
        for column in columns:
            if left[column] != right[column]:
                yield Difference(table.name, named, column, left[column], right[column])


def _storage(storage: Storage, replay: Replay, want: Tables) -> list[Difference]:
    """Where the contracts' storage is not what the events add up to."""
    found: list[Difference] = []

    def check(contract: str, view: str, wanted: Mapping[tuple[Any, ...], tuple[Any, ...]]) -> None:
        for args, values in zip(wanted, storage.read(contract, view, list(wanted)), strict=True):
            if values != wanted[args]:
                found.append(Difference("contract", [_show(a) for a in args], view, _show(values), _show(wanted[args])))

    pairs = {(c.agent_id, c.page_id) for c in replay.words}
    records = {key: facts.record for key, facts in replay.tasks.items()}
    check(REGISTRY, "ownerAndWallet", {(i,): (a.owner, a.acting_wallet) for i, a in replay.agents.items()})
    check(REGISTRY, "fileDigestOf", {(i,): (a.file_digest or bytes(32),) for i, a in replay.agents.items()})
    check(REGISTRY, "declaredOf", {pair: (replay.declared[pair],) for pair in pairs})
    check(MARKET, "earnedOf", {pair: (replay.earned[pair],) for pair in pairs})
    check(MARKET, "balanceOf", {(r["account"], r["token"]): (r["amount_wei"],) for r in want["balances"]})
    columns = ("accrued_wei", "seats", "won", "no_shows")
    accounts = {(r["agent_id"], r["token"]): tuple(r[c] for c in columns) for r in want["agent_accounts"]}
    check(MARKET, "accountOf", accounts)
    check(MARKET, "headOf", {(key,): (record.word(),) for key, record in records.items()})
    check(MARKET, "receiptOf", {(key,): _receipt(record) for key, record in records.items()})
    seats = {
        (key, i): (records[key].seats[i].word() if records[key].seats else 0,)
        for key, facts in replay.tasks.items()
        for i in range(len(facts.seats))
    }
    check(MARKET, "seatOf", seats)
    for contract, view, wanted in ledger_views(replay.ledger):
        check(contract, view, wanted)
    return found


def _receipt(record: TaskRecord) -> tuple[int, int, bytes]:
    """What `receiptOf` must answer."""
    if not record.phase.is_final:
        return (State.NONE, 0, bytes(26))
    return (record.phase, record.closed_at_s, record.receipt)


def _conservation(storage: Storage, replay: Replay, want: Tables) -> tuple[list[TokenMoney], list[Difference]]:
    """Conservation, token by token: balances, accounts, live escrow and bonds, and what was burnt are what the market holds.

    It may hold more (coins can be forced on anybody). Of the native coin it never holds less; a token that takes money away
    from its holders harms only claims in itself, which is its own fault: that is in the report, but no difference.
    """
    owed: dict[str, int] = defaultdict(int, {NATIVE: 0})
    for table, column in (("balances", "amount_wei"), ("agent_accounts", "accrued_wei"), ("burnt", "amount_wei")):
        for row in want[table]:
            owed[row["token"]] += row[column]
    for facts in replay.tasks.values():
        owed[facts.task.token] += facts.record.held_wei()
    money = [TokenMoney(token, owed_wei, storage.held_wei(token)) for token, owed_wei in sorted(owed.items())]
    short = [m for m in money if m.token == NATIVE and m.is_short]
    return money, [Difference("contract", m.token, "balance", m.held_wei, m.owed_wei) for m in short]


def _show(value: Any) -> Any:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, tuple):
        return [_show(item) for item in value]
    return int(value) if isinstance(value, State) else value
