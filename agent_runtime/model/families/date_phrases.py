"""Sentences that say what day it is, each with the date that it names, the way from there to today, and a draw
of its gaps. The questions of ``date_understanding`` stand behind them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from random import Random

from agent_runtime.model.families.calendar_steps import Day, length, shown
from agent_runtime.model.families.templates import Template
from agent_runtime.model.families.words import person

Move = tuple[str, int]  # unit ("day", "month", "year") and how many, negative is back
Gaps = dict[str, str]

MONTHS = "January February March April May June July August September October November December".split()
WEEKDAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth".split()
NUMBERS = "zero one two three four five six seven eight nine ten".split()
HOLIDAYS = {
    "Christmas Eve": (12, 24), "Christmas Day": (12, 25), "New Year's Day": (1, 1), "New Year's Eve": (12, 31),
    "Halloween": (10, 31), "Valentine's Day": (2, 14), "Independence Day": (7, 4),
}  # fmt: skip
WEDDINGS = {"silver": 25, "golden": 50, "diamond": 60}
_WRITTEN = r"(?:[A-Z][a-z]+\.? \d{1,2}(?:st|nd|rd|th)?, \d{4}|\d{1,2}/\d{1,2}/\d{4})"
_YEAR = r"\d{4}"


@dataclass(frozen=True, slots=True)
class Phrase:
    """``anchor`` is the date that the sentence names, ``moves`` lead from it to today; ``note`` opens the worked answer.

    ``lowest`` is the first level that uses it.
    """

    template: Template
    anchor: Callable[[Gaps], Day]
    moves: Callable[[Gaps], list[Move]]
    draw: Callable[[Random, int], Gaps]
    note: Callable[[Gaps], str] = lambda gaps: ""
    lowest: int = 1


def read_date(text: str, year: str = "") -> Day:
    """``Jan 2, 1958``, ``Sept. 1st, 2021``, ``6/18/2019``, or with a year given apart ``Mar 12``, ``9/7``."""
    if "/" in text:
        month, day, *rest = text.split("/")
        return int(rest[0] if rest else year), int(month), int(day)
    match = re.fullmatch(r"([A-Z][a-z]+)\.? (\d{1,2})(?:st|nd|rd|th)?(?:, (\d{4}))?", text)
    if match is None:
        raise ValueError(f"{text!r} is not a date")
    return int(match[3] or year), month_number(match[1]), int(match[2])


def month_number(name: str) -> int:
    """``Sept`` → 9."""
    return next(at for at, month in enumerate(MONTHS, 1) if month.startswith(name[:3]))


def write_date(rng: Random, day: Day, style: int | None = None) -> str:
    """One of the public file's ways to write a date."""
    year, month, number = day
    suffix = "th" if 10 < number < 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    forms = (
        f"{MONTHS[month - 1][:3]} {number}, {year}",
        f"{month}/{number}/{year}",
        f"{MONTHS[month - 1]} {number}, {year}",
        f"{MONTHS[month - 1][:3]} {number}{suffix}, {year}",
        shown(day),
    )
    return forms[rng.choice([0, 0, 1, 1, 2, 3, 4]) if style is None else style]


def any_day(rng: Random) -> Day:
    """A day between 1900 and 2035, a month's end now and then."""
    year = rng.choice([rng.randint(1900, 2035), rng.randint(1990, 2025)])
    month = rng.randint(1, 12)
    last = length(year, month)
    return (
        year,
        month,
        rng.choice([rng.randint(1, last), rng.randint(1, last), rng.choice([1, 2, last - 1, last])]),
    )


def _her(rng: Random) -> str:
    return "Jane" if rng.random() < 0.3 else person(rng)


def _still(_: Gaps) -> list[Move]:
    return []


def _written(rng: Random, _: int) -> Gaps:
    return {"date": write_date(rng, any_day(rng)), "a": _her(rng)}


def _by_date(gaps: Gaps) -> Day:
    return read_date(gaps["date"])


def _dated(text: str, moves: list[Move], lowest: int = 1) -> Phrase:
    """A sentence with a written date that lies a fixed way from today."""
    return Phrase(
        Template(text, date=_WRITTEN, a=r"\S+"), _by_date, lambda gaps: moves, _written, lowest=lowest
    )


