"""Pools, suites and engines: what is read from files, what is refused, and what is opened how often."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

from agent_runtime.engines import EngineConfig
from agent_runtime.evaluation.calibrate import calibrate
from agent_runtime.evaluation.policies import Plan, Seats
from agent_runtime.evaluation.pool import Agent, Engines, default_pool, load_pool, pool_of
from agent_runtime.evaluation.samples import SampleBook, Sampling
from agent_runtime.evaluation.suites import FIRST_SEED, load_suite, requirement
from agent_runtime.model import families
from agent_runtime.model.datasets import held_out_task
from agent_runtime.reasoning.calibration import model_name
from symphony_chain.errors import InvalidInput, NotFound
from symphony_chain.skills import DEFAULT_TAGS
from tests.evaluation.people import FAMILIES, Known, agent, opener, task, tasks

GSM8K = '{"question": "1 + 1?", "answer": "one and one\\n#### 2"}\n{"question": "600 + 600?", "answer": "#### 1,200"}\n'


def write(path: Path, document: object) -> Path:
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def bbh(folder: Path) -> Path:
    folder.mkdir()
    for family, target in (("navigate", "Yes"), ("web_of_lies", "No")):
        examples = [{"input": f"Question {n}?", "target": target} for n in range(5)]
        write(folder / f"{family}.json", {"canary": "none", "examples": examples})
    return folder


def test_suites_read_the_public_files_as_they_are(tmp_path: Path) -> None:
    folder = bbh(tmp_path / "bbh")
    assert len(load_suite("bbh", folder)) == 10
    some = load_suite("bbh", folder, families=["web_of_lies"], limit=3)
    assert [item.id for item in some] == ["web_of_lies-1", "web_of_lies-2", "web_of_lies-3"]
    assert [i.family for i in load_suite("bbh", folder, limit=1)] == ["navigate", "web_of_lies"], "of each family"
    grade_school = load_suite("gsm8k", write(tmp_path / "gsm8k.jsonl", GSM8K))
    assert [item.answer for item in grade_school] == ["2", "1200"]


def test_fresh_tasks_are_held_out_and_the_same_everywhere() -> None:
    found = load_suite("families", None, families=["navigate"], levels=(1, 4), limit=2)
    assert found == [held_out_task("navigate", level, FIRST_SEED + n) for level in (1, 4) for n in range(2)]
    assert {item.family for item in load_suite("families", None, limit=1)} == set(families.FAMILIES)


def test_own_tasks_come_from_a_file(tmp_path: Path) -> None:
    line = {"family": "trivia", "prompt": "2 + 2 =", "answer": "4", "answer_format": {"type": "integer"}}
    (item,) = load_suite("families", write(tmp_path / "t.jsonl", line))
    assert item.family == "trivia" and list(requirement("trivia")) == list(DEFAULT_TAGS)
    assert requirement("tracking_shuffled_objects_five_objects") == {"tracking_shuffled_objects": 10_000}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("bbh", None), "evaluation.no_data"),
        (("gsm8k", None), "evaluation.no_data"),
        (("humaneval", None), "input.invalid"),
        (("bbh", Path("nowhere")), "not_found"),
        (("gsm8k", Path("bad.jsonl")), "tasks.malformed"),
        (("bbh", Path("bad.jsonl")), "tasks.malformed"),
    ],
)
def test_bad_data_is_named(arguments: tuple, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "bad.jsonl", "[1, 2]\n")
    with pytest.raises((InvalidInput, NotFound)) as failure:
        load_suite(*arguments)
    assert failure.value.code == code and failure.value.hint


@pytest.mark.parametrize(
    "options", [{"families": ["juggling"]}, {"levels": (6,)}, {"limit": 0}], ids=["family", "level", "limit"]
)
def test_what_no_generator_makes_is_refused(options: dict) -> None:
    with pytest.raises(InvalidInput):
        load_suite("families", None, **options)


def test_a_family_that_the_data_lacks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="has no task of family 'juggling'; it has|juggling"):
        load_suite("bbh", bbh(tmp_path / "bbh"), families=["juggling"])


def test_a_pool_file_is_read_with_paths_relative_to_it(tmp_path: Path) -> None:
    (tmp_path / "lora").mkdir()
    entries = [
        {"name": "a", "engine": "llama_cpp", "skills": {"navigate": 9_000}},
        {"name": "b", "engine": {"spec": "torch", "weights": "w"}, "adapter": "lora", "skills": {"text2sql": 100}},
        {"name": "c", "engine": "./models/big.gguf", "skills": {"navigate": 0}},
        {"name": "d", "skills": {"navigate": 1}},
    ]
    a, b, c, d = load_pool(write(tmp_path / "agents.json", entries))
    assert a == Agent("a", EngineConfig("llama_cpp"), None, {"navigate": 9_000})
    assert b.engine.weights == tmp_path / "w" and b.adapter == tmp_path / "lora"
    assert c.engine.spec == str(tmp_path / "models" / "big.gguf") and d.engine == EngineConfig("torch")


GOOD = {"name": "a", "skills": {"navigate": 9_000}}


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("{", "cannot be read"),
        ({}, "not a list"),
        ([], "0 agents"),
        ([3], "agent 1 is not an object"),
        ([GOOD, GOOD], "two agents are named 'a'"),
        ([{**GOOD, "name": str(n)} for n in range(17)], "17 agents"),
        ([GOOD | {"wings": 2}], "unknown field 'wings'"),
        ([GOOD | {"name": " "}], "`name`"),
        ([GOOD | {"skills": {}}], "`skills`"),
        ([GOOD | {"skills": {"juggling": 1}}], "unknown skill 'juggling'"),
        ([GOOD | {"skills": {"navigate": 10_001}}], "navigate = 10001"),
        ([GOOD | {"skills": {"navigate": True}}], "navigate = True"),
        ([GOOD | {"adapter": "none"}], "no adapter at 'none'"),
        ([GOOD | {"engine": 3}], "engine"),
        ([GOOD | {"engine": {"spek": "torch"}}], "spek"),
        ([GOOD | {"engine": {"spec": 3}}], "spec"),
    ],
)
def test_a_bad_pool_is_refused_by_what_is_off(document: object, said: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as failure:
        load_pool(write(tmp_path / "agents.json", document))
    assert said in failure.value.message and failure.value.code == "evaluation.agents"


def test_default_pools() -> None:
    strong, early = default_pool()
    assert strong.engine != early.engine and strong.skills == early.skills and strong.declared == early.declared > 0
    (one,) = pool_of(["torch"])
    assert len(one.skills) == 16 and set(one.skills.values()) == {10_000}
    with pytest.raises(InvalidInput, match="two agents"):
        pool_of(["torch", "torch"])


def test_agents_on_one_base_share_its_engine_and_swap_their_adapters(tmp_path: Path) -> None:
    base = EngineConfig("tests:base")
    adapters = [tmp_path / f"{letter}.gguf" for letter in "xy"]
    for path in adapters:
        path.write_bytes(path.name.encode())
    pool = [Agent(path.stem, base, path, {"navigate": 9_000}) for path in adapters] + [Agent("z", base, None, {"navigate": 1})]
    known = Known("base", dict.fromkeys(FAMILIES, 1.0))
    engines = Engines(SampleBook(), clock=itertools.count(0.0).__next__, opener=opener(base=known))
    draws = [engines.draw(member, task(1), seed=0, sampling=Sampling(0.8, 9), n=1) for member in pool for _ in range(2)]
    assert known.adapters == [adapters[0], adapters[1], None], "each is put on once"
    assert len({draw.model for draw in draws}) == 3 and known.calls == 3
    assert draws[0].model.startswith(model_name("known", known.info.model_sha256) + "+")
    engines.close()
    assert known.closed


def test_a_calibration_comes_from_the_largest_vote_and_every_seed() -> None:
    known = Known("a", {"navigate": 0.7, "web_of_lies": 0.4})
    plan = Plan(tasks(20, ("navigate", "web_of_lies", "unheard_of")), (1, 3), seeds=2)
    engines = Engines(SampleBook(), clock=itertools.count(0.0).__next__, opener=opener(a=known))
    seats = Seats(engines, plan)
    found = calibrate(plan, agent("a"), seats, engines)
    assert (found.samples, found.temperature, found.model) == (3, 0.8, model_name("known", known.info.model_sha256))
    assert set(found.skills) == {"navigate", "web_of_lies"}, "a family without a tag is nobody's skill"
    skill = found.skills["navigate"]
    thoughts = [seats.think(agent("a"), item, 3, seed) for item in plan.tasks[:20] for seed in range(2)]
    assert skill.n == 40 and skill.accuracy == sum(t.right for t in thoughts) / 40
    assert (skill.auroc or 0) > 0.9, "this engine is sure where it is right"


def test_greedy_chains_and_too_few_tasks_calibrate_nothing() -> None:
    engines = Engines(SampleBook(), clock=itertools.count(0.0).__next__, opener=opener(a=Known("a", {})))
    for plan, said in ((Plan(tasks(20), (0,)), "greedy"), (Plan(tasks(2), (1,), seeds=1), "no skill")):
        with pytest.raises(InvalidInput, match=said):
            calibrate(plan, agent("a"), Seats(engines, plan), engines)
