"""Multi-step arithmetic: ``((-1 + 2 + 9 * 5) - (-2 + -4 + -4 * -7)) =``. Each bracket is worked as signed
terms, then summed.

Level dial: terms per bracket (four at level 3, as in the public file).
"""

from __future__ import annotations

import re
from random import Random

from agent_runtime.model.families.base import INTEGER, Drawn, Family
from agent_runtime.model.families.digits import add, multiply, signed

NAME = "multistep_arithmetic_two"
TERMS = {1: 2, 2: 3, 3: 4, 4: 5, 5: 6}


def draw(rng: Random, level: int) -> Drawn:
    """Two brackets of single-digit signed numbers joined by one operator."""
    terms = TERMS[level]
    (left, left_ops), (right, right_ops) = _bracket(rng, terms), _bracket(rng, terms)
    operator = rng.choice("+-*")
    return work(f"({_show(left, left_ops)} {operator} {_show(right, right_ops)}) =")


def work(prompt: str) -> Drawn:
    """The worked answer of an expression's text.

    Raises:
        ValueError: it is not two brackets of numbers joined by one operator.
    """
    match = re.fullmatch(r"\(\(([^()]*)\) ([-+*]) \(([^()]*)\)\) =", prompt.strip())
    if match is None:
        raise ValueError("not two brackets joined by one operator")
    (left, left_ops), operator, (right, right_ops) = _read(match[1]), match[2], _read(match[3])
    left_work, a = _work(left, left_ops)
    right_work, b = _work(right, right_ops)
    if operator == "*":
        final, value = multiply(a, b), a * b
    else:
        final, value = (add(a, b), a + b) if operator == "+" else (add(a, -b), a - b)
    return Drawn(prompt, f"{left_work}\n{right_work}\n {a} {operator} {b}: {final}", str(value))


def _read(bracket: str) -> tuple[list[int], list[str]]:
    words = bracket.split()
    return [int(word) for word in words[::2]], words[1::2]


def _bracket(rng: Random, terms: int) -> tuple[list[int], list[str]]:
    while True:
        numbers = [rng.randint(-9, 9) for _ in range(terms)]
        operators = [rng.choice("+-*") for _ in range(terms - 1)]
        if terms < 5 or "***" not in "".join(
            operators
        ):  # products of four and more factors outgrow the context
            return numbers, operators


def _show(numbers: list[int], operators: list[str]) -> str:
    return (
        f"({numbers[0]}" + "".join(f" {op} {x}" for op, x in zip(operators, numbers[1:], strict=True)) + ")"
    )


def _work(numbers: list[int], operators: list[str]) -> tuple[str, int]:
    """Terms with their sign (``- 6*7: 6*7=42 t-42``), then their running sum; returns the text and the value."""
    factors, signs = [[numbers[0]]], ["+"]
    for op, x in zip(operators, numbers[1:], strict=True):
        if op == "*":
            factors[-1].append(x)
        else:
            factors.append([x])
            signs.append(op)
    values, shown = [], []
    for row, sign in zip(factors, signs, strict=True):
        product, steps = row[0], []
        for x in row[1:]:
            steps.append(multiply(product, x))
            product *= x
        values.append(product if sign == "+" else -product)
        work = ": " + " ".join(steps) if steps else ""
        shown.append(f" {sign} {'*'.join(map(str, row))}{work} t{signed(values[-1])}")
    total, sums = values[0], []
    for value in values[1:]:
        sums.append(add(total, value))
        total += value
    return ";".join(shown) + " sum " + "".join(f"{step} " for step in sums) + f"r {total}", total


def solve(prompt: str) -> str:
    """The value by recursive descent over the text, with the usual precedence."""
    tokens = re.findall(r"-?\d+|[-+*()]", prompt.rsplit("=", 1)[0])
    value, end = _parse_sum(tokens, 0)
    if end != len(tokens):
        raise ValueError(f"tokens left over after position {end}")
    return str(value)


def _parse_sum(tokens: list[str], at: int) -> tuple[int, int]:
    value, at = _parse_product(tokens, at)
    while at < len(tokens) and tokens[at] in "+-":
        right, after = _parse_product(tokens, at + 1)
        value, at = (value + right if tokens[at] == "+" else value - right), after
    return value, at


def _parse_product(tokens: list[str], at: int) -> tuple[int, int]:
    value, at = _parse_atom(tokens, at)
    while at < len(tokens) and tokens[at] == "*":
        right, at = _parse_atom(tokens, at + 1)
        value *= right
    return value, at


def _parse_atom(tokens: list[str], at: int) -> tuple[int, int]:
    if tokens[at] == "(":
        value, at = _parse_sum(tokens, at + 1)
        return value, at + 1
    return int(tokens[at]), at + 1


FAMILY = Family(NAME, INTEGER, draw, solve, work)
