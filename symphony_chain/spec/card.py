"""Model card ``symphony.model-card/1``: what the maker of a model or an adapter says of it: weights, training, measured
accuracy, limits.

A registration file names its agent's cards by digest. Nobody checks what a card claims; its digest says only that it is the
same claim as before. Shares are basis points, so that no number in it depends on who prints it. Knows no engine and no chain.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from symphony_chain.canonical import canonical_json, parse_canonical_json, sha256
from symphony_chain.spec.fields import Fields, fault, hex32
from symphony_chain.spec.limits import (
    MAX_CARD_ACCURACIES,
    MAX_CARD_BYTES,
    MAX_CARD_COUNT,
    MAX_CARD_CURVE_POINTS,
    MAX_CARD_LICENCE_BYTES,
    MAX_CARD_NAME_BYTES,
    MAX_CARD_SKILLS,
    MAX_CARD_TAG_BYTES,
    MAX_CARD_TEXT_BYTES,
    MAX_CARD_VOTES,
    MAX_CARD_WEIGHTS,
    MAX_COT_COUNT,
)

VERSION = "symphony.model-card/1"
KINDS = ("model", "adapter")
WEIGHTS_FORMATS = ("safetensors", "gguf")
_FULL_BPS = 10_000


@dataclass(frozen=True, slots=True)
class CardWeights:
    """The weights in one format: ``safetensors`` or ``gguf``, the file's sha-256, its size. Of several files: the sha-256 of the
    lines ``name sha256``, and the sum of sizes."""

    format: str
    sha256: bytes
    size_bytes: int


@dataclass(frozen=True, slots=True)
class CardTraining:
    """What the training took: seed, tokens seen, optimiser steps, wall seconds, examples seen."""

    seed: int
    tokens: int
    steps: int
    seconds: int
    examples: int


@dataclass(frozen=True, slots=True)
class CardPoint:
    """A point of the training curve: after so many tokens, the share of level-3 training examples whose whole worked answer
    the model would have written greedily, mean over its families."""

    tokens: int
    solved_bps: int


@dataclass(frozen=True, slots=True)
class CardAccuracy:
    """Measured accuracy in one family of a suite (``families``, ``bbh``, ``gsm8k``, or another short name).

    Attributes:
        tasks: how many were asked.
        greedy_bps, sample_bps: answered greedily, and with one sampled chain of thought.
        votes: chains that voted → share.
    """

    suite: str
    family: str
    tasks: int
    greedy_bps: int
    sample_bps: int
    votes: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelCard:
    """The card of a model, or of an adapter on a base model.

    Attributes:
        weights: the same model in each format; what an engine loads is one of them.
        base: sha-256 of the base model's weights; None for a model.
        limits: what it cannot do.
        skills: families that it was trained for.
    """

    name: str
    kind: str
    weights: tuple[CardWeights, ...]
    licence: str
    description: str
    limits: str
    parameters: int
    context_tokens: int
    training: CardTraining
    curve: tuple[CardPoint, ...] = ()
    accuracy: tuple[CardAccuracy, ...] = ()
    skills: tuple[str, ...] = ()
    base: bytes | None = None

    def is_of(self, digest: bytes) -> bool:
        """Whether these are its weights."""
        return any(weights.sha256 == digest for weights in self.weights)

    def to_json(self) -> bytes:
        """Canonical bytes; ``InvalidInput`` naming the field for values that ``parse`` would refuse."""
        data = canonical_json(self._document())
        self.parse(data)
        return data

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The card in canonical bytes; ``InvalidInput`` naming the first field that is off."""
        fields = Fields(parse_canonical_json(data, max_bytes=MAX_CARD_BYTES, what="model card"), "card")
        fields.constant("version", VERSION)
        name = fields.text("name", MAX_CARD_NAME_BYTES)
        kind = fields.choice("kind", KINDS)
        card = cls(
            name=name,
            kind=kind,
            base=_base(fields, kind),
            weights=_weights(fields),
            licence=fields.text("licence", MAX_CARD_LICENCE_BYTES),
            description=fields.text("description", MAX_CARD_TEXT_BYTES, empty=True),
            limits=fields.text("limits", MAX_CARD_TEXT_BYTES, empty=True),
            parameters=fields.integer("parameters", 1, MAX_CARD_COUNT),
            context_tokens=fields.integer("context_tokens", 1, MAX_CARD_COUNT),
            training=_training(Fields(fields.take("training"), fields.path("training"))),
            curve=_curve(fields),
            accuracy=_accuracy(fields),
            skills=fields.texts("skills", MAX_CARD_SKILLS, MAX_CARD_TAG_BYTES),
        )
        fields.close()
        return card

    @property
    def digest(self) -> bytes:
        """sha-256 of the canonical bytes: what a registration file names."""
        return sha256(self.to_json())

    def _document(self) -> dict[str, Any]:
        base = {} if self.base is None else {"base": hex32(self.base, "card.base")}
        return base | {
            "version": VERSION,
            "name": self.name,
            "kind": self.kind,
            "weights": [
                {"format": item.format, "sha256": hex32(item.sha256, "card.weights"), "bytes": item.size_bytes}
                for item in self.weights
            ],
            "licence": self.licence,
            "description": self.description,
            "limits": self.limits,
            "parameters": self.parameters,
            "context_tokens": self.context_tokens,
            "training": asdict(self.training),
            "curve": [asdict(point) for point in self.curve],
            "accuracy": [
                asdict(item) | {"votes": {str(chains): bps for chains, bps in item.votes.items()}}
                for item in self.accuracy
            ],
            "skills": list(self.skills),
        }


