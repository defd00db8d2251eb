"""What a task family is: a seeded generator with a level dial, a worked answer, an exact solver, and the
rules that keep test questions out.

Levels run from 1 to 5; level 3 is distributed like the public BIG-Bench-Hard file of the same name, 4 and 5
lie beyond it. Knows no tokenizer and no model.
"""

from __future__ import annotations

import gzip
import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from random import Random
from typing import Any

from agent_runtime.model.families.rewording import plain, reworded
from agent_runtime.model.families.templates import OPTIONS_MARK
from symphony_chain.errors import InvalidInput

LEVELS = (1, 2, 3, 4, 5)
BAN_LIST = "bbh_hashes.txt.gz"
HELD_OUT_BELOW = 8  # of 256: about 3 % of all questions never enter training

BOOLEAN: Mapping[str, Any] = {"type": "boolean"}
INTEGER: Mapping[str, Any] = {"type": "integer"}
YES_NO: Mapping[str, Any] = {"type": "choice", "labels": ["YES", "NO"]}
WORDS: Mapping[str, Any] = {"type": "text", "casefold": True}


@dataclass(frozen=True, slots=True)
class Drawn:
    """One question before any screening: what the task says, how it is worked out, and the canonical answer.

    ``answer_format`` is the question's own where it differs from its family's (the number of its options).
    """

    prompt: str
    reasoning: str
    answer: str
    answer_format: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Example:
    """One task with its worked answer; ``answer`` is canonical under ``answer_format`` (DESIGN 4)."""

    family: str
    level: int
    prompt: str
    reasoning: str
    answer: str
    answer_format: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Family:
    """A named family: ``draw`` makes a question of a level, ``solver`` finds the answer from the question's text
    alone, and ``work`` writes the worked answer to any such text, a public one too.

    ``verifier`` judges where more than one answer is right.
    """

    name: str
    answer_format: Mapping[str, Any]
    draw: Callable[[Random, int], Drawn]
    solver: Callable[[str], str]
    work: Callable[[str], Drawn] | None = None
    verifier: Callable[[str, str], bool] | None = None

    def generate(
        self,
        rng: Random,
        level: int,
        *,
        held_out: bool | None = None,
        rejected: Counter[str] | None = None,
        reword: float = 0.0,
    ) -> Example:
        """A question that is in no public test file, in the asked half of the split (None: either half).

        Args:
            rejected: counts, per family, the questions thrown away because a public test file holds them.
            reword: the share of questions put into other words.
        Raises:
            InvalidInput: the level is not 1 to 5.
        """
        if level not in LEVELS:
            raise InvalidInput(
                f"level {level} of family {self.name} does not exist", hint="use a level from 1 to 5"
            )
        while True:
            drawn = self.draw(rng, level)
            digest = question_hash(drawn.prompt)
            if held_out is not None and is_held_out(digest) != held_out:
                continue
            if is_public(drawn.prompt):
                if rejected is not None:
                    rejected[self.name] += 1
                continue
            prompt = drawn.prompt
            if rng.random() < reword:
                prompt = reworded(rng, prompt)
            return Example(
                self.name,
                level,
                prompt,
                drawn.reasoning,
                drawn.answer,
                dict(self.answer_format if drawn.answer_format is None else drawn.answer_format),
            )

    def verify(self, prompt: str, answer: str) -> bool:
        """Whether a canonical answer is right, by solving the question's text again, in other words or not.

        Raises:
            ValueError: the text is no question of this family.
        """
        question = plain(prompt)
        if self.verifier is not None:
            return self.verifier(question, answer)
        return self.solver(question) == answer


def question_hash(prompt: str) -> str:
    """First 8 bytes, as hex, of the sha-256 of the question with case folded and white space collapsed."""
    return hashlib.sha256(" ".join(prompt.casefold().split()).encode()).hexdigest()[:16]


def is_public(prompt: str) -> bool:
    """Whether a public test file holds the question, or the same question with other options."""
    stem = prompt.partition(OPTIONS_MARK)[0]
    return not banned_hashes().isdisjoint((question_hash(prompt), question_hash(stem)))


def is_held_out(digest: str) -> bool:
    """Whether a question (by its hash) belongs to the half that training never sees."""
    return int(digest[:2], 16) < HELD_OUT_BELOW


@lru_cache(maxsize=1)
def banned_hashes() -> frozenset[str]:
    """Hashes of every question of the public BIG-Bench-Hard files, made by ``scripts/train_model.py ban``."""
    packed = resources.files("agent_runtime.model").joinpath(BAN_LIST).read_bytes()
    return frozenset(gzip.decompress(packed).decode().split())
