"""The router: awards the tasks that name its key, with the requester's own code. The sources' orchestrator, non-custodial.

It never holds anybody's money: the contract lets it seat bids that agents have signed, at prices up to the requester's
ceiling, and nothing else. Everything it needs is on chain and in its transaction journal, so it may be killed and started
again at any point. Knows no texts and no requests.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from agent_runtime.awarding import Awarder
from agent_runtime.chain_book import TaskView
from agent_runtime.chain_view import ChainView
from agent_runtime.outbox import Outbox
from agent_runtime.routing.screen import Router, ScreenRouter
from agent_runtime.service import Unfunded, log_event, repeat
from symphony_chain.deploy import Deployment
from symphony_chain.errors import Conflict
from symphony_chain.rpc import Rpc
from symphony_chain.tx import TxSender
from symphony_chain.types import State


@dataclass(frozen=True, slots=True)
class RouterConfig:
    """How a router works.

    Attributes:
        linger_s: how long to wait for better bids once there are enough for all seats.
        poll_s: longest pause between two passes.
        patience_s: how long the node may be away before the process ends.
    """

    linger_s: int = 2
    poll_s: float = 0.25
    patience_s: float = 60.0


class RouterService:
    """One router at work: `start` it, then call `step` or `run`.

    Args:
        sender: of the router's key; it needs coins for gas.
        router: orders the bids; default: the screen.
        routed: told of every task of this router that is awarded, by whomever.
    """

    def __init__(
        self,
        rpc: Rpc,
        deployment: Deployment,
        sender: TxSender,
        config: RouterConfig | None = None,
        *,
        router: Router | None = None,
        routed: Callable[[TaskView], None] = lambda _: None,
    ) -> None:
        self._config = config or RouterConfig()
        self._deployment = deployment
        self._rpc = rpc
        self._outbox = Outbox(lambda _: sender, deployment)
        self._routed = routed
        self._unfunded = Unfunded()
        self._open: set[bytes] = set()
        self.view = ChainView(rpc, deployment)
        self._awarder = Awarder(self.view.book, self._outbox, deployment.market, router or ScreenRouter())

    @property
    def address(self) -> str:
        """The address for tasks to name."""
        return self._outbox.address

    def start(self) -> None:
        """Looks up what an earlier run sent.

        Raises:
            WrongChain, ChainUnavailable.
        """
        self._deployment.require(self._rpc)
        self._outbox.resume()

    def step(self) -> bool:
        """One pass over the tasks of this router; True where the chain had moved. Never waits for a block.

        Raises:
            ChainUnavailable: the node is away; call again later.
        """
        progress = self.view.update()
        head = self.view.head
        if head is None:
            return False
        if progress.rolled_back:
            self._outbox.resume()
            self._awarder.reset()
        self._outbox.poll(head.number)
        views = [view for view in self.view.book.tasks() if view.task.router == self.address]
        still_open = {view.task_id for view in views if view.state_at(head.timestamp) is State.OPEN}
        self._tell(views, still_open)
        self._awarder.keep(still_open)
        try:
            for view in views:
                if view.task_id in still_open:
                    self._awarder.step(view, head, linger_s=self._config.linger_s)
        except Conflict as error:
            self._unfunded.said(error, head.number)
        return bool(progress.new_blocks or progress.rolled_back)

    def run(self, stop: threading.Event) -> None:
        """Steps until ``stop`` is set; raises what `repeat` raises."""
        repeat(self.step, stop, poll_s=self._config.poll_s, patience_s=self._config.patience_s)

    def _tell(self, views: list[TaskView], still_open: set[bytes]) -> None:
        for view in views:
            if view.task_id in self._open - still_open and view.award is not None:
                log_event("routed", task_id=view.task_id, seats=len(view.seats), price_wei=view.price_wei)
                self._routed(view)
        self._open = still_open
