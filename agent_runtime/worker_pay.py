"""A worker's pay: claims what has accrued for the owner. Knows no tasks; the chain says what is owed."""

from __future__ import annotations

import logging

from agent_runtime.outbox import error_name
from agent_runtime.worker_core import Core, log_event
from symphony_chain.market import MarketClient, encode_claim


class Payroll:
    """Claims accrued pay when it reaches ``claim_min_wei``; looks only when a settlement or a claim has changed something."""

    def __init__(self, core: Core, market: MarketClient) -> None:
        self._core = core
        self._market = market
        self._seen: tuple[int, int] | None = None

    def reset(self) -> None:
        """After a reorganisation: look again."""
        self._seen = None

    def step(self) -> None:
        """Claims once per state of the account: the key counts the claims that the chain has seen."""
        me = self._core.me
        if self._seen == (me.seats, me.claims):
            return
        accrued_wei = self._market.account(self._core.agent_id).accrued_wei
        if accrued_wei < max(1, self._core.config.claim_min_wei):
            self._seen = (me.seats, me.claims)
            return
        data = encode_claim(self._core.agent_id, self._core.owner)
        write = self._core.write("claim", f"claim/{self._core.agent_id}/{me.claims}", data)
        if write.status == "mined":
            log_event("claimed", agent_id=self._core.agent_id, amount_wei=accrued_wei)
        elif write.status == "refused":
            log_event("write_refused", level=logging.DEBUG, op="claim", error=error_name(write.error))
            self._seen = (me.seats, me.claims)
