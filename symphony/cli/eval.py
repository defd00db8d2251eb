"""`symphony eval`: how often agents are right, and what it costs. The measuring is `agent_runtime.evaluation`'s."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from symphony.cli.session import Session, options
from symphony_chain.errors import UsageError

if TYPE_CHECKING:
    from agent_runtime.evaluation.policies import Plan
    from agent_runtime.evaluation.pool import Agent

SUITES = ("bbh", "gsm8k", "families")
POLICIES = ("single", "random", "broadcast", "routed")
MAX_VOTES = 64


class _Votes(click.ParamType[tuple[int, ...]]):
    name = "votes"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        words = [word.strip() for word in str(value).split(",")]
        if not all(word == "greedy" or (word.isdecimal() and 1 <= int(word) <= MAX_VOTES) for word in words):
            self.fail(f"{value!r}: give numbers from 1 to {MAX_VOTES}, or greedy, as in greedy,1,3", param, ctx)
        return tuple(sorted({0 if word == "greedy" else int(word) for word in words}))


class _Names(click.ParamType[tuple[str, ...]]):
    name = "names"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        return value if isinstance(value, tuple) else tuple(word.strip() for word in str(value).split(",") if word.strip())


class _Levels(click.ParamType[tuple[int, ...]]):
    name = "levels"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        words = [word.strip() for word in str(value).split(",")]
        if not all(word.isdecimal() for word in words):
            self.fail(f"{value!r}: give levels from 1 to 5, as in 2,3", param, ctx)
        return tuple(int(word) for word in words)


@click.command("eval")
@click.option("--suite", type=click.Choice(SUITES), required=True, help="Public sets, or fresh held-out tasks of the families.")
@click.option("--data", type=click.Path(path_type=Path), help="The public set's file or folder, as published; for families: a "
              "JSONL file instead of fresh tasks.")  # fmt: skip
@click.option("--engine", "engines", multiple=True, metavar="SPEC",
              help="torch, llama_cpp, a path or a URL (repeatable: one agent each).")  # fmt: skip
@click.option("--agents", "agents_file", type=click.Path(path_type=Path), metavar="FILE",
              help="JSON list: name, engine, adapter, skills.  [default: the built-in model and its early self]")  # fmt: skip
@click.option("--policy", type=click.Choice(POLICIES), default="single", show_default=True, help="Who answers a task.")
@click.option("--votes", type=_Votes(), default="1,3,5,9", show_default=True, metavar="N,…",
              help="Chains of thought that vote in a seat; greedy (or 0): one greedy chain.")  # fmt: skip
@click.option("--seeds", type=click.IntRange(1, 100), default=3, show_default=True, help="How often each task is asked.")
@click.option("--families", type=_Names(), default=(), metavar="A,B", help="Only these families.")
@click.option("--levels", type=_Levels(), default="3", show_default=True, metavar="N,…", help="Levels of fresh tasks, 1 to 5.")
@click.option("--reword", type=click.FloatRange(0, 1), default=0.0, show_default=True,
              help="Share of fresh tasks in other words, misspelt here and there.")  # fmt: skip
@click.option("--limit", type=click.IntRange(1), help="So many tasks of each family (and level).  [default: all; 50 fresh ones]")
@click.option("--temperature", type=click.FloatRange(0.01, 2), default=0.8, show_default=True, help="Of sampled chains.")
@click.option("--max-tokens", type=click.IntRange(1, 32_768), default=512, show_default=True, help="Of one chain.")
@click.option("--seats", type=click.IntRange(1, 16), default=1, show_default=True, help="Agents that the routed market seats.")
@click.option("--gold", type=click.FloatRange(0, 1), default=0.0, show_default=True,
              help="Share of the tasks whose evaluator knows the answer, from which agents earn.")  # fmt: skip
@click.option("--wei-per-token", type=click.IntRange(1), default=10**9, show_default=True, help="Of one read or generated.")
@click.option("--out", type=click.Path(path_type=Path), help="JSONL of all samples: a stopped run goes on, other policies reuse.")
@click.option("--calibration", type=click.Path(path_type=Path), help="Write the model's calibration there (policy single).")
@click.option("--live", is_flag=True, help="Post the tasks to a market on this machine, with a worker for each agent.")
@click.option("--devnet", type=click.Choice(["auto", "pyevm", "anvil", "hardhat"]), default="auto", show_default=True,
              help="Which chain a live market runs on.")  # fmt: skip
@options()
def eval(session: Session, **given: Any) -> None:
    """Measure how often agents are right: one model, a random agent, all agents, or those that the market seats.

    The same chains of thought serve every number of votes and, with --out, every policy.
    """
    from agent_runtime.evaluation.policies import Plan
    from agent_runtime.evaluation.report import lines
    from agent_runtime.evaluation.samples import Sampling
    from agent_runtime.evaluation.suites import load_suite

    tasks = load_suite(
        given["suite"],
        given["data"],
        families=given["families"],
        levels=given["levels"],
        limit=given["limit"],
        reword=given["reword"],
    )
    plan = Plan(
        tasks=tasks,
        sizes=given["votes"],
        seeds=given["seeds"],
        sampling=Sampling(given["temperature"], given["max_tokens"]),
        seats=given["seats"],
        gold=given["gold"],
        wei_per_token=given["wei_per_token"],
    )
    pool = _pool(given)
    if given["calibration"] is not None and (given["policy"] != "single" or given["live"]):
        raise UsageError(
            "--calibration is of one model", hint="leave out --policy and --live", code="evaluation.calibration"
        )
    document = _live(session, plan, pool, given) if given["live"] else _offline(session, plan, pool, given)
    session.out.result(document, lines(document))


def _pool(given: dict[str, Any]) -> list[Agent]:
    from agent_runtime.evaluation.pool import default_pool, load_pool, pool_of

    if given["agents_file"] is not None and given["engines"]:
        raise UsageError("--agents and --engine both say who answers", hint="give one of them", code="evaluation.agents")
    if given["agents_file"] is not None:
        return load_pool(given["agents_file"])
    if given["engines"]:
        return pool_of(given["engines"])
    return default_pool()[:1] if given["policy"] == "single" else default_pool()


def _offline(session: Session, plan: Plan, pool: list[Agent], given: dict[str, Any]) -> dict[str, Any]:
    from agent_runtime.evaluation.calibrate import calibrate
    from agent_runtime.evaluation.policies import Seats
    from agent_runtime.evaluation.pool import Engines
    from agent_runtime.evaluation.report import evaluate
    from agent_runtime.evaluation.samples import Draw, SampleBook

    out = session.out
    with ExitStack() as stack:
        book = stack.enter_context(SampleBook(given["out"]))
        if len(book):
            out.note(f"{len(book)} draws are in {given['out']} already")
        spinner = stack.enter_context(out.working("opening the engines"))
        drawn = 0

        def tell(draw: Draw) -> None:
            nonlocal drawn
            drawn += 1
            spinner.say(f"{drawn} new draws, the last by {draw.agent}")

        engines = stack.enter_context(Engines(book, clock=time.monotonic, on_draw=tell))
        document = evaluate(given["suite"], given["policy"], plan, pool, engines)
        if given["calibration"] is not None:
            found = calibrate(plan, pool[0], Seats(engines, plan), engines)
            found.save(given["calibration"])
            document["calibration"] = {
                tag: {
                    "n": skill.n,
                    "accuracy": round(skill.accuracy, 4),
                    "auroc": None if skill.auroc is None else round(skill.auroc, 4),
                    "calibration_error": round(skill.calibration_error, 4),
                    "brier": round(skill.brier, 4),
                }
                for tag, skill in found.skills.items()
            }
    return document


def _live(session: Session, plan: Plan, pool: list[Agent], given: dict[str, Any]) -> dict[str, Any]:
    from symphony.cli.running import only_market, teller
    from symphony.live_evaluation import evaluate_live

    with only_market(session.settings.data_dir / "eval") as folder, session.out.working("starting the market") as spinner:
        return evaluate_live(
            given["suite"], given["policy"], plan, pool, folder, devnet=given["devnet"], say=teller(session.out, spinner)
        )
