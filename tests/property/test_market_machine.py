"""A state machine drives the real bytecode and the reference model side by side, through every step and around every deadline.

After each step: equal success or revert (name and arguments), equal events, balances, heads, seats, earned words, accounts,
burnt coins; and coins held equal coins owed (Solvency, Conservation). At the end of each run time and permissionless calls
free every coin (Liveness).
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

from eth_utils.crypto import keccak
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from symphony_chain.model.market import OfferedBid
from symphony_chain.model.records import Tag
from symphony_chain.signing import commitment
from symphony_chain.types import NATIVE, ZERO_ADDRESS, Bid, State, Task
from tests.property.draws import (
    FAR_FUTURE_S,
    MAX_AGENTS,
    MAX_LIVE,
    MUTATIONS,
    Shape,
    actors,
    agent_ids,
    answers,
    bad_words,
    forms,
    picks,
    seldom,
    shapes,
    shifts,
    wei,
    words,
)
from tests.property.world import ACTORS, PAGES, Act, Opening, World


class MarketMachine(RuleBasedStateMachine):
    """Six actors who are requesters, routers, owners, wallets and strangers in turn; up to six agents and four tasks."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.touched: bytes | None = None
        self.salt = 0

    # --- beginnings ---

    @initialize(
        start=st.lists(words.filter(bool), min_size=4, max_size=5),
        offers=st.lists(shapes, min_size=2, max_size=2),
        bonded=st.booleans(),
    )
    def people(self, start: list[int], offers: list[Shape], bonded: bool) -> None:
        """A few agents, money in the market, and two tasks to begin with."""
        for i, word in enumerate(start):
            self.world.must(self.world.register(ACTORS[i], word))
            if bonded:
                self.world.must(self.world.fund_agent(ACTORS[i], i + 1, 20))
        for actor in ACTORS[3:]:
            self.world.must(self.world.deposit(actor, actor, 10**6))
        for i, shape in enumerate(offers):
            self.world.must(self.world.post(ACTORS[3 + i], self.new_task(ACTORS[3 + i], shape)))

    @rule(
        what=st.sampled_from(
            ["register", "declare", "wallet", "wallet", "unset", "transfer", "transfer", "approve"]
        ),
        agent_id=agent_ids,
        actor=actors,
        other=actors,
        odd=seldom,
        word=words | bad_words,
        page=st.sampled_from(PAGES),
        ahead_s=st.sampled_from([1, 300, 0, 301, -1]),
        form=forms,
    )
    def agents(
        self,
        what: str,
        agent_id: int,
        actor: str,
        other: str,
        odd: bool,
        word: int,
        page: bytes,
        ahead_s: int,
        form: str,
    ) -> None:
        """Registry calls: by the owner, or by anyone (`odd`)."""
        world = self.world
        owner = world.registry.owner_and_wallet(agent_id)[0]
        sender = actor if odd or owner == ZERO_ADDRESS else owner
        if what == "register":
            act = world.register(actor, word, page)
        elif what == "declare":
            act = world.declare(sender, agent_id, page, word)
        elif what == "wallet":
            act = world.set_wallet(
                sender, agent_id, other, world.now_s + ahead_s, form, actor if odd else other
            )
        elif what == "unset":
            act = world.unset_wallet(sender, agent_id)
        elif what == "transfer":
            act = world.transfer(sender, sender if odd else owner, other, agent_id)
        else:
            act = world.approve(sender, other, agent_id)
        if what != "register" or len(world.registry.agents) < MAX_AGENTS:
            world.do(act)

    # --- money ---

    @rule(
        sender=actors, account=actors, zero=seldom, value_wei=wei, agent_id=agent_ids, to_agent=st.booleans()
    )
    def pay_in(
        self, sender: str, account: str, zero: bool, value_wei: int, agent_id: int, to_agent: bool
    ) -> None:
        if to_agent:
            self.world.do(self.world.fund_agent(sender, agent_id, value_wei))
        else:
            self.world.do(self.world.deposit(sender, ZERO_ADDRESS if zero else account, value_wei))

    @rule(
        account=actors,
        other=actors,
        part=st.integers(0, 3),
        odd=seldom,
        odd_to=seldom,
        signed=st.booleans(),
        form=forms,
        ahead_s=shifts,
    )
    def withdraw(
        self,
        account: str,
        other: str,
        part: int,
        odd: bool,
        odd_to: bool,
        signed: bool,
        form: str,
        ahead_s: int,
    ) -> None:
        have_wei = self.world.market.balances[account, NATIVE]
        amount_wei = (have_wei, have_wei // 2, 0, have_wei + 1)[part]
        to = (ZERO_ADDRESS if part % 2 else self.world.chain.registry) if odd_to else other
        by = other if odd else account
        if not signed:
            self.world.do(self.world.withdraw(by, account, to, amount_wei))
            return
        deadline_s = self.world.now_s + ahead_s
        act = self.world.withdraw_signed(other, account, to, amount_wei, deadline_s, by, form=form)
        if self.world.do(act).ok:
            assert not self.world.do(act).ok, "replayed"

    @rule(
        agent_id=agent_ids,
        other=actors,
        who=st.sampled_from(["owner", "wallet", "other"]),
        to_owner=st.booleans(),
        signed=st.booleans(),
        form=forms,
        ahead_s=shifts,
    )
    def claim(
        self, agent_id: int, other: str, who: str, to_owner: bool, signed: bool, form: str, ahead_s: int
    ) -> None:
        owner, wallet = self.world.registry.owner_and_wallet(agent_id)
        by = {"owner": owner, "wallet": wallet, "other": other}[who]
        by = other if by == ZERO_ADDRESS else by
        to = owner if to_owner else other
        if not signed:
            self.world.do(self.world.claim(by, agent_id, to))
            return
        act = self.world.claim_signed(other, agent_id, to, self.world.now_s + ahead_s, by, form=form)
        if self.world.do(act).ok:
            assert not self.world.do(act).ok, "replayed"

    # --- time ---

    @precondition(lambda self: self.live())
    @rule(pick=picks, jump=st.booleans(), shift=shifts)
    def wait(self, pick: int, jump: bool, shift: int) -> None:
        """A second or two, or to just before, at, or just after the next deadline of a live task."""
        now_s = self.world.now_s
        task = self.task(pick)
        ahead = [end for end in (task.bid_end_s, task.commit_end_s, task.reveal_end_s) if end >= now_s]
        self.world.chain.evm.at(max(now_s, ahead[0] + shift) if jump and ahead else now_s + shift + 1)

    # --- life of a task ---

    @precondition(lambda self: len(self.live()) < MAX_LIVE)
    @rule(
        requester=actors,
        other=actors,
        shape=shapes,
        mutation=st.sampled_from([{}] * 30 + MUTATIONS),
        way=st.sampled_from(["deposit", "own", "signed"]),
        form=forms,
        odd=seldom,
    )
    def post(
        self,
        requester: str,
        other: str,
        shape: Shape,
        mutation: dict[str, object],
        way: str,
        form: str,
        odd: bool,
    ) -> None:
        task = replace(self.new_task(requester, shape), **mutation)  # type: ignore[arg-type]
        sender = other if odd else requester
        if way == "deposit":
            act = self.world.deposit_and_post(sender, task, max(0, task.escrow_wei - (1 if odd else 0)))
        elif way == "signed":
            act = self.world.post(other, task, signer=sender, form=form)
        else:
            act = self.world.post(sender, task)
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
        flaws=st.lists(st.sampled_from(["stranger", "late", "dear", "unknown", "twin"]), max_size=3),
    )
    def award(
        self,
        pick: int,
        order: object,
        who: str,
        other: str,
        signed: bool,
        form: str,
        crowd: bool,
        flaws: list[str],
    ) -> None:
        """Good bids of everyone, mixed with the good, bad and stale ones on record."""
        task = self.task(pick)
        task_id = self.world.task_id(task)
        if pick % 3:
            self.good_offers(task)
        for flaw in flaws:
            self.flawed_offer(task, flaw, other)
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
    @rule(
        pick=picks,
        answer=answers,
        sender=actors,
        signed=st.booleans(),
        form=forms,
        batch=st.sampled_from([0, 1, 2, 3]),
    )
    def go_on(self, pick: int, answer: bytes, sender: str, signed: bool, form: str, batch: int) -> None:
        """The task's next proper steps: one, all one by one, or several as one multicall; own or by signature."""
        acts = self.next_acts(self.task(pick), answer, sender, signed=signed or batch > 1, form=form)
        if batch > 1:
            self.world.do(self.world.multicall(sender, acts[:batch]))
            return
        for act in acts if batch else acts[:1]:
            self.world.do(act)

    # The same under other names: Hypothesis draws rules evenly, and a task's life is long.
    go_on_too = go_on
    go_on_still = go_on

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
        self.world.compare_storage(self.touched)
        if self.touched is not None:
            self.world.compare_state(self.touched)

    def teardown(self) -> None:
        self.world.compare_views()
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

    def good_offers(self, task: Task) -> list[OfferedBid]:
        """A proper bid of every agent."""
        task_id = self.world.task_id(task)
        return [
            self.world.offer(
                task_id, Bid(i, min(task.ceiling_wei, i), 8_000, FAR_FUTURE_S), agent.wallet or agent.owner
            )
            for i, agent in self.world.registry.agents.items()
        ]

    def flawed_offer(self, task: Task, flaw: str, stranger: str) -> None:
        """A bid with one flaw each: signed by a stranger, expired, too dear, of no agent, of an owner who bids twice."""
        now_s = self.world.now_s
        agent_id = {"unknown": 99, "twin": 2}.get(flaw, 1)
        wallet = self.world.registry.owner_and_wallet(agent_id)[1]
        signer = stranger if flaw in ("stranger", "unknown") else wallet
        price_wei = task.ceiling_wei + 1 if flaw == "dear" else 1
        expiry_s = now_s - 1 if flaw == "late" else now_s
        self.world.offer(self.world.task_id(task), Bid(agent_id, price_wei, 1, expiry_s), signer)

    def new_task(self, requester: str, shape: Shape) -> Task:
        self.salt += 1
        bid_end_s = self.world.now_s + shape.windows_s[0]
        return Task(
            requester, shape.router, NATIVE, shape.ceiling_wei, shape.base_bps, shape.bond_wei, 0, shape.page_id,
            shape.requirement, shape.min_match_bps, *shape.seats, shape.quorum_bps, bid_end_s,
            bid_end_s + shape.windows_s[1], shape.windows_s[2], ZERO_ADDRESS, 0, 0, 0, bytes(32), keccak(b"header"),
            self.salt.to_bytes(32, "big"),
        )  # fmt: skip

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
        if state is State.OPEN:
            signer = task.requester if signed else None
            return [
                world.award(sender if signed else task.requester, task, self.good_offers(task), signer, form)
            ]
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
        max_examples=50, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
    )
