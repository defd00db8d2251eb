"""Brings an ERC-20 into the market's books before it is escrowed: what is missing, no more. Native coins come with a post."""

from __future__ import annotations

from typing import TYPE_CHECKING

from symphony.cli.text import format_amount
from symphony.cli.writing import send
from symphony_chain.erc20 import Erc20, encode_approve
from symphony_chain.errors import Conflict
from symphony_chain.types import NATIVE

if TYPE_CHECKING:
    from symphony.cli.session import Session


def deposit_missing(session: Session, token: str, wanted: int) -> None:
    """Approves and deposits what the account's balance in the market lacks of an amount.

    Raises:
        Conflict ``tx.too_few_tokens``: the account has less; nothing was sent. NotFound ``token.none``: no token there.
    """
    me, market = session.account.address, session.deployment.market
    if token == NATIVE or (missing := wanted - session.market.balance(me, token)) <= 0:
        return
    from symphony_chain.market import encode_deposit

    erc20 = Erc20(session.rpc, token)
    if (have := erc20.balance(me)) < missing:
        raise Conflict(
            f"{me} has {format_amount(have, token)} and needs {missing} more in the market",
            hint=f"send {missing - have} units of the token to {me}",
            code="tx.too_few_tokens",
            have=str(have),
            missing=str(missing),
        )
    if erc20.allowance(me, market) < missing:
        send(session, token, encode_approve(market, missing), purpose="approve")
    send(session, market, encode_deposit(me, missing, token), purpose="deposit")
    session.out.note(f"{format_amount(missing, token)} deposited")
