"""The picture of the chain: folding, exact rollback, pruning; and a worker that lives through a reorganisation."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.chain_book import ChainBook, TaskView, Versioned
from agent_runtime.requester_bids import choose_bids, funnel, sort_bids
from agent_runtime.routing import ScreenRouter
from agent_runtime.task_request import build
from symphony_chain import events as ev
from symphony_chain.rpc import Block, Rpc
from symphony_chain.skills import pack_word
from symphony_chain.types import NATIVE, Kind, SeatAward, SeatResult, Skip, State
from tests.runtime.conftest import Buyer, ConfigFor, eventually, question, reorganise
from tests.runtime.people import RunningWorker
from tests.runtime.scripted import ScriptedEngine, add_up

A, B, C = ("0x" + digit * 40 for digit in "abc")
TASK = build(question(k=2), requester=A, timestamp_s=1_000, salt=bytes(32), gateway_urls=()).task
ID = b"\x01" * 32
PAGE = TASK.page_id


def block(number: int) -> Block:
    return Block(number, number.to_bytes(32, "big"), (number + 1_000).to_bytes(32, "big"), 1_000 + number)


def bid(agent_id: int, price_wei: int = 100) -> ev.BidPosted:
    return ev.BidPosted(ID, agent_id, price_wei, 5_000, TASK.bid_end_s, b"sig")


LIFE: list[list[ev.Event]] = [
    [ev.Transfer("0x" + "0" * 40, A, 1), ev.CapabilitiesDeclared(1, PAGE, pack_word({7: 9_000})), ev.AgentWalletChanged(1, C)],
    [ev.Transfer("0x" + "0" * 40, B, 2), ev.CapabilitiesDeclared(2, PAGE, pack_word({7: 5_000}))],
    [ev.TaskPosted(ID, A, TASK.escrow_wei, TASK)],
    [bid(1), bid(2)],
    [ev.TaskAwarded(ID, 100, 0, (SeatAward(0, 1, C, 25), SeatAward(1, 2, B, 25)))],
    [ev.AnswerCommitted(ID, 1, 0, b"c" * 32)],
    [ev.AnswerCommitted(ID, 2, 1, b"d" * 32)],
    [ev.AnswerRevealed(ID, 1, 0, b"x" * 32, b"e" * 32, b"s" * 32, b"42")],
    [ev.AnswerRevealed(ID, 2, 1, b"x" * 32, b"e" * 32, b"s" * 32, b"42")],
    [
        ev.TaskSettled(
            ID,
            State.SETTLED,
            b"x" * 26,
            50,
            50,
            evaluated=False,
            refund_wei=0,
            burnt_wei=0,
            fee_wei=0,
            results=(
                SeatResult(0, 1, 10_000, 25, 100, True, True, True, 77),
                SeatResult(1, 2, 10_000, 25, 100, True, True, True, 88),
            ),
        )
    ],
    [ev.PayClaimed(1, NATIVE, A, 100), ev.AgentFunded(1, NATIVE, 5, A), ev.AgentFunded(1, NATIVE, 5, B)],
]


def grown(blocks: int) -> ChainBook:
    book = ChainBook()
    for number, events in enumerate(LIFE[:blocks]):
        book.apply(block(number), events)
    return book


def picture(book: ChainBook) -> tuple[object, ...]:
    return (list(book.tasks()), sorted(book.agents(), key=lambda a: a.agent_id), book.pages)


@given(st.lists(st.integers(0, len(LIFE)), min_size=1, max_size=8))
def test_any_walk_of_rollbacks_equals_a_fresh_fold(stops: list[int]) -> None:
    book, height = ChainBook(), 0
    for stop in stops:
        if stop < height:
            book.rollback(stop - 1, block(stop - 1) if stop else None)
        for number in range(min(height, stop), stop):
            book.apply(block(number), LIFE[number])
        height = stop
        assert picture(book) == picture(grown(stop))


def test_states_as_time_and_events_go() -> None:
    view = lambda blocks: grown(blocks).task(ID)  # noqa: E731
    early, bids_over = 1_010, TASK.bid_end_s + 1
    states = [view(n).state_at(early) for n in range(3, len(LIFE) + 1)]
    assert states == [State.OPEN] * 2 + [State.AWARDED] * 2 + [State.REVEALING] * 3 + [State.SETTLED] * 2
    assert view(4).state_at(TASK.bid_end_s) is State.OPEN and view(4).state_at(bids_over) is State.UNAWARDED
    assert view(6).state_at(TASK.commit_end_s) is State.AWARDED
    assert view(6).state_at(TASK.commit_end_s + 1) is State.REVEALING, "one has not committed: time opens the reveals"
    assert view(6).state_at(TASK.reveal_end_s + 1) is State.CLOSING
    may = [view(n).may_settle_at(early) for n in range(3, len(LIFE))]
    assert may == [False] * 6 + [True, False], "only when nobody may still act"
    assert view(4).may_settle_at(bids_over) and view(8).may_settle_at(TASK.reveal_end_s + 1)


def test_who_reveals_last() -> None:
    """Seats that have committed and not revealed hold it up; so do an evaluator, and a plan's children."""
    view = lambda blocks, **changes: replace(grown(blocks).task(ID), task=replace(TASK, **changes))  # noqa: E731
    assert [view(7).is_last_reveal(seat) for seat in (0, 1)] == [False, False]
    assert [view(8).is_last_reveal(seat) for seat in (0, 1)] == [False, True], "the first has revealed"
    assert view(6).is_last_reveal(0), "the other has not committed: once time is over, it never will"
    assert not view(8, evaluator=C).is_last_reveal(1) and not view(8, kind=Kind.PLAN).is_last_reveal(1)


