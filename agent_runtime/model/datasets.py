"""Reads files of tasks: BIG-Bench-Hard JSON and GSM8K JSONL as published, and our JSONL, whose lines are whole tasks or
seeds for the generators.

Two forms of a JSONL line:

    {"family": "navigate", "level": 4, "seed": 17}
    {"family": "trivia", "prompt": "2 + 2 =", "answer": "4", "answer_format": {"type": "integer"}}

Imports no model library; knows no market.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from agent_runtime.model.families import FAMILIES, LEVELS
from agent_runtime.model.families.base import BOOLEAN, INTEGER, WORDS, YES_NO
from symphony_chain.errors import InvalidInput, NotFound
from symphony_chain.spec import canonical

_OPTION = re.compile(r"^\(([A-Z])\) *(.*?) *$", re.MULTILINE)
_DASHED = re.compile(r"^- *(.*?) *$", re.MULTILINE)
_SEED_KEYS = {"family", "level", "seed"}
_ITEM_KEYS = {"id", "family", "level", "prompt", "answer", "answer_format"}


class MalformedTasks(InvalidInput):
    """A file of tasks that cannot be read; the message names the line and the fault."""

    code = "tasks.malformed"


@dataclass(frozen=True, slots=True)
class TaskItem:
    """One task with its gold answer in canonical form; ``level`` is None where no generator made it."""

    id: str
    family: str
    level: int | None
    prompt: str
    answer: str
    answer_format: dict[str, Any]


def load_tasks(path: Path) -> list[TaskItem]:
    """Every task of a file, in order.

    Raises:
        NotFound: there is no such file. MalformedTasks: it is neither BIG-Bench-Hard JSON nor our JSONL.
    """
    text = _read_text(path)
    document = _whole_document(text)
    items = _from_lines(path, text) if document is None else _from_bbh(path, document)
    if not items:
        raise MalformedTasks(f"{path} holds no task", hint="put at least one task into it")
    return items


def load_bbh(path: Path) -> list[TaskItem]:
    """The tasks of one BIG-Bench-Hard file as published, or of all such files in a folder, in order of their names. A
    multiple-choice answer is the letter of its option.

    Raises:
        NotFound: there is no such file, or no JSON file in the folder. MalformedTasks: a file is something else.
    """
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    if not files:
        raise NotFound(
            f"there is no JSON file in {path}", hint="name the folder that holds navigate.json and its kin"
        )
    items: list[TaskItem] = []
    for file in files:
        document = _whole_document(_read_text(file))
        if document is None:
            raise MalformedTasks(
                f"{file} is not a BIG-Bench-Hard file", hint="use the JSON file as published"
            )
        items += _from_bbh(file, document)
    return items


def load_gsm8k(path: Path) -> list[TaskItem]:
    """The tasks of a GSM8K JSONL file as published: ``question``, and ``answer`` that ends in ``#### 1,234``.

    Raises:
        NotFound: there is no such file. MalformedTasks: a line is something else; the message names it.
    """
    items = []
    for number, line in enumerate(_read_text(path).splitlines(), 1):
        if not line.strip():
            continue
        place = f"{path}, line {number}"
        entry = _json_object(place, line)
        question, worked = entry.get("question"), entry.get("answer")
        if not isinstance(question, str) or not isinstance(worked, str) or "####" not in worked:
            raise MalformedTasks(
                f"{place}: no `question`, or no `answer` that ends in `#### number`",
                hint="use the file as published",
            )
        answer = _canonical_answer(place, worked.rsplit("####", 1)[1].replace(",", ""), INTEGER)
        items.append(TaskItem(f"gsm8k-{number}", "gsm8k", None, question, answer, dict(INTEGER)))
    if not items:
        raise MalformedTasks(f"{path} holds no task", hint="use the file as published")
    return items


def held_out_task(family: str, level: int, seed: int, *, reword: float = 0.0) -> TaskItem:
    """The held-out question that a generator makes from a seed; the same one everywhere.

    Args:
        reword: as for ``Family.generate``.
    """
    example = FAMILIES[family].generate(Random(f"{family}/{level}/{seed}"), level, held_out=True, reword=reword)
    mark = f"-R{reword:g}" if reword else ""
    return TaskItem(
        f"{family}-L{level}-{seed}{mark}", family, level, example.prompt, example.answer, example.answer_format
    )


def is_right(task: TaskItem, answer: str | None) -> bool:
    """Whether a canonical answer is right: the gold one, or one that the family's verifier takes (queries, plans)."""
    if answer is None or answer == task.answer:
        return answer is not None
    family = FAMILIES.get(task.family)
    return family is not None and family.verifier is not None and family.verify(task.prompt, answer)


def _read_text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (FileNotFoundError, IsADirectoryError):
        raise NotFound(f"there is no task file at {path}", hint="check the path", path=str(path)) from None
    except UnicodeDecodeError as error:
        raise MalformedTasks(f"{path} is not UTF-8 text: {error}", hint="save it as UTF-8") from error


def _json_object(place: str, line: str) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except ValueError as error:
        raise MalformedTasks(f"{place}: not JSON: {error}", hint="write one JSON object per line") from error
    if not isinstance(entry, dict):
        raise MalformedTasks(f"{place}: not a JSON object", hint="write one JSON object per line")
    return entry


