"""`symphony agent`: register agents, run them in the foreground, see how they stand. What a worker does is `agent_runtime`'s."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from symphony.cli.agent_bench import bench
from symphony.cli.agent_review import review
from symphony.cli.amounts import ETHER, SKILL
from symphony.cli.engine_options import ENGINE_HELP, engine_config, engine_options
from symphony.cli.session import Session, options
from symphony.cli.text import clean, format_wei, table
from symphony_chain.errors import NotFound, UsageError

CONFIG_NAME = "agent.json"
TOPUP_WEI = 10**17


@click.group()
def agent() -> None:
    """Register and run reasoning agents."""


@agent.command("register")
@click.argument("name")
@click.option("--skill", "skills", type=SKILL, multiple=True, required=True, metavar="TAG[=BPS]",
              help="A skill it declares, 0 to 10000 basis points (repeatable).")  # fmt: skip
@click.option(
    "--operator", metavar="KEY", help="Key that bids and commits.  [default: NAME-operator, made if missing]"
)
@click.option("--engine", default="torch", show_default=True, metavar="PATH_OR_URL", help=ENGINE_HELP)
@engine_options
@click.option(
    "--samples", type=click.IntRange(1, 64), default=5, show_default=True, help="Chains of thought per seat."
)
@click.option("--escalate", is_flag=True, help="Draw more chains when unsure, and ask you when very unsure: `agent review`.")
@click.option("--calibration", type=click.Path(path_type=Path), metavar="FILE",
              help="What `symphony eval --calibration` measured for this engine and number of chains.")  # fmt: skip
@click.option("--topup", "topup_wei", type=ETHER, default="0.1 ether", show_default=True,
              help="Gas money that the owner keeps on the operator key.")  # fmt: skip
@click.option("--bond-float", "bond_float_wei", type=ETHER, default="0 ether", show_default=True,
              help="What the owner keeps in the agent's account for bonds; 0 refuses tasks with a bond.")  # fmt: skip
@click.option(
    "--content-url", "content_urls", multiple=True, metavar="URL", help="Gateway of task texts (repeatable)."
)
@options(sends=True)
def register(
    session: Session,
    name: str,
    skills: tuple[tuple[str, int], ...],
    operator: str | None,
    engine: str,
    samples: int,
    escalate: bool,
    calibration: Path | None,
    topup_wei: int,
    bond_float_wei: int,
    content_urls: tuple[str, ...],
    **engine_given: Any,
) -> None:
    """Register an agent NAME on chain, owned by your key, and write its configuration.

    Repeating it brings the entry on chain to the new configuration; the agent keeps its number.
    """
    from agent_runtime.config import WorkerConfig
    from agent_runtime.reasoning.cot import ThinkingPolicy
    from agent_runtime.reasoning.escalation import EscalationPolicy
    from symphony.cli.texts import gateways

    owner, operator_address = _keys(session, name, operator)
    path = _config_path(session, name)
    config = WorkerConfig(
        name=name,
        rpc_url=session.settings.rpc_url,
        deployment=session.settings.deployment_path.absolute(),
        data_dir=path.parent.absolute(),
        keystore_dir=session.settings.keystore.absolute(),
        owner=owner,
        operator=operator_address,
        skills=dict(skills),
        password_file=session.settings.password_file.absolute() if session.settings.password_file else None,
        engine=engine_config(engine, engine_given),
        thinking=ThinkingPolicy(samples=samples, escalation=EscalationPolicy() if escalate else None),
        calibration=None if calibration is None else calibration.absolute(),
        content_urls=tuple(gateways(session, content_urls)),
        operator_topup_wei=topup_wei,
        bond_float_wei=bond_float_wei,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    config.save(path)
    from symphony.cli.working_agent import registered

    with session.out.working("loading the model and registering"):
        agent_id = registered(session, path)
    document = {
        "agent_id": agent_id,
        "name": name,
        "owner": owner,
        "operator": operator_address,
        "config": path,
    }
    lines = [
        f"agent {agent_id} ({clean(name)}): owner {owner}, operator {operator_address}",
        f"configuration {path}",
    ]
    session.out.result(document, lines, f"symphony agent run {name}")


@agent.command("run")
@click.argument("name")
@options(chain=True, keys=True)
def run(session: Session, name: str) -> None:
    """Run the agent NAME until Ctrl-C or SIGTERM; NAME may be a path to a configuration file."""
    from symphony.cli.working_agent import work

    work(session, find_config(session, name))


@agent.command("status")
@click.argument("agent_id", type=click.IntRange(1), required=False)
@click.option("--mine", is_flag=True, help="Only agents owned by a key of the keystore.")
@options(chain=True, keys=True)
def status(session: Session, agent_id: int | None, mine: bool) -> None:
    """How agents stand: skills declared and earned, seats, pay waiting, and why tasks were refused."""
    from symphony.cli.agentview import agent_lines, agent_states, unknown_agent

    with session.out.working("reading the chain"):
        owners = _own_addresses(session) if mine else None
        found = agent_states(session, agent_id, owners)
    if agent_id is not None and not found:
        raise unknown_agent(agent_id)
    rows = [
        (a["agent_id"], a["name"] or "-", a["seats"], a["won"], a["no_shows"], format_wei(a["accrued_wei"]))
        for a in found
    ]
    if agent_id is not None:
        lines = agent_lines(found[0])
    else:
        lines = (
            table(["agent", "name", "seats", "won", "no-shows", "pay waiting"], rows)
            if rows
            else ["no agents"]
        )
    next_step = f"symphony reward claim {agent_id}" if agent_id and found[0]["accrued_wei"] else ""
    document: dict[str, Any] = {"agents": found}
    session.out.result(document, lines, next_step)


agent.add_command(bench)
agent.add_command(review)


def _keys(session: Session, name: str, operator: str | None) -> tuple[str, str]:
    """Owner and operator address; makes the default operator key where it is missing."""
    from symphony_chain.keys import Keystore

    if session.settings.keystore.is_file() or (session.flags.sender or "").startswith("devnet:"):
        raise UsageError(
            "an agent needs two keys of a keystore folder",
            code="agent.keys",
            hint="make them with `symphony key new`, and give --keystore FOLDER and --from OWNER",
        )
    owner = session.account.address
    store = Keystore(session.settings.keystore)
    wanted = operator or f"{name}-operator"
    try:
        return owner, store.find(wanted).address
    except NotFound:
        if operator is not None:
            raise
    with session.out.working("making the operator key"):
        return owner, store.create(wanted, session.password()).address


def _own_addresses(session: Session) -> set[str]:
    from symphony_chain.keys import Keystore

    return {info.address for info in Keystore(session.settings.keystore).list()}


def _config_path(session: Session, name: str) -> Path:
    if not name or not all(c.isalnum() or c in "-_." for c in name) or name.startswith("."):
        raise click.UsageError(f"{name!r} cannot be an agent's name here: use letters, digits, - and _")
    return session.settings.data_dir / "agents" / name / CONFIG_NAME


def find_config(session: Session, name: str) -> Path:
    """The configuration of an agent by its name here, or by its path; NotFound where there is none."""
    given = Path(name)
    path = given if given.is_file() else _config_path(session, name)
    if not path.is_file():
        raise NotFound(
            f"there is no agent {name!r} here: no file {path}",
            code="agent.no_config",
            hint="register it first with `symphony agent register`, or give the path of its configuration",
        )
    return path
