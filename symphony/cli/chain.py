"""`symphony chain`: deploy the contracts, and see where a node and its market stand. Knows nothing of devnets."""

from __future__ import annotations

import time

import click

from symphony.cli.session import Session, options
from symphony.cli.text import format_wei, short


@click.group()
def chain() -> None:
    """Deploy the contracts; see where the chain stands."""


@chain.command("deploy")
@click.option("--min-window", "min_window_s", type=click.IntRange(1, 86_400), default=5, show_default=True,
              help="Least length of a task's windows, in seconds.")  # fmt: skip
@options(sends=True)
def deploy_contracts(session: Session, min_window_s: int) -> None:
    """Deploy registry and market, and write their addresses to the deployment file.

    Contracts that are there already are left alone: the command may be repeated.
    """
    from symphony_chain.deploy import deploy

    path = session.settings.deployment_path
    with session.out.working("deploying the contracts"):
        deployment = deploy(session.sender, min_window_s=min_window_s)
    deployment.save(path)
    session.out.result(
        {"chain_id": deployment.chain_id, "genesis": deployment.genesis, "registry": deployment.registry,
         "market": deployment.market, "block": deployment.block, "deployment": path},
        [f"registry {deployment.registry}", f"market   {deployment.market}", f"written to {path}"],
        "symphony chain status",
    )  # fmt: skip


@chain.command("status")
@options(chain=True)
def status(session: Session) -> None:
    """Where the node stands, and whether the market is there."""
    from symphony_chain.types import NATIVE

    head = session.rpc.head()
    deployment = session.deployment
    held_wei = session.rpc.get_balance(deployment.market)
    burnt_wei = session.market.burnt(NATIVE)
    drift_s = head.timestamp - int(time.time())
    document = {
        "rpc_url": session.settings.rpc_url,
        "chain_id": deployment.chain_id,
        "genesis": deployment.genesis,
        "block": {"number": head.number, "hash": head.hash, "timestamp_s": head.timestamp},
        "clock_drift_s": drift_s,
        "registry": deployment.registry,
        "market": deployment.market,
        "min_window_s": session.market.min_window_s(),
        "held_wei": held_wei,
        "burnt_wei": burnt_wei,
    }
    lines = [
        f"chain    {deployment.chain_id}, genesis {short(deployment.genesis, 16)}, at {session.settings.rpc_url}",
        f"head     block {head.number} ({short(head.hash)}), {drift_s:+d} s against this machine's clock",
        f"market   {deployment.market} holds {format_wei(held_wei)}, {format_wei(burnt_wei)} of it burnt",
        f"registry {deployment.registry}",
    ]
    session.out.result(document, lines, "symphony task list")