def test_free_seats_are_taken_until_the_commits_end() -> None:
    """An open task past its bidding: seats come one by one, and reveals wait for the last of them."""
    task = replace(TASK, open=True)
    bids_over, late = task.bid_end_s + 1, task.commit_end_s + 1
    book = grown(2)
    book.apply(block(2), [ev.TaskPosted(ID, A, task.escrow_wei, task)])
    view = book.task(ID)
    assert view is not None and view.free_at(task.bid_end_s) == 0 and view.free_at(bids_over) == 2
    assert [view.state_at(s) for s in (task.bid_end_s, bids_over, late)] == [State.OPEN, State.FREE, State.UNAWARDED]
    assert not view.may_settle_at(bids_over) and view.may_settle_at(late)
    book.apply(block(3), [ev.SeatTaken(ID, 1, SeatAward(0, 1, C, 25)), ev.AnswerCommitted(ID, 1, 0, b"c" * 32)])
    view = book.task(ID)
    assert view is not None and view.seat_of(1) == 0 and view.seat_of(2) is None
    assert (view.free_at(bids_over), view.free_at(late), view.price_wei) == (1, 0, task.ceiling_wei)
    assert view.state_at(bids_over) is State.AWARDED, "all seated have committed, but one more may come"
    assert view.state_at(late) is State.REVEALING and not view.may_settle_at(late)
    book.apply(block(4), [ev.SeatTaken(ID, 2, SeatAward(1, 2, B, 25)), ev.AnswerCommitted(ID, 2, 1, b"d" * 32)])
    view = book.task(ID)
    assert view is not None and view.free_at(bids_over) == 0 and view.state_at(bids_over) is State.REVEALING


def test_an_award_closes_the_free_seats() -> None:
    book = grown(2)
    task = replace(TASK, open=True)
    book.apply(block(2), [ev.TaskPosted(ID, A, task.escrow_wei, task), bid(1)])
    book.apply(block(3), [ev.TaskAwarded(ID, 100, 0, (SeatAward(0, 1, C, 25),))])
    view = book.task(ID)
    assert view is not None and view.free_at(task.bid_end_s + 1) == 0 and view.price_wei == 100


def test_an_evaluator_is_waited_for() -> None:
    task = replace(TASK, evaluator=C, evaluation_window_s=30)
    posted: list[list[ev.Event]] = [*LIFE[:2], [ev.TaskPosted(ID, A, task.escrow_wei, task)], *LIFE[3:]]
    book = ChainBook()
    for number, events in enumerate(posted[:9]):
        book.apply(block(number), events)
    view = book.task(ID)
    assert view is not None
    early, reveals_over, over = 1_010, task.reveal_end_s + 1, task.evaluation_end_s + 1
    assert [view.state_at(s) for s in (early, reveals_over, over)] == [State.REVEALING, State.EVALUATING, State.CLOSING]
    assert [view.may_settle_at(s) for s in (early, reveals_over, over)] == [False, False, True]
    assert [view.may_evaluate_at(s) for s in (early, reveals_over, over)] == [True, True, False]


