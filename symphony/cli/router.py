"""`symphony router`: awards the tasks that name this key. What a router does is `agent_runtime.router`'s."""

from __future__ import annotations

import os
import signal
import threading

import click

from symphony.cli.amounts import DURATION
from symphony.cli.session import Session, options
from symphony.cli.text import format_wei


@click.group()
def router() -> None:
    """Award seats for requesters who are away."""


@router.command("run")
@click.option("--linger", "linger_s", type=DURATION, default="2s", show_default=True,
              help="Wait for better bids once there are enough.")  # fmt: skip
@options(sends=True)
def run(session: Session, linger_s: int) -> None:
    """Award every task that names your key as its router, until Ctrl-C or SIGTERM.

    It collects the agents' signed bids, orders them, and seats the best. It holds nobody's money and can take none: the
    key needs coins for gas only. Restarting it loses nothing.
    """
    from agent_runtime.router import RouterConfig, RouterService
    from symphony.cli.working_agent import log_to_stderr

    stop = threading.Event()
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
    log_to_stderr(session)
    service = RouterService(session.rpc, session.deployment, session.sender, RouterConfig(linger_s=linger_s))
    service.start()
    gas_wei = session.rpc.get_balance(service.address)
    document = {"router": service.address, "gas_wei": gas_wei, "pid": os.getpid(), "ready": True}
    lines = [f"router {service.address} is at work with {format_wei(gas_wei)} for gas; Ctrl-C ends it"]
    session.out.result(document, lines, f"symphony task post … --router {service.address}")
    service.run(stop)
