"""What can go wrong with the index itself, as `SymphonyError`s. Chain trouble comes from `symphony_chain`."""

from __future__ import annotations

from symphony_chain.errors import Conflict, Failure, NotFound


class DiskFull(Failure):
    """The database cannot grow; the last batch was not stored, so a run with room goes on where it stopped."""

    code = "index.disk_full"


class DatabaseFault(Failure):
    """The database cannot be opened, read or written."""

    code = "index.database"


class IndexMissing(NotFound):
    """There is no index at this URL yet."""

    code = "index.missing"


class AnotherWriter(Conflict):
    """Two indexers write one database."""

    code = "index.another_writer"


class Inconsistent(Failure):
    """An event contradicts what the index holds: the database is damaged, or the deployment's first block is wrong."""

    code = "index.inconsistent"

    def __init__(self, message: str) -> None:
        super().__init__(message, hint="rebuild the index; if that fails too, the deployment's block number is too high")
