"""Keeps a `ChainBook` at the node's head: follows both contracts, decodes their events, undoes reorganisations.

Knows nothing of what is done with the picture.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from agent_runtime.chain_book import ChainBook
from symphony_chain.deploy import Deployment
from symphony_chain.errors import InvalidInput
from symphony_chain.events import Event, decode
from symphony_chain.follow import Applied, ChainFollower
from symphony_chain.rpc import Block, Rpc
from symphony_chain.rpc_types import Log

PRUNE_EVERY_BLOCKS = 64
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Progress:
    """What one `ChainView.update` brought."""

    new_blocks: int
    rolled_back: bool


class ChainView:
    """A book that follows a node.

    Args:
        deadline_s: longest time that transient faults of the node are ridden out in one update.
        clock, sleep: monotonic seconds and pause, for tests.
    """

    def __init__(
        self,
        rpc: Rpc,
        deployment: Deployment,
        *,
        deadline_s: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.book = ChainBook()
        self._follower = ChainFollower(
            rpc,
            addresses=[deployment.market, deployment.registry],
            first_block=deployment.block,
            genesis=deployment.genesis_hash,
            deadline_s=deadline_s,
            clock=clock,
            sleep=sleep,
        )

    @property
    def head(self) -> Block | None:
        """Newest block in the book."""
        return self.book.head

    def update(self) -> Progress:
        """Brings the book to the node's head.

        Raises:
            ChainUnavailable: the node is away, behind, or on another chain; the book stays as it was.
        """
        new_blocks, rolled_back = 0, False
        for batch in self._follower.poll():
            if isinstance(batch, Applied):
                for item in batch.blocks:
                    self.book.apply(item.block, [event for log in item.logs if (event := _event(log)) is not None])
                new_blocks += len(batch.blocks)
            else:
                tip = next((b for b in reversed(self._follower.cursor.window) if b.number <= batch.to_number), None)
                self.book.rollback(batch.to_number, tip)
                rolled_back = True
        head = self.book.head
        if new_blocks and head is not None and head.number % PRUNE_EVERY_BLOCKS < new_blocks:
            self.book.prune(self._follower.tracker.final_number)
        return Progress(new_blocks, rolled_back)


def _event(log: Log) -> Event | None:
    try:
        return decode(log)
    except InvalidInput as error:
        # Our own contracts cannot emit it; ignoring one log is safer than a worker that never starts again.
        logger.warning("ignored: %s", error)
        return None
