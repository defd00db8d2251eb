"""A worker's bidding: looks at every open task, fetches and verifies its specification, and bids or says why not.

A free seat of a task that nobody awarded is taken by the same rules. A decision is on disk before it is sent. Knows no
thinking and no seats.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from typing import Literal

from agent_runtime.bidding import TRANSIENT, Effort, Offer, Reason, Refusal, Standing, decide, screen_task
from agent_runtime.chain_book import TaskView
from agent_runtime.errors import PromptTooLong
from agent_runtime.jobs import Jobs
from agent_runtime.outbox import error_name
from agent_runtime.service import log_event
from agent_runtime.worker_core import Core
from agent_runtime.worker_spec import Spec, SpecLoader
from agent_runtime.worker_store import Decision
from symphony_chain.content.errors import StoreFull, StoreUnusable
from symphony_chain.errors import SymphonyError
from symphony_chain.market import MarketClient, encode_bid, encode_take
from symphony_chain.signing import sign_bid
from symphony_chain.types import Bid, Skip, State, Task

FETCHES = 4  # at a time: one slow gateway must not hold up the tasks of the others
Verb = Literal["bid", "take"]
#: Why the contract gives no free seat → our word for it.
SEAT_REFUSALS = {
    Skip.MATCH_TOO_LOW: Reason.MATCH_LOW,
    Skip.OWNER_SEATED: Reason.OWNER_SEATED,
    Skip.BOND_UNFUNDED: Reason.BOND_UNFUNDED,
}


class Bidder:
    """Decides about open tasks.

    Args:
        effort_of: what a specification will cost this agent; raises PromptTooLong.
        priors_bps: tag → share of tasks that this agent gets right, as measured.
    """

    def __init__(
        self,
        core: Core,
        loader: SpecLoader,
        market: MarketClient,
        executor: Executor,
        *,
        effort_of: Callable[[Spec], Effort],
        priors_bps: Mapping[str, int] | None = None,
    ) -> None:
        self._core = core
        self._priors_bps = dict(priors_bps or {})
        self._loader = loader
        self._market = market
        # By header digest: tasks that ask the same are fetched once.
        self._fetches: Jobs[bytes, Spec | Refusal] = Jobs(executor, limit=FETCHES)
        self._specs: dict[bytes, Spec | Refusal] = {}
        self._effort_of = effort_of
        self._policy = market.policy()
        self._done: set[tuple[bytes, Verb]] = set()  # decided for good, mined or refused by the contract
        self._sent: set[tuple[bytes, Verb]] = set()  # what the picture may not show yet
        self._retry_at: dict[bytes, int] = {}  # block number before which a transient refusal is not asked again
        self._last: dict[bytes, tuple[str, str]] = {}

    def spec(self, header: bytes) -> Spec | None:
        """A specification that was verified before a bid, by header digest."""
        loaded = self._specs.get(header)
        return loaded if isinstance(loaded, Spec) else None

    def keep_specs(self, headers: set[bytes]) -> None:
        """Drops all specifications but these."""
        self._specs = {header: spec for header, spec in self._specs.items() if header in headers}

    def forget(self, task_id: bytes) -> None:
        """Drops what is held for a task that has closed."""
        self._retry_at.pop(task_id, None)
        self._last.pop(task_id, None)
        both: set[tuple[bytes, Verb]] = {(task_id, "bid"), (task_id, "take")}
        self._sent -= both
        self._done -= both

    def reset(self) -> None:
        """After a reorganisation: what was done may be undone, so everything open is looked at again."""
        self._done.clear()
        self._sent.clear()

    def step(self, views: list[TaskView]) -> None:
        """One look at every task that can still be bid for, or has a seat that can be taken."""
        self._take_specs()
        for view in views:
            verb = self._verb(view)
            if verb is not None and (view.task_id, verb) not in self._done:
                self._look(view, verb)

    def _verb(self, view: TaskView) -> Verb | None:
        """What may be done about a task in the next block."""
        now_s = self._core.head.timestamp
        if view.state_at(now_s) is State.OPEN:
            return "bid"
        return "take" if view.free_at(now_s) and view.seat_of(self._core.agent_id) is None else None

    def _take_specs(self) -> None:
        for header, future in self._fetches.done():
            try:
                self._specs[header] = future.result()
            except (StoreFull, StoreUnusable):
                raise
            except Exception as error:  # whatever a stranger's document provokes must not stop the worker
                self._specs[header] = Refusal(Reason.SPEC_INVALID, f"{type(error).__name__}: {error}")

    def _loaded(self, task: Task) -> Spec | Refusal | None:
        """The specification or what is wrong with it; None while it is fetched."""
        loaded = self._specs.get(task.header)
        if loaded is None and task.header not in self._fetches and not self._fetches.full:
            self._fetches.start(task.header, lambda: self._loader.load(task))
            self._take_specs()  # an inline executor has it at once
            loaded = self._specs.get(task.header)
        if isinstance(loaded, Refusal) and loaded.reason in TRANSIENT:
            del self._specs[task.header]  # fetched again when this task, or another one, is looked at again
        return loaded

    def _look(self, view: TaskView, verb: Verb) -> None:
        if self._core.head.number < self._retry_at.get(view.task_id, 0):
            return
        known = self._core.store.decision(view.task_id)
        if known is None:
            self._consider(view, verb)
        elif verb == "bid" and known.bid is not None and known.bid.agent_id == self._core.agent_id:
            self._send_bid(view, known.bid)
        elif verb == "take" and known.verdict == "take":
            self._send_take(view)
        elif known.verdict == "refused" and self._is_final(Reason(known.reason), verb):
            self._done.add((view.task_id, verb))
        else:
            self._consider(view, verb)

    def _is_final(self, reason: Reason, verb: Verb) -> bool:
        """Too late for a bid is not too late for a free seat."""
        return reason not in TRANSIENT and not (verb == "take" and reason is Reason.TOO_LATE)

    def _consider(self, view: TaskView, verb: Verb) -> None:
        task, core = view.task, self._core
        verdict = self._verdict(view)
        if isinstance(verdict, Refusal):
            self._refuse(view.task_id, verb, verdict)
        elif verdict is None:
            return  # its specification is being fetched
        elif verb == "bid":
            self._bid(view, verdict)
        else:
            detail = f"match {verdict.match_bps}"
            core.store.decide(core.agent_id, Decision(view.task_id, "take", "take", detail, core.head.number))
            log_event("take", task_id=view.task_id, price_wei=task.ceiling_wei, match_bps=verdict.match_bps)
            self._send_take(view)

    def _verdict(self, view: TaskView) -> Offer | Refusal | None:
        task, core = view.task, self._core
        declared = core.me.declared.get(task.page_id)
        early = screen_task(task, declared, core.head.timestamp, core.config.bidding) or self._owner_seated(view)
        if early is not None:
            return early
        spec = self._loaded(task)
        if not isinstance(spec, Spec):
            return spec
        try:
            effort = self._effort_of(spec)
        except PromptTooLong as error:
            return Refusal(Reason.PROMPT_TOO_LONG, error.message)
        load = self._load(view)
        standing = Standing(
            declared=declared,
            scores=core.me.scores,
            free_wei=self._free_wei(view),
            load=load,
            queue_s=load * effort.thinking_s,
            burn_bps=self._policy.score_burn_bps if task.token == self._policy.score_token else 0,
            priors_bps=self._priors_bps,
        )
        return decide(task, effort, standing, core.head.timestamp, core.config.bidding)

    def _owner_seated(self, view: TaskView) -> Refusal | None:
        """One task never seats two agents of one owner."""
        for seat in view.seats:
            other = self._core.book.agent(seat.agent_id)
            if other is not None and other.owner == self._core.owner:
                return Refusal(Reason.OWNER_SEATED, f"agent {seat.agent_id}")
        return None

    def _free_wei(self, view: TaskView) -> int:
        """Money that can back this task's bond: the account less the bonds of bids that may still become seats."""
        task, agent_id = view.task, self._core.agent_id
        if not task.bond_wei:
            return 0
        promised_wei = sum(
            other.task.bond_wei
            for other in self._core.book.tasks()
            if other.task_id != view.task_id and other.task.token == task.token and self._is_promised(other)
        )
        return self._market.account(agent_id, task.token).accrued_wei - promised_wei

    def _is_promised(self, view: TaskView) -> bool:
        """A bid or a take of ours that is not a seat yet, and still may become one."""
        agent_id = self._core.agent_id
        if view.seat_of(agent_id) is not None:
            return False
        verb = self._verb(view)
        shown = verb == "bid" and any(bid.agent_id == agent_id for bid in view.bids)
        return shown or (verb is not None and (view.task_id, verb) in self._sent)

    def _load(self, asked: TaskView) -> int:
        """Seats not yet settled, and bids and takes that may still become one."""
        agent_id = self._core.agent_id
        return sum(
            view.seat_of(agent_id) is not None or self._is_promised(view)
            for view in self._core.book.tasks()
            if not view.closed and view.task_id != asked.task_id
        )

    def _bid(self, view: TaskView, offer: Offer) -> None:
        core = self._core
        terms = Bid(core.agent_id, offer.price_wei, offer.confidence_bps, offer.expiry_s)
        bid = sign_bid(core.operator, core.deployment.domain, view.task_id, terms)
        detail = f"match {offer.match_bps}"
        core.store.decide(core.agent_id, Decision(view.task_id, "bid", "bid", detail, core.head.number, bid))
        log_event(
            "bid",
            task_id=view.task_id,
            price_wei=bid.price_wei,
            confidence_bps=bid.confidence_bps,
            match_bps=offer.match_bps,
        )
        self._send_bid(view, bid)

    def _send_bid(self, view: TaskView, bid: Bid) -> None:
        if any(b.agent_id == bid.agent_id and b.signature == bid.signature for b in view.bids):
            self._done.add((view.task_id, "bid"))
            return
        self._write(view, "bid", encode_bid(view.task_id, bid))

    def _send_take(self, view: TaskView) -> None:
        self._write(view, "take", encode_take(view.task, self._core.agent_id))

    def _write(self, view: TaskView, verb: Verb, data: bytes) -> None:
        self._sent.add((view.task_id, verb))
        write = self._core.write(verb, f"{verb}/{view.task_id.hex()}", data)
        if write.status == "refused":
            self._sent.discard((view.task_id, verb))
            self._refused(view, verb, write.error)

    def _refused(self, view: TaskView, verb: Verb, error: SymphonyError | None) -> None:
        """It ended between our decision and the block: nothing was lost. Anything else may pass (a reorganisation can put
        a bid before the post or the registration that it needs), so it is tried again while there is time.
        """
        name = error_name(error) or str(error)
        arguments = error.context["args"] if error is not None and error_name(error) else {}
        if name == "WrongState" and arguments["have"] != str(State.NONE.value):
            self._refuse(view.task_id, verb, Refusal(Reason.TOO_LATE, f"the contract refused the {verb}: {name}"))
            return
        if name == "SeatRefused" and (reason := SEAT_REFUSALS.get(Skip(int(arguments["reason"])))) is not None:
            self._refuse(view.task_id, verb, Refusal(reason, f"the contract refused the {verb}"))
            return
        self._retry_at[view.task_id] = self._core.head.number + 1
        log_event("write_refused", level=logging.DEBUG, op=verb, task_id=view.task_id, error=name)

    def _refuse(self, task_id: bytes, verb: Verb, refusal: Refusal) -> None:
        """Notes a refusal, once per reason; transient ones are asked again in the next block."""
        core = self._core
        if refusal.reason in TRANSIENT:
            self._retry_at[task_id] = core.head.number + 1
        else:
            self._done.add((task_id, verb))
        if self._last.get(task_id) == (refusal.reason, refusal.detail):
            return
        self._last[task_id] = (refusal.reason, refusal.detail)
        decision = Decision(task_id, "refused", refusal.reason, refusal.detail, core.head.number)
        core.store.decide(core.agent_id, decision)
        log_event("refused", task_id=task_id, reason=str(refusal.reason), detail=refusal.detail)
