"""Compares ways of weighing a seat's chains in its own vote, on samples that `symphony eval --out` kept: accuracy by each, and
its difference from the present way, over the same chains.

    symphony eval --suite families --limit 51 --seeds 1 --votes 9 --out samples.jsonl
    python scripts/compare_weights.py samples.jsonl --limit 51

For a vote of n, every n chains in a row of a draw are one seat. `calibrated` weighs by the chance of being right that a monotone
map from the mean log-probability tells, fitted family by family on the other four fifths of the tasks. Prints one JSON document.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path

from agent_runtime.evaluation.samples import Draw, SampleBook, prompt_digest
from agent_runtime.evaluation.score import paired_bootstrap
from agent_runtime.evaluation.suites import load_suite
from agent_runtime.model.datasets import TaskItem, is_right
from agent_runtime.reasoning.calibration import Isotonic, auroc

FOLDS = 5
PRESENT = "mean"
#: Way → weight of a chain by its mean log-probability, its tokens, and its calibrated chance.
WAYS = {
    "equal": lambda mean, tokens, chance: 1.0,
    "mean": lambda mean, tokens, chance: math.exp(mean),
    "10 mean": lambda mean, tokens, chance: math.exp(10 * mean),
    "total": lambda mean, tokens, chance: math.exp(mean * tokens),
    "calibrated": lambda mean, tokens, chance: chance,
}


class Chain:
    """One chain of a task: its answer, whether that is right, and what may weigh it."""

    def __init__(self, task: TaskItem, answer: bytes | None, mean: float, tokens: int) -> None:
        self.answer, self.mean, self.tokens = answer, mean, tokens
        self.right = answer is not None and is_right(task, answer.decode())
        self.chance = 0.0


def compare(tasks: list[TaskItem], draws: list[Draw], sizes: list[int]) -> dict[str, object]:
    """The document for the draws of one agent."""
    by_prompt = {draw.prompt: draw for draw in draws}
    kept = [task for task in {prompt_digest(t): t for t in tasks}.values() if prompt_digest(task) in by_prompt]
    rows = []
    for task in kept:
        draw = by_prompt[prompt_digest(task)]
        pairs = zip(draw.ballots(task), draw.chains, strict=True)
        rows.append([Chain(task, ballot.answer, ballot.mean_logprob, chain.tokens) for ballot, chain in pairs])
    calibrate(kept, rows)
    chains = [chain for row in rows for chain in row]
    out: dict[str, object] = {
        "tasks": len(rows),
        "auroc_of_one_chain": auroc([c.mean for c in chains], [c.right for c in chains]),
    }
    for size in sizes:
        means = {way: [share_right(row, size, way) for row in rows] for way in WAYS}
        out[str(size)] = {
            way: {"accuracy": sum(values) / len(values), "over_mean": asdict(paired_bootstrap(values, means[PRESENT]))}
            for way, values in means.items()
        }
    return out


def calibrate(tasks: list[TaskItem], rows: list[list[Chain]]) -> None:
    """Gives each chain its chance, from tasks of its family in other folds."""
    for fold in range(FOLDS):
        seen: dict[str, list[Chain]] = defaultdict(list)
        for at, (task, row) in enumerate(zip(tasks, rows, strict=True)):
            if at % FOLDS != fold:
                seen[task.family] += row
        maps = {family: Isotonic.fit([c.mean for c in cs], [c.right for c in cs]) for family, cs in seen.items()}
        for at, (task, row) in enumerate(zip(tasks, rows, strict=True)):
            if at % FOLDS == fold:
                for chain in row:
                    chain.chance = maps[task.family](chain.mean) if task.family in maps else 0.5


def share_right(row: list[Chain], size: int, way: str) -> float:
    """Share of the seats whose heaviest answer is right; a tie is right by the share of its answers that are."""
    seats = [row[start : start + size] for start in range(0, len(row) - size + 1, size)]
    total = 0.0
    for seat in seats:
        weights: dict[bytes, float] = defaultdict(float)
        right = {chain.answer: chain.right for chain in seat}
        for chain in seat:
            if chain.answer is not None:
                weights[chain.answer] += WAYS[way](chain.mean, chain.tokens, chain.chance)
        best = [answer for answer, weight in weights.items() if weight == max(weights.values())]
        total += sum(right[answer] for answer in best) / max(1, len(best))
    return total / max(1, len(seats))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("samples", type=Path, help="JSONL of `symphony eval --out`, sampled chains")
    parser.add_argument("--families", nargs="+", default=[])
    parser.add_argument("--levels", nargs="+", type=int, default=[3])
    parser.add_argument("--limit", type=int, default=50)
    parser.add_argument("--sizes", nargs="+", type=int, default=[3, 5, 9])
    args = parser.parse_args()
    tasks = load_suite("families", None, families=args.families, levels=args.levels, limit=args.limit)
    by_agent: dict[str, list[Draw]] = defaultdict(list)
    for draw in SampleBook(args.samples).draws():
        if draw.temperature > 0 and len(draw.chains) >= max(args.sizes) and draw.seed == 0:
            by_agent[draw.agent].append(draw)
    print(json.dumps({agent: compare(tasks, draws, args.sizes) for agent, draws in by_agent.items()}))


if __name__ == "__main__":
    main()
