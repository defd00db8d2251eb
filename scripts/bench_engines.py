"""Tokens per second of every engine, and of llama.cpp's bare multi-sequence loop, on the same prompts in one run: python
scripts/bench_engines.py

Rounds of all engines in turn; a ratio is the median over the rounds, each against the bare loop of the same round, so that what
else the machine does falls on all. Beside the wall clock stands the CPU time of all processes of an engine, which says more on a
busy machine. The server is llama.cpp's own with the same GGUF; the bare loop has no stop strings, no text, no process.
"""

from __future__ import annotations

import argparse
import json
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from agent_runtime.engines import open_engine
from agent_runtime.engines.llama_loop import NO_FLASH, library
from agent_runtime.engines.text import encode, load_tokenizer
from agent_runtime.engines.weights import GGUF, shipped_folder
from agent_runtime.errors import EngineFailed
from agent_runtime.model.architecture import END_ID
from agent_runtime.model.datasets import held_out_task
from agent_runtime.model.families import FAMILIES
from agent_runtime.model.prompting import format_prompt
from symphony_chain.devnet.process import Child
from symphony_chain.errors import SymphonyError
from symphony_chain.rpc import wait_until

FIRST_SEED = 2_000_000
CONTEXT_TOKENS = 1024
BARE = "bare loop"
ENGINES = ("llama_cpp", "torch", "openai")
SETTINGS = {"9 samples of a prompt": (9, 0.8), "greedy": (1, 0.0)}
TICKS_PER_S = 100

#: prompts, samples of each, temperature → tokens generated
Generate = Callable[[list[str], int, float], int]


@dataclass
class Meter:
    """Wall and CPU seconds of a block, children included."""

    wall_s: float = 0.0
    cpu_s: float = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        before = time.monotonic(), cpu_of_tree()
        yield
        self.wall_s, self.cpu_s = time.monotonic() - before[0], cpu_of_tree() - before[1]


def cpu_of_tree() -> float:
    """CPU seconds of this process and of all that live below it."""
    total, queue = time.process_time(), children_of("self")
    while queue:
        pid = queue.pop()
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += (int(fields[11]) + int(fields[12])) / TICKS_PER_S
        queue += children_of(pid)
    return total


def children_of(pid: str) -> list[str]:
    try:
        return [child for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]
    except OSError:
        return []


class BareLoop:
    """llama.cpp's batch interface and numpy, nothing else: one prompt decoded for all samples, exact log-probabilities."""

    SAMPLES = 9

    def __init__(self, max_tokens: int) -> None:
        lib = self._lib = library()
        self._max_tokens = max_tokens
        self._tokenizer = load_tokenizer(shipped_folder())
        self._model = lib.llama_model_load_from_file(str(shipped_folder() / GGUF).encode(), lib.llama_model_default_params())
        parameters = lib.llama_context_default_params()
        parameters.n_ctx, parameters.n_seq_max, parameters.n_batch = CONTEXT_TOKENS * self.SAMPLES, self.SAMPLES, 512
        parameters.n_threads = parameters.n_threads_batch = 1
        parameters.kv_unified, parameters.flash_attn_type = True, NO_FLASH
        self._context = lib.llama_init_from_model(self._model, parameters)
        self._vocab = lib.llama_vocab_n_tokens(lib.llama_model_get_vocab(self._model))
        self._batch = lib.llama_batch_init(512, 0, self.SAMPLES)
        self._rng = np.random.default_rng(0)

    def generate(self, prompts: list[str], n: int, temperature: float) -> int:
        return sum(self._one(encode(self._tokenizer, prompt), n, temperature) for prompt in prompts)

    def _one(self, ids: list[int], n: int, temperature: float) -> int:
        self._lib.llama_memory_clear(self._lib.llama_get_memory(self._context), False)
        self._put([(token, at, list(range(n)), at == len(ids) - 1) for at, token in enumerate(ids)])
        logits = np.repeat(self._rows([len(ids) - 1]), n, axis=0)
        live, position, made = list(range(n)), len(ids), 0
        while live:
            tokens, _ = self._draw(logits, temperature)
            made += len(live)
            going = [(s, int(t)) for s, t in zip(live, tokens, strict=True) if t != END_ID]
            if not going or position - len(ids) + 1 >= self._max_tokens:
                return made
            self._put([(token, position, [s], True) for s, token in going])
            live, logits = [s for s, _ in going], self._rows(list(range(len(going))))
            position += 1
        return made

    def _draw(self, logits: Any, temperature: float) -> tuple[Any, Any]:
        shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
        if temperature == 0:
            tokens = shifted.argmax(axis=1)
        else:
            mass = np.exp(shifted / temperature).cumsum(axis=1)
            tokens = (mass <= self._rng.random((len(mass), 1)) * mass[:, -1:]).sum(axis=1)
        return tokens, shifted[np.arange(len(tokens)), tokens] - np.log(np.exp(shifted).sum(axis=1))

    def _put(self, entries: list[tuple[int, int, list[int], bool]]) -> None:
        batch = self._batch
        batch.n_tokens = len(entries)
        for at, (token, position, sequences, wanted) in enumerate(entries):
            batch.token[at], batch.pos[at], batch.n_seq_id[at], batch.logits[at] = token, position, len(sequences), wanted
            for place, sequence in enumerate(sequences):
                batch.seq_id[at][place] = sequence
        if self._lib.llama_decode(self._context, batch) != 0:
            raise EngineFailed("llama.cpp failed to decode")

    def _rows(self, places: list[int]) -> Any:
        pointers = [self._lib.llama_get_logits_ith(self._context, place) for place in places]
        return np.stack([np.ctypeslib.as_array(pointer, shape=(self._vocab,)).copy() for pointer in pointers])


