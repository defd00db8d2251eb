"""A worker's seats: think, journal, commit, reveal when it may, settle with the last reveal or when nobody else did.

The order of writes is the safety argument: trace, then opening (slashing protection), then commit; answer file, then
reveal. A thought whose risk is too high is written down as a question to a person instead, and goes on from there with the
verdict. Each step is derived from the chain and the journal, so a restarted worker goes on where it stopped. Knows no
bidding.

Whoever reveals last settles in the same transaction, which saves a task about 28 000 gas. Nobody agrees on who that is: a
seat that sees all others revealed tries it, and where the contract says otherwise (the picture was old, a reorganisation took
a reveal away) it reveals plainly, and somebody settles, as if it had not tried. So a wrong guess costs gas, never the seat: it
is made only while half of the reveal window is left. The two ways are two writes in the journal, and one is not begun while the
other is out.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Any

from agent_runtime.bidding import confidence_bps
from agent_runtime.chain_book import TaskView
from agent_runtime.engines.protocol import Engine
from agent_runtime.errors import NeedsReview, NoAnswer, ReviewRefused
from agent_runtime.jobs import Jobs
from agent_runtime.outbox import Write, error_name
from agent_runtime.reasoning.calibration import Calibration
from agent_runtime.reasoning.cot import Thought, sign_off, task_prompt, think
from agent_runtime.service import log_event
from agent_runtime.slashing_protection import Opening
from agent_runtime.worker_core import Core
from agent_runtime.worker_spec import Spec, SpecLoader
from agent_runtime.worker_store import Review, Work
from symphony_chain.canonical import sha256
from symphony_chain.content.errors import StoreFull, StoreUnusable
from symphony_chain.errors import SymphonyError
from symphony_chain.market import encode_commit, encode_reveal, encode_reveal_and_settle, encode_settle
from symphony_chain.signing import derive_salt
from symphony_chain.skills import FULL_SCALE
from symphony_chain.spec import BeaconHeader, answer_digest
from symphony_chain.types import State

SeatKey = tuple[bytes, int]


@dataclass(frozen=True, slots=True)
class _Done:
    """A finished thought, and the task that it is about."""

    thought: Thought
    spec: Spec
    commit_end_s: int


class Seats:
    """Carries the agent's seats to their settlement.

    Args:
        executor: runs the thinking, one seat at a time.
        spec_of: the specification verified before the bid, by header digest, if it is still in memory.
        on_thought: told of every finished thought, for the estimate of speed.
        calibration: of this engine and way of thinking, if there is one.
        adapters: sha-256 of each adapter that the engine has on, for the traces.
    """

    def __init__(
        self,
        core: Core,
        engine: Engine,
        loader: SpecLoader,
        executor: Executor,
        *,
        spec_of: Callable[[bytes], Spec | None],
        on_thought: Callable[[Thought], None],
        calibration: Calibration | None = None,
        adapters: tuple[bytes, ...] = (),
    ) -> None:
        self._core = core
        self._adapters = adapters
        self._calibration = calibration
        self._engine = engine
        self._loader = loader
        self._thinking: Jobs[SeatKey, _Done] = Jobs(executor, limit=1)
        self._spec_of = spec_of
        self._on_thought = on_thought
        self._failed: set[SeatKey] = set()
        self._ready: dict[bytes, int] = {}  # first block at which a task could be settled
        self._revealing: dict[bytes, int] = {}  # first block at which this agent could have revealed, and let others go first

    def check_commits(self) -> None:
        """Compares every commitment of this key on chain with the journal; raises Doppelganger."""
        for view in self._core.book.tasks():
            self._check(view)

    def step(self, views: list[TaskView]) -> None:
        """Advances every seat by what the chain allows now; the one with the nearest deadline thinks first."""
        for key, future in self._thinking.done():
            self._take_thought(key, future)
        for view in sorted(views, key=lambda v: (v.task.commit_end_s, v.posted.number)):
            seat = self._check(view)
            if seat is not None and not view.closed:
                self._advance(view, seat)

    def forget(self, task_id: bytes) -> None:
        """Drops what is held for a task that has closed."""
        self._ready.pop(task_id, None)
        self._revealing.pop(task_id, None)
        self._failed = {key for key in self._failed if key[0] != task_id}

    def _check(self, view: TaskView) -> int | None:
        """Seat of this agent and this key, with its commitment checked; None where it has none."""
        seat = view.seat_of(self._core.agent_id)
        if seat is None or view.seats[seat].wallet != self._core.operator.address:
            return None
        if (on_chain := view.commits.get(seat)) is not None:
            self._core.protection.check_commit(view.task_id, seat, on_chain)
        return seat

    def _advance(self, view: TaskView, seat: int) -> None:
        state = view.state_at(self._core.head.timestamp)
        if state is State.AWARDED and seat not in view.commits:
            opening = self._core.protection.find(view.task_id, seat)
            review = None if opening is not None else self._core.store.review(view.task_id, seat)
            if opening is not None:
                self._commit(opening)
            elif review is not None:
                self._follow(review)
            else:
                self._think(view, seat)
        elif state is State.REVEALING and seat in view.commits and seat not in view.reveals:
            self._reveal(view, seat)
        if view.may_settle_at(self._core.head.timestamp):
            self._settle(view, seat)

    # ---- thinking ----------------------------------------------------------------------------------------------------

    def _think(self, view: TaskView, seat: int) -> None:
        key = (view.task_id, seat)
        if key in self._failed or key in self._thinking or self._thinking.full:
            return
        self._core.store.note(Work(view.task_id, seat, "thinking"))
        log_event("thinking", task_id=view.task_id, seat=seat)
        known_bps = confidence_bps(view.task, self._core.me.scores, self._core.config.bidding, self._priors)
        self._thinking.start(key, lambda: self._thought(view, 1 - known_bps / FULL_SCALE))
        for done, future in self._thinking.done():  # an inline executor has it at once
            self._take_thought(done, future)

    @property
    def _priors(self) -> Mapping[str, int]:
        return self._calibration.priors_bps() if self._calibration is not None else {}

    def _thought(self, view: TaskView, history: float) -> _Done:
        """Runs beside the worker's pass: reads the specification again if a restart lost it, and thinks."""
        spec = self._spec_of(view.task.header) or self._loader.load(view.task)
        if not isinstance(spec, Spec):
            raise NoAnswer(f"the specification is gone: {spec.detail}", hint="the requester took its files back")
        thought = think(
            self._engine,
            spec.header,
            spec.body,
            task_id=view.task_id,
            agent_id=self._core.agent_id,
            policy=self._core.config.thinking,
            clock=self._core.clock,
            history=history,
            calibration=self._calibration,
            adapters=self._adapters,
        )
        return _Done(thought, spec, view.task.commit_end_s)

    def _take_thought(self, key: SeatKey, future: Future[_Done]) -> None:
        task_id, seat = key
        try:
            done = future.result()
        except (StoreFull, StoreUnusable):
            raise
        except Exception as error:  # the engine is foreign code: one task's failure must not stop the others
            self._fail(key, error)
            return
        thought = done.thought
        self._on_thought(thought)
        stage = "review" if thought.needs_review else "thought"
        doubts: dict[str, Any] = {}
        if thought.confidence is not None:
            doubts["confidence"] = round(thought.confidence, 4)
        if thought.risk is not None:
            doubts["risk"] = thought.risk.score
        log_event(
            "thought",
            task_id=task_id,
            seat=seat,
            share_bps=thought.share_bps,
            thinking_s=round(thought.thinking_s, 3),
            **doubts,
        )
        detail = self._ask(key, done) if thought.needs_review else ""
        self._core.store.note(Work(task_id, seat, stage, detail, thought.thinking_s, thought.tokens))
        if not thought.needs_review:
            assert thought.answer is not None
            self._commit(self._journal(key, thought.answer, thought.trace))

    def _ask(self, key: SeatKey, done: _Done) -> str:
        """Writes the question to a person; the seat goes on when the verdict is there, and is lost without one. Returns why."""
        (task_id, seat), thought = key, done.thought
        assert thought.risk is not None
        review = Review(
            task_id=task_id,
            seat=seat,
            header=done.spec.header.to_json(),
            prompt=task_prompt(done.spec.body),
            answer=thought.answer,
            share_bps=thought.share_bps,
            risk=thought.risk.score,
            trace=thought.trace,
            commit_end_s=done.commit_end_s,
        )
        self._core.store.ask(review)
        reason = NeedsReview(
            f"the risk of the answer is {review.risk:.2f}, at least {self._high:.2f}",
            hint=f"`symphony agent review {self._core.config.name}` shows it; decide before {review.commit_end_s}",
        )
        log_event("needs_review", level=logging.WARNING, task_id=task_id, seat=seat, **reason.as_dict())
        return f"{reason.code}: {reason}"

    @property
    def _high(self) -> float:
        policy = self._core.config.thinking.escalation
        assert policy is not None  # without one nobody is asked
        return policy.high

    def _follow(self, review: Review) -> None:
        """Does what the person said, as soon as it is said."""
        key = (review.task_id, review.seat)
        if review.verdict == "waiting" or key in self._failed:
            return
        if review.verdict == "refused":
            self._fail(key, ReviewRefused("a person refused the answer", hint="the seat does not commit"))
            return
        approved = review.verdict == "approved"
        answer = review.answer if approved else review.own_answer
        assert answer is not None  # an answer that is not there cannot be approved
        trace = sign_off(review.trace, answer, BeaconHeader.parse(review.header), approved=approved)
        log_event("reviewed", task_id=review.task_id, seat=review.seat, verdict=review.verdict)
        self._commit(self._journal(key, answer, trace))

    def _fail(self, key: SeatKey, error: Exception) -> None:
        task_id, seat = key
        self._failed.add(key)
        code = error.code if isinstance(error, SymphonyError) else type(error).__name__
        self._core.store.note(Work(task_id, seat, "failed", f"{code}: {error}"))
        log_event("no_commit", level=logging.WARNING, task_id=task_id, seat=seat, code=code, detail=str(error))

    def _journal(self, key: SeatKey, answer: bytes, trace: bytes) -> Opening:
        """Trace into the content store, then the whole opening into slashing protection."""
        core, (task_id, seat) = self._core, key
        core.fault("trace.before_file")
        core.content.pin(core.content.add(trace, "trace").cid, "worker")
        core.fault("trace.after_file")
        opening = Opening(
            task_id=task_id,
            seat=seat,
            agent_id=core.agent_id,
            answer=answer,
            answer_digest=answer_digest(answer),
            evidence_digest=sha256(trace),
            salt=derive_salt(bytes(core.operator.key), task_id),
        )
        return core.protection.record(opening)

    # ---- chain -------------------------------------------------------------------------------------------------------

    def _commit(self, opening: Opening) -> None:
        data = encode_commit(opening.task_id, opening.seat, opening.commitment)
        self._write("commit", opening.task_id, opening.seat, data)

    def _reveal(self, view: TaskView, seat: int) -> None:
        core, name = self._core, f"{view.task_id.hex()}/{seat}"
        early = 2 * (view.task.reveal_end_s - core.head.timestamp) >= view.task.reveal_window_s
        plainly, settles = (core.outbox.is_out(f"{op}/{name}") for op in ("reveal", "reveal_and_settle"))
        if early and not plainly and not settles:
            settles = view.is_last_reveal(seat)
            if not settles and self._lets_others_go_first(view, seat):
                return
        opening = core.protection.find(view.task_id, seat)
        assert opening is not None  # `_check` has compared it with the chain
        # Only now: before all have committed, anyone could have asked our gateway for the few answers that are possible.
        core.fault("answer.before_file")
        core.content.pin(core.content.add(opening.answer, "answer").cid, "worker")
        core.fault("answer.after_file")
        published = opening.published()
        if settles:
            data = encode_reveal_and_settle(view.task, [published])
            if self._write("reveal_and_settle", view.task_id, seat, data).status != "refused":
                return
        self._write("reveal", view.task_id, seat, encode_reveal(view.task_id, published))

    def _lets_others_go_first(self, view: TaskView, seat: int) -> bool:
        """Reveals become possible for all seats in one block, so all would send at once and nobody would be last: the highest of
        them waits for the others, as long as a second seat would wait with settling.
        """
        if not view.ends_with_reveals or seat != max(view.commits):
            return False
        since = self._revealing.setdefault(view.task_id, self._core.head.number)
        return self._core.head.number < since + self._core.config.settle_stagger_blocks

    def _settle(self, view: TaskView, seat: int) -> None:
        """Where no reveal did it: seat 0 settles at once, the others in turn where nobody did; a lost race is no error."""
        head = self._core.head.number
        ready = self._ready.setdefault(view.task_id, head)
        if head >= ready + seat * self._core.config.settle_stagger_blocks:
            self._write("settle", view.task_id, seat, encode_settle(view.task))

    def _write(self, op: str, task_id: bytes, seat: int, data: bytes) -> Write:
        write = self._core.write(op, f"{op}/{task_id.hex()}/{seat}", data)
        if write.status == "refused":
            name = error_name(write.error) or str(write.error)
            log_event("write_refused", level=logging.DEBUG, op=op, task_id=task_id, seat=seat, error=name)
        return write
