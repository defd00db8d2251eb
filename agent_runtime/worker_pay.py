"""A worker's accounts at the market: claims accrued pay for the owner, and keeps the float that backs bonds.

Knows no tasks' lives; the chain says what is owed.
"""

from __future__ import annotations

import logging

from agent_runtime.outbox import Outbox, error_name
from agent_runtime.service import log_event
from agent_runtime.worker_core import Core
from symphony_chain.market import MarketClient, encode_claim, encode_fund_agent
from symphony_chain.types import NATIVE

#: (seats closed, claims, fundings, bonds held): while these stand still, so does the account.
Mark = tuple[int, int, int, int]


class Payroll:
    """Claims accrued pay from ``claim_min_wei`` on; fills the account up when less than half of ``bond_float_wei`` is left.

    Looks only when something has changed. A claim takes the whole account: the float comes back with the owner's next funding.

    Args:
        owner_box: writes of the owner key, which funds.
    """

    def __init__(self, core: Core, market: MarketClient, owner_box: Outbox) -> None:
        self._core = core
        self._market = market
        self._owner_box = owner_box
        self._seen: dict[str, Mark] = {}

    def reset(self) -> None:
        """After a reorganisation: look again."""
        self._seen.clear()

    def step(self) -> None:
        """One look at the account of every token that this agent serves."""
        for token in (NATIVE, *self._core.config.bidding.rates):
            mark = self._mark(token)
            if self._seen.get(token) != mark and self._is_done(token, mark):
                self._seen[token] = mark

    def _mark(self, token: str) -> Mark:
        me, held_wei = self._core.me, 0
        for view in self._core.book.tasks():
            if view.task.bond_wei and view.task.token == token and not view.closed and view.seat_of(me.agent_id) is not None:
                held_wei += view.task.bond_wei
        return (me.seats, me.claims.get(token, 0), me.fundings, held_wei)

    def _is_done(self, token: str, mark: Mark) -> bool:
        """Claims or funds where that is due; False while something is under way."""
        config = self._core.config
        _, claims, fundings, held_wei = mark
        accrued_wei = self._market.account(self._core.agent_id, token).accrued_wei
        float_wei = config.bond_float_wei if token == NATIVE else 0
        if accrued_wei >= max(1, config.claim_min_wei) + float_wei:
            return self._claim(token, accrued_wei, claims)
        if 2 * (accrued_wei + held_wei) < float_wei:
            return self._fund(float_wei - accrued_wei - held_wei, fundings)
        return True

    def _claim(self, token: str, amount_wei: int, claims: int) -> bool:
        """Claims once per state of the account: the key counts the claims that the chain has seen."""
        agent_id = self._core.agent_id
        data = encode_claim(agent_id, self._core.owner, token)
        write = self._core.write("claim", f"claim/{agent_id}/{token}/{claims}", data)
        if write.status == "mined":
            log_event("claimed", agent_id=agent_id, amount_wei=amount_wei, token=token)
        elif write.status == "refused":
            log_event("write_refused", level=logging.DEBUG, op="claim", error=error_name(write.error))
        return write.status == "refused"

    def _fund(self, amount_wei: int, fundings: int) -> bool:
        """The same for fundings: the amount is in the key, as it may be another after a restart."""
        agent_id, market = self._core.agent_id, self._core.deployment.market
        write = self._owner_box.write(
            "fund",
            f"fund/{agent_id}/{fundings}/{amount_wei}",
            market,
            encode_fund_agent(agent_id, amount_wei),
            value_wei=amount_wei,
            head_number=self._core.head.number,
        )
        if write.status == "mined":
            log_event("funded", agent_id=agent_id, amount_wei=amount_wei)
        elif write.status == "refused":
            log_event("write_refused", level=logging.DEBUG, op="fund", error=error_name(write.error))
        return write.status == "refused"
