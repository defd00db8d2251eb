"""What a person sees while a run goes on: a line per finished task, and at a terminal a bar with the stages below them.

Knows how to draw, not how to count.
"""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from symphony.cli.output import Output
from symphony.demo.board import Board

if TYPE_CHECKING:
    from agent_runtime.requester import Progress
    from symphony.demo.run import Result


class Screen:
    """Shows one run on stderr. Use as a context manager; the bar is gone afterwards, the lines stay."""

    def __init__(self, out: Output, tasks: int) -> None:
        self.board = Board(tasks)
        self._out = out
        self._bar: Any = None
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        if self._out.interactive:
            self._bar = self._stack.enter_context(_bar(self._stack.enter_context(self._out.live())))
            self._bar.add_task("tasks", total=self.board.tasks, stages="", right=0)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stack.close()

    def stage(self, step: Progress) -> None:
        """A task has moved."""
        self.board.see(step)
        self._draw(self.board.stages())

    def closed(self, result: Result) -> None:
        """A task has ended."""
        self._out.note(self.board.close(result))
        self._draw(self.board.stages())

    def phase(self, text: str) -> None:
        """What happens after the last task."""
        if self._bar is None:
            self._out.note(text)
        self._draw(text)

    def _draw(self, stages: str) -> None:
        if self._bar is not None:
            (task,) = self._bar.task_ids
            self._bar.update(task, completed=self.board.closed, stages=stages, right=self.board.right)


def _bar(console: Any) -> Any:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
    )

    columns = (
        SpinnerColumn(),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[right]} right"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[stages]}", markup=False),
    )
    return Progress(*columns, console=console, transient=True)
