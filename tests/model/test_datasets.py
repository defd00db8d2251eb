"""Task files: both formats read as published, and every malformed line named."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from agent_runtime.model import datasets
from agent_runtime.model.datasets import (
    MalformedTasks,
    held_out_task,
    is_right,
    load_bbh,
    load_gsm8k,
    load_tasks,
)
from agent_runtime.model.families import FAMILIES, base
from symphony_chain.errors import NotFound

ROOT = Path(__file__).resolve().parents[2]
DEMO_TASKS = Path(datasets.__file__).parent / "demo_tasks.jsonl"


def bbh(path: Path, name: str, pairs: list[tuple[str, str]]) -> Path:
    file = path / f"{name}.json"
    examples = [{"input": prompt, "target": target} for prompt, target in pairs]
    file.write_text(json.dumps({"canary": "x", "examples": examples}), "utf-8")
    return file


@pytest.mark.parametrize(
    ("name", "prompt", "target", "answer", "answer_format"),
    [
        ("boolean_expressions", "True is", "True", "true", {"type": "boolean"}),
        ("navigate", "Turn.", "Yes", "YES", {"type": "choice", "labels": ["YES", "NO"]}),
        ("object_counting", "How many?", "-12", "-12", {"type": "integer"}),
        (
            "snarks",
            "Which?\nOptions:\n(A) x\n(B) y\n(C) z",
            "(B)",
            "B",
            {"type": "choice", "labels": ["A", "B", "C"]},
        ),
        ("word_sorting", "List: Bee ant", "ant Bee", "ant bee", {"type": "text", "casefold": True}),
        ("dyck_languages", "Input: <", ">  ]", "> ]", {"type": "text"}),
    ],
)
def test_big_bench_hard_files_are_read_as_published(
    tmp_path: Path, name: str, prompt: str, target: str, answer: str, answer_format: dict[str, object]
) -> None:
    (item,) = load_tasks(bbh(tmp_path, name, [(prompt, target)]))
    assert (item.id, item.family, item.level) == (f"{name}-1", name, None)
    assert (item.prompt, item.answer, item.answer_format) == (prompt, answer, answer_format)


def test_jsonl_takes_whole_tasks_and_seeds(tmp_path: Path) -> None:
    file = tmp_path / "tasks.jsonl"
    whole = {"family": "trivia", "prompt": "2 + 2 =", "answer": " 4 ", "answer_format": {"type": "integer"}}
    file.write_text(f"{json.dumps(whole)}\n\n{json.dumps({'family': 'navigate', 'level': 4, 'seed': 3})}\n")
    first, second = load_tasks(file)
    assert (first.id, first.answer, first.level) == ("trivia-1", "4", None)
    assert second == held_out_task("navigate", 4, 3)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_seed_gives_a_held_out_question(family: str) -> None:
    item = held_out_task(family, 2, 11)
    assert item == held_out_task(family, 2, 11)
    assert item != held_out_task(family, 2, 12)
    assert base.is_held_out(base.question_hash(item.prompt))
    assert FAMILIES[family].verify(item.prompt, item.answer)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("{", "line 2: not JSON"),
        ("[1]", "line 2: not a JSON object"),
        ('{"family": "navigate", "level": 9, "seed": 1}', "line 2: level 9"),
        ('{"family": "navigate", "level": true, "seed": 1}', "line 2: level True"),
        ('{"family": "juggling", "level": 1, "seed": 1}', "line 2: unknown family 'juggling'"),
        ('{"family": "navigate", "level": 1, "seed": "x"}', "line 2: seed 'x'"),
        ('{"family": "navigate", "level": 1, "seed": 1, "color": 2}', "line 2: unknown field 'color'"),
        (
            '{"family": "a", "prompt": "b", "answer_format": {"type": "integer"}}',
            "line 2: 'answer' is missing",
        ),
        ('{"family": "a", "prompt": "b", "answer": "c"}', "line 2: 'answer_format' is missing"),
        (
            '{"family": "a", "prompt": "b", "answer": "c", "answer_format": {"type": "integer"}}',
            "line 2: 'c' is not an integer",
        ),
        ('{"family": "a", "prompt": "b", "answer": "c", "answer_format": {"type": "colour"}}', "line 2: "),
    ],
)
def test_a_malformed_line_is_named_with_its_fault(tmp_path: Path, line: str, fault: str) -> None:
    file = tmp_path / "tasks.jsonl"
    file.write_text('{"family": "navigate", "level": 1, "seed": 1}\n' + line + "\n")
    with pytest.raises(MalformedTasks) as caught:
        load_tasks(file)
    assert fault in caught.value.message
    assert caught.value.hint
    assert caught.value.exit_code == 2


def test_other_broken_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no task file"):
        load_tasks(tmp_path / "absent.json")
    empty = tmp_path / "empty.jsonl"
    empty.write_text("\n")
    with pytest.raises(MalformedTasks, match="holds no task"):
        load_tasks(empty)
    latin = tmp_path / "latin.jsonl"
    latin.write_bytes(b"\xe9\n")
    with pytest.raises(MalformedTasks, match="UTF-8"):
        load_tasks(latin)
    with pytest.raises(MalformedTasks, match="example 2 has no text"):
        broken = tmp_path / "navigate.json"
        broken.write_text(json.dumps({"examples": [{"input": "a", "target": "Yes"}, {"input": 1}]}))
        load_tasks(broken)


def test_the_demo_tasks_are_twenty_held_out_ones_of_several_families() -> None:
    items = load_tasks(DEMO_TASKS)
    assert len(items) == len({item.prompt for item in items}) == 20
    assert len({item.family for item in items}) >= 3
    assert all(item.level is not None for item in items)


def test_the_demo_tasks_are_drawn_by_the_rule_in_the_docs() -> None:
    """Families in turn, seeds 1 to 20, and the levels of the table, where one sample is right in 40 to 85 % of the cases."""
    table = re.findall(
        r"^\| (\w+) (\d) \| ([\d.]+) \|", (ROOT / "docs" / "model.md").read_text(), re.MULTILINE
    )
    assert len(table) == 4 and all(40 <= float(share) <= 85 for _, _, share in table)
    levels = {family: int(level) for family, level, _ in table}
    lines = [json.loads(line) for line in DEMO_TASKS.read_text().splitlines()]
    families = [line["family"] for line in lines]
    assert set(families) == set(levels) and families == families[:4] * 5
    assert lines == [{"family": f, "level": levels[f], "seed": seed} for seed, f in enumerate(families, 1)]


@pytest.mark.parametrize(
    ("prompt", "target", "answer", "labels"),
    [
        (
            "Which?\nOptions:\n(A) red\n(B) blue",
            "blue",
            "B",
            ["A", "B"],
        ),  # an option's text stands for its letter
        ("Is it?\nOptions:\n- valid \n- invalid", "invalid", "INVALID", ["VALID", "INVALID"]),
        ("Walk.\nOptions:\n- Yes\n- No", "No", "NO", ["YES", "NO"]),
    ],
)
def test_options_make_choices(
    tmp_path: Path, prompt: str, target: str, answer: str, labels: list[str]
) -> None:
    (item,) = load_bbh(bbh(tmp_path, "some_family", [(prompt, target)]))
    assert item.answer == answer
    assert item.answer_format == {"type": "choice", "labels": labels}


def test_a_folder_of_public_files_is_read_in_order(tmp_path: Path) -> None:
    bbh(tmp_path, "web_of_lies", [("Who?", "Yes")])
    bbh(tmp_path, "navigate", [("Turn.", "No"), ("Walk.", "Yes")])
    assert [item.id for item in load_bbh(tmp_path)] == ["navigate-1", "navigate-2", "web_of_lies-1"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotFound, match="no JSON file"):
        load_bbh(tmp_path / "empty")
    (tmp_path / "other.json").write_text("[]")
    with pytest.raises(MalformedTasks, match="not a BIG-Bench-Hard file"):
        load_bbh(tmp_path)


def test_grade_school_problems_are_read_as_published(tmp_path: Path) -> None:
    file = tmp_path / "gsm8k.jsonl"
    lines = [
        {"question": "How many?", "answer": "Add. <<1+1=2>>\n#### 1,234"},
        {"question": "Less?", "answer": "#### -7"},
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    first, second = load_gsm8k(file)
    assert (first.id, first.family, first.answer, second.answer) == ("gsm8k-1", "gsm8k", "1234", "-7")
    assert first.answer_format == {"type": "integer"}


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ('{"question": "a"}', "line 1: no `question`"),
        ('{"question": "a", "answer": "4"}', "line 1: no `question`"),
        ('{"question": "a", "answer": "#### four"}', "line 1: 'four' is not an integer"),
        ("[]", "line 1: not a JSON object"),
        ("", "holds no task"),
    ],
)
def test_a_malformed_grade_school_problem_is_named(tmp_path: Path, line: str, fault: str) -> None:
    file = tmp_path / "gsm8k.jsonl"
    file.write_text(line + "\n")
    with pytest.raises(MalformedTasks) as caught:
        load_gsm8k(file)
    assert fault in caught.value.message
    assert caught.value.hint


def test_an_answer_is_right_if_it_is_the_gold_one_or_the_verifier_takes_it() -> None:
    count = held_out_task("object_counting", 1, 3)
    assert is_right(count, count.answer)
    assert not is_right(count, f"{count.answer}0")
    assert not is_right(count, None)
    query = held_out_task("text2sql", 1, 3)
    assert is_right(query, query.answer.replace("SELECT", "select"))
    assert not is_right(query, "SELECT 1 WHERE 0")
    assert not is_right(query, "DROP TABLE x")
