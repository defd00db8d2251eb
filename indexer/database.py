"""Opening the index: engine, pragmas, migrations, and one shape for the database's own faults. Knows no table."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, event, inspect
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, NoSuchModuleError

from indexer.errors import DatabaseFault, DiskFull, IndexMissing
from symphony_chain.errors import UsageError

BUSY_TIMEOUT_MS = 10_000
#: Key of the lock that a writer holds on its PostgreSQL database, as SQLite's one writer does on its file.
WRITER_LOCK = 0x53796D70


def open_engine(url: str, *, read_only: bool = False, max_pages: int | None = None) -> Engine:
    """An engine for a database URL (``sqlite:////abs/path.db``, ``postgresql://user@host/name``). Creates no file, no database
    and no table by itself.

    Args:
        read_only: writes are refused by the database.
        max_pages: SQLite only: largest number of 4-KiB pages the file may grow to.
    """
    try:
        parsed = make_url(url)
        # What was closed meanwhile (a server that was restarted) is opened again.
        engine = create_engine(parsed, pool_pre_ping=parsed.get_backend_name() == "postgresql")
    except (ArgumentError, NoSuchModuleError) as error:
        raise UsageError(
            f"{url!r} is no usable database URL: {error}", hint="e.g. sqlite:////home/me/index.db", code="index.bad_url"
        ) from error
    except ImportError as error:
        raise UsageError(
            f"the driver for {parsed.drivername} is missing: {error}",
            hint="pip install 'symphony[postgres]', or use sqlite:////home/me/index.db",
            code="index.no_driver",
        ) from error
    if parsed.get_backend_name() == "sqlite":
        if parsed.database in (None, "", ":memory:"):
            raise UsageError("the index needs a file", hint="e.g. sqlite:////home/me/index.db", code="index.bad_url")
        _prepare_sqlite(engine, read_only=read_only, max_pages=max_pages)
    elif parsed.get_backend_name() == "postgresql":
        _prepare_postgresql(engine, read_only=read_only)
    else:
        raise UsageError(
            f"the index cannot live in {parsed.get_backend_name()}",
            hint="SQLite (sqlite:////home/me/index.db) or PostgreSQL (postgresql://user@host/name)",
            code="index.bad_url",
        )
    return engine


def _prepare_postgresql(engine: Engine, *, read_only: bool) -> None:
    """Readers see one snapshot however many queries they make; writers come one after the other."""

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        if read_only:
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        else:
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {BUSY_TIMEOUT_MS}")
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITER_LOCK})")


def _prepare_sqlite(engine: Engine, *, read_only: bool, max_pages: int | None) -> None:
    """Real transactions (the driver's own would begin late), WAL for readers beside the writer."""

    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        if read_only:
            cursor.execute("PRAGMA query_only = ON")
        else:
            cursor.execute("PRAGMA journal_mode = WAL")
            cursor.execute("PRAGMA synchronous = NORMAL")
        if max_pages is not None:
            cursor.execute(f"PRAGMA max_page_count = {int(max_pages)}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


def migrate(engine: Engine) -> None:
    """Brings the tables to the newest revision; nothing to do is the common case."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    with guarded(engine), engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def require_tables(engine: Engine) -> None:
    """Raises IndexMissing unless the database holds an index."""
    path = engine.url.database
    missing_file = engine.dialect.name == "sqlite" and (path is None or not Path(path).exists())
    with guarded(engine):
        if missing_file or not inspect(engine).has_table("meta"):
            raise IndexMissing(
                f"there is no index at {engine.url.render_as_string()}",
                hint="start the indexer first (`python -m indexer`), or name the database it writes",
            )


@contextmanager
def guarded(engine: Engine) -> Iterator[None]:
    """Turns the driver's faults into errors that say what to do."""
    try:
        yield
    except DatabaseError as error:
        raise translate(error, engine) from error


def translate(error: DatabaseError, engine: Engine) -> DatabaseFault | DiskFull:
    """One of our errors for a fault of the database."""
    text = str(error.orig)
    where = engine.url.render_as_string()
    if "disk is full" in text or "No space left" in text or getattr(error.orig, "sqlstate", None) == "53100":
        return DiskFull(
            f"the index at {where} cannot grow: {text}",
            hint="free some space and start again: nothing half-written remains, and indexing goes on where it stopped",
            url=where,
        )
    return DatabaseFault(
        f"the index at {where} cannot be used: {text}",
        hint="check the URL and its permissions; a damaged database can be deleted, `rebuild` makes it anew from the chain",
        url=where,
    )
