"""`symphony demo`: a file of tasks through a whole market on this machine, measured and audited."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from symphony.cli.output import Output
from symphony.cli.running import LOCK_FILE, market_options, only_market, plan_of, teller, until_interrupted
from symphony.cli.session import Session, options
from symphony_chain.errors import Failure, UsageError

if TYPE_CHECKING:
    from agent_runtime.model.datasets import TaskItem
    from symphony.supervisor import Supervisor

REPORT = Path("demo-report.json")


@click.command()
@click.option(
    "--tasks",
    type=click.Path(path_type=Path),
    help="BIG-Bench-Hard JSON or our JSONL.  [default: the 20 built-in tasks]",
)
@click.option("--limit", type=click.IntRange(1), help="Take only the first so many.")
@click.option("--seats", type=click.IntRange(1, 16), default=3, show_default=True, help="Seats per task.")
@click.option(
    "--report",
    type=click.Path(path_type=Path),
    default=REPORT,
    show_default=True,
    help="Where the figures go.",
)
@click.option(
    "--keep/--no-keep",
    default=None,
    help="Keep the explorer up afterwards until Ctrl-C.  [default: at a terminal]",
)
@market_options
@options()
def demo(
    session: Session,
    tasks: Path | None,
    limit: int | None,
    seats: int,
    report: Path,
    keep: bool | None,
    **market: Any,
) -> None:
    """Send a file of tasks through a market of five agents and report.

    Exit code 1 unless every task ended by an honest vote, the vote was right on 60 %, the audit holds and every wei
    is accounted for.
    """
    from symphony.demo.report import lines
    from symphony.demo.run import load
    from symphony.supervisor import Supervisor

    out = session.out
    items = load(tasks or _built_in(), limit)
    _writable(report)
    with only_market(session.settings.data_dir / "demo") as folder, ExitStack() as stack:
        plan = plan_of(folder, market)
        _empty(folder)
        out.note(f"{len(items)} tasks, {min(seats, plan.agents)} seats each; files in {folder}")
        with out.working("starting the market") as spinner:
            running = stack.enter_context(Supervisor(plan, teller(out, spinner)))
        figures = _figures(out, running, items, seats)
        report.write_text(json.dumps(figures, indent=1) + "\n")
        stays = keep if keep is not None else sys.stdin.isatty() and out.interactive
        shown = f"explorer      {running.api_url}" if stays else f"explorer      was {running.api_url}"
        out.result(figures, [*lines(figures), shown, f"report        {report}"], "" if stays else "symphony up")
        if stays:
            out.note("Ctrl-C ends the market")
            until_interrupted(running)
    if figures["failures"]:
        if not out.as_json:
            out.error(
                Failure("; ".join(figures["failures"]), hint=f"the figures are in {report}", code="demo.failed")
            )
        click.get_current_context().exit(Failure.exit_code)


def _figures(out: Output, running: Supervisor, items: Sequence[TaskItem], seats: int) -> dict[str, Any]:
    """Runs the tasks and measures."""
    from symphony.demo.measure import clock, gas_by_step
    from symphony.demo.report import document
    from symphony.demo.run import run
    from symphony.demo.screen import Screen

    with Screen(out, len(items)) as screen:
        done = run(running, items, seats=seats, watcher=screen)
    names = [f"agent-{number}" for number in range(1, running.plan.agents + 1)]
    times = clock(running.plan.data_dir, names, done.started_s, done.ended_s)
    gas = gas_by_step(running.rpc, running.deployment)
    return {**document(done, gas, times, devnet=running.devnet.kind), "explorer": running.api_url}


def _built_in() -> Path:
    import agent_runtime.model

    return Path(agent_runtime.model.__file__).parent / "demo_tasks.jsonl"


def _writable(report: Path) -> None:
    """Says before the run, not after it, that the report cannot be written."""
    if not report.absolute().parent.is_dir() or report.is_dir():
        raise UsageError(
            f"the report cannot be written to {report}", hint="name a file in a folder that exists", code="demo.report"
        )


def _empty(folder: Path) -> None:
    """Each demo is a new market: what a former one left is removed, but for the lock that we hold."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name != LOCK_FILE:
            path.unlink()
