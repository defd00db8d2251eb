"""How far a confidence can be believed, and the map that makes it a probability of being right. Pure.

Measures: AUROC, reliability curve, expected calibration error, Brier score. The map is isotonic (pool adjacent violators;
Zadrozny and Elkan, 2002): evidence of chains piles up at its upper end and is nowhere near logistic, so Platt's two parameters
and a temperature fit it badly; isotonic assumes nothing but "more evidence, not less right", keeps the order that AUROC
measures, and a few hundred tasks a skill are enough for it. Knows no engine and no task.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from agent_runtime.errors import CalibrationInvalid

VERSION = "symphony.calibration/1"
BINS = 10
FOLDS = 5
_MAX_BYTES = 1 << 20
_REDO = "measure it again with `symphony eval --calibration FILE`"


def model_name(engine: str, model_sha256: str, adapter_sha256: str = "") -> str:
    """What thinks, in one word: the name under which samples and calibrations of it are kept."""
    return f"{engine}/{model_sha256}" + (f"+{adapter_sha256}" if adapter_sha256 else "")


@dataclass(frozen=True, slots=True)
class Bin:
    """One point of a reliability curve: ``n`` predictions, their mean, the share that was right, and its standard error."""

    n: int
    predicted: float
    right: float
    se: float


def auroc(scores: Sequence[float], right: Sequence[bool]) -> float | None:
    """Chance that a right one scores above a wrong one, ties by half (Mann and Whitney's U); None where one kind is missing."""
    values, hits = _pairs(scores, right)
    positives = int(hits.sum())
    negatives = len(hits) - positives
    if not positives or not negatives:
        return None
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    midranks = np.cumsum(counts) - (counts - 1) / 2
    return float((midranks[inverse][hits].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def reliability(predicted: Sequence[float], right: Sequence[bool], bins: int = BINS) -> list[Bin]:
    """The reliability curve in bins of about equal mass; equal predictions share a bin, so there may be fewer bins than asked."""
    values, hits = _pairs(predicted, right)
    distinct, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    right_counts = np.bincount(inverse, weights=hits, minlength=len(distinct))
    # A distinct value belongs where the middle of its mass lies.
    middle = np.cumsum(counts) - counts / 2
    place = np.minimum((middle * bins / len(values)).astype(int), bins - 1)
    out = []
    for at in np.unique(place):
        mine = place == at
        n = int(counts[mine].sum())
        share = float(right_counts[mine].sum()) / n
        mean = float((distinct[mine] * counts[mine]).sum()) / n
        out.append(Bin(n, mean, share, float(np.sqrt(share * (1 - share) / n))))
    return out


def calibration_error(predicted: Sequence[float], right: Sequence[bool], bins: int = BINS) -> float:
    """Expected calibration error: mean distance of a bin's prediction from its share of right ones, by mass (Naeini, 2015)."""
    curve = reliability(predicted, right, bins)
    return sum(b.n * abs(b.predicted - b.right) for b in curve) / sum(b.n for b in curve)


def brier(predicted: Sequence[float], right: Sequence[bool]) -> float:
    """Mean squared distance of the predicted probability from what happened (Brier, 1950)."""
    values, hits = _pairs(predicted, right)
    return float(np.mean((values - hits) ** 2))


@dataclass(frozen=True, slots=True)
class Isotonic:
    """A monotone map from evidence to probability: linear between knots (both rising), flat beyond them."""

    evidence: tuple[float, ...]
    probability: tuple[float, ...]

    @classmethod
    def fit(cls, evidence: Sequence[float], right: Sequence[bool]) -> Self:
        """The monotone map with the least squared error, kept off 0 and 1: n tasks show no more than 1 − 1/(n + 2)."""
        values, hits = _pairs(evidence, right)
        distinct, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
        means = np.bincount(inverse, weights=hits) / counts
        knots: list[tuple[float, float]] = []
        for low, high, mean in _pooled(distinct, means, counts):
            knots += [(low, mean)] if low == high else [(low, mean), (high, mean)]
        bound = 1 / (len(values) + 2)
        return cls(
            tuple(e for e, _ in knots), tuple(float(np.clip(p, bound, 1 - bound)) for _, p in knots)
        )

    def __call__(self, evidence: float) -> float:
        """Probability of being right."""
        return float(np.interp(evidence, self.evidence, self.probability))


@dataclass(frozen=True, slots=True)
class SkillCalibration:
    """What is known of one skill: ``n`` tasks, the share of right answers, how well evidence orders them (AUROC; None where all
    or none were right), and, of predictions for tasks that the map had not seen, calibration error, Brier score and curve.
    """

    n: int
    accuracy: float
    auroc: float | None
    calibration_error: float
    brier: float
    curve: tuple[Bin, ...]
    map: Isotonic

    @classmethod
    def fit(cls, evidence: Sequence[float], right: Sequence[bool]) -> Self:
        """Measures by ``FOLDS``-fold cross-validation (fold = index modulo ``FOLDS``), then fits the map on everything."""
        if len(evidence) < 2 * FOLDS:
            raise CalibrationInvalid(
                f"{len(evidence)} tasks are too few to calibrate a skill", hint=f"measure at least {2 * FOLDS}"
            )
        predicted = [0.0] * len(evidence)
        for fold in range(FOLDS):
            rest = [i for i in range(len(evidence)) if i % FOLDS != fold]
            learned = Isotonic.fit([evidence[i] for i in rest], [right[i] for i in rest])
            for i in range(fold, len(evidence), FOLDS):
                predicted[i] = learned(evidence[i])
        return cls(
            n=len(evidence),
            accuracy=sum(right) / len(right),
            auroc=auroc(evidence, right),
            calibration_error=calibration_error(predicted, right),
            brier=brier(predicted, right),
            curve=tuple(reliability(predicted, right)),
            map=Isotonic.fit(evidence, right),
        )


@dataclass(frozen=True, slots=True)
class Calibration:
    """One model's calibration, skill by skill; it holds for this model, temperature and number of chains alone.

    Attributes:
        model: see `model_name`.
        skills: tag of the skill page → what is known.
    """

    model: str
    temperature: float
    samples: int
    skills: Mapping[str, SkillCalibration]

    def save(self, path: Path) -> None:
        """Writes the JSON file that `load` reads."""
        document = {"version": VERSION, **asdict(self), "skills": {k: asdict(v) for k, v in self.skills.items()}}
        path.write_text(json.dumps(document, indent=1) + "\n", "utf-8")

    @classmethod
    def load(cls, path: Path) -> Self:
        """The calibration in a file.

        Raises:
            CalibrationInvalid: there is no such file, or it is no calibration; the message names the fault.
        """
        try:
            raw = path.read_bytes()
            if len(raw) > _MAX_BYTES:
                raise ValueError(f"it has {len(raw)} bytes, more than {_MAX_BYTES}")
            document = json.loads(raw)
            if document["version"] != VERSION:
                raise ValueError(f"its version is {document['version']!r}, not {VERSION}")
            skills = {str(tag): _skill(entry) for tag, entry in document["skills"].items()}
            return cls(str(document["model"]), float(document["temperature"]), int(document["samples"]), skills)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise CalibrationInvalid(f"{path} is no calibration: {error}", hint=_REDO, path=str(path)) from error

    def check(self, model: str, temperature: float, samples: int) -> None:
        """Raises ``CalibrationInvalid`` where it was measured for another model or way of sampling."""
        if (self.model, self.temperature, self.samples) != (model, temperature, samples):
            raise CalibrationInvalid(
                f"the calibration is of {self.samples} chains at temperature {self.temperature:g} of {self.model}, "
                f"not of {samples} at {temperature:g} of {model}",
                hint=_REDO,
            )

    def priors_bps(self) -> dict[str, int]:
        """Skill → share of right answers in basis points: what to expect of a task before thinking about it."""
        return {tag: round(skill.accuracy * 10_000) for tag, skill in self.skills.items()}

    def probability(self, skills: Sequence[str], evidence: float) -> float | None:
        """Probability of being right on a task of these skills: the mean over those that were measured; None where none was."""
        known = [self.skills[tag].map(evidence) for tag in skills if tag in self.skills]
        return sum(known) / len(known) if known else None


def _skill(entry: Mapping[str, Any]) -> SkillCalibration:
    knots = entry["map"]
    learned = Isotonic(tuple(map(float, knots["evidence"])), tuple(map(float, knots["probability"])))
    rising = all(list(axis) == sorted(axis) for axis in (learned.evidence, learned.probability))
    inside = all(0 <= p <= 1 for p in learned.probability)
    if not learned.evidence or len(learned.evidence) != len(learned.probability) or not rising or not inside:
        raise ValueError("a map needs as many probabilities as evidences, both rising, in 0…1")
    accuracy = float(entry["accuracy"])
    if not 0 <= accuracy <= 1:
        raise ValueError(f"an accuracy of {accuracy}")
    return SkillCalibration(
        n=int(entry["n"]),
        accuracy=accuracy,
        auroc=None if entry["auroc"] is None else float(entry["auroc"]),
        calibration_error=float(entry["calibration_error"]),
        brier=float(entry["brier"]),
        curve=tuple(Bin(int(b["n"]), float(b["predicted"]), float(b["right"]), float(b["se"])) for b in entry["curve"]),
        map=learned,
    )


def _pooled(
    values: NDArray[np.float64], means: NDArray[np.float64], counts: NDArray[np.int64]
) -> list[tuple[float, float, float]]:
    """Pool adjacent violators: blocks (least value, largest value, mean) with rising means."""
    blocks: list[list[float]] = []  # least value, largest value, sum, count
    for value, mean, count in zip(values, means, counts, strict=True):
        blocks.append([float(value), float(value), float(mean * count), float(count)])
        while len(blocks) > 1 and blocks[-2][2] * blocks[-1][3] >= blocks[-1][2] * blocks[-2][3]:
            _, high, total, n = blocks.pop()
            blocks[-1][1] = high
            blocks[-1][2] += total
            blocks[-1][3] += n
    return [(low, high, total / n) for low, high, total, n in blocks]


def _pairs(scores: Sequence[float], right: Sequence[bool]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Both as arrays; ``CalibrationInvalid`` for nothing, for lengths that differ and for values that are no numbers."""
    values, hits = np.asarray(scores, dtype=np.float64), np.asarray(right, dtype=np.bool_)
    if values.ndim != 1 or values.shape != hits.shape or not len(values) or not np.isfinite(values).all():
        raise CalibrationInvalid(
            f"{values.size} confidences and {hits.size} verdicts cannot be compared",
            hint="give one finite confidence and one verdict a task, of at least one task",
        )
    return values, hits
