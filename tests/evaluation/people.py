"""Engines that know their answers, and tasks that they answer: an agent's skill is a share, drawn by prompt, seed and sample."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from agent_runtime.engines import EngineConfig, EngineInfo, Sample
from agent_runtime.errors import PromptTooLong
from agent_runtime.evaluation.pool import Agent
from agent_runtime.model.datasets import TaskItem

FAMILIES = ("navigate", "web_of_lies", "object_counting")


def task(number: int, family: str = FAMILIES[0], level: int | None = 3) -> TaskItem:
    """A sum of one family, whatever its name says."""
    return TaskItem(f"{family}-{number}", family, level, f"{family}: {number} + 1 =", str(number + 1), {"type": "integer"})


def tasks(count: int, families: Sequence[str] = FAMILIES) -> list[TaskItem]:
    return [task(number, family) for family in families for number in range(count)]


def agent(name: str, **skills: int) -> Agent:
    return Agent(name, EngineConfig(f"tests:{name}"), None, skills or dict.fromkeys(FAMILIES, 8_000))


class Known:
    """Right on a family with its chance; wrong answers are one too many or, half as often, one too few. Sure where it is right.

    ``calls`` counts the samples that were asked for.
    """

    def __init__(self, name: str, chances: Mapping[str, float], *, context_tokens: int = 1_024) -> None:
        self.info = EngineInfo("known", hashlib.sha256(name.encode()).hexdigest(), "cpu", "none", context_tokens)
        self.calls = 0
        self.adapters: list[Path | None] = []
        self.closed = False
        self._chances = chances

    def generate(
        self, prompts: Sequence[str], *, n: int, temperature: float, seed: int, max_tokens: int, stop: Sequence[str] = ()
    ) -> list[list[Sample]]:
        self.calls += n * len(prompts)
        return [[self._sample(prompt, f"{seed}/{i}" if temperature else "greedy") for i in range(n)] for prompt in prompts]

    def _sample(self, prompt: str, draw: str) -> Sample:
        if len(prompt) > self.info.context_tokens:
            raise PromptTooLong("too long", hint="shorten it")
        family, number = re.findall(r"(\w+): (\d+) \+ 1", prompt)[0]
        digest = hashlib.sha256(f"{self.info.model_sha256}/{prompt}/{draw}".encode()).digest()
        chance = int.from_bytes(digest[:4], "big") / 2**32
        right = chance < self._chances.get(family, 0.0)
        answer = int(number) + (1 if right else 2 if digest[4] % 3 else 0)
        logprob = -0.02 if right else -0.3
        return Sample(f"{number} and 1\n#### {answer}", (1, 2, 3), (logprob,) * 3, "stop")

    def count_tokens(self, prompt: str) -> int:
        return 5

    def load_adapter(self, path: Path | None) -> None:
        self.adapters.append(path)

    def close(self) -> None:
        self.closed = True


def opener(**engines: Known) -> Callable[[EngineConfig], Known]:
    """Opens the engine of `agent(name)` by that name."""
    return lambda config: engines[config.spec.removeprefix("tests:")]


def always_right() -> Known:
    """For commands: ``tests.evaluation.people:always_right``."""
    return Known("always right", dict.fromkeys(FAMILIES, 1.0))


def often_wrong() -> Known:
    """For commands: ``tests.evaluation.people:often_wrong``."""
    return Known("often wrong", dict.fromkeys(FAMILIES, 0.4))
