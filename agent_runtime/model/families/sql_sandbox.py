"""Runs a query that nobody vouches for: SQLite in memory, one statement, reading only, a bounded number of steps and rows.

Knows no question.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

MAX_STEPS = 200_000  # virtual machine instructions of one query
MAX_ROWS = 1_000
MAX_QUERY_CHARS = 2_000
MAX_VALUE_BYTES = 100_000
_ALLOWED = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ}
_FUNCTIONS = {
    "count",
    "sum",
    "total",
    "avg",
    "min",
    "max",
    "abs",
    "round",
    "length",
    "lower",
    "upper",
    "coalesce",
    "like",
}

Value = str | int | float | None


@dataclass(frozen=True, slots=True)
class Table:
    """A table: columns by name with their type (``TEXT`` or ``INTEGER``), and its rows."""

    name: str
    columns: Mapping[str, str]
    rows: Sequence[tuple[Value, ...]]


class QueryRefused(ValueError):
    """The query does not run: bad SQL, anything but reading, too many steps or rows."""


def run_query(tables: Sequence[Table], query: str) -> list[tuple[Value, ...]]:
    """The rows of a query over the tables.

    Raises:
        QueryRefused: see there.
    """
    if len(query) > MAX_QUERY_CHARS:
        raise QueryRefused(f"the query has {len(query)} characters, at most {MAX_QUERY_CHARS} are run")
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        for table in tables:
            columns = ", ".join(f"{_quoted(name)} {kind}" for name, kind in table.columns.items())
            connection.execute(f"CREATE TABLE {_quoted(table.name)} ({columns})")
            marks = ", ".join("?" * len(table.columns))
            connection.executemany(f"INSERT INTO {_quoted(table.name)} VALUES ({marks})", table.rows)  # noqa: S608
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES)
        connection.set_authorizer(_authorize)
        connection.set_progress_handler(lambda: 1, MAX_STEPS)
        try:
            rows: list[tuple[Value, ...]] = connection.execute(query).fetchmany(MAX_ROWS + 1)
        except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
            raise QueryRefused(str(error)) from error
    if len(rows) > MAX_ROWS:
        raise QueryRefused(f"the query gives more than {MAX_ROWS} rows")
    return rows


def _authorize(action: int, first: str | None, second: str | None, *_: object) -> int:
    """Reading, and the plain functions; a table of SQLite's own is not to be read."""
    if action == sqlite3.SQLITE_FUNCTION:
        return sqlite3.SQLITE_OK if (second or "").lower() in _FUNCTIONS else sqlite3.SQLITE_DENY
    if action in _ALLOWED and not (first or "").lower().startswith("sqlite_"):
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
