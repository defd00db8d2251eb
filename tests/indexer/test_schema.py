"""Migrations make exactly the tables that the code reads and writes; Wei keeps every digit."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import sqlite

from indexer.database import migrate, open_engine
from indexer.schema import APPENDED, CHANGED, PROJECTIONS, Wei, meta, metadata, reorgs, undo
from tests.indexer.conftest import Databases


def test_migrations_equal_the_schema(databases: Databases) -> None:
    engine = open_engine(databases.new())
    migrate(engine)
    migrate(engine)  # nothing to do the second time
    with engine.begin() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)
        assert differences == []
    engine.dispose()


def test_every_table_is_a_projection_or_named_as_the_indexes_own() -> None:
    assert set(metadata.tables.values()) == {*PROJECTIONS, meta, undo, reorgs}
    for table in (*APPENDED, *CHANGED):
        assert "block_number" in table.c, table.name


@given(st.integers(0, 2**256 - 1))
def test_wei_loses_nothing(amount: int) -> None:
    dialect = sqlite.dialect()
    assert Wei().process_result_value(Wei().process_bind_param(amount, dialect), dialect) == amount
