"""Balances and the cash book. Every movement of money goes through here, with its cause.

Kinds: ``deposit`` (with a task: coins that came with its post), ``withdrawal``, ``escrow`` (post: from the requester's
balance), ``returned`` (award: the difference to the ceiling), ``refund`` (settle, cancel), ``bond`` (locked with a seat),
``bond_returned``, ``pay`` (to the agent), ``shared`` (the pool's part of a seat's pay), ``fee`` (to the evaluator),
``burnt``, ``agent_funding``, ``claim``. Amounts are positive; the kind says which way they went.
"""

from __future__ import annotations

from indexer.projections.at import At
from indexer.rows import Row, Rows
from indexer.schema import agent_accounts, balances, burnt, payouts
from symphony_chain import events as ev


class CashBook:
    """Writes numbered entries for one event."""

    def __init__(self, rows: Rows, at: At, *, token: str, task_id: str | None = None) -> None:
        self._rows, self._at, self._token, self._task_id = rows, at, token, task_id
        self._next_seq = 0

    def enter(
        self, kind: str, amount_wei: int, *, account: str | None = None, agent_id: int | None = None, seat: int | None = None
    ) -> None:
        """One movement; amounts of zero are not written."""
        if amount_wei == 0:
            return
        self._rows.append(
            payouts,
            log_index=self._at.log_index,
            seq=self._next_seq,
            kind=kind,
            task_id=self._task_id,
            seat=seat,
            agent_id=agent_id,
            account=account,
            token=self._token,
            amount_wei=amount_wei,
            tx_hash=self._at.tx_hash,
        )
        self._next_seq += 1


def add_balance(rows: Rows, account: str, token: str, delta_wei: int) -> None:
    """Moves an address's internal balance; nothing moved is nothing written. It may be short within a block: `hire` takes what it
    needs only once it knows the price, but says first what it posted. `Rows` refuses what is short after the block."""
    if delta_wei == 0:
        return
    known = rows.get(balances, account, token)
    rows.put(balances, account=account, token=token, amount_wei=(known["amount_wei"] if known else 0) + delta_wei)


def agent_account(rows: Rows, agent_id: int, token: str) -> Row:
    """An agent's account; zeros at first."""
    empty = {"agent_id": agent_id, "token": token, "accrued_wei": 0, "seats": 0, "won": 0, "no_shows": 0}
    return rows.get(agent_accounts, agent_id, token) or empty


def add_accrued(rows: Rows, agent_id: int, token: str, delta_wei: int) -> None:
    """Moves an agent's account; nothing moved is nothing written."""
    if delta_wei == 0:
        return
    account = agent_account(rows, agent_id, token)
    rows.put(agent_accounts, **{**account, "accrued_wei": account["accrued_wei"] + delta_wei})


def add_burnt(rows: Rows, token: str, amount_wei: int) -> None:
    known = rows.get(burnt, token)
    rows.put(burnt, token=token, amount_wei=(known["amount_wei"] if known else 0) + amount_wei)


def on_deposited(rows: Rows, event: ev.Deposited, at: At) -> None:
    add_balance(rows, event.account, event.token, event.amount_wei)
    CashBook(rows, at, token=event.token).enter("deposit", event.amount_wei, account=event.account)


def on_withdrawn(rows: Rows, event: ev.Withdrawn, at: At) -> None:
    add_balance(rows, event.account, event.token, -event.amount_wei)
    CashBook(rows, at, token=event.token).enter("withdrawal", event.amount_wei, account=event.account)


def on_agent_funded(rows: Rows, event: ev.AgentFunded, at: At) -> None:
    add_accrued(rows, event.agent_id, event.token, event.amount_wei)
    CashBook(rows, at, token=event.token).enter("agent_funding", event.amount_wei, account=event.from_, agent_id=event.agent_id)


def on_claimed(rows: Rows, event: ev.PayClaimed, at: At) -> None:
    add_accrued(rows, event.agent_id, event.token, -event.amount_wei)
    CashBook(rows, at, token=event.token).enter("claim", event.amount_wei, account=event.to, agent_id=event.agent_id)