@contextmanager
def server() -> Iterator[str]:
    """llama.cpp's OpenAI-compatible server with the shipped GGUF."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "llama_cpp.server", "--model", str(shipped_folder() / GGUF), "--host", "127.0.0.1"]
    command += ["--port", str(port), "--n_ctx", str(CONTEXT_TOKENS), "--n_threads", "1", "--n_threads_batch", "1"]
    with tempfile.TemporaryDirectory() as folder:
        child = Child([*command, "--verbose", "false"], log=Path(folder) / "log", env={"OMP_NUM_THREADS": "1"})
        try:
            wait_until(lambda: _listens(port) or child.exit_code() is not None, 120, 0.1, what="the server")
            if child.exit_code() is not None:
                raise EngineFailed(f"llama.cpp's server does not start: {child.output()[-300:]}")
            yield f"http://127.0.0.1:{port}"
        finally:
            child.stop()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def engine(stack: ExitStack, spec: str, max_tokens: int) -> Generate:
    """An engine's samples, counted."""
    opened = open_engine(spec)
    stack.callback(opened.close)

    def generate(prompts: list[str], n: int, temperature: float) -> int:
        rows = [
            opened.generate([prompt], n=n, temperature=temperature, seed=1, max_tokens=max_tokens)[0] for prompt in prompts
        ]
        return sum(len(sample.token_ids) for row in rows for sample in row)

    return generate


def measure(names: list[str], prompts: list[str], max_tokens: int, rounds: int) -> dict[str, Any]:
    """Setting → engine → speeds and ratios; an engine that cannot be opened says why."""
    report: dict[str, Any] = {setting: {} for setting in SETTINGS}
    with ExitStack() as stack:
        running: dict[str, Generate] = {BARE: BareLoop(max_tokens).generate}
        for name in names:
            try:
                spec = stack.enter_context(server()) if name == "openai" else name
                running[name] = engine(stack, spec, max_tokens)
            except SymphonyError as error:
                report[name] = {"error": error.message}
        for generate in running.values():
            generate(prompts[:1], 1, 0.0)  # what libraries put off
        for setting, (n, temperature) in SETTINGS.items():
            speeds: dict[str, list[tuple[float, float]]] = {name: [] for name in running}
            for number in range(rounds):
                for name, generate in running.items():
                    meter = Meter()
                    with meter.running():
                        tokens = generate(prompts, n, temperature)
                    speeds[name].append((tokens / meter.wall_s, tokens / meter.cpu_s))
                    print(f"{setting}, round {number + 1}, {name}: {speeds[name][-1]}", file=sys.stderr, flush=True)
            for name, found in speeds.items():
                pairs = list(zip(found, speeds[BARE], strict=True))
                report[setting][name] = {
                    "tokens_per_second": round(median(wall for wall, _ in found), 1),
                    "tokens_per_cpu_second": round(median(cpu for _, cpu in found), 1),
                    "ratio": round(median(a[0] / b[0] for a, b in pairs), 3),
                    "cpu_ratio": round(median(a[1] / b[1] for a, b in pairs), 3),
                }
    return report


def main() -> None:
    """Command line; prints one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engines", nargs="+", default=list(ENGINES), choices=ENGINES)
    parser.add_argument("--tasks", type=int, default=6)
    parser.add_argument("--max-tokens", type=int, default=120)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    names = list(FAMILIES)
    prompts = [format_prompt(held_out_task(names[i % len(names)], 3, FIRST_SEED + i).prompt) for i in range(args.tasks)]
    report = measure(args.engines, prompts, args.max_tokens, args.rounds)
    print(json.dumps({"unit": "generated tokens per second", "baseline": BARE, **vars(args), **report}, indent=1))


if __name__ == "__main__":
    main()
