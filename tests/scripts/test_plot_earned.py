"""The drawing of earned curves: a panel a lane, a line a report, names as plain text."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest

from tests.scripts.loading import load_script

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load_script("plot_earned")


def report(**skills: list[float]) -> dict:
    lanes = {name: {"seats": len(earned), "accuracy": 0.75, "earned": earned} for name, earned in skills.items()}
    return {"earned": {"1": {"agents": {}}, "3": {"agents": {"<b>bo</b>": lanes}}}}


def test_a_line_a_report_and_its_accuracy(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "with.json").write_text(json.dumps(report(navigate=[0.5, 1.0], plan=[0.25])))
    (tmp_path / "without.json").write_text(json.dumps(report(navigate=[0.0, 0.25, 0.5, 0.5])))
    files = [f"gold=a fifth={tmp_path / 'with.json'}", f"none={tmp_path / 'without.json'}"]
    monkeypatch.setattr(sys, "argv", ["plot_earned.py", *files, "--out", str(tmp_path / "out.svg")])
    script.main()
    root = ElementTree.parse(tmp_path / "out.svg").getroot()
    texts = [element.text for element in root.iter(f"{SVG}text")]
    assert texts[:2] == ["gold=a fifth", "none"]
    assert "<b>bo</b>: navigate" in texts and "<b>bo</b>: plan" in texts and "4 seats" in texts
    lines = [element.attrib["points"].split() for element in root.iter(f"{SVG}polyline")]
    assert [len(line) for line in lines] == [2, 4, 1], "with and without of one lane, then the other lane's only one"
    heights = [float(point.split(",")[1]) for point in lines[0]]
    assert heights == [script.HEAD + script.GAP // 2 + script.HEIGHT / 2, script.HEAD + script.GAP // 2]
    assert len(list(root.iter(f"{SVG}path"))) == 3, "what each deserves"


def test_bad_input(script: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="no `earned`"):
        script.lanes_of({"suite": "families", "policy": "single"})
    monkeypatch.setattr(sys, "argv", ["plot_earned.py", *["a=b.json"] * 5, "--out", "never.svg"])
    with pytest.raises(SystemExit, match="2"):
        script.main()
    assert "give at most 4" in capsys.readouterr().err


def test_only_the_longest_lanes(script: ModuleType) -> None:
    lanes = script.lanes_of(report(navigate=[0.5, 1.0], plan=[0.25]))
    drawn = script.drawing({"one": lanes}, 1)
    assert "navigate" in drawn and "plan" not in drawn
