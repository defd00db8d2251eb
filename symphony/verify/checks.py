"""A list of checks with what the chain says and what we computed. Knows nothing of tasks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Check:
    """One comparison.

    Attributes:
        name: what is checked, the same words for every task.
        subject: of what, e.g. ``seat 1``; empty for the task itself.
        ok: True, False, or None where what is needed could not be had (`note` says what).
        have, want: what the chain says, and what we computed.
    """

    name: str
    subject: str
    ok: bool | None
    have: Any = None
    want: Any = None
    note: str = ""


@dataclass(slots=True)
class Checks:
    """Collects checks in order."""

    items: list[Check] = field(default_factory=list)

    def equal(self, name: str, have: Any, want: Any, subject: str = "") -> bool:
        """The chain's value must be the computed one."""
        self.items.append(Check(name, subject, have == want, have, want))
        return bool(have == want)

    def holds(self, name: str, ok: bool, note: str, subject: str = "") -> bool:
        """A condition must hold; `note` says it with its values."""
        self.items.append(Check(name, subject, ok, note=note))
        return ok

    def skip(self, name: str, why: str, subject: str = "") -> None:
        """Not checkable here, and why."""
        self.items.append(Check(name, subject, None, note=why))

    @property
    def mismatches(self) -> list[Check]:
        return [check for check in self.items if check.ok is False]
