"""A worker's bidding: looks at every open task, fetches and verifies its specification, and bids or says why not.

A decision is on disk before its bid is sent. Knows no thinking and no seats.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Executor

from agent_runtime.bidding import TRANSIENT, Effort, Offer, Reason, Refusal, Standing, decide, screen_task
from agent_runtime.chain_book import TaskView
from agent_runtime.errors import PromptTooLong
from agent_runtime.jobs import Jobs
from agent_runtime.outbox import error_name
from agent_runtime.worker_core import Core, log_event
from agent_runtime.worker_spec import Spec, SpecLoader
from agent_runtime.worker_store import Decision
from symphony_chain.content.errors import StoreFull, StoreUnusable
from symphony_chain.errors import SymphonyError
from symphony_chain.market import MarketClient, encode_bid
from symphony_chain.signing import sign_bid
from symphony_chain.types import Bid, State, Task

FETCHES = 4  # at a time: one slow gateway must not hold up the tasks of the others


class Bidder:
    """Decides about open tasks.

    Args:
        effort_of: what a specification will cost this agent; raises PromptTooLong.
    """

    def __init__(
        self,
        core: Core,
        loader: SpecLoader,
        market: MarketClient,
        executor: Executor,
        *,
        effort_of: Callable[[Spec], Effort],
    ) -> None:
        self._core = core
        self._loader = loader
        self._market = market
        # By header digest: tasks that ask the same are fetched once.
        self._fetches: Jobs[bytes, Spec | Refusal] = Jobs(executor, limit=FETCHES)
        self._specs: dict[bytes, Spec | Refusal] = {}
        self._effort_of = effort_of
        self._done: set[bytes] = set()  # decided for good, bid mined or refused by the contract
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
        self._done.discard(task_id)

    def reset(self) -> None:
        """After a reorganisation: what was done may be undone, so everything open is looked at again."""
        self._done.clear()

    def step(self, views: list[TaskView]) -> None:
        """One look at every task that can still be bid for."""
        self._take_specs()
        for view in views:
            if view.task_id not in self._done and view.state_at(self._core.head.timestamp) is State.OPEN:
                self._look(view)

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

    def _look(self, view: TaskView) -> None:
        if self._core.head.number < self._retry_at.get(view.task_id, 0):
            return
        known = self._core.store.decision(view.task_id)
        if known is not None and known.bid is not None and known.bid.agent_id == self._core.agent_id:
            self._send(view, known.bid)
        elif known is not None and known.bid is None and Reason(known.reason) not in TRANSIENT:
            self._done.add(view.task_id)
        else:
            self._consider(view)

    def _consider(self, view: TaskView) -> None:
        task, core = view.task, self._core
        declared = core.me.declared.get(task.page_id)
        early = screen_task(task, declared, core.head.timestamp, core.config.bidding)
        if early is not None:
            self._refuse(view.task_id, early)
            return
        spec = self._loaded(task)
        if spec is None:
            return
        if isinstance(spec, Refusal):
            self._refuse(view.task_id, spec)
            return
        try:
            effort = self._effort_of(spec)
        except PromptTooLong as error:
            self._refuse(view.task_id, Refusal(Reason.PROMPT_TOO_LONG, error.message))
            return
        free_wei = self._market.account(core.agent_id).accrued_wei if task.bond_wei else 0
        load = self._load()
        standing = Standing(declared, core.me.scores, free_wei, load, load * effort.thinking_s)
        verdict = decide(task, effort, standing, core.head.timestamp, core.config.bidding)
        if isinstance(verdict, Refusal):
            self._refuse(view.task_id, verdict)
        else:
            self._bid(view, verdict)

    def _load(self) -> int:
        """Seats not yet settled, and bids that may still become one."""
        agent_id, head = self._core.agent_id, self._core.head
        count = 0
        for view in self._core.book.tasks():
            if view.closed:
                continue
            open_bid = view.award is None and view.state_at(head.timestamp) is State.OPEN
            count += view.seat_of(agent_id) is not None or (open_bid and any(b.agent_id == agent_id for b in view.bids))
        return count

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
        self._send(view, bid)

    def _send(self, view: TaskView, bid: Bid) -> None:
        if any(b.agent_id == bid.agent_id and b.signature == bid.signature for b in view.bids):
            self._done.add(view.task_id)
            return
        write = self._core.write("bid", f"bid/{view.task_id.hex()}", encode_bid(view.task_id, bid))
        if write.status == "refused":
            self._refused(view, write.error)

    def _refused(self, view: TaskView, error: SymphonyError | None) -> None:
        """Bidding ended between our decision and the block: nothing was lost. Anything else may pass (a reorganisation can put
        a bid before the post or the registration that it needs), so it is tried again while bidding is open.
        """
        name = error_name(error) or str(error)
        if name == "WrongState" and error is not None and error.context["args"]["have"] != str(State.NONE.value):
            self._refuse(view.task_id, Refusal(Reason.TOO_LATE, f"the contract refused the bid: {name}"))
            return
        self._retry_at[view.task_id] = self._core.head.number + 1
        log_event("write_refused", level=logging.DEBUG, op="bid", task_id=view.task_id, error=name)

    def _refuse(self, task_id: bytes, refusal: Refusal) -> None:
        """Notes a refusal, once per reason; transient ones are asked again in the next block."""
        core = self._core
        if refusal.reason in TRANSIENT:
            self._retry_at[task_id] = core.head.number + 1
        else:
            self._done.add(task_id)
        if self._last.get(task_id) == (refusal.reason, refusal.detail):
            return
        self._last[task_id] = (refusal.reason, refusal.detail)
        decision = Decision(task_id, "refused", refusal.reason, refusal.detail, core.head.number)
        core.store.decide(core.agent_id, decision)
        log_event("refused", task_id=task_id, reason=str(refusal.reason), detail=refusal.detail)
