"""Model cards: whatever can be written is read back, and every claim that cannot be is refused by name."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symphony_chain.canonical import canonical_json
from symphony_chain.errors import InvalidInput
from symphony_chain.spec import (
    MAX_CARD_BYTES,
    CardAccuracy,
    CardPoint,
    CardTraining,
    CardWeights,
    ModelCard,
    NodeInfo,
    Registration,
)
from tests.spec.test_documents import CARD, REGISTRATION

COUNT = st.integers(0, 2**53 - 1)
BPS = st.integers(0, 10_000)
DIGEST = st.binary(min_size=32, max_size=32)
#: No surrogates: they have no UTF-8.
TEXT = st.text(st.characters(codec="utf-8"), max_size=40)
TAG = st.text(st.characters(codec="utf-8"), min_size=1, max_size=16)
WEIGHTS = st.builds(CardWeights, st.sampled_from(["safetensors", "gguf"]), DIGEST, st.integers(1, 2**53 - 1))
ACCURACY = st.builds(
    CardAccuracy, TAG, TAG, st.integers(1, 2**53 - 1), BPS, BPS, st.dictionaries(st.integers(2, 64), BPS, max_size=8)
)
CARDS = st.builds(
    ModelCard,
    name=TAG,
    kind=st.just("model"),
    weights=st.lists(WEIGHTS, min_size=1, max_size=4, unique_by=lambda item: item.sha256).map(tuple),
    licence=TAG,
    description=TEXT,
    limits=TEXT,
    parameters=st.integers(1, 2**53 - 1),
    context_tokens=st.integers(1, 2**53 - 1),
    training=st.builds(CardTraining, COUNT, COUNT, COUNT, COUNT, COUNT),
    curve=st.lists(st.builds(CardPoint, COUNT, BPS), max_size=8, unique_by=lambda point: point.tokens).map(
        lambda points: tuple(sorted(points, key=lambda point: point.tokens))
    ),
    accuracy=st.lists(ACCURACY, max_size=4, unique_by=lambda item: (item.suite, item.family)).map(tuple),
    skills=st.lists(TAG, max_size=4).map(tuple),
)


@given(card=CARDS, base=st.none() | DIGEST)
def test_what_is_written_is_read_back(card: ModelCard, base: bytes | None) -> None:
    if base is not None:
        card = dataclasses.replace(card, kind="adapter", base=base)
    assert ModelCard.parse(card.to_json()) == card
    assert all(card.is_of(item.sha256) for item in card.weights)


def test_golden_bytes() -> None:
    """The bytes are a protocol: a change here is a new version of the format."""
    weights = (CardWeights("gguf", bytes(32), 5),)
    accuracy = (CardAccuracy("bbh", "navigate", 250, 7_480, 7_000, {9: 1, 27: 2}),)
    card = ModelCard("tiny", "model", weights, "MIT", "", "", 7, 64, CardTraining(1, 2, 3, 4, 5), (CardPoint(2, 1),), accuracy)
    assert card.to_json() == (
        b'{"accuracy":[{"family":"navigate","greedy_bps":7480,"sample_bps":7000,"suite":"bbh","tasks":250,'
        b'"votes":{"27":2,"9":1}}],"context_tokens":64,"curve":[{"solved_bps":1,"tokens":2}],"description":"","kind":"model",'
        b'"licence":"MIT","limits":"","name":"tiny","parameters":7,"skills":[],'
        b'"training":{"examples":5,"seconds":4,"seed":1,"steps":3,"tokens":2},"version":"symphony.model-card/1",'
        b'"weights":[{"bytes":5,"format":"gguf","sha256":"0x%s"}]}'
    ) % (b"00" * 32)


WEIGHT, ROW = CARD.weights[0], CARD.accuracy[0]
BAD: list[tuple[str, dict[str, Any]]] = [
    ("card.name", {"name": ""}),
    ("card.name", {"name": "x" * 129}),
    ("card.kind", {"kind": "oracle"}),
    ("card.base", {"kind": "model"}),
    ("card.base", {"base": None}),
    ("card.base", {"base": bytes(31)}),
    ("card.weights", {"weights": ()}),
    ("card.weights[0].format", {"weights": (CardWeights("pickle", bytes(32), 1),)}),
    ("card.weights[0].bytes", {"weights": (CardWeights("gguf", bytes(32), 0),)}),
    ("card.weights[1].sha256", {"weights": (WEIGHT, dataclasses.replace(WEIGHT, format="gguf"))}),
    ("card.licence", {"licence": ""}),
    ("card.limits", {"limits": "é" * 2049}),
    ("card.parameters", {"parameters": 0}),
    ("card.context_tokens", {"context_tokens": True}),
    ("card.training.seconds", {"training": dataclasses.replace(CARD.training, seconds=-1)}),
    ("card.training.tokens", {"training": dataclasses.replace(CARD.training, tokens=1.5)}),
    ("card.curve[0].solved_bps", {"curve": (CardPoint(1, 10_001),)}),
    ("card.curve[1].tokens", {"curve": (CardPoint(5, 1), CardPoint(5, 2))}),
    ("card.curve", {"curve": tuple(CardPoint(i, 0) for i in range(513))}),
    ("card.accuracy[0].tasks", {"accuracy": (dataclasses.replace(ROW, tasks=0),)}),
    ("card.accuracy[0].greedy_bps", {"accuracy": (dataclasses.replace(ROW, greedy_bps=0.9),)}),
    ("card.accuracy[0].votes.1", {"accuracy": (dataclasses.replace(ROW, votes={1: 5}),)}),
    ("card.accuracy[0].votes.65", {"accuracy": (dataclasses.replace(ROW, votes={65: 5}),)}),
    ("card.accuracy[0].votes.3", {"accuracy": (dataclasses.replace(ROW, votes={3: -1}),)}),
    ("card.accuracy[1].family", {"accuracy": (ROW, dataclasses.replace(ROW, tasks=9))}),
    ("card.skills[1]", {"skills": ("navigate", "")}),
]


@pytest.mark.parametrize(("field", "change"), BAD, ids=lambda item: str(item)[:40])
def test_bad_cards_are_not_written(field: str, change: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as caught:
        dataclasses.replace(CARD, **change).to_json()
    assert caught.value.context["field"] == field and "docs/formats.md" in caught.value.hint


@pytest.mark.parametrize("chains", ["03", "+3", "3.0", "٣", "", "three", "9999"])
def test_a_number_of_chains_has_one_spelling(chains: str) -> None:
    document = json.loads(CARD.to_json())
    document["accuracy"][0]["votes"] = {chains: 1}
    with pytest.raises(InvalidInput) as caught:
        ModelCard.parse(canonical_json(document))
    assert caught.value.context["field"] == f"card.accuracy[0].votes.{chains}"


def test_a_card_has_a_limit_in_all() -> None:
    rows = tuple(CardAccuracy("s" * 60, f"{i:060}", 1, 0, 0, {3: 1, 9: 2}) for i in range(256))
    curve = tuple(CardPoint(10**15 + i, 10_000) for i in range(512))
    with pytest.raises(InvalidInput, match=f"at most {MAX_CARD_BYTES}"):
        dataclasses.replace(CARD, accuracy=rows, curve=curve).to_json()


def test_files_without_cards_keep_their_digests() -> None:
    """What was written before there were cards has the same bytes now; an empty list would be a second spelling of it."""
    bare = dataclasses.replace(REGISTRATION, node=NodeInfo("cpu", 8 << 30, (bytes(32),)))
    assert b"model_cards" not in bare.to_json()
    assert bare.digest.hex() == "7619955e8fd119882a5a994f8c2558ddf91aff89db5b20219ea1cc26fead206e"
    document = json.loads(bare.to_json())
    document["symphony"]["model_cards"] = []
    with pytest.raises(InvalidInput, match="model_cards"):
        Registration.parse(canonical_json(document))
