"""Opens the SQLite files that must outlive a crash: what is committed to them survives a power cut. Knows no table."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

#: Seconds to wait for another process that is writing.
BUSY_TIMEOUT_S = 10.0


def open_journal(path: Path, schema: str) -> sqlite3.Connection:
    """A connection in autocommit mode, for several threads; the file and its folder are created if absent, for their
    owner's eyes alone.

    Raises:
        OSError, sqlite3.Error: the file cannot be used.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Before SQLite opens it: the files that it writes beside get the mode of this one.
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    os.chmod(path, 0o600)
    db = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA journal_mode = WAL")  # readers do not wait for a writer
        db.execute("PRAGMA synchronous = FULL")  # a commit survives a power cut, not only a crash
        db.executescript(schema)
    except BaseException:
        db.close()
        raise
    return db
