"""A service's process as its log shows it: the line that says it is ready, and the error that ended it.

Knows how our processes speak (JSON lines), not what they do.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from symphony_chain.errors import (
    ChainUnavailable,
    Conflict,
    Failure,
    NotFound,
    SymphonyError,
    UnknownOutcome,
    UsageError,
)

#: Exit code → the class that has it, so that a service's error leaves the supervisor with the service's own exit code.
_CLASSES: dict[int, type[SymphonyError]] = {
    kind.exit_code: kind for kind in (Failure, UsageError, NotFound, Conflict, ChainUnavailable, UnknownOutcome)
}


def ready_line(output: str) -> dict[str, Any] | None:
    """The first whole line that is a JSON object with `ready` or `url`."""
    return next((line for line in _objects(output) if "url" in line or "ready" in line), None)


def ended(name: str, exit_code: int, output: str, log: Path) -> SymphonyError:
    """The error for a process that ended by itself: its own code, message and hint where it said them.

    Args:
        exit_code: as `subprocess` gives it, negative for a signal. output: everything that it wrote.
    """
    where = f"its log is {log}"
    said = _last_error(output)
    if said is None:
        return Failure(
            f"{name} {_manner(exit_code)}{_last_words(output)}",
            hint=f"{where}; start again",
            code="service.failed",
            service=name,
        )
    kind = _CLASSES.get(exit_code, Failure)
    hint = "; ".join(part for part in (str(said.get("hint") or "").rstrip("."), where) if part)
    context = said.get("context")
    return kind(
        f"{name}: {said['message']}",
        hint=hint,
        code=str(said["code"]),
        **{**(context if isinstance(context, dict) else {}), "service": name},
    )


def _last_error(output: str) -> dict[str, Any] | None:
    """The newest error object: `{"error": {…}}`, or `{"event": "error", …}` as workers write it."""
    found = None
    for line in _objects(output):
        inner = line.get("error") if isinstance(line.get("error"), dict) else line
        if (inner is not line or line.get("event") == "error") and isinstance(inner, dict):
            found = inner if {"code", "message"} <= set(inner) else found
    return found


def _objects(output: str) -> Iterator[dict[str, Any]]:
    """Every whole line that is a JSON object; a log may hold anything else beside them."""
    for line in output.splitlines(keepends=True):
        if line.startswith("{") and line.endswith("\n"):
            try:
                value = json.loads(line)
            except ValueError:
                continue
            if isinstance(value, dict):
                yield value


def _manner(exit_code: int) -> str:
    if exit_code >= 0:
        return f"ended with exit code {exit_code}"
    try:
        return f"was ended by {signal.Signals(-exit_code).name}"
    except ValueError:
        return f"was ended by signal {-exit_code}"


def _last_words(output: str) -> str:
    """The last line of its log, which for a Python process names the exception."""
    lines = [line for line in output.splitlines() if line.strip() and not line.startswith("{")]
    return f": {lines[-1].strip()[:300]}" if lines else ""
