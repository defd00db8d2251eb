"""The indexer: follows one deployment into one database. Knows how to go on, go back, start over and wait."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from sqlalchemy import Connection, delete

from indexer import meta as meta_table
from indexer import source, writer
from indexer.contracts import Contracts
from indexer.database import guarded, migrate, open_engine
from indexer.digest import digest
from indexer.meta import Health, Identity
from indexer.rows import clear
from indexer.schema import meta
from symphony_chain.deploy import Deployment
from symphony_chain.errors import ChainUnavailable, RpcError, SymphonyError, WrongChain
from symphony_chain.follow import (
    FINALITY_DEPTH,
    Applied,
    BlockBatch,
    ChainFollower,
    Cursor,
    NodeBehind,
    ReorgBeyondFinality,
    TornAnswer,
)
from symphony_chain.rpc import Rpc


@dataclass(frozen=True, slots=True)
class Progress:
    """What one pass did: blocks added and dropped, newest indexed height (-1: none), the node's head (-1: stopped before it)."""

    applied: int
    dropped: int
    indexed: int
    head: int


class Indexer:
    """Mirrors one deployment.

    Args:
        rpc: the node. deployment: what to mirror. db_url: where to.
        batch_blocks: blocks per database transaction while catching up.
        finality_depth: a reorganisation deeper than this is refused.
        max_pages: SQLite only: largest size of the file in pages of 4 KiB.

    Raises:
        WrongChain: the database mirrors another chain. UsageError: bad URL. DatabaseFault, DiskFull: the database fails.
    """

    def __init__(
        self,
        rpc: Rpc,
        deployment: Deployment,
        db_url: str,
        *,
        batch_blocks: int = 100,
        finality_depth: int = FINALITY_DEPTH,
        max_pages: int | None = None,
    ) -> None:
        self.rpc = rpc
        self.deployment = deployment
        self.finality_depth = finality_depth
        self._batch_blocks = batch_blocks
        self._engine = open_engine(db_url, max_pages=max_pages)
        self._follower: ChainFollower | None = None
        self._deployment_checked = False
        self._noted: tuple[str, str, int] | None = None
        self._contracts = Contracts(deployment)
        try:
            migrate(self._engine)
            self._write(lambda connection: meta_table.claim(connection, Identity.of(deployment)))
        except BaseException:
            self._engine.dispose()
            raise

    def close(self) -> None:
        """Closes the database."""
        self._engine.dispose()

    def __enter__(self) -> Indexer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def sync_once(self, stop: threading.Event | None = None) -> Progress:
        """Reads everything that is new, up to the node's head; ends after the batch at hand once ``stop`` is set.

        Raises:
            ChainUnavailable and kin: recorded as the index's state, and nothing is deleted.
        """
        try:
            return self._sync(stop or threading.Event())
        except ChainUnavailable as error:
            self._note(_health_of(error), error.message)
            raise

    def _sync(self, stop: threading.Event) -> Progress:
        if not self._deployment_checked:
            self.deployment.require(self.rpc)
            self._deployment_checked = True
        follower = self._follower or self._new_follower()
        applied = dropped = 0
        try:
            for step in follower.poll():
                self._take(step)
                if isinstance(step, Applied):
                    applied += len(step.blocks)
                else:
                    dropped += len(step.dropped)
                if stop.is_set():  # amid a long catching up
                    return Progress(applied, dropped, _top_of(step), -1)
        except (TornAnswer, RpcError) as error:
            raise ChainUnavailable(
                f"the node's answers do not fit together: {error}",
                hint="a moving chain settles by itself; if this stays, the node is at fault",
                code="chain.inconsistent",
            ) from error
        finally:
            # The database is what counts: after any fault the next pass starts from what is stored.
            self._follower = None
        self._follower = follower
        head = max(follower.tracker.tip_number, 0)
        self._note(Health.FOLLOWING, "", head)
        return Progress(applied, dropped, follower.tracker.tip_number, head)

    def _new_follower(self) -> ChainFollower:
        with guarded(self._engine), self._engine.begin() as connection:
            cursor = Cursor(writer.window(connection, self.finality_depth + 1))
        return ChainFollower(
            self.rpc,
            addresses=self._contracts.addresses,
            first_block=self.deployment.block,
            genesis=self.deployment.genesis_hash,
            start=cursor,
            batch_blocks=self._batch_blocks,
            finality_depth=self.finality_depth,
            deadline_s=3.0,
        )

    def _take(self, step: BlockBatch) -> None:
        if isinstance(step, Applied):
            blocks = (replace(item, logs=tuple(filter(self._contracts.ours, item.logs))) for item in step.blocks)
            batch = replace(step, blocks=tuple(blocks))
            txs = source.transactions_of(self.rpc, batch)
            self._write(
                lambda c: writer.apply_blocks(
                    c, batch, txs, contracts=self._contracts, finality_depth=self.finality_depth
                )
            )
        else:
            self._write(lambda c: writer.undo(c, step))

    def run(self, stop: threading.Event, *, poll_s: float = 0.5) -> None:
        """Follows until ``stop``; rides out an unreachable node and one that is behind.

        Raises:
            WrongChain, ReorgBeyondFinality: a person must decide. DiskFull, DatabaseFault.
        """
        while not stop.is_set():
            try:
                self.sync_once(stop)
            except (WrongChain, ReorgBeyondFinality):
                raise
            except ChainUnavailable:
                pass  # recorded; the next pass tries again
            stop.wait(poll_s)

    def rebuild(self, stop: threading.Event | None = None) -> Progress:
        """Empties the projections and reads the chain anew."""

        def forget(connection: Connection) -> None:
            clear(connection)
            connection.execute(delete(meta).where(meta.c.key.in_(["undo_floor", "head_number", "indexed_number"])))

        self._write(forget)
        self._follower = None
        return self.sync_once(stop)

    def digest(self) -> str:
        """One hash over all projections (hex)."""
        with guarded(self._engine), self._engine.begin() as connection:
            return digest(connection)

    def state(self) -> Health:
        """How following fares, as recorded."""
        with guarded(self._engine), self._engine.begin() as connection:
            return Health(meta_table.read(connection)["state"])

    def _note(self, state: Health, message: str, head: int | None = None) -> None:
        """Records the state, if it changed."""
        now = (state, message, -1 if head is None else head)
        if now == self._noted:
            return
        values: dict[str, object] = {"state": state, "message": message}
        if head is not None:
            values["head_number"] = head
        self._write(lambda connection: meta_table.write(connection, **values))
        self._noted = now

    def _write(self, action: Callable[[Connection], None]) -> None:
        with guarded(self._engine), self._engine.begin() as connection:
            action(connection)


def _top_of(step: BlockBatch) -> int:
    return step.blocks[-1].block.number if isinstance(step, Applied) else step.to_number


def _health_of(error: SymphonyError) -> Health:
    if isinstance(error, NodeBehind):
        return Health.NODE_BEHIND
    if isinstance(error, WrongChain):
        return Health.WRONG_CHAIN
    if isinstance(error, ReorgBeyondFinality):
        return Health.REORG_FINAL
    return Health.UNREACHABLE
