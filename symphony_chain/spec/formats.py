"""Answer formats: what a beacon header may ask for, checked before anyone bids.

    {"type": "integer"}                          {"type": "decimal", "places": 2}
    {"type": "boolean"}                          {"type": "choice", "labels": ["A", "B"]}
    {"type": "text", "casefold": true}           {"type": "json", "schema": {…}}        (casefold and schema
    optional)

``sql`` is a known format of the design that this version does not settle. Knows nothing of answers: see
``answers``.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

from symphony_chain.errors import InvalidInput
from symphony_chain.spec.fields import Fields, fault
from symphony_chain.spec.schema import check_schema

MAX_PLACES = 18
MAX_LABELS = 64
MAX_LABEL_BYTES = 64
TYPES = ("integer", "decimal", "choice", "boolean", "text", "json")


class FormatUnsupported(InvalidInput):
    """An answer format that exists but cannot be settled by this version."""

    code = "answer.format_unsupported"


def validate_format(answer_format: Mapping[str, Any]) -> dict[str, Any]:
    """The format as a plain dict; ``InvalidInput`` naming the field that is off, ``FormatUnsupported`` for
    sql."""
    if not isinstance(answer_format, Mapping):
        raise fault("answer_format", "must be an object")
    if answer_format.get("type") == "sql":
        hint = "ask for the json format instead"
        raise FormatUnsupported("answers of type sql are not settled by this version", hint=hint)
    fields = Fields(dict(answer_format), "answer_format")
    kind = fields.choice("type", TYPES)
    if kind == "decimal":
        fields.integer("places", 0, MAX_PLACES)
    elif kind == "choice":
        _check_labels(fields)
    elif kind == "text" and fields.has("casefold"):
        fields.boolean("casefold")
    elif kind == "json" and fields.has("schema"):
        check_schema(fields.take("schema"), fields.path("schema"))
    fields.close()
    return dict(answer_format)


def label_form(text: str) -> str:
    """A label as it is compared and voted on: trimmed, NFC, upper-case."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text.strip()).upper())


def _check_labels(fields: Fields) -> None:
    labels = fields.texts("labels", MAX_LABELS, MAX_LABEL_BYTES)
    forms = [label_form(label) for label in labels]
    if not labels or len(set(forms)) != len(labels):
        raise fault(
            fields.path("labels"),
            "must be different labels, at least one (upper and lower case are the same)",
        )
    for form in forms:
        if not form or label_form(form) != form or not form.isprintable():
            raise fault(fields.path("labels"), f"{form!r} cannot be a label")
