"""`symphony withdraw`: take an account's balance out of the market. Agents' pay is `reward`'s; knows nothing of tasks."""

from __future__ import annotations

import click

from symphony.cli.amounts import ETHER
from symphony.cli.session import Session, checked_address, options
from symphony.cli.text import format_wei
from symphony.cli.writing import send
from symphony_chain.errors import Conflict


@click.command()
@click.option("--amount", "amount_wei", type=ETHER, help='How much, as in "0.5 ether".  [default: all of it]')
@click.option("--to", metavar="ADDRESS", help="Who gets it.  [default: the key itself]")
@click.option("--yes", is_flag=True, help="Do not ask.")
@options(sends=True)
def withdraw(session: Session, amount_wei: int | None, to: str | None, yes: bool) -> None:
    """Take your balance out of the market: refunds, deposits, fees.

    What an agent earned is its own account: see `symphony reward claim`.
    """
    from symphony_chain.market import encode_withdraw

    me = session.account.address
    have_wei = session.market.balance(me)
    wanted_wei = have_wei if amount_wei is None else amount_wei
    if have_wei == 0:
        raise Conflict(
            f"{me} has nothing in the market",
            hint="refunds come here when a task closes; an agent's pay is claimed with `symphony reward claim ID`",
            code="withdraw.nothing",
        )
    if wanted_wei == 0:
        raise click.UsageError("--amount 0 takes nothing: give more, or leave it out to take all")
    if wanted_wei > have_wei:
        raise Conflict(
            f"{me} has {format_wei(have_wei)} in the market, not {format_wei(wanted_wei)}",
            hint="leave out --amount to take all of it",
            code="withdraw.too_much",
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
