"""The shipped weights: whole, small, pinned, documented by their recipe, and able to solve tasks they have
not seen.
"""

from __future__ import annotations

import json
import math
from itertools import pairwise
from pathlib import Path

import pytest

from agent_runtime import model
from agent_runtime.engines import open_engine
from agent_runtime.engines.weights import (
    CARD,
    CURVE,
    GGUF,
    SAFETENSORS,
    adapters_folder,
    early_folder,
    read_manifest,
    read_verified,
    sha256_of,
    shipped_folder,
)
from agent_runtime.evaluation.pool import load_pool
from agent_runtime.model.card import measured_skills
from agent_runtime.model.datasets import held_out_task
from agent_runtime.model.prompting import extract_answer, format_prompt
from agent_runtime.model.specialists import SPECIALISTS
from symphony_chain.spec import ModelCard

MODEL_FOLDER = Path(model.__file__).parent
LIMIT_BYTES = 30_000_000


def test_every_file_is_the_one_that_the_manifest_pins() -> None:
    manifest = read_manifest(shipped_folder())
    assert manifest is not None
    assert {SAFETENSORS, GGUF, "config.json", "tokenizer.json", "generation_config.json"} <= set(
        manifest["files"]
    )
    for name, entry in manifest["files"].items():
        assert sha256_of(shipped_folder() / name) == entry["sha256"]
    weights = [path for pattern in ("*.safetensors", "*.gguf") for path in MODEL_FOLDER.rglob(pattern)]
    assert len(weights) >= 4 + 2 * len(SPECIALISTS) and sum(path.stat().st_size for path in weights) < LIMIT_BYTES
    assert {"recipe", "trained", "shape", "licence"} <= set(manifest)


@pytest.mark.parametrize("folder", [shipped_folder(), early_folder()], ids=["shipped", "early"])
def test_the_curve_is_that_of_the_runs(folder: Path) -> None:
    manifest = read_manifest(folder)
    assert manifest is not None
    curve = json.loads((folder / CURVE).read_text())
    runs = [*manifest["earlier_runs"], manifest]
    last = sum(run["trained"]["tokens"] for run in runs)
    assert 0.95 * last < curve[-1]["tokens"] <= last, "a snapshot lies between two points"
    assert curve[-1]["loss"] < curve[0]["loss"]
    assert all(one["tokens"] < other["tokens"] for one, other in pairwise(curve))


@pytest.mark.parametrize(
    "family", ["web_of_lies", "object_counting", "arithmetic_word_problems"]
)
def test_it_solves_tasks_that_it_has_not_seen(family: str) -> None:
    """A floor far under the measured accuracy and far over chance, on few tasks: the figures are in
    docs/model.md.
    """
    engine = open_engine("torch")
    tasks = [held_out_task(family, 2, seed) for seed in range(20)]
    samples = engine.generate(
        [format_prompt(t.prompt) for t in tasks], n=1, temperature=0.0, seed=0, max_tokens=200
    )
    engine.close()
    right = sum(extract_answer(row[0].text) == task.answer for row, task in zip(samples, tasks, strict=True))
    assert right >= 16
    assert all(math.isfinite(logprob) and logprob <= 0 for row in samples for logprob in row[0].logprobs)


def test_random_weights_solve_nothing() -> None:
    engine = open_engine("torch", random_weights_seed=1)
    tasks = [held_out_task("object_counting", 2, seed) for seed in range(6)]
    samples = engine.generate(
        [format_prompt(t.prompt) for t in tasks], n=1, temperature=0.0, seed=0, max_tokens=60
    )
    engine.close()
    assert not any(
        extract_answer(row[0].text) == task.answer for row, task in zip(samples, tasks, strict=True)
    )


def test_every_card_is_of_the_weights_beside_it() -> None:
    """And the specialists' agents declare what their cards have measured, and nothing else."""
    for folder in (shipped_folder(), early_folder(), *(adapters_folder() / name for name in SPECIALISTS)):
        card = ModelCard.parse(read_verified(folder, CARD))
        for path in (*folder.glob("*.safetensors"), *folder.glob("*.gguf")):
            assert card.is_of(bytes.fromhex(sha256_of(path)))
        assert card.accuracy and card.curve and card.limits
        if card.kind == "adapter":
            assert card.base == bytes.fromhex(sha256_of(early_folder() / SAFETENSORS))
    for agent in load_pool(adapters_folder() / "agents.json"):
        card = ModelCard.parse(read_verified(adapters_folder() / agent.name, CARD))
        assert dict(agent.skills) == measured_skills(card) and agent.engine.weights is not None
        assert agent.engine.weights.resolve() == early_folder().resolve()
