"""What `up` and `demo` share: the options of a local market, and waiting until it is ended."""

from __future__ import annotations

import fcntl
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from symphony_chain.errors import Conflict, Failure, UsageError

if TYPE_CHECKING:
    from symphony.cli.output import Output, Spinner
    from symphony.supervisor import Plan, Supervisor

F = TypeVar("F", bound=Callable[..., Any])
WATCH_S = 0.5
LOCK_FILE = "market.lock"


def market_options(function: F) -> F:
    """Options of a whole market on this machine."""
    wanted = (
        click.option("--devnet", type=click.Choice(["auto", "pyevm", "anvil", "hardhat"]), default="auto", show_default=True,
                     help="Which chain; auto takes anvil where it is installed, else pyevm."),
        click.option("--devnet-port", type=click.IntRange(0, 65_535), default=0, help="Its port.  [default: a free one]"),
        click.option("--api-port", type=click.IntRange(0, 65_535), default=0, help="The explorer's port.  [default: a free one]"),
        click.option("--block-time", "block_time_s", type=click.FloatRange(0.1, 60), default=1.0, show_default=True,
                     help="Seconds between blocks."),
        click.option("--agents", type=click.IntRange(1, 9), default=5, show_default=True, help="Number of agents."),
        click.option("--engine", type=click.Choice(["torch", "llama_cpp"]), default="torch", show_default=True,
                     help="What the agents think with."),
        click.option("--model", type=click.Path(path_type=Path), metavar="FOLDER",
                     help="Folder of another model's weights.  [default: the built-in model]"),
        click.option("--samples", type=click.IntRange(1, 64), default=3, show_default=True, help="Chains of thought per seat."),
        click.option("--temperature", type=click.FloatRange(0, 2), default=0.8, show_default=True, help="Of sampling."),
        click.option("--random-weights", "random_weights_seed", type=click.IntRange(0), metavar="SEED",
                     help="Control: the model's shape with random weights."),
    )  # fmt: skip
    for option in reversed(wanted):
        function = option(function)
    return function


def plan_of(data_dir: Path, given: dict[str, Any]) -> Plan:
    """The supervisor's plan for these options.

    Raises:
        UsageError `model.choice`: weights cannot be both given and random.
    """
    from symphony.supervisor import Plan

    if given["random_weights_seed"] is not None and (given["engine"] != "torch" or given["model"] is not None):
        raise UsageError(
            "--random-weights makes weights of the built-in model's shape for the torch engine",
            hint="leave out --model and --engine llama_cpp, or leave out --random-weights",
            code="model.choice",
        )
    return Plan(data_dir=data_dir, **given)


def teller(out: Output, spinner: Spinner) -> Callable[[str], None]:
    """Says each step of a market's start: as a line, and beside the spinner."""

    def say(text: str) -> None:
        out.note(text)
        spinner.say(f"starting the market; {text}")

    return say


@contextmanager
def only_market(folder: Path) -> Iterator[Path]:
    """One market per folder, made if it is missing: the folder is held while the block runs, and free again however it ends.

    Raises:
        Conflict `market.running`: another process has it. Failure `data.unwritable`: no file can be made there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / LOCK_FILE).open("a+")
    except OSError as error:
        raise Failure(
            f"{folder} cannot be used: {error.strerror or error}",
            hint="give a folder that you may write to with --data-dir",
            code="data.unwritable",
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise Conflict(
                f"a market runs already in {folder} (process {lock.read().strip() or 'unknown'})",
                hint="use it, end it with Ctrl-C, or give another --data-dir",
                code="market.running",
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield folder.resolve()


def until_interrupted(market: Supervisor) -> None:
    """Waits for Ctrl-C or SIGTERM; raises what `Supervisor.check` raises when a process of the market ends by itself."""
    stop = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        while not stop.wait(WATCH_S):
            market.check()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
