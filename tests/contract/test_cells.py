"""Every cell of (what happened to a task × time × function × role): a task is brought to each point of its life on the bytecode,
and every life-cycle function is tried there by everybody, one second before, at and one second after each deadline.

`expected` says what must happen, in a few lines a function, written from the design and knowing neither model nor contract.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import pytest

from symphony_chain import market
from symphony_chain.abi import MARKET, encode
from symphony_chain.signing import commitment
from symphony_chain.types import Bid, Opening, State, Task
from tests.contract.test_task_life import SKILL, new_task, opening
from tests.property.world import ACTORS, CONTRACT, POOL, World

ROLES = {
    "requester": ACTORS[0], "owner": ACTORS[1], "wallet": ACTORS[4], "stranger": ACTORS[5], "router": CONTRACT, "evaluator": POOL,
}  # fmt: skip
#: Owners of agents 1, 2 and 3, which get seats 0, 1 and 2; agent 1 has a wallet of its own.
OWNERS = ACTORS[1:4]
SEATED_WALLETS = (ROLES["wallet"], *OWNERS[1:])
NEWCOMER = 4  # an agent of the stranger's with the same wallet as agent 1, for `take`

#: When, as (deadline, seconds from it); the first is right after the post.
DEADLINES = ("bidEnd", "commitEnd", "revealEnd", "evaluationEnd")
TIMES = (("start", 0), *product(DEADLINES, (-1, 0, 1)))
FUNCTIONS = (
    "post", "hire", "cancel", "bid", "award", "take", "commit", "reveal", "revealPlan", "revealAndSettle", "evaluate", "settle",
)  # fmt: skip


@dataclass(frozen=True)
class Point:
    """What happened to a task so far.

    Args:
        since: the first of TIMES at which this can be.
        seats: what each seat did: awarded, committed, revealed.
        free: seats of an open task that may still be taken.
        noted: all had committed when the first was revealed, which opened the reveals for good.
        outcome: of a closed task.
    """

    since: tuple[str, int] = ("start", 0)
    posted: bool = True
    open: bool = False
    seats: tuple[str, ...] = ()
    free: int = 0
    noted: bool = False
    outcome: State | None = None


A, C, R = "awarded", "committed", "revealed"
AFTER_BIDS, AFTER_COMMITS = ("bidEnd", 1), ("commitEnd", 1)
POINTS = {
    "nothing": Point(posted=False),
    "posted": Point(),
    "posted open": Point(open=True, free=3),
    "awarded": Point(seats=(A, A, A)),
    "one taken": Point(AFTER_BIDS, open=True, seats=(A,), free=2),
    "one taken, committed": Point(AFTER_BIDS, open=True, seats=(C,), free=2),
    "all taken": Point(AFTER_BIDS, open=True, seats=(A, A, A)),
    "others committed": Point(seats=(A, C, C)),
    "all committed": Point(seats=(C, C, C)),
    "another revealed": Point(seats=(C, R, C), noted=True),
    "all revealed": Point(seats=(R, R, R), noted=True),
    "late revealed": Point(AFTER_COMMITS, seats=(R, C, A)),
    "settled": Point(outcome=State.SETTLED),
    "inconclusive": Point(outcome=State.INCONCLUSIVE),
    "void": Point(AFTER_COMMITS, outcome=State.VOID),
    "expired": Point(AFTER_BIDS, outcome=State.EXPIRED),
    "cancelled": Point(outcome=State.CANCELLED),
}


def state_at(point: Point, when: tuple[str, int], evaluated: bool) -> State:
    """The state, by the design's diagram. Deadlines count to their last second."""
    order = TIMES.index(when)

    def past(deadline: str) -> bool:
        return order > TIMES.index((deadline, 0))

    if point.outcome is not None:
        return point.outcome
    if not point.posted:
        return State.NONE
    if not point.seats:
        if not past("bidEnd"):
            return State.OPEN
        return State.FREE if point.open and not past("commitEnd") else State.UNAWARDED
    if not past("commitEnd") and not point.noted:
        return State.AWARDED
    if not past("revealEnd"):
        return State.REVEALING
    return State.EVALUATING if evaluated and not past("evaluationEnd") else State.CLOSING


