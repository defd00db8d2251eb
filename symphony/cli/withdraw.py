"""`symphony withdraw`: take money out of the market, an account's balance or an agent's pay. Knows nothing of tasks."""

from __future__ import annotations

import click

from symphony.cli.amounts import ETHER
from symphony.cli.session import Session, checked_address, options
from symphony.cli.text import format_wei
from symphony.cli.writing import send
from symphony_chain.errors import Conflict


@click.command()
@click.option("--amount", "amount_wei", type=ETHER, help='How much, as in "0.5 ether".  [default: all of it]')
@click.option("--to", metavar="ADDRESS", help="Who gets it.  [default: the key itself, or the agent's owner]")
@click.option(
    "--agent", "agent_id", type=click.IntRange(1), help="Claim this agent's pay (always all of it)."
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@options(sends=True)
def withdraw(
    session: Session, amount_wei: int | None, to: str | None, agent_id: int | None, yes: bool
) -> None:
    """Take your balance, or an agent's pay, out of the market."""
    if agent_id is not None:
        _claim(session, agent_id, amount_wei, to, yes)
    else:
        _withdraw(session, amount_wei, to, yes)


def _withdraw(session: Session, amount_wei: int | None, to: str | None, yes: bool) -> None:
    from symphony_chain.market import encode_withdraw

    me = session.account.address
    have_wei = session.market.balance(me)
    wanted_wei = have_wei if amount_wei is None else amount_wei
    if wanted_wei == 0 or wanted_wei > have_wei:
        raise Conflict(
            f"{me} has {format_wei(have_wei)} in the market"
            + (f", not {format_wei(wanted_wei)}" if wanted_wei else ""),
            code="withdraw.nothing" if have_wei == 0 else "withdraw.too_much",
            hint="refunds come here when a task closes; agents' pay is claimed with --agent ID",
            have_wei=have_wei,
        )
    receiver = checked_address(to) if to else me
    session.confirm(f"Send {format_wei(wanted_wei)} to {receiver}?", yes=yes)
    sent = send(
        session, session.deployment.market, encode_withdraw(me, receiver, wanted_wei), purpose="withdraw"
    )
    document = {
        "account": me,
        "to": receiver,
        "amount_wei": wanted_wei,
        "left_wei": have_wei - wanted_wei,
        **sent,
    }
    session.out.result(
        document,
        [f"{format_wei(wanted_wei)} sent to {receiver}", f"transaction {sent['tx_hash']}"],
        "symphony task list",
    )


def _claim(session: Session, agent_id: int, amount_wei: int | None, to: str | None, yes: bool) -> None:
    from symphony_chain.market import encode_claim
    from symphony_chain.types import ZERO_ADDRESS

    if amount_wei is not None:
        raise click.UsageError("an agent's pay is claimed whole: leave out --amount")
    owner, _ = session.registry.owner_and_wallet(agent_id)
    if owner == ZERO_ADDRESS:
        raise unknown_agent(agent_id)
    pay_wei = session.market.account(agent_id).accrued_wei
    if pay_wei == 0:
        raise Conflict(
            f"agent {agent_id} has no pay waiting",
            code="withdraw.nothing",
            hint="pay arrives when a task is settled",
        )
    receiver = checked_address(to) if to else owner
    session.confirm(f"Claim {format_wei(pay_wei)} of agent {agent_id} to {receiver}?", yes=yes)
    sent = send(session, session.deployment.market, encode_claim(agent_id, receiver), purpose="claim")
    document = {"agent_id": agent_id, "to": receiver, "amount_wei": pay_wei, **sent}
    session.out.result(
        document,
        [f"{format_wei(pay_wei)} of agent {agent_id} sent to {receiver}", f"transaction {sent['tx_hash']}"],
        f"symphony agent status {agent_id}",
    )


def unknown_agent(agent_id: int) -> Exception:
    from symphony_chain.errors import NotFound

    return NotFound(
        f"there is no agent {agent_id}",
        code="agent.unknown",
        hint="`symphony agent status` lists the agents of your key",
    )

