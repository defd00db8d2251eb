"""Temporal sequences: where somebody was hour by hour; when could they have gone to the one other place?

Worked by following the day: each sighting's hours with the mark ``-`` where it begins when the last one ended, and
the gap where it does not; then the options are copied up to the one that names the gap.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random

from agent_runtime.model.families.base import Drawn, Family
from agent_runtime.model.families.templates import (
    Template,
    choice_format,
    letter_of,
    scan,
    split_options,
    with_options,
)
from agent_runtime.model.families.words import invented, person, word_trigrams

NAME = "temporal_sequences"
#: Sightings per level; the public file has three to five.
SIGHTINGS = {1: (1, 2), 2: (2, 3), 3: (3, 5), 4: (6, 8), 5: (9, 11)}
EARLIEST, LATEST = 5, 22
LENGTHS = [1] * 36 + [2] * 25 + [3] * 17 + [4] * 8 + [5] * 5 + [6] * 4 + [7] * 4 + [8, 9]
NAMES = (
    "Andrew Anthony Ashley Betty David Elizabeth Emily Hannah James Jason Jennifer Jessica John Kimberly Leslie Linda Lisa Mark "
    "Mary Michael Nancy Richard Samantha Sarah Sean Steven Susan Thomas Tiffany William"
).split()
PLACES = (
    "amusement park,art show,art studio,bakery,basketball court,beach,bookstore,clothing store,coffee shop,construction site,"
    "dance studio,football field,gas station,market,movies,museum,orchestra hall,park,physics classroom,restaurant,"
    "soccer field,swimming pool,castle,harbor,zoo,chess club,bank,hospital"
).split(",")
DOINGS = (
    "attending class at the school,buying a bike at the bike shop,buying a phone at the electronics store,"
    "buying clothes at the mall,buying cookies at a bakery,buying lunch at the deli,driving to the water park,"
    "fixing their computer at the electronic store,getting a coffee at the cafe,playing tennis at the tennis court,"
    "reading at the library,sitting on a rooftop,stretching at a yoga studio,taking photos near the Eiffel Tower,"
    "taking photos near the Leaning Tower of Pisa,waiting at the airport,waiting at the train station,walking in the garden,"
    "walking towards the Statue of Liberty,watching a movie at the theater,working at the office,working out at the gym,"
    "feeding the ducks by the pond,painting a fence in the yard,singing with the choir,waiting for a bus"
).split(",")

_HOUR = r"\d{1,2}[ap]m"
ASKED = Template("Today, {who} went to the {place}. Between what times could they have gone?")
WOKE = Template("{who} woke up at {hour}.", hour=_HOUR)
SEEN = Template("{witness} saw {who} {doing} from {start} to {end}.", start=_HOUR, end=_HOUR, who=r"\S+")
CLOSED = Template("The {place} was closed after {hour}.", hour=_HOUR)
ASKED_AGAIN = Template("Between what times could {who} have gone to the {place}?")


@dataclass(frozen=True, slots=True)
class Day:
    """Hours of a day, 0 to 23: ``seen`` as (start, end) in the order of the text; options as the text writes them."""

    woke: int
    seen: list[tuple[int, int]]
    closed: int
    options: list[str]


def draw(rng: Random, level: int) -> Drawn:
    """A day with one gap, which may be its first or last piece."""
    count = rng.randint(*SIGHTINGS[level])
    while True:
        lengths = [rng.choice(LENGTHS) for _ in range(count + 1)]
        total = sum(lengths)
        if total <= LATEST - EARLIEST:
            break
    # Days begin early more often than late, as in the public file.
    woke = min(rng.randint(EARLIEST, LATEST - total), rng.randint(EARLIEST, LATEST - total))
    marks = [woke]
    for length in lengths:
        marks.append(marks[-1] + length)
    pieces = list(zip(marks, marks[1:], strict=False))
    gap = rng.randrange(len(pieces))
    seen = [piece for at, piece in enumerate(pieces) if at != gap]
    others = rng.sample(seen, min(3, len(seen)))
    return work(_text(rng, woke, seen, marks[-1], rng.sample([pieces[gap], *others], len(others) + 1)))


def _text(
    rng: Random, woke: int, seen: list[tuple[int, int]], closed: int, options: list[tuple[int, int]]
) -> str:
    who = _name(rng)
    place = (
        rng.choice(PLACES)
        if rng.random() < 0.8
        else invented(rng, word_trigrams(), 4, 9) + rng.choice(" hall, shop".split(","))
    )
    doings = rng.sample(DOINGS, len(seen))
    lines = [ASKED.fill(who=who, place=place), "We know that:", WOKE.fill(who=who, hour=clock(woke))]
    for doing, (start, end) in zip(doings, seen, strict=True):
        lines.append(SEEN.fill(witness=_name(rng), who=who, doing=doing, start=clock(start), end=clock(end)))
    lines += [CLOSED.fill(place=place, hour=clock(closed)), ASKED_AGAIN.fill(who=who, place=place)]
    return with_options("\n".join(lines), [f"{clock(start)} to {clock(end)}" for start, end in options])


def _name(rng: Random) -> str:
    return rng.choice(NAMES) if rng.random() < 0.6 else person(rng)


def clock(hour: int) -> str:
    """``17`` → ``5pm``."""
    return f"{(hour - 1) % 12 + 1}{'am' if hour < 12 else 'pm'}"


def hour_of(text: str) -> int:
    """``5pm`` → 17."""
    return int(text[:-2]) % 12 + (12 if text.endswith("pm") else 0)


def parse(prompt: str) -> Day:
    """The day of a question's text.

    Raises:
        ValueError: the text is not such a question.
    """
    question, options = split_options(prompt)
    lines = [line.strip() for line in question.split("\n")]
    woke = closed = None
    seen = []
    for line in lines:
        if gaps := SEEN.read(line):
            seen.append((hour_of(gaps["start"]), hour_of(gaps["end"])))
        elif gaps := WOKE.read(line):
            woke = hour_of(gaps["hour"])
        elif gaps := CLOSED.read(line):
            closed = hour_of(gaps["hour"])
        elif line != "We know that:" and not ASKED.read(line) and not ASKED_AGAIN.read(line):
            raise ValueError(f"no template reads {line!r}")
    if woke is None or closed is None:
        raise ValueError("the day has no beginning or no end")
    return Day(woke, seen, closed, options)


def work(prompt: str) -> Drawn:
    """The worked answer of a question's text; the sightings must stand in the order of the day."""
    day = parse(prompt)
    now, gap, steps = day.woke, None, [f" {clock(day.woke)}"]
    for start, end in [*day.seen, (day.closed, day.closed)]:
        if start == now:
            steps.append(f" {clock(start)} - {clock(end)}" if end != start else f" {clock(end)} -")
        else:
            gap = f"{clock(now)} to {clock(start)}"
            steps.append(f" {clock(start)} gap {gap}")
            break
        now = end
    if gap is None:
        raise ValueError("the day has no gap")
    steps[-1] += f":{scan(day.options, gap)}"
    return Drawn(prompt, "\n".join(steps), letter_of(day.options, gap), choice_format(len(day.options)))


def solve(prompt: str) -> str:
    """The only option during all of whose hours nobody saw them."""
    day = parse(prompt)
    taken = {hour for start, end in day.seen for hour in range(start, end)}
    free = []
    for number, option in enumerate(day.options):
        start, end = (hour_of(text) for text in re.findall(_HOUR, option))
        if day.woke <= start and end <= day.closed and not taken & set(range(start, end)):
            free.append("ABCDEFGH"[number])
    if len(free) != 1:
        raise ValueError(f"{len(free)} options are possible")
    return free[0]


FAMILY = Family(NAME, choice_format(4), draw, solve, work)
