"""`symphony eval` as people call it: documents, tables, files that go on, and one clear error for all that can be wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent_runtime.reasoning.calibration import Calibration
from tests.cli.conftest import Ran, alone, invoke  # noqa: F401  # each test works in its own folder
from tests.evaluation.people import FAMILIES, tasks

RIGHT, WRONG = "tests.evaluation.people:always_right", "tests.evaluation.people:often_wrong"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "tasks.jsonl"
    lines = [
        {"family": t.family, "level": 3, "prompt": t.prompt, "answer": t.answer, "answer_format": t.answer_format}
        for t in tasks(12)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    path = tmp_path / "agents.json"
    skills = dict.fromkeys(FAMILIES, 8_000)
    agents = [{"name": name, "engine": engine, "skills": skills} for name, engine in (("r", RIGHT), ("w", WRONG))]
    path.write_text(json.dumps(agents))
    return path


def ran(data: Path, *args: object) -> Ran:
    return invoke("eval", "--suite", "families", "--data", data, "--json", *args)


@pytest.mark.parametrize("policy", ["random", "broadcast", "routed"])
def test_policies_of_a_pool(policy: str, data: Path, pool: Path) -> None:
    done = ran(data, "--agents", pool, "--policy", policy, "--votes", "greedy,1,3", "--seeds", 2, "--limit", 4, "--gold", 0.5)
    document = done.json
    assert done.code == 0 and document["policy"] == policy and document["tasks"] == 12
    assert list(document["votes"]) == ["greedy", "1", "3"] and set(document["votes"]["3"]) == set(FAMILIES)
    assert [a["name"] for a in document["agents"]] == ["r", "w"]
    assert 0.3 < document["mean"]["1"] <= 1


def test_one_engine_and_its_calibration(data: Path, tmp_path: Path) -> None:
    kept, out = tmp_path / "calibration.json", tmp_path / "samples.jsonl"
    args = ("--engine", WRONG, "--votes", "1,5", "--seeds", 1, "--calibration", kept, "--out", out)
    document = ran(data, *args).json
    found = Calibration.load(kept)
    assert set(document["calibration"]) == set(found.skills) == set(FAMILIES) and found.samples == 5
    assert document["calibration"]["navigate"]["n"] == 12 and 0 <= document["calibration"]["navigate"]["auroc"] <= 1
    assert len(out.read_text().splitlines()) == 36
    again = ran(data, *args)
    assert again.json["votes"] == document["votes"] and "36 draws are in" in again.err
    assert len(out.read_text().splitlines()) == 36, "nothing is drawn twice"


def test_public_sets_are_read_as_published(tmp_path: Path) -> None:
    (tmp_path / "bbh").mkdir()
    examples = [{"input": f"navigate: {n} + 1 =", "target": str(n + 1)} for n in range(4)]
    (tmp_path / "bbh" / "navigate.json").write_text(json.dumps({"canary": "none", "examples": examples}))
    questions = [json.dumps({"question": f"navigate: {n} + 1 =", "answer": f"so\n#### {n + 1}"}) for n in range(4)]
    (tmp_path / "gsm8k_test.jsonl").write_text("\n".join(questions))
    for args, family in (
        (("--suite", "bbh", "--data", "bbh", "--votes", "greedy,1,3,9"), "navigate"),
        (("--suite", "gsm8k", "--data", "gsm8k_test.jsonl", "--limit", "100", "--votes", "greedy,5"), "gsm8k"),
    ):
        document = invoke("eval", *args, "--engine", RIGHT, "--json").json
        assert document["votes"]["greedy"] == {family: {"n": 4, "accuracy": 1.0, "se": 0.0}}


def test_words_for_a_person(data: Path) -> None:
    done = invoke("eval", "--suite", "families", "--data", data, "--engine", RIGHT, "--votes", "1", "--seeds", 1)
    assert done.code == 0 and "navigate" in done.out and "100.0%" in done.out and "seconds a task" in done.out


@pytest.mark.parametrize(
    ("args", "code", "exit_code"),
    [
        (("--suite", "bbh"), "evaluation.no_data", 2),
        (("--suite", "bbh", "--data", "nowhere"), "not_found", 3),
        (("--suite", "families", "--families", "juggling"), "input.invalid", 2),
        (("--suite", "families", "--votes", "many"), "usage", 2),
        (("--suite", "families", "--votes", "0,3"), "usage", 2),
        (("--suite", "families", "--votes", "65"), "usage", 2),
        (("--suite", "families", "--levels", "x"), "usage", 2),
        (("--suite", "families", "--levels", "9"), "input.invalid", 2),
        (("--suite", "families", "--engine", "a", "--agents", "b"), "evaluation.agents", 2),
        (("--suite", "families", "--agents", "nowhere.json"), "evaluation.agents", 2),
        (("--suite", "families", "--engine", "tests.nowhere:engine"), "worker.config_invalid", 2),
        (("--suite", "families", "--engine", "warp"), "input.invalid", 2),
        (("--suite", "families", "--policy", "routed", "--calibration", "c.json"), "evaluation.calibration", 2),
        (("--suite", "families", "--engine", RIGHT, "--engine", WRONG), "evaluation.agents", 2),
        (("--suite", "families", "--live", "--policy", "random"), "evaluation.live", 2),
        (("--suite", "families", "--live", "--seeds", "100"), "evaluation.live", 2),
    ],
    ids=lambda value: " ".join(value[1:]) if isinstance(value, tuple) else None,
)
def test_what_is_wrong_is_said_before_anything_is_drawn(args: tuple[str, ...], code: str, exit_code: int) -> None:
    limit = () if "--limit" in args or "bbh" in args else ("--limit", "1")
    done = invoke("eval", *args, *limit, "--json")
    assert (done.code, done.error["code"]) == (exit_code, code), done.out


def test_a_file_that_cannot_be_written_is_an_error(data: Path, tmp_path: Path) -> None:
    (tmp_path / "blocked").write_text("")
    for out in (tmp_path, tmp_path / "blocked" / "samples.jsonl"):
        done = ran(data, "--engine", RIGHT, "--out", out)
        assert (done.code, done.error["code"]) == (1, "evaluation.unwritable")


def test_a_live_market_answers_and_pays(tmp_path: Path, pool: Path, data: Path) -> None:
    """Two workers of unlike engines, two tasks, one vote, an evaluator that knows: chain, index and audit included."""
    args = ("--agents", pool, "--policy", "broadcast", "--votes", "1", "--seeds", 1, "--families", FAMILIES[0], "--limit", 2)
    document = ran(data, *args, "--live", "--gold", 1, "--devnet", "pyevm", "--data-dir", tmp_path / "data").json
    live, earned = document["live"]["1"], document["earned"]["1"]
    assert live["evaluated"] == 2 and document["gold"] == 1
    seats = {name: skills["navigate"] for name, skills in earned["agents"].items()}
    assert {name: found["seats"] for name, found in seats.items()} == {"r": 2, "w": 2}
    assert seats["r"]["accuracy"] == 1 and seats["r"]["earned"] == [0.0625, 0.1210], "a sixteenth of the way, and again"
    assert (seats["w"]["earned"][-1] > 0) == (seats["w"]["accuracy"] > 0), "the vote does not lift who is wrong"
    assert live["audit_ok"] and live["settled"] + live["inconclusive"] == 2 and live["void"] == live["expired"] == 0
    assert document["votes"]["1"]["navigate"]["n"] == 2 and document["seats"] == 2
    assert document["tokens"]["1"] == 2 * 2 * 3, "two tasks, two seats, three tokens each"
    assert int(document["cost_wei"]["1"]) > 0 and document["seconds"]["1"] > 0
