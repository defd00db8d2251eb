"""The event stream: one hub polls the index and hands each new event to every subscriber; slow ones get a gap.

Messages: domain events (with ids), `head`, `reorg` and `gap`. Knows nothing of HTTP framing: see `sse`.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool

from api.reader import EventCursor, Reader
from api.schema.base import BlockRef, Status
from api.schema.chain import Event
from symphony_chain.errors import SymphonyError

QUEUE_MESSAGES = 2000
BATCH_EVENTS = 500
WINDOW_BLOCKS = 256
END_OF_BLOCK = 2**31 - 1  # above every log index
log = logging.getLogger("api.events")


@dataclass(frozen=True)
class Message:
    """One message of the stream; only domain events have an id, so that a client resumes after the last of them."""

    event: str
    data: dict[str, Any]
    id: str | None = None
    task_id: str | None = None


class Subscription:
    """One client's queue. `None` in it ends the stream."""

    def __init__(self, start: EventCursor) -> None:
        self.start = start
        self.queue: asyncio.Queue[Message | None] = asyncio.Queue(QUEUE_MESSAGES)
        self.overflown = False

    def offer(self, message: Message | None) -> None:
        """Adds a message; a full queue turns into the end of the stream, and the client comes back with its last id."""
        try:
            self.queue.put_nowait(message)
        except asyncio.QueueFull:
            self.overflown = True


@dataclass
class _Window:
    """Newest blocks that were announced: height → hash, and the ids of their events."""

    hashes: OrderedDict[int, str]
    ids: OrderedDict[int, list[str]]

    def trim(self) -> None:
        while len(self.hashes) > WINDOW_BLOCKS:
            number, _ = self.hashes.popitem(last=False)
            self.ids.pop(number, None)


class Hub:
    """Follows one index. All methods but the reads run on the event loop."""

    def __init__(self, reader: Reader, *, poll_s: float) -> None:
        self._reader = reader
        self._poll_s = poll_s
        self._subscriptions: set[Subscription] = set()
        self._cursor: EventCursor | None = None
        self._window = _Window(OrderedDict(), OrderedDict())
        self._head: dict[str, Any] | None = None
        self._closed = False

    @property
    def subscribers(self) -> int:
        """Open streams."""
        return len(self._subscriptions)

    async def run(self) -> None:
        """Polls until cancelled."""
        while not self._closed:
            await self.poll()
            await asyncio.sleep(self._poll_s)

    async def poll(self) -> None:
        """One look at the index; an index that cannot be read is looked at again next time."""
        try:
            await self._poll()
        except SymphonyError as error:
            log.warning("event stream: %s", error.message)

    def subscribe(self) -> Subscription:
        """A queue of everything that comes after now; its first message is the head."""
        subscription = Subscription(self._cursor or EventCursor(-1, END_OF_BLOCK))
        if self._head is not None:
            subscription.offer(Message("head", self._head))
        if self._closed:
            subscription.offer(None)
        self._subscriptions.add(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Forgets a client."""
        self._subscriptions.discard(subscription)

    def close(self) -> None:
        """Ends all streams."""
        self._closed = True
        for subscription in self._subscriptions:
            subscription.offer(None)

    async def _poll(self) -> None:
        status = await run_in_threadpool(self._reader.status)
        if status.indexed is None:
            return
        if self._cursor is None:  # nobody can have seen anything before the first look
            self._cursor = EventCursor(status.indexed.number, END_OF_BLOCK)
        else:
            await self._check_reorg()
        await self._remember_blocks(status.indexed)
        await self._read_events(status.indexed)
        self._announce_head(status)

    async def _check_reorg(self) -> None:
        """Compares the newest announced block with the index; announces how far down they part."""
        orphaned: list[int] = []
        for number, block_hash in reversed(self._window.hashes.items()):
            if await run_in_threadpool(self._reader.block_hash, number) == block_hash:
                break
            orphaned.append(number)
        if not orphaned:
            return
        ids = [event_id for number in sorted(orphaned) for event_id in self._window.ids.get(number, [])]
        for number in orphaned:
            del self._window.hashes[number]
            self._window.ids.pop(number, None)
        self._cursor = EventCursor(min(orphaned) - 1, END_OF_BLOCK)
        self._send(Message("reorg", {"from_block": min(orphaned), "orphaned_ids": ids}))

    async def _remember_blocks(self, tip: BlockRef) -> None:
        newest = next(reversed(self._window.hashes), None)
        first = tip.number if newest is None else max(newest + 1, tip.number - WINDOW_BLOCKS + 1)
        for number in range(first, tip.number + 1):
            block_hash = await run_in_threadpool(self._reader.block_hash, number)
            if block_hash is not None:
                self._window.hashes[number] = block_hash
        self._window.trim()

    async def _read_events(self, tip: BlockRef) -> None:
        while True:
            assert self._cursor is not None
            events = await run_in_threadpool(self._read_batch, self._cursor)
            for event in events:
                if event.block.number > tip.number:
                    return  # of a block that the window does not know yet: next time
                self._cursor = EventCursor(event.block.number, event.log_index)
                self._window.ids.setdefault(event.block.number, []).append(event.id)
                self._send(message_of(event))
            if len(events) < BATCH_EVENTS:
                return

    def _read_batch(self, cursor: EventCursor) -> list[Event]:
        return self._reader.events_after(cursor, limit=BATCH_EVENTS)

    def _announce_head(self, status: Status) -> None:
        head = status.model_dump(mode="json")
        if head != self._head:
            self._head = head
            self._send(Message("head", head))

    def _send(self, message: Message) -> None:
        for subscription in self._subscriptions:
            subscription.offer(message)


def message_of(event: Event) -> Message:
    """The stream's message of a domain event."""
    return Message(event.name, event.model_dump(mode="json"), event.id, event.task_id)
