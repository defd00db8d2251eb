"""A state machine drives the real bytecode and the reference model side by side, through every step and around every deadline.

After each step: equal success or revert (name and arguments), equal events, balances, heads, seats, earned words, accounts; and
what the market holds of every token equals what it owes and what is burnt (Solvency, Conservation). At the end of each run time
and permissionless calls free every coin (Liveness).
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
from symphony_chain.types import NATIVE, ZERO_ADDRESS, Bid, Kind, Opening, Receipt, State, Task
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
    payments,
    picks,
    scores,
    seldom,
    shapes,
    shifts,
    wei,
    words,
)
from tests.property.world import ACTORS, FREE, PAGES, PRICED, Act, Plan, World

flaws = st.lists(st.sampled_from(["stranger", "late", "dear", "unknown", "twin"]), max_size=3)


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
        priced=st.booleans(),
    )
    def people(self, start: list[int], offers: list[Shape], bonded: bool, priced: bool) -> None:
        """A market where reputation is free or has a price, a few agents, money, and two tasks to begin with."""
        self.world = world = World(PRICED if priced else FREE)
        for i, word in enumerate(start):
            world.must(world.register(ACTORS[i], word))
        for token in world.tokens:
            if bonded:
                for i in range(len(start)):
                    world.must(world.fund_agent(ACTORS[i], i + 1, 20, token))
            for actor in ACTORS[3:]:
                world.must(world.deposit(actor, actor, 10**6, token))
        for i, shape in enumerate(offers):
            world.must(world.post(ACTORS[3 + i], self.new_task(ACTORS[3 + i], shape)))

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
        sender=actors,
        account=actors,
        zero=seldom,
        odd=seldom,
        amount_wei=wei,
        agent_id=agent_ids,
        to_agent=st.booleans(),
        token=picks,
    )
    def pay_in(
        self,
        sender: str,
        account: str,
        zero: bool,
        odd: bool,
        amount_wei: int,
        agent_id: int,
        to_agent: bool,
        token: int,
    ) -> None:
        money = self.token(token)
        if to_agent:
            self.world.do(self.world.fund_agent(sender, agent_id, amount_wei, money))
        else:
            to = ZERO_ADDRESS if zero else account
            self.world.do(self.world.deposit(sender, to, amount_wei, money, amount_wei + 1 if odd else None))

    @rule(
        account=actors,
        other=actors,
        part=st.integers(0, 3),
        odd=seldom,
        odd_to=seldom,
        signed=st.booleans(),
        form=forms,
        ahead_s=shifts,
        token=picks,
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
        token: int,
    ) -> None:
        money = self.token(token)
        have_wei = self.world.market.balances[account, money]
        amount_wei = (have_wei, have_wei // 2, 0, have_wei + 1)[part]
        to = (ZERO_ADDRESS if part % 2 else self.world.chain.registry) if odd_to else other
        by = other if odd else account
        if not signed:
            self.world.do(self.world.withdraw(by, account, to, amount_wei, money))
            return
        deadline_s = self.world.now_s + ahead_s
        act = self.world.withdraw_signed(
            other, account, to, amount_wei, deadline_s, by, token=money, form=form
        )
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
        token=picks,
    )
    def claim(
        self,
        agent_id: int,
        other: str,
        who: str,
        to_owner: bool,
        signed: bool,
        form: str,
        ahead_s: int,
        token: int,
    ) -> None:
        money = self.token(token)
        owner, wallet = self.world.registry.owner_and_wallet(agent_id)
        by = {"owner": owner, "wallet": wallet, "other": other}[who]
        by = other if by == ZERO_ADDRESS else by
        to = owner if to_owner else other
        if not signed:
            self.world.do(self.world.claim(by, agent_id, to, money))
            return
        deadline_s = self.world.now_s + ahead_s
        act = self.world.claim_signed(other, agent_id, to, deadline_s, by, token=money, form=form)
        if self.world.do(act).ok:
            assert not self.world.do(act).ok, "replayed"

    # --- time ---

    @precondition(lambda self: self.live())
    @rule(pick=picks, jump=st.booleans(), shift=shifts)
    def wait(self, pick: int, jump: bool, shift: int) -> None:
        """A second or two, or to just before, at, or just after the next deadline of a live task."""
        now_s = self.world.now_s
        task = self.task(pick)
        ends = (task.bid_end_s, task.commit_end_s, task.reveal_end_s, task.evaluation_end_s)
        ahead = [end for end in ends if end >= now_s]
        self.world.chain.evm.at(max(now_s, ahead[0] + shift) if jump and ahead else now_s + shift + 1)

    # --- life of a task ---

    @precondition(lambda self: len(self.live()) < MAX_LIVE)
    @rule(
        requester=actors,
        other=actors,
        shape=shapes,
        mutation=st.sampled_from([{}] * 30 + MUTATIONS),
        payment=payments,
        hired=seldom,
        signed=st.booleans(),
        form=forms,
        odd=seldom,
        flaws=flaws,
    )
    def post(
        self,
        requester: str,
        other: str,
        shape: Shape,
        mutation: dict[str, object],
        payment: str,
        hired: bool,
        signed: bool,
        form: str,
        odd: bool,
        flaws: list[str],
    ) -> None:
        """Post, or hire at once; own or by signature; paid by coins, by balance, or by both."""
        world = self.world
        task = replace(self.new_task(requester, shape), **mutation)  # type: ignore[arg-type]
        by = other if odd else requester
        sender = other if signed else by
        value_wei = self.payment(task, payment)
        if hired:
            offers = self.mixed_offers(task, flaws, other)
            act = world.hire(sender, task, offers, value_wei, signer=by if signed else None, form=form)
        else:
            act = world.post(sender, task, value_wei, signer=by if signed else None, form=form)
        if world.do(act).ok:
            self.touched = world.task_id(task)
            again = world.do(world.post(requester, task))
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
        flaws=flaws,
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
        offers = self.mixed_offers(task, flaws, other) if pick % 3 else self.world.offers.get(self.touched, [])[-10:]
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

    @precondition(lambda self: self.live())
    @rule(
        pick=picks,
        agent_id=agent_ids,
        other=actors,
        odd=seldom,
        signed=st.booleans(),
        form=forms,
        ahead_s=shifts,
    )
    def take(
        self, pick: int, agent_id: int, other: str, odd: bool, signed: bool, form: str, ahead_s: int
    ) -> None:
        """A free seat, for any agent, in any state."""
        task = self.task(pick)
        wallet = self.world.registry.owner_and_wallet(agent_id)[1]
        by = other if odd or wallet == ZERO_ADDRESS else wallet
        sender, signer = (other, by) if signed else (by, None)
        self.world.do(self.world.take(sender, task, agent_id, signer, form, ahead_s))

    @precondition(lambda self: self.live())
    @rule(
        pick=picks,
        replies=st.lists(answers, min_size=1, max_size=3),
        sender=actors,
        signed=st.booleans(),
        form=forms,
        batch=st.sampled_from([0, 1, 2, 3]),
        rounds=st.sampled_from([1, 1, 2, 4]),
        scores_bps=scores,
    )
    def go_on(
        self,
        pick: int,
        replies: list[bytes],
        sender: str,
        signed: bool,
        form: str,
        batch: int,
        rounds: int,
        scores_bps: list[int],
    ) -> None:
        """The task's next proper steps: one, all one by one, or several as one multicall; own or by signature."""
        task = self.task(pick)
        for _ in range(rounds):
            acts = self.next_acts(task, replies, sender, scores_bps, signed=signed or batch > 1, form=form)
            if batch > 1 and all(act.to == self.world.chain.market for act in acts):
                acts = [self.world.multicall(sender, acts[:batch])]
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
        closing=seldom,
    )
    def reveal(
        self, pick: int, seat: int, sender: str, answer: bytes, inline: str, wrong: bool, closing: bool
    ) -> None:
        """One seat's opening, right or wrong; or that of every seat and settle, in one."""
        task = self.task(pick)
        task_id = self.world.task_id(task)
        if closing:
            openings = [o for (of, _), o in sorted(self.world.openings.items()) if of == task_id]
            self.world.do(self.world.reveal_and_settle(sender, task, openings[: seat + 1]))
            return
        fallback = Opening(seat, hashlib.sha256(answer).digest(), bytes(32), bytes(32), answer)
        opening = self.world.openings.get((task_id, seat), fallback)
        text = {"no": b"", "own": opening.answer, "other": answer, "long": b"y" * 257}[inline]
        opening = replace(opening, answer=text, salt=b"\xff" * 32 if wrong else opening.salt)
        self.world.do(self.world.reveal(sender, task_id, opening))

    @precondition(lambda self: self.live())
    @rule(
        pick=picks,
        seat=st.integers(0, 3),
        sender=actors,
        flaw=st.sampled_from(["", "", "evidence", "swap", "tamper", "salt", "claim"]),
    )
    def reveal_plan(self, pick: int, seat: int, sender: str, flaw: str) -> None:
        """Through `Plans`, for a plan or for another task, with right or wrong receipts."""
        world, task = self.world, self.task(pick)
        key = (world.task_id(task), seat)
        plan = world.plans.get(key, Plan(bytes(32), ()))
        opening = world.openings.get(key, Opening(seat, bytes(32), plan.evidence, bytes(32)))
        receipts = [world.receipts.get(child, Receipt(task, b"", ())) for child in plan.children]
        if flaw == "evidence":
            plan = Plan(plan.trace_digest, (*plan.children, bytes(32)))
        elif flaw == "swap":
            receipts.reverse()
        elif flaw == "tamper":
            receipts = [replace(r, results=tuple(replace(s, weight=1) for s in r.results)) for r in receipts]
        elif flaw == "claim":
            receipts = [replace(r, task=replace(r.task, parent=key[0])) for r in receipts]
        elif flaw == "salt":
            opening = replace(opening, salt=b"\xff" * 32)
        world.do(world.reveal_plan(sender, task, opening, plan, receipts))

    @precondition(lambda self: self.plans())
    @rule(
        pick=picks,
        seat=st.integers(0, 2),
        shape=shapes,
        foreign=seldom,
        of_wallet=st.booleans(),
        stop=st.sampled_from([1, 3, 4, 4, 4, 4]),
        replies=st.lists(answers, min_size=1, max_size=3),
    )
    def child(
        self,
        pick: int,
        seat: int,
        shape: Shape,
        foreign: bool,
        of_wallet: bool,
        stop: int,
        replies: list[bytes],
    ) -> None:
        """A planner's child task, hired from its balance and worked off at once, or only so far."""
        world, plans = self.world, self.plans()
        plan = plans[pick % len(plans)]
        task_id = world.task_id(plan)
        seats = world.market.tasks[task_id].seats
        planner = seats[seat % len(seats)].agent_id
        owner, wallet = world.registry.owner_and_wallet(planner)
        by = world.registry.owner_and_wallet(planner % 3 + 1)[0] if foreign else wallet if of_wallet else owner
        shape = replace(shape, kind=0, evaluator=ZERO_ADDRESS, bond_wei=0, min_match_bps=0, token=0, open=False)
        task = replace(self.new_task(by, shape), parent=task_id)
        self.touched = world.task_id(task)
        offers = self.good_offers(task)
        if pick % 4:  # most planners hire others
            offers = [o for o in offers if world.registry.owner_and_wallet(o.bid.agent_id)[0] != owner]
        if not world.do(world.hire(by, task, offers, task.escrow_wei)).ok:
            return
        for _ in range(stop - 1):
            for act in self.next_acts(task, replies, by, [], signed=False, form="plain"):
                world.do(act)

    @precondition(lambda self: self.live())
    @rule(pick=picks, other=actors, odd=seldom, scores_bps=scores, signed=st.booleans(), form=forms)
    def evaluate(
        self, pick: int, other: str, odd: bool, scores_bps: list[int], signed: bool, form: str
    ) -> None:
        """Scores at any time, by the evaluator or by anyone."""
        task = self.task(pick)
        by = other if odd or task.evaluator == ZERO_ADDRESS else task.evaluator
        sender = other if signed else by
        self.world.do(self.world.evaluate(sender, task, scores_bps, by if signed else None, form))

    @precondition(lambda self: self.live())
    @rule(pick=picks, sender=actors)
    def settle(self, pick: int, sender: str) -> None:
        self.world.do(self.world.settle(sender, self.task(pick)))

    @precondition(lambda self: self.world.market.tasks)
    @rule(pick=picks, sender=actors)
    def settle_closed(self, pick: int, sender: str) -> None:
        """NoDoubleSettle: a closed task refuses every step."""
        world = self.world
        closed = [r.task for r in world.market.tasks.values() if r.phase.is_final]
        if closed:
            task = closed[pick % len(closed)]
            opening = Opening(0, bytes(32), bytes(32), bytes(32))
            for act in (
                world.settle(sender, task),
                world.cancel(task.requester, task),
                world.award(task.requester, task, []),
                world.take(sender, task, 1),
                world.commit(sender, world.task_id(task), 0, bytes(32)),
                world.reveal(sender, world.task_id(task), opening),
                world.evaluate(task.evaluator, task, [0] * 16),
            ):
                assert not world.do(act).ok

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

    def token(self, pick: int) -> str:
        return self.world.tokens[pick % len(self.world.tokens)]

    def live(self) -> list[Task]:
        return [r.task for r in self.world.market.tasks.values() if not r.phase.is_final]

    def plans(self) -> list[Task]:
        """Plan tasks with seats that have yet to commit."""
        now_s = self.world.now_s
        return [
            r.task
            for r in self.world.market.tasks.values()
            if r.task.kind == Kind.PLAN and r.state_at(now_s) is State.AWARDED
        ]

    def task(self, pick: int) -> Task:
        """A live task; now the one whose storage is compared after the step."""
        live = self.live()
        task = live[pick % len(live)]
        self.touched = self.world.task_id(task)
        return task

    def payment(self, task: Task, how: str) -> int:
        """Coins to send along; a task in a token takes none, whatever the way."""
        if task.token != NATIVE:
            return 1 if how == "less" else 0
        escrow_wei = min(task.escrow_wei, 10**20)  # nobody here has 2⁹⁶
        ways = {"exact": escrow_wei, "less": max(escrow_wei - 1, 0), "surplus": escrow_wei + 5, "half": escrow_wei // 2}
        return ways.get(how, 0)

    def good_offers(self, task: Task) -> list[OfferedBid]:
        """A proper bid of every agent."""
        task_id = self.world.task_id(task)
        return [
            self.world.offer(
                task_id, Bid(i, max(task.ceiling_wei - i, 0), 8_000, FAR_FUTURE_S), agent.wallet or agent.owner
            )
            for i, agent in self.world.registry.agents.items()
        ]

    def mixed_offers(self, task: Task, flaws: list[str], stranger: str) -> list[OfferedBid]:
        """Proper bids of everybody and flawed ones: the last ten on record."""
        self.good_offers(task)
        for flaw in flaws:
            self.flawed_offer(task, flaw, stranger)
        return self.world.offers[self.world.task_id(task)][-10:]

    def flawed_offer(self, task: Task, flaw: str, stranger: str) -> None:
        """A bid with one flaw each: signed by a stranger, expired, too dear, of no agent, of an owner who bids twice."""
        now_s = self.world.now_s
        agent_id = {"unknown": 99, "twin": 2}.get(flaw, 1)
        wallet = self.world.registry.owner_and_wallet(agent_id)[1]
        signer = stranger if flaw in ("stranger", "unknown") else wallet
        price_wei = min(task.ceiling_wei + 1, (1 << 96) - 1) if flaw == "dear" else 1
        expiry_s = now_s - 1 if flaw == "late" else now_s
        self.world.offer(self.world.task_id(task), Bid(agent_id, price_wei, 1, expiry_s), signer)

    def new_task(self, requester: str, shape: Shape) -> Task:
        self.salt += 1
        bid_end_s = self.world.now_s + shape.windows_s[0]
        tokens = self.world.tokens
        evaluation_s, fee_wei = shape.evaluation if shape.evaluator != ZERO_ADDRESS else (0, 0)
        return Task(
            requester, shape.router, tokens[shape.token % len(tokens)], shape.ceiling_wei, shape.base_bps, shape.bond_wei,
            shape.kind, shape.page_id, shape.requirement, shape.min_match_bps, *shape.seats, shape.quorum_bps, shape.open,
            bid_end_s, bid_end_s + shape.windows_s[1], shape.windows_s[2], shape.evaluator, evaluation_s, fee_wei,
            shape.shared_bps, bytes(32), keccak(b"header"), (self.salt << 64 | self.salt % 4).to_bytes(32, "big"),
        )  # fmt: skip

    def open(self, task_id: bytes, seat: int, agent_id: int, answer: bytes) -> bytes:
        """A commitment to an answer; its opening is remembered unless the seat is committed already. A plan names every child
        of the task, its own and others'."""
        tasks = self.world.market.tasks
        children = tuple(child for child, record in tasks.items() if record.task.parent == task_id)
        plan = Plan(keccak(b"trace"), children)
        salt = keccak(task_id + bytes([seat]))
        opening = Opening(seat, hashlib.sha256(answer).digest(), plan.evidence, salt, answer)
        seats = tasks[task_id].seats
        if seat < len(seats) and seats[seat].tag is Tag.AWARDED:
            self.world.openings[task_id, seat] = opening
            self.world.plans[task_id, seat] = plan
        return commitment(task_id, agent_id, opening.answer_digest, opening.evidence_digest, opening.salt)

    def next_acts(
        self, task: Task, replies: list[bytes], sender: str, scores_bps: list[int], *, signed: bool, form: str
    ) -> list[Act]:
        """What an honest crowd would do now, one act a seat; the seats give the replies in turn."""
        world, task_id = self.world, self.world.task_id(task)
        state = world.market.state(task_id, world.now_s)
        record = world.market.tasks[task_id]
        seats = record.seats
        if state is State.OPEN:
            signer = task.requester if signed else None
            return [world.award(sender if signed else task.requester, task, self.good_offers(task), signer, form)]
        if state is State.FREE or (state is State.AWARDED and record.free):
            return [
                world.take(sender if signed else wallet, task, agent_id, wallet if signed else None, form)
                for agent_id in world.registry.agents
                if (wallet := world.registry.owner_and_wallet(agent_id)[1])
                and all(seat.agent_id != agent_id for seat in seats)
            ][: max(record.free, 1)]
        if state is State.AWARDED and any(seat.tag is Tag.AWARDED for seat in seats):
            return [
                world.commit(
                    sender if signed else seat.wallet,
                    task_id,
                    i,
                    self.open(task_id, i, seat.agent_id, replies[i % len(replies)]),
                    seat.wallet if signed else None,
                    form,
                )
                for i, seat in enumerate(seats)
                if seat.tag is Tag.AWARDED
            ]
        if state in (State.AWARDED, State.REVEALING):
            known = [world.openings.get((task_id, i)) for i, s in enumerate(seats) if s.tag is Tag.COMMITTED]
            reveals = [
                world.reveal_plan(sender, task, opening, world.plans[task_id, opening.seat])
                if task.kind == Kind.PLAN
                else world.reveal(sender, task_id, opening)
                for opening in known
                if opening
            ]
            if reveals:
                return reveals
        if task.evaluator != ZERO_ADDRESS and state is not State.CLOSING:
            by = task.evaluator
            return [world.evaluate(sender if signed else by, task, scores_bps, by if signed else None, form)]
        return [world.settle(sender, task)]


TestMarket = MarketMachine.TestCase
if settings.get_current_profile_name() != "long":
    TestMarket.settings = settings(
        max_examples=50, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
    )