def _base(fields: Fields, kind: str) -> bytes | None:
    if kind == "adapter":
        return fields.digest("base")
    if fields.has("base"):
        raise fault(fields.path("base"), "is of adapters only")
    return None


def _weights(outer: Fields) -> tuple[CardWeights, ...]:
    found: list[CardWeights] = []
    for path, value in outer.items("weights", MAX_CARD_WEIGHTS):
        fields = Fields(value, path)
        item = CardWeights(
            format=fields.choice("format", WEIGHTS_FORMATS),
            sha256=fields.digest("sha256"),
            size_bytes=fields.integer("bytes", 1, MAX_CARD_COUNT),
        )
        if any(item.sha256 == other.sha256 for other in found):
            raise fault(fields.path("sha256"), "is listed twice")
        fields.close()
        found.append(item)
    if not found:
        raise fault(outer.path("weights"), "must name at least one file")
    return tuple(found)


def _training(fields: Fields) -> CardTraining:
    names = ("seed", "tokens", "steps", "seconds", "examples")
    training = CardTraining(*(fields.integer(name, 0, MAX_CARD_COUNT) for name in names))
    fields.close()
    return training


def _curve(outer: Fields) -> tuple[CardPoint, ...]:
    points: list[CardPoint] = []
    for path, value in outer.items("curve", MAX_CARD_CURVE_POINTS):
        fields = Fields(value, path)
        point = CardPoint(fields.integer("tokens", 0, MAX_CARD_COUNT), fields.integer("solved_bps", 0, _FULL_BPS))
        if points and point.tokens <= points[-1].tokens:
            raise fault(fields.path("tokens"), "must be more than at the point before")
        fields.close()
        points.append(point)
    return tuple(points)


def _accuracy(outer: Fields) -> tuple[CardAccuracy, ...]:
    found: list[CardAccuracy] = []
    for path, value in outer.items("accuracy", MAX_CARD_ACCURACIES):
        fields = Fields(value, path)
        item = CardAccuracy(
            suite=fields.text("suite", MAX_CARD_TAG_BYTES),
            family=fields.text("family", MAX_CARD_TAG_BYTES),
            tasks=fields.integer("tasks", 1, MAX_CARD_COUNT),
            greedy_bps=fields.integer("greedy_bps", 0, _FULL_BPS),
            sample_bps=fields.integer("sample_bps", 0, _FULL_BPS),
            votes=_votes(fields),
        )
        if any((item.suite, item.family) == (other.suite, other.family) for other in found):
            raise fault(fields.path("family"), "is measured twice in this suite")
        fields.close()
        found.append(item)
    return tuple(found)


def _votes(outer: Fields) -> dict[int, int]:
    value, where = outer.take("votes"), outer.path("votes")
    if not isinstance(value, dict) or len(value) > MAX_CARD_VOTES:
        raise fault(where, f"must be an object of at most {MAX_CARD_VOTES}")
    votes = Fields(value, where)
    found: dict[int, int] = {}
    for name in value:
        # One number has one spelling: "3", never "03".
        chains = int(name) if name.isascii() and name.isdigit() and len(name) < 4 else 0
        if str(chains) != name or not 2 <= chains <= MAX_COT_COUNT:
            raise fault(votes.path(name), f"must be named by a number of chains from 2 to {MAX_COT_COUNT}")
        found[chains] = votes.integer(name, 0, _FULL_BPS)
    return found
