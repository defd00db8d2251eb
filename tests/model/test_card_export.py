"""Cards are written from a folder's manifest, its curve and reports of `symphony eval`, and say nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent_runtime.engines.weights import (
    CARD,
    SAFETENSORS,
    read_manifest,
    read_verified,
    sha256_of,
    shipped_folder,
)
from agent_runtime.model.architecture import ModelShape, build_model
from agent_runtime.model.card import measured_skills
from agent_runtime.model.card_export import CURVE_POINTS, write_card
from agent_runtime.model.export import export_model
from symphony_chain.errors import NotFound

SHAPE = ModelShape(width=32, layers=1, heads=2, feed_forward=48, context_tokens=64)
TRAINED = {"steps": 9, "tokens": 1_234, "elapsed_s": 5.6, "examples": {"navigate": 3, "plan": 4, "copying": 5}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    facts = {"recipe": {"seed": 11}, "trained": TRAINED}
    export_model(build_model(SHAPE, 1).state_dict(), SHAPE, shipped_folder() / "tokenizer.json", tmp_path / "m", facts)
    return tmp_path / "m"


def report(suite: str, **shares: float) -> dict:
    cells = {family: {"n": 8, "accuracy": share, "se": 0.1} for family, share in shares.items()}
    return {"suite": suite, "votes": {"greedy": cells, "1": cells, "3": cells, "9": cells}}


def test_a_card_says_what_was_measured_and_is_pinned(folder: Path) -> None:
    curve = [{"tokens": 10 * i + 10, "solved_level_3": {"navigate": 0.5, "plan": i / 200, "copying": 1.0}} for i in range(150)]
    card = write_card(folder, [report("families", navigate=0.75, plan=0.5), report("bbh", navigate=1.0)], curve)
    assert read_verified(folder, CARD) == card.to_json(), "its bytes are those that its digest names"
    manifest = read_manifest(folder)
    assert manifest is not None and manifest["files"][CARD]["sha256"] == card.digest.hex()
    assert manifest["recipe"] == {"seed": 11} and manifest["trained"] == TRAINED, "the rest of the manifest stays"
    assert card.kind == "model" and card.base is None and card.is_of(bytes.fromhex(sha256_of(folder / SAFETENSORS)))
    assert card.parameters == sum(p.numel() for p in build_model(SHAPE, 1).parameters())
    assert (card.training.seed, card.training.tokens, card.training.seconds, card.training.examples) == (11, 1_234, 6, 12)
    assert card.skills == ("navigate", "plan"), "a drill is no skill"
    assert len(card.curve) <= CURVE_POINTS and card.curve[-1].tokens == 1_500
    assert card.curve[-1].solved_bps == round(10_000 * (0.5 + 149 / 200) / 2)
    assert [(a.suite, a.family, a.greedy_bps, dict(a.votes)) for a in card.accuracy] == [
        ("families", "navigate", 7_500, {3: 7_500, 9: 7_500}),
        ("families", "plan", 5_000, {3: 5_000, 9: 5_000}),
        ("bbh", "navigate", 10_000, {3: 10_000, 9: 10_000}),
    ]


def test_an_agent_declares_what_is_a_skill(folder: Path) -> None:
    """By tag, the mean over its families, on fresh tasks alone; less than a tenth is none."""
    curve = [{"tokens": 5, "solved": {"navigate": 0.1}}]
    shares = {
        "navigate": 0.05,
        "logical_deduction_three_objects": 0.9,
        "logical_deduction_five_objects": 0.4,
        "word_sorting": 0.1,
        "plan": 1.0,
    }
    card = write_card(folder, [report("families", **shares), report("bbh", text2sql=1.0)], curve)
    assert measured_skills(card) == {"logical_deduction": 6_500, "word_sorting": 1_000}


def test_a_folder_without_a_manifest(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no manifest"):
        write_card(tmp_path, [], [])
