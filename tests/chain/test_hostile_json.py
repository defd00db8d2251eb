"""Deeply nested JSON raises an error; it must never end the process, whatever libraries did to the recursion limit."""

from __future__ import annotations

import subprocess
import sys

import pytest

DEEP = 'b"[" * 200_000'


@pytest.mark.parametrize(
    "code",
    [
        f"from symphony_chain.canonical import parse_json; parse_json({DEEP}, max_bytes=1 << 20)",
        f"import json, symphony_chain.signing, symphony_chain.keys; json.loads({DEEP})",
        f"import json, agent_runtime.worker; json.loads({DEEP})",
        f"import json, api.app; json.loads({DEEP})",
    ],
)
def test_nesting_is_an_error_not_a_crash(code: str) -> None:
    guarded = f"try:\n    exec({code!r})\nexcept Exception as error:\n    print(type(error).__name__)"
    done = subprocess.run([sys.executable, "-c", guarded], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-500:]
    assert done.stdout.strip() in ("InvalidJson", "RecursionError")
