"""A run that goes on from trained weights keeps their tokenizer, and its export tells every run before it."""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from agent_runtime.engines.weights import CURVE, SAFETENSORS, early_folder, read_manifest, sha256_of
from agent_runtime.model.architecture import ModelShape, build_model
from tests.scripts.loading import load_script

SUMMARY = {"recipe": {"seed": 4}, "steps": 6, "tokens": 700, "elapsed_s": 90.0, "examples": {"plan": 5}, "rejected_as_public": {}}


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load_script("train_model")


@pytest.fixture
def exported(script: ModuleType, tmp_path: Path) -> Callable[[Path], dict[str, Any]]:
    """Exports a run folder as if it had been trained, and reads what was written."""

    def export(run: Path) -> dict[str, Any]:
        run.mkdir(exist_ok=True)
        if not (run / "tokenizer.json").exists():
            shutil.copyfile(early_folder() / "tokenizer.json", run / "tokenizer.json")
        torch.save({"model": build_model(ModelShape(), 1).state_dict()}, run / "state.pt")
        points = [{"minutes": 0.5, "tokens": 300, "loss": 2.0}, {"minutes": 1.5, "tokens": 700, "loss": 1.0}]
        (run / "curve.json").write_text(json.dumps({**SUMMARY, "curve": points}))
        script.export(argparse.Namespace(run=run, out=tmp_path / "out", snapshot=None))
        manifest = read_manifest(tmp_path / "out")
        assert manifest is not None
        assert manifest["files"][CURVE]["sha256"] == sha256_of(tmp_path / "out" / CURVE)
        assert manifest["files"][SAFETENSORS]["sha256"] == sha256_of(tmp_path / "out" / SAFETENSORS)
        return manifest | {"curve": json.loads((tmp_path / "out" / CURVE).read_text())}

    return export


def test_a_first_run_has_none_before_it(exported: Callable[[Path], dict[str, Any]], tmp_path: Path) -> None:
    written = exported(tmp_path / "run")
    assert written["earlier_runs"] == []
    assert [point["tokens"] for point in written["curve"]] == [300, 700]


def test_a_run_that_goes_on_tells_where_from(
    script: ModuleType, exported: Callable[[Path], dict[str, Any]], tmp_path: Path
) -> None:
    start = read_manifest(early_folder())
    assert start is not None
    before = json.loads((early_folder() / CURVE).read_text())
    script._go_on_from(early_folder(), tmp_path / "run")
    assert sha256_of(tmp_path / "run" / "tokenizer.json") == start["files"]["tokenizer.json"]["sha256"]
    written = exported(tmp_path / "run")
    last = {"recipe": start["recipe"], "trained": start["trained"]}
    assert written["earlier_runs"] == [*start["earlier_runs"], last]
    assert written["recipe"] == {"seed": 4} and written["trained"]["tokens"] == 700
    assert written["curve"][: len(before)] == before
    went_on = written["curve"][len(before) :]
    assert [point["tokens"] for point in went_on] == [before[-1]["tokens"] + 300, before[-1]["tokens"] + 700]
    assert [round(point["minutes"] - before[-1]["minutes"], 2) for point in went_on] == [0.5, 1.5]


def test_a_start_that_is_no_export_of_ours(script: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"has no manifest\.json: name a folder that `export` wrote"):
        script._go_on_from(tmp_path, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_with_a_tokenizer_of_its_own_keeps_it(script: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    script._go_on_from(early_folder(), tmp_path)
    assert (tmp_path / "tokenizer.json").read_text() == "{}"


def test_words_are_drawn_from_a_dictionary(script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lower-cased, once, letters of ASCII only, neither too short nor too long."""
    dictionary = tmp_path / "words"
    dictionary.write_text("Etruscan\nApple\napple\napple's\nnaïve\nx\nincomprehensibilities\nzebra\n", "utf-8")
    monkeypatch.setattr(script, "MODEL_FOLDER", tmp_path)
    drawn = {"dictionary": dictionary, "seed": 7}
    script.words(argparse.Namespace(**drawn, count=100))
    assert (tmp_path / "words.txt").read_text() == "apple\netruscan\nzebra\n"
    script.words(argparse.Namespace(**drawn, count=2))
    assert len((tmp_path / "words.txt").read_text().split()) == 2
