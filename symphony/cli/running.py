"""What `up` and `demo` share: the options of a local market, and waiting until it is ended."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from symphony.supervisor import Plan, Supervisor

F = TypeVar("F", bound=Callable[..., Any])
WATCH_S = 0.5


def market_options(function: F) -> F:
    """Options of a whole market on this machine."""
    wanted = (
        click.option("--devnet", type=click.Choice(["auto", "pyevm", "anvil", "hardhat"]), default="auto", show_default=True,
                     help="Which chain; auto takes anvil where it is installed, else pyevm."),
        click.option("--devnet-port", type=click.IntRange(0, 65_535), default=0, help="Port of the chain.  [default: a free one]"),
        click.option("--api-port", type=click.IntRange(0, 65_535), default=0, help="Port of the explorer.  [default: a free one]"),
        click.option("--block-time", "block_time_s", type=click.FloatRange(0.1, 60), default=1.0, show_default=True,
                     help="Seconds between blocks."),
        click.option("--agents", type=click.IntRange(1, 9), default=5, show_default=True, help="Number of agents."),
        click.option("--engine", type=click.Choice(["torch", "llama_cpp"]), default="torch", show_default=True,
                     help="What the agents think with."),
        click.option("--samples", type=click.IntRange(1, 64), default=3, show_default=True, help="Chains of thought per seat."),
        click.option("--temperature", type=click.FloatRange(0, 2), default=0.8, show_default=True, help="Of sampling."),
        click.option("--random-weights", "random_weights_seed", type=click.IntRange(0), metavar="SEED",
                     help="Control: the model's shape with random weights."),
    )  # fmt: skip
    for option in reversed(wanted):
        function = option(function)
    return function


def plan_of(data_dir: Path, given: dict[str, Any]) -> Plan:
    """The supervisor's plan for these options."""
    from symphony.supervisor import Plan

    return Plan(data_dir=data_dir, **given)


def until_interrupted(market: Supervisor) -> None:
    """Waits for Ctrl-C or SIGTERM; raises Failure `service.failed` when a process of the market ends by itself."""
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