def _of_year(text: str, month_day: tuple[int, int], lowest: int = 1) -> Phrase:
    return Phrase(
        Template(text, y=_YEAR),
        lambda gaps: (int(gaps["y"]), *month_day),
        _still,
        lambda rng, level: {"y": str(any_day(rng)[0])},
        lowest=lowest,
    )


def _count(low: int, far: dict[int, int]) -> Callable[[Random, int], Gaps]:
    def draw(rng: Random, level: int) -> Gaps:
        return _written(rng, level) | {"n": str(rng.randint(low, far[level]))}

    return draw


def _thinkers(rng: Random, _: int) -> Gaps:
    day = any_day(rng)
    other = (*day[:2], min(max(1, day[2] + rng.choice([-1, 1])), length(*day[:2])))
    a, b = _her(rng), rng.choice(["John", person(rng)])
    if a == b or other == day:
        return _thinkers(rng, _)
    return {
        "a": a,
        "b": b,
        "d": write_date(rng, day, 1),
        "e": write_date(rng, other, 1),
        "c": rng.choice([a, b]),
    }


def _month_end(rng: Random, _: int) -> Gaps:
    year, month, _day = any_day(rng)
    last = length(year, month)
    return {
        "date": write_date(rng, (year, month, last), 1),
        "bad": f"{month}/{last + 1}/{year}",
        "month": MONTHS[month - 1],
        "n": str(last),
    }


def _birthday(rng: Random, _: int) -> Gaps:
    year = rng.randint(1940, 2005)
    n = rng.choice([4, 8, 16, rng.randint(5, 40)])
    return {"a": _her(rng), "y": str(year), "n": str(n)}


def _job(rng: Random, _: int) -> Gaps:
    _year, month, day = any_day(rng)
    return {
        "a": _her(rng),
        "y": str(rng.randint(1980, 2020)),
        "n": str(rng.randint(2, 9)),
        "md": f"{MONTHS[month - 1][:3]} {min(day, 28)}",
        "drink": rng.choice(["coffee", "tea", "milk"]),
    }


def _last_of_month(rng: Random, _: int) -> Gaps:
    year, month, _day = any_day(rng)
    return {"a": _her(rng), "m": MONTHS[month - 1][:3], "y": str(year)}


def _end_of(year: str, month: int) -> Day:
    return int(year), month, length(int(year), month)


def _monday(gaps: Gaps) -> Day:
    ahead = (WEEKDAYS.index(gaps["v"]) - WEEKDAYS.index(gaps["w"])) % 7
    return int(gaps["y"]), 1, 1 + ahead + 7 * ORDINALS.index(gaps["o"])


def _weekdays_note(gaps: Gaps) -> str:
    start = WEEKDAYS.index(gaps["w"])
    ahead = (WEEKDAYS.index(gaps["v"]) - start) % 7
    walk = ", ".join(f"{1 + at} {WEEKDAYS[(start + at) % 7]}" for at in range(ahead + 1))
    weeks = 7 * ORDINALS.index(gaps["o"])
    return f" {walk}" + (f"; {1 + ahead}+{weeks}={1 + ahead + weeks}" if weeks else "") + ";"


def _first_weekday(rng: Random, _: int) -> Gaps:
    year = any_day(rng)[0]
    return {
        "y": str(year),
        "w": WEEKDAYS[date(year, 1, 1).weekday()],
        "o": rng.choice(ORDINALS[:4]),
        "v": rng.choice(WEEKDAYS),
    }


def _thanksgiving(gaps: Gaps) -> Day:
    first = date(int(gaps["y"]), 11, 1).weekday()
    return int(gaps["y"]), 11, 1 + (3 - first) % 7 + 21


def _thanksgiving_note(gaps: Gaps) -> str:
    """The weekday of 1 November by Sakamoto's rule, then the fourth Thursday."""
    year = int(gaps["y"])
    quarter, century, fourth = year // 4, year // 100, year // 400
    total = year + quarter - century + fourth + 3
    weekday = total % 7  # 0 is Sunday
    ahead = (4 - weekday) % 7
    return (
        f" {year}/4={quarter} /100={century} /400={fourth}; {year}+{quarter}-{century}+{fourth}+3={total}, "
        f"{total}-7*{total // 7}={weekday}; 1+{ahead}+21={22 + ahead};"
    )


def _palindrome(gaps: Gaps) -> Day:
    mirrored = gaps["y"][::-1]
    return int(gaps["y"]), int(mirrored[:2]), int(mirrored[2:])


