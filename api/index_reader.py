"""`Reader` over an indexer's database: opens it when it is there, checks whose it is, turns rows into documents.

Knows the indexer's rows; `rows` makes documents of them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from eth_utils.crypto import keccak

from api import ledger_rows, rows
from api.errors import IndexNotReady
from api.index_store import IndexStore
from api.reader import AgentWord, EventCursor, Owed, ReleaseFilter, ScoredFacts, TaskFacts, TaskFilter
from api.rows import Anchor, Row
from api.schema.account import AccountAgent, Amount
from api.schema.agent import AgentDetail, AgentSummary
from api.schema.base import BlockRef, Page, Status, TokenTotals, Totals
from api.schema.chain import BlockDetail, BlockSummary, Event, TransactionDetail
from api.schema.ledger import Delta, Feedback, PoolBook, PoolEpoch, PoolRecord, PoolTerms, Release
from api.schema.task import TaskRecord
from indexer.errors import IndexMissing
from indexer.paging import Page as RowPage
from symphony_chain.deploy import CONTRACT_NAMES, Deployment
from symphony_chain.errors import NotFound, WrongChain
from symphony_chain.follow import FINALITY_DEPTH
from symphony_chain.texts import label
from symphony_chain.types import NATIVE, State

T = TypeVar("T")
#: Of an agent: steps of its words, and scored seats.
RECENT_STEPS = 500


@dataclass(frozen=True)
class _Paid:
    """Totals by token with the block that they were counted at."""

    tip: str
    paid_wei: dict[str, int]


class IndexReader:
    """One database of one deployment. It may not exist yet: reads raise IndexNotReady until the indexer has made it."""

    def __init__(self, db_url: str, deployment: Deployment, *, finality_depth: int = FINALITY_DEPTH) -> None:
        self._db_url = db_url
        self._deployment = deployment
        self._finality_depth = finality_depth
        self._lock = threading.Lock()
        self._opened: IndexStore | None = None
        self._paid = _Paid("", {})

    def close(self) -> None:
        """Closes the database."""
        if self._opened is not None:
            self._opened.close()

    @property
    def _store(self) -> IndexStore:
        with self._lock:
            if self._opened is None:
                self._opened = self._open()
            return self._opened

    def _open(self) -> IndexStore:
        try:
            store = IndexStore(self._db_url, finality_depth=self._finality_depth)
        except IndexMissing as error:
            raise IndexNotReady(error.message, hint=error.hint, code="index.missing") from error
        try:
            identity = store.status().identity
            want = (self._deployment.genesis.lower(), self._deployment.market)
            if (identity.genesis.lower(), identity.market) != want:
                raise WrongChain(
                    f"the index mirrors genesis {identity.genesis[:18]}…, the deployment is on {want[0][:18]}…",
                    hint="give --db and --deployment of one chain",
                )
        except NotFound as error:
            store.close()
            raise IndexNotReady(error.message, hint=error.hint, code="index.missing") from error
        except BaseException:
            store.close()
            raise
        return store

    # --- the index ---

    def status(self) -> Status:
        found = self._store.status()
        indexed = None
        if found.indexed >= 0:
            indexed = BlockRef(number=found.indexed, hash=found.indexed_hash, timestamp_s=found.indexed_s)
        return Status(
            chain_id=found.identity.chain_id,
            genesis=found.identity.genesis,
            market=found.identity.market,
            registry=found.identity.registry,
            contracts={name: getattr(self._deployment, name) for name in CONTRACT_NAMES},
            state=str(found.health),
            message=found.message,
            head_number=found.head if found.head >= 0 else None,
            indexed=indexed,
            lag_blocks=found.lag,
            finality_depth=self._finality_depth,
        )

    def totals(self) -> Totals:
        store = self._store
        counts = store.counts()
        by_state = {s.name.lower(): counts[f"tasks.{s.name}"] for s in State if s is not State.NONE}
        burnt = {row["token"]: row["amount_wei"] for row in store.burnt()}
        paid = self._paid_wei(store)
        return Totals(
            tasks=counts["tasks"],
            tasks_by_state=by_state,
            agents=counts["agents"],
            bids=store.bid_count(),
            transactions=counts["transactions"],
            closed_10m=store.closed_since(store.status().indexed_s - 600),
            money=tuple(
                TokenTotals(token=token, paid_wei=paid.get(token, 0), burnt_wei=burnt.get(token, 0))
                for token in sorted({NATIVE, *paid, *burnt})  # the zero address comes first
            ),
        )

    def _paid_wei(self, store: IndexStore) -> dict[str, int]:
        tip = store.status().indexed_hash
        if tip != self._paid.tip:
            self._paid = _Paid(tip, store.paid_wei())
        return self._paid.paid_wei

    def block_number(self, block_hash: str) -> int | None:
        return self._store.number_of(block_hash)

    def block_hash(self, number: int) -> str | None:
        found = self._store.block_rows([number]).get(number)
        return found.hash if found else None

    # --- tasks ---

    def tasks(self, only: TaskFilter, *, cursor: str | None, limit: int) -> Page[TaskRecord]:
        state = State[only.state.upper()] if only.state else None
        page = self._store.list_tasks(
            state=state, requester=only.requester, agent_id=only.agent_id, cursor=cursor, limit=limit
        )
        anchor = self._anchor(n for row in page.items for n in (row["block_number"], row["posted_block"]))
        return Page[TaskRecord](items=tuple(rows.task_record(r, anchor) for r in page.items), next=page.next_cursor)

    def task(self, task_id: str) -> TaskFacts | None:
        try:
            row = self._store.get_task(task_id)
        except NotFound:
            return None
        record = row["pool_record"]
        anchor = self._anchor((*rows.blocks_of_task(row), record and record["block_number"]))
        words = tuple(AgentWord(agent_id, word) for agent_id, word in self._store.declared_on(row["page_id"]))
        return replace(
            rows.task_facts(row, anchor, words),
            pool_record=ledger_rows.pool_record(record, anchor) if record else None,
            credits=tuple(ledger_rows.credit(part) for part in row["feedback_openings"]),
            anchors=tuple(ledger_rows.task_anchor(part) for part in row["anchors"]),
        )

    # --- agents ---

    def agents(self, *, cursor: str | None, limit: int) -> Page[AgentSummary]:
        page = self._store.list_agents(cursor=cursor, limit=limit)
        anchor = self._anchor(n for row in page.items for n in (row["block_number"], row["registered_block"]))
        chain_id = self._deployment.chain_id
        items = tuple(rows.agent_summary(row, anchor, chain_id) for row in page.items)
        return Page[AgentSummary](items=items, next=page.next_cursor)

    def agent(self, agent_id: int) -> AgentDetail | None:
        try:
            row = self._store.get_agent(agent_id)
        except NotFound:
            return None
        row["history"] = row["history"][-RECENT_STEPS:]
        balances = rows.amounts(self._store.balance(row["owner"]))
        tokens = self._store.task_tokens(part["task_id"] for part in row["seats"])
        parts: Sequence[Row] = [row, *row["history"], *row["seats"]]
        anchor = self._anchor([row["registered_block"], *(part["block_number"] for part in parts)])
        return rows.agent_detail(row, anchor, self._deployment.chain_id, balances, tokens)

    def agent_files(self, *, limit: int) -> list[tuple[int, str]]:
        return self._store.agent_files(limit)

    def scored_seats(self, agent_id: int) -> list[ScoredFacts]:
        found = self._store.scored_seats(agent_id, RECENT_STEPS)
        anchor = self._anchor(row["block_number"] for row in found)
        return [rows.scored_seat(row, anchor) for row in found]

    def agents_of(self, address: str) -> list[int]:
        return self._store.agents_of(address)

    def account(self, address: str) -> tuple[list[Amount], list[tuple[AccountAgent, str | None]]]:
        store = self._store
        found = [(rows.account_agent(row, address), row["file_digest"]) for row in store.agents_with_accounts(address)]
        return rows.amounts(store.balance(address)), found

    # --- the contracts around the market ---

    def releases(self, only: ReleaseFilter, *, cursor: str | None, limit: int) -> Page[Release]:
        page = self._store.list_releases(
            publisher=only.publisher,
            kind="0x" + label(only.kind).hex() if only.kind else None,
            name_hash="0x" + keccak(text=only.name).hex() if only.name else None,
            cursor=cursor,
            limit=limit,
        )
        return self._listed(page, ledger_rows.release)

    def deltas(
        self, *, agent_id: int | None = None, base_model: str | None = None, cursor: str | None = None, limit: int
    ) -> Page[Delta]:
        page = self._store.list_deltas(agent_id=agent_id, base_model=base_model, cursor=cursor, limit=limit)
        return self._listed(page, ledger_rows.delta)

    def feedback(
        self, *, agent_id: int | None = None, client: str | None = None, cursor: str | None = None, limit: int
    ) -> Page[Feedback]:
        page = self._store.list_feedback(agent_id=agent_id, client=client, cursor=cursor, limit=limit)
        return self._listed(page, ledger_rows.feedback)

    def pool_books(self) -> list[PoolBook]:
        found = self._store.pool_books()
        anchor = self._anchor(row["block_number"] for row in found)
        return [ledger_rows.pool_book(row, anchor) for row in found]

    def pool_epochs(
        self, *, token: str, terms: PoolTerms | None, cursor: str | None, limit: int
    ) -> Page[PoolEpoch]:
        page = self._store.list_pool_epochs(token=token, cursor=cursor, limit=limit)
        return self._listed(page, partial(ledger_rows.pool_epoch, terms=terms))

    def pool_records(
        self, *, token: str | None = None, epoch: int | None = None, cursor: str | None = None, limit: int
    ) -> Page[PoolRecord]:
        page = self._store.list_pool_records(token=token, epoch=epoch, cursor=cursor, limit=limit)
        return self._listed(page, ledger_rows.pool_record)

    def owed(self, *, cursor: str | None, limit: int) -> tuple[Page[Owed], BlockRef | None]:
        page, tip = self._store.list_owed(cursor=cursor, limit=limit)
        block = BlockRef(number=tip.number, hash=tip.hash, timestamp_s=tip.timestamp_s) if tip else None
        return Page[Owed](items=tuple(Owed(**row) for row in page.items), next=page.next_cursor), block

    def _listed(self, page: RowPage, make: Callable[[Row, Anchor], T]) -> Page[T]:
        anchor = self._anchor(number for row in page.items for number in ledger_rows.blocks_of(row))
        return Page[T](items=tuple(make(row, anchor) for row in page.items), next=page.next_cursor)

    # --- blocks, transactions, events ---

    def blocks(self, *, cursor: str | None, limit: int) -> Page[BlockSummary]:
        page = self._store.list_blocks(cursor=cursor, limit=limit)
        anchor = self._anchor(row["number"] for row in page.items)
        return Page[BlockSummary](items=tuple(rows.block_summary(r, anchor) for r in page.items), next=page.next_cursor)

    def block(self, number: int) -> BlockDetail | None:
        try:
            row = self._store.get_block(number)
        except NotFound:
            return None
        return rows.block_detail(row, self._anchor([number]))

    def transaction(self, tx_hash: str) -> TransactionDetail | None:
        try:
            row = self._store.get_tx(tx_hash)
        except NotFound:
            return None
        return rows.transaction_detail(row, self._anchor([row["block_number"]]))

    def events_after(self, after: EventCursor, *, limit: int, task_id: str | None = None) -> list[Event]:
        place = (after.block_number, after.log_index)
        found: list[Row] = []
        while len(found) < limit:
            batch = self._store.events_after(place, task_id=task_id, limit=min(200, limit - len(found)))
            found += batch
            if len(batch) < 200:
                break
            place = (batch[-1]["block_number"], batch[-1]["log_index"])
        anchor = self._anchor(row["block_number"] for row in found)
        return [rows.event(row, anchor) for row in found if anchor.has(row["block_number"])]

    def _anchor(self, numbers: Iterable[int | None]) -> Anchor:
        store = self._store
        return Anchor(store.block_rows(numbers), store.status().indexed, self._finality_depth)
