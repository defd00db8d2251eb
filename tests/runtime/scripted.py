"""An engine for tests that thinks by a function instead of a model: prompt in, text out. Works in processes by import path."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from agent_runtime.engines.protocol import EngineInfo, Sample, check_request

Script = Callable[[str, int], str]


class ScriptedEngine:
    """Answers `script(prompt, index of the sample)`; every token has the same log-probability."""

    def __init__(self, script: Script, *, logprob: float = -0.1, context_tokens: int = 1024) -> None:
        self.info = EngineInfo("scripted", "ab" * 32, "cpu", "none", context_tokens)
        self.prompts: list[str] = []
        self._script = script
        self._logprob = logprob

    def generate(
        self, prompts: Sequence[str], *, n: int, temperature: float, seed: int, max_tokens: int, stop: Sequence[str] = ()
    ) -> list[list[Sample]]:
        check_request(n, temperature, max_tokens)
        self.prompts += prompts
        return [[self._sample(prompt, index) for index in range(n)] for prompt in prompts]

    def _sample(self, prompt: str, index: int) -> Sample:
        text = self._script(prompt, index)
        tokens = tuple(range(len(text.split())))
        return Sample(text, tokens, (self._logprob,) * len(tokens), "stop")

    def count_tokens(self, prompt: str) -> int:
        return len(prompt.split())

    def load_adapter(self, path: Path | None) -> None:
        raise NotImplementedError

    def close(self) -> None:
        pass


def add_up(prompt: str, index: int) -> str:
    """The sum of all integers in the prompt."""
    numbers = [int(word) for word in re.findall(r"-?\d+", prompt)]
    return f"I add {' and '.join(map(str, numbers))}.\n#### {sum(numbers)}"


def engine() -> ScriptedEngine:
    """For worker processes: `"spec": "tests.runtime.scripted:engine"`."""
    return ScriptedEngine(add_up)
