"""Canonical answers: the one byte string by which equal answers are equal in the vote.

``canonical`` is pure and idempotent; what has no canonical form has no vote. Knows nothing of models: finding
the answer in a text is the extractor's work.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

from symphony_chain.canonical import InvalidJson, canonical_json, parse_json, sha256
from symphony_chain.errors import InvalidInput
from symphony_chain.spec.formats import label_form, validate_format
from symphony_chain.spec.limits import MAX_ANSWER_BYTES
from symphony_chain.spec.schema import violation

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)")
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
# White space is the 25 characters of Unicode's White_Space property, listed so that every language splits
# alike.
_SPACE = "\t\n\x0b\x0c\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_SPACES = re.compile(f"[{_SPACE}]+")


class NotCanonical(InvalidInput):
    """An answer without a canonical form in the format asked for: it cannot vote."""

    code = "answer.not_canonical"


def canonical(answer: str, answer_format: Mapping[str, Any]) -> bytes:
    """Canonical UTF-8 bytes of an answer, at most 32 KiB (DESIGN section 4).

    Raises:
        NotCanonical: the answer has no canonical form. InvalidInput: the format is malformed
        (``spec.invalid_field``) or not settled by this version (``answer.format_unsupported``).
    """
    checked = validate_format(answer_format)
    if not isinstance(answer, str):
        raise _not_canonical("an answer is a string", checked)
    _check_size(answer, checked)
    text = _RULES[checked["type"]](answer, checked)
    return _check_size(text, checked)


def answer_digest(canonical_bytes: bytes) -> bytes:
    """sha-256 of a canonical answer: what is committed and voted on, and the digest of the answer's raw
    CID."""
    return sha256(canonical_bytes)


def _integer(answer: str, answer_format: dict[str, Any]) -> str:
    text = _trim(answer)
    if not _INTEGER.fullmatch(text) or text == "-0":
        raise _not_canonical(f"{text[:40]!r} is not an integer such as 42 or -7", answer_format)
    return text


def _decimal(answer: str, answer_format: dict[str, Any]) -> str:
    text = _trim(answer)
    if not _DECIMAL.fullmatch(text):
        raise _not_canonical(f"{text[:40]!r} is not a decimal number such as 3.14", answer_format)
    places: int = answer_format["places"]
    context = Context(prec=len(text) + places + 2, rounding=ROUND_HALF_EVEN)
    rounded = Decimal(text).quantize(Decimal(1).scaleb(-places), context=context)
    return format(abs(rounded) if rounded.is_zero() else rounded, "f")


def _choice(answer: str, answer_format: dict[str, Any]) -> str:
    labels = {label_form(label) for label in answer_format["labels"]}
    text = label_form(answer)
    # "(A)", "A)", "A." are how people and models write a label; the exact spelling wins if it is a label
    # itself.
    bare = text.removesuffix(".").strip()
    inner = bare.removeprefix("(").removesuffix(")").strip()
    for candidate in (text, bare, inner):
        if candidate in labels:
            return candidate
    raise _not_canonical(f"{text[:40]!r} is not one of the labels", answer_format)


def _boolean(answer: str, answer_format: dict[str, Any]) -> str:
    text = _trim(answer)
    if not text.isascii() or text.lower() not in ("true", "false"):
        raise _not_canonical(f"{text[:40]!r} is neither true nor false", answer_format)
    return text.lower()


def _text(answer: str, answer_format: dict[str, Any]) -> str:
    text = unicodedata.normalize("NFC", answer)
    if answer_format.get("casefold", False):
        text = _fold(text)
    text = _trim(_SPACES.sub(" ", text))
    if not text:
        raise _not_canonical("the answer is empty", answer_format)
    if any(unicodedata.category(char) in ("Cc", "Cs") for char in text):
        raise _not_canonical("the answer has control characters", answer_format)
    return text


def _json(answer: str, answer_format: dict[str, Any]) -> str:
    try:
        value = parse_json(answer.encode("utf-8"), max_bytes=MAX_ANSWER_BYTES, what="answer")
        wrong = violation(value, answer_format.get("schema", {}))
        if wrong is not None:
            raise _not_canonical(wrong, answer_format)
        return canonical_json(value).decode("utf-8")
    except InvalidJson as exc:
        raise _not_canonical(exc.message, answer_format) from exc


_RULES: dict[str, Callable[[str, dict[str, Any]], str]] = {
    "integer": _integer,
    "decimal": _decimal,
    "choice": _choice,
    "boolean": _boolean,
    "text": _text,
    "json": _json,
}


def _trim(text: str) -> str:
    return _SPACES.sub(" ", text).strip(" ")


def _fold(text: str) -> str:
    """Case folding that is its own fixed point (Unicode 3.13, D145: decompose before folding)."""
    decomposed = unicodedata.normalize("NFD", text)
    folded = unicodedata.normalize("NFD", decomposed.casefold())
    while folded != decomposed:
        decomposed, folded = folded, unicodedata.normalize("NFD", folded.casefold())
    return unicodedata.normalize("NFC", folded)


def _check_size(text: str, answer_format: dict[str, Any]) -> bytes:
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError as exc:
        raise _not_canonical("the answer is not valid Unicode", answer_format) from exc
    if len(data) > MAX_ANSWER_BYTES:
        raise _not_canonical(
            f"the answer has {len(data)} bytes; at most {MAX_ANSWER_BYTES} can vote", answer_format
        )
    return data


def _not_canonical(message: str, answer_format: dict[str, Any]) -> NotCanonical:
    kind = str(answer_format["type"])
    return NotCanonical(message, hint=f"answer in the format {kind} as the beacon header asks", format=kind)
