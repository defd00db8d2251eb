"""Dyck languages: close the brackets that are still open. Worked with every symbol in order and the whole
stack behind it.
"""

from __future__ import annotations

from random import Random

from agent_runtime.model.families.base import Drawn, Family

NAME = "dyck_languages"
OPENING = "Complete the rest of the sequence, making sure that the parentheses are closed properly. Input: "
CLOSER = {"(": ")", "[": "]", "{": "}", "<": ">"}
LENGTHS = {1: [(2, 8)], 2: [(5, 16)], 3: [(2, 12), (4, 30), (10, 64)], 4: [(36, 60)], 5: [(56, 90)]}
MAX_STACK_SYMBOLS = 640  # sum of all stacks written out: keeps a worked answer inside the model's context


def draw(rng: Random, level: int) -> Drawn:
    """A prefix of the level's length that leaves one to three brackets open."""
    low, high = rng.choice(LENGTHS[level])
    while True:
        symbols = _walk(rng, rng.randint(low, high))
        stacks = _stacks(symbols)
        if stacks[-1] and len(symbols) <= high + 4 and sum(map(len, stacks)) <= MAX_STACK_SYMBOLS:
            break
    steps = [
        f" {symbol} :" + "".join(f" {s}" for s in stack)
        for symbol, stack in zip(symbols, stacks, strict=True)
    ]
    return Drawn(
        OPENING + " ".join(symbols), "\n".join(steps), " ".join(CLOSER[s] for s in reversed(stacks[-1]))
    )


def _walk(rng: Random, length: int) -> list[str]:
    close_odds, deepest = rng.uniform(0.35, 0.5), rng.choice([6, 9, 9, 14])
    stack: list[str] = []
    symbols: list[str] = []
    for _ in range(length):
        if stack and (rng.random() < close_odds or len(stack) >= deepest):
            symbols.append(CLOSER[stack.pop()])
        else:
            stack.append(rng.choice(list(CLOSER)))
            symbols.append(stack[-1])
    while len(stack) > 3:
        symbols.append(CLOSER[stack.pop()])
    return symbols


def _stacks(symbols: list[str]) -> list[list[str]]:
    stacks: list[list[str]] = []
    stack: list[str] = []
    for symbol in symbols:
        stack = [*stack, symbol] if symbol in CLOSER else stack[:-1]
        stacks.append(stack)
    return stacks


def solve(prompt: str) -> str:
    """The closing symbols by deleting matched pairs until none is left."""
    text = prompt.rsplit("Input: ", 1)[1].replace(" ", "")
    before = ""
    while before != text:
        before = text
        for opener, closer in CLOSER.items():
            text = text.replace(opener + closer, "")
    return " ".join(CLOSER[s] for s in reversed(text))


FAMILY = Family(NAME, {"type": "text"}, draw, solve)
