"""Arithmetic word problems: a person's stock of things changes step by step; how many are there at the end?

Worked by copying each event's verb and number and doing the sum digit by digit. Level dial: number of events
and size of the numbers.
"""

from __future__ import annotations

import re
from random import Random

from agent_runtime.model.families.base import INTEGER, Drawn, Family
from agent_runtime.model.families.digits import add, divide, multiply
from agent_runtime.model.families.words import NAMES

NAME = "arithmetic_word_problems"
EVENTS = {1: (1, 2), 2: (2, 3), 3: (3, 4), 4: (5, 6), 5: (7, 8)}
LARGEST = {1: 40, 2: 80, 3: 200, 4: 400, 5: 900}
THINGS = (
    "apples", "marbles", "stickers", "cards", "books", "coins", "pencils", "shells", "stamps", "cookies", "eggs", "buttons",
    "balloons", "tickets", "beads", "candies",
)  # fmt: skip
BOXES = ("boxes", "bags", "packs", "jars")
GAINS = ("finds {n} more", "buys {n} more", "gets {n} more from {other}", "wins {n} more")
LOSSES = ("gives {n} to {other}", "loses {n} of them", "sells {n} of them", "uses {n} of them")
FACTORS = {
    2: ("doubles the number", "ends up with twice as many"),
    3: ("triples the number", "ends up with three times as many"),
}
SHARES = {2: "half", 3: "a third", 4: "a quarter", 5: "a fifth"}
ADVERBS = ("Then", "Later", "After that", "Next")
PRONOUN = "The owner"


def draw(rng: Random, level: int) -> Drawn:
    """A chain of events on one stock; the stock never turns negative and every share comes out even."""
    name, other = rng.sample(NAMES, 2)
    thing, largest = rng.choice(THINGS), LARGEST[level]
    stock = rng.randint(3, max(10, largest // 4))
    sentences = [
        rng.choice(
            [
                f"{name} has {stock} {thing}.",
                f"{name} starts with {stock} {thing}.",
                f"At first {name} has {stock} {thing}.",
            ]
        )
    ]
    for event in range(rng.randint(*EVENTS[level])):
        text, stock = _event(rng, stock, largest, other)
        opener = f"{rng.choice(ADVERBS)} {name}" if event or rng.random() < 0.5 else name
        sentences.append(f"{opener} {text}.")
    question = rng.choice(
        [
            f"How many {thing} does {name} have now?",
            f"How many {thing} does {name} have in the end?",
            f"How many {thing} are left with {name}?",
        ]
    )
    return work(f"{' '.join(sentences)} {question}")


def work(prompt: str) -> Drawn:
    """The worked answer of a question's text."""
    stock, events = _read(prompt)
    steps = [f" {stock}"]
    for event in events:
        step, stock = _worked(event, stock)
        steps.append(f" {step} {stock}")
    return Drawn(prompt, ";".join(steps), str(stock))


def _event(rng: Random, stock: int, largest: int, other: str) -> tuple[str, int]:
    """One event: the clause and the new stock."""
    shares = [d for d in SHARES if stock % d == 0 and stock >= 2 * d]
    kinds = ["gain"] if stock < 3 else ["gain", "loss", "loss"]
    if stock * 3 <= largest:
        kinds.append("factor")
    if stock + 10 <= largest:
        kinds.append("boxes")
    if shares:
        kinds.append("share")
    kind = rng.choice(kinds)
    if kind == "gain":
        n = rng.randint(2, max(5, largest // 4))
        return rng.choice(GAINS).format(n=n, other=other), stock + n
    if kind == "loss":
        n = rng.randint(1, stock - 1)
        return rng.choice(LOSSES).format(n=n, other=other), stock - n
    if kind == "factor":
        n = rng.choice(list(FACTORS))
        return rng.choice(FACTORS[n]), stock * n
    if kind == "boxes":
        count, each = rng.randint(2, 9), rng.randint(2, 12)
        return f"buys {count} {rng.choice(BOXES)} with {each} in each", stock + count * each
    n = rng.choice(shares)
    verb = rng.choice(["gives {} of them away", "sells {} of them", "loses {} of them"]).format(SHARES[n])
    return verb, stock - stock // n


def _read(prompt: str) -> tuple[int, list[str]]:
    """The stock at first, and the events.

    Raises:
        ValueError: there is no number in the first sentence.
    """
    first, *events = [s for s in prompt.split(".") if s.strip()]
    match = re.search(r"\d+", first)
    if match is None:
        raise ValueError("no stock to begin with")
    return int(match[0]), events[:-1]


def _worked(event: str, stock: int) -> tuple[str, int]:
    """An event's working and the new stock."""
    numbers = [int(n) for n in re.findall(r"\d+", event)]
    if " in each" in event:
        count, each = numbers
        return (
            f"boxes {count}*{each}: {multiply(count, each)} {add(stock, count * each)};",
            stock + count * each,
        )
    if numbers:
        n = numbers[0]
        if " more" in event:
            return f"more {n}: {add(stock, n)};", stock + n
        return f"less {n}: {add(stock, -n)};", stock - n
    kind, n = _without_number(event)
    if kind == "factor":
        return f"times {n}: {multiply(stock, n)};", stock * n
    return f"share {n}: {divide(stock, n)} {add(stock, -(stock // n))};", stock - stock // n


def _without_number(event: str) -> tuple[str, int]:
    for factor, phrase in ((2, r"doubles|twice"), (3, r"triples|three times")):
        if re.search(phrase, event):
            return "factor", factor
    for parts, phrase in SHARES.items():
        if f" {phrase} of them" in event:
            return "share", parts
    raise ValueError(f"unknown event {event!r}")


def solve(prompt: str) -> str:
    """The stock at the end, by plain sums over the sentences."""
    stock, events = _read(prompt)
    for event in events:
        numbers = [int(n) for n in re.findall(r"\d+", event)]
        if " in each" in event:
            stock += numbers[0] * numbers[1]
        elif numbers:
            stock += numbers[0] if " more" in event else -numbers[0]
        else:
            kind, n = _without_number(event)
            stock = stock * n if kind == "factor" else stock - stock // n
    return str(stock)


FAMILY = Family(NAME, INTEGER, draw, solve, work)