def test_agents_learn_from_settlements() -> None:
    agent = grown(len(LIFE)).agent(1)
    assert agent is not None and agent.operator == C and agent.owner == A
    assert (agent.seats, agent.no_shows, agent.claims, agent.earned[PAGE]) == (1, 0, {NATIVE: 1}, 77)
    assert agent.fundings == 1, "what strangers give is not the owner's"
    assert agent.scores[(PAGE, 7)] == (10_000, 10_000 * 10_000)


def test_pruning_forgets_closed_tasks_and_keeps_agents() -> None:
    book = grown(len(LIFE))
    before = sorted(book.agents(), key=lambda a: a.agent_id)
    book.prune(8)
    assert book.task(ID) is not None, "its last block is not final yet"
    book.prune(9)
    assert book.task(ID) is None and sorted(book.agents(), key=lambda a: a.agent_id) == before
    book.rollback(9, block(9))
    agent = book.agent(1)
    assert agent is not None and agent.claims == {}


def test_a_version_that_is_final_is_never_undone() -> None:
    value = Versioned("a")
    value.set(3, "b")
    value.set(5, "c")
    value.prune(4)
    value.rollback(0)
    assert value.now == "b"


def test_bids_are_sorted_by_what_the_contract_would_say() -> None:
    book = grown(3)
    late = replace(bid(1), expiry_s=1_000)
    book.apply(block(3), [late, bid(1, 10**18), bid(1, 90), bid(1, 80), bid(2), bid(9)])
    view = book.task(ID)
    assert view is not None
    found = sort_bids(book, view, 1_010)
    assert {agent: event.price_wei for agent, event in found.usable.items()} == {1: 80, 2: 100}
    assert sorted(reason for _, reason in found.refused) == ["expired", "price_above_ceiling", "replaced", "unknown_agent"]
    assert [b.agent_id for b in choose_bids(book, view, 1_010, ScreenRouter())] == [1, 2]


def test_one_seat_per_owner() -> None:
    book = grown(4)
    book.apply(block(4), [ev.Transfer(B, A, 2)])
    view = book.task(ID)
    assert view is not None and [b.agent_id for b in choose_bids(book, view, 1_010, ScreenRouter())] == [1]


def test_the_funnel_counts_everybody_once() -> None:
    book = grown(3)
    extra: list[ev.Event] = []
    for agent_id, page, word in ((3, PAGE, 0), (4, b"\x09" * 32, 1), (5, PAGE, pack_word({7: 8_000}))):
        owner = "0x" + f"{agent_id:040x}"
        extra += [ev.Transfer("0x" + "0" * 40, owner, agent_id), ev.CapabilitiesDeclared(agent_id, page, word)]
    book.apply(block(3), extra)
    book.apply(block(4), [bid(1), bid(2), ev.BidSkipped(ID, 2, Skip.BOND_UNFUNDED)])
    book.apply(block(5), [ev.TaskAwarded(ID, 100, 0, (SeatAward(0, 1, C, 25),))])
    view = book.task(ID)
    assert isinstance(view, TaskView)
    found = funnel(book, view, 1_010)
    assert (found.agents, found.page_matches, found.match_enough, found.bid, found.seated) == (5, 4, 3, 2, 1)
    assert found.reasons == {"match_low": 1, "no_bid": 1, "page_unknown": 1, "skipped_bond_unfunded": 1}


@pytest.mark.parametrize("depth", [1, 5])
def test_a_worker_lives_through_a_reorganisation(depth: int, buyer: Buyer, config_for: ConfigFor, rpc: Rpc) -> None:
    """Blocks with bid, award or commit vanish; everybody sends them again from the journals, and the task settles."""
    with RunningWorker(config_for("ada"), ScriptedEngine(add_up)) as ada:
        posted = buyer.requester.post(question(k=1, bid_window_s=200, linger_s=8), "reorg")
        eventually(lambda: any(v.bids for v in ada.worker.view.book.tasks() if v.task_id == posted.task_id), what="the bid")
        reorganise(rpc, lambda: depth)
        outcome = buyer.requester.drive(posted)
    assert outcome.state is State.SETTLED and outcome.answer == "42"
