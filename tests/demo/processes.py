"""The command `symphony` in a process of its own, and all the processes that it starts."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import uuid
from pathlib import Path
from types import TracebackType
from typing import Any

from symphony_chain.rpc import wait_until

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 600.0


class Command:
    """`symphony ARGS…` in a folder; every process that comes of it carries the same mark in its environment.

    Args:
        max_file_bytes: a limit on the size of every file that it writes: a full disk, for it alone.
    """

    def __init__(self, folder: Path, *args: object, max_file_bytes: int | None = None) -> None:
        self.mark = uuid.uuid4().hex
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._out, self._err = folder / f"{self.mark}.out", folder / f"{self.mark}.err"
        env = {k: v for k, v in os.environ.items() if not k.startswith("SYMPHONY_")}
        env |= {"PYTHONPATH": str(ROOT), "SYMPHONY_TEST_MARK": self.mark}

        def limit() -> None:
            if max_file_bytes is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (max_file_bytes, max_file_bytes))

        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "symphony", *map(str, args)],
                cwd=folder,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                preexec_fn=limit,  # noqa: PLW1509  # the child does nothing else before it becomes the command
            )

    @property
    def out(self) -> str:
        return self._out.read_text()

    @property
    def err(self) -> str:
        return self._err.read_text()

    def wait(self, deadline_s: float = DEADLINE_S) -> int:
        """Its exit code."""
        return self.process.wait(deadline_s)

    def document(self) -> dict[str, Any]:
        """The one JSON document on stdout, waited for."""
        return wait_until(self._document, DEADLINE_S, 0.1, what="the command's document")

    def _document(self) -> dict[str, Any] | None:
        if not self.out.endswith("\n"):
            assert self.process.poll() is None or self.out, f"it ended with {self.process.poll()}: {self.err}"
            return None
        (line,) = self.out.splitlines()
        found = json.loads(line)
        assert isinstance(found, dict)
        return found

    def error(self) -> dict[str, Any]:
        """The one error of an ended command: it has a code, one line of message, and a hint."""
        error = self.document()["error"]
        assert set(error) == {"code", "message", "hint", "context"}
        assert error["message"] and error["hint"] and "\n" not in error["message"] and "Traceback" not in error["message"]
        assert isinstance(error, dict)
        return error

    def alive(self) -> list[int]:
        """Processes of this command that still run, its own included."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if self.mark.encode() in (folder / "environ").read_bytes() and (folder / "cmdline").read_bytes():
                    found.append(int(folder.name))
            except OSError:
                continue  # it ended while we looked, or is not ours
        return found

    def gone(self) -> bool:
        """Waits until none of its processes runs any more."""
        return wait_until(lambda: not self.alive(), 30, 0.1, what="the end of all processes")

    def __enter__(self) -> Command:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
