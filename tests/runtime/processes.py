"""Worker processes for tests, killed and started again: by the real command, or by fork from a `zygote`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Protocol

from agent_runtime.config import WorkerConfig
from agent_runtime.faults import FAULT_ENV
from tests.runtime.conftest import eventually

ROOT = Path(__file__).resolve().parents[2]
START_DEADLINE_S = 90.0


@dataclass
class Handle:
    """A started process; ``poll`` gives its exit code once it has ended."""

    pid: int
    poll: Callable[[], int | None]


class Launcher(Protocol):
    """Starts ``agent_runtime.worker`` with a configuration file, in a session of its own."""

    def __call__(self, config: Path, environ: dict[str, str], stdout: Path, stderr: Path) -> Handle: ...


def command(config: Path, environ: dict[str, str], stdout: Path, stderr: Path) -> Handle:
    """``python -m agent_runtime.worker``, as users start it."""
    line = [sys.executable, "-m", "agent_runtime.worker", "--config", str(config), "--parent", str(os.getpid())]
    env = {k: v for k, v in os.environ.items() if k != FAULT_ENV} | environ
    with stdout.open("wb") as out, stderr.open("ab") as err:
        process = subprocess.Popen(
            line, cwd=ROOT, env=env, stdout=out, stderr=err, stdin=subprocess.DEVNULL, start_new_session=True
        )
    return Handle(process.pid, process.poll)


class Zygote:
    """Launches by fork, see `tests.runtime.zygote`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.runtime.zygote"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __call__(self, config: Path, environ: dict[str, str], stdout: Path, stderr: Path) -> Handle:
        stdout.unlink(missing_ok=True)
        request = {"config": str(config), "environ": environ, "stdout": str(stdout), "stderr": str(stderr)}
        pid = self._ask(request)
        assert pid is not None
        exit_code: list[int] = []

        def poll() -> int | None:
            if not exit_code and (code := self._ask({"pid": pid})) is not None:
                exit_code.append(code)
            return exit_code[0] if exit_code else None

        return Handle(pid, poll)

    def _ask(self, request: dict[str, object]) -> int | None:
        assert self._process.stdin is not None and self._process.stdout is not None
        with self._lock:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            answer: int | None = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        """Ends it; its workers end with it."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(START_DEADLINE_S)
        self._process.stdout.close()


@dataclass
class WorkerProcess:
    """One configuration, started as often as the test likes."""

    config: WorkerConfig
    launch: Launcher = command
    handle: Handle | None = None
    sessions: set[int] = field(default_factory=set)

    @property
    def stdout(self) -> Path:
        return self.config.data_dir / "stdout"

    @property
    def stderr(self) -> str:
        path = self.config.data_dir / "stderr"
        return path.read_text() if path.exists() else ""

    def start(self, fault: str | None = None) -> None:
        """Starts it, without waiting until it is ready."""
        folder = self.config.data_dir
        folder.mkdir(parents=True, exist_ok=True)
        self.config.save(folder / "config.json")
        environ = {FAULT_ENV: fault} if fault is not None else {}
        self.handle = self.launch(folder / "config.json", environ, self.stdout, folder / "stderr")
        self.sessions.add(self.handle.pid)

    def ready(self) -> dict[str, object] | None:
        """Its ready line, None before."""
        line = self.stdout.read_text() if self.stdout.exists() else ""
        return json.loads(line) if line.endswith("\n") else None

    def wait_ready(self) -> dict[str, object]:
        """Waits for the ready line; fails with its errors where it ended instead."""
        eventually(lambda: self.ready() or self.exit_code() is not None, START_DEADLINE_S, "the worker's ready line")
        ready = self.ready()
        assert ready is not None, self.stderr
        return ready

    def exit_code(self) -> int | None:
        assert self.handle is not None
        return self.handle.poll()

    def wait_exit(self) -> int:
        """Waits for its end; returns the exit code."""
        eventually(lambda: self.exit_code() is not None, START_DEADLINE_S, "the process's end")
        code = self.exit_code()
        assert code is not None
        return code

    def wait_killed(self) -> None:
        """Waits until it has killed itself at its fault point."""
        assert self.wait_exit() == -signal.SIGKILL, self.stderr
        assert self.alive() == []

    def alive(self) -> list[int]:
        """Processes, children included, that any start of this worker has left running."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                state, _, _, session = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
            except OSError:
                continue  # it ended while we looked
            if int(session) in self.sessions and state not in ("Z", "X"):
                found.append(int(folder.name))
        return found

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        assert self.handle is not None
        os.kill(self.handle.pid, signal.SIGTERM)
        return self.wait_exit()

    def __enter__(self) -> WorkerProcess:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.handle is not None and self.exit_code() is None:
            os.kill(self.handle.pid, signal.SIGKILL)
            self.wait_exit()
