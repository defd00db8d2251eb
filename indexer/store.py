"""Reading the index: typed queries with keyset paging. What the API and the command line show comes from here.

Rows are dicts with the columns of `indexer.schema` (money and block numbers int, hashes and words 0x-hex). Every method
reads one consistent snapshot. Knows no node: what is not indexed does not exist here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select, tuple_

from indexer import meta as meta_table
from indexer.database import open_engine, require_tables
from indexer.eventjson import event_json
from indexer.lifecycle import in_state, state_at
from indexer.meta import Health, Identity
from indexer.paging import Page, check_limit
from indexer.queries import Row, one, ordered, page, rows_of
from indexer.schema import (
    agent_accounts,
    agents,
    anchors,
    balances,
    bids,
    blocks,
    burnt,
    capabilities,
    capability_history,
    feedback_openings,
    logs,
    payouts,
    plan_children,
    pool_records,
    pool_shares,
    reorgs,
    seats,
    skill_pages,
    skips,
    tasks,
    transactions,
    votes,
)
from indexer.store_ledger import LedgerQueries, with_shares
from indexer.text import hex_of, word_of
from symphony_chain.errors import NotFound
from symphony_chain.events import topics
from symphony_chain.follow import FINALITY_DEPTH
from symphony_chain.types import State

Finality = Literal["pending", "soft", "final"]


@dataclass(frozen=True, slots=True)
class Status:
    """Where the index stands. `indexed` and `head` are -1 before the first block; times are block time in seconds."""

    identity: Identity
    health: Health
    message: str
    indexed: int
    indexed_hash: str
    indexed_s: int
    head: int

    @property
    def lag(self) -> int:
        """Blocks between the node's head as last seen and the index."""
        return max(0, self.head - self.indexed)


