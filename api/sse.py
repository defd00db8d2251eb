"""Server-sent events over HTTP: framing, pings, and resuming after `Last-Event-ID` (HTML standard, section 9.2).

Knows nothing of how events are found: see `events`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

from fastapi.sse import format_sse_event
from starlette.concurrency import run_in_threadpool

from api.event_ids import Position
from api.events import END_OF_BLOCK, Hub, Message, Subscription, message_of
from api.reader import EventCursor, Reader
from api.schema.chain import Event

RETRY_MS = 2000
MAX_BACKLOG = 1000
MEDIA_TYPE = "text/event-stream"
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


async def stream(
    hub: Hub, reader: Reader, *, after: Position | None, task_id: str | None, ping_s: float
) -> AsyncIterator[bytes]:
    """The bytes of one client's stream: what it missed, then what happens, with a ping every `ping_s` of silence."""
    subscription = hub.subscribe()
    try:
        yield format_sse_event(retry=RETRY_MS, comment="symphony event stream")
        if after is not None:
            for message in await run_in_threadpool(backlog, reader, after, subscription.start, task_id):
                yield frame(message)
        async for message in _live(subscription, ping_s):
            if message.id is None or task_id is None or message.task_id == task_id:
                yield frame(message)
    finally:
        hub.unsubscribe(subscription)


def backlog(reader: Reader, after: Position, until: EventCursor, task_id: str | None) -> list[Message]:
    """What a client missed up to `until`, with `reorg` before it if its position is gone, or `gap` if it is too much."""
    messages: list[Message] = []
    cursor = after.cursor
    if not after.is_on(reader.block_hash(cursor.block_number)):
        # Which of the client's older blocks are gone too is not known: everything that is not final may be.
        status = reader.status()
        tip = status.indexed.number if status.indexed else 0
        first = max(0, min(cursor.block_number, tip - status.finality_depth + 1))
        messages.append(Message("reorg", {"from_block": first, "orphaned_ids": []}))
        cursor = EventCursor(first - 1, END_OF_BLOCK)
    events = _missed(reader, cursor, until, task_id)
    if len(events) > MAX_BACKLOG:
        snapshot = f"/v1/tasks/{task_id}" if task_id else "/v1/tasks"
        return [*messages, Message("gap", {"reason": "too_old", "snapshot_url": snapshot})]
    return messages + [message_of(event) for event in events]


def _missed(reader: Reader, after: EventCursor, until: EventCursor, task_id: str | None) -> list[Event]:
    events = reader.events_after(after, limit=MAX_BACKLOG + 1, task_id=task_id)
    return [event for event in events if EventCursor(event.block.number, event.log_index) <= until]


async def _live(subscription: Subscription, ping_s: float) -> AsyncIterator[Message]:
    while True:
        if subscription.overflown and subscription.queue.empty():
            yield Message("gap", {"reason": "too_slow", "snapshot_url": "/v1/tasks"})
            return
        try:
            message = await asyncio.wait_for(subscription.queue.get(), ping_s)
        except TimeoutError:
            yield Message("ping", {})
            continue
        if message is None:
            return
        yield message


def frame(message: Message) -> bytes:
    """One message on the wire."""
    return format_sse_event(data_str=json.dumps(message.data), event=message.event, id=message.id)
