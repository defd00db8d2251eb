"""Calibration: every measure against its definition written out, the map against the best of all monotone maps."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.errors import CalibrationInvalid
from agent_runtime.reasoning.calibration import (
    BINS,
    FOLDS,
    Calibration,
    Isotonic,
    SkillCalibration,
    auroc,
    brier,
    calibration_error,
    reliability,
)

PAIRS = st.lists(st.tuples(st.integers(0, 8).map(lambda i: i / 8), st.booleans()), min_size=1, max_size=40)
MODEL = "torch/" + "ab" * 32


def drawn(n: int, seed: int = 0) -> tuple[list[float], list[bool]]:
    """Evidence, and verdicts that are right with that probability."""
    rng = Random(seed)
    evidence = [rng.random() for _ in range(n)]
    return evidence, [rng.random() < e for e in evidence]


@given(PAIRS)
def test_auroc_is_the_chance_that_right_scores_above_wrong(pairs: list[tuple[float, bool]]) -> None:
    right = [s for s, hit in pairs if hit]
    wrong = [s for s, hit in pairs if not hit]
    found = auroc([s for s, _ in pairs], [hit for _, hit in pairs])
    if not right or not wrong:
        assert found is None
        return
    wins = sum((r > w) + (r == w) / 2 for r, w in itertools.product(right, wrong))
    assert found == pytest.approx(wins / (len(right) * len(wrong)))


@given(PAIRS, st.integers(1, 12))
def test_a_curve_counts_every_prediction_once_and_equal_ones_together(pairs: list[tuple[float, bool]], bins: int) -> None:
    scores, hits = [s for s, _ in pairs], [hit for _, hit in pairs]
    curve = reliability(scores, hits, bins)
    assert 1 <= len(curve) <= bins and sum(b.n for b in curve) == len(pairs)
    assert sum(b.n * b.right for b in curve) == pytest.approx(sum(hits))
    assert sum(b.n * b.predicted for b in curve) == pytest.approx(sum(scores))
    assert [b.predicted for b in curve] == sorted({b.predicted for b in curve}), "no value lies in two bins"
    left = sorted(pairs)
    for b in curve:  # the bins are runs of the sorted predictions
        mine, left = left[: b.n], left[b.n :]
        assert b.predicted == pytest.approx(sum(s for s, _ in mine) / b.n)
        assert not left or left[0][0] > mine[-1][0]
        assert b.se == pytest.approx((b.right * (1 - b.right) / b.n) ** 0.5)
    error = sum(b.n * abs(b.predicted - b.right) for b in curve) / len(pairs)
    assert calibration_error(scores, hits, bins) == pytest.approx(error)
    assert brier(scores, hits) == pytest.approx(sum((s - hit) ** 2 for s, hit in pairs) / len(pairs))


def test_bins_have_about_equal_mass_where_values_differ() -> None:
    evidence, hits = drawn(1_000)
    assert {b.n for b in reliability(evidence, hits)} == {1_000 // BINS}


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=1, max_size=9))
def test_the_map_is_the_best_monotone_one(pairs: list[tuple[int, bool]]) -> None:
    """Against brute force: the optimum is a mean of a run of values, so all rising choices of such means are tried."""
    values = sorted({v for v, _ in pairs})
    runs = [
        [hit for v, hit in pairs if low <= v <= high] for low, high in itertools.combinations_with_replacement(values, 2)
    ]
    levels = sorted({sum(hits) / len(hits) for hits in runs})

    def loss(by_value: dict[int, float]) -> float:
        return sum((by_value[v] - hit) ** 2 for v, hit in pairs)

    choices = itertools.combinations_with_replacement(levels, len(values))
    best = min((dict(zip(values, choice, strict=True)) for choice in choices), key=loss)
    bound = 1 / (len(pairs) + 2)
    fitted = Isotonic.fit([v for v, _ in pairs], [hit for _, hit in pairs])
    for value in values:
        assert fitted(value) == pytest.approx(min(max(best[value], bound), 1 - bound))


@given(PAIRS)
def test_the_map_never_falls_and_is_never_certain(pairs: list[tuple[float, bool]]) -> None:
    fitted = Isotonic.fit([s for s, _ in pairs], [hit for _, hit in pairs])
    seen = [fitted(i / 50 - 0.5) for i in range(101)]
    assert seen == sorted(seen) and seen[0] > 0 and seen[-1] < 1


def test_calibrating_makes_shares_into_probabilities() -> None:
    """Evidence that is overconfident by a square root: the map takes most of the error away, on tasks that it has not seen."""
    truth, hits = drawn(2_000, seed=3)
    evidence = [t**0.25 for t in truth]
    skill = SkillCalibration.fit(evidence, hits)
    assert calibration_error(evidence, hits) > 0.25 and skill.calibration_error < 0.05
    assert skill.brier < brier(evidence, hits)
    assert skill.auroc == pytest.approx(auroc(truth, hits))
    assert skill.accuracy == sum(hits) / 2_000 and sum(b.n for b in skill.curve) == 2_000


def test_the_measures_are_of_unseen_tasks() -> None:
    """Verdicts by the coin: a map judged on the tasks that it was fitted to would look better than no knowledge."""
    rng = Random(1)
    evidence, hits = [rng.random() for _ in range(100)], [rng.random() < 0.5 for _ in range(100)]
    own = Isotonic.fit(evidence, hits)
    assert brier([own(e) for e in evidence], hits) < 0.25 < SkillCalibration.fit(evidence, hits).brier


def calibration() -> Calibration:
    skill = SkillCalibration.fit(*drawn(200))
    return Calibration(MODEL, 0.8, 5, {"navigate": skill, "web_of_lies": SkillCalibration.fit([0.5] * 10, [True] * 10)})


def test_a_file_brings_back_the_same(tmp_path: Path) -> None:
    path, kept = tmp_path / "calibration.json", calibration()
    kept.save(path)
    loaded = Calibration.load(path)
    assert loaded == kept
    loaded.check(MODEL, 0.8, 5)
    assert loaded.priors_bps()["web_of_lies"] == 10_000 and loaded.skills["web_of_lies"].auroc is None


def test_a_task_of_several_skills_takes_their_mean_and_unknown_ones_say_nothing() -> None:
    kept = calibration()
    navigate, lies = (kept.skills[tag].map(0.7) for tag in ("navigate", "web_of_lies"))
    assert kept.probability(["navigate"], 0.7) == navigate
    assert kept.probability(["navigate", "text2sql", "web_of_lies"], 0.7) == (navigate + lies) / 2
    assert kept.probability(["text2sql"], 0.7) is None


@pytest.mark.parametrize(
    "other", [("llama_cpp/00", 0.8, 5), (MODEL, 1.0, 5), (MODEL, 0.8, 3)], ids=["model", "temperature", "chains"]
)
def test_it_holds_for_what_it_was_measured_on(other: tuple[str, float, int]) -> None:
    with pytest.raises(CalibrationInvalid, match="the calibration is of 5 chains"):
        calibration().check(*other)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("version",), "symphony.calibration/2"),
        (("samples",), "many"),
        (("skills",), ["navigate"]),
        (("skills", "navigate", "accuracy"), 1.5),
        (("skills", "navigate", "map", "probability"), [0.5]),
        (("skills", "web_of_lies", "map", "probability"), [1.5]),
        (("skills", "web_of_lies", "map"), {"evidence": [], "probability": []}),
        (("skills", "web_of_lies", "map"), {"evidence": [0.1, 0.2], "probability": [0.9, 0.1]}),
        (("skills", "navigate", "curve"), [{}]),
    ],
    ids=str,
)
def test_a_damaged_file_is_an_error_that_names_it(tmp_path: Path, path: tuple[str, ...], value: object) -> None:
    file = tmp_path / "calibration.json"
    calibration().save(file)
    document = json.loads(file.read_text())
    *parents, last = path
    place = document
    for name in parents:
        place = place[name]
    place[last] = value
    file.write_text(json.dumps(document))
    with pytest.raises(CalibrationInvalid, match="calibration.json") as failure:
        Calibration.load(file)
    assert failure.value.hint


def test_no_file_and_no_json_are_errors(tmp_path: Path) -> None:
    for text in (None, "{", "[]", '"x"'):
        if text is not None:
            (tmp_path / "c.json").write_text(text)
        with pytest.raises(CalibrationInvalid):
            Calibration.load(tmp_path / "c.json")


@pytest.mark.parametrize(("scores", "right"), [([], []), ([0.5], []), ([float("nan")], [True])], ids=str)
def test_nothing_to_compare_is_an_error(scores: list[float], right: list[bool]) -> None:
    for measure in (auroc, brier, calibration_error, Isotonic.fit):
        with pytest.raises(CalibrationInvalid):
            measure(scores, right)


def test_too_few_tasks_are_refused() -> None:
    with pytest.raises(CalibrationInvalid, match="too few"):
        SkillCalibration.fit([0.5] * (2 * FOLDS - 1), [True] * (2 * FOLDS - 1))
