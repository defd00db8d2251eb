"""What only the node can tell of the ledger: the reward pool's constants, and what the market holds in a token. Never raises.

What cannot be known is None; a node that is away is asked again after a while.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from api.reader import Owed
from api.schema.base import BlockRef, Page
from api.schema.ledger import PoolTerms, TokenSolvency
from indexer.evidence import Storage
from indexer.report import TokenMoney
from symphony_chain.deploy import Deployment
from symphony_chain.errors import ChainUnavailable, SymphonyError
from symphony_chain.rewards import RewardPoolClient
from symphony_chain.rpc import Rpc
from symphony_chain.types import NATIVE

RETRY_S = 30.0
BUDGET_S = 10.0


class OnChain:
    """One deployment at its node."""

    def __init__(self, rpc: Rpc, deployment: Deployment, monotonic: Callable[[], float]) -> None:
        self._rpc = rpc
        self._deployment = deployment
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._terms: PoolTerms | None = None
        self._away_until = float("-inf")

    def pool_terms(self) -> PoolTerms | None:
        """The pool's constants, asked once."""
        with self._lock:
            if self._terms is not None or self._away:
                return self._terms
        try:
            found = RewardPoolClient(self._rpc, self._deployment.pool).terms()
        except SymphonyError:
            self._is_away()
            return None
        with self._lock:
            self._terms = PoolTerms(epoch_s=found.epoch_s, delay=found.delay, spread=found.spread)
            return self._terms

    def solvency(self, owed: Page[Owed], block: BlockRef) -> Page[TokenSolvency]:
        """What the market holds of each token at the block of the index, beside what it owes there.

        A token is a stranger's code, and may take its time to answer: after `BUDGET_S` the rest is unknown.
        """
        storage = Storage(self._rpc, self._deployment, block.number)
        until = self._monotonic() + BUDGET_S if self._is_there(storage) else float("-inf")
        held = ((entry, _held_wei(storage, entry.token) if self._monotonic() < until else None) for entry in owed.items)
        return Page[TokenSolvency](items=tuple(_solvency(entry, wei, block) for entry, wei in held), next=owed.next)

    def _is_there(self, storage: Storage) -> bool:
        """Whether the node answers; its own coin costs it nothing."""
        with self._lock:
            if self._away:
                return False
        try:
            storage.held_wei(NATIVE)
        except ChainUnavailable:
            self._is_away()
            return False
        except SymphonyError:  # it answers, if only that it has forgotten that block
            pass
        return True

    @property
    def _away(self) -> bool:
        return self._monotonic() < self._away_until

    def _is_away(self) -> None:
        with self._lock:
            self._away_until = self._monotonic() + RETRY_S


def _held_wei(storage: Storage, token: str) -> int | None:
    try:
        return storage.held_wei(token)
    except SymphonyError:
        return None


def _solvency(owed: Owed, held_wei: int | None, block: BlockRef) -> TokenSolvency:
    owed_wei = owed.balances_wei + owed.accounts_wei + owed.escrow_wei + owed.burnt_wei
    money = TokenMoney(owed.token, owed_wei, held_wei)
    return TokenSolvency(
        block=block,
        finality="soft",  # it stands at the newest block
        token=owed.token,
        balances_wei=owed.balances_wei,
        accounts_wei=owed.accounts_wei,
        escrow_wei=owed.escrow_wei,
        burnt_wei=owed.burnt_wei,
        owed_wei=owed_wei,
        held_wei=held_wei,
        surplus_wei=money.surplus_wei,
        state="unknown" if held_wei is None else "short" if money.is_short else "covered",
    )
