"""The event stream: order, resume, gap, reorg, slow clients. The hub is polled by hand, so nothing waits for clocks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from api import events, sse
from api.event_ids import event_id, parse_event_id
from api.events import Hub, Message
from api.index_reader import IndexReader
from api.reader import EventCursor
from tests.api.world import World


@pytest.fixture
def reader(live: World) -> Any:
    found = IndexReader(live.settings.db_url, live.scenario.deployment)
    yield found
    found.close()


def parse(chunk: bytes) -> dict[str, str]:
    lines = [line.split(": ", 1) for line in chunk.decode().splitlines() if ": " in line]
    return {name: value for name, value in lines}


async def take(stream: AsyncIterator[bytes], until: str) -> list[dict[str, str]]:
    """Messages up to the first of a kind."""
    found: list[dict[str, str]] = []
    async with asyncio.timeout(20):
        async for chunk in stream:
            found.append(parse(chunk))
            if found[-1].get("event") == until:
                return found
    return found


def open_stream(hub: Hub, reader: IndexReader, last: str | None = None, task: str | None = None) -> AsyncIterator[bytes]:
    after = parse_event_id(last) if last else None
    return sse.stream(hub, reader, after=after, task_id=task, ping_s=10)


async def test_new_events_arrive_in_order_with_ids(live: World, reader: IndexReader) -> None:
    hub = Hub(reader, poll_s=1)
    await hub.poll()
    stream = open_stream(hub, reader)
    first = [parse(await anext(stream)), parse(await anext(stream))]
    assert first[0]["retry"] == "2000" and first[1]["event"] == "head"
    posted = live.scenario.post()
    live.scenario.bid(posted, live.scenario.agents[0], 10**18)
    live.index()
    await hub.poll()
    got = await take(stream, "BidPosted")
    assert [message["event"] for message in got if "id" in message] == ["TaskPosted", "BidPosted"]
    bid = json.loads(got[-1]["data"])
    assert bid["task_id"] == "0x" + posted.task_id.hex() and bid["data"]["price_wei"] == str(10**18)
    number, log_index, prefix = got[-1]["id"].split("-")
    block = live.scenario.rpc.get_block(int(number))
    assert block is not None and block.hash.hex().startswith(prefix) and log_index == str(bid["log_index"])
    await stream.aclose()  # type: ignore[attr-defined]
    assert hub.subscribers == 0


async def test_resume_repeats_nothing_and_leaves_nothing_out(live: World, reader: IndexReader) -> None:
    everything = reader.events_after(EventCursor(-1, 0), limit=1000)
    hub = Hub(reader, poll_s=1)
    await hub.poll()
    stream = open_stream(hub, reader, last=everything[3].id)
    live.scenario.post()
    live.index()
    await hub.poll()
    got = await take(stream, "TaskPosted") if everything[-1].name != "TaskPosted" else []
    while not got or got[-1]["id"] != reader.events_after(EventCursor(-1, 0), limit=1000)[-1].id:
        got += await take(stream, "TaskPosted")
    now = reader.events_after(EventCursor(-1, 0), limit=1000)
    assert [message["id"] for message in got if "id" in message] == [event.id for event in now[4:]]


async def test_only_one_task(live: World, reader: IndexReader) -> None:
    hub = Hub(reader, poll_s=1)
    await hub.poll()
    wanted = live.scenario.post()
    stream = open_stream(hub, reader, task="0x" + wanted.task_id.hex())
    await anext(stream)
    live.scenario.bid(live.scenario.post(), live.scenario.agents[1], 10**18)
    live.scenario.bid(wanted, live.scenario.agents[1], 10**18)
    live.index()
    await hub.poll()
    got = await take(stream, "BidPosted")
    assert [message["event"] for message in got if "id" in message] == ["TaskPosted", "BidPosted"]


async def test_reorg_is_announced_with_its_orphans(live: World, reader: IndexReader) -> None:
    hub = Hub(reader, poll_s=1)
    await hub.poll()
    stream = open_stream(hub, reader)
    await anext(stream)  # the subscription begins here
    live.scenario.mine(2)
    posted = live.scenario.post()
    live.index()
    await hub.poll()
    seen = [message["id"] for message in await take(stream, "TaskPosted") if "id" in message]
    height = live.scenario.rpc.block_number()
    live.scenario.rpc.call("anvil_reorg", 2, [])
    live.index()
    await hub.poll()
    got = await take(stream, "reorg")
    data = json.loads(got[-1]["data"])
    assert data["from_block"] == height - 1 and data["orphaned_ids"] == seen
    assert reader.task("0x" + posted.task_id.hex()) is None
    # A client that comes back with an orphaned id is told, and gets what the new chain has.
    later = open_stream(hub, reader, last=seen[-1])
    await anext(later)
    again = parse(await anext(later))
    assert again["event"] == "reorg" and json.loads(again["data"])["from_block"] <= height
    await stream.aclose()  # type: ignore[attr-defined]
    await later.aclose()  # type: ignore[attr-defined]


async def test_too_old_an_id_is_a_gap(live: World, reader: IndexReader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_BACKLOG", 3)
    hub = Hub(reader, poll_s=1)
    await hub.poll()
    oldest = reader.events_after(EventCursor(-1, 0), limit=1)[0]
    got = await take(open_stream(hub, reader, last=oldest.id), "gap")
    assert json.loads(got[-1]["data"])["snapshot_url"] == "/v1/tasks"


async def test_a_slow_client_is_cut_off_with_a_gap(reader: IndexReader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "QUEUE_MESSAGES", 2)
    hub = Hub(reader, poll_s=1)
    await hub.poll()
    stream = open_stream(hub, reader)
    await anext(stream)
    for number in range(5):
        hub._send(Message("BidPosted", {}, f"{number}-0-00000000"))
    rest = [parse(chunk) async for chunk in stream]
    assert [message["event"] for message in rest] == ["head", "BidPosted", "gap"]


async def test_ping_in_silence_and_end_at_shutdown(reader: IndexReader) -> None:
    hub = Hub(reader, poll_s=1)
    stream = sse.stream(hub, reader, after=None, task_id=None, ping_s=0.01)
    await anext(stream)
    assert parse(await anext(stream))["event"] == "ping"
    hub.close()
    assert all(parse(chunk)["event"] == "ping" for chunk in [chunk async for chunk in stream])


def test_ids() -> None:
    name = event_id(12, 3, "0xabcdef0123")
    position = parse_event_id(name)
    assert name == "12-3-abcdef01" and position.is_on("0xabcdef0199") and not position.is_on("0xbb") and not position.is_on(None)
