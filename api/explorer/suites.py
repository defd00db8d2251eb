"""A card's accuracies as tables: one a suite, with the mean over its families, and a column for each number of votes. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    """One family, or the mean of a suite's: shares in basis points, None where it was not measured; one a column of votes."""

    family: str
    tasks: int
    greedy_bps: int
    sample_bps: int
    votes: tuple[int | None, ...]


@dataclass(frozen=True)
class Suite:
    """Families measured alike; ``chains`` are the numbers of votes that any of them has, ascending."""

    name: str
    chains: tuple[int, ...]
    rows: tuple[Row, ...]
    mean: Row


def suites_of(accuracy: Sequence[Mapping[str, Any]]) -> list[Suite]:
    """The suites in the order in which the card has them."""
    names = dict.fromkeys(entry["suite"] for entry in accuracy)
    return [_suite(name, [entry for entry in accuracy if entry["suite"] == name]) for name in names]


def _suite(name: str, entries: Sequence[Mapping[str, Any]]) -> Suite:
    chains = tuple(sorted({int(number) for entry in entries for number in entry["votes"]}))
    rows = tuple(
        Row(
            family=entry["family"],
            tasks=entry["tasks"],
            greedy_bps=entry["greedy_bps"],
            sample_bps=entry["sample_bps"],
            votes=tuple(entry["votes"].get(str(number)) for number in chains),
        )
        for entry in entries
    )
    columns = list(zip(*(row.votes for row in rows), strict=True)) if chains else []
    mean = Row(
        family="",
        tasks=sum(row.tasks for row in rows),
        greedy_bps=_mean([row.greedy_bps for row in rows]) or 0,
        sample_bps=_mean([row.sample_bps for row in rows]) or 0,
        votes=tuple(_mean(column) for column in columns),
    )
    return Suite(name, chains, rows, mean)


def _mean(values: Sequence[int | None]) -> int | None:
    """Over families alike; None where one was not measured, lest it be the mean of others."""
    known = [value for value in values if value is not None]
    return (2 * sum(known) + len(known)) // (2 * len(known)) if len(known) == len(values) else None
