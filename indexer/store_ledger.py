"""Reading the contracts around the market: the reward pool, feedback, releases, deltas. Part of `store`."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, and_, select

from indexer.paging import Page
from indexer.queries import Queries, Row, ordered, page, rows_of
from indexer.schema import (
    deltas,
    feedback,
    feedback_clients,
    feedback_responses,
    pool_books,
    pool_epochs,
    pool_records,
    pool_shares,
    releases,
    transactions,
)


class LedgerQueries(Queries):
    """Rows as in `Store`."""

    def pool_books(self) -> list[Row]:
        """What the reward pool deals with for this market, one row per token."""
        return self._read(lambda c: rows_of(c, select(pool_books).order_by(pool_books.c.token)))

    def list_pool_epochs(self, *, token: str, cursor: str | None = None, limit: int = 50) -> Page:
        """The pool's epochs of one token in which something changed, newest first."""
        query = select(pool_epochs).where(pool_epochs.c.token == token)
        return self._read(lambda c: page(c, query, (pool_epochs.c.epoch,), cursor, limit))

    def list_pool_records(
        self, *, token: str | None = None, epoch: int | None = None, cursor: str | None = None, limit: int = 50
    ) -> Page:
        """Tasks recorded in the pool, newest epoch first; each with its `recorder` (who sent the transaction) and the `shares`
        paid so far (rows of `pool_shares`)."""
        query = select(pool_records)
        if token is not None:
            query = query.where(pool_records.c.token == token)
        if epoch is not None:
            query = query.where(pool_records.c.epoch == epoch)

        def read(c: Connection) -> Page:
            found = page(c, query, (pool_records.c.epoch, pool_records.c.task_id), cursor, limit)
            return Page(with_shares(c, found.items), found.next_cursor)

        return self._read(read)

    def list_feedback(
        self, *, agent_id: int | None = None, client: str | None = None, cursor: str | None = None, limit: int = 50
    ) -> Page:
        """Feedback, newest first; each with its `answers` (rows of `feedback_responses`)."""
        key = (feedback.c.agent_id, feedback.c.client, feedback.c.feedback_index)
        query = select(feedback)
        if agent_id is not None:
            query = query.where(feedback.c.agent_id == agent_id)
        if client is not None:
            query = query.where(feedback.c.client == client)

        def read(c: Connection) -> Page:
            found = page(c, query, (feedback.c.given_block, *key), cursor, limit)
            for row in found.items:
                of = [feedback_responses.c[column.name] == row[column.name] for column in key]
                row["answers"] = rows_of(c, ordered(feedback_responses, and_(*of)))
            return found

        return self._read(read)

    def feedback_credits(self, client: str) -> list[Row]:
        """Agents that this client may rate, or rated: columns agent_id, credits, last_index, …"""
        return self._read(lambda c: rows_of(c, ordered(feedback_clients, feedback_clients.c.client == client)))

    def list_releases(
        self,
        *,
        publisher: str | None = None,
        kind: str | None = None,
        name_hash: str | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page:
        """Releases, newest first; the first of a publisher and name is its latest version (yanked or not)."""
        query = select(releases)
        for column, value in ((releases.c.publisher, publisher), (releases.c.kind, kind), (releases.c.name_hash, name_hash)):
            if value is not None:
                query = query.where(column == value)
        place = (releases.c.published_block, releases.c.published_log_index)
        return self._read(lambda c: page(c, query, place, cursor, limit))

    def list_deltas(
        self, *, agent_id: int | None = None, base_model: str | None = None, cursor: str | None = None, limit: int = 50
    ) -> Page:
        """Deltas, newest first; each with `is_head`, whether its line ends in it."""
        query = select(deltas)
        if agent_id is not None:
            query = query.where(deltas.c.agent_id == agent_id)
        if base_model is not None:
            query = query.where(deltas.c.base_model == base_model)

        def read(c: Connection) -> Page:
            found = page(c, query, (deltas.c.block_number, deltas.c.log_index), cursor, limit)
            heads = [row["head"] for row in found.items]
            followed = set(c.execute(select(deltas.c.parent).where(deltas.c.parent.in_(heads))).scalars())
            for row in found.items:
                row["is_head"] = row["head"] not in followed
            return found

        return self._read(read)


def with_shares(connection: Connection, records: Sequence[Row]) -> list[Row]:
    """Rows of `pool_records`, each with its `recorder` and `shares`."""
    ids = [row["task_id"] for row in records]
    shares = rows_of(connection, ordered(pool_shares, pool_shares.c.task_id.in_(ids)))
    sent = select(transactions.c.hash, transactions.c.sender).where(transactions.c.hash.in_([row["tx_hash"] for row in records]))
    senders = {row.hash: row.sender for row in connection.execute(sent)}
    return [
        row | {"recorder": senders[row["tx_hash"]], "shares": [share for share in shares if share["task_id"] == row["task_id"]]}
        for row in records
    ]
