"""`symphony demo`: a file of tasks through a whole market on this machine, measured and audited."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from symphony.cli.running import market_options, plan_of, until_interrupted
from symphony.cli.session import Session, options
from symphony_chain.errors import Conflict, Failure

if TYPE_CHECKING:
    from agent_runtime.requester import Progress

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
    from symphony.demo.measure import clock, gas_by_step
    from symphony.demo.report import document, lines
    from symphony.demo.run import load, run
    from symphony.supervisor import Supervisor

    items = load(tasks or _built_in(), limit)
    folder = _fresh_folder(session.settings.data_dir / "demo")
    out = session.out
    out.note(f"{len(items)} tasks, {seats} seats each; files in {folder}")
    with (
        out.working("starting the market") as spinner,
        Supervisor(plan_of(folder, market), _teller(out, spinner)) as running,
    ):
        board = Board(len(items))

        def progress(step: Progress) -> None:
            board.see(step)
            spinner.say(board.line())
            if not out.interactive and board.changed_end(step):
                out.note(board.line())

        done = run(running, items, seats=seats, progress=progress)
        names = [f"agent-{number}" for number in range(1, running.plan.agents + 1)]
        times = clock(folder, names, done.started_s, done.ended_s)
        figures = document(
            done, gas_by_step(running.rpc, running.deployment), times, devnet=running.devnet.kind
        )
        figures["explorer"] = running.api_url
        report.write_text(json.dumps(figures, indent=1) + "\n")
        stays = keep if keep is not None else sys.stdin.isatty() and out.interactive
        shown = f"explorer   {running.api_url}" + (
            "" if stays else " (until now; `symphony up` keeps one running)"
        )
        out.result(figures, [*lines(figures), shown, f"report     {report}"], "" if stays else "symphony up")
        if stays:
            out.note("Ctrl-C ends the market")
            until_interrupted(running)
    if figures["failures"]:
        if not out.as_json:
            out.error(
                Failure(
                    "; ".join(figures["failures"]), hint=f"the figures are in {report}", code="demo.failed"
                )
            )
        click.get_current_context().exit(Failure.exit_code)


class Board:
    """How many tasks have come how far."""

    STAGES = ("posted", "bids", "awarded", "committed", "revealed")

    def __init__(self, tasks: int) -> None:
        self.tasks = tasks
        self._stage: dict[bytes, str] = {}

    def see(self, step: Progress) -> None:
        self._stage[step.task_id] = step.stage

    def changed_end(self, step: Progress) -> bool:
        return step.stage not in self.STAGES

    def line(self) -> str:
        """For example ``7 of 20 closed · 5 thinking · 8 bidding``."""
        count = Counter(self._stage.values())
        closed = sum(number for stage, number in count.items() if stage not in self.STAGES)
        parts = [f"{closed} of {self.tasks} closed"]
        parts += [f"{count[stage]} {stage}" for stage in reversed(self.STAGES) if count[stage]]
        return " · ".join(parts)


def _teller(out: Any, spinner: Any) -> Any:
    def say(text: str) -> None:
        out.note(text)
        spinner.say(text)

    return say


def _built_in() -> Path:
    import agent_runtime.model

    return Path(agent_runtime.model.__file__).parent / "demo_tasks.jsonl"


def _fresh_folder(folder: Path) -> Path:
    """Each demo is a new market in an empty folder; one that still runs is left alone."""
    state = folder / "run.json"
    if state.exists():
        pid = int(json.loads(state.read_text()).get("pid", 0))
        if _alive(pid):
            raise Conflict(
                f"a demo runs already in {folder} (process {pid})",
                hint="wait for it, end it, or give another --data-dir",
                code="demo.running",
            )
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    return folder.resolve()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return pid > 0
