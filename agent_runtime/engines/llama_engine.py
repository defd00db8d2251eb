"""The llama.cpp engine: a GGUF file and the library's low-level batch interface; each prompt is decoded once
for all its samples.

One thread for everything (the library's default takes every core and spins on a busy machine). Knows no task,
no answer format.
"""

from __future__ import annotations

import atexit
import ctypes
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent_runtime.engines.protocol import EngineInfo, Sample, check_request, check_room
from agent_runtime.engines.sampling import StopFinder, choose, sample_rng
from agent_runtime.engines.text import encode, load_tokenizer
from agent_runtime.engines.weights import pinned_gguf, pinned_gguf_hashes
from agent_runtime.errors import EngineFailed, ModelCorrupt, ModelMissing
from agent_runtime.model.architecture import END_ID

MAX_SEQUENCES = 16  # samples of one prompt decoded at a time
BATCH_TOKENS = 512
# LLAMA_FLASH_ATTN_TYPE_DISABLED: for this model plain attention on an f16 cache is twice as fast on a CPU
NO_FLASH = 0


class _Sequence:
    """One sample while it grows."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.tokens: list[int] = []
        self.logprobs: list[float] = []


class LlamaCppEngine:
    """See ``protocol.Engine``. Opens only GGUF files whose sha-256 is in ``pins``."""

    def __init__(self, gguf: Path, tokenizer_folder: Path, *, pins: frozenset[str] | None = None) -> None:
        digest = pinned_gguf(gguf, pinned_gguf_hashes() if pins is None else pins)
        self._lib = _library()
        self._tokenizer = load_tokenizer(tokenizer_folder)
        self._model = self._lib.llama_model_load_from_file(
            str(gguf).encode(), self._lib.llama_model_default_params()
        )
        if not self._model:
            raise ModelCorrupt(f"llama.cpp cannot read {gguf}", hint="export the model again", path=str(gguf))
        context_tokens = int(self._lib.llama_model_n_ctx_train(self._model))
        self._vocab = int(self._lib.llama_vocab_n_tokens(self._lib.llama_model_get_vocab(self._model)))
        self._context = self._lib.llama_init_from_model(self._model, self._context_parameters(context_tokens))
        if not self._context:
            self._lib.llama_model_free(self._model)
            raise EngineFailed("llama.cpp could not make a context", hint="free some memory and try again")
        self._batch = self._lib.llama_batch_init(BATCH_TOKENS, 0, MAX_SEQUENCES)
        self._adapter: Any = None
        self.info = EngineInfo("llama_cpp", digest, "cpu", "float16", context_tokens)

    def _context_parameters(self, context_tokens: int) -> Any:
        parameters = self._lib.llama_context_default_params()
        parameters.n_ctx = context_tokens * MAX_SEQUENCES
        parameters.n_seq_max = MAX_SEQUENCES
        parameters.n_batch = BATCH_TOKENS
        parameters.n_threads = parameters.n_threads_batch = 1
        parameters.kv_unified = True
        parameters.flash_attn_type = NO_FLASH
        return parameters

    def count_tokens(self, prompt: str) -> int:
        """Number of tokens of a text."""
        return len(encode(self._tokenizer, prompt))

    def load_adapter(self, path: Path | None) -> None:
        """Swap to a LoRA adapter in GGUF form (None: to the base model). The caller vouches for the file."""
        adapter = None
        if path is not None:
            if not path.exists():
                raise ModelMissing(
                    f"there is no adapter file at {path}", hint="check the path", path=str(path)
                )
            adapter = self._lib.llama_adapter_lora_init(self._model, str(path).encode())
            if not adapter:
                raise ModelCorrupt(
                    f"llama.cpp cannot read the adapter {path}",
                    hint="export the adapter again",
                    path=str(path),
                )
        adapters = (self._lib.llama_adapter_lora_p_ctypes * 1)(adapter) if adapter else None
        scales = (ctypes.c_float * 1)(1.0) if adapter else None
        if self._lib.llama_set_adapters_lora(self._context, adapters, 1 if adapter else 0, scales) != 0:
            raise EngineFailed(
                "llama.cpp refused the adapter", hint="use an adapter that was trained on this base model"
            )
        if self._adapter is not None:
            self._lib.llama_adapter_lora_free(self._adapter)
        self._adapter = adapter

    def close(self) -> None:
        """Free the native memory; harmless when called twice."""
        if self._context:
            self._lib.llama_batch_free(self._batch)
            self._lib.llama_free(self._context)
            self._lib.llama_model_free(self._model)
            self._context = self._model = None

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
        """See ``protocol.Engine.generate``."""
        check_request(n, temperature, max_tokens)
        ids = [encode(self._tokenizer, prompt) for prompt in prompts]
        for row in ids:
            check_room(len(row), self.info.context_tokens)
        finder = StopFinder(stop, self._decode)
        results: list[list[Sample]] = []
        for index, prompt in enumerate(ids):
            room = min(max_tokens, self.info.context_tokens - len(prompt))
            samples: list[Sample] = []
            for start in range(0, n, MAX_SEQUENCES):
                group = [
                    _Sequence(sample_rng(seed, index, s)) for s in range(start, min(n, start + MAX_SEQUENCES))
                ]
                self._decode_group(prompt, group, room, temperature, finder)
                samples += [self._finished(sequence, finder) for sequence in group]
            results.append(samples)
        return results

    def _decode(self, ids: list[int]) -> str:
        text: str = self._tokenizer.decode(ids)
        return text

    def _decode_group(
        self, prompt: list[int], group: list[_Sequence], room: int, temperature: float, finder: StopFinder
    ) -> None:
        self._lib.llama_memory_clear(self._lib.llama_get_memory(self._context), False)
        everyone = list(range(len(group)))
        for start in range(0, len(prompt), BATCH_TOKENS):
            part = prompt[start : start + BATCH_TOKENS]
            last = start + len(part) == len(prompt)
            self._put(
                [(token, start + at, everyone, last and at == len(part) - 1) for at, token in enumerate(part)]
            )
        logits = np.repeat(self._logits([len(part) - 1]), len(group), axis=0)
        live = everyone
        position = len(prompt)
        while True:
            live = _extend(group, live, logits, temperature, room, finder)
            if not live:
                return
            self._put([(group[s].tokens[-1], position, [s], True) for s in live])
            logits = self._logits(list(range(len(live))))
            position += 1

    def _put(self, entries: list[tuple[int, int, list[int], bool]]) -> None:
        """Decode one batch of (token, position, sequences, whether logits are wanted)."""
        batch = self._batch
        batch.n_tokens = len(entries)
        for at, (token, position, sequences, wanted) in enumerate(entries):
            batch.token[at], batch.pos[at] = token, position
            batch.n_seq_id[at] = len(sequences)
            for place, sequence in enumerate(sequences):
                batch.seq_id[at][place] = sequence
            batch.logits[at] = wanted
        code = self._lib.llama_decode(self._context, batch)
        if code != 0:
            raise EngineFailed(f"llama.cpp failed to decode (code {code})", hint="lower n or max_tokens")

    def _logits(self, places: list[int]) -> NDArray[np.float32]:
        pointers = [self._lib.llama_get_logits_ith(self._context, place) for place in places]
        return np.stack([np.ctypeslib.as_array(pointer, shape=(self._vocab,)).copy() for pointer in pointers])

    def _finished(self, sequence: _Sequence, finder: StopFinder) -> Sample:
        ended = sequence.tokens[-1] == END_ID
        stopped = ended or finder.reached(sequence.tokens)
        text = finder.cut(self._decode(sequence.tokens[:-1] if ended else sequence.tokens))
        return Sample(text, tuple(sequence.tokens), tuple(sequence.logprobs), "stop" if stopped else "length")


def _extend(
    group: list[_Sequence],
    live: list[int],
    logits: NDArray[np.float32],
    temperature: float,
    room: int,
    finder: StopFinder,
) -> list[int]:
    """Adds one token to every live sequence; returns those that go on."""
    uniforms = [group[s].rng.random() for s in live] if temperature else []
    tokens, logprobs = choose(logits, temperature, uniforms)
    going = []
    for at, s in enumerate(live):
        group[s].tokens.append(int(tokens[at]))
        group[s].logprobs.append(float(logprobs[at]))
        if (
            group[s].tokens[-1] != END_ID
            and len(group[s].tokens) < room
            and not finder.reached(group[s].tokens)
        ):
            going.append(s)
    return going


def _drop(_level: int, _text: bytes, _data: Any) -> None:
    """llama.cpp's own log goes nowhere: what matters comes back as an error."""


_SILENT = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(_drop)


def _library() -> Any:
    try:
        import llama_cpp
    except ImportError as error:
        raise EngineFailed(
            "the llama.cpp engine is not installed",
            hint="run `pip install llama-cpp-python`, or use the torch engine",
        ) from error
    for handle in (llama_cpp._utils.outnull_file, llama_cpp._utils.errnull_file):
        # The library opens them at import and leaves them to the garbage collector.
        atexit.register(handle.close)
    llama_cpp.llama_log_set(_SILENT, ctypes.c_void_p(0))
    llama_cpp.llama_backend_init()
    return llama_cpp
