"""Fault points of the runtime: every place before and after a file, SQLite or chain write where a crash must be survived.

``SYMPHONY_FAULT=<name>`` makes the process SIGKILL itself there, on chain id 31337 only. Knows nothing of what is written.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping

from symphony_chain.devnet.accounts import DEVNET_CHAIN_ID
from symphony_chain.errors import UsageError
from symphony_chain.tx import FAULT_POINTS as TX_POINTS

FAULT_ENV = "SYMPHONY_FAULT"
#: Chain writes of a worker, in the order of its life.
WRITES = (
    "topup",
    "register",
    "wallet",
    "declare",
    "set_file",
    "fund",
    "bid",
    "take",
    "commit",
    "reveal",
    "reveal_and_settle",
    "settle",
    "record",
    "claim",
)
_LOCAL = (
    "registration.before_file",
    "registration.after_file",
    "spec.before_file",
    "spec.after_file",
    "decision.before_write",
    "decision.after_write",
    "trace.before_file",
    "trace.after_file",
    "answer.before_file",
    "answer.after_file",
    "review.before_write",
    "review.after_write",
    "opening.before_write",
    "opening.after_write",
    "work.before_write",
    "work.after_write",
)
#: All names: local ones, and ``<write>.<point of TxSender>`` such as ``commit.tx.after_broadcast``.
FAULT_POINTS: tuple[str, ...] = _LOCAL + tuple(f"{write}.{point}" for write in WRITES for point in TX_POINTS)

Fault = Callable[[str], None]


def no_fault(point: str) -> None:
    """Passes every point."""
    if point not in _KNOWN:
        raise ValueError(f"{point} is not in the registry of fault points")


def fault_from_env(chain_id: int, environ: Mapping[str, str] = os.environ) -> Fault:
    """The hook that kills this process at the point named by ``SYMPHONY_FAULT``; without it, or on a real chain, none.

    Raises:
        UsageError: the name is not a fault point.
    """
    name = environ.get(FAULT_ENV)
    if not name or chain_id != DEVNET_CHAIN_ID:
        return no_fault
    if name not in _KNOWN:
        raise UsageError(f"{FAULT_ENV}={name} is not a fault point", hint=f"one of: {', '.join(FAULT_POINTS)}")

    def hit(point: str) -> None:
        no_fault(point)
        if point == name:
            os.kill(os.getpid(), signal.SIGKILL)

    return hit


_KNOWN = frozenset(FAULT_POINTS)
