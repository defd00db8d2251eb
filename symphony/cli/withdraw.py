"""`symphony withdraw`: take an account's balance out of the market. Agents' pay is `reward`'s; knows nothing of tasks."""

from __future__ import annotations

import click

from symphony.cli.session import Session, checked_address, options
from symphony.cli.text import format_amount
from symphony.cli.writing import send
from symphony_chain.errors import Conflict, InvalidInput
from symphony_chain.types import NATIVE
from symphony_chain.units import parse_ether, parse_units


@click.command()
@click.option("--amount", help='How much, as in "0.5 ether"; of a token, its smallest units.  [default: all of it]')
@click.option("--token", metavar="ADDRESS", help="Of this ERC-20.  [default: native coins]")
@click.option("--to", metavar="ADDRESS", help="Who gets it.  [default: the key itself]")
@click.option("--yes", is_flag=True, help="Do not ask.")
@options(sends=True)
def withdraw(session: Session, amount: str | None, token: str | None, to: str | None, yes: bool) -> None:
    """Take your balance out of the market: refunds, deposits, fees.

    What an agent earned is its own account: see `symphony reward claim`.
    """
    from symphony_chain.market import encode_withdraw

    of = checked_address(token) if token else NATIVE
    asked_wei = None if amount is None else _amount(amount, of)
    me = session.account.address
    have_wei = session.market.balance(me, of)
    wanted_wei = have_wei if asked_wei is None else asked_wei
    if have_wei == 0:
        raise Conflict(
            f"{me} has nothing in the market" + (f" in {of}" if token else ""),
            hint="refunds come here when a task closes; an agent's pay is claimed with `symphony reward claim ID`",
            code="withdraw.nothing",
        )
    if wanted_wei == 0:
        raise click.UsageError("--amount 0 takes nothing: give more, or leave it out to take all")
    if wanted_wei > have_wei:
        raise Conflict(
            f"{me} has {format_amount(have_wei, of)} in the market, not {format_amount(wanted_wei, of)}",
            hint="leave out --amount to take all of it",
            code="withdraw.too_much",
            have_wei=have_wei,
        )
    receiver = checked_address(to) if to else me
    session.confirm(f"Send {format_amount(wanted_wei, of)} to {receiver}?", yes=yes)
    data = encode_withdraw(me, receiver, wanted_wei, of)
    sent = send(session, session.deployment.market, data, purpose="withdraw")
    document = {
        "account": me,
        "token": of,
        "to": receiver,
        "amount_wei": wanted_wei,
        "left_wei": have_wei - wanted_wei,
        **sent,
    }
    session.out.result(
        document,
        [f"{format_amount(wanted_wei, of)} sent to {receiver}", f"transaction {sent['tx_hash']}"],
        "symphony task list",
    )


def _amount(text: str, token: str) -> int:
    try:
        return parse_ether(text) if token == NATIVE else parse_units(text)
    except InvalidInput as error:
        raise click.BadParameter(f"{error.message}. {error.hint}", param_hint="'--amount'") from error
