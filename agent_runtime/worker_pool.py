"""A worker's part in the reward pool: records the tasks that shared some of its pay, so that its seat has a share to come.

Anyone may record, and only records in time count, so those do it who lose by silence. Taking the shares, an epoch or more
later, is the owner's (`symphony reward claim --pool`). Knows no seats' lives.
"""

from __future__ import annotations

import logging

from agent_runtime.chain_book import TaskView
from agent_runtime.outbox import error_name
from agent_runtime.service import log_event
from agent_runtime.worker_core import Core
from symphony_chain.events import TaskSettled
from symphony_chain.model.tally import shared_wei
from symphony_chain.rewards import RewardPoolClient, encode_record
from symphony_chain.types import Receipt


class Recorder:
    """Records settled tasks in the pool, while recording is open for the epoch in which they closed.

    The agents that gave something take turns, as seats do with settling, so that mostly one of them pays for it.
    """

    def __init__(self, core: Core, pool: RewardPoolClient) -> None:
        self._core = core
        self._address = pool.address
        self._terms = pool.terms()
        self._done: set[bytes] = set()  # recorded, by whomever, or nothing of ours in it

    def reset(self) -> None:
        """After a reorganisation: a record may be undone, and a task may have closed in another way."""
        self._done.clear()

    def step(self, views: list[TaskView]) -> None:
        """One look at every task that is settled and shares pay."""
        shared = {v.task_id: v for v in views if v.settled is not None and v.task.shared_bps}
        self._done &= shared.keys()
        for task_id, view in shared.items():
            if task_id not in self._done and view.settled is not None and self._is_done(view, view.settled):
                self._done.add(task_id)

    def _is_done(self, view: TaskView, settled: TaskSettled) -> bool:
        """Records where it is this agent's turn; False while that is to come or under way."""
        core, task = self._core, view.task
        givers = [result.agent_id for result in settled.results if shared_wei(task, result)]
        closes_s = self._terms.final_at_s(self._terms.epoch_of(view.touched.timestamp))
        if core.agent_id not in givers or core.head.timestamp >= closes_s:
            return True
        turn = givers.index(core.agent_id) * core.config.settle_stagger_blocks
        if core.head.number < view.touched.number + turn:
            return False
        # The receipt is in the key: after a reorganisation the same task may have closed in another way.
        receipt = Receipt(task, settled.winner, settled.results)
        key = f"record/{view.task_id.hex()}/{receipt.digest().hex()}"
        write = core.write("record", key, encode_record(core.deployment.market, receipt), to=self._address)
        if write.status == "mined":
            log_event("recorded", task_id=view.task_id)
        elif write.status == "refused" and (name := error_name(write.error)) != "AlreadyRecorded":
            log_event("write_refused", level=logging.DEBUG, op="record", task_id=view.task_id, error=name or str(write.error))
            return False
        return write.status != "pending"
