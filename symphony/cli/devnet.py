"""`symphony devnet`: a development chain in the foreground, until it is interrupted. Knows no contracts."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import cast

import click

from symphony.cli.session import Session, options
from symphony_chain.errors import Failure

WATCH_S = 0.5


@click.command()
@click.option("--kind", type=click.Choice(["auto", "pyevm", "anvil", "hardhat"]), default="auto", show_default=True,
              help="Which chain; auto takes anvil where it is installed, else pyevm.")  # fmt: skip
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=8545, show_default=True, help="0 takes a free port."
)
@click.option("--block-time", "block_time_s", type=click.FloatRange(0, 3600), default=1.0, show_default=True,
              help="Seconds between blocks; 0 mines on every transaction.")  # fmt: skip
@options()
def devnet(session: Session, kind: str, port: int, block_time_s: float) -> None:
    """Run a development chain until Ctrl-C.

    Its ten accounts hold play money and are known to everybody: use them as --from devnet:0 to devnet:9.
    """
    from symphony_chain.devnet import DEVNET_ACCOUNTS, start_devnet
    from symphony_chain.devnet.launch import Kind

    stop = threading.Event()
    _on_terminate(stop)
    with (
        session.out.working(f"starting the {kind} devnet"),
        start_devnet(cast(Kind, kind), port=port, block_time_s=block_time_s) as node,
    ):
        addresses = [address for address, _ in DEVNET_ACCOUNTS]
        session.out.result(
            {
                "url": node.url,
                "kind": node.kind,
                "pid": node.pid,
                "block_time_s": block_time_s,
                "accounts": addresses,
            },
            [f"{node.kind} devnet at {node.url}, process {node.pid}; Ctrl-C ends it"],
            f"symphony chain deploy --rpc {node.url} --from devnet:0",
        )
        while not stop.wait(WATCH_S):
            if not node.running():
                raise Failure(
                    f"the {node.kind} devnet ended by itself",
                    hint=f"its log is {node.log}; start it again (its chain is gone)",
                    code="devnet.ended",
                )


def _on_terminate(stop: threading.Event) -> None:
    """SIGTERM is how services are told to end: it is obeyed as a success. Ctrl-C stays an interruption (130)."""

    def handler(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)
