"""Canonical answers: the shared vectors, idempotence, limits, and formats that are refused."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symphony_chain.errors import InvalidInput
from symphony_chain.spec import MAX_ANSWER_BYTES, NotCanonical, answer_digest, canonical, validate_format

VECTORS = json.loads((Path(__file__).parents[1] / "vectors/canonical_answers.json").read_text())
SCHEMA = {"type": "array", "items": {"type": "integer"}}
FORMATS: list[dict[str, Any]] = [
    {"type": "integer"},
    {"type": "decimal", "places": 0},
    {"type": "decimal", "places": 3},
    {"type": "choice", "labels": ["A", "B", "(C)", "ß"]},
    {"type": "boolean"},
    {"type": "text"},
    {"type": "text", "casefold": True},
    {"type": "json"},
    {"type": "json", "schema": SCHEMA},
]


def name(case: dict[str, Any]) -> str:
    return f"{case['format']['type']}-{case['answer'][:16]!a}"


@pytest.mark.parametrize("case", VECTORS["canonical"], ids=name)
def test_vectors(case: dict[str, Any]) -> None:
    assert canonical(case["answer"], case["format"]) == case["canonical"].encode()
    assert canonical(case["canonical"], case["format"]) == case["canonical"].encode()


@pytest.mark.parametrize("case", VECTORS["refused"], ids=name)
def test_refused_vectors(case: dict[str, Any]) -> None:
    with pytest.raises(NotCanonical) as caught:
        canonical(case["answer"], case["format"])
    assert caught.value.code == "answer.not_canonical" and caught.value.exit_code == 2 and caught.value.hint


def test_every_format_has_vectors() -> None:
    kinds = {item["type"] for item in FORMATS}
    assert {case["format"]["type"] for case in VECTORS["canonical"]} == kinds
    assert {case["format"]["type"] for case in VECTORS["refused"]} == kinds


NUMBERLIKE = st.from_regex(r"\s*[-+]?[0-9]{0,25}(\.[0-9]{0,8})?\s*", fullmatch=True)
JSONLIKE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
).map(json.dumps)
LETTERS = st.sampled_from(
    ["a", " b. ", "(A)", "(c)", "SS", "ß", "ẞ", "TRUE", "False ", "ǅ", "İ", "ͅα", "ŉ", "ﬀ"]
)


@given(st.text() | NUMBERLIKE | JSONLIKE | LETTERS, st.sampled_from(FORMATS))
def test_idempotent_and_bounded(answer: str, answer_format: dict[str, Any]) -> None:
    try:
        once = canonical(answer, answer_format)
    except NotCanonical:
        return
    assert 0 < len(once) <= MAX_ANSWER_BYTES
    assert canonical(once.decode(), answer_format) == once


@given(st.text(min_size=1), st.booleans())
def test_text_answers_that_differ_in_white_space_are_equal(answer: str, casefold: bool) -> None:
    answer_format = {"type": "text", "casefold": casefold}
    try:
        expected = canonical(answer, answer_format)
    except NotCanonical:
        return
    assert canonical(f" \u3000{answer.replace(' ', '  ')}\n", answer_format) == expected


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1))
def test_casefold_ignores_case(answer: str) -> None:
    answer_format = {"type": "text", "casefold": True}
    try:
        expected = canonical(answer, answer_format)
    except NotCanonical:
        return
    assert canonical(answer.casefold(), answer_format) == expected


@given(st.integers(), st.integers(0, 6), st.integers(0, 6))
def test_decimals_round_half_to_even(units: int, digits: int, places: int) -> None:
    text = (
        f"{'-' if units < 0 else ''}{abs(units) // 10**digits}.{abs(units) % 10**digits:0{digits}d}".rstrip(
            "."
        )
    )
    if digits == 0:
        text = str(units)
    shown = canonical(text, {"type": "decimal", "places": places}).decode()
    got = int(shown.replace(".", ""))
    shift = places - digits
    if shift >= 0:
        assert got == units * 10**shift
    else:
        whole, rest = divmod(units, 10**-shift)
        half = 10**-shift // 2
        assert got == whole + (rest > half or (rest == half and whole % 2 == 1))


def test_size_limit() -> None:
    text = {"type": "text"}
    assert len(canonical("x" * MAX_ANSWER_BYTES, text)) == MAX_ANSWER_BYTES
    for answer in ("x" * (MAX_ANSWER_BYTES + 1), "é" * (MAX_ANSWER_BYTES // 2 + 1), "\ufb2c" * 10_922):
        with pytest.raises(NotCanonical):  # the last is under the limit as given and above it in NFC
            canonical(answer, text)
    with pytest.raises(NotCanonical):
        canonical("9" * (MAX_ANSWER_BYTES + 1), {"type": "integer"})


def test_not_a_string() -> None:
    for answer in (b"42", 42, None):
        with pytest.raises(NotCanonical):
            canonical(answer, {"type": "integer"})  # type: ignore[arg-type]
    with pytest.raises(NotCanonical):
        canonical("\ud800", {"type": "text"})


def test_digest_is_sha256_of_the_bytes() -> None:
    assert answer_digest(b"42") == hashlib.sha256(b"42").digest()


BAD_FORMATS: list[Any] = [
    None,
    [],
    {},
    {"type": "number"},
    {"type": ["integer"]},
    {"type": "integer", "places": 2},
    {"type": "decimal"},
    {"type": "decimal", "places": -1},
    {"type": "decimal", "places": 19},
    {"type": "decimal", "places": True},
    {"type": "decimal", "places": "2"},
    {"type": "choice"},
    {"type": "choice", "labels": []},
    {"type": "choice", "labels": "AB"},
    {"type": "choice", "labels": ["a", "A"]},
    {"type": "choice", "labels": [" "]},
    {"type": "choice", "labels": ["A\x00"]},
    {"type": "choice", "labels": [str(index) for index in range(65)]},
    {"type": "choice", "labels": ["A" * 65]},
    {"type": "text", "casefold": "yes"},
    {"type": "json", "schema": []},
    {"type": "json", "schema": {"type": "date"}},
    {"type": "json", "schema": {"pattern": "(a+)+$"}},
    {"type": "json", "schema": {"$ref": "#"}},
    {"type": "json", "schema": {"properties": {"a": {"minimum": "1"}}}},
    {"type": "json", "schema": {"items": {"maxItems": -1}}},
    {"type": "json", "schema": {"enum": []}},
    {"type": "json", "schema": {"required": [1]}},
]


@pytest.mark.parametrize("answer_format", BAD_FORMATS, ids=lambda item: str(item)[:48])
def test_bad_formats_name_the_field(answer_format: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        validate_format(answer_format)
    assert caught.value.code == "spec.invalid_field"
    assert caught.value.context["field"].startswith("answer_format")
    with pytest.raises(InvalidInput):
        canonical("1", answer_format)


def test_deep_schema_is_refused() -> None:
    schema: dict[str, Any] = {}
    for _ in range(20):
        schema = {"items": schema}
    with pytest.raises(InvalidInput, match="deeper"):
        validate_format({"type": "json", "schema": schema})


def test_sql_is_known_and_not_settled_yet() -> None:
    with pytest.raises(InvalidInput) as caught:
        canonical("select 1", {"type": "sql", "schema": "", "rows": []})
    assert caught.value.code == "answer.format_unsupported" and caught.value.hint


SCHEMAS: list[tuple[Any, str, bool]] = [
    ({"const": 1}, "1.0", True),
    ({"const": 1}, "true", False),
    ({"enum": [[1], "a"]}, "[1]", True),
    ({"enum": [[1], "a"]}, "[2]", False),
    ({"type": "integer"}, "2.0", True),
    ({"type": "number"}, "false", False),
    ({"type": "null"}, "null", True),
    ({"type": "string", "minLength": 2}, '"é"', False),
    ({"minItems": 1}, "[]", False),
    ({"minItems": 1}, '"no list"', True),
    ({"maximum": 2.5}, "2.5", True),
    ({"maximum": 2.5}, "2.6", False),
    ({"properties": {"a": {"items": {"type": "string"}}}}, '{"a":["x",1]}', False),
    ({"required": ["a"]}, '{"b":1}', False),
    ({"additionalProperties": False}, '{"b":1}', False),
]


@pytest.mark.parametrize(("schema", "answer", "passes"), SCHEMAS, ids=lambda item: str(item)[:40])
def test_schema_subset(schema: Any, answer: str, passes: bool) -> None:
    answer_format = {"type": "json", "schema": schema}
    if passes:
        assert canonical(answer, answer_format)
    else:
        with pytest.raises(NotCanonical):
            canonical(answer, answer_format)
