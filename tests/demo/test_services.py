"""What a service's log says when it is ready, and when it has ended."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from symphony.services import ended, ready_line
from symphony_chain.errors import ChainUnavailable, Conflict, Failure, NotFound, SymphonyError

LOG = Path("agent-1.log")
SAID = {"code": "model.missing", "message": "there is no model", "hint": "check the path", "context": {"path": "/x"}}


def as_worker(said: dict[str, object]) -> str:
    return json.dumps({"event": "error", **said}) + "\n"


def as_service(said: dict[str, object]) -> str:
    return json.dumps({"error": said}) + "\n"


@pytest.mark.parametrize(
    ("output", "want"),
    [
        ("", None),
        ('{"ready": true}', None),
        ('{"ready": true}\n', {"ready": True}),
        ('warning\n{"event": "x"}\n{"url": "http://h"}\n', {"url": "http://h"}),
        ("{not json}\n", None),
        ('["ready"]\n', None),
    ],
)
def test_ready_line(output: str, want: dict[str, object] | None) -> None:
    assert ready_line(output) == want


@pytest.mark.parametrize("write", [as_worker, as_service])
@pytest.mark.parametrize(("code", "kind"), [(1, Failure), (3, NotFound), (4, Conflict), (5, ChainUnavailable), (77, Failure)])
def test_the_services_own_error_comes_through(write: object, code: int, kind: type[SymphonyError]) -> None:
    log = '{"event": "ready"}\n' + as_service({"code": "old", "message": "old"}) + write(SAID) + "Traceback, perhaps\n"  # type: ignore[operator]
    error = ended("agent-1", code, log, LOG)
    assert type(error) is kind and error.exit_code == kind.exit_code
    assert error.code == "model.missing" and error.message == "agent-1: there is no model"
    assert error.hint == "check the path; its log is agent-1.log"
    assert error.context == {"path": "/x", "service": "agent-1"}


def test_without_an_error_its_last_words_are_told() -> None:
    crash = ended("api", 1, "Traceback (most recent call last):\n  File\nKeyError: 'x'\n", LOG)
    assert crash.code == "service.failed" and crash.message == "api ended with exit code 1: KeyError: 'x'"
    killed = ended("api", -9, "", LOG)
    assert killed.message == "api was ended by SIGKILL" and "agent-1.log" in killed.hint
