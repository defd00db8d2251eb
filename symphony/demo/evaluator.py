"""An evaluator that holds the answers: it scores the seats of the tasks that name it, from what they revealed.

One key of its own, one write per task. Knows no votes: the contract weighs its scores.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from agent_runtime.outbox import Outbox
from agent_runtime.service import log_event
from symphony_chain.market import encode_evaluate
from symphony_chain.model.tally import ANSWER_BYTES
from symphony_chain.skills import FULL_SCALE
from symphony_chain.spec import answer_digest, canonical
from symphony_chain.tx import TxSender

if TYPE_CHECKING:
    from agent_runtime.chain_book import TaskView
    from agent_runtime.chain_view import ChainView
    from agent_runtime.model.datasets import TaskItem
    from symphony_chain.deploy import Deployment

#: Time for the scores, after the reveals. A silent evaluator delays its task by so much, and the vote decides.
EVALUATION_WINDOW_S = 120


class GoldEvaluator:
    """Full marks for the right answer, none for another.

    Args:
        sender: of its key; the address that tasks name.
    """

    def __init__(self, sender: TxSender, deployment: Deployment) -> None:
        self._outbox = Outbox(lambda _: sender, deployment)
        self._market = deployment.market
        self._gold: dict[bytes, bytes] = {}
        self._seen = -1

    @property
    def address(self) -> str:
        """Whom a task names as its evaluator."""
        return self._outbox.address

    def expect(self, task_id: bytes, item: TaskItem) -> None:
        """Takes a task on, with the answer to it."""
        self._gold[task_id] = gold_of(item)

    def step(self, view: ChainView) -> None:
        """Scores what has been revealed by the newest block; once a block does."""
        head = view.head
        if head is None or head.number == self._seen:
            return
        self._seen = head.number
        self._outbox.poll(head.number)
        for task_id, gold in list(self._gold.items()):
            task = view.book.task(task_id)
            if task is None:
                continue
            if task.closed:
                del self._gold[task_id]
            elif task.may_evaluate_at(head.timestamp):
                data = encode_evaluate(task.task, _scores(task, gold))
                write = self._outbox.write(
                    "evaluate", f"evaluate/{task_id.hex()}", self._market, data, head_number=head.number
                )
                if write.status == "refused":  # asked again with the next block; in the end the vote decides
                    log_event("not_evaluated", level=logging.WARNING, task_id=task_id, detail=str(write.error))


def gold_of(item: TaskItem) -> bytes:
    """First 26 bytes of the right answer's digest: what the contract compares."""
    return answer_digest(canonical(item.answer, item.answer_format))[:ANSWER_BYTES]


def _scores(task: TaskView, gold: bytes) -> list[int]:
    """One score a seat; a seat that revealed nothing has none to gain."""
    shown = {seat: reveal.answer_digest[:ANSWER_BYTES] for seat, reveal in task.reveals.items()}
    return [FULL_SCALE if shown.get(seat.seat) == gold else 0 for seat in task.seats]
