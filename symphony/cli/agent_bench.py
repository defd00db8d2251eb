"""`symphony agent bench`: how fast an engine is, what memory it takes, how often it is right. Measured by `agent_runtime`."""

from __future__ import annotations

from dataclasses import asdict
from time import monotonic
from typing import Any

import click

from symphony.cli.engine_options import engine_config, engine_options
from symphony.cli.session import Session, options
from symphony.cli.text import clean, table


@click.command("bench")
@click.argument("engine", metavar="PATH_OR_URL")
@click.option("--families", default="", metavar="A,B", help="Families of tasks.  [default: all that the built-in model knows]")
@click.option("--level", type=click.IntRange(1, 5), default=3, show_default=True, help="How hard the tasks are.")
@click.option("--tasks", type=click.IntRange(1), default=5, show_default=True, help="Held-out tasks of each family.")
@click.option("--samples", type=click.IntRange(0, 64), default=5, show_default=True,
              help="Chains of thought of a seat, whose speed is measured too; 0: greedy alone.")  # fmt: skip
@click.option("--temperature", type=click.FloatRange(0, 2), default=0.8, show_default=True, help="Of samples.")
@click.option("--max-tokens", type=click.IntRange(1, 32_768), default=512, show_default=True, help="Of one chain.")
@engine_options
@options()
def bench(session: Session, engine: str, families: str, level: int, tasks: int, **given: Any) -> None:
    """Measure an engine: tokens per second, peak memory, accuracy on held-out tasks.

    PATH_OR_URL is torch or llama_cpp (the built-in model), a Hugging Face folder, a GGUF file, or a server's URL.
    """
    from agent_runtime.engines import open_engine
    from agent_runtime.evaluation import bench as measuring
    from agent_runtime.evaluation.suites import load_suite

    config = engine_config(engine, given)
    names = [name.strip() for name in families.split(",") if name.strip()]
    items = load_suite("families", None, families=names, levels=(level,), limit=tasks)
    with session.out.working("loading the model") as spinner:
        started_s = monotonic()
        opened = open_engine(config)
        load_s = round(monotonic() - started_s, 3)
        try:
            measured = measuring.bench(opened, items, progress=spinner.say, **given)
        finally:
            opened.close()
    info = opened.info
    document = {
        "spec": config.spec,
        "engine": asdict(info),
        "load_s": load_s,
        "peak_memory_bytes": measuring.peak_memory_bytes(info.engine),
        "gpu_memory_bytes": measuring.gpu_memory_bytes(info.device),
        "level": level,
        "max_tokens": given["max_tokens"],
        **measured,
    }
    seat = measured["sampled"] or measured["greedy"]
    session.out.result(document, _lines(document), f'"tokens_per_second": {seat["tokens_per_second"]} in the agent\'s engine')


def _lines(found: dict[str, Any]) -> list[str]:
    info, sampled = found["engine"], found["sampled"]
    what = {"weights": "weights", "recipe": "recipe", "address": "address; its weights are not ours to see"}[info["digest_of"]]
    lines = [
        f"engine     {info['engine']}, {clean(info['dtype'])} on {info['device']}, context {info['context_tokens']}",
        f"model      sha-256 {info['model_sha256'][:16]}… of its {what}",
        f"loading    {found['load_s']:.1f} s",
        f"memory     {_mebibytes(found['peak_memory_bytes'])}",
    ]
    if found["gpu_memory_bytes"] is not None:
        lines.append(f"graphics   {_mebibytes(found['gpu_memory_bytes'])}")
    lines.append(f"greedy     {found['greedy']['tokens_per_second']} tokens per second")
    if sampled is not None:
        lines.append(f"a seat     {sampled['tokens_per_second']} tokens per second, {sampled['samples']} samples at a time")
    lines.append(f"accuracy   {_percent(found)} over {len(found['families'])} families, greedy")
    if found["too_long"]:
        lines.append(f"too long   {found['too_long']} tasks, counted as wrong")
    rows = [(name, cell["n"], _percent(cell)) for name, cell in found["families"].items()]
    return [*lines, "", *table(["family", "tasks", "right"], rows)]


def _percent(cell: dict[str, Any]) -> str:
    return f"{100 * cell['accuracy']:.1f} % ± {100 * cell['se']:.1f}"


def _mebibytes(size: int | None) -> str:
    return "at the server, not measured" if size is None else f"{size / 2**20:.0f} MiB at most"
