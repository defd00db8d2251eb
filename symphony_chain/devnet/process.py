"""A child process that writes to a log file, dies with its parent and can be stopped. Knows no chain."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

GUARD = Path(__file__).with_name("guard.py")
STOP_TIMEOUT_S = 5.0
# Linux ties a child to the *thread* that spawned it. This one lives as long as the interpreter, so a devnet
# started from a short-lived thread does not die with that thread.
_spawner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="devnet-spawner")


def guarded(command: Sequence[str | Path]) -> list[str]:
    """The command behind ``guard.py``."""
    return [sys.executable, "-I", "-S", str(GUARD), str(os.getpid()), *map(str, command)]


class Child:
    """A running command; output goes to ``log``, so it can never block on a full pipe."""

    def __init__(self, command: Sequence[str], *, log: Path, cwd: Path | None = None, env: dict[str, str]) -> None:
        self.log = log
        self._process = _spawner.submit(self._spawn, list(command), cwd, {**os.environ, **env}).result()

    def _spawn(self, command: list[str], cwd: Path | None, env: dict[str, str]) -> subprocess.Popen[bytes]:
        with self.log.open("wb") as output:
            # stdin stays open in the parent: pyevm ends when it closes, which covers systems without
            # PR_SET_PDEATHSIG.
            return subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                env=env,
                start_new_session=True,  # Ctrl-C is for the parent, which stops its children in its own order
            )

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def exit_code(self) -> int | None:
        """Exit code, or None while it runs."""
        return self._process.poll()

    def output(self) -> str:
        """What it has written so far."""
        return self.log.read_text(errors="replace")

    def stop(self) -> None:
        """SIGTERM, then SIGKILL; returns when it is gone. May be called again."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._process.stdin and not self._process.stdin.closed:
            self._process.stdin.close()
