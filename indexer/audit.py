"""`audit`: recomputes the whole index from the chain alone and names every cell, row and statement that differs.

The chain is read anew, decided by `symphony_chain.model`, and rendered by code that shares nothing with the projections;
the contracts' storage and coins are compared too. Holds a chain's rows in memory. Changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Table, select

from indexer import meta as meta_table
from indexer.database import guarded, open_engine, require_tables
from indexer.evidence import Storage, block_row, collect, log_row
from indexer.expected import expected_tables
from indexer.meta import Identity
from indexer.replay import Replay, TaskFacts
from indexer.report import ROW, AuditReport, Difference
from indexer.schema import PROJECTIONS
from symphony_chain.abi import MARKET, REGISTRY
from symphony_chain.deploy import Deployment
from symphony_chain.errors import Conflict, WrongChain
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
    replay = Replay(deployment.domain)
    for log in evidence.logs:
        replay.read(evidence.blocks[log.block_number], log)
    want: dict[str, list[Row]] = {
        **expected_tables(replay),
        "blocks": [block_row(block) for block in evidence.blocks.values()],
        "transactions": evidence.transactions,
        "logs": [log_row(log) for log in evidence.logs],
    }
    differences = [difference for table in PROJECTIONS for difference in _compare(table, have, want)]
    owed_wei, held_wei, of_storage = _storage(rpc, deployment, last, replay, want)
    differences += [*evidence.findings, *replay.findings, *of_storage]
    rows = sum(len(want[table.name]) for table in PROJECTIONS)
    cells = sum(len(want[table.name]) * len(table.columns) for table in PROJECTIONS)
    return AuditReport(not differences, last, rows, cells, tuple(differences), owed_wei, held_wei)


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


def _storage(
    rpc: Rpc, deployment: Deployment, block_number: int, replay: Replay, want: Tables
) -> tuple[int, int, list[Difference]]:
    """Wei owed by the events, wei held by the market, and where the contracts' storage is not what the events add up to."""
    storage = Storage(rpc, deployment, block_number)
    found: list[Difference] = []

    def check(contract: str, view: str, wanted: Mapping[tuple[Any, ...], tuple[Any, ...]]) -> None:
        for args, values in zip(wanted, storage.read(contract, view, list(wanted)), strict=True):
            if values != wanted[args]:
                found.append(Difference("contract", [_show(a) for a in args], view, _show(values), _show(wanted[args])))

    pairs = {(c.agent_id, c.page_id) for c in replay.words}
    check(REGISTRY, "ownerAndWallet", {(i,): (a.owner, a.acting_wallet) for i, a in replay.agents.items()})
    check(REGISTRY, "fileDigestOf", {(i,): (a.file_digest or bytes(32),) for i, a in replay.agents.items()})
    check(REGISTRY, "declaredOf", {pair: (replay.declared[pair],) for pair in pairs})
    check(MARKET, "earnedOf", {pair: (replay.earned[pair],) for pair in pairs})
    check(MARKET, "balanceOf", {(r["account"], r["token"]): (r["amount_wei"],) for r in want["balances"]})
    columns = ("accrued_wei", "seats", "won", "no_shows")
    accounts = {(r["agent_id"], r["token"]): tuple(r[c] for c in columns) for r in want["agent_accounts"]}
    check(MARKET, "accountOf", accounts)
    burnt = sum(row["amount_wei"] for row in want["burnt"])
    check(MARKET, "burntOf", {(NATIVE,): (burnt,)})
    check(MARKET, "headOf", {(key,): _head(facts) for key, facts in replay.tasks.items()})
    owed = burnt + sum(r["amount_wei"] for r in want["balances"]) + sum(r["accrued_wei"] for r in want["agent_accounts"])
    owed += sum(_locked_wei(facts) for facts in replay.tasks.values())
    held = storage.coins_wei()
    if held < owed:
        found.append(Difference("contract", deployment.market, "balance", held, owed))
    return owed, held, found


def _head(facts: TaskFacts) -> tuple[int, ...]:
    """The contract's `headOf`: zeros once a task is closed."""
    if facts.closing is not None:
        return (0, 0, 0, 0, 0)
    price = facts.awarded[1].price_wei if facts.awarded else 0
    task = facts.task
    return (price, len(facts.seats), task.bid_end_s, task.commit_end_s, task.reveal_end_s)


def _locked_wei(facts: TaskFacts) -> int:
    """Escrow and bonds that the market holds for a task that is not closed."""
    if facts.closing is not None:
        return 0
    if facts.awarded is None:
        return facts.task.escrow_wei
    return (facts.awarded[1].price_wei + facts.task.bond_wei) * len(facts.seats)


def _show(value: Any) -> Any:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, tuple):
        return [_show(item) for item in value]
    return str(value) if isinstance(value, State) else value