def expected(point: Point, when: tuple[str, int], function: str, role: str, evaluated: bool) -> str:
    """"ok", or the name of the error."""
    state, seats = state_at(point, when, evaluated), point.seats

    def only(*roles: str) -> str:
        return "ok" if role in roles else "NotAuthorized"

    def revealing() -> bool:
        early = state is State.AWARDED and not point.free and A not in seats
        return state is State.REVEALING or early

    def closing(seats: tuple[str, ...]) -> str:
        """Of a task with seats: whether anybody may still act."""
        waits_for_commits = state is State.AWARDED and (point.free or A in seats)
        waits_for_reveals = C in seats and state in (State.AWARDED, State.REVEALING)
        return "Pending" if waits_for_commits or waits_for_reveals else "ok"

    match function:
        case "post" | "hire":
            if role != "requester":
                return "NotAuthorized"
            if state is not State.NONE:
                return "TaskExists"
            return "ok" if when == ("start", 0) else "ParameterOutOfRange"  # bidEnd must lie ahead
        case "cancel":
            may = state in (State.OPEN, State.FREE, State.UNAWARDED)
            return "ok" if role == "requester" and may else "WrongState" if role == "requester" else "NotAuthorized"
        case "bid":
            return "ok" if state is State.OPEN else "WrongState"
        case "award":
            return only("requester", "router") if state is State.OPEN else "WrongState"
        case "take":
            free = state is State.FREE or (state is State.AWARDED and point.free)
            return only("wallet") if free else "WrongState"
        case "commit":
            if not seats:
                return "NoSuchSeat"
            if seats[0] != A:
                return "AlreadyCommitted"
            return only("wallet") if state is State.AWARDED else "WrongState"
        case "reveal":
            if not revealing():
                return "WrongState"
            return {A: "NotCommitted", C: "ok", R: "AlreadyRevealed"}[seats[0]]
        case "revealPlan":
            return "NotAuthorized"
        case "revealAndSettle":
            if not revealing():
                return "WrongState"
            return "Pending" if evaluated else closing(tuple(R if seat == C else seat for seat in seats))
        case "evaluate":
            if role != "evaluator" or not evaluated:
                return "NotAuthorized"
            return closing(seats) if State.AWARDED <= state <= State.EVALUATING else "WrongState"
        case _:
            if state is State.UNAWARDED:
                return "ok"
            if not State.AWARDED <= state <= State.CLOSING:
                return "WrongState"
            return "Pending" if evaluated and state is not State.CLOSING else closing(seats)


def times_of(point: Point, evaluated: bool) -> Iterator[tuple[str, int]]:
    """Without an evaluator there are only three deadlines."""
    for when in TIMES[TIMES.index(point.since) :]:
        if evaluated or when[0] != "evaluationEnd":
            yield when


#: To be changed by hand only: a cell that is not enumerated is a cell that is not checked.
CELL_COUNT = 24_696
Cell = tuple[tuple[str, int], str, str]
CELLS: dict[tuple[str, bool], list[Cell]] = {
    (name, evaluated): list(product(times_of(point, evaluated), FUNCTIONS, ROLES))
    for name, point in POINTS.items()
    for evaluated in (False, True)
}


