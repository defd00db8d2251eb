"""Where a command's words go: the result on stdout (text or one JSON document), everything else on stderr.

Knows nothing of what is being said; colours and bars appear only where stderr is a terminal and NO_COLOR is unset.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

from symphony.cli.text import jsonable
from symphony_chain.errors import SymphonyError


class Output:
    """The two streams of one command.

    Args:
        as_json: print exactly one JSON document on stdout instead of text.
        quiet: no notes and no bars.
    """

    def __init__(
        self,
        *,
        as_json: bool,
        quiet: bool = False,
        stdout: TextIO | None = None,
        stderr: TextIO | None = None,
    ) -> None:
        self.as_json = as_json
        self.quiet = quiet
        self._stdout = stdout if stdout is not None else sys.stdout
        self._stderr = stderr if stderr is not None else sys.stderr
        #: Whether the result is out; what happens afterwards is told on stderr.
        self.answered = False
        self._status: Any = None
        self._live: Any = None  # the console of a running spinner or bar: lines must go above it, through it

    def result(self, document: dict[str, Any], lines: Sequence[str], next_step: str = "") -> None:
        """The command's result: the document as JSON, or the lines as text with the next step below them."""
        self.answered = True
        with self._still():
            if self.as_json:
                self._print(json.dumps(jsonable(document), ensure_ascii=True), self._stdout)
                return
            for line in lines:
                self._print(line, self._stdout)
            if next_step:
                self._print(f"\nNext: {next_step}", self._stdout)

    def note(self, text: str) -> None:
        """One line of progress on stderr, above a running spinner or bar."""
        if self.quiet:
            return
        if self._live is None:
            self._print(text, self._stderr)
        else:
            from rich.text import Text

            self._live.print(Text(text), soft_wrap=True)

    def error(self, error: SymphonyError) -> None:
        """An error: one JSON document on stdout, or a line and its hint on stderr."""
        if self.as_json:
            stream = self._stderr if self.answered else self._stdout
            self._print(json.dumps(jsonable({"error": error.as_dict()}), ensure_ascii=True), stream)
            return
        self._print(f"symphony: {error.message} [{error.code}]", self._stderr)
        if error.hint:
            self._print(f"  hint: {error.hint}", self._stderr)

    @property
    def interactive(self) -> bool:
        """Whether bars and spinners make sense."""
        return self._stderr.isatty() and not self.quiet and os.environ.get("TERM") != "dumb"

    @contextmanager
    def working(self, what: str) -> Iterator[Spinner]:
        """A spinner for anything that may take over two seconds; silent unless stderr is a terminal."""
        if not self.interactive:
            yield Spinner(None)
            return
        with self.live() as console, console.status(what) as status:
            self._status = status
            try:
                yield Spinner(status)
            finally:
                self._status = None

    @contextmanager
    def live(self) -> Iterator[Any]:
        """A rich console on stderr, for a spinner or bar of one's own; meanwhile notes go through it."""
        from rich.console import Console

        self._live = Console(file=self._stderr, no_color="NO_COLOR" in os.environ, highlight=False)
        try:
            yield self._live
        finally:
            self._live = None

    @contextmanager
    def _still(self) -> Iterator[None]:
        """Takes a running spinner away while stdout is written: both may be one terminal."""
        if self._status is not None:
            self._status.stop()
        try:
            yield
        finally:
            if self._status is not None:
                self._status.start()

    def _print(self, text: str, stream: TextIO) -> None:
        print(text, file=stream, flush=True)


class Spinner:
    """The running spinner, or none."""

    def __init__(self, status: Any) -> None:
        self._status = status

    def say(self, text: str) -> None:
        """Replace the words beside the spinner (text of ours only: it is not escaped for markup)."""
        if self._status is not None:
            from rich.text import Text

            self._status.update(Text(text))
