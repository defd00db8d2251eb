"""Three agents driven by hand: a thread that bids, commits, reveals and settles through the SDK as soon as the chain lets it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from symphony.verify import RpcReader, load_history
from symphony.verify.history import TaskHistory, TaskLine, list_tasks
from symphony_chain.rpc import Rpc, wait_until
from tests.indexer.scenario import ETHER, Posted, Scenario

DEADLINE_S = 60.0


class Hands:
    """Answers the next task that is posted: agent i bids, and says answers[i] if it is seated.

    Use as a context manager: leaving it waits for the agents and raises what went wrong in them. Its own connection to the
    node: a `Scenario` is not shared between threads.
    """

    def __init__(self, scenario: Scenario, url: str, answers: Sequence[str]) -> None:
        self._url, self._answers = url, answers
        self._deployment, self._agents, self._keys = scenario.deployment, list(scenario.agents), scenario
        with Rpc(url) as rpc:
            self._known = {line.task_id for line in list_tasks(RpcReader(rpc, self._deployment))}
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._guarded)

    def __enter__(self) -> Hands:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._thread.join(DEADLINE_S * 2)
        assert not self._thread.is_alive()
        if kind is None and self._failure is not None:
            raise self._failure

    def _guarded(self) -> None:
        try:
            with Rpc(self._url) as rpc:
                accounts = [self._keys.requester, self._keys.stranger, *self._keys.keys]
                scenario = Scenario(rpc, self._deployment, accounts)
                scenario.agents = self._agents
                self._play(scenario, RpcReader(rpc, self._deployment))
        except BaseException as error:  # noqa: BLE001  # handed to the test's thread
            self._failure = error

    def _play(self, scenario: Scenario, reader: RpcReader) -> None:
        line = wait_until(lambda: self._new(reader), DEADLINE_S, 0.05, what="a task")
        posted = Posted(line.task, line.task_id)
        for agent, _ in zip(self._agents, self._answers, strict=False):
            scenario.bid(posted, agent, min(ETHER, line.task.ceiling_wei))
        history = self._until(reader, posted, lambda h: h.awarded is not None)
        assert history.awarded is not None
        by_id = {agent.agent_id: i for i, agent in enumerate(self._agents)}
        seated = [by_id[seat.agent_id] for seat in history.awarded.event.seats]
        posted.agents = [self._agents[i] for i in seated]
        scenario.commit(posted, [self._answers[i] for i in seated])
        scenario.reveal(posted, list(range(len(seated))))
        scenario.settle(posted)

    def _new(self, reader: RpcReader) -> TaskLine | None:
        return next((line for line in list_tasks(reader) if line.task_id not in self._known), None)

    def _until(self, reader: RpcReader, posted: Posted, ready: Callable[[TaskHistory], bool]) -> TaskHistory:
        def look() -> TaskHistory | None:
            history = load_history(reader, posted.task_id)
            return history if ready(history) else None

        return wait_until(look, DEADLINE_S, 0.05, what="the award")