class Life:
    """A task on its way to a point, and the calls that are tried there."""

    def __init__(self, point: Point, evaluated: bool) -> None:
        self.point, self.evaluated = point, evaluated
        self.world = world = World()
        for owner in (*OWNERS, ROLES["stranger"]):
            world.must(world.register(owner, SKILL))
        for agent_id, owner in ((1, OWNERS[0]), (NEWCOMER, ROLES["stranger"])):
            world.must(world.set_wallet(owner, agent_id, ROLES["wallet"], world.now_s + 300))
        world.must(world.deposit(ROLES["requester"], ROLES["requester"], 10**6))
        evaluation = {"evaluator": POOL, "evaluation_window_s": 20, "evaluation_fee_wei": 9} if evaluated else {}
        self.task: Task = new_task(world, router=CONTRACT, open=point.open, min_seats=1, **evaluation)
        self.task_id = world.task_id(self.task)
        self.offers = [
            world.offer(self.task_id, Bid(i + 1, 900, 1, self.task.bid_end_s), wallet)
            for i, wallet in enumerate(SEATED_WALLETS)
        ]
        #: An inconclusive task has three answers.
        distinct = point.outcome is State.INCONCLUSIVE
        self.openings = [opening(bytes([i]) if distinct else b"42", i) for i in range(3)]
        self.start_s = world.now_s

    def seconds(self, when: tuple[str, int]) -> int:
        task, (deadline, shift) = self.task, when
        ends = (task.bid_end_s, task.commit_end_s, task.reveal_end_s, task.evaluation_end_s)
        return (self.start_s if deadline == "start" else ends[DEADLINES.index(deadline)]) + shift

    def go(self) -> None:
        """To the point, by the shortest way."""
        world, task, point = self.world, self.task, self.point
        if not point.posted:
            return
        world.must(world.post(task.requester, task))
        if point.outcome is State.CANCELLED:
            world.must(world.cancel(task.requester, task))
            return
        if point.outcome is State.EXPIRED:
            world.chain.evm.at(self.seconds(point.since))
            world.must(world.settle(task.requester, task))
            return
        answers = point.outcome in (State.SETTLED, State.INCONCLUSIVE)
        seats = (R, R, R) if answers else (A, A, A) if point.outcome is State.VOID else point.seats
        if point.open:
            world.chain.evm.at(self.seconds(point.since))
            for i, wallet in enumerate(SEATED_WALLETS[: len(seats)]):
                world.must(world.take(wallet, task, i + 1))
        elif seats:
            world.must(world.award(task.requester, task, self.offers))
        for i, seat in enumerate(seats):
            if seat != A:
                o = self.openings[i]
                digest = commitment(self.task_id, i + 1, o.answer_digest, o.evidence_digest, o.salt)
                world.must(world.commit(SEATED_WALLETS[i], self.task_id, i, digest))
        world.chain.evm.at(self.seconds(point.since))
        for i, seat in enumerate(seats):
            if seat == R:
                world.must(world.reveal(task.requester, self.task_id, self.openings[i]))
        if point.outcome is not None:
            closing = world.evaluate(POOL, task, [0] * 16) if self.evaluated else world.settle(POOL, task)
            world.must(closing)

    def data(self, function: str) -> bytes:
        """A call that would be right, were it the time and the caller for it."""
        task, bids = self.task, [offer.bid for offer in self.offers]
        match function:
            case "post":
                return market.encode_post(task)
            case "hire":
                return market.encode_hire(task, bids)
            case "cancel":
                return market.encode_cancel(task)
            case "bid":
                return market.encode_bid(self.task_id, bids[0])
            case "award":
                return market.encode_award(task, bids)
            case "take":
                return market.encode_take(task, NEWCOMER)
            case "commit":
                return market.encode_commit(self.task_id, 0, bytes(32))
            case "reveal":
                return market.encode_reveal(self.task_id, self.openings[0])
            case "revealPlan":
                return encode(MARKET, "revealPlan", self.task_id, self.openings[0].as_tuple(), 1)
            case "revealAndSettle":
                return market.encode_reveal_and_settle(task, self.unopened())
            case "evaluate":
                return market.encode_evaluate(task, [0])
            case _:
                return market.encode_settle(task)

    def unopened(self) -> list[Opening]:
        return [o for o, seat in zip(self.openings, self.point.seats, strict=False) if seat == C]


@pytest.mark.parametrize(("name", "evaluated"), CELLS)
def test_cells(name: str, evaluated: bool) -> None:
    point = POINTS[name]
    life = Life(point, evaluated)
    life.go()
    calls = {function: life.data(function) for function in FUNCTIONS}
    evm, address = life.world.chain.evm, life.world.chain.market
    wrong = []
    for when, function, role in CELLS[name, evaluated]:
        if evm.time_s != life.seconds(when):
            evm.at(life.seconds(when))
            assert life.world.chain.read("stateOf", life.task_id) == state_at(point, when, evaluated), when
        error = evm.dry(ROLES[role], address, calls[function]).error
        found, want = error[0] if error else "ok", expected(point, when, function, role, evaluated)
        if found != want:
            wrong.append((when, function, role, found, want))
    assert not wrong


def test_no_cell_is_dropped() -> None:
    """Seventeen points × times × functions × roles: as many as there are, and every state and outcome among them."""
    reachable = sum(len(list(times_of(point, e))) for point in POINTS.values() for e in (False, True))
    assert sum(map(len, CELLS.values())) == reachable * len(FUNCTIONS) * len(ROLES) == CELL_COUNT
    states = Counter(state_at(POINTS[n], when, e) for (n, e), cells in CELLS.items() for when, _, _ in cells)
    assert set(states) == set(State)
    outcomes = {
        (function, expected(POINTS[n], when, function, role, e))
        for (n, e), cells in CELLS.items()
        for when, function, role in cells
    }
    assert {function for function, outcome in outcomes if outcome == "ok"} == set(FUNCTIONS) - {"revealPlan"}
