"""Dyck languages: close the brackets that are still open.

Worked with every symbol in order and a letter for its depth (a pair of brackets has the same one), then the last
opening bracket of every depth that is still open, from the innermost out: `` < a { b ( c ) c`` then `` b { a <``. Two tokens a
symbol, whatever the depth: the public file nests 26 deep and is 99 symbols long.
"""

from __future__ import annotations

import string
from random import Random

from agent_runtime.model.families.base import Drawn, Family

NAME = "dyck_languages"
OPENING = "Complete the rest of the sequence, making sure that the parentheses are closed properly. Input: "
CLOSER = {"(": ")", "[": "]", "{": "}", "<": ">"}
#: Shortest, longest, and how strongly the lengths between lean to the short side.
LENGTHS = {1: (2, 8, 1.0), 2: (5, 16, 1.0), 3: (2, 99, 1.15), 4: (40, 75, 1.0), 5: (75, 120, 1.0)}
DEPTHS = string.ascii_lowercase


def draw(rng: Random, level: int) -> Drawn:
    """Lengths, depths and numbers of open brackets as in the public file (level 3), shorter and longer."""
    low, high, skew = LENGTHS[level]
    length = round(low * (high / low) ** (rng.random() ** skew))
    still_open = min(length, rng.choice([1, 1, 1, 2, 2, 2, 2, 3, 3, 3]))
    up = rng.uniform(0.45, 0.75)
    stack: list[str] = []
    symbols: list[str] = []
    while (remaining := length - len(symbols)) > 0 or len(stack) != still_open:
        excess = len(stack) - still_open
        closes = stack and rng.random() > up
        if excess > 0 and (excess >= remaining or len(stack) == len(DEPTHS)):
            closes = True
        elif excess < 0 and -excess >= remaining:
            closes = False
        if closes:
            symbols.append(CLOSER[stack.pop()])
        else:
            stack.append(rng.choice(list(CLOSER)))
            symbols.append(stack[-1])
    return work(OPENING + " ".join(symbols))


def work(prompt: str) -> Drawn:
    """The worked answer of a question's text.

    Raises:
        ValueError: it nests deeper than there are letters.
    """
    stack: list[str] = []
    steps = []
    for symbol in prompt.rsplit("Input:", 1)[1].split():
        if symbol in CLOSER:
            stack.append(symbol)
        if len(stack) > len(DEPTHS):
            raise ValueError(f"deeper than {len(DEPTHS)}")
        steps.append(f" {symbol} {DEPTHS[len(stack) - 1]}")
        if symbol not in CLOSER:
            stack.pop()
    still_open = [f" {DEPTHS[at]} {stack[at]}" for at in reversed(range(len(stack)))]
    answer = " ".join(CLOSER[symbol] for symbol in reversed(stack))
    return Drawn(prompt, "".join(steps) + "\n" + "".join(still_open), answer)


def solve(prompt: str) -> str:
    """The closing symbols by deleting matched pairs until none is left."""
    text = prompt.rsplit("Input:", 1)[1].replace(" ", "")
    before = ""
    while before != text:
        before = text
        for opener, closer in CLOSER.items():
            text = text.replace(opener + closer, "")
    return " ".join(CLOSER[s] for s in reversed(text))


FAMILY = Family(NAME, {"type": "text"}, draw, solve, work)
