"""Measures the built-in model per family: greedy, one sample, 3 and 5 votes, on fresh held-out tasks and,
with --bbh, on the public files.

    python scripts/eval_model.py --tasks 200 --out /tmp/eval.json
    python scripts/eval_model.py --tasks 0 --bbh PATH_OF_BIG_BENCH_HARD_JSON_FILES
    python scripts/eval_model.py --tasks 0 --file agent_runtime/model/demo_tasks.jsonl --seed 1
    python scripts/eval_model.py --tasks 200 --levels 4 --families navigate --write tasks.jsonl   (only writes
    the tasks)
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

from agent_runtime.engines import open_engine
from agent_runtime.model.datasets import TaskItem, held_out_task, load_tasks
from agent_runtime.model.families import FAMILIES, SHIPPED
from agent_runtime.model.training.evaluate import score

FIRST_SEED = 1_000_000  # measurement seeds; the demo's tasks use small ones


def task_sets(args: argparse.Namespace) -> dict[str, list[TaskItem]]:
    """The sets to measure, by name."""
    sets: dict[str, list[TaskItem]] = {}
    for family in args.families:
        for level in args.levels if args.tasks else []:
            seeds = range(FIRST_SEED, FIRST_SEED + args.tasks)
            sets[f"{family}/level {level}"] = [held_out_task(family, level, seed) for seed in seeds]
        public = None if args.bbh is None else args.bbh / f"{family}.json"
        if public is not None and public.exists():
            sets[f"{family}/public"] = load_tasks(public)
    if args.file is not None:
        sets[args.file.name] = load_tasks(args.file)
    return sets


def write_seeds(args: argparse.Namespace) -> None:
    """Writes the measured tasks as seed lines."""
    lines = [
        json.dumps({"family": family, "level": level, "seed": seed})
        for family in args.families
        for level in args.levels
        for seed in range(FIRST_SEED, FIRST_SEED + args.tasks)
    ]
    args.write.write_text("".join(f"{line}\n" for line in lines), "utf-8")


def main() -> None:
    """Command line; the result is one JSON document, progress goes to stderr."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--engine", default="torch", choices=["torch", "llama_cpp"])
    parser.add_argument("--weights", type=Path, help="model folder (default: the built-in model)")
    parser.add_argument("--random-weights-seed", type=int, help="measure a model with random weights instead")
    parser.add_argument("--families", nargs="+", default=list(SHIPPED), choices=list(FAMILIES))
    parser.add_argument("--levels", nargs="+", type=int, default=[3])
    parser.add_argument("--tasks", type=int, default=200, help="fresh tasks per family and level")
    parser.add_argument("--bbh", type=Path, help="folder of BIG-Bench-Hard JSON files")
    parser.add_argument("--file", type=Path, help="a file of tasks, measured as one set")
    parser.add_argument("--temperature", type=float, default=0.8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--max-tokens", type=int, default=900)
    parser.add_argument("--out", type=Path, help="JSON file (default: stdout)")
    parser.add_argument("--write", type=Path, help="write the tasks as seed lines and measure nothing")
    args = parser.parse_args()
    if args.write is not None:
        write_seeds(args)
        return
    engine = open_engine(args.engine, weights=args.weights, random_weights_seed=args.random_weights_seed)
    report: dict[str, object] = {
        "engine": asdict(engine.info),
        "temperature": args.temperature,
        "seed": args.seed,
    }
    results: dict[str, object] = {}
    for name, tasks in task_sets(args).items():
        started = time.monotonic()
        scores = score(
            engine, tasks, temperature=args.temperature, seed=args.seed, max_tokens=args.max_tokens
        )
        results[name] = asdict(scores)
        print(f"{name}: {asdict(scores)} in {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    engine.close()
    text = json.dumps({**report, "results": results}, indent=1) + "\n"
    if args.out is None:
        sys.stdout.write(text)
    else:
        args.out.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
