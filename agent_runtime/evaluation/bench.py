"""How fast one engine is, how much memory it takes, and how often it is right: what an operator wants to know before it works.

One task at a time, as in a seat: greedy for accuracy and speed, then as many samples as a seat draws for the speed of a seat.
Knows no market and no command line.
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from time import monotonic
from typing import Any

from agent_runtime.engines.protocol import Engine, Sample
from agent_runtime.errors import PromptTooLong
from agent_runtime.evaluation.score import cells, macro
from agent_runtime.model.datasets import TaskItem, is_right
from agent_runtime.model.prompting import format_prompt
from agent_runtime.reasoning.extract import extract
from symphony_chain.errors import InvalidInput

DIGITS = 4


@dataclass(frozen=True, slots=True)
class Work:
    """Many calls of an engine: generated tokens, and seconds of wall-clock time."""

    tokens: int
    seconds: float

    @property
    def tokens_per_second(self) -> float:
        return round(self.tokens / self.seconds, 1) if self.seconds > 0 else 0.0


def bench(
    engine: Engine,
    tasks: Sequence[TaskItem],
    *,
    samples: int,
    temperature: float,
    max_tokens: int,
    progress: Callable[[str], None] = lambda _: None,
    clock: Callable[[], float] = monotonic,
) -> dict[str, Any]:
    """Accuracy and speed of an engine, as plain JSON.

    Args:
        samples: of a seat; 0 measures greedy decoding alone.
        clock: monotonic seconds.
    Raises:
        InvalidInput: there is no task. What the engine raises; a prompt that is too long for it counts as a wrong answer.
    """
    if not tasks:
        raise InvalidInput("there is nothing to measure", hint="give at least one task")
    _ask(engine, tasks[0], 1, 0.0, 8)  # the first call pays for what libraries put off
    greedy, right, too_long = Work(0, 0.0), [], 0
    for number, task in enumerate(tasks, 1):
        progress(f"greedy, {number} of {len(tasks)}")
        found, greedy = _timed(engine, task, 1, 0.0, max_tokens, greedy, clock)
        too_long += found is None
        right.append(float(found is not None and _is_right(task, found[0])))
    families = cells(tasks, right)
    overall = macro(list(families.values()))
    document: dict[str, Any] = {
        "tasks": len(tasks),
        "too_long": too_long,
        "accuracy": round(overall.accuracy, DIGITS),
        "se": round(overall.se, DIGITS),
        "families": {name: {k: round(v, DIGITS) for k, v in asdict(c).items()} for name, c in families.items()},
        "greedy": asdict(greedy) | {"tokens_per_second": greedy.tokens_per_second},
        "sampled": None,
    }
    if samples:
        seat = Work(0, 0.0)
        for number, task in enumerate(tasks, 1):
            progress(f"{samples} samples, {number} of {len(tasks)}")
            _, seat = _timed(engine, task, samples, temperature, max_tokens, seat, clock)
        document["sampled"] = {
            "samples": samples,
            "temperature": temperature,
            **asdict(seat),
            "tokens_per_second": seat.tokens_per_second,
        }
    return document


def peak_memory_bytes(engine_name: str) -> int | None:
    """Most memory that the process with the model has held: of this process, or of its child where a GGUF was (once that has
    ended); None for a server's model, which is not ours to measure.
    """
    if engine_name == "openai":
        return None
    who = resource.RUSAGE_CHILDREN if engine_name == "llama_cpp" else resource.RUSAGE_SELF
    peak = resource.getrusage(who).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def gpu_memory_bytes(device: str) -> int | None:
    """Most memory of the graphics card that PyTorch has held; None without one."""
    torch = sys.modules.get("torch")
    return int(torch.cuda.max_memory_allocated()) if torch is not None and device.startswith("cuda") else None


def _timed(
    engine: Engine,
    task: TaskItem,
    n: int,
    temperature: float,
    max_tokens: int,
    before: Work,
    clock: Callable[[], float],
) -> tuple[list[Sample] | None, Work]:
    """The samples of one task (None: its prompt is too long), and the work with them added."""
    started_s = clock()
    samples = _ask(engine, task, n, temperature, max_tokens)
    seconds = clock() - started_s
    if samples is None:
        return None, before
    return samples, Work(before.tokens + sum(len(s.token_ids) for s in samples), before.seconds + seconds)


def _ask(engine: Engine, task: TaskItem, n: int, temperature: float, max_tokens: int) -> list[Sample] | None:
    prompt = format_prompt(task.prompt)
    try:
        return engine.generate([prompt], n=n, temperature=temperature, seed=0, max_tokens=max_tokens)[0]
    except PromptTooLong:
        return None


def _is_right(task: TaskItem, sample: Sample) -> bool:
    answer = extract(sample.text, task.answer_format, finished=sample.finish == "stop")
    return is_right(task, None if answer is None else answer.decode())
