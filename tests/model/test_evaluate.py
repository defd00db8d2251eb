"""Scores of an engine: counted on an engine whose answers are known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from agent_runtime.engines import EngineInfo, Sample
from agent_runtime.model.datasets import TaskItem
from agent_runtime.model.training.evaluate import plurality, score
from symphony_chain.errors import InvalidInput


class Scripted:
    """Greedy says ``greedy``; the samples of a prompt say the texts that its own last word lists."""

    info = EngineInfo("scripted", "0", "cpu", "none", 10)

    def __init__(self, greedy: str, drawn: list[str]) -> None:
        self._greedy, self._drawn = greedy, drawn

    def generate(
        self,
        prompts: Sequence[str],
        *,
        n: int,
        temperature: float,
        seed: int,
        max_tokens: int,
        stop: Sequence[str] = (),
    ) -> list[list[Sample]]:
        texts = [self._greedy] if temperature == 0 else self._drawn
        return [[Sample(text, (1, 2), (0.0, 0.0), "stop") for text in texts[:n]] for _ in prompts]

    def count_tokens(self, prompt: str) -> int:
        return len(prompt)

    def load_adapter(self, path: Path | None) -> None:
        raise NotImplementedError

    def close(self) -> None:
        pass


TASK = TaskItem("t", "f", 1, "2 + 2 =", "4", {"type": "integer"})


def test_shares_are_counted_per_sample_and_per_vote() -> None:
    engine = Scripted(" 4\n#### 4", [" x\n#### 5", " no answer", "#### 04", "#### 4", "####  4 \n"])
    scores = score(engine, [TASK, TASK], temperature=0.8, seed=0, max_tokens=9)
    assert scores.tasks == 2
    assert (scores.greedy, scores.single_sample, scores.any_of_5) == (1.0, 0.4, 1.0)
    assert (scores.votes_3, scores.votes_5) == (0.0, 1.0)  # of the first three only "5" has a canonical form
    assert scores.greedy_tokens == 2


def test_missing_answers_do_not_vote_and_ties_go_to_the_first() -> None:
    assert plurality([None, None, "7"]) == "7"
    assert plurality(["8", "7"]) == "8"
    assert plurality([None]) is None


def test_nothing_cannot_be_measured() -> None:
    with pytest.raises(InvalidInput, match="nothing to measure"):
        score(Scripted("", []), [], temperature=0.8, seed=0, max_tokens=9)
