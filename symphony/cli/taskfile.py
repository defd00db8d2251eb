"""A task as a person writes it: a JSON file, options over it, and the request that they make. Strict: every fault is named.

    {"prompt": "…", "answer_format": "integer", "skills": {"object_counting": 10000}, "k": 3, "ceiling": "0.001 ether",
     "bid_window": "60s", "documents": [{"name": "…", "text": "…"}]}

Knows no chain; sizes are checked when header and body are built.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from symphony.cli.amounts import parse_format
from symphony.cli.readjson import read_json
from symphony_chain.errors import InvalidInput, NotFound
from symphony_chain.units import parse_duration, parse_ether, parse_units

if TYPE_CHECKING:
    from agent_runtime.task_request import TaskRequest

MAX_FILE_BYTES = 1 << 20


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be text")
    return value


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError("must be a whole number of at least 0")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def _format(value: Any) -> dict[str, Any]:
    return parse_format(value if isinstance(value, str) else json.dumps(value))


def _skills(value: Any) -> dict[str, int]:
    if not isinstance(value, Mapping) or not value:
        raise ValueError("must be an object of tag and basis points")
    return {str(tag): _count(bps) for tag, bps in value.items()}


def _documents(value: Any) -> tuple[Any, ...]:
    from symphony_chain.spec import Document

    if not isinstance(value, list) or not all(
        isinstance(item, dict) and set(item) == {"name", "text"} for item in value
    ):
        raise ValueError('must be a list of {"name": …, "text": …}')
    return tuple(Document(_text(item["name"]), _text(item["text"])) for item in value)


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError("must be a list of texts")
    return tuple(_text(item) for item in value)


#: Field of the file → (field of the request, how it is read).
FIELDS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "prompt": ("prompt", _text),
    "answer_format": ("answer_format", _format),
    "skills": ("skills", _skills),
    "title": ("title", _text),
    "k": ("k", _count),
    "min_seats": ("min_seats", _count),
    "token": ("token", _text),
    "ceiling": ("ceiling_wei", parse_ether),
    "bond": ("bond_wei", parse_ether),
    "base_bps": ("base_bps", _count),
    "quorum_bps": ("quorum_bps", _count),
    "min_match_bps": ("min_match_bps", _count),
    "bid_window": ("bid_window_s", parse_duration),
    "commit_window": ("commit_window_s", parse_duration),
    "reveal_window": ("reveal_window_s", parse_duration),
    "cot_count": ("cot_count", _count),
    "documents": ("inputs", _documents),
    "constraints": ("constraints", _texts),
    "open": ("open", _flag),
    "router": ("router", _text),
    "evaluator": ("evaluator", _text),
    "evaluation_window": ("evaluation_window_s", parse_duration),
    "evaluation_fee": ("evaluation_fee_wei", parse_ether),
    "shared_bps": ("shared_bps", _count),
}
REQUIRED = ("prompt", "answer_format", "skills")
#: How the same fields are read where the task is paid in an ERC-20: decimals are the token's word, and not asked for.
IN_TOKENS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    name: (field, parse_units) for name, (field, reader) in FIELDS.items() if reader is parse_ether
}


def read_task_file(path: Path) -> dict[str, Any]:
    """The fields of a task file, unread.

    Raises:
        NotFound `task.file_missing`; InvalidInput `task.file`: not one JSON object, or larger than 1 MiB.
    """
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        raise NotFound(f"there is no file {path}", hint="check the path", code="task.file_missing") from None
    except OSError as error:
        raise _bad(path, str(error)) from error
    if len(raw) > MAX_FILE_BYTES:
        raise _bad(path, f"it is larger than {MAX_FILE_BYTES} bytes")
    try:
        value = read_json(raw)
    except ValueError as error:
        raise _bad(path, f"it is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise _bad(path, "it must be one JSON object")
    unknown = sorted(set(value) - set(FIELDS))
    if unknown:
        raise _bad(path, f"unknown field {unknown[0]!r}; the fields are {', '.join(FIELDS)}")
    return value


def task_request(values: Mapping[str, Any]) -> TaskRequest:
    """The request in raw fields (of a file, with options laid over them).

    Raises:
        InvalidInput `task.field`: naming the first field that is missing or off.
    """
    from agent_runtime.task_request import TaskRequest

    for name in REQUIRED:
        if not values.get(name):
            raise InvalidInput(
                f"the task has no {name}",
                hint=f"give it in the task file or with --{ {'answer_format': 'format', 'skills': 'skill'}.get(name, name) }",
                code="task.field",
                field=name,
            )
    fields = FIELDS | IN_TOKENS if values.get("token") else FIELDS
    if values.get("token") and "ceiling" not in values:
        hint = "say how many of the token's smallest units a seat may be paid"
        raise _bad_field("ceiling", "a task in a token needs one", hint)
    read: dict[str, Any] = {}
    for name, value in values.items():
        field, reader = fields[name]
        try:
            read[field] = reader(value)
        except InvalidInput as error:
            raise _bad_field(name, error.message, error.hint) from error
        except ValueError as error:
            raise _bad_field(name, str(error), "see docs/cli.md for an example of a task file") from error
    return TaskRequest(**read)


def _bad(path: Path, why: str) -> InvalidInput:
    return InvalidInput(
        f"{path} is not a task file: {why}",
        hint="see docs/cli.md for an example of a task file",
        code="task.file",
    )


def _bad_field(name: str, why: str, hint: str) -> InvalidInput:
    return InvalidInput(f"field {name}: {why}", hint=hint, code="task.field", field=name)
