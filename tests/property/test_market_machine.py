"""A state machine that drives the real bytecode and the reference model side by side, through every step and around every deadline.

After each step: equal success or revert (name and arguments), equal events, balances, heads, seats, earned words, accounts, burnt
coins; and coins held equal coins owed (Solvency, Conservation). At the end of each run time and permissionless calls free every coin
(Liveness).
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

from eth_utils.crypto import keccak
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from symphony_chain.model.records import Tag
from symphony_chain.signing import commitment
from symphony_chain.skills import pack_word
from symphony_chain.types import NATIVE, ZERO_ADDRESS, Bid, State, Task
from tests.property.world import ACTORS, FORMS, PAGES, Act, Opening, World

MAX_TASKS = 4
MAX_AGENTS = 6
FAR_FUTURE_S = 4_000_000_000

actors = st.sampled_from(ACTORS)
seldom = st.integers(0, 5).map(lambda n: n == 0)
agent_ids = st.integers(1, MAX_AGENTS + 1)
lanes = st.sampled_from([0, 300, 5_000, 10_000])
words = st.builds(lambda a, b: pack_word({0: a, 1: b}), lanes, lanes)
bad_words = st.sampled_from([10_001, 0xFFFF, 10_001 << 240, 0x8000 << 16])
forms = st.sampled_from(["plain"] * 6 + list(FORMS))
picks = st.integers(0, 7)
wei = st.sampled_from([0, 1, 7, 1_000, 10**18])
shifts = st.integers(-1, 1)
answers = st.sampled_from([b"17", b"True", b"x" * 256])

#: One changed field each: what `post` must refuse (or take, at the edge of a range).
MUTATIONS = [
    {"token": ACTORS[0]}, {"kind": 1}, {"evaluator": ACTORS[1]}, {"evaluation_window_s": 1}, {"evaluation_fee_wei": 1},
    {"shared_bps": 1}, {"parent": b"\x01" * 32}, {"requirement": 0}, {"requirement": 10_001}, {"ceiling_wei": 0},
    {"base_bps": 10_001}, {"base_bps": 10_000}, {"min_match_bps": 10_001}, {"min_match_bps": 10_000}, {"k": 0}, {"k": 17},
    {"k": 16}, {"min_seats": 0}, {"min_seats": 17}, {"quorum_bps": 0}, {"quorum_bps": 10_001}, {"quorum_bps": 10_000},
    {"reveal_window_s": 4}, {"reveal_window_s": 30 * 86_400 + 1}, {"bid_end_s": 1}, {"bid_end_s": FAR_FUTURE_S},
    {"commit_end_s": 1}, {"commit_end_s": FAR_FUTURE_S},
]  # fmt: skip


class MarketMachine(RuleBasedStateMachine):
    """Six actors who are requesters, routers, owners, wallets and strangers in turn; up to six agents and four tasks."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.touched: bytes | None = None
        self.salt = 0

    # --- beginnings ---

    @initialize(start=st.lists(words, min_size=3, max_size=4))
    def people(self, start: list[int]) -> None:
        for i, word in enumerate(start):
            self.world.must(self.world.register(ACTORS[i], word))
        for actor in ACTORS[3:]:
            self.world.must(self.world.deposit(actor, actor, 10**6))

    @precondition(lambda self: len(self.world.registry.agents) < MAX_AGENTS)
    @rule(owner=actors, word=words | bad_words, page=st.sampled_from(PAGES))
    def register(self, owner: str, word: int, page: bytes) -> None:
        self.world.do(self.world.register(owner, word, page))

    @rule(sender=actors, agent_id=agent_ids, page=st.sampled_from(PAGES), word=words | bad_words)
    def declare(self, sender: str, agent_id: int, page: bytes, word: int) -> None:
        self.world.do(self.world.declare(sender, agent_id, page, word))

    @rule(
        agent_id=agent_ids,
        wallet=actors,
        other=actors,
        odd=seldom,
        ahead=st.sampled_from([-1, 0, 1, 300, 301]),
        form=forms,
    )
    def set_wallet(self, agent_id: int, wallet: str, other: str, odd: bool, ahead: int, form: str) -> None:
        owner = self.world.registry.owner_and_wallet(agent_id)[0]
        sender = other if odd or owner == ZERO_ADDRESS else owner
        signer = other if odd else wallet
        self.world.do(self.world.set_wallet(sender, agent_id, wallet, self.world.now_s + ahead, form, signer))

    @rule(agent_id=agent_ids, from_=actors, to=actors, odd=seldom)
    def transfer(self, agent_id: int, from_: str, to: str, odd: bool) -> None:
        owner = self.world.registry.owner_and_wallet(agent_id)[0]
        if not odd and owner != ZERO_ADDRESS:
            from_ = owner
        self.world.do(self.world.transfer(from_, from_, to, agent_id))

    # --- money ---

    @rule(sender=actors, account=actors | st.just(ZERO_ADDRESS), value_wei=wei)
    def deposit(self, sender: str, account: str, value_wei: int) -> None:
        self.world.do(self.world.deposit(sender, account, value_wei))

    @rule(sender=actors, agent_id=agent_ids, value_wei=wei)
    def fund_agent(self, sender: str, agent_id: int, value_wei: int) -> None:
        self.world.do(self.world.fund_agent(sender, agent_id, value_wei))

    @rule(sender=actors, account=actors, own=st.booleans(), to=actors, part=st.integers(0, 3), odd_to=seldom)
    def withdraw(self, sender: str, account: str, own: bool, to: str, part: int, odd_to: bool) -> None:
        have_wei = self.world.market.balances[account, NATIVE]
        amount_wei = (have_wei, have_wei // 2, 0, have_wei + 1)[part]
        if odd_to:
            to = ZERO_ADDRESS if part % 2 else self.world.chain.registry
        self.world.do(self.world.withdraw(account if own else sender, account, to, amount_wei))

    @rule(sender=actors, account=actors, signer=actors, odd=seldom, form=forms, ahead=shifts, replayed=seldom)
    def withdraw_signed(
        self, sender: str, account: str, signer: str, odd: bool, form: str, ahead: int, replayed: bool
    ) -> None:
        amount_wei = self.world.market.balances[account, NATIVE] // 2
        deadline_s = self.world.now_s + ahead
        by = signer if odd else account
        act = self.world.withdraw_signed(sender, account, sender, amount_wei, deadline_s, by, form=form)
        self.world.do(act)
        if replayed:
            assert not self.world.do(act).ok

    @rule(
        agent_id=agent_ids,
        sender=actors,
        to=actors,
        who=st.sampled_from(["owner", "wallet", "other"]),
        to_owner=st.booleans(),
    )
    def claim(self, agent_id: int, sender: str, to: str, who: str, to_owner: bool) -> None:
        owner, wallet = self.world.registry.owner_and_wallet(agent_id)
        caller = {"owner": owner, "wallet": wallet, "other": sender}[who]
        self.world.do(self.world.claim(caller, agent_id, owner if to_owner else to))

    @rule(
        agent_id=agent_ids,
        sender=actors,
        who=st.sampled_from(["owner", "wallet", "other"]),
        form=forms,
        ahead=shifts,
        replayed=seldom,
    )
    def claim_signed(
        self, agent_id: int, sender: str, who: str, form: str, ahead: int, replayed: bool
    ) -> None:
        owner, wallet = self.world.registry.owner_and_wallet(agent_id)
        by = {"owner": owner, "wallet": wallet, "other": sender}[who]
        if by == ZERO_ADDRESS:
            by = sender
        act = self.world.claim_signed(sender, agent_id, owner, self.world.now_s + ahead, by, form=form)
        self.world.do(act)
        if replayed:
            assert not self.world.do(act).ok

    # --- time ---

    @rule(step_s=st.integers(0, 2))
    def wait(self, step_s: int) -> None:
        self.world.chain.evm.at(self.world.now_s + step_s)

    @precondition(lambda self: self.live())
    @rule(pick=picks, deadline=st.integers(0, 2), shift=shifts)
    def jump(self, pick: int, deadline: int, shift: int) -> None:
        """To just before, at, or just after a deadline of a live task."""
        task = self.task(pick)
        target_s = (task.bid_end_s, task.commit_end_s, task.reveal_end_s)[deadline] + shift
        self.world.chain.evm.at(max(self.world.now_s, target_s))

    # --- life of a task ---

    @precondition(lambda self: len(self.world.tasks) < MAX_TASKS or not self.live())
    @rule(
        requester=actors,
        router=actors | st.just(ZERO_ADDRESS),
        ceiling_wei=st.sampled_from([1, 3, 1_000]),
        bond_wei=st.sampled_from([0, 0, 5]),
        requirement=words.filter(bool),
        shape=st.sampled_from([(1, 1), (2, 1), (3, 1), (3, 2), (3, 3), (5, 1)]),
        base_bps=st.sampled_from([0, 2_000, 3_333, 10_000]),
        quorum_bps=st.sampled_from([1, 5_000, 5_001, 6_667, 10_000]),
        min_match_bps=st.sampled_from([0, 0, 5_000]),
        page=st.sampled_from([PAGES[0], PAGES[0], PAGES[1]]),
        windows=st.tuples(st.integers(5, 15), st.integers(5, 15), st.integers(5, 15)),
        mutation=st.sampled_from([{}] * 60 + MUTATIONS),
        way=st.sampled_from(["own", "signed", "deposit", "deposit"]),
        form=forms,
        odd=seldom,
        other=actors,
    )
    def post(
        self,
        requester: str,
        router: str,
        ceiling_wei: int,
        bond_wei: int,
        requirement: int,
        shape: tuple[int, int],
        base_bps: int,
        quorum_bps: int,
        min_match_bps: int,
        page: bytes,
        windows: tuple[int, int, int],
        mutation: dict[str, object],
        way: str,
        form: str,
        odd: bool,
        other: str,
    ) -> None:
        self.salt += 1
        bid_end_s = self.world.now_s + windows[0]
        task = Task(
            requester, router, NATIVE, ceiling_wei, base_bps, bond_wei, 0, page, requirement, min_match_bps, shape[0],
            shape[1], quorum_bps, bid_end_s, bid_end_s + windows[1], windows[2], ZERO_ADDRESS, 0, 0, 0, bytes(32),
            keccak(b"header"), self.salt.to_bytes(32, "big"),
        )  # fmt: skip
        task = replace(task, **mutation)  # type: ignore[arg-type]
        if way == "deposit":
            act = self.world.deposit_and_post(
                other if odd else requester, task, task.escrow_wei - (1 if odd else 0)
            )
        elif way == "signed":
            act = self.world.post(other, task, signer=other if odd else requester, form=form)
        else:
            act = self.world.post(other if odd else requester, task)
        if self.world.do(act).ok:
            self.touched = self.world.task_id(task)
            again = self.world.do(self.world.post(requester, task))
            assert again.error == ("TaskExists", {"taskId": self.touched})

    @precondition(lambda self: self.live())
    @rule(pick=picks, sender=actors, odd=seldom, signed=st.booleans(), form=forms)
    def cancel(self, pick: int, sender: str, odd: bool, signed: bool, form: str) -> None:
        if not odd and pick % 3:  # most cancels would end tasks before their life begins
            return
        task = self.task(pick)
        by = sender if odd else task.requester
        act = self.world.cancel(sender, task, signer=by, form=form) if signed else self.world.cancel(by, task)
        self.world.do(act)

    @precondition(lambda self: self.live())
    @rule(
        pick=picks,
        agent_id=agent_ids,
        price=st.sampled_from([0, 1, 2, 900, 1_000, 1_001]),
        expiry=st.integers(-1, 30),
        stranger=actors,
        odd=seldom,
        form=forms,
        published=st.booleans(),
    )
    def bid(
        self,
        pick: int,
        agent_id: int,
        price: int,
        expiry: int,
        stranger: str,
        odd: bool,
        form: str,
        published: bool,
    ) -> None:
        task_id = self.world.task_id(self.task(pick))
        wallet = self.world.registry.owner_and_wallet(agent_id)[1]
        signer = stranger if odd or wallet == ZERO_ADDRESS else wallet
        offer = self.world.offer(
            task_id, Bid(agent_id, price, 8_000, self.world.now_s + expiry), signer, form
        )
        if published:
            self.world.do(self.world.bid(stranger, task_id, offer))

    @precondition(lambda self: self.live())
    @rule(
        pick=picks,
        order=st.randoms(use_true_random=False),
        who=st.sampled_from(["requester", "requester", "router", "other"]),
        other=actors,
        signed=st.booleans(),
        form=forms,
        crowd=seldom,
    )
    def award(
        self, pick: int, order: object, who: str, other: str, signed: bool, form: str, crowd: bool
    ) -> None:
        """Good bids of everyone, mixed with the good, bad and stale ones on record."""
        task = self.task(pick)
        task_id = self.world.task_id(task)
        for agent_id, agent in self.world.registry.agents.items():
            if agent_id % 2 == pick % 2:
                price_wei = min(task.ceiling_wei, agent_id)
                bid = Bid(agent_id, price_wei, 8_000, FAR_FUTURE_S)
                self.world.offer(task_id, bid, agent.wallet or agent.owner)
        offers = self.world.offers.get(task_id, [])[-10:]
        order.shuffle(offers)  # type: ignore[attr-defined]
        if crowd:
            offers = (offers * 33)[:33]
        by = {"requester": task.requester, "router": task.router, "other": other}[who]
        if by == ZERO_ADDRESS:
            by = other
        if signed:
            self.world.do(self.world.award(other, task, offers, signer=by, form=form))
        else:
            self.world.do(self.world.award(by, task, offers))
        self.touched = task_id

    @precondition(lambda self: self.live())
    @rule(pick=picks, answer=answers, sender=actors, odd=seldom, form=forms, batch=st.integers(0, 3))
    def go_on(self, pick: int, answer: bytes, sender: str, odd: bool, form: str, batch: int) -> None:
        """The task's next proper steps: as single calls, by signature, or several as one multicall."""
        acts = self.next_acts(self.task(pick), answer, sender, signed=odd or batch > 1, form=form)
        if batch > 1 and acts:
            self.world.do(self.world.multicall(sender, acts[:batch]))
        for act in acts[:1] if batch == 1 else ():
            self.world.do(act)

    @precondition(lambda self: self.live())
    @rule(
        pick=picks,
        seat=st.integers(0, 3),
        answer=answers,
        sender=actors,
        signed=st.booleans(),
        form=forms,
        own=st.booleans(),
    )
    def commit(
        self, pick: int, seat: int, answer: bytes, sender: str, signed: bool, form: str, own: bool
    ) -> None:
        task = self.task(pick)
        task_id = self.world.task_id(task)
        seats = self.world.market.tasks[task_id].seats
        by = seats[seat].wallet if own and seat < len(seats) else sender
        agent_id = seats[seat].agent_id if seat < len(seats) else 1
        digest = self.open(task_id, seat, agent_id, answer)
        act = self.world.commit(sender if signed else by, task_id, seat, digest, by if signed else None, form)
        self.world.do(act)

    @precondition(lambda self: self.live())
    @rule(
        pick=picks,
        seat=st.integers(0, 3),
        sender=actors,
        answer=answers,
        inline=st.sampled_from(["no", "own", "other", "long"]),
        wrong=seldom,
    )
    def reveal(self, pick: int, seat: int, sender: str, answer: bytes, inline: str, wrong: bool) -> None:
        task_id = self.world.task_id(self.task(pick))
        fallback = Opening(answer, hashlib.sha256(answer).digest(), bytes(32), bytes(32))
        opening = self.world.openings.get((task_id, seat), fallback)
        text = {"no": b"", "own": opening.answer, "other": answer, "long": b"y" * 257}[inline]
        if wrong:
            opening = replace(opening, salt=b"\xff" * 32)
        self.world.do(self.world.reveal(sender, task_id, seat, opening, text))

    @precondition(lambda self: self.live())
    @rule(pick=picks, sender=actors)
    def settle(self, pick: int, sender: str) -> None:
        self.world.do(self.world.settle(sender, self.task(pick)))

    @precondition(lambda self: self.world.market.tasks)
    @rule(pick=picks, sender=actors)
    def settle_closed(self, pick: int, sender: str) -> None:
        """NoDoubleSettle: a closed task refuses every step."""
        closed = [r.task for r in self.world.market.tasks.values() if r.phase.is_final]
        if closed:
            task = closed[pick % len(closed)]
            assert not self.world.do(self.world.settle(sender, task)).ok
            assert not self.world.do(self.world.cancel(task.requester, task)).ok
            assert not self.world.do(self.world.award(task.requester, task, [])).ok

    # --- after every step ---

    @invariant()
    def equal(self) -> None:
        self.world.compare_money()
        if self.touched is not None:
            self.world.compare_task(self.touched)

    def teardown(self) -> None:
        for task_id in self.world.market.tasks:
            self.world.compare_task(task_id)
        self.world.compare_registry()
        self.world.drain(ACTORS[0])

    # --- helpers ---

    def live(self) -> list[Task]:
        return [r.task for r in self.world.market.tasks.values() if not r.phase.is_final]

    def task(self, pick: int) -> Task:
        """A live task; now the one whose storage is compared after the step."""
        live = self.live()
        task = live[pick % len(live)]
        self.touched = self.world.task_id(task)
        return task

    def open(self, task_id: bytes, seat: int, agent_id: int, answer: bytes) -> bytes:
        """A commitment to an answer; its opening is remembered unless the seat is committed already."""
        opening = Opening(
            answer, hashlib.sha256(answer).digest(), keccak(b"trace"), keccak(task_id + bytes([seat]))
        )
        seats = self.world.market.tasks[task_id].seats
        if seat < len(seats) and seats[seat].tag is Tag.AWARDED:
            self.world.openings[task_id, seat] = opening
        return commitment(task_id, agent_id, opening.answer_digest, opening.evidence, opening.salt)

    def next_acts(self, task: Task, answer: bytes, sender: str, *, signed: bool, form: str) -> list[Act]:
        """What an honest crowd would do now, one act a seat."""
        world, task_id = self.world, self.world.task_id(task)
        state = world.market.state(task_id, world.now_s)
        seats = world.market.tasks[task_id].seats
        all_committed = all(seat.tag is not Tag.AWARDED for seat in seats)
        if state is State.AWARDED and not all_committed:
            return [
                world.commit(
                    sender if signed else seat.wallet,
                    task_id,
                    i,
                    self.open(task_id, i, seat.agent_id, answer),
                    seat.wallet if signed else None,
                    form,
                )
                for i, seat in enumerate(seats)
                if seat.tag is Tag.AWARDED
            ]
        if state in (State.AWARDED, State.REVEALING):
            known = [
                (i, world.openings.get((task_id, i))) for i, s in enumerate(seats) if s.tag is Tag.COMMITTED
            ]
            reveals = [
                world.reveal(sender, task_id, i, opening, opening.answer) for i, opening in known if opening
            ]
            return reveals or [world.settle(sender, task)]
        return [world.settle(sender, task)]


TestMarket = MarketMachine.TestCase
if settings.get_current_profile_name() != "long":
    TestMarket.settings = settings(
        max_examples=30, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
    )
