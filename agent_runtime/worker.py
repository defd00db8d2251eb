"""A worker: registers its agent, follows the chain, bids, thinks, commits, reveals, settles, records, claims. A process an agent.

`step` is one deterministic pass without waiting; `run` repeats it. Deadlines are compared with the head's timestamp only.
The model sees a prompt and nothing else: no part of the engine ever gets a key. The process around it is in
`worker_process` (``python -m agent_runtime.worker --config FILE``).
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack
from typing import Self

from eth_account.signers.local import LocalAccount

from agent_runtime.bidding import PACE_STEP, Effort
from agent_runtime.chain_book import TaskView
from agent_runtime.chain_view import ChainView
from agent_runtime.config import WorkerConfig
from agent_runtime.engines.adapters import adapter_sha256
from agent_runtime.engines.protocol import Engine, check_room
from agent_runtime.errors import ConfigInvalid
from agent_runtime.faults import Fault, fault_from_env
from agent_runtime.outbox import Outbox
from agent_runtime.own_cards import keep_cards, own_cards
from agent_runtime.reasoning.calibration import Calibration, model_name
from agent_runtime.reasoning.cot import Thought, task_prompt
from agent_runtime.registration import Identity, Registrar
from agent_runtime.service import Unfunded, log_event, repeat
from agent_runtime.slashing_protection import ProtectionDb
from agent_runtime.worker_bids import FETCHES, Bidder
from agent_runtime.worker_copies import Copies
from agent_runtime.worker_core import Core
from agent_runtime.worker_gateway import GatewayServer
from agent_runtime.worker_pay import Payroll
from agent_runtime.worker_pool import Recorder
from agent_runtime.worker_seats import Seats
from agent_runtime.worker_spec import Spec, SpecLoader
from agent_runtime.worker_store import WorkerStore
from symphony_chain.content import ContentStore
from symphony_chain.deploy import Deployment
from symphony_chain.devnet.accounts import DEVNET_CHAIN_ID
from symphony_chain.errors import Conflict, Failure
from symphony_chain.market import MarketClient
from symphony_chain.rewards import RewardPoolClient
from symphony_chain.rpc import Rpc
from symphony_chain.tx import TxSender
from symphony_chain.tx_journal import TxJournal

#: Blocks after a reorganisation in which what it dropped should be mined again.
RECHECK_BLOCKS = 3


class Pace:
    """How fast this agent thinks, from its own seats: tokens per second, tokens per seat."""

    def __init__(self, config: WorkerConfig, totals: dict[str, float]) -> None:
        self.tokens_per_second = config.engine.tokens_per_second
        self.tokens_per_seat = config.thinking.samples * config.thinking.max_tokens / 2
        if totals["seats"] and totals["thinking_s"] > 0:
            self.tokens_per_second = totals["tokens"] / totals["thinking_s"]
            self.tokens_per_seat = totals["tokens"] / totals["seats"]

    def note(self, thought: Thought) -> None:
        """Takes one more thought into the estimate."""
        if thought.thinking_s > 0:
            measured = thought.tokens / thought.thinking_s
            self.tokens_per_second += PACE_STEP * (measured - self.tokens_per_second)
        self.tokens_per_seat += PACE_STEP * (thought.tokens - self.tokens_per_seat)

    def effort(self, prompt_tokens: int) -> Effort:
        """Estimate for a task."""
        tokens = round(prompt_tokens + self.tokens_per_seat)
        return Effort(max(1, tokens), tokens / max(1e-3, self.tokens_per_second))


class Worker:
    """One agent at work. `start` it, then call `step` or `run`; close it, or use it as a context manager.

    Args:
        owner, operator: unlocked keys; both are needed to register, the operator alone bids and commits.
        thinker, fetcher: where thinking and fetching run; `jobs.Inline` makes a step deterministic.
        clock: wall seconds, for records and measuring; never compared with a deadline.
    """

    def __init__(
        self,
        config: WorkerConfig,
        engine: Engine,
        rpc: Rpc,
        deployment: Deployment,
        *,
        owner: LocalAccount,
        operator: LocalAccount,
        thinker: Executor | None = None,
        fetcher: Executor | None = None,
        fault: Fault | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if owner.address == operator.address:
            raise ConfigInvalid(
                "owner and operator are one key", hint="make another one for the operator: `symphony key new`"
            )
        self.config = config
        self._engine = engine
        self._rpc = rpc
        self._deployment = deployment
        self._owner = owner
        self._operator = operator
        self._fault = fault or fault_from_env(deployment.chain_id)
        self._clock = clock
        self._thinker = thinker
        self._fetcher = fetcher
        self._stack = ExitStack()
        self.view = ChainView(rpc, deployment)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stops the gateway, waits for running work, and gives the key free; may be called again."""
        self._stack.close()

    @property
    def agent_id(self) -> int:
        return self._core.agent_id

    @property
    def gateway_url(self) -> str:
        return self._gateway.url

    # ---- start -------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Locks the key, opens the files, serves content, registers, and checks that the key commits nowhere else.

        Raises:
            CalibrationInvalid, ModelMissing, ModelCorrupt, ProtectionLocked, Doppelganger, WrongChain, Conflict (``tx.unfunded``,
            ``gateway.port_taken``), and what registering raises.
        """
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    def _start(self) -> None:
        config, enter = self.config, self._stack.enter_context
        self._load_mind()
        self._deployment.require(self._rpc)
        address = self._operator.address
        folder = config.protection_folder
        protection = enter(ProtectionDb(folder, self._deployment, address, clock=self._clock, fault=self._fault))
        config.data_dir.mkdir(parents=True, exist_ok=True)
        journal = enter(TxJournal(config.journal_path))
        store = enter(WorkerStore(config.record_path, clock=self._clock, fault=self._fault))
        content = enter(ContentStore(config.content_path, max_bytes=config.max_store_bytes))
        self._gateway = GatewayServer(content, host=config.gateway_host, port=config.gateway_port)
        self._stack.callback(self._gateway.close)
        self.view.update()
        owner_box = self._outbox(self._owner, journal)
        outbox = self._outbox(self._operator, journal)
        outbox.resume()
        gateway_url = config.gateway_url or self._gateway.url
        info = self._engine.info
        self._cards = keep_cards(own_cards(config, info, self._adapters), content)
        identity = Identity(config, self._deployment, self._owner, self._operator, info, gateway_url, self._cards)
        self._owner_box = owner_box
        self._registrar = Registrar(identity, self._rpc, self.view.book, owner_box, content, self._fault)
        agent_id = self._registrar.ensure()
        self.view.update()
        self._core = Core(
            config=config,
            deployment=self._deployment,
            agent_id=agent_id,
            owner=self._owner.address,
            operator=self._operator,
            book=self.view.book,
            outbox=outbox,
            store=store,
            content=content,
            protection=protection,
            fault=self._fault,
            clock=self._clock,
        )
        self._make_parts(store, content)
        self._seats.check_commits()
        log_event("ready", agent_id=agent_id, operator=address, gateway=gateway_url)

    def _load_mind(self) -> None:
        """Puts the adapter on the engine, and reads the calibration, which must be of both."""
        config, info, adapter = self.config, self._engine.info, ""
        self._calibration: Calibration | None = None
        self._adapters: tuple[bytes, ...] = ()
        if config.adapter is not None:
            adapter = adapter_sha256(config.adapter)
            self._engine.load_adapter(config.adapter)
            self._adapters = (bytes.fromhex(adapter),)
        if config.calibration is not None:
            self._calibration = Calibration.load(config.calibration)
            policy = config.thinking
            self._calibration.check(model_name(info.engine, info.model_sha256, adapter), policy.temperature, policy.samples)

    def _outbox(self, account: LocalAccount, journal: TxJournal) -> Outbox:
        def sender(fault: Fault) -> TxSender:
            return TxSender(self._rpc, account, journal, clock=self._clock, fault=fault)

        return Outbox(sender, self._deployment, fault=self._fault)

    def _make_parts(self, store: WorkerStore, content: ContentStore) -> None:
        config, core = self.config, self._core
        market = MarketClient(self._rpc, self._deployment.market)
        allow_local = self._deployment.chain_id == DEVNET_CHAIN_ID
        loader = SpecLoader(content, content_urls=config.content_urls, allow_local=allow_local, fault=self._fault)
        self._stack.callback(loader.close)
        fetcher = self._fetcher or self._pool(FETCHES, "fetch")
        thinker = self._thinker or self._pool(1, "think")
        self._pace = Pace(config, store.totals())
        known = self._calibration
        priors_bps = known.priors_bps() if known is not None else {}
        self._bidder = Bidder(core, loader, market, fetcher, effort_of=self._effort_of, priors_bps=priors_bps)
        self._seats = Seats(
            core,
            self._engine,
            loader,
            thinker,
            spec_of=self._bidder.spec,
            on_thought=self._pace.note,
            calibration=known,
            adapters=self._adapters,
        )
        self._recorder = Recorder(core, RewardPoolClient(self._rpc, self._deployment.pool))
        self._payroll = Payroll(core, market, self._owner_box)
        copier = self._fetcher or self._pool(1, "copy")
        self._copies = Copies(core, copier, config.content_urls, cards=self._cards)
        self._unfunded = Unfunded()
        self._open: set[bytes] = set()

    def _pool(self, threads: int, name: str) -> ThreadPoolExecutor:
        return self._stack.enter_context(ThreadPoolExecutor(threads, thread_name_prefix=name))

    def _effort_of(self, spec: Spec) -> Effort:
        prompt_tokens = self._engine.count_tokens(task_prompt(spec.body))
        check_room(prompt_tokens, self._engine.info.context_tokens)
        return self._pace.effort(prompt_tokens)

    # ---- work --------------------------------------------------------------------------------------------------------

    def step(self) -> bool:
        """One pass: reads the chain, then does everything that is possible now; True where the chain had moved. Never waits
        for a block.

        Raises:
            Doppelganger, ProtectionFailed and other failures of this machine: the worker must stop.
            ChainUnavailable: the node is away; call again later.
        """
        progress = self.view.update()
        core = self._core
        if progress.rolled_back:
            self._owner_box.resume()  # first: the operator's bids and commits need the registration
            core.outbox.resume()
            self._recheck_block = core.head.number + RECHECK_BLOCKS
            self._bidder.reset()
            self._recorder.reset()
            self._payroll.reset()
        if self._recheck_block is not None and core.head.number >= self._recheck_block:
            self._recheck_registration()
        core.outbox.poll(core.head.number)
        self._owner_box.poll(core.head.number)
        views = list(core.book.tasks())
        self._forget(views)
        try:
            # Old promises first: a reveal or a commit that is due must not wait behind new bids.
            self._seats.step(views)
            self._bidder.step(views)
            self._recorder.step(views)
            self._payroll.step()
            self._copies.step(views)
        except Conflict as error:
            self._unfunded.said(error, core.head.number)
        return bool(progress.new_blocks or progress.rolled_back)

    _recheck_block: int | None = None

    def _recheck_registration(self) -> None:
        """A reorganisation may have dropped the registration itself: whatever of it did not come back is sent again."""
        agent_id = self._registrar.ensure()
        self._recheck_block = None
        if agent_id != self._core.agent_id:
            raise Failure(
                f"a reorganisation made this agent number {agent_id}; it was {self._core.agent_id}",
                hint="start the worker again: it goes on under the new number",
                code="agent.renumbered",
            )

    def _forget(self, views: list[TaskView]) -> None:
        still_open = {view.task_id for view in views if not view.closed}
        for task_id in self._open - still_open:
            self._bidder.forget(task_id)
            self._seats.forget(task_id)
        self._open = still_open
        self._bidder.keep_specs({view.task.header for view in views if not view.closed})

    def run(self, stop: threading.Event) -> None:
        """Steps until ``stop`` is set; raises what `repeat` raises."""
        repeat(self.step, stop, poll_s=self.config.poll_s, patience_s=self.config.patience_s)


if __name__ == "__main__":
    from agent_runtime.worker_process import main

    sys.exit(main())
