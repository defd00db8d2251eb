"""Under which tag of the skill page a family is asked for, and declared. Knows no agents and no tasks."""

from __future__ import annotations

from symphony_chain.skills import DEFAULT_TAGS


def skill_of(family: str) -> str | None:
    """The family's own tag, or that of all sizes of it; None where the page has none."""
    return next((tag for tag in DEFAULT_TAGS if family == tag or family.startswith(f"{tag}_")), None)
