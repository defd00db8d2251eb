"""Measures specialists on fresh tasks of their own families, writes their cards, and the file of agents that `symphony eval
--agents` and a market take. Each declares what was measured, and nothing else.

    python scripts/measure_adapters.py --adapters /tmp/adapters --limit 40
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

from agent_runtime.engines import EngineConfig
from agent_runtime.engines.weights import early_folder, read_manifest, shipped_folder
from agent_runtime.evaluation.policies import Plan
from agent_runtime.evaluation.pool import Agent, Engines
from agent_runtime.evaluation.report import evaluate
from agent_runtime.evaluation.samples import SampleBook, Sampling
from agent_runtime.evaluation.suites import load_suite
from agent_runtime.model.card import measured_skills
from agent_runtime.model.card_export import write_card
from agent_runtime.model.specialists import SPECIALISTS
from symphony_chain.skills import DEFAULT_TAGS, FULL_SCALE

AGENTS = "agents.json"
GREEDY, ONE, CHAINS = 0, 1, 3


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", choices=["shipped", "early"], default="early")
    parser.add_argument("--adapters", type=Path, required=True, help="folder that scripts/train_adapters.py wrote")
    parser.add_argument("--limit", type=int, default=40, help="tasks of each family")
    args = parser.parse_args()
    base = {"shipped": shipped_folder(), "early": early_folder()}[args.base]
    agents = []
    for name, families in SPECIALISTS.items():
        folder = args.adapters / name
        manifest = read_manifest(folder)
        assert manifest is not None, f"{folder} has no manifest: train it first"
        everything = dict.fromkeys(DEFAULT_TAGS, FULL_SCALE)
        agent = Agent(name, EngineConfig("llama_cpp", weights=base), folder / "adapter.gguf", everything)
        tasks = load_suite("families", None, families=families, limit=args.limit)
        plan = Plan(tasks, (GREEDY, ONE, CHAINS), seeds=1, sampling=Sampling(0.8, 900))
        with Engines(SampleBook(), clock=time.monotonic) as engines:
            report = evaluate("families", "single", plan, [agent], engines)
        skills = measured_skills(write_card(folder, [report], manifest["trained"]["curve"]))
        where = os.path.relpath(base, args.adapters)
        agents.append(
            {
                "name": name,
                "engine": {"spec": "llama_cpp", "weights": where},
                "adapter": f"{name}/adapter.gguf",
                "skills": skills,
            }
        )
        print(f"{name}: {report['mean']} {skills}", flush=True)
    (args.adapters / AGENTS).write_text(json.dumps(agents, indent=1) + "\n", "utf-8")
    print(f"wrote {args.adapters / AGENTS}")


if __name__ == "__main__":
    main()
