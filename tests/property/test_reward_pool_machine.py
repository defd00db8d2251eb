"""A state machine drives the pool's bytecode and its reference model side by side, on real settlements of a real market.

After each step: equal success or revert, equal events (pool's and market's), equal figures, and Conservation to the wei: by
place, by flow, and against the market's balance. At the end of each run time and permissionless calls pay every seat (Liveness),
no seat has more than it gave, and what epochs came to does not depend on when anybody advanced.
"""

from __future__ import annotations

import copy
from collections import defaultdict

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from symphony_chain.model.context import Call
from symphony_chain.reward_events import Finalised
from symphony_chain.rewards import PoolTerms
from symphony_chain.types import Receipt
from tests.property.pool_world import STRANGER, PoolWorld, gifts_wei, ok

#: Another rhythm than the default's comes by in every other run.
RHYTHMS = (PoolTerms(60, 1, 4), PoolTerms(30, 3, 2), PoolTerms(60, 2, 1))
picks = st.integers(0, 1_000)
seats = st.sets(st.integers(0, 3), min_size=1)


class PoolMachine(RuleBasedStateMachine):
    """Tasks of one to three seats in three tokens; recorded in time, late or never."""

    world: PoolWorld

    def __init__(self) -> None:
        super().__init__()
        self.got_wei: dict[tuple[bytes, int], int] = defaultdict(int)
        self.touched = True

    @initialize(rhythm=st.sampled_from(RHYTHMS))
    def start(self, rhythm: PoolTerms) -> None:
        self.world = PoolWorld(rhythm)

    # --- steps ---

    @rule(
        token=st.integers(0, 2),
        price_wei=st.sampled_from([1_000, 10**18 + 7, 1, 19, 10**12]),
        shared_bps=st.sampled_from([2_000, 10_000, 3_333, 1, 0]),
        agents=st.sampled_from([(1,), (2, 3), (1, 2, 4), (3, 1, 2)]),
        dissent=st.booleans(),
        recorded=st.booleans(),
    )
    def work(
        self, token: int, price_wei: int, shared_bps: int, agents: tuple[int, ...], dissent: bool, recorded: bool
    ) -> None:
        receipt = self.world.settled(
            shared_bps, price_wei=price_wei, agents=agents, dissent=dissent, token=self.world.tokens[token]
        )
        if recorded:
            self.world.record(receipt)
        self.touched = True

    @rule(epochs=st.sampled_from([0, 1, 1, 1, 2, 3, 300]), seconds=st.integers(0, 40))
    def wait(self, epochs: int, seconds: int) -> None:
        if epochs:
            self.world.wait(epochs)
        self.world.chain.evm.at(self.world.now_s + seconds)

    @rule(pick=picks)
    def record(self, pick: int) -> None:
        """Often in vain: recorded already, or nothing to record."""
        if receipt := self.receipt(pick):
            self.world.record(receipt)
            self.touched = True

    @rule(token=st.integers(0, 2), count=st.integers(0, 8))
    def advance(self, token: int, count: int) -> None:
        ok(self.world.advance(count, self.world.tokens[token]))
        self.touched = True

    @rule(pick=picks, seats=seats)
    def share(self, pick: int, seats: set[int]) -> None:
        """Often in vain: not final, no such seat, paid already."""
        if receipt := self.receipt(pick):
            for seat in sorted(seats):
                self.pay(receipt, seat)
            self.touched = True

    @invariant()
    def figures_agree_and_nothing_is_lost(self) -> None:
        if self.touched:
            self.world.compare_pool()
        self.touched = False

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        world = self.world
        world.wait(5)
        for receipt in world.receipts.values():
            world.record(receipt)
        world.wait(10)
        for token in world.tokens:
            ok(world.advance(token=token))
            assert self.finalised(token) == self.told_in_one_go(token)
        for receipt in world.receipts.values():
            for seat in range(3):
                self.pay(receipt, seat)
        world.compare_pool()
        for token in world.tokens:
            assert not any(e.reserve_wei or e.unpaid_wei for e in world.pool.books[token].epochs.values())
            assert world.unrecorded_wei(token) == 0

    # --- inside ---

    def receipt(self, pick: int) -> Receipt | None:
        receipts = list(self.world.receipts.values())
        return receipts[pick % len(receipts)] if receipts else None

    def pay(self, receipt: Receipt, seat: int) -> None:
        agent_id = receipt.results[seat].agent_id if seat < len(receipt.results) else 0
        token = receipt.task.token
        before_wei = self.world.chain.read("accountOf", agent_id, token)[0]
        outcome = self.world.share(receipt, seat)
        if outcome.ok:
            self.got_wei[self.world.task_id(receipt.task), seat] += (
                self.world.chain.read("accountOf", agent_id, token)[0] - before_wei
            )
            assert self.got_wei[self.world.task_id(receipt.task), seat] <= gifts_wei(receipt)[seat]

    def finalised(self, token: str) -> list[Finalised]:
        return [e for e in self.world.pool.events if isinstance(e, Finalised) and e.token == token]

    def told_in_one_go(self, token: str) -> list[Finalised]:
        """What the epochs come to if nobody advances until the end: from the pots alone."""
        pool = copy.copy(self.world.pool)
        book = copy.deepcopy(pool.books[token])
        book.next_epoch = book.carry_wei = 0
        pool.books, pool.events = defaultdict(type(book), {token: book}), []
        pool.advance(Call(STRANGER, self.world.now_s), token, 10**6)
        return [e for e in pool.events if isinstance(e, Finalised)]


TestRewardPool = PoolMachine.TestCase
if settings.get_current_profile_name() != "long":
    TestRewardPool.settings = settings(
        max_examples=20, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
    )
