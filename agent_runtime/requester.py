"""The requester side: post, collect bids, choose, award, watch to the end, get the money back. Restartable at any point.

A request's task is journaled under its idempotency key before it is posted; everything else is read from the chain. Tasks
are driven together, one look per block. Used by the command line, the demo, the router and planners. Knows no models.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Self

from agent_runtime.awarding import Awarder, award_key
from agent_runtime.chain_book import TaskView
from agent_runtime.chain_view import ChainView
from agent_runtime.depositing import Depositor
from agent_runtime.outbox import Outbox, Write, error_name
from agent_runtime.requester_bids import Funnel, funnel, sort_bids
from agent_runtime.requester_outcome import Outcome, outcome_of
from agent_runtime.requester_store import Journaled, RequesterStore, whose
from agent_runtime.routing.screen import Router, ScreenRouter
from agent_runtime.task_request import TaskRequest, build
from symphony_chain.content import ContentStore
from symphony_chain.deploy import Deployment
from symphony_chain.errors import ChainUnavailable, Conflict, ContractError, Failure, NotFound
from symphony_chain.market import (
    MarketClient,
    encode_award,
    encode_cancel,
    encode_post,
    encode_settle,
    encode_withdraw,
)
from symphony_chain.rpc import Block, Rpc
from symphony_chain.signing import task_id as id_of
from symphony_chain.signing import task_salt
from symphony_chain.tx import TxSender
from symphony_chain.types import NATIVE, ZERO_ADDRESS, Bid, State, Task

MAX_ATTEMPTS = 3
#: First pause while waiting for a block; it doubles up to `poll_s`.
LEAST_PAUSE_S = 0.01


@dataclass(frozen=True, slots=True)
class PostedTask:
    """A task on chain, and the request behind it."""

    task: Task
    task_id: bytes
    key: str
    request: TaskRequest


@dataclass(frozen=True, slots=True)
class Progress:
    """A change that a task has made; ``stage`` is posted, bids, awarded, taken, committed, revealed or the final state's name."""

    task_id: bytes
    key: str
    stage: str
    detail: dict[str, object]
    block_number: int
    timestamp_s: int


