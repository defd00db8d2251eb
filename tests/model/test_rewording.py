"""Rewording and its undoing: questions in other words are judged as exactly as plain ones."""

from __future__ import annotations

import re
from random import Random

import pytest

from agent_runtime.model.families import FAMILIES, LEVELS
from agent_runtime.model.families.rewording import PHRASES, plain, reworded


def squeezed(text: str) -> str:
    return re.sub(r"[ \t]+", " ", text).strip()


@pytest.mark.parametrize("name", FAMILIES)
def test_rewording_can_be_undone_and_keeps_the_answer(name: str) -> None:
    family, rng = FAMILIES[name], Random(f"reword/{name}")
    for level in LEVELS:
        for _ in range(20):
            example = family.generate(rng, level, reword=0.0)
            other = reworded(rng, example.prompt)
            assert other != example.prompt
            assert plain(other) == squeezed(example.prompt)
            assert plain(plain(other)) == plain(other)
            assert family.verify(other, example.answer)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_share_of_a_stream_is_reworded(name: str) -> None:
    rng = Random(f"share/{name}")
    prompts = [FAMILIES[name].generate(rng, 2, reword=0.5).prompt for _ in range(120)]
    plain_ones = sum(plain(prompt) == squeezed(prompt) and prompt == prompt.strip() for prompt in prompts)
    assert 30 < plain_ones < 95


def test_every_wording_keeps_every_gap() -> None:
    for known, others in PHRASES:
        gaps = set(known.pattern.groupindex)
        for other in others:
            assert set(other.pattern.groupindex) == gaps
            assert other.text != known.text
