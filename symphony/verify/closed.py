"""Closed tasks as proofs: receipts from the logs TaskPosted and TaskSettled, held against the digest that the market keeps.

Other contracts (pool, reputation, plans) take them. Needs no index.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from symphony.verify.history import TaskHistory, topic
from symphony.verify.reader import ChainReader
from symphony_chain.errors import Conflict, Failure
from symphony_chain.events import TaskPosted, TaskSettled, decode
from symphony_chain.types import Receipt, SeatResult, Task


@dataclass(frozen=True, slots=True)
class Closed:
    """A task that `settle` closed, when (block time), and the proof of it."""

    task_id: bytes
    closed_at_s: int
    receipt: Receipt

    def seat_of(self, agent_id: int) -> SeatResult | None:
        """An agent's seat; None where it had none."""
        return next((r for r in self.receipt.results if r.agent_id == agent_id), None)


def closed_tasks_of(reader: ChainReader, agent_id: int) -> list[Closed]:
    """Every closed task in which an agent had a seat, oldest first.

    Raises:
        Failure `receipt.mismatch`: the node's logs are not what the market says of itself.
    """
    return [_closed(reader, event, task) for event, task in _settlements(reader) if _seated(event, agent_id)]


def closed_task(reader: ChainReader, history: TaskHistory) -> Closed:
    """One task's receipt.

    Raises:
        Conflict `task.not_settled`: it is not closed, or closed without seats. Failure `receipt.mismatch`.
    """
    closing = history.closed.event if history.closed is not None else None
    if not isinstance(closing, TaskSettled) or not closing.results:
        raise Conflict(
            f"task 0x{history.task_id.hex()} has no settled seats",
            hint=f"`symphony task show 0x{history.task_id.hex()[:12]}` tells where it stands",
            code="task.not_settled",
        )
    return _closed(reader, closing, history.task)


def _settlements(reader: ChainReader) -> Iterator[tuple[TaskSettled, Task]]:
    tasks: dict[bytes, Task] = {}
    for log in reader.logs(reader.deployment.market, [[topic("TaskPosted"), topic("TaskSettled")]]):
        event = decode(log)
        if isinstance(event, TaskPosted):
            tasks[event.task_id] = event.task
        elif isinstance(event, TaskSettled):
            yield event, tasks[event.task_id]


def _seated(event: TaskSettled, agent_id: int) -> bool:
    return any(result.agent_id == agent_id for result in event.results)


def _closed(reader: ChainReader, event: TaskSettled, task: Task) -> Closed:
    receipt = Receipt(task, event.winner, event.results)
    outcome, closed_at_s, digest = reader.closing(event.task_id)
    if (outcome, digest) != (event.outcome, receipt.digest()):
        raise Failure(
            f"the logs of task 0x{event.task_id.hex()} are not what the market keeps of it",
            hint="`symphony vote verify` tells what differs; ask another node with --rpc",
            code="receipt.mismatch",
        )
    return Closed(event.task_id, closed_at_s, receipt)
