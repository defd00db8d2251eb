"""The process that holds a GGUF: ``python -m agent_runtime.engines.llama_child WORK COUNT``, two inherited sockets.

One JSON object per message on either; an answer is ``{"result": …}`` or ``{"error": {code, message, hint, context}}``. WORK is
served in order: ``open``, then ``generate`` and ``load_adapter``; during a long answer ``{"alive": true}`` comes once a second.
COUNT counts tokens meanwhile. When a socket is closed the process ends at once: it never outlives its parent. Signals of a
terminal are the parent's affair.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from multiprocessing.connection import Connection
from pathlib import Path
from time import monotonic
from typing import Any

import orjson

from agent_runtime.engines.llama_loop import LlamaLoop, library
from agent_runtime.errors import EngineFailed
from symphony_chain.errors import SymphonyError

MAX_MESSAGE_BYTES = 64 << 20
BEAT_S = 1.0


class Holder:
    """What the messages mean."""

    def __init__(self, work: Connection) -> None:
        self._work = work
        self._loop: LlamaLoop | None = None
        self._limited = False
        self._said_s = monotonic()

    def open(self, path: str, context_tokens: int | None, memory_limit_bytes: int) -> dict[str, Any]:
        """Load a file, in place of the one before. The first call sets the limit: so much address space beyond what is in use."""
        library()  # before the limit: its own code is no part of the model's memory
        if not self._limited:
            _limit(memory_limit_bytes)
            self._limited = True
        if self._loop is not None:
            self._loop.close()
            self._loop = None
        self._loop = LlamaLoop(path, context_tokens, self._beat)
        return {"context_tokens": self._loop.context_tokens, "description": self._loop.description}

    def generate(self, **request: Any) -> list[list[dict[str, Any]]]:
        """See ``protocol.Engine.generate``."""
        return [[asdict(sample) for sample in row] for row in self._model.generate(**request)]

    def load_adapter(self, path: str | None) -> None:
        """See ``protocol.Engine.load_adapter``."""
        self._model.load_adapter(None if path is None else Path(path))

    def count(self, text: str) -> int:
        """Number of tokens of a text."""
        return len(self._model.encode(text))

    @property
    def _model(self) -> LlamaLoop:
        if self._loop is None:
            raise EngineFailed("no model is open", hint="open one first")
        return self._loop

    def _beat(self) -> None:
        if monotonic() - self._said_s >= BEAT_S:
            self._said_s = monotonic()
            self._work.send_bytes(b'{"alive":true}')


def serve(connection: Connection, operations: dict[str, Callable[..., Any]]) -> None:
    """Answers messages until the other side is gone, and ends the process then."""
    while True:
        try:
            message = orjson.loads(connection.recv_bytes(MAX_MESSAGE_BYTES))
            connection.send_bytes(orjson.dumps(_answer(operations, message)))
        except (EOFError, OSError):
            os._exit(0)


def _answer(operations: dict[str, Callable[..., Any]], message: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"result": operations[message.pop("op")](**message)}
    except MemoryError:
        error: SymphonyError = EngineFailed("the model needs more memory than its limit", hint="raise memory_limit_bytes")
    except SymphonyError as known:
        error = known
    except Exception as strange:  # the library is foreign code: whatever it throws is told to the parent
        error = EngineFailed(f"{type(strange).__name__}: {strange}", hint="try again, or use another file")
    return {"error": error.as_dict()}


def _limit(memory_bytes: int) -> None:
    """No more address space than now and so much; no core file of a crash (it would hold prompts)."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + memory_bytes
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def main() -> None:
    """Serves both sockets."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    work, count = (Connection(int(descriptor)) for descriptor in sys.argv[1:3])
    holder = Holder(work)
    threading.Thread(target=serve, args=(count, {"count": holder.count}), daemon=True).start()
    serve(work, {"open": holder.open, "generate": holder.generate, "load_adapter": holder.load_adapter})


if __name__ == "__main__":
    main()
