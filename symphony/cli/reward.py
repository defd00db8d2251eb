"""`symphony reward`: what an agent earned and has not taken, and its part of the reward pool. Knows nothing of tasks' lives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from symphony.cli.session import Session, checked_address, options
from symphony.cli.text import format_amount, table
from symphony_chain.errors import Conflict, ContractError
from symphony_chain.types import NATIVE, ZERO_ADDRESS

if TYPE_CHECKING:
    from symphony.cli.pool_shares import PoolShares, Share
    from symphony_chain.market import AgentAccount

agent_id_argument = click.argument("agent_id", type=click.IntRange(1))


@click.group()
def reward() -> None:
    """See and take what an agent earned."""


@reward.command("list")
@agent_id_argument
@options(chain=True)
def list_rewards(session: Session, agent_id: int) -> None:
    """An agent's pay by token, and what the reward pool has for its seats.

    A seat that shared a part of its pay shares in the pool once its task is recorded, in time, and its epoch is final.
    """
    from symphony.cli.pool_shares import PoolShares, Standing

    owner, wallet = owner_and_wallet(session, agent_id)
    with session.out.working("reading the chain"):
        pool = PoolShares(session, agent_id)
        accounts, shares = _accounts(session, agent_id, pool), pool.shares()
        now = pool.terms.epoch_of(session.rpc.head().timestamp)
    terms = pool.terms
    document = {
        "agent_id": agent_id,
        "owner": owner,
        "wallet": wallet,
        "accounts": [
            {"token": token, "accrued_wei": a.accrued_wei, "seats": a.seats, "won": a.won, "no_shows": a.no_shows}
            for token, a in accounts.items()
        ],
        "pool": {"address": pool.address, "epoch_s": terms.epoch_s, "delay": terms.delay, "spread": terms.spread,
                 "epoch": now},
        "shares": [share.as_json() for share in shares],
    }  # fmt: skip
    rows = [(format_amount(a.accrued_wei, token), a.seats, a.won, a.no_shows) for token, a in accounts.items()]
    lines = [f"agent {agent_id}, owner {owner}", "", *table(["pay waiting", "seats", "won", "no-shows"], rows), ""]
    lines += [f"reward pool: epoch {now} of {terms.epoch_s} s each"]
    lines += table(["task", "seat", "gave", "epoch", "gets", "stands"], [_row(s) for s in shares]) if shares else [
        "no seat of this agent shared anything"]  # fmt: skip
    due = any(s.standing in (Standing.TO_RECORD, Standing.TO_ADVANCE, Standing.TO_SHARE) for s in shares)
    following = ""
    if due or any(a.accrued_wei for a in accounts.values()):
        following = f"symphony reward claim {agent_id}" + (" --pool" if due else "")
    session.out.result(document, lines, following)


@reward.command("claim")
@agent_id_argument
@click.option("--token", metavar="ADDRESS", help="Only this token's pay.  [default: native coins, and tokens it worked for]")
@click.option("--to", metavar="ADDRESS", help="Who gets it; the operator may only pay the owner.  [default: the owner]")
@click.option("--pool", "with_pool", is_flag=True, help="First record its tasks in the pool, and take its shares.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@options(sends=True)
def claim(
    session: Session, agent_id: int, token: str | None, to: str | None, with_pool: bool, yes: bool
) -> None:
    """Take an agent's pay out of the market, all of it; for the agent's owner or operator.

    A token that refuses to move is left where it is, and does not stop the others. Exit code 4 if there was one.
    """
    from symphony.cli.pool_shares import PoolShares

    only = checked_address(token) if token else None
    owner, wallet = owner_and_wallet(session, agent_id)
    receiver = checked_address(to) if to else owner
    me = session.account.address
    if me not in (owner, wallet):
        raise Conflict(
            f"agent {agent_id} is {owner}'s, and this key is {me}",
            hint="only its owner and its operator may claim: say which key with --from",
            code="reward.not_yours",
        )
    pool = PoolShares(session, agent_id)
    accounts = _accounts(session, agent_id, pool, only)
    session.confirm(_question(agent_id, accounts, receiver, with_pool), yes=yes)
    steps = pool.work() if with_pool else []
    if steps:
        accounts = _accounts(session, agent_id, pool, only)
    claims, left = _claim(session, agent_id, receiver, accounts)
    if not claims and not steps:
        raise left[0][1] if left else _nothing(agent_id)
    document: dict[str, Any] = {
        "agent_id": agent_id,
        "to": receiver,
        "claims": claims,
        "pool": steps,
        "left": [{"token": t, "error": error.as_dict()} for t, error in left],
    }
    lines = [f"pool {step['step']}, task 0x{step['task_id'].hex()[:12]}: transaction {step['tx_hash']}" for step in steps]
    lines += [
        f"{format_amount(c['amount_wei'], c['token'])} of agent {agent_id} sent to {receiver}: transaction {c['tx_hash']}"
        for c in claims
    ]
    lines += [f"{t} stays: {error.message}" for t, error in left]
    session.out.result(document, lines, f"symphony reward list {agent_id}")
    if left:
        click.get_current_context().exit(Conflict.exit_code)


def _claim(
    session: Session, agent_id: int, receiver: str, accounts: dict[str, AgentAccount]
) -> tuple[list[dict[str, Any]], list[tuple[str, ContractError]]]:
    """Claims token by token: what was sent, and the tokens that refused."""
    from symphony.cli.writing import send
    from symphony_chain.market import encode_claim

    claims: list[dict[str, Any]] = []
    left: list[tuple[str, ContractError]] = []
    for token, account in accounts.items():
        if account.accrued_wei == 0:
            continue
        try:
            sent = send(
                session, session.deployment.market, encode_claim(agent_id, receiver, token), purpose="claim"
            )
        except ContractError as error:
            left.append((token, error))
        else:
            claims.append({"token": token, "amount_wei": account.accrued_wei, **sent})
    return claims, left


def _accounts(
    session: Session, agent_id: int, pool: PoolShares, only: str | None = None
) -> dict[str, AgentAccount]:
    """Token → account, of native coins and of every token that the agent was ever paid in."""
    tokens = [only] if only else [NATIVE, *(closed.receipt.task.token for closed in pool.closed)]
    return {token: session.market.account(agent_id, token) for token in dict.fromkeys(tokens)}


def owner_and_wallet(session: Session, agent_id: int) -> tuple[str, str]:
    from symphony.cli.agentview import unknown_agent

    owner, wallet = session.registry.owner_and_wallet(agent_id)
    if owner == ZERO_ADDRESS:
        raise unknown_agent(agent_id)
    return owner, wallet


def _question(agent_id: int, accounts: dict[str, AgentAccount], receiver: str, with_pool: bool) -> str:
    amounts = [format_amount(a.accrued_wei, token) for token, a in accounts.items() if a.accrued_wei]
    amounts += ["what the reward pool has for it"] if with_pool else []
    return f"Claim {' and '.join(amounts) or 'nothing'} of agent {agent_id} to {receiver}?"


def _row(share: Share) -> tuple[object, ...]:
    from symphony.cli.pool_shares import Standing

    when = {
        Standing.TO_RECORD: f" until block time {share.until_s}",
        Standing.WAITING: f" before block time {share.from_s}",
    }.get(share.standing, "")
    gets = "-" if share.amount_wei is None else format_amount(share.amount_wei, share.token)
    return (
        "0x" + share.closed.task_id.hex()[:12],
        share.seat,
        format_amount(share.given_wei, share.token),
        share.epoch,
        gets,
        share.standing.value + when,
    )


def _nothing(agent_id: int) -> Conflict:
    return Conflict(
        f"agent {agent_id} has no pay waiting",
        hint=f"pay arrives when a task is settled; `symphony reward list {agent_id}` tells about the pool",
        code="reward.nothing",
    )
