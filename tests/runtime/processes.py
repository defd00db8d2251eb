"""Worker processes for tests: the real entry point, killed and started again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from agent_runtime.config import WorkerConfig
from agent_runtime.faults import FAULT_ENV
from tests.runtime.conftest import eventually

ROOT = Path(__file__).resolve().parents[2]
START_DEADLINE_S = 90.0


@dataclass
class WorkerProcess:
    """``python -m agent_runtime.worker`` with one configuration; every start carries the same mark in its environment."""

    config: WorkerConfig
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)
    process: subprocess.Popen[bytes] | None = None

    @property
    def stdout(self) -> Path:
        return self.config.data_dir / "stdout"

    @property
    def stderr(self) -> str:
        return (self.config.data_dir / "stderr").read_text()

    def start(self, fault: str | None = None) -> None:
        """Starts it, without waiting until it is ready."""
        path = self.config.data_dir / "config.json"
        self.config.data_dir.mkdir(parents=True, exist_ok=True)
        self.config.save(path)
        environ = {k: v for k, v in os.environ.items() if k != FAULT_ENV} | {"SYMPHONY_TEST_MARK": self.mark}
        if fault is not None:
            environ[FAULT_ENV] = fault
        command = [sys.executable, "-m", "agent_runtime.worker", "--config", str(path), "--parent", str(os.getpid())]
        with self.stdout.open("wb") as out, (self.config.data_dir / "stderr").open("ab") as err:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=environ, stdout=out, stderr=err, stdin=subprocess.DEVNULL
            )

    def ready(self) -> dict[str, object] | None:
        """Its ready line, None before."""
        line = self.stdout.read_text()
        return json.loads(line) if line.endswith("\n") else None

    def wait_ready(self) -> dict[str, object]:
        """Waits for the ready line; fails with its errors where it ended instead."""
        eventually(lambda: self.ready() or self.exit_code() is not None, START_DEADLINE_S, "the worker's ready line")
        ready = self.ready()
        assert ready is not None, self.stderr
        return ready

    def exit_code(self) -> int | None:
        assert self.process is not None
        return self.process.poll()

    def wait_killed(self) -> None:
        """Waits until it has killed itself at its fault point."""
        eventually(lambda: self.exit_code() is not None, START_DEADLINE_S, f"the crash; so far: {self.stderr[-2000:]}")
        assert self.exit_code() == -signal.SIGKILL, self.stderr
        assert self.alive() == []

    def alive(self) -> list[int]:
        """Processes, children included, that any start of this worker has left running."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if self.mark.encode() in (folder / "environ").read_bytes() and (folder / "cmdline").read_bytes():
                    found.append(int(folder.name))
            except OSError:
                continue  # it ended while we looked, or is not ours
        return found

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(START_DEADLINE_S)

    def __enter__(self) -> WorkerProcess:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