class Requester:
    """Posts tasks and drives them to their end. Close it, or use it as a context manager.

    Args:
        sender: of the requester's key.
        store: content store that holds headers and bodies; a gateway must serve it at one of ``gateway_urls``.
        journal: path of the requester's journal.
        gateway_urls: base URLs that go into the headers.
        router: orders the bids; default: the screen.
        progress: told of every change.
        patience_s: how long the chain may stand still before it is given up.
        settle_grace_blocks: blocks after which the requester settles what no seat has settled.
        clock, sleep: monotonic seconds and pause; ``wall``: seconds since the epoch, for records only.
    """

    def __init__(
        self,
        rpc: Rpc,
        deployment: Deployment,
        sender: TxSender,
        store: ContentStore,
        *,
        journal: Path,
        gateway_urls: Sequence[str] = (),
        router: Router | None = None,
        progress: Callable[[Progress], None] = lambda _: None,
        poll_s: float = 0.2,
        patience_s: float = 60.0,
        settle_grace_blocks: int = 6,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._rpc = rpc
        self._deployment = deployment
        self._content = store
        self._gateway_urls = tuple(gateway_urls)
        self._progress = progress
        self._poll_s = poll_s
        self._patience_s = patience_s
        self.settle_grace_blocks = settle_grace_blocks
        self._clock = clock
        self._sleep = sleep
        self._journal = RequesterStore(journal, clock=wall)
        self._whose = whose(deployment, sender.account.address)
        self._outbox = Outbox(lambda _: sender, deployment)
        self._market = MarketClient(rpc, deployment.market)
        self._depositor = Depositor(self._outbox, rpc, self._market)
        self.view = ChainView(rpc, deployment, clock=clock, sleep=sleep)
        self._awarder = Awarder(self.view.book, self._outbox, deployment.market, router or ScreenRouter())
        self._unended = {row.task_id: row.task for row in self._journal.all(self._whose)}
        self._told: dict[bytes, tuple[object, ...]] = {}
        self._ready: dict[bytes, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the journal; the content store and the node stay the caller's."""
        self._journal.close()

    @property
    def address(self) -> str:
        """The requester."""
        return self._outbox.address

    # ---- posting -----------------------------------------------------------------------------------------------------

    def post(self, request: TaskRequest, idempotency_key: str) -> PostedTask:
        """`post_all` for one."""
        return self.post_all([(request, idempotency_key)])[0]

    def post_all(self, requests: Sequence[tuple[TaskRequest, str]]) -> list[PostedTask]:
        """Stores headers and bodies, journals the tasks, escrows and posts them, all in flight together. What a task in an ERC-20
        lacks in the market is deposited first, one task after the other.

        The same key again gives the same task, also after a crash.

        Raises:
            Conflict ``requester.key_reused``: the key stands for another request. Conflict ``tx.unfunded``; and what
            `Depositor.step` raises.
            ContractError: the market refuses the parameters. InvalidInput: a request is malformed; nothing of it is sent.
        """
        self._look()
        rows = [self._prepare(request, key) for request, key in requests]
        open_rows = dict(enumerate(rows))
        head = self._head()
        while open_rows:
            depositing = next((row.task_id for row in open_rows.values() if row.task.token != NATIVE), None)
            for index, row in list(open_rows.items()):
                request = requests[index][0]
                if self.view.book.task(row.task_id) is not None:
                    del open_rows[index]
                elif (write := self._submit_post(row, head, may_deposit=row.task_id == depositing)).status == "refused":
                    rows[index] = open_rows[index] = self._again(row, request, write)
                elif write.status == "mined" and self._market.state(row.task_id) is not State.NONE:
                    del open_rows[index]
            if open_rows:
                head = self._tick()
        return [PostedTask(row.task, row.task_id, key, req) for row, (req, key) in zip(rows, requests, strict=True)]

    def _prepare(self, request: TaskRequest, key: str) -> Journaled:
        """The journaled task of a key; a new one where there is none yet."""
        known = self._journal.find(self._whose, key)
        if known is None:
            return self._new(request, key, attempt=0)
        if known.request_digest != request.digest():
            raise Conflict(
                f"the idempotency key {key!r} stands for another request",
                hint="use a new key for a new request; repeat a request word for word to resume it",
                code="requester.key_reused",
                task_id="0x" + known.task_id.hex(),
            )
        return known

    def _new(self, request: TaskRequest, key: str, *, attempt: int) -> Journaled:
        now_s = self._rpc.head().timestamp
        built = build(
            request,
            requester=self.address,
            timestamp_s=now_s,
            salt=self._salt(now_s),
            gateway_urls=self._gateway_urls,
        )
        for data, kind in ((built.body.to_json(), "body"), (built.header.to_json(), "header")):
            self._content.pin(self._content.add(data, kind).cid, "requester")
        row = Journaled(key, request.digest(), attempt, id_of(self._deployment.domain, built.task), built.task)
        self._journal.record(self._whose, row)
        self._unended[row.task_id] = row.task
        return row

    def _salt(self, now_s: int) -> bytes:
        """Names the first desk at which no task of this requester may still sit."""
        for task_id, task in list(self._unended.items()):
            view = self.view.book.task(task_id)
            if task.evaluation_end_s < now_s or (view is not None and view.closed):
                del self._unended[task_id]
        taken, noise = {task.salt[-5:] for task in self._unended.values()}, secrets.token_bytes(27)
        salts = (task_salt(self.address, turn, noise) for turn in count())
        return next(salt for salt in salts if salt[-5:] not in taken)

    def _submit_post(self, row: Journaled, head: Block, *, may_deposit: bool) -> Write:
        """Native coins come along; an ERC-20 is deposited once the market would take the task but for that."""
        native = row.task.token == NATIVE
        write = self._write("post", row.task_id, encode_post(row.task), head, value_wei=row.task.escrow_wei if native else 0)
        if native or error_name(write.error) != "InsufficientBalance":
            return write
        if not may_deposit:
            return Write("pending")
        deposit = self._depositor.step(row.task_id, row.task, head.number)
        return deposit if deposit.status == "refused" else Write("pending")

    def _again(self, row: Journaled, request: TaskRequest, write: Write) -> Journaled:
        """A refused post: posted already, windows that have passed since it was journaled (made anew), or a real refusal."""
        name = error_name(write.error)
        if name == "TaskExists":
            return row
        late = name == "ParameterOutOfRange" and row.task.bid_end_s < self._rpc.head().timestamp + request.bid_window_s
        if late and row.attempt + 1 < MAX_ATTEMPTS and self._market.state(row.task_id) is State.NONE:
            return self._new(request, row.key, attempt=row.attempt + 1)
        assert write.error is not None
        raise write.error

    # ---- driving -----------------------------------------------------------------------------------------------------

    def drive(self, posted: PostedTask) -> Outcome:
        """`drive_all` for one."""
        return self.drive_all([posted])[0]

    def drive_all(self, posted: Sequence[PostedTask]) -> list[Outcome]:
        """Awards, watches and closes many tasks, one look per block, until each is final.

        Raises:
            ChainUnavailable: the chain is away or stands still for ``patience_s``; call again to go on.
        """
        outcomes: dict[bytes, Outcome] = {}
        wanted = len({item.task_id for item in posted})
        self._look()
        head = self._head()
        while True:
            for item in posted:
                view = self.view.book.task(item.task_id)
                if view is None or item.task_id in outcomes:
                    continue
                self._tell(item, view, head)
                if view.closed:
                    outcomes[item.task_id] = outcome_of(view, self.view.book)
                else:
                    self._advance(item, view, head)
            if len(outcomes) == wanted:
                break
            head = self._tick()
        return [outcomes[item.task_id] for item in posted]

    def _advance(self, item: PostedTask, view: TaskView, head: Block) -> None:
        state = view.state_at(head.timestamp)
        if state is State.OPEN:
            # A router that is named awards; the requester steps in where it is silent.
            routed = view.task.router not in (ZERO_ADDRESS, self.address)
            self._awarder.step(view, head, linger_s=None if routed else item.request.linger_s)
        elif state is State.UNAWARDED and item.request.give_up == "cancel":
            self._write("cancel", view.task_id, encode_cancel(view.task), head)
        elif view.may_settle_at(head.timestamp):
            ready = self._ready.setdefault(view.task_id, head.number)
            if state is State.UNAWARDED or head.number >= ready + self.settle_grace_blocks:
                self._write("close", view.task_id, encode_settle(view.task), head)

    # ---- single steps ------------------------------------------------------------------------------------------------

    def collect_bids(self, task_id: bytes) -> list[Bid]:
        """The bids that the contract would accept now, one per agent."""
        self.view.update()
        view = self._view(task_id)
        usable = sort_bids(self.view.book, view, self._head().timestamp).usable
        return [Bid(b.agent_id, b.price_wei, b.confidence_bps, b.expiry_s, b.signature) for b in usable.values()]

    def choose(self, task_id: bytes) -> list[Bid]:
        """Both stages of routing: the bids for `award`, best first."""
        return self._awarder.choose(self._view(task_id), self._head().timestamp)

    def award(self, task_id: bytes, bids: Sequence[Bid]) -> None:
        """Seats the first k acceptable bids, and waits until that is mined.

        Raises:
            ContractError: ``contract.TooFewSeats`` and the like.
        """
        data = encode_award(self._view(task_id).task, bids)
        self._outbox.complete("award", award_key(task_id, data), self._deployment.market, data)

    def cancel(self, task_id: bytes) -> None:
        """Takes a task back that nobody has been seated for; the escrow returns to the internal balance.

        Raises:
            NotFound: no such task of this requester. ContractError: it is awarded or closed.
        """
        self.view.update()
        data = encode_cancel(self._task(task_id))
        self._outbox.complete("cancel", f"cancel/{task_id.hex()}", self._deployment.market, data)

    def withdraw(self, to: str | None = None, token: str = NATIVE) -> int:
        """Takes the whole internal balance out; returns the amount in the token's smallest unit (0 where there is none)."""
        self._outbox.drain()
        amount_wei = self._market.balance(self.address, token)
        if amount_wei:
            nonce = self._rpc.get_nonce(self.address, "latest")
            data = encode_withdraw(self.address, to or self.address, amount_wei, token)
            self._outbox.complete("withdraw", f"withdraw/{nonce}/{amount_wei}", self._deployment.market, data)
        return amount_wei

    def resume(self, request: TaskRequest, idempotency_key: str) -> PostedTask:
        """The task of an earlier run, without posting anything; NotFound where the key is unknown."""
        row = self._journal.find(self._whose, idempotency_key)
        if row is None:
            raise NotFound(f"nothing was posted under {idempotency_key!r}", hint="post it", code="requester.unknown_key")
        return PostedTask(row.task, row.task_id, row.key, request)

    def explain(self, task_id: bytes) -> Funnel:
        """Why the seats are taken as they are: agents known, page, match, bids, seats, with the reasons of the rest."""
        self.view.update()
        return funnel(self.view.book, self._view(task_id), self._head().timestamp)

    # ---- helpers -----------------------------------------------------------------------------------------------------

    def _write(self, op: str, task_id: bytes, data: bytes, head: Block, *, value_wei: int = 0) -> Write:
        kind = op.split("/")[0]
        key, market = f"{op}/{task_id.hex()}", self._deployment.market
        return self._outbox.write(kind, key, market, data, value_wei=value_wei, head_number=head.number)

    def _tick(self) -> Block:
        """Waits for the next block (or the first), takes it in, and looks up what was sent."""
        end_s, pause_s = self._clock() + self._patience_s, min(LEAST_PAUSE_S, self._poll_s)
        while not self._look():
            if self._clock() >= end_s:
                raise ChainUnavailable(
                    f"no new block for {self._patience_s:g} s",
                    hint="is the chain producing blocks? Run the same command again to go on",
                    code="chain.stalled",
                )
            self._sleep(pause_s)
            pause_s = min(2 * pause_s, self._poll_s)
        return self._head()

    def _look(self) -> bool:
        """Takes in what the chain has made of it since the last look; False where that is nothing."""
        progress = self.view.update()
        if progress.rolled_back:
            self._outbox.resume()
            self._awarder.reset()
        if not (progress.new_blocks or progress.rolled_back):
            return False
        self._outbox.poll(self._head().number)
        return True

    def _head(self) -> Block:
        head = self.view.head
        if head is None:
            raise Failure("the chain has not been read yet", hint="call drive or explain first")
        return head

    def _view(self, task_id: bytes) -> TaskView:
        view = self.view.book.task(task_id)
        if view is None:
            raise NotFound(
                f"there is no task 0x{task_id.hex()} among those that are open or closed lately",
                hint="check the id; `symphony task show` asks the index, which keeps all",
                code="task.missing",
            )
        return view

    def _task(self, task_id: bytes) -> Task:
        row = self._journal.by_task(self._whose, task_id)
        return row.task if row is not None else self._view(task_id).task

    def _tell(self, item: PostedTask, view: TaskView, head: Block) -> None:
        """Reports a task's stage once per change."""
        for stage, detail in _stages(view):
            seen = self._told.setdefault(item.task_id, ())
            mark = (stage, *detail.values())
            if mark not in seen:
                self._told[item.task_id] = (*seen, mark)
                self._progress(Progress(item.task_id, item.key, stage, detail, view.touched.number, head.timestamp))


def _stages(view: TaskView) -> list[tuple[str, dict[str, object]]]:
    seats = len(view.seats)
    stages: list[tuple[str, dict[str, object]]] = [("posted", {})]
    if view.bids:
        stages.append(("bids", {"count": len(view.bids)}))
    if view.award:
        stages.append(("awarded", {"seats": seats, "price_wei": view.price_wei}))
    if view.taken:
        stages.append(("taken", {"seats": seats, "price_wei": view.price_wei}))
    if view.commits:
        stages.append(("committed", {"count": len(view.commits), "of": seats}))
    if view.reveals:
        stages.append(("revealed", {"count": len(view.reveals), "of": seats}))
    if view.closed:
        stages.append((view.state_at(0).name.lower(), {}))
    return stages


__all__ = ["ContractError", "Outcome", "PostedTask", "Progress", "Requester", "TaskRequest"]
