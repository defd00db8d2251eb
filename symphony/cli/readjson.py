"""Reads JSON that a stranger may have written. Knows no formats."""

from __future__ import annotations

import json
import re
from typing import Any

MAX_DEPTH = 32
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKET = re.compile(rb"[\[\]{}]")


def read_json(raw: bytes) -> Any:
    """The value of a JSON document.

    Depth is counted before the parser recurses: libraries that we use raise Python's recursion limit so far that the
    parser would overrun the C stack before it raised RecursionError.

    Raises:
        ValueError: not JSON, not UTF-8, or nested deeper than 32 levels.
    """
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub(b"", raw)):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            raise ValueError(f"nested deeper than {MAX_DEPTH} levels")
    return json.loads(raw)
