"""The llama.cpp engine: a pinned GGUF in a child process with a memory limit.

llama.cpp is native code that reads foreign files: it may crash, abort, or ask for any amount of memory. All of it happens in the
child (``llama_child``), which reads the very bytes that were hashed; here it is one typed error, and the next call starts a new
child. Knows no task, no answer format.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agent_runtime.engines.child import Child
from agent_runtime.engines.protocol import EngineInfo, Sample, check_request
from agent_runtime.engines.weights import SealedCopy, check_pin, pinned_adapter, pinned_gguf_hashes
from agent_runtime.errors import EngineFailed, ModelCorrupt

MODULE = "agent_runtime.engines.llama_child"
#: Address space for cache and work, on top of what a file of so many bytes takes.
BASE_MEMORY_BYTES, FILE_SHARE = 2 << 30, 2
SILENCE_S = 300.0


class LlamaCppEngine:
    """See ``protocol.Engine``. Tokens can be counted while another thread generates.

    Args:
        sha256: what the file must have; None: one that this installation pins.
        context_tokens: use at most so many; None: the model's own context, at most `MOST_CONTEXT_TOKENS`.
        memory_limit_bytes: the child's address space beyond the interpreter's; None: 2 GiB and twice the file.
        silence_s: after so long without a sign of life the child is killed.
    Raises:
        ModelMissing, ModelCorrupt: no such file, not the pinned one, or one that llama.cpp cannot read.
        EngineFailed: the library is missing. EngineCrashed: it crashed over the file, or needed more than its memory.
        InvalidInput: more context is asked for than the model has.
    """

    def __init__(
        self,
        gguf: Path,
        *,
        sha256: str | None = None,
        context_tokens: int | None = None,
        memory_limit_bytes: int | None = None,
        silence_s: float = SILENCE_S,
    ) -> None:
        self._gguf = gguf
        self._silence_s = silence_s
        self._starting = threading.Lock()
        self._child: Child | None = None
        self._adapter: SealedCopy | None = None
        self._copy = SealedCopy(gguf)
        self._open = {
            "path": self._copy.path,
            "context_tokens": context_tokens,
            "memory_limit_bytes": memory_limit_bytes or BASE_MEMORY_BYTES + FILE_SHARE * self._copy.bytes,
        }
        try:
            _check_pin(gguf, self._copy.sha256, sha256)
            self._child, about = self._start()
        except BaseException:
            self.close()
            raise
        number_type = str(about["description"]).rpartition(" ")[2]
        self.info = EngineInfo(
            "llama_cpp", self._copy.sha256, "cpu", number_type, int(about["context_tokens"])
        )

    def count_tokens(self, prompt: str) -> int:
        """Number of tokens of a text."""
        child = self._running()
        return int(child.ask(child.count, "counting tokens", op="count", text=prompt))

    def load_adapter(self, path: Path | None) -> None:
        """Swap to a LoRA adapter in GGUF form (None: to the base model).

        Raises:
            ModelMissing, ModelCorrupt: no such file, one that the manifest beside it does not pin, or none of this model's; the
            adapter that was on stays on.
        """
        copy = None if path is None else pinned_adapter(path)
        try:
            _use_adapter(self._running(), copy)
        except BaseException as error:
            if copy is not None:
                copy.close()
            if isinstance(error, ModelCorrupt):
                raise ModelCorrupt(f"{path}: {error.message}", hint=error.hint, path=str(path)) from error
            raise
        before, self._adapter = self._adapter, copy
        if before is not None:
            before.close()

    def close(self) -> None:
        """End the child and free the memory; harmless when called twice."""
        if self._child is not None:
            self._child.close()
        for copy in (self._copy, self._adapter):
            if copy is not None:
                copy.close()

    def generate(
        self,
        prompts: Sequence[str],
        *,
        n: int,
        temperature: float,
        seed: int,
        max_tokens: int,
        stop: Sequence[str] = (),
    ) -> list[list[Sample]]:
        """See ``protocol.Engine.generate``.

        Raises:
            EngineCrashed: the child ended over it; the next call has a new one.
        """
        check_request(n, temperature, max_tokens)
        child = self._running()
        rows = child.ask(
            child.work,
            "generating",
            op="generate",
            prompts=list(prompts),
            n=n,
            temperature=temperature,
            seed=seed,
            max_tokens=max_tokens,
            stop=list(stop),
        )
        return _samples(rows, len(prompts), n)

    def _running(self) -> Child:
        """The child, or a new one with the same model and adapter where it was lost."""
        with self._starting:
            if self._child is None or not self._child.alive:
                if self._child is not None:
                    self._child.close()
                self._child, _ = self._start()
                if self._adapter is not None:
                    _use_adapter(self._child, self._adapter)
            return self._child

    def _start(self) -> tuple[Child, dict[str, Any]]:
        child = Child(MODULE, [self._copy.descriptor], self._silence_s)
        try:
            return child, child.ask(child.work, f"loading {self._gguf}", op="open", **self._open)
        except BaseException as error:
            child.close()
            if isinstance(error, ModelCorrupt):
                raise ModelCorrupt(f"{self._gguf}: {error.message}", hint=error.hint, path=str(self._gguf)) from error
            raise


def _check_pin(gguf: Path, digest: str, sha256: str | None) -> None:
    if sha256 is not None:
        check_pin(gguf, digest, sha256)
    elif digest not in pinned_gguf_hashes():
        raise ModelCorrupt(
            f"{gguf} is not a pinned GGUF file, and is not opened; it has sha-256 {digest}",
            hint="if you trust it, give that as the engine's sha256",
            path=str(gguf),
            sha256=digest,
        )


def _use_adapter(child: Child, copy: SealedCopy | None) -> None:
    path = None if copy is None else copy.path_for_others
    child.ask(child.work, "swapping the adapter", op="load_adapter", path=path)


def _samples(rows: Any, prompts: int, n: int) -> list[list[Sample]]:
    """Samples as the child tells them, each field of its kind: the child has read a foreign file."""
    try:
        samples = [
            [
                Sample(
                    str(told["text"]),
                    tuple(int(token) for token in told["token_ids"]),
                    tuple(float(value) for value in told["logprobs"]),
                    "stop" if told["finish"] == "stop" else "length",
                )
                for told in row
            ]
            for row in rows
        ]
        if [len(row) for row in samples] != [n] * prompts:
            raise ValueError("not as many as were asked for")
        return samples
    except (KeyError, TypeError, ValueError) as error:
        raise EngineFailed(f"the process that holds the model sent no samples: {error}", hint="try again") from error
