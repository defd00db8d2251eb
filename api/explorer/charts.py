"""Geometry of the inline drawings, in the units of their view boxes. Pure; the templates draw.

Drawings use attributes, never `style`: the content security policy forbids inline styles.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

from api.schema.accuracy import Reliability, ReliabilityBin, ScoredSeat
from api.schema.agent import Capabilities, CapabilityStep
from api.schema.task import Money
from symphony_chain.skills import FULL_SCALE, LANES, unpack_word

BAR_UNITS = 1000
CURVE_WIDTH, CURVE_HEIGHT = 640, 180
MAX_CURVES = 6
TRAINING_WIDTH, TRAINING_HEIGHT = 640, 120
RELIABILITY_SIDE = 200


@dataclass(frozen=True)
class Part:
    """One stretch of a stacked bar."""

    name: str
    label: str
    wei: int
    x: float
    width: float


@dataclass(frozen=True)
class Lane:
    """One lane of the small capability drawing: column number, heights in 0…100."""

    lane: int
    tag: str
    declared: float
    earned: float


@dataclass(frozen=True)
class Curve:
    """The history of one lane's earned value as a path."""

    tag: str
    index: int
    points: str
    last_bps: int
    last_y: float


def share(part: int, whole: int, units: int = BAR_UNITS) -> float:
    """Length of a part of a whole."""
    return round(units * part / whole, 2) if whole else 0.0


def money_parts(money: Money) -> list[Part]:
    """The escrow as a stacked bar; parts of zero are left out."""
    amounts = (
        ("held", "still in escrow", money.held_wei),
        ("paid", "paid to agents", money.paid_wei - money.shared_wei),
        ("shared", "to the reward pool", money.shared_wei),
        ("fee", "to the evaluator", money.fee_wei),
        ("returned", "returned at award", money.returned_wei),
        ("refunded", "refunded at the end", money.refunded_wei),
        ("burnt", "burnt of the pay", money.burnt_wei - money.lost_bonds_wei),
    )
    parts, x = [], 0.0
    for name, label, wei in amounts:
        width = share(wei, money.escrow_wei)
        if wei:
            parts.append(Part(name, label, wei, x, width))
        x += width
    return parts


def lanes(capabilities: Sequence[Capabilities], tags: Sequence[str]) -> list[Lane]:
    """All sixteen lanes of an agent's first page."""
    if not capabilities:
        return [Lane(lane, tags[lane], 0, 0) for lane in range(LANES)]
    declared, earned = (unpack_word(int(word, 16)) for word in (capabilities[0].declared, capabilities[0].earned))
    scale = 100 / FULL_SCALE
    return [Lane(lane, tags[lane], declared[lane] * scale, earned[lane] * scale) for lane in range(LANES)]


def earned_curves(history: Sequence[CapabilityStep], page_id: str, tags: Sequence[str]) -> list[Curve]:
    """Earned values over an agent's settlements on one page, the strongest lanes first; empty for fewer than one."""
    steps = [unpack_word(int(s.word, 16)) for s in history if s.kind == "earned" and s.page_id == page_id]
    if not steps:
        return []
    values = [(0,) * LANES, *steps]
    moved = [lane for lane in range(LANES) if any(step[lane] for step in steps)]
    moved.sort(key=lambda lane: -steps[-1][lane])
    top = max(max(step) for step in steps)
    return [_curve(i, lane, tags[lane], values, top) for i, lane in enumerate(moved[:MAX_CURVES])]


def curve_top(history: Sequence[CapabilityStep], page_id: str) -> int:
    """The value at the upper edge of the drawing, in basis points."""
    steps = [unpack_word(int(s.word, 16)) for s in history if s.kind == "earned" and s.page_id == page_id]
    return max((max(step) for step in steps), default=0)


def _curve(index: int, lane: int, tag: str, values: Sequence[Sequence[int]], top: int) -> Curve:
    step_x = CURVE_WIDTH / max(1, len(values) - 1)
    points = [(round(i * step_x, 1), _y(word[lane], top)) for i, word in enumerate(values)]
    return Curve(tag, index, _path(points), values[-1][lane], points[-1][1])


def _y(bps: int, top: int) -> float:
    return round(CURVE_HEIGHT - CURVE_HEIGHT * 0.92 * bps / max(top, 1), 1)


@dataclass(frozen=True)
class Mark:
    """A point of a line that says something."""

    x: float
    y: float
    seat: ScoredSeat


@dataclass(frozen=True)
class AccuracyLine:
    """The running accuracy over an agent's scored seats, and those of them that an evaluator scored."""

    points: str
    marks: tuple[Mark, ...]


@dataclass(frozen=True)
class TrainingLine:
    """A model's training curve: share solved over tokens seen, from nothing to all; where it ends."""

    points: str
    last_x: float
    last_y: float
    last_bps: int
    tokens: int


@dataclass(frozen=True)
class Spot:
    """A bin of the reliability curve: where it is, how far above or below it the diagonal is, and its radius."""

    x: float
    y: float
    diagonal_y: float
    radius: float
    bin: ReliabilityBin


def accuracy_line(seats: Sequence[ScoredSeat]) -> AccuracyLine | None:
    """One step a scored seat, as the earned curve has it; None without seats."""
    if not seats:
        return None
    step_x = CURVE_WIDTH / len(seats)
    places = [(round((i + 1) * step_x, 1), _height(seat.recent_bps, CURVE_HEIGHT)) for i, seat in enumerate(seats)]
    marks = tuple(Mark(x, y, seat) for (x, y), seat in zip(places, seats, strict=True) if seat.evaluated)
    return AccuracyLine(_path(places), marks)


def training_line(curve: Sequence[Mapping[str, Any]]) -> TrainingLine | None:
    """The curve of a card; None where it has none."""
    if not curve:
        return None
    tokens = max(curve[-1]["tokens"], 1)
    places = [
        (round(TRAINING_WIDTH * point["tokens"] / tokens, 1), _height(point["solved_bps"], TRAINING_HEIGHT)) for point in curve
    ]
    return TrainingLine(_path(places), *places[-1], curve[-1]["solved_bps"], curve[-1]["tokens"])


def reliability_spots(reliability: Reliability) -> list[Spot]:
    """The bins in a square of 0…100 % each way; areas grow with the number of seats."""
    side = RELIABILITY_SIDE
    return [
        Spot(
            x=round(side * part.claimed_bps / FULL_SCALE, 1),
            y=_height(part.scored_bps, side),
            diagonal_y=_height(part.claimed_bps, side),
            radius=round(3 + 9 * sqrt(part.seats / reliability.seats), 1),
            bin=part,
        )
        for part in reliability.bins
    ]


def _height(bps: int, full: int) -> float:
    return round(full - full * bps / FULL_SCALE, 1)


def _path(places: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in places)
