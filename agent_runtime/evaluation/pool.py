"""The agents of an evaluation: a JSON file that names them, or the two models that are shipped; their engines, opened when used.

Knows no tasks and no votes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from agent_runtime.config import read_engine
from agent_runtime.engines import Engine, EngineConfig, open_engine
from agent_runtime.engines.adapters import adapter_sha256
from agent_runtime.engines.weights import early_folder
from agent_runtime.evaluation.samples import Draw, SampleBook, Sampling, draw_chains, prompt_digest
from agent_runtime.model.card import measured_skills, shipped_card
from agent_runtime.model.datasets import TaskItem
from agent_runtime.reasoning.calibration import model_name
from symphony_chain.errors import InvalidInput
from symphony_chain.skills import DEFAULT_TAGS, FULL_SCALE, word_of_tags

MAX_AGENTS = 16
_FIELDS = {"name", "engine", "adapter", "skills"}
_HINT = "see docs/evaluation.md for the form of the file"


@dataclass(frozen=True, slots=True)
class Agent:
    """One agent: name, engine, LoRA adapter on it, and tag of the skill page → declared basis points."""

    name: str
    engine: EngineConfig
    adapter: Path | None
    skills: Mapping[str, int]

    @property
    def declared(self) -> int:
        """The declared capability word."""
        return word_of_tags(self.skills)


def default_pool(spec: str = "torch") -> list[Agent]:
    """The built-in model and its early self, in one of the two engines that run them. Both declare what the first one's card has
    measured: the second has to be found out.
    """
    skills = measured_skills(shipped_card())
    return [
        Agent("built-in", EngineConfig(spec), None, skills),
        Agent("early", EngineConfig(spec, weights=early_folder()), None, skills),
    ]


def pool_of(specs: Sequence[str]) -> list[Agent]:
    """One agent for each engine's one line; each declares every skill in full.

    Raises:
        InvalidInput: none, too many, or one of them twice.
    """
    skills = dict.fromkeys(DEFAULT_TAGS, FULL_SCALE)
    return _checked([Agent(spec, EngineConfig(spec), None, skills) for spec in specs], "the engines")


def load_pool(path: Path) -> list[Agent]:
    """The agents of a JSON file: a list of objects with ``name``, ``engine`` (one line, or an object as in a worker's
    configuration), ``skills``, and perhaps ``adapter``. Paths are relative to the file.

    Raises:
        InvalidInput ``evaluation.agents``: naming the first thing that is off.
    """
    try:
        raw = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise _fault(f"{path} cannot be read: {error}") from error
    if not isinstance(raw, list):
        raise _fault(f"{path} is not a list of agents")
    base = path.resolve().parent
    return _checked([_agent(entry, f"{path}, agent {number}", base) for number, entry in enumerate(raw, 1)], str(path))


class Engines:
    """The pool's engines: opened when first asked, shared by agents that differ in the adapter alone. Close it, or use it as a
    context manager.

    Args:
        book: where draws are looked up and kept.
        clock: seconds, for measuring.
        on_draw: told of every new draw.
    """

    def __init__(
        self,
        book: SampleBook,
        *,
        clock: Callable[[], float],
        on_draw: Callable[[Draw], None] = lambda _: None,
        opener: Callable[[EngineConfig], Engine] = open_engine,
    ) -> None:
        self._book = book
        self._clock = clock
        self._on_draw = on_draw
        self._opener = opener
        self._open: dict[EngineConfig, Engine] = {}
        self._adapters: dict[EngineConfig, Path | None] = {}
        self._models: dict[str, str] = {}

    def close(self) -> None:
        for engine in self._open.values():
            engine.close()
        self._open.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def model(self, agent: Agent) -> str:
        """What thinks for an agent, by the hashes of weights and adapter.

        Raises:
            ModelMissing, ModelCorrupt, EngineFailed and kin: the engine or the adapter cannot be had.
        """
        if agent.name not in self._models:
            info = self._ready(agent).info
            adapter = "" if agent.adapter is None else adapter_sha256(agent.adapter)
            self._models[agent.name] = model_name(info.engine, info.model_sha256, adapter)
        return self._models[agent.name]

    def draw(self, agent: Agent, task: TaskItem, *, seed: int, sampling: Sampling, n: int) -> Draw:
        """At least ``n`` chains of an agent for a task: the kept ones, or new ones."""
        model = self.model(agent)
        known = self._book.find(agent.name, model, prompt_digest(task), seed, sampling, n)
        if known is not None:
            return known
        engine = self._ready(agent)
        draw = draw_chains(
            engine, task, agent=agent.name, model=model, seed=seed, sampling=sampling, n=n, clock=self._clock
        )
        self._book.add(draw)
        self._on_draw(draw)
        return draw

    def _ready(self, agent: Agent) -> Engine:
        """The agent's engine with its adapter on."""
        config = agent.engine
        if config not in self._open:
            self._open[config] = self._opener(config)
            self._adapters[config] = None
        if self._adapters[config] != agent.adapter:
            self._open[config].load_adapter(agent.adapter)
            self._adapters[config] = agent.adapter
        return self._open[config]


def _agent(entry: Any, place: str, base: Path) -> Agent:
    if not isinstance(entry, dict):
        raise _fault(f"{place} is not an object")
    unknown = sorted(set(entry) - _FIELDS)
    if unknown:
        raise _fault(f"{place}: unknown field {unknown[0]!r}")
    name, adapter, skills = entry.get("name"), entry.get("adapter"), entry.get("skills")
    if not isinstance(name, str) or not name.strip() or len(name) > 64:
        raise _fault(f"{place}: `name` must be a text of 1 to 64 characters")
    if adapter is not None and (not isinstance(adapter, str) or not (base / adapter).exists()):
        raise _fault(f"{place}: there is no adapter at {adapter!r}")
    if not isinstance(skills, dict) or not skills:
        raise _fault(f"{place}: `skills` must name at least one skill")
    for tag, bps in skills.items():
        if tag not in DEFAULT_TAGS:
            raise _fault(f"{place}: unknown skill {tag!r}; the page has: {', '.join(DEFAULT_TAGS)}")
        if isinstance(bps, bool) or not isinstance(bps, int) or not 0 <= bps <= FULL_SCALE:
            raise _fault(f"{place}: skill {tag} = {bps!r} is not 0…{FULL_SCALE} basis points")
    engine = _engine(entry.get("engine", "torch"), place, base)
    return Agent(name, engine, None if adapter is None else base / adapter, dict(skills))


def _engine(raw: Any, place: str, base: Path) -> EngineConfig:
    try:
        return read_engine(raw, base)
    except (TypeError, ValueError) as error:
        raise _fault(f"{place}: {error}") from error


def _checked(agents: list[Agent], place: str) -> list[Agent]:
    names = [agent.name for agent in agents]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise _fault(f"{place}: two agents are named {twice!r}")
    if not 1 <= len(agents) <= MAX_AGENTS:
        raise _fault(f"{place}: {len(agents)} agents; a task seats 1 to {MAX_AGENTS}")
    return agents


def _fault(message: str) -> InvalidInput:
    return InvalidInput(message, hint=_HINT, code="evaluation.agents")
