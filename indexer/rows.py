"""A batch's working copy of the projections: read through, write back, and the undo log of what each block changed.

Knows tables and blocks, not what an event means.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Table, bindparam, delete, insert, select

from indexer.errors import Inconsistent
from indexer.schema import APPENDED, CHANGED, WEI_COLUMNS, blocks, metadata, undo

Row = dict[str, Any]
Key = tuple[Any, ...]


class Rows:
    """Rows of one database transaction.

    Args:
        connection: an open transaction; nothing is written before `flush`.
        undo_from: lowest block whose changes must be undoable; below it no undo is kept.
    """

    def __init__(self, connection: Connection, *, undo_from: int) -> None:
        self._connection = connection
        self._undo_from = undo_from
        self._block = -1
        self._now: dict[tuple[str, Key], Row | None] = {}
        self._stored: set[tuple[str, Key]] = set()  # keys that are in the database now
        self._dirty: dict[tuple[str, Key], None] = {}
        self._touched: set[tuple[str, Key]] = set()  # by the block at hand
        self._undo: list[Row] = []
        self._appended: dict[str, list[Row]] = defaultdict(list)

    def begin_block(self, number: int) -> None:
        """All changes from here on belong to this block."""
        self._check_money()
        self._block = number
        self._touched.clear()

    def _check_money(self) -> None:
        """Nothing is ever less than nothing once a block is whole."""
        for name, key in self._touched:
            row = self._now[name, key] or {}
            for column in WEI_COLUMNS[name]:
                if (row[column] or 0) < 0:
                    raise Inconsistent(f"after block {self._block} {column} of {name} {key} would be {row[column]}")

    def get(self, table: Table, *key: Any) -> Row | None:
        """A copy of the row with this primary key, or None."""
        row = self._load(table, key)
        return dict(row) if row is not None else None

    def put(self, table: Table, **row: Any) -> None:
        """Adds or replaces a whole row; `block_number` is set here."""
        key = tuple(row[column.name] for column in table.primary_key)
        before = self._load(table, key)
        self._note(table, key, before)
        self._now[table.name, key] = {**row, "block_number": self._block}
        self._dirty[table.name, key] = None

    def need(self, table: Table, *key: Any) -> Row:
        """A copy of a row that the chain's rules say must be there."""
        row = self.get(table, *key)
        if row is None:
            raise Inconsistent(f"block {self._block} speaks of {table.name} {key}, which was never seen")
        return row

    def change(self, table: Table, *key: Any, **changes: Any) -> Row:
        """Changes columns of a row that must be there; returns the new row."""
        row = self.need(table, *key) | changes
        self.put(table, **row)
        return row

    def append(self, table: Table, **row: Any) -> None:
        """Adds a row that never changes."""
        self._appended[table.name].append({"block_number": self._block, **row})

    def _load(self, table: Table, key: Key) -> Row | None:
        name = (table.name, key)
        if name not in self._now:
            where = [column == value for column, value in zip(table.primary_key, key, strict=True)]
            found = self._connection.execute(select(table).where(*where)).mappings().first()
            self._now[name] = dict(found) if found is not None else None
            if found is not None:
                self._stored.add(name)
        return self._now[name]

    def _note(self, table: Table, key: Key, before: Row | None) -> None:
        """Keeps what a block found, once per block and row."""
        if (table.name, key) in self._touched:
            return
        self._touched.add((table.name, key))
        if self._block < self._undo_from:
            return
        self._undo.append(
            {
                "block_number": self._block,
                "seq": len(self._undo),
                "table_name": table.name,
                "key": json.dumps(key),
                "row": None if before is None else json.dumps(before),
            }
        )

    def flush(self) -> None:
        """Writes everything back: appended rows, changed rows, undo."""
        self._check_money()
        for name, rows in self._appended.items():
            self._connection.execute(insert(metadata.tables[name]), rows)
        changed: dict[str, list[Key]] = defaultdict(list)
        for name, key in self._dirty:
            changed[name].append(key)
        for name, keys in changed.items():
            table = metadata.tables[name]
            delete_keys(self._connection, table, [key for key in keys if (name, key) in self._stored])
            self._connection.execute(insert(table), [row for key in keys if (row := self._now[name, key])])
        if self._undo:
            self._connection.execute(insert(undo), self._undo)


def delete_keys(connection: Connection, table: Table, keys: Sequence[Key]) -> None:
    """Deletes rows by primary key."""
    if keys:
        columns = list(table.primary_key)
        where = [column == bindparam(f"key_{i}") for i, column in enumerate(columns)]
        connection.execute(delete(table).where(*where), [{f"key_{i}": v for i, v in enumerate(key)} for key in keys])


def roll_back(connection: Connection, to_number: int) -> None:
    """Makes all tables what they were after block ``to_number``; the caller made sure that undo reaches that far."""
    newest_first = (undo.c.block_number.desc(), undo.c.seq.desc())
    entries = connection.execute(select(undo).where(undo.c.block_number > to_number).order_by(*newest_first))
    for entry in entries.mappings().all():
        table = metadata.tables[entry["table_name"]]
        delete_keys(connection, table, [tuple(json.loads(entry["key"]))])
        if entry["row"] is not None:
            connection.execute(insert(table), json.loads(entry["row"]))
    for table in (*APPENDED, undo):
        connection.execute(delete(table).where(table.c.block_number > to_number))
    connection.execute(delete(blocks).where(blocks.c.number > to_number))


def prune_undo(connection: Connection, below: int) -> None:
    """Forgets how to undo blocks below a height."""
    connection.execute(delete(undo).where(undo.c.block_number < below))


def clear(connection: Connection) -> None:
    """Empties every projection and the undo log."""
    for table in (blocks, *APPENDED, *CHANGED, undo):
        connection.execute(delete(table))
