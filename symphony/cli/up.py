"""`symphony up`: a whole market on this machine until Ctrl-C."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import click

from symphony.cli.running import market_options, plan_of, until_interrupted
from symphony.cli.session import Session, options
from symphony_chain.errors import Conflict


@click.command()
@market_options
@options()
def up(session: Session, **market: Any) -> None:
    """Run a whole market here until Ctrl-C: chain, contracts, index, API and explorer, agents.

    Other commands find it by themselves while it runs.
    """
    from symphony.supervisor import Supervisor

    folder = session.settings.data_dir
    folder.mkdir(parents=True, exist_ok=True)
    _refuse_second(folder)
    out = session.out
    with out.working("starting the market") as spinner:

        def say(text: str) -> None:
            out.note(text)
            spinner.say(text)

        running = Supervisor(plan_of(folder.resolve(), market), say)
        with running:
            document = {
                "explorer": running.api_url,
                "rpc_url": running.devnet.url,
                "devnet": running.devnet.kind,
                "market": running.deployment.market,
                "registry": running.deployment.registry,
                "deployment": str(running.deployment_path),
                "agents": running.agent_ids,
            }
            lines = [
                f"explorer   {running.api_url}",
                f"chain      {running.devnet.url} ({running.devnet.kind})",
                f"market     {running.deployment.market}",
                f"agents     {', '.join(map(str, running.agent_ids))}",
                "Ctrl-C ends it",
            ]
            out.result(
                document,
                lines,
                'symphony task post --from devnet:0 --prompt "not ( True ) and ( True ) is" --format boolean --skill boolean_expressions',
            )
            spinner.say("running; Ctrl-C ends it")
            until_interrupted(running)


def _refuse_second(folder: Path) -> None:
    from symphony.cli.demo import _alive

    state = folder / "run.json"
    if (
        state.exists()
        and _alive(pid := int(json.loads(state.read_text()).get("pid", 0)))
        and pid != os.getpid()
    ):
        raise Conflict(
            f"a market runs already in {folder} (process {pid})",
            hint="use it, end it, or give another --data-dir",
            code="up.running",
        )
