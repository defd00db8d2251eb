"""llama.cpp's low-level batch interface: one GGUF, each prompt decoded once for all its samples.

Runs in a process of its own (``llama_child``): the library aborts on some bad files and prompts, and takes whatever memory a file
asks for. One thread for everything (the library's default takes every core and spins on a busy machine). Knows no task, no
answer format, no pins.
"""

from __future__ import annotations

import atexit
import ctypes
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent_runtime.engines.protocol import Sample, check_request, check_room, usable_context
from agent_runtime.engines.sampling import StopFinder, choose, sample_rng
from agent_runtime.errors import EngineFailed, ModelCorrupt, ModelMissing

MAX_SEQUENCES = 16  # samples of one prompt decoded at a time
BATCH_TOKENS = 512
#: Room of the key-value cache, shared by all sequences: enough for 16 of a context of 1,024, and for fewer of a longer one.
CACHE_TOKENS = 16_384
# LLAMA_FLASH_ATTN_TYPE_DISABLED: for the built-in model plain attention on an f16 cache is twice as fast on a CPU
NO_FLASH = 0
ERROR_LEVEL = 4  # GGML_LOG_LEVEL_ERROR


class _Sequence:
    """One sample while it grows."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.tokens: list[int] = []
        self.logprobs: list[float] = []


class LlamaLoop:
    """A GGUF and its context. ``beat`` is called with every step, as a sign of life.

    Raises:
        ModelCorrupt: the library cannot read the file. EngineFailed: it is missing, or has no memory for a context.
        InvalidInput: more context is asked for than the model has.
    """

    def __init__(self, path: str, context_tokens: int | None, beat: Callable[[], None] = lambda: None) -> None:
        self._lib = library()
        self._beat = beat
        self._adapter: Any = None
        self._context: Any = None
        _log.reason()
        self._model = self._lib.llama_model_load_from_file(path.encode(), self._model_parameters())
        if not self._model:
            raise ModelCorrupt(f"llama.cpp cannot read it: {_log.reason()}", hint="export or download it again")
        try:
            self._prepare(context_tokens)
        except BaseException:
            self.close()
            raise

    def _prepare(self, context_tokens: int | None) -> None:
        if not self._lib.llama_model_has_decoder(self._model):
            raise ModelCorrupt("it is no causal language model", hint="use a model that continues text")
        self.context_tokens = usable_context(int(self._lib.llama_model_n_ctx_train(self._model)), context_tokens)
        self._cache_tokens = max(self.context_tokens, min(CACHE_TOKENS, self.context_tokens * MAX_SEQUENCES))
        self._tokens = self._lib.llama_model_get_vocab(self._model)
        self._vocab = int(self._lib.llama_vocab_n_tokens(self._tokens))
        self._pieces: dict[int, bytes] = {}
        self._ends: dict[int, bool] = {}
        self._context = self._lib.llama_init_from_model(self._model, self._context_parameters())
        if not self._context:
            raise EngineFailed(
                f"llama.cpp could not make a context: {_log.reason()}",
                hint="raise memory_limit_bytes, or lower context_tokens",
            )
        self._batch = self._lib.llama_batch_init(BATCH_TOKENS, 0, MAX_SEQUENCES)

    def close(self) -> None:
        """Free the native memory."""
        if self._context:
            self._lib.llama_batch_free(self._batch)
            self._lib.llama_free(self._context)
        self._lib.llama_model_free(self._model)  # and its adapter with it

    def _model_parameters(self) -> Any:
        parameters = self._lib.llama_model_default_params()
        parameters.n_gpu_layers = 0
        return parameters

    def _context_parameters(self) -> Any:
        parameters = self._lib.llama_context_default_params()
        parameters.n_ctx = self._cache_tokens
        parameters.n_seq_max = MAX_SEQUENCES
        parameters.n_batch = BATCH_TOKENS
        parameters.n_threads = parameters.n_threads_batch = 1
        parameters.kv_unified = True
        parameters.flash_attn_type = NO_FLASH
        return parameters

    @property
    def description(self) -> str:
        """Architecture, size and number type in the library's words."""
        buffer = ctypes.create_string_buffer(128)
        self._lib.llama_model_desc(self._model, buffer, len(buffer))
        return buffer.value.decode(errors="replace")

    def encode(self, text: str) -> list[int]:
        """Token ids of a text by the model's own tokenizer; control tokens are not read out of it. Safe beside `generate`."""
        data = text.encode()
        size = len(data) + 8  # a token is at least a byte, and the file may want a start token
        ids = (self._lib.llama_token * size)()
        count = self._lib.llama_tokenize(self._tokens, data, len(data), ids, size, True, False)
        if count < 0:
            raise EngineFailed("llama.cpp cannot tokenise the prompt", hint="is this a text model?")
        return list(ids[:count])

    def load_adapter(self, path: Path | None) -> None:
        """Swap to a LoRA adapter in GGUF form (None: to the base model)."""
        adapter = None
        if path is not None:
            if not path.exists():
                raise ModelMissing(
                    f"there is no adapter file at {path}", hint="check the path", path=str(path)
                )
            adapter = self._lib.llama_adapter_lora_init(self._model, str(path).encode())
            if not adapter:
                hint = "export the adapter again"
                raise ModelCorrupt("llama.cpp cannot read it as an adapter", hint=hint, path=str(path))
        adapters = (self._lib.llama_adapter_lora_p_ctypes * 1)(adapter) if adapter else None
        scales = (ctypes.c_float * 1)(1.0) if adapter else None
        if self._lib.llama_set_adapters_lora(self._context, adapters, 1 if adapter else 0, scales) != 0:
            raise EngineFailed(
                "llama.cpp refused the adapter", hint="use an adapter that was trained on this base model"
            )
        if self._adapter is not None:
            self._lib.llama_adapter_lora_free(self._adapter)
        self._adapter = adapter

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
        ids = [self.encode(prompt) for prompt in prompts]
        for row in ids:
            check_room(len(row), self.context_tokens)
        finder = StopFinder(stop, self._decode)
        results: list[list[Sample]] = []
        for index, prompt in enumerate(ids):
            room = min(max_tokens, self.context_tokens - len(prompt))
            together = max(1, min(MAX_SEQUENCES, (self._cache_tokens - len(prompt)) // room))
            samples: list[Sample] = []
            for start in range(0, n, together):
                group = [_Sequence(sample_rng(seed, index, s)) for s in range(start, min(n, start + together))]
                self._decode_group(prompt, group, room, temperature, finder)
                samples += [self._finished(sequence, finder) for sequence in group]
            results.append(samples)
        return results

    def _decode(self, ids: list[int]) -> str:
        return b"".join([self._piece(token) for token in ids]).decode(errors="replace")

    def _piece(self, token: int) -> bytes:
        """A token's bytes; none of a control token."""
        if token not in self._pieces:
            buffer = ctypes.create_string_buffer(256)
            size = self._lib.llama_token_to_piece(self._tokens, token, buffer, len(buffer), 0, False)
            if size < 0:
                buffer = ctypes.create_string_buffer(-size)
                size = self._lib.llama_token_to_piece(self._tokens, token, buffer, len(buffer), 0, False)
            self._pieces[token] = buffer.raw[: max(0, size)]
        return self._pieces[token]

    def _is_end(self, token: int) -> bool:
        if token not in self._ends:
            self._ends[token] = bool(self._lib.llama_vocab_is_eog(self._tokens, token))
        return self._ends[token]

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
            live = self._extend(group, live, logits, temperature, room, finder)
            if not live:
                return
            self._put([(group[s].tokens[-1], position, [s], True) for s in live])
            logits = self._logits(list(range(len(live))))
            position += 1

    def _extend(
        self,
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
            token = int(tokens[at])
            group[s].tokens.append(token)
            group[s].logprobs.append(float(logprobs[at]))
            if not self._is_end(token) and len(group[s].tokens) < room and not finder.reached(group[s].tokens):
                going.append(s)
        return going

    def _put(self, entries: list[tuple[int, int, list[int], bool]]) -> None:
        """Decode one batch of (token, position, sequences, whether logits are wanted)."""
        self._beat()
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
        ended = self._is_end(sequence.tokens[-1])
        stopped = ended or finder.reached(sequence.tokens)
        text = finder.cut(self._decode(sequence.tokens[:-1] if ended else sequence.tokens))
        return Sample(text, tuple(sequence.tokens), tuple(sequence.logprobs), "stop" if stopped else "length")


class _Log:
    """llama.cpp's own log goes nowhere, but for the first error of a step, which becomes the reason of ours."""

    def __init__(self) -> None:
        self._first = ""

    def take(self, level: int, text: bytes, _data: Any) -> None:
        if level == ERROR_LEVEL and not self._first:
            self._first = " ".join(text.decode(errors="replace").split())

    def reason(self) -> str:
        """What was said since the last time it was asked for."""
        said, self._first = self._first, ""
        return said or "no reason given"


_log = _Log()
_TAKE = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(_log.take)


def library() -> Any:
    """llama.cpp's Python binding, made quiet; ``EngineFailed`` where it is not installed."""
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
    llama_cpp.llama_log_set(_TAKE, ctypes.c_void_p(0))
    llama_cpp.llama_backend_init()
    return llama_cpp
