"""The indexer's `Store` with the few queries more that pages of objects need: block references, words, owners,
scores.

Knows tables, not documents.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Connection, and_, func, or_, select, union

from indexer.paging import Page, check_limit, decode_cursor, page_of
from indexer.schema import (
    agent_accounts,
    agents,
    balances,
    bids,
    blocks,
    burnt,
    capabilities,
    capability_history,
    seats,
    tasks,
)
from indexer.store import Store
from symphony_chain.types import NATIVE

MAX_OWNED = 1000


@dataclass(frozen=True)
class BlockRow:
    """A block as references name it."""

    number: int
    hash: str
    timestamp_s: int


class IndexStore(Store):
    """Read-only, like its parent."""

    def block_rows(self, numbers: Iterable[int | None]) -> dict[int, BlockRow]:
        """Blocks by height; heights that are not indexed are left out."""
        wanted = {number for number in numbers if number is not None}
        query = select(blocks.c.number, blocks.c.hash, blocks.c.timestamp_s).where(blocks.c.number.in_(wanted))
        return self._read(lambda c: {r.number: BlockRow(r.number, r.hash, r.timestamp_s) for r in c.execute(query)})

    def number_of(self, block_hash: str) -> int | None:
        """Height of a canonical block."""
        query = select(blocks.c.number).where(blocks.c.hash == block_hash)
        return self._read(lambda c: c.execute(query).scalar_one_or_none())

    def agents_of(self, address: str) -> list[int]:
        """Agents whose wallet is this address; if there are none, those whose owner it is."""
        for column in (agents.c.wallet, agents.c.owner):
            query = select(agents.c.agent_id).where(column == address).order_by(agents.c.agent_id).limit(1000)
            found = self._read(partial(_scalars, query))
            if found:
                return found
        return []

    def declared_on(self, page_id: str) -> list[tuple[int, int]]:
        """Every agent with its declared word on a page (0: not declared), by id."""
        same = and_(capabilities.c.agent_id == agents.c.agent_id, capabilities.c.page_id == page_id)
        query = select(agents.c.agent_id, capabilities.c.declared).outerjoin(capabilities, same).order_by(agents.c.agent_id)
        return self._read(lambda c: [(row.agent_id, int(row.declared or "0x0", 16)) for row in c.execute(query)])

    def bid_count(self) -> int:
        """Published bids."""
        return self._read(lambda c: int(c.execute(select(func.count()).select_from(bids)).scalar_one()))

    def closed_since(self, time_s: int) -> int:
        """Tasks closed at or after a block time."""
        query = select(func.count()).select_from(tasks).where(tasks.c.closed_s >= time_s)
        return self._read(lambda c: int(c.execute(query).scalar_one()))

    def paid_wei(self) -> dict[str, int]:
        """All pay ever credited to seats, by token. Summed here, not in SQL: money is text, and SQL would round it."""
        paid = select(tasks.c.token, seats.c.pay_wei).join(tasks, tasks.c.task_id == seats.c.task_id)

        def read(connection: Connection) -> dict[str, int]:
            sums: Counter[str] = Counter()
            for token, pay_wei in connection.execute(paid.where(seats.c.pay_wei.is_not(None))):
                sums[token] += pay_wei
            return dict(sums)

        return self._read(read)

    def task_tokens(self, task_ids: Iterable[str]) -> dict[str, str]:
        """Token of each task."""
        query = select(tasks.c.task_id, tasks.c.token).where(tasks.c.task_id.in_(set(task_ids)))
        return self._read(lambda c: {row.task_id: row.token for row in c.execute(query)})

    def agent_files(self, limit: int) -> list[tuple[int, str]]:
        """Agents with the digest of their registration file, by id; at most so many."""
        named = agents.c.file_digest.is_not(None)
        query = select(agents.c.agent_id, agents.c.file_digest).where(named).order_by(agents.c.agent_id).limit(limit)
        return self._read(lambda c: [(row.agent_id, row.file_digest) for row in c.execute(query)])

    def scored_seats(self, agent_id: int, limit: int) -> list[dict[str, Any]]:
        """An agent's seats that moved its earned word, oldest first, at most the newest so many: `task_id`, `seat`, `score_bps`,
        `block_number`, whether the task's evaluator scored it (`evaluated`), and the `confidence_bps` of the agent's last bid on
        the task (None: it published none)."""
        history = capability_history
        mine = and_(history.c.agent_id == agent_id, history.c.task_id.is_not(None))
        place = (history.c.block_number, history.c.log_index, history.c.seq)
        columns = (*place, history.c.task_id, history.c.score_bps, tasks.c.evaluated)
        scored = select(*columns).join(tasks, tasks.c.task_id == history.c.task_id).where(mine)
        scored = scored.order_by(*(column.desc() for column in place)).limit(limit)
        claimed = select(bids.c.task_id, bids.c.confidence_bps).where(bids.c.agent_id == agent_id)
        claimed = claimed.order_by(bids.c.block_number, bids.c.log_index)

        def read(connection: Connection) -> list[dict[str, Any]]:
            found = [dict(row) for row in connection.execute(scored).mappings()][::-1]
            ids = {row["task_id"] for row in found}
            of_these = claimed.where(bids.c.task_id.in_(ids))
            confidence = {row.task_id: row.confidence_bps for row in connection.execute(of_these)}  # the last one stays
            return [row | {"seat": row["seq"], "confidence_bps": confidence.get(row["task_id"])} for row in found]

        return self._read(read)

    def agents_with_accounts(self, address: str) -> list[dict[str, Any]]:
        """Agents that an address owns or operates, by id, each with its `accounts`; at most MAX_OWNED."""
        mine = or_(agents.c.owner == address, agents.c.wallet == address)
        query = select(agents).where(mine).order_by(agents.c.agent_id).limit(MAX_OWNED)

        def read(connection: Connection) -> list[dict[str, Any]]:
            found = [dict(row) for row in connection.execute(query).mappings()]
            ids = [row["agent_id"] for row in found]
            money = select(agent_accounts).where(agent_accounts.c.agent_id.in_(ids)).order_by(agent_accounts.c.token)
            accounts = [dict(row) for row in connection.execute(money).mappings()]
            return [row | {"accounts": [a for a in accounts if a["agent_id"] == row["agent_id"]]} for row in found]

        return self._read(read)

    def list_owed(self, *, cursor: str | None = None, limit: int = 50) -> tuple[Page, BlockRow | None]:
        """What the market owes and has burnt, token by token, by address (the native coin first, whether it was used or not):
        `token`, `balances_wei`, `accounts_wei`, `escrow_wei` (with bonds), `burnt_wei`; and the block at which it does.
        Summed here: see `paid_wei`."""
        books = {
            "balances_wei": balances.c.amount_wei,
            "accounts_wei": agent_accounts.c.accrued_wei,
            "burnt_wei": burnt.c.amount_wei,
        }
        used = union(*(select(table.c.token) for table in (balances, agent_accounts, burnt, tasks)))
        after = decode_cursor(cursor, [str])[0] if cursor is not None else ""

        def read(c: Connection) -> tuple[Page, BlockRow | None]:
            tip = c.execute(select(blocks).order_by(blocks.c.number.desc()).limit(1)).first()
            found = sorted({NATIVE, *c.execute(used).scalars()})
            tokens = [token for token in found if token > after][: check_limit(limit) + 1]
            owed = {token: {"token": token, "escrow_wei": 0} | dict.fromkeys(books, 0) for token in tokens}
            for name, column in books.items():
                token = column.table.c.token
                for row in c.execute(select(token, column.label("wei")).where(token.in_(tokens))):
                    owed[row.token][name] += row.wei
            for task in c.execute(select(tasks).where(tasks.c.closed_block.is_(None), tasks.c.token.in_(tokens))):
                owed[task.token]["escrow_wei"] += _held_wei(task)
            page = page_of([owed[token] for token in tokens], limit, lambda row: [row["token"]])
            return page, BlockRow(tip.number, tip.hash, tip.timestamp_s) if tip else None

        return self._read(read)


def _held_wei(task: Any) -> int:
    """Escrow and bonds that a live task has in the market: the whole ceiling until somebody is seated."""
    if not task.seat_count:
        return int(task.ceiling_wei * task.k + task.evaluation_fee_wei)
    bonds_wei = task.bond_wei * task.seat_count
    return int(task.price_wei * (task.seat_count + task.free_seats) + bonds_wei + task.evaluation_fee_wei)


def _scalars(query: Any, connection: Connection) -> list[int]:
    return list(connection.execute(query).scalars())
