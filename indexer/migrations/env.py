"""Alembic's entry: migrates the connection that `indexer.database.migrate` hands over. Knows no URL."""

from __future__ import annotations

from alembic import context

from indexer.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
