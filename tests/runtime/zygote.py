"""Starts worker processes by fork from a process that has imported everything: a hundred starts without a hundred imports.

Speaks JSON lines: a request in, an answer out. Each child leads a session of its own, so that its children can be found.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from agent_runtime import worker_process
from tests.runtime import scripted  # noqa: F401 - the engine that the workers ask for


def main() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        answer = _start(request) if "config" in request else _poll(request["pid"])
        print(json.dumps(answer), flush=True)


def _start(request: dict[str, Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    parent = os.getppid()
    os.setsid()
    for path, flags, number in (
        (os.devnull, os.O_RDONLY, 0),
        (request["stdout"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 1),
        (request["stderr"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 2),
    ):
        os.dup2(os.open(path, flags, 0o600), number)
    os.environ.pop("SYMPHONY_FAULT", None)
    os.environ.update(request["environ"])
    code = 1
    try:
        code = worker_process.main(["--config", request["config"], "--parent", str(parent)])
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _poll(pid: int) -> int | None:
    found, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if found else None


if __name__ == "__main__":
    main()
