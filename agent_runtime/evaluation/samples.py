"""Raw samples: each agent's chains of thought for each task, drawn once and kept as JSONL, so that a stopped run goes on.

Every number of votes is a prefix of one draw: the engine's sample i depends on the seed and on i alone. Answers are not kept:
they are read from the text again, by the rules of today. Knows no votes and no policies.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Self

from agent_runtime.engines.protocol import Engine
from agent_runtime.errors import PromptTooLong
from agent_runtime.model.datasets import TaskItem
from agent_runtime.reasoning.cot import mean_logprob, task_prompt
from agent_runtime.reasoning.extract import extract
from agent_runtime.reasoning.vote import Ballot
from symphony_chain.errors import Failure, InvalidInput
from symphony_chain.spec import TaskBody


@dataclass(frozen=True, slots=True)
class Sampling:
    """How chains are drawn; temperature 0 is greedy."""

    temperature: float
    max_tokens: int


@dataclass(frozen=True, slots=True)
class Chain:
    """One chain of thought: text, why it ended (``stop`` or ``length``), tokens, mean natural-log probability of each (≤ 0)."""

    text: str
    finish: str
    tokens: int
    mean_logprob: float


@dataclass(frozen=True, slots=True)
class Draw:
    """An agent's chains for one task and seed. ``seconds`` is the engine's time for all of them together; a prompt that is too
    long for the model has no chains.

    Attributes:
        model: engine, weights and adapter by their hashes.
        prompt: sha-256 of the exact text given to the engine, in hex.
    """

    agent: str
    model: str
    prompt: str
    seed: int
    temperature: float
    max_tokens: int
    prompt_tokens: int
    seconds: float
    chains: tuple[Chain, ...]

    @property
    def key(self) -> tuple[str, str, str, int, float, int]:
        """What a draw is for: the same key gives the same chains, and longer draws begin with the shorter ones."""
        return (self.agent, self.model, self.prompt, self.seed, self.temperature, self.max_tokens)

    def ballots(self, task: TaskItem) -> list[Ballot]:
        """Each chain's canonical answer, as the agent itself would read it, and its mean log-probability."""
        return [
            Ballot(extract(c.text, task.answer_format, finished=c.finish == "stop"), c.mean_logprob)
            for c in self.chains
        ]


class SampleBook:
    """Draws by what they are for; with a path, read from that file and appended to it. Close it, or use it as a context manager.

    Raises:
        InvalidInput ``evaluation.samples``: a whole line is no draw. Failure ``evaluation.unwritable``: the file cannot be used.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._draws: dict[tuple[str, str, str, int, float, int], Draw] = {}
        self._file: IO[str] | None = None
        if path is None:
            return
        try:
            self._read(path)
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a", encoding="utf-8")
        except OSError as error:
            raise Failure(
                f"the samples {path} cannot be used: {error.strerror or error}",
                hint="name a file that you may write to with --out",
                code="evaluation.unwritable",
            ) from error

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._draws)

    def draws(self) -> list[Draw]:
        """Every draw, the longest of each key."""
        return list(self._draws.values())

    def find(
        self, agent: str, model: str, prompt: str, seed: int, sampling: Sampling, n: int
    ) -> Draw | None:
        """A draw of at least ``n`` chains (or of none, where the prompt was too long)."""
        draw = self._draws.get((agent, model, prompt, seed, sampling.temperature, sampling.max_tokens))
        return draw if draw is not None and (len(draw.chains) >= n or not draw.chains) else None

    def add(self, draw: Draw) -> None:
        """Keeps a draw; in the file when this returns."""
        self._draws[draw.key] = draw
        if self._file is not None:
            self._file.write(json.dumps(asdict(draw)) + "\n")
            self._file.flush()

    def _read(self, path: Path) -> None:
        if not path.exists():
            return
        raw = path.read_bytes()
        whole, _, torn = raw.rpartition(b"\n")
        if torn:  # the run was killed while it wrote: that draw is drawn again
            path.write_bytes(whole + b"\n" if whole else b"")
        for number, line in enumerate(whole.splitlines(), 1):
            draw = _draw_of(line, f"{path}, line {number}")
            known = self._draws.get(draw.key)
            if known is None or len(known.chains) < len(draw.chains):
                self._draws[draw.key] = draw


def prompt_of(task: TaskItem) -> str:
    """The text that an agent's engine would get for the task."""
    return task_prompt(TaskBody(task.prompt))


def prompt_digest(task: TaskItem) -> str:
    """sha-256 of that text, in hex."""
    return hashlib.sha256(prompt_of(task).encode()).hexdigest()


def draw_chains(
    engine: Engine,
    task: TaskItem,
    *,
    agent: str,
    model: str,
    seed: int,
    sampling: Sampling,
    n: int,
    clock: Callable[[], float],
) -> Draw:
    """``n`` chains of one agent for one task: one call, as a seat thinks."""
    prompt, digest = prompt_of(task), prompt_digest(task)
    started_s = clock()
    try:
        samples = engine.generate(
            [prompt],
            n=n,
            temperature=sampling.temperature,
            seed=_seed_of(agent, digest, seed),
            max_tokens=sampling.max_tokens,
        )[0]
    except PromptTooLong:
        samples = []
    return Draw(
        agent=agent,
        model=model,
        prompt=digest,
        seed=seed,
        temperature=sampling.temperature,
        max_tokens=sampling.max_tokens,
        prompt_tokens=engine.count_tokens(prompt),
        seconds=round(max(0.0, clock() - started_s), 6),
        chains=tuple(
            Chain(s.text, s.finish, len(s.token_ids), round(mean_logprob(s), 9)) for s in samples
        ),
    )


def _seed_of(agent: str, prompt: str, seed: int) -> int:
    """Below 2**53, as a seat's: agents with one model still think apart."""
    digest = hashlib.sha256(f"symphony.evaluation/1:{agent}:{prompt}:{seed}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 11


def _draw_of(line: bytes, place: str) -> Draw:
    try:
        raw = json.loads(line)
        chains = tuple(
            Chain(str(c["text"]), str(c["finish"]), int(c["tokens"]), float(c["mean_logprob"])) for c in raw["chains"]
        )
        return Draw(
            agent=str(raw["agent"]),
            model=str(raw["model"]),
            prompt=str(raw["prompt"]),
            seed=int(raw["seed"]),
            temperature=float(raw["temperature"]),
            max_tokens=int(raw["max_tokens"]),
            prompt_tokens=int(raw["prompt_tokens"]),
            seconds=float(raw["seconds"]),
            chains=chains,
        )
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInput(
            f"{place} is no draw of samples: {error}",
            hint="name another file with --out, or take that line away: it is drawn again",
            code="evaluation.samples",
        ) from error