class Store(LedgerQueries):
    """Read-only view of an index.

    Args:
        db_url: the database that an indexer writes.
        finality_depth: blocks below the newest indexed one from which a block counts as final.

    Raises:
        IndexMissing: no index there yet.
    """

    def __init__(self, db_url: str, *, finality_depth: int = FINALITY_DEPTH) -> None:
        self._engine = open_engine(db_url, read_only=True)
        self._finality_depth = finality_depth
        try:
            require_tables(self._engine)
        except BaseException:
            self._engine.dispose()
            raise

    def close(self) -> None:
        """Closes the database."""
        self._engine.dispose()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- the index itself ---

    def status(self) -> Status:
        """Chain, health, indexed height and the node's head."""

        def read(c: Connection) -> Status:
            entries = meta_table.read(c)
            identity = meta_table.identity(entries)
            if identity is None:
                raise NotFound("the index has seen no chain yet", hint="start the indexer", code="index.missing")
            tip = _newest_block(c)
            return Status(
                identity=identity,
                health=Health(entries["state"]),
                message=entries["message"],
                indexed=tip["number"] if tip else -1,
                indexed_hash=tip["hash"] if tip else "",
                indexed_s=tip["timestamp_s"] if tip else 0,
                head=int(entries.get("head_number", -1)),
            )

        return self._read(read)

    def finality(self, block_number: int | None) -> Finality:
        """`pending` while not indexed, `soft` while a reorganisation may still drop the block, then `final`."""
        tip = self._read(_newest_block)
        if block_number is None or tip is None or block_number > tip["number"]:
            return "pending"
        return "final" if block_number <= tip["number"] - self._finality_depth else "soft"

    def reorgs_after(self, reorg_id: int = 0) -> list[Row]:
        """Rollbacks done since one (columns id, to_number, from_number, old_hash), oldest first."""
        query = select(reorgs).where(reorgs.c.id > reorg_id).order_by(reorgs.c.id)
        return self._read(lambda c: rows_of(c, query))

    def counts(self) -> dict[str, int]:
        """Number of agents, tasks and transactions, and of tasks per state (`task_states`, flattened as `tasks.OPEN` …)."""

        def read(c: Connection) -> dict[str, int]:
            found = {t.name: int(c.execute(select(func.count()).select_from(t)).scalar_one()) for t in COUNTED}
            now_s = _now_s(c)
            for state in list(State)[1:]:
                query = select(func.count()).select_from(tasks).where(in_state(state, now_s))
                found[f"tasks.{state.name}"] = int(c.execute(query).scalar_one())
            return found

        return self._read(read)

    # --- tasks ---

    def list_tasks(
        self,
        *,
        state: State | None = None,
        requester: str | None = None,
        agent_id: int | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page:
        """Tasks, newest first, each with `state` at the newest block; by state, requester, or an agent's bids and seats."""
        where: list[ColumnElement[bool]] = []
        if requester is not None:
            where.append(tasks.c.requester == requester)
        if agent_id is not None:
            seated = select(seats.c.task_id).where(seats.c.agent_id == agent_id)
            where.append(or_(tasks.c.task_id.in_(seated), tasks.c.task_id.in_(_bid_on(agent_id))))
        place = (tasks.c.posted_block, tasks.c.posted_log_index)

        def read(c: Connection) -> Page:
            now_s = _now_s(c)
            chosen = [*where, in_state(state, now_s)] if state is not None else where
            found = page(c, select(tasks).where(*chosen), place, cursor, limit)
            return Page([_with_state(row, now_s) for row in found.items], found.next_cursor)

        return self._read(read)

    def get_task(self, task_id: str) -> Row:
        """A task with `state`, `bids`, `skips`, `seats`, `plan_children`, `votes`, `payouts`, `pool_record` (or None; with its
        `recorder` and `shares`), `pool_shares`, `feedback_openings`, `anchors` and `events` (its timeline, decoded).

        Each bid says its `fate`: seated, skipped (with `skip_reason`), passed (awarded to others) or open.

        Raises:
            NotFound: no such task is indexed.
        """

        def read(c: Connection) -> Row:
            task = one(c, tasks, tasks.c.task_id == task_id, what=f"task {task_id}")
            row = _with_state(task, _now_s(c))
            for table in (bids, skips, seats, plan_children, votes, payouts, pool_shares, feedback_openings, anchors):
                row[table.name] = rows_of(c, ordered(table, table.c.task_id == task_id))
            row["bids"] = [_with_fate(bid, row) for bid in row["bids"]]
            recorded = rows_of(c, select(pool_records).where(pool_records.c.task_id == task_id))
            row["pool_record"] = with_shares(c, recorded)[0] if recorded else None
            row["events"] = [event_json(log) for log in rows_of(c, ordered(logs, _of_task(task_id)))]
            return row

        return self._read(read)

    def block_times(self, numbers: Sequence[int]) -> dict[int, int]:
        """Timestamps (seconds) of indexed blocks."""
        query = select(blocks.c.number, blocks.c.timestamp_s).where(blocks.c.number.in_(list(numbers)))
        return self._read(lambda c: {row.number: row.timestamp_s for row in c.execute(query)})

    # --- agents ---

    def list_agents(self, *, owner: str | None = None, cursor: str | None = None, limit: int = 50) -> Page:
        """Agents by id, each with `capabilities` and `accounts`."""
        query = select(agents)
        if owner is not None:
            query = query.where(agents.c.owner == owner)

        def read(c: Connection) -> Page:
            found = page(c, query, (agents.c.agent_id,), cursor, limit, newest_first=False)
            ids = [row["agent_id"] for row in found.items]
            for name, table in (("capabilities", capabilities), ("accounts", agent_accounts)):
                parts = rows_of(c, ordered(table, table.c.agent_id.in_(ids)))
                for row in found.items:
                    row[name] = [part for part in parts if part["agent_id"] == row["agent_id"]]
            return found

        return self._read(read)

    def get_agent(self, agent_id: int) -> Row:
        """An agent with `capabilities`, `history` (of its words, oldest first), `seats` (newest 200), `accounts`.

        Raises:
            NotFound: no such agent is indexed.
        """

        def read(c: Connection) -> Row:
            row = one(c, agents, agents.c.agent_id == agent_id, what=f"agent {agent_id}")
            row["capabilities"] = rows_of(c, ordered(capabilities, capabilities.c.agent_id == agent_id))
            row["history"] = rows_of(c, ordered(capability_history, capability_history.c.agent_id == agent_id))
            row["accounts"] = rows_of(c, ordered(agent_accounts, agent_accounts.c.agent_id == agent_id))
            newest = select(seats).where(seats.c.agent_id == agent_id).order_by(seats.c.block_number.desc()).limit(200)
            row["seats"] = rows_of(c, newest)
            return row

        return self._read(read)

    def agents_by_address(self, address: str) -> list[Row]:
        """Agents whose wallet or owner is this address: those whose wallet it is first, then by id."""
        query = select(agents).where(or_(agents.c.wallet == address, agents.c.owner == address))
        rows = self._read(lambda c: rows_of(c, query))
        return sorted(rows, key=lambda row: (row["wallet"] != address, row["agent_id"]))

    def declared_words(self, page_id: str) -> dict[int, str]:
        """Every registered agent's declared word on a page; a zero word where it declared none."""
        query = select(capabilities.c.agent_id, capabilities.c.declared).where(capabilities.c.page_id == page_id)

        def read(c: Connection) -> dict[int, str]:
            known = dict.fromkeys(c.execute(select(agents.c.agent_id).order_by(agents.c.agent_id)).scalars(), word_of(0))
            return known | {row.agent_id: row.declared for row in c.execute(query)}

        return self._read(read)

    def skill_page(self, page_id: str) -> Row | None:
        """A published page (columns page_id, tags as JSON text, …), or None."""
        found = self._read(lambda c: rows_of(c, select(skill_pages).where(skill_pages.c.page_id == page_id)))
        return found[0] if found else None

    # --- money ---

    def balance(self, account: str) -> list[Row]:
        """Internal balances of an address, one per token."""
        return self._read(lambda c: rows_of(c, ordered(balances, balances.c.account == account)))

    def burnt(self) -> list[Row]:
        """What was burnt, one row per token."""
        return self._read(lambda c: rows_of(c, select(burnt)))

    def list_payouts(
        self, *, account: str | None = None, agent_id: int | None = None, cursor: str | None = None, limit: int = 50
    ) -> Page:
        """The cash book, newest first."""
        place = (payouts.c.block_number, payouts.c.log_index, payouts.c.seq)
        query = select(payouts)
        if account is not None:
            query = query.where(payouts.c.account == account)
        if agent_id is not None:
            query = query.where(payouts.c.agent_id == agent_id)
        return self._read(lambda c: page(c, query, place, cursor, limit))

    # --- blocks, transactions, events ---

    def list_blocks(self, *, cursor: str | None = None, limit: int = 50) -> Page:
        """Blocks, newest first, each with `tx_count` (of transactions of ours)."""

        def read(c: Connection) -> Page:
            found = page(c, select(blocks), (blocks.c.number,), cursor, limit)
            number = transactions.c.block_number
            wanted = number.in_([row["number"] for row in found.items])
            query_counts = select(number, func.count()).where(wanted).group_by(number)
            counts: dict[int, int] = {height: count for height, count in c.execute(query_counts)}
            for row in found.items:
                row["tx_count"] = counts.get(row["number"], 0)
            return found

        return self._read(read)

    def get_block(self, number_or_hash: int | str) -> Row:
        """A block with `transactions` (ours).

        Raises:
            NotFound: not indexed.
        """
        column = blocks.c.number if isinstance(number_or_hash, int) else blocks.c.hash

        def read(c: Connection) -> Row:
            row = one(c, blocks, column == number_or_hash, what=f"block {number_or_hash}")
            mined = select(transactions).where(transactions.c.block_number == row["number"])
            row["transactions"] = rows_of(c, mined.order_by(transactions.c.tx_index))
            return row

        return self._read(read)

    def list_transactions(self, *, cursor: str | None = None, limit: int = 50) -> Page:
        """Transactions of ours, newest first."""
        place = (transactions.c.block_number, transactions.c.tx_index)
        return self._read(lambda c: page(c, select(transactions), place, cursor, limit))

    def get_tx(self, tx_hash: str) -> Row:
        """A transaction of ours with its `events`, decoded.

        Raises:
            NotFound: not indexed (a refused call leaves no log and is not).
        """

        def read(c: Connection) -> Row:
            row = one(c, transactions, transactions.c.hash == tx_hash, what=f"transaction {tx_hash}")
            row["events"] = [event_json(log) for log in rows_of(c, ordered(logs, logs.c.tx_hash == tx_hash))]
            return row

        return self._read(read)

    def events_after(
        self, after: tuple[int, int] | None = None, *, task_id: str | None = None, limit: int = 50
    ) -> list[Row]:
        """Decoded events after a place (block number, log index), oldest first; with `block_hash` and `timestamp_s`."""
        place = (logs.c.block_number, logs.c.log_index)
        query = select(logs, blocks.c.hash.label("block_hash"), blocks.c.timestamp_s).join(
            blocks, blocks.c.number == logs.c.block_number
        )
        if after is not None:
            query = query.where(tuple_(*place) > tuple_(*after))
        if task_id is not None:
            query = query.where(_of_task(task_id))
        query = query.order_by(*place).limit(check_limit(limit))

        def read(c: Connection) -> list[Row]:
            extra = ("block_hash", "timestamp_s")
            return [event_json(row) | {name: row[name] for name in extra} for row in rows_of(c, query)]

        return self._read(read)


COUNTED = (agents, tasks, transactions, blocks)


def _of_task(task_id: str) -> ColumnElement[bool]:
    """Logs of a task's story. Its first topic is the task; only `Plans` names the market before it."""
    plan = hex_of(next(topic for topic, event in topics().items() if event.name == "PlanRevealed"))
    return or_(logs.c.topic1 == task_id, and_(logs.c.topic0 == plan, logs.c.topic2 == task_id))


def _newest_block(connection: Connection) -> Row | None:
    found = rows_of(connection, select(blocks).order_by(blocks.c.number.desc()).limit(1))
    return found[0] if found else None


def _now_s(connection: Connection) -> int:
    """Block time of the newest indexed block: the only clock deadlines are compared with."""
    tip = _newest_block(connection)
    return tip["timestamp_s"] if tip else 0


def _bid_on(agent_id: int) -> Any:
    return select(bids.c.task_id).where(and_(bids.c.agent_id == agent_id))


def _with_state(task: Row, now_s: int) -> Row:
    return task | {"state": state_at(task, now_s).name}


def _with_fate(bid: Row, task: Row) -> Row:
    reasons = [skip["reason"] for skip in task["skips"] if skip["agent_id"] == bid["agent_id"]]
    if any(seat["agent_id"] == bid["agent_id"] for seat in task["seats"]):
        return bid | {"fate": "seated", "skip_reason": None}
    if reasons:
        return bid | {"fate": "skipped", "skip_reason": reasons[-1]}
    return bid | {"fate": "passed" if task["awarded_block"] is not None else "open", "skip_reason": None}
