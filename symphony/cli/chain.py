"""`symphony chain`: deploy the contracts, and see where a node and its market stand. Knows nothing of devnets."""

from __future__ import annotations

import time

import click

from symphony.cli.amounts import DURATION, ETHER
from symphony.cli.session import Session, checked_address, options
from symphony.cli.text import format_amount, format_wei, short
from symphony_chain.types import NATIVE


@click.group()
def chain() -> None:
    """Deploy the contracts; see where the chain stands."""


@chain.command("deploy")
@click.option("--min-window", "min_window_s", type=click.IntRange(1, 30 * 86_400), default=5, show_default=True,
              help="Least length of a task's windows, in seconds.")
@click.option("--score-token", metavar="ADDRESS", default=NATIVE,
              help="Token in which pay moves reputation.  [default: native coins]")
@click.option("--score-min", "score_min_wei", type=ETHER, default="0.000001 ether", show_default=True,
              help="Least pay of a seat that moves reputation.")
@click.option("--score-burn", "score_burn_bps", type=click.IntRange(0, 10_000), default=100, show_default=True,
              help="Share of such pay that is burnt, in basis points.")
@click.option("--pool-epoch", "pool_epoch_s", type=DURATION, default="60s", show_default=True,
              help="Length of the reward pool's epochs.")
@click.option("--pool-delay", type=click.IntRange(1, 10_000), default=1, show_default=True,
              help="Epochs before a pot is released.")
@click.option("--pool-spread", type=click.IntRange(1, 10_000), default=4, show_default=True,
              help="Epochs over which it is released.")
@options(sends=True)
def deploy_contracts(session: Session, score_token: str, **terms_given: int) -> None:
    """Deploy the contracts, and write their addresses to the deployment file.

    The terms hold for ever: other terms are another market, at another address. Contracts that are there already are
    left alone, so the command may be repeated.
    """
    from dataclasses import asdict

    from symphony_chain.deploy import CONTRACT_NAMES, Terms, deploy

    terms = Terms(score_token=checked_address(score_token), **terms_given)
    path = session.settings.deployment_path
    with session.out.working("deploying the contracts"):
        deployment = deploy(session.sender, terms=terms)
    deployment.save(path)
    lines = [f"{name:<10} {getattr(deployment, name)}" for name in CONTRACT_NAMES]
    session.out.result(
        {**asdict(deployment), "terms": asdict(terms), "deployment": path},
        [*lines, f"written to {path}"],
        "symphony chain status",
    )


@chain.command("status")
@options(chain=True)
def status(session: Session) -> None:
    """Where the node stands, and whether the market is there."""
    from dataclasses import asdict

    from symphony_chain.deploy import CONTRACT_NAMES

    head = session.rpc.head()
    deployment = session.deployment
    held_wei = session.rpc.get_balance(deployment.market)
    policy = session.market.policy()
    least = format_amount(policy.score_min_wei, policy.score_token)
    drift_s = head.timestamp - int(time.time())
    document = {
        "rpc_url": session.settings.rpc_url,
        "chain_id": deployment.chain_id,
        "genesis": deployment.genesis,
        "block": {"number": head.number, "hash": head.hash, "timestamp_s": head.timestamp},
        "clock_drift_s": drift_s,
        **{name: getattr(deployment, name) for name in CONTRACT_NAMES},
        "terms": asdict(policy),
        "held_wei": held_wei,
    }
    lines = [
        f"chain      {deployment.chain_id}, genesis {short(deployment.genesis, 16)}, at {session.settings.rpc_url}",
        f"head       block {head.number} ({short(head.hash)}), {drift_s:+d} s against this machine's clock",
        *(f"{name:<10} {getattr(deployment, name)}" for name in CONTRACT_NAMES),
        f"holds      {format_wei(held_wei)}",
        f"terms      windows from {policy.min_window_s} s; pay from {least} a seat moves scores, "
        f"and {policy.score_burn_bps / 100:g} % of it is burnt",
    ]
    session.out.result(document, lines, "symphony task list")
