"""`symphony up`: a whole market on this machine until Ctrl-C."""

from __future__ import annotations

from typing import Any

import click

from symphony.cli.running import market_options, only_market, plan_of, teller, until_interrupted
from symphony.cli.session import Session, options

FIRST_TASK = (
    'symphony task post --from devnet:0 --prompt "not ( True ) and ( True ) is" --format boolean '
    "--skill boolean_expressions --yes"
)


@click.command()
@market_options
@click.option("--router/--no-router", default=False, show_default=True, help="Run a router too, for tasks to name.")
@options()
def up(session: Session, **market: Any) -> None:
    """Run a whole market here until Ctrl-C: chain, contracts, index, API and explorer, agents.

    Other commands find it by themselves while it runs, from the same folder.
    """
    from symphony.supervisor import Supervisor

    out = session.out
    with only_market(session.settings.data_dir) as folder:
        plan = plan_of(folder, market)
        with out.working("starting the market") as spinner, Supervisor(plan, teller(out, spinner)) as running:
            document = {
                "explorer": running.api_url,
                "rpc_url": running.devnet.url,
                "devnet": running.devnet.kind,
                "market": running.deployment.market,
                "registry": running.deployment.registry,
                "deployment": str(running.deployment_path),
                "router": running.router_address,
                "agents": running.agent_ids,
            }
            lines = [
                f"explorer   {running.api_url}",
                f"chain      {running.devnet.url} ({running.devnet.kind})",
                f"market     {running.deployment.market}",
                f"agents     {', '.join(map(str, running.agent_ids))}",
                *([f"router     {running.router_address}"] if running.router_address else []),
            ]
            out.result(document, lines, f"in another terminal: {FIRST_TASK}")
            spinner.say("running; Ctrl-C ends it")
            until_interrupted(running)
            spinner.say("ending")
