"""Boolean expressions: ``not ( True ) and ( True ) is``. Worked by rewriting the whole line until one literal
is left.

Phases: brackets around a literal and ``not literal`` everywhere at once, then the leftmost ``and``, then the
leftmost legal ``or``.
"""

from __future__ import annotations

from random import Random

from agent_runtime.model.families.base import BOOLEAN, Drawn, Family

NAME = "boolean_expressions"
# Words (operands, operators and ``not``; no brackets) per level; level 3 as in the public file (nearly always even).
WORD_COUNTS: dict[int, list[int]] = {
    1: [2, 3, 4, 4, 5],
    2: [4, 5, 6, 6, 7],
    3: [4, 4, 4, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 8, 8, 8, 8, 8, 8, 8, 9],
    4: [10, 11, 12],
    5: [13, 14, 15, 16],
}
NOTS = [0, 0, 0, 1, 1, 2, 3]


def draw(rng: Random, level: int) -> Drawn:
    """A random expression with the level's number of words, its rewriting line by line, and its value."""
    target = rng.choice(WORD_COUNTS[level])
    while True:
        text = _chain(rng, 2, rng.choice([1, 2, 2, 3, 3, 4] if level < 4 else [3, 4, 5, 6]))
        if sum(word not in "()" for word in text.split()) == target and text.count("(") <= max(
            3, target // 3
        ):
            break
    return work(f"{text} is")


def work(prompt: str) -> Drawn:
    """The worked answer of an expression's text."""
    words = prompt.removesuffix("is").split()
    tokens = [{"True": "T", "False": "F"}.get(word, word) for word in words]
    lines = [" ".join(tokens)]
    while len(tokens) > 1:
        tokens = _step(tokens)
        lines.append(" ".join(tokens))
    return Drawn(prompt, " " + " = ".join(lines), "true" if tokens[0] == "T" else "false")


def _chain(rng: Random, depth: int, operands: int) -> str:
    parts = [_operand(rng, depth)]
    for _ in range(operands - 1):
        parts += [rng.choice(["and", "or"]), _operand(rng, depth)]
    return " ".join(parts)


def _operand(rng: Random, depth: int) -> str:
    nots = "not " * rng.choice(NOTS)
    if depth == 0 or rng.random() < 0.62:
        return nots + rng.choice(["True", "False"])
    return f"{nots}( {_chain(rng, depth - 1, rng.choice([1, 1, 2, 2, 3]))} )"


def _step(tokens: list[str]) -> list[str]:
    simplified = _drop_brackets_and_nots(tokens)
    if simplified != tokens:
        return simplified
    return _reduce(tokens, "and") or _reduce(tokens, "or") or tokens


def _drop_brackets_and_nots(tokens: list[str]) -> list[str]:
    out: list[str] = []
    at = 0
    while at < len(tokens):
        after = tokens[at + 1 : at + 3]
        if tokens[at] == "(" and len(after) == 2 and after[0] in "TF" and after[1] == ")":
            out.append(after[0])
            at += 3
        elif tokens[at] == "not" and after and after[0] in "TF":
            out.append("F" if after[0] == "T" else "T")
            at += 2
        else:
            out.append(tokens[at])
            at += 1
    return out


def _reduce(tokens: list[str], operator: str) -> list[str] | None:
    for at in range(1, len(tokens) - 1):
        left, right = tokens[at - 1], tokens[at + 1]
        if tokens[at] != operator or left not in "TF" or right not in "TF":
            continue
        if operator == "or":  # legal only where no tighter operator still holds one of the two literals
            free_left = at < 2 or tokens[at - 2] in ("(", "or")
            free_right = at + 2 >= len(tokens) or tokens[at + 2] in (")", "or")
            if not (free_left and free_right):
                continue
            value = "T" in (left, right)
        else:
            value = left == right == "T"
        return [*tokens[: at - 1], "T" if value else "F", *tokens[at + 2 :]]
    return None


def solve(prompt: str) -> str:
    """The value by recursive descent over the text (or < and < not), independent of the rewriting above."""
    words = prompt.removesuffix("is").split()
    value, end = _parse_or(words, 0)
    if end != len(words):
        raise ValueError(f"words left over after position {end}")
    return "true" if value else "false"


def _parse_or(words: list[str], at: int) -> tuple[bool, int]:
    value, at = _parse_and(words, at)
    while at < len(words) and words[at] == "or":
        right, at = _parse_and(words, at + 1)
        value = value or right
    return value, at


def _parse_and(words: list[str], at: int) -> tuple[bool, int]:
    value, at = _parse_not(words, at)
    while at < len(words) and words[at] == "and":
        right, at = _parse_not(words, at + 1)
        value = value and right
    return value, at


def _parse_not(words: list[str], at: int) -> tuple[bool, int]:
    if words[at] == "not":
        value, at = _parse_not(words, at + 1)
        return not value, at
    if words[at] == "(":
        value, at = _parse_or(words, at + 1)
        return value, at + 1
    return {"True": True, "False": False}[words[at]], at + 1


FAMILY = Family(NAME, BOOLEAN, draw, solve, work)
