"""How far a run's tasks have come, counted and put into words. Pure: knows no screen and no chain."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from symphony.cli.text import clean
from symphony_chain.types import State

if TYPE_CHECKING:
    from agent_runtime.requester import Progress
    from symphony.demo.run import Result

#: Stage of a task, as the requester names it → what is going on then.
STAGES = {
    "posted": "posted",
    "bids": "bidding",
    "awarded": "thinking",
    "taken": "thinking",
    "committed": "committing",
    "revealed": "revealing",
}
#: How a task ended without a winner.
ENDS = {State.INCONCLUSIVE: "split", State.VOID: "void", State.EXPIRED: "none", State.CANCELLED: "none"}
ID_WIDTH = 46
ANSWER_WIDTH = 24


class Board:
    """The tasks of one run: `see` every change, `close` every result."""

    def __init__(self, tasks: int) -> None:
        self.tasks = tasks
        self.closed = 0
        self.right = 0
        self._stage: dict[bytes, str] = {}

    def see(self, step: Progress) -> None:
        """Takes in one change of a task."""
        if step.stage in STAGES:
            self._stage[step.task_id] = step.stage
        else:
            self._stage.pop(step.task_id, None)

    def close(self, result: Result) -> str:
        """Takes in the end of a task, and says it in one line."""
        self.closed += 1
        self.right += result.correct
        return end_line(result, self.closed, self.tasks)

    def stages(self) -> str:
        """The open tasks by what goes on in them, the farthest first: ``2 revealing · 5 thinking``."""
        count = Counter(self._stage.values())
        return " · ".join(f"{count[stage]} {STAGES[stage]}" for stage in reversed(STAGES) if count[stage])

    def line(self) -> str:
        """For example ``7 of 20 closed, 6 right · 5 thinking · 8 bidding``."""
        return " · ".join(part for part in (f"{self.closed} of {self.tasks} closed, {self.right} right", self.stages()) if part)


def end_line(result: Result, number: int, tasks: int) -> str:
    """One finished task: its place, the verdict, its name, the answer, and how many seats stood behind it."""
    outcome = result.outcome
    place = f"{number:>{len(str(tasks))}}/{tasks}"
    name = clean(result.item.id, ID_WIDTH).ljust(ID_WIDTH)
    if outcome.state is not State.SETTLED:
        said = ", ".join(sorted({clean(seat.answer, ANSWER_WIDTH) for seat in outcome.seats if seat.answer}))
        return f"{place}  {ENDS[outcome.state]:<5}  {name}  {said or f'no answer ({outcome.state.name.lower()})'}"
    agreed = sum(seat.answer_digest == outcome.answer_digest for seat in outcome.seats if seat.revealed)
    answer = clean(outcome.answer or "(long)", ANSWER_WIDTH)
    wrong = "" if result.correct else f" (should be {clean(result.item.answer, ANSWER_WIDTH)})"
    verdict = "right" if result.correct else "wrong"
    return f"{place}  {verdict}  {name}  {answer}{wrong}, {agreed} of {len(outcome.seats)} seats"
