"""When an award is sent: margins follow the chain's block time, so that it is mined before bidding ends. Made-up blocks only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.awarding import Awarder
from agent_runtime.chain_book import RECENT_BLOCKS, ChainBook
from agent_runtime.outbox import Write
from agent_runtime.routing import ScreenRouter
from agent_runtime.task_request import build
from symphony_chain import events as ev
from symphony_chain.rpc import Block
from symphony_chain.skills import pack_word
from tests.runtime.conftest import question

A, B = ("0x" + digit * 40 for digit in "ab")
ID = b"\x01" * 32
WINDOW_S = 300
START_S = 1_000_000


class Sent:
    """Stands where the outbox does: notes the times of the heads at which an award was sent."""

    def __init__(self) -> None:
        self.at_s: list[int] = []
        self.now_s = 0

    def write(self, op: str, key: str, to: str, data: bytes, *, head_number: int) -> Write:
        assert op == "award"
        self.at_s.append(self.now_s)
        return Write("pending")


class Market:
    """A task with k = 2 and some bids, on a chain whose blocks come every `block_s` seconds."""

    def __init__(self, block_s: int, bids: int, offset_s: int = 0, window_s: int = WINDOW_S) -> None:
        self.block_s, self.book = block_s, ChainBook()
        request = question(k=2, min_seats=1, bid_window_s=window_s)
        task = build(request, requester=A, timestamp_s=0, salt=bytes(32), gateway_urls=()).task
        self.posted_s = START_S + (RECENT_BLOCKS + 1) * block_s
        self.task = replace(task, bid_end_s=self.posted_s + window_s + offset_s)
        agents: list[ev.Event] = []
        for agent_id, owner in ((1, A), (2, B)):
            declared = ev.CapabilitiesDeclared(agent_id, task.page_id, pack_word({7: 9_000}))
            agents += [ev.Transfer("0x" + "0" * 40, owner, agent_id), declared]
        for number in range(RECENT_BLOCKS + 1):
            self.mine(agents if number == 0 else [])
        made = [ev.BidPosted(ID, agent_id, 100, 5_000, self.task.bid_end_s, b"sig") for agent_id in range(1, bids + 1)]
        self.mine([ev.TaskPosted(ID, A, self.task.escrow_wei, self.task), *made])

    def mine(self, events: list[ev.Event] | None = None) -> Block:
        number = self.book.head.number + 1 if self.book.head else 0
        block = Block(number, number.to_bytes(32, "big"), bytes(32), START_S + number * self.block_s)
        self.book.apply(block, events or [])
        return block

    def sent_at(self, linger_s: int | None) -> int:
        """Time of the head at which the award is first sent; fails if it never is."""
        sent = Sent()
        awarder = Awarder(self.book, sent, A, ScreenRouter())  # type: ignore[arg-type]
        while not sent.at_s:
            head = self.book.head
            view = self.book.task(ID)
            assert head is not None and view is not None and head.timestamp <= self.task.bid_end_s, "it was never sent"
            sent.now_s = head.timestamp
            awarder.step(view, head, linger_s=linger_s)
            self.mine()
        return sent.at_s[0]


@given(block_s=st.sampled_from([1, 2, 5, 12, 20]), offset_s=st.integers(0, 19), bids=st.integers(1, 2))
def test_whoever_awards_has_a_block_left_and_the_router_comes_first(block_s: int, offset_s: int, bids: int) -> None:
    def sent(linger_s: int | None) -> tuple[int, Market]:
        market = Market(block_s, bids, offset_s)
        return market.sent_at(linger_s), market

    (router_s, market), (requester_s, _) = sent(2), sent(None)
    end_s = market.task.bid_end_s
    assert router_s + 2 * block_s <= end_s, "the next block, or one later, is in time"
    assert requester_s + block_s <= end_s, "the next block is in time"
    assert router_s + block_s <= requester_s, "the requester has seen the block that the router's award could be in"


@pytest.mark.parametrize(
    ("block_s", "fewer", "resort"), [(0, 4, 2), (1, 4, 2), (2, 6, 4), (12, 36, 24)], ids=["instant", "1s", "2s", "12s"]
)
def test_the_margins(block_s: int, fewer: int, resort: int) -> None:
    """Seconds left at the head at which fewer bids than seats are enough, where heads come at every second."""

    def left_at(linger_s: int | None) -> int:
        market = Market(block_s, bids=1)
        awarder = Awarder(market.book, sent := Sent(), A, ScreenRouter())  # type: ignore[arg-type]
        view = market.book.task(ID)
        assert view is not None and market.book.block_time_s == block_s
        for left_s in range(WINDOW_S, -1, -1):
            head = replace(market.book.head, timestamp=market.task.bid_end_s - left_s)  # type: ignore[type-var]
            awarder.step(view, head, linger_s=linger_s)
            if sent.at_s:
                return left_s
        raise AssertionError("it was never sent")

    assert (left_at(2), left_at(None)) == (fewer, resort)


def test_short_windows_are_not_awarded_at_once() -> None:
    """Half of the window is for bids, however slow the chain."""
    market = Market(12, bids=1, window_s=48)
    assert market.sent_at(2) == market.posted_s + 24


def test_block_time_is_measured_and_forgets() -> None:
    book, clock = ChainBook(), [0]

    def mine(step: Callable[[int], int], count: int) -> None:
        for _ in range(count):
            number = book.head.number + 1 if book.head else 0
            clock[0] += step(number)
            book.apply(Block(number, number.to_bytes(32, "big"), bytes(32), clock[0]), [])

    assert book.block_time_s == 0
    mine(lambda _: 12, 1)
    assert book.block_time_s == 0, "one block tells nothing"
    mine(lambda number: 24 if number == 5 else 3_600 if number == 7 else 12, RECENT_BLOCKS)
    assert book.block_time_s == 12, "a missed slot and a clock set forward do not count"
    mine(lambda _: 2, RECENT_BLOCKS)
    assert book.block_time_s == 2
    head = book.head
    assert head is not None
    book.rollback(head.number - RECENT_BLOCKS + 1, head)
    assert book.block_time_s == 0, "too few are left"
