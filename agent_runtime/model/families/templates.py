"""Sentences with gaps, used both ways: a generator fills them, a parser reads them back. What the one can say
is exactly what the other understands. Also the lettered options under a multiple-choice question.

Knows no task.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from random import Random
from typing import Any

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
OPTIONS_MARK = "\nOptions:\n"
_OPTION = re.compile(r"^\(([A-Z])\) ?(.*)$", re.MULTILINE)


class Template:
    """``Template("{a} says {b} lies.", a=r"\\w+")``: a gap without a pattern of its own takes any text, as
    little as it can; a gap that stands twice holds the same text twice.
    """

    def __init__(self, text: str, **gaps: str) -> None:
        self.text = text
        pattern, seen = "", set()
        for index, part in enumerate(re.split(r"\{(\w+)\}", text)):
            if index % 2 == 0:
                pattern += re.escape(part).replace(r"\ ", r"\s+")
            elif part in seen:
                pattern += f"(?P={part})"
            else:
                seen.add(part)
                pattern += f"(?P<{part}>{gaps.get(part, '.+?')})"
        self.pattern = re.compile(pattern, re.DOTALL)

    def fill(self, **values: object) -> str:
        """The sentence with every gap filled."""
        return self.text.format(**values)

    def read(self, text: str) -> dict[str, str] | None:
        """What stands in the gaps, or None where the whole text is not this sentence."""
        match = self.pattern.fullmatch(text)
        return None if match is None else match.groupdict()


def first_reading(
    templates: Iterable[tuple[str, Template]] | Mapping[str, Template], text: str
) -> tuple[str, dict[str, str]]:
    """The key of the first template that reads the text, and what stands in its gaps.

    Raises:
        ValueError: none reads it.
    """
    for key, template in templates.items() if isinstance(templates, Mapping) else templates:
        gaps = template.read(text)
        if gaps is not None:
            return key, gaps
    raise ValueError(f"no template reads {text!r}")


def enumerated(parts: Sequence[str]) -> str:
    """``a, b, and c``; two items take no comma: ``a and b``."""
    if len(parts) < 3:
        return " and ".join(parts)
    return f"{', '.join(parts[:-1])}, and {parts[-1]}"


def split_enumeration(text: str) -> list[str]:
    """The parts of ``a, b, and c``."""
    return re.split(r",\s+and\s+|,\s+|\s+and\s+", text)


def with_options(question: str, options: Sequence[str]) -> str:
    """The question with its options behind letters, as BIG-Bench-Hard writes them."""
    lines = [f"({letter}) {option}" for letter, option in zip(LETTERS, options, strict=False)]
    return question + OPTIONS_MARK + "\n".join(lines)


def split_options(prompt: str) -> tuple[str, list[str]]:
    """The question and the texts of its options in the order of their letters.

    Raises:
        ValueError: the question has no lettered options.
    """
    question, mark, listed = prompt.partition(OPTIONS_MARK)
    found = _OPTION.findall(listed)
    if not mark or not found or [letter for letter, _ in found] != list(LETTERS[: len(found)]):
        raise ValueError("the question has no options (A), (B), …")
    return question.strip(), [text.strip() for _, text in found]


def choice_format(count: int) -> Mapping[str, Any]:
    """Answer format of a question with ``count`` options."""
    return {"type": "choice", "labels": list(LETTERS[:count])}


def letter_of(options: Sequence[str], wanted: str) -> str:
    """The letter of the option with this text.

    Raises:
        ValueError: no option has it.
    """
    if wanted not in options:
        raise ValueError(f"no option says {wanted!r}")
    return LETTERS[options.index(wanted)]


def scan(options: Sequence[str], wanted: str) -> str:
    """Worked look-up of an option: all are copied with their letters up to the one that is wanted."""
    upto = options[: options.index(wanted) + 1]
    return ",".join(f" {letter} {option}" for letter, option in zip(LETTERS, upto, strict=False))


def shuffled_options(rng: Random, prompt: str) -> str:
    """The same question with its options in another order."""
    question, options = split_options(prompt)
    return with_options(question, rng.sample(options, len(options)))
