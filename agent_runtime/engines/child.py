"""A child process that holds a model: how it is started, asked, watched and ended.

Two sockets, so that tokens can be counted while a long answer is made. Messages are JSON, never pickle: what runs in the child
has read a foreign file. Knows nothing of what the messages mean.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import orjson

import agent_runtime
from agent_runtime.errors import EngineCrashed, EngineFailed, ModelCorrupt, ModelMissing, PromptTooLong
from symphony_chain.errors import InvalidInput, SymphonyError

MAX_MESSAGE_BYTES = 64 << 20
END_TIMEOUT_S = 5.0
_KEPT = ("PATH", "LD_LIBRARY_PATH", "HOME", "TMPDIR", "LANG", "LC_ALL")
_ERRORS: dict[str, type[SymphonyError]] = {
    kind.code: kind for kind in (EngineFailed, InvalidInput, ModelCorrupt, ModelMissing, PromptTooLong)
}


class Channel:
    """One socket to the child; one question at a time."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.lock = threading.Lock()


class Child:
    """A running child.

    Args:
        module: what it runs, as ``python -m``, with the two descriptors as arguments.
        descriptors: further ones that it inherits.
        silence_s: without a sign of life for so long it is taken for dead, and killed.
    """

    def __init__(self, module: str, descriptors: Sequence[int], silence_s: float) -> None:
        self._silence_s = silence_s
        self._complaints = tempfile.TemporaryFile()
        pairs = [Pipe(), Pipe()]
        theirs = [far.fileno() for _, far in pairs]
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", module, *map(str, theirs)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._complaints,
            pass_fds=[*theirs, *descriptors],
            env=_environment(),
        )
        for _, far in pairs:
            far.close()
        self.work, self.count = (Channel(near) for near, _ in pairs)

    @property
    def alive(self) -> bool:
        """Whether it can still be asked."""
        return self._process.poll() is None and not self.work.connection.closed

    def ask(self, channel: Channel, doing: str, **message: Any) -> Any:
        """The result of a message.

        Raises:
            EngineCrashed: the child ended, or showed no sign of life and was killed; ``doing`` says over what.
            EngineFailed, InvalidInput, ModelCorrupt, ModelMissing, PromptTooLong: as the child says.
        """
        with channel.lock:
            try:
                channel.connection.send_bytes(orjson.dumps(message))
                answer = self._answer(channel.connection, doing)
                told = _error_of(answer)
            except (OSError, EOFError, KeyError, TypeError, ValueError) as error:  # gone, or no longer itself
                raise self._crashed(doing) from error
        if told is not None:
            raise told
        return answer["result"]

    def close(self) -> None:
        """Ends it: at once when it is idle or computing, by force when it does not listen. May be called again."""
        for channel in (self.work, self.count):
            channel.connection.close()
        try:
            self._process.wait(END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._complaints.close()

    def _answer(self, connection: Connection, doing: str) -> dict[str, Any]:
        while True:
            if not connection.poll(self._silence_s):
                self._process.kill()
                raise self._crashed(doing, f"it showed no sign of life for {self._silence_s:g} s")
            answer = orjson.loads(connection.recv_bytes(MAX_MESSAGE_BYTES))
            if not isinstance(answer, dict):
                raise EOFError("no message")
            if "alive" not in answer:
                return answer

    def _crashed(self, doing: str, why: str = "") -> EngineCrashed:
        self._process.kill()  # whatever it is still doing, nobody listens
        code = self._process.wait()
        plain = self._last_words()
        how = why or (f"it was ended by {_signal(-code)}" if code < 0 else f"it ended with code {code}")
        return EngineCrashed(
            f"the process that holds the model is gone: {how} while {doing}{f' ({plain})' if plain else ''}",
            hint="the file may be damaged or hostile; a model that needs more memory wants a larger memory_limit_bytes",
        )

    def _last_words(self) -> str:
        """The end of the last line that it wrote, an assertion say."""
        try:
            self._complaints.seek(0)
            lines = self._complaints.read().decode(errors="replace").split("\n")
        except ValueError:  # another thread has put a new child in its place, and closed this one
            return ""
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return "".join(c for c in last if c.isprintable())[-200:]


def _error_of(answer: dict[str, Any]) -> SymphonyError | None:
    """The error that an answer tells; None where it holds a result. KeyError and its kin where it is neither."""
    if "result" in answer:
        return None
    told = answer["error"]
    kind = _ERRORS.get(told["code"], EngineFailed)
    return kind(str(told["message"]), hint=str(told["hint"]), **dict(told["context"]))


def _environment() -> dict[str, str]:
    """Little of ours: no keys, no passwords. One thread, and no debugger called over a failed assertion."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    package = str(Path(agent_runtime.__file__).resolve().parents[1])
    return kept | {"PYTHONPATH": package, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "GGML_NO_BACKTRACE": "1"}


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
