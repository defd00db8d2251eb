"""Finds the final answer in a chain of thought and makes it canonical; what has no canonical form has no vote. Pure.

A marked answer (``#### x``, JSON ``final_answer``, ``\\boxed{x}``, ``Final answer: x``) is the model's word: if it does
not fit the format, the sample fails, and nothing is fished from the rest. Only an unmarked, finished text is searched
for the last value of the format's kind. Knows no engine.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

from agent_runtime.model.prompting import extract_answer as extract_hash_mark
from symphony_chain.spec import NotCanonical, canonical

_FINAL = re.compile(r"(?:final answer|the answer is|answer)\s*(?:is)?\s*[:=]\s*(.+)", re.IGNORECASE)
_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")
_YES_NO = re.compile(r"\b(yes|no)\b", re.IGNORECASE)
_VALID = re.compile(r"\b(valid|invalid)\b", re.IGNORECASE)
_TRUE_FALSE = re.compile(r"\b(true|false)\b", re.IGNORECASE)
_BRACKET_LABEL = re.compile(r"\(([A-Za-z])\)")
_LETTER = re.compile(r"\b([A-Z])\b")
_OBJECT = re.compile(r"\{[^{}]*\}")


def extract(text: str, answer_format: Mapping[str, Any], *, finished: bool) -> bytes | None:
    """Canonical answer in a model's text, or None.

    Args:
        finished: the model ended by itself; a text cut off at the token limit counts only with a marked answer.

    Raises:
        InvalidInput: the answer format itself is malformed or unsupported.
    """
    clean = strip_control(text)
    marked = _marked(clean, answer_format)
    if marked is not None:
        return _first_canonical([marked, _tidy(marked, answer_format)], answer_format)
    if not finished:
        return None
    return _first_canonical(_UNMARKED.get(str(answer_format["type"]), _nothing)(clean, answer_format), answer_format)


def strip_control(text: str) -> str:
    """The text without control characters (tabs and line ends apart) and without lone surrogates."""
    return "".join(c for c in text if c in "\t\n" or unicodedata.category(c) not in ("Cc", "Cf", "Cs"))


def _first_canonical(candidates: list[str], answer_format: Mapping[str, Any]) -> bytes | None:
    for candidate in candidates:
        try:
            return canonical(candidate, answer_format)
        except NotCanonical:
            continue
    return None


def _marked(text: str, answer_format: Mapping[str, Any]) -> str | None:
    for find in (extract_hash_mark, _json_field, _boxed):
        found = find(text)
        if found is not None:
            return found
    if answer_format["type"] == "json":
        return None  # "answer: …" inside a JSON text is a key, no mark
    lines = _FINAL.findall(text)
    return str(lines[-1]).strip() if lines else None


def _json_field(text: str) -> str | None:
    """``final_answer`` of the last JSON object that has one; an object that abstains or calls itself invalid answers ""."""
    for match in reversed(_OBJECT.findall(text)):
        try:
            value = json.loads(match)
        except ValueError:
            continue
        if isinstance(value, dict) and "final_answer" in value:
            if value.get("abstain") or value.get("valid") in (0, False):
                return ""
            answer = value["final_answer"]
            return answer if isinstance(answer, str) else json.dumps(answer)
    return None


def _boxed(text: str) -> str | None:
    start = text.rfind("\\boxed{")
    if start < 0:
        return None
    depth, begin = 1, start + len("\\boxed{")
    for end in range(begin, len(text)):
        depth += {"{": 1, "}": -1}.get(text[end], 0)
        if depth == 0:
            return text[begin:end]
    return None


def _tidy(marked: str, answer_format: Mapping[str, Any]) -> str:
    """What people and models put around a value: quotes, a full stop, a currency sign, thousands separators, a unit."""
    text = marked.strip().strip("*`\"'").strip()
    kind = answer_format["type"]
    if kind in ("integer", "decimal"):
        numbers = _NUMBER.findall(text.replace("$", ""))
        return _plain(numbers[0], kind) if len(numbers) == 1 else text
    if kind == "boolean":
        words = _TRUE_FALSE.findall(text)
        return str(words[0]) if len(words) == 1 else text.removesuffix(".")
    return text.removesuffix(".") if kind == "choice" else text


def _plain(number: str, kind: str) -> str:
    plain = number.replace(",", "")
    if kind == "integer" and re.fullmatch(r"-?\d+\.0+", plain):
        plain = plain.split(".")[0]
    return plain


def _nothing(text: str, answer_format: Mapping[str, Any]) -> list[str]:
    return []  # free text without a mark: any choice of words would be ours, not the model's


def _last_number(text: str, answer_format: Mapping[str, Any]) -> list[str]:
    return [_plain(number, str(answer_format["type"])) for number in _NUMBER.findall(text)[-1:]]


def _last_truth(text: str, answer_format: Mapping[str, Any]) -> list[str]:
    return [str(word) for word in _TRUE_FALSE.findall(text)[-1:]]


def _last_label(text: str, answer_format: Mapping[str, Any]) -> list[str]:
    """The last of each kind, in the order: bracketed label, valid/invalid, true/false, yes/no, single letter."""
    found: list[str] = []
    for pattern in (_BRACKET_LABEL, _VALID, _TRUE_FALSE, _YES_NO, _LETTER):
        found += [str(word) for word in pattern.findall(text)[-1:]]
    return found


def _whole_json(text: str, answer_format: Mapping[str, Any]) -> list[str]:
    return [text.strip().removeprefix("```json").removeprefix("```").removesuffix("```").strip()]


_UNMARKED: dict[str, Callable[[str, Mapping[str, Any]], list[str]]] = {
    "integer": _last_number,
    "decimal": _last_number,
    "boolean": _last_truth,
    "choice": _last_label,
    "json": _whole_json,
}

