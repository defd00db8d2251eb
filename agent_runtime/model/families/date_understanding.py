"""Date understanding: a sentence says what day it is, in a roundabout way; which date is asked for?

Worked by the date that the sentence names, the steps from it to today, the step that the question asks, and the
options up to the one that says the result: of each the parts up to the first that differs, and a verdict.
``date_phrases`` holds the sentences; this module asks and answers.
"""

from __future__ import annotations

from datetime import date, timedelta
from random import Random

from agent_runtime.model.families.base import Drawn, Family
from agent_runtime.model.families.calendar_steps import (
    Day,
    length,
    move_days,
    move_months,
    move_years,
    shown,
)
from agent_runtime.model.families.date_phrases import PHRASES, Move, Phrase
from agent_runtime.model.families.templates import (
    LETTERS,
    Template,
    choice_format,
    letter_of,
    split_options,
    with_options,
)

NAME = "date_understanding"
ASKED = Template("{said} What is the date {when} in MM/DD/YYYY?", said=".+")
MOVES: dict[str, Move] = {
    "today": ("day", 0),
    "tomorrow": ("day", 1),
    "yesterday": ("day", -1),
    "24 hours later": ("day", 1),
    "one week from today": ("day", 7),
    "one week ago from today": ("day", -7),
    "10 days ago": ("day", -10),
    "a month ago": ("month", -1),
    "one year ago from today": ("year", -1),
}
#: Asked beside those of the public file, more often at higher levels.
_MORE = {
    "{n} days ago": ("day", -1),
    "{n} days from today": ("day", 1),
    "{n} weeks from today": ("day", 7),
    "{n} weeks ago": ("day", -7),
    "{n} months ago": ("month", -1),
    "{n} months from today": ("month", 1),
    "{n} years ago": ("year", -1),
}
_MORE_FORMS = [(Template(form, n=r"\d+"), move) for form, move in _MORE.items()]
_FAR = {1: 5, 2: 15, 3: 30, 4: 60, 5: 250}


def draw(rng: Random, level: int) -> Drawn:
    """A phrase of the level with a question whose date is on the calendar and no matter of taste (no month that
    ends before the day).
    """
    while True:
        phrase = rng.choice([phrase for phrase in PHRASES if phrase.lowest <= level])
        if level > 3 and phrase.lowest < 3 and rng.random() < 0.7:
            continue
        gaps = phrase.draw(rng, level)
        today = _today(phrase, gaps)
        when, move = _question(rng, level)
        if _is_clear(today, move):
            break
    text = ASKED.fill(said=phrase.template.fill(**gaps), when=when)
    return work(with_options(text, _options(rng, _moved(today, move), today)))


def _question(rng: Random, level: int) -> tuple[str, Move]:
    if rng.random() > {1: 0.1, 2: 0.1, 3: 0.12, 4: 0.6, 5: 0.8}[level]:
        return rng.choice(list(MOVES.items())[: 4 if level == 1 else None])
    form, (unit, factor) = rng.choice(list(_MORE.items()))
    largest = {"day": _FAR[level] // abs(factor), "month": min(11, _FAR[level]), "year": 9}[unit]
    lowest = max(2, largest // 3) if level > 3 else 2
    n = rng.randint(lowest, max(lowest, largest))
    return form.format(n=n), (unit, factor * n)


def _move_of(when: str) -> Move:
    if when in MOVES:
        return MOVES[when]
    for form, (unit, factor) in _MORE_FORMS:
        if gaps := form.read(when):
            return unit, factor * int(gaps["n"])
    raise ValueError(f"unknown question {when!r}")


def _moved(day: Day, move: Move) -> Day:
    """By the library's calendar; independent of the worked steps."""
    unit, count = move
    year, month, number = day
    if unit == "day":
        moved = date(*day) + timedelta(count)
        return moved.year, moved.month, moved.day
    index = year * 12 + month - 1 + count * (12 if unit == "year" else 1)
    year, month = index // 12, index % 12 + 1
    return year, month, min(number, length(year, month))


def _is_clear(today: Day, move: Move) -> bool:
    year, _, number = _moved(today, move)
    return (move[0] == "day" or number == today[2]) and 1800 < year < 2200


def _today(phrase: Phrase, gaps: dict[str, str]) -> Day:
    day = phrase.anchor(gaps)
    for move in phrase.moves(gaps):
        day = _moved(day, move)
    return day


def _options(rng: Random, right: Day, today: Day) -> list[str]:
    """Five or six dates: the right one, and like the public file's wrong ones days nearby, other years, today itself."""
    wanted = 6 if rng.random() < 0.87 else 5
    dates = [right]
    while len(dates) < wanted:
        roll = rng.random()
        year, month, number = right
        if roll < 0.35:
            candidate = _moved(
                right, ("day", rng.choice([-1, 1, rng.randint(-30, 30), rng.randint(-300, 300)]))
            )
        elif roll < 0.7:
            candidate = (year + rng.choice([-1, 1, rng.randint(-80, 80)]), month, number)
        elif roll < 0.85:
            candidate = _moved(right, ("month", rng.randint(-8, 8)))
        else:
            candidate = today
        if candidate not in dates and candidate[0] > 1000 and candidate[2] <= length(*candidate[:2]):
            dates.append(candidate)
    rng.shuffle(dates)
    return [shown(day) for day in dates]


def parse(prompt: str) -> tuple[Phrase, dict[str, str], Move, list[str]]:
    """The phrase, what stands in its gaps, what is asked, and the options.

    Raises:
        ValueError: the text is not such a question.
    """
    question, options = split_options(prompt)
    gaps = ASKED.read(question)
    if gaps is None:
        raise ValueError("not a question about a date")
    for phrase in PHRASES:
        said = phrase.template.read(gaps["said"])
        if said is not None:
            return phrase, said, _move_of(gaps["when"]), options
    raise ValueError(f"no phrase reads {gaps['said']!r}")


def work(prompt: str) -> Drawn:
    """The worked answer of a question's text."""
    phrase, gaps, asked, options = parse(prompt)
    day = phrase.anchor(gaps)
    lines = [f"{phrase.note(gaps)} {shown(day)}"]
    for move in [*phrase.moves(gaps), asked]:
        if move[1]:
            step, day = {"day": move_days, "month": move_months, "year": move_years}[move[0]](day, move[1])
            lines.append(step)
    reasoning = "\n".join(lines) + f":{_compared(options, shown(day))}"
    return Drawn(prompt, reasoning, letter_of(options, shown(day)), choice_format(len(options)))


def _compared(options: list[str], right: str) -> str:
    """The options up to the right one, month, day and year as far as the first that differs: `` A 12 n, B 11/22/2014 n``."""
    steps = []
    for letter, option in zip(LETTERS, options, strict=False):
        said: list[str] = []
        for part, wanted in zip(option.split("/"), right.split("/"), strict=True):
            said.append(part)
            if part != wanted:
                break
        steps.append(f" {letter} {'/'.join(said)} {'y' if option == right else 'n'}")
        if option == right:
            break
    return ",".join(steps)


def solve(prompt: str) -> str:
    """The letter, by the library's calendar."""
    phrase, gaps, asked, options = parse(prompt)
    return letter_of(options, shown(_moved(_today(phrase, gaps), asked)))


FAMILY = Family(NAME, choice_format(6), draw, solve, work)
