"""Tokens per second of both engines on the same prompts, one thread each: python scripts/bench_engines.py"""

from __future__ import annotations

import argparse
import json
import time

from agent_runtime.engines import open_engine
from agent_runtime.errors import EngineFailed
from agent_runtime.model.datasets import held_out_task
from agent_runtime.model.families import SHIPPED
from agent_runtime.model.prompting import format_prompt

FIRST_SEED = 2_000_000
SETTINGS = {
    "greedy, 1 prompt at a time": (1, 1, 0.0),
    "9 samples, 1 prompt at a time": (1, 9, 0.8),
    "1 sample, 32 prompts at a time": (32, 1, 0.8),
}


def measure(engine_name: str, tasks: int) -> dict[str, float]:
    """Generated tokens per second of wall-clock time, by setting."""
    names = list(SHIPPED)
    prompts = [
        format_prompt(held_out_task(names[i % len(names)], 3, FIRST_SEED + i).prompt) for i in range(tasks)
    ]
    engine = open_engine(engine_name)
    engine.generate(prompts[:2], n=1, temperature=0.0, seed=0, max_tokens=16)  # warm up
    speeds = {}
    for setting, (batch, n, temperature) in SETTINGS.items():
        tokens, started = 0, time.monotonic()
        for at in range(0, tasks, batch):
            results = engine.generate(
                prompts[at : at + batch], n=n, temperature=temperature, seed=at, max_tokens=600
            )
            tokens += sum(len(sample.token_ids) for samples in results for sample in samples)
        speeds[setting] = round(tokens / (time.monotonic() - started), 1)
    engine.close()
    return speeds


def main() -> None:
    """Command line; prints one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=32)
    args = parser.parse_args()
    report: dict[str, object] = {}
    for name in ("torch", "llama_cpp"):
        try:
            report[name] = measure(name, args.tasks)
        except EngineFailed as error:
            report[name] = {"error": error.message}
    print(json.dumps({"unit": "generated tokens per second", "tasks": args.tasks, **report}, indent=1))


if __name__ == "__main__":
    main()
