"""One hash over all projections: equal digests mean equal tables, cell by cell, in any database. Knows no chain."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson
from sqlalchemy import Column, ColumnElement, Connection, String, Table, Text, select

from indexer.schema import PROJECTIONS


def table_digest(connection: Connection, table: Table) -> str:
    """sha-256 over the table's name, columns and rows in primary-key order."""
    columns = sorted(table.columns, key=lambda column: column.name)
    sha = hashlib.sha256(orjson.dumps([table.name, [column.name for column in columns]]))
    for row in connection.execute(select(*columns).order_by(*(_by_bytes(connection, key) for key in table.primary_key))):
        # Wei exceed 64 bits: as text.
        cells = [str(v) if isinstance(v, int) and not isinstance(v, bool) else v for v in row]
        sha.update(orjson.dumps(cells))
    return sha.hexdigest()


def _by_bytes(connection: Connection, column: Column[Any]) -> ColumnElement[Any]:
    """The column in the order that SQLite has anyway, whatever the language of a PostgreSQL database."""
    is_text = isinstance(column.type, (String, Text))
    return column.collate("C") if is_text and connection.dialect.name == "postgresql" else column


def digest(connection: Connection) -> str:
    """sha-256 (hex) over the digests of all projection tables."""
    parts = [table_digest(connection, table) for table in PROJECTIONS]
    return hashlib.sha256("".join(parts).encode()).hexdigest()