def _whole_document(text: str) -> dict[str, Any] | None:
    """The file as one JSON object with ``examples``, or None where it is something else."""
    try:
        document = json.loads(text)
    except ValueError:
        return None
    return document if isinstance(document, dict) and "examples" in document else None


def _from_bbh(path: Path, document: dict[str, Any]) -> list[TaskItem]:
    family = str(document.get("name") or path.stem)
    examples = document["examples"]
    if not isinstance(examples, list):
        raise MalformedTasks(
            f"{path}: `examples` is not a list", hint="use a BIG-Bench-Hard file as published"
        )
    for number, example in enumerate(examples, 1):
        wrong = not isinstance(example, dict) or not all(
            isinstance(example.get(key), str) for key in ("input", "target")
        )
        if wrong:
            raise MalformedTasks(
                f"{path}: example {number} has no text `input` and `target`", hint="use the file as published"
            )
    targets = [example["target"].strip() for example in examples]
    items = []
    for number, (example, target) in enumerate(zip(examples, targets, strict=True), 1):
        target, answer_format = _infer_format(family, example["input"], target, targets)
        answer = _canonical_answer(f"{path}: example {number}", target, answer_format)
        items.append(TaskItem(f"{family}-{number}", family, None, example["input"], answer, answer_format))
    return items


def _infer_format(family: str, prompt: str, target: str, targets: list[str]) -> tuple[str, dict[str, Any]]:
    """The answer to a question and its format: option labels are the single question's own, other formats those that the
    whole file's targets fit. A target that says an option instead of its letter becomes the letter.
    """
    lettered = {text: letter for letter, text in _OPTION.findall(prompt)}
    if re.fullmatch(r"\([A-Z]\)", target) or target in lettered:
        letter = lettered.get(target, target.strip("()"))
        return letter, {"type": "choice", "labels": sorted({*lettered.values(), letter})}
    lowered = {text.lower() for text in targets}
    dashed = [text.upper() for text in _DASHED.findall(prompt)]
    if lowered <= {"true", "false"}:
        return target, dict(BOOLEAN)
    if lowered <= {"yes", "no"}:
        return target, {"type": "choice", "labels": list(YES_NO["labels"])}
    if target.upper() in dashed:
        return target, {"type": "choice", "labels": dashed}
    if all(re.fullmatch(r"-?(0|[1-9]\d*)", text) for text in targets):
        return target, dict(INTEGER)
    return target, dict(WORDS) if family == "word_sorting" else {"type": "text"}


def _from_lines(path: Path, text: str) -> list[TaskItem]:
    items = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            items.append(_from_line(f"{path}, line {number}", number, line))
    return items


def _from_line(place: str, number: int, line: str) -> TaskItem:
    entry = _json_object(place, line)
    unknown = sorted(set(entry) - (_SEED_KEYS if "seed" in entry else _ITEM_KEYS))
    if unknown:
        raise MalformedTasks(
            f"{place}: unknown field {unknown[0]!r}", hint="see the two forms in docs/model.md"
        )
    return _from_seed(place, entry) if "seed" in entry else _from_item(place, number, entry)


def _from_seed(place: str, entry: Mapping[str, Any]) -> TaskItem:
    family, level, seed = entry.get("family"), entry.get("level"), entry["seed"]
    if family not in FAMILIES:
        raise MalformedTasks(f"{place}: unknown family {family!r}", hint=f"use one of {', '.join(FAMILIES)}")
    if level not in LEVELS or not isinstance(level, int) or isinstance(level, bool):
        raise MalformedTasks(f"{place}: level {level!r} does not exist", hint="use a level from 1 to 5")
    if not isinstance(seed, int) or isinstance(seed, bool):
        raise MalformedTasks(f"{place}: seed {seed!r} is not an integer", hint="use any integer")
    return held_out_task(family, level, seed)


def _from_item(place: str, number: int, entry: Mapping[str, Any]) -> TaskItem:
    for key in ("family", "prompt", "answer"):
        if not isinstance(entry.get(key), str) or not entry[key].strip():
            raise MalformedTasks(
                f"{place}: {key!r} is missing or is not a text", hint="see the two forms in docs/model.md"
            )
    level, answer_format = entry.get("level"), entry.get("answer_format")
    if level is not None and (not isinstance(level, int) or isinstance(level, bool)):
        raise MalformedTasks(f"{place}: 'level' is not an integer", hint="leave it out or use an integer")
    if not isinstance(answer_format, dict):
        raise MalformedTasks(f"{place}: 'answer_format' is missing", hint='for example {"type": "integer"}')
    answer = _canonical_answer(place, entry["answer"], answer_format)
    name = entry.get("id", f"{entry['family']}-{number}")
    return TaskItem(str(name), entry["family"], level, entry["prompt"], answer, dict(answer_format))


def _canonical_answer(place: str, answer: str, answer_format: Mapping[str, Any]) -> str:
    try:
        return canonical(answer, answer_format).decode()
    except InvalidInput as error:
        raise MalformedTasks(
            f"{place}: {error.message}", hint=error.hint or "correct the answer or its format"
        ) from error
