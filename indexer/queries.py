"""What every query of the index is made of. Knows no table's meaning."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import Column, ColumnElement, Connection, Engine, Select, Table, select, tuple_

from indexer.database import guarded
from indexer.paging import Page, check_limit, decode_cursor, page_of
from symphony_chain.errors import NotFound

Row = dict[str, Any]
T = TypeVar("T")


class Queries:
    """Reads of one database, each method on one consistent snapshot."""

    _engine: Engine

    def _read(self, action: Callable[[Connection], T]) -> T:
        with guarded(self._engine), self._engine.begin() as connection:
            return action(connection)


def rows_of(connection: Connection, query: Any) -> list[Row]:
    """All rows of a query."""
    return [dict(row) for row in connection.execute(query).mappings()]


def ordered(table: Table, where: ColumnElement[bool]) -> Any:
    """A table's rows by primary key."""
    return select(table).where(where).order_by(*table.primary_key)


def one(connection: Connection, table: Table, where: ColumnElement[bool], *, what: str) -> Row:
    """The one row.

    Raises:
        NotFound: there is none.
    """
    found = rows_of(connection, select(table).where(where))
    if not found:
        raise NotFound(f"{what} is not in the index", hint="check the id; very new things take a block to appear")
    return found[0]


def page(
    connection: Connection,
    query: Select[Any],
    place: Sequence[Column[Any]],
    cursor: str | None,
    limit: int,
    *,
    newest_first: bool = True,
) -> Page:
    """A page of a query whose rows are told apart by some columns, in the order of these."""
    query = query.order_by(*(column.desc() if newest_first else column for column in place)).limit(check_limit(limit) + 1)
    if cursor is not None:
        key = tuple_(*decode_cursor(cursor, [column.type.python_type for column in place]))
        query = query.where(tuple_(*place) < key if newest_first else tuple_(*place) > key)
    return page_of(rows_of(connection, query), limit, lambda row: [row[column.name] for column in place])
