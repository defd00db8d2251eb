"""What long-running processes share: a log of JSON lines, and a pass repeated until told to stop. Knows no tasks."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from symphony_chain.errors import ChainUnavailable, Conflict, RpcError, WrongChain
from symphony_chain.follow import ReorgBeyondFinality

logger = logging.getLogger(__name__)

#: Pause after a pass that found the chain moved; it doubles up to the longest while nothing moves.
LEAST_PAUSE_S = 0.01
#: Want of gas money is said again after so many blocks.
UNFUNDED_BLOCKS = 60


def log_event(event: str, *, level: int = logging.INFO, **fields: Any) -> None:
    """One JSON object as one log line; bytes are written as 0x-hex."""
    plain = {k: "0x" + v.hex() if isinstance(v, bytes) else v for k, v in fields.items()}
    logger.log(level, json.dumps({"event": event, **plain}, default=str))


def repeat(step: Callable[[], bool], stop: threading.Event, *, poll_s: float, patience_s: float) -> None:
    """Calls `step` until ``stop`` is set; it returns True where the chain had moved.

    Raises:
        ChainUnavailable: the node stayed away for ``patience_s``; at once for a wrong chain or a reorganisation beyond
        finality. Whatever else `step` raises.
    """
    away_since: float | None = None
    pause_s = poll_s
    while not stop.is_set():
        try:
            moved = step()
            # What we send and what others answer to it come in bursts: look again soon, then ever more seldom.
            pause_s = min(poll_s, LEAST_PAUSE_S if moved else 2 * pause_s)
            away_since = None
        except (WrongChain, ReorgBeyondFinality):
            raise
        except (ChainUnavailable, RpcError) as error:  # a node that is restarting answers with both
            now_s = time.monotonic()
            if away_since is None:
                away_since = now_s
                log_event("chain_away", code=error.code, detail=error.message)
            if now_s - away_since > patience_s:
                raise
        stop.wait(pause_s)


class Unfunded:
    """Says that a key has no gas money, once in a while: it may come, so it is no reason to stop."""

    def __init__(self) -> None:
        self._said_block: int | None = None

    def said(self, error: Conflict, block_number: int) -> None:
        """Logs want of gas money; raises every other conflict."""
        if error.code != "tx.unfunded":
            raise error
        if self._said_block is None or block_number >= self._said_block + UNFUNDED_BLOCKS:
            self._said_block = block_number
            log_event("unfunded", detail=error.message, hint=error.hint)