def _palindrome_year(rng: Random, _: int) -> Gaps:
    while True:
        year = rng.randint(1900, 2190)
        mirrored = str(year)[::-1]
        month, day = int(mirrored[:2]), int(mirrored[2:])
        if 1 <= month <= 12 and 1 <= day <= length(year, month):
            return {"y": str(year)}


def _second_of_third(rng: Random, _: int) -> Gaps:
    year, month, _day = any_day(rng)
    return {"o": rng.choice(ORDINALS), "m": ORDINALS[month - 1], "y": str(year)}


def _quarter(rng: Random, _: int) -> Gaps:
    return {"q": rng.choice(ORDINALS[:4]), "y": str(any_day(rng)[0])}


def _short_day(rng: Random, _: int) -> Gaps:
    year, month, day = any_day(rng)
    return {"md": f"{month}/{day}", "a": _her(rng), "y": str(year), "o": rng.choice(ORDINALS[1:4])}


def _thought(rng: Random, _: int) -> Gaps:
    year, month, day = any_day(rng)
    n = rng.choice([1, 1, 2, 3])
    day = min(day, length(year, month) - n)
    return {
        "a": _her(rng),
        "d": f"{month}/{day}/{year}",
        "md": f"{MONTHS[month - 1][:3]} {day + n}",
        "n": f"{n} day{'s' if n > 1 else ''}",
    }


def _british(rng: Random, _: int) -> Gaps:
    year, month, day = any_day(rng)
    return {"date": f"{day:02d}/{month:02d}/{year}"}


def _from_british(gaps: Gaps) -> Day:
    day, month, year = map(int, gaps["date"].split("/"))
    return year, month, day


def _couple(rng: Random, _: int) -> Gaps:
    a, b = _her(rng), rng.choice(["John", person(rng)])
    return {
        "a": a,
        "b": b,
        "date": write_date(rng, any_day(rng)),
        "n": str(rng.randint(2, 40)),
        "w": rng.choice(list(WEDDINGS)),
    }


def _meeting(rng: Random, level: int) -> Gaps:
    return _written(rng, level) | {"h": str(rng.randint(8, 11))}


def _appointments(rng: Random, level: int) -> Gaps:
    day = any_day(rng)
    return {
        "a": _her(rng), "n": str(rng.randint(2, 9)), "k": str(rng.randint(2, 9)),
        "w": WEEKDAYS[date(*day).weekday()][:3], "date": write_date(rng, day, 1),
    }  # fmt: skip


def _visits(rng: Random, _: int) -> Gaps:
    year, month, day = any_day(rng)
    n = rng.randint(2, 9)
    return {
        "a": _her(rng),
        "d": str(min(day, 28)),
        "m": MONTHS[month - 1],
        "y": str(year),
        "n": ORDINALS[n - 1],
    }


def _pizzas(rng: Random, level: int) -> Gaps:
    return _written(rng, level) | {"n": str(rng.randint(2, 9)), "k": str(rng.randint(2, 9))}


def _local_time(rng: Random, level: int) -> Gaps:
    return _written(rng, level) | {
        "t": f"{rng.randint(1, 11)}:{rng.randint(0, 59):02d} {rng.choice(['am', 'pm'])}"
    }


_SMALL = {1: 5, 2: 9, 3: 9, 4: 30, 5: 60}
_LARGE = {1: 20, 2: 40, 3: 200, 4: 300, 5: 500}

PHRASES: tuple[Phrase, ...] = (
    *(
        Phrase(
            Template(f"Today is {holiday} of {{y}}.", y=_YEAR),
            lambda gaps, month_day=month_day: (int(gaps["y"]), *month_day),  # type: ignore[misc]
            _still,
            lambda rng, level: {"y": str(any_day(rng)[0])},
        )
        for holiday, month_day in list(HOLIDAYS.items())
    ),
    _of_year("Today is the first day of {y}.", (1, 1)),
    _of_year("This is the last day of {y}.", (12, 31)),
    _dated("Today is {date}.", []),
    _dated("It is {date} today.", []),
    _dated("Today, {date}, is a day that we will never forget.", []),
    _dated("Tomorrow is {date}.", [("day", -1)]),
    _dated("Yesterday was {date}.", [("day", 1)]),
    _dated("The day before yesterday was {date}.", [("day", 2)]),
    _dated("It was {date} a week ago.", [("day", 7)]),
    _dated("{a} booked a flight for tomorrow, {date}.", [("day", -1)], 2),
    _dated("The concert was scheduled to be on {date}, but was delayed by one day to today.", [("day", 1)], 2),
    Phrase(
        Template("Today's meeting is rescheduled to {h} am tomorrow, {date}.", h=r"\d+", date=_WRITTEN),
        _by_date, lambda gaps: [("day", -1)], _meeting, lowest=2,
    ),
    Phrase(
        Template("Yesterday, {date}, {a} ate {n} pizzas and {k} wings.", date=_WRITTEN, n=r"\d+", k=r"\d+"),
        _by_date, lambda gaps: [("day", 1)], _pizzas, lowest=2,
    ),
    Phrase(
        Template("The current local time is {t} of {date}.", date=_WRITTEN), _by_date, _still, _local_time, lowest=2,
    ),
    Phrase(
        Template("{a} scheduled {n} apointments with {k} poeple for tomorrow ({w}, {date}).", date=_WRITTEN, w="[A-Z][a-z]+"),
        _by_date, lambda gaps: [("day", -1)], _appointments, lowest=3,
    ),
    Phrase(
        Template("Today is {date}. {a}'s appointment will be {n} days later.", date=_WRITTEN, n=r"\d+"),
        _by_date, _still, _count(2, _SMALL), lowest=2,
    ),
    Phrase(
        Template("The deadline is {date}, which is {n} days away from now.", date=_WRITTEN, n=r"\d+"),
        _by_date, lambda gaps: [("day", -int(gaps["n"]))], _count(2, _SMALL), lowest=2,
    ),
    Phrase(
        Template("{a} quited her job on {date}. {n} days have passed since then.", date=_WRITTEN, n=r"\d+"),
        _by_date, lambda gaps: [("day", int(gaps["n"]))], _count(5, _LARGE), lowest=3,
    ),
    Phrase(
        Template(
            "On {date} {a} bought {n} eggs. She ate one per day. Today she ran out of eggs.", date=_WRITTEN, n=r"\d+"
        ),
        _by_date, lambda gaps: [("day", int(gaps["n"]))], _count(5, _LARGE), lowest=3,
    ),
    Phrase(
        Template(
            "{a} thinks today is {d}, but {b} thinks today is {e}. {c} is correct.", a=r"\S+", b=r"\S+", d=_WRITTEN, e=_WRITTEN
        ),
        lambda gaps: read_date(gaps["d"] if gaps["c"] == gaps["a"] else gaps["e"]), _still, _thinkers,
        lambda gaps: f" {gaps['c']}", 2,
    ),
    Phrase(
        Template("{a} thought today is {d}, but today is in fact {md}, which is {n} later.", d=_WRITTEN, md=r"[A-Z][a-z]+ \d+"),
        lambda gaps: read_date(gaps["md"], str(read_date(gaps["d"])[0])), _still, _thought, lowest=3,
    ),
    Phrase(
        Template(
            "Yesterday was {date}. Today could not be {bad} because {month} has only {n} days.", date=_WRITTEN,
            bad=r"[\d/]+", n=r"\d+",
        ),
        _by_date, lambda gaps: [("day", 1)], _month_end, lowest=2,
    ),
    Phrase(
        Template("{date} is like yesterday to {a}, but that is actually {n} years ago.", date=_WRITTEN, n=r"[a-z]+"),
        _by_date, lambda gaps: [("year", NUMBERS.index(gaps["n"]))],
        lambda rng, level: _written(rng, level) | {"n": rng.choice(NUMBERS[2:])}, lowest=2,
    ),
    Phrase(
        Template("{a} and {b} married on {date}. It is their {n}-year anniversary today.", date=_WRITTEN, n=r"\d+"),
        _by_date, lambda gaps: [("year", int(gaps["n"]))], _couple, lowest=2,
    ),
    Phrase(
        Template("{a} and {b} married on {date}. Today is their {w} wedding anniversary.", date=_WRITTEN, w="|".join(WEDDINGS)),
        _by_date, lambda gaps: [("year", WEDDINGS[gaps["w"]])], _couple, lowest=2,
    ),
    Phrase(
        Template("{a} was born on the last day of Feburary in {y}. Today is her {n}-year-old birthday.", y=_YEAR, n=r"\d+"),
        lambda gaps: _end_of(gaps["y"], 2), lambda gaps: [("year", int(gaps["n"]))], _birthday, lowest=3,
    ),
    Phrase(
        Template(
            "{a} got her job in {y}. Today is her {n}-year work anniversary. She still remember that on {md}, her second day at "
            "work, she spilled {drink} on her laptop.", y=_YEAR, n=r"\d+", md=r"[A-Z][a-z]+ \d+", drink=r"\w+",
        ),
        lambda gaps: read_date(gaps["md"], gaps["y"]), lambda gaps: [("day", -1), ("year", int(gaps["n"]))], _job, lowest=3,
    ),
    Phrase(
        Template("{a} is celebrating the last day of {m} {y}.", m="[A-Z][a-z]+", y=_YEAR),
        lambda gaps: _end_of(gaps["y"], month_number(gaps["m"])), _still, _last_of_month, lowest=2,
    ),
    Phrase(
        Template("Today is the last day of the {q} quarter of {y}.", q="|".join(ORDINALS[:4]), y=_YEAR),
        lambda gaps: _end_of(gaps["y"], 3 * ORDINALS.index(gaps["q"]) + 3), _still, _quarter, lowest=2,
    ),
    Phrase(
        Template("Today is the {o} day of the {m} month of {y}.", o="[a-z]+", m="[a-z]+", y=_YEAR),
        lambda gaps: (int(gaps["y"]), ORDINALS.index(gaps["m"]) + 1, ORDINALS.index(gaps["o"]) + 1), _still,
        _second_of_third, lowest=2,
    ),
    Phrase(
        Template(
            "In the UK, people usually put the day before the month when formatting the date. "
            "Therefore, today is {date} to them.",
            date=r"\d\d/\d\d/\d{4}",
        ),
        _from_british, _still, _british, lowest=2,
    ),
    Phrase(
        Template(
            "The first day of {y} is a {w}, and today is the {o} {v} of {y}.", y=_YEAR, w="|".join(WEEKDAYS),
            v="|".join(WEEKDAYS), o="|".join(ORDINALS),
        ),
        _monday, _still, _first_weekday, _weekdays_note, 3,
    ),
    Phrase(
        Template(
            "In the US, Thanksgiving is on the fourth Thursday of November. Today is the US Thanksgiving of {y}.", y=_YEAR
        ),
        _thanksgiving, _still, lambda rng, level: {"y": str(rng.randint(1950, 2035))}, _thanksgiving_note, 3,
    ),
    Phrase(
        Template(
            "Today is the palindrome day of {y}, because the MMDDYYYY format of the date is the same backwards as forwards.",
            y=_YEAR,
        ),
        _palindrome, _still, _palindrome_year, lambda gaps: f" {' '.join(gaps['y'])}, {' '.join(gaps['y'][::-1])},", 3,
    ),
    Phrase(
        Template("Today is {md}, and it is {a}'s {o} time in the year {y} to see a meteor shower.", md=r"\d+/\d+", y=_YEAR),
        lambda gaps: read_date(gaps["md"], gaps["y"]), _still, _short_day, lowest=3,
    ),
    Phrase(
        Template("Today is {md}. {a} is watching NFL {y}.", md=r"\d+/\d+", y=_YEAR),
        lambda gaps: read_date(gaps["md"], gaps["y"]), _still, _short_day, lowest=3,
    ),
    Phrase(
        Template("{y} is coming in {h} hours.", y=_YEAR, h=r"\d+"),
        # The hour that is 36 before a year begins lies in the day before the last one.
        lambda gaps: (int(gaps["y"]), 1, 1), lambda gaps: [("day", -((int(gaps["h"]) + 23) // 24))],
        lambda rng, level: {"y": str(any_day(rng)[0]), "h": str(rng.choice([12, 24, 36, 48, 60]))}, lowest=3,
    ),
    Phrase(
        Template(
            "{a} visits the bookstore on the {d}th of each month starting from the {m} of {y}. It is her {n} visit to the "
            "bookstore today.", d=r"\d+", m="[A-Z][a-z]+", y=_YEAR, n="|".join(ORDINALS),
        ),
        lambda gaps: (int(gaps["y"]), month_number(gaps["m"]), int(gaps["d"])),
        lambda gaps: [("month", ORDINALS.index(gaps["n"]))],
        lambda rng, level: _visits(rng, level) | {"d": str(rng.randint(4, 20))}, lowest=3,
    ),
)  # fmt: skip
