"""Brings copies of what others may audit to the gateways that the worker reads from: its registration file, the cards that
this names, and the trace of every seat that it has opened. A courtesy: its own gateway has them all, and nothing waits for a
copy. Knows no seats' lives.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Executor

from agent_runtime.chain_book import TaskView
from agent_runtime.jobs import Jobs
from agent_runtime.service import log_event
from agent_runtime.worker_core import Core
from symphony_chain.content.cid import Cid
from symphony_chain.content.errors import ContentError
from symphony_chain.content.upload import put_document
from symphony_chain.spec.limits import MAX_TRACE_BYTES

#: What is brought where: the gateway and the document's digest.
Copy = tuple[str, bytes]
Put = Callable[[str, bytes, str, Mapping[str, str | int]], None]
#: Blocks until a gateway that did not take a document is asked again, and how often it is asked.
RETRY_BLOCKS, ATTEMPTS = 20, 5


class Copies:
    """Uploads one document at a time, beside the worker's pass.

    Args:
        urls: the gateways.
        cards: digests of the cards that the registration file names.
    """

    def __init__(
        self,
        core: Core,
        executor: Executor,
        urls: tuple[str, ...],
        *,
        cards: tuple[bytes, ...] = (),
        put: Put = put_document,
    ) -> None:
        self._core = core
        self._urls = urls
        self._cards = cards
        self._put = put
        self._jobs: Jobs[Copy, None] = Jobs(executor, limit=1)
        self._done: set[Copy] = set()
        self._away: dict[Copy, tuple[int, int]] = {}  # attempts so far, and the block before which there is no other

    def step(self, views: list[TaskView]) -> None:
        """Takes a result, and begins the next upload."""
        for copy, future in self._jobs.done():
            self._note(copy, future.exception())
        if self._urls and not self._jobs.full:
            self._next(views)

    def _next(self, views: list[TaskView]) -> None:
        for digest, kind, of in self._documents(views):
            for url in self._urls:
                copy = (url, digest)
                # Who has not read the file does not know whose card it is. Where that was given up, others may have brought it.
                if kind == "card" and (url, self._core.me.file_digest) not in self._done:
                    continue
                if copy in self._done or self._core.head.number < self._away.get(copy, (0, 0))[1]:
                    continue
                self._jobs.start(copy, lambda url=url, digest=digest, kind=kind, of=of: self._bring(url, digest, kind, of))  # type: ignore[misc]
                return

    def _documents(self, views: list[TaskView]) -> list[tuple[bytes, str, dict[str, str | int]]]:
        """Digest, kind and place on chain of all that this agent has to show."""
        agent_id, me = self._core.agent_id, self._core.me
        found: list[tuple[bytes, str, dict[str, str | int]]] = []
        if any(me.file_digest):
            found.append((me.file_digest, "registration", {"agent": agent_id}))
            found += [(digest, "card", {"agent": agent_id}) for digest in self._cards]
        for view in views:
            seat = view.seat_of(agent_id)
            if seat is not None and seat in view.reveals:
                place: dict[str, str | int] = {"task": "0x" + view.task_id.hex(), "seat": seat}
                found.append((view.reveals[seat].evidence_digest, "trace", place))
        return found

    def _bring(self, url: str, digest: bytes, kind: str, of: Mapping[str, str | int]) -> None:
        data = self._core.content.get(Cid.from_digest(digest), MAX_TRACE_BYTES)
        self._put(url, data, kind, of)

    def _note(self, copy: Copy, error: BaseException | None) -> None:
        attempts = self._away.get(copy, (0, 0))[0] + 1
        # A gateway that is away may come back, and one whose index lags may not know yet that the chain names the document.
        if isinstance(error, ContentError) and attempts < ATTEMPTS:
            self._away[copy] = (attempts, self._core.head.number + RETRY_BLOCKS)
            return
        self._away.pop(copy, None)
        self._done.add(copy)
        if error is not None:
            code = error.code if isinstance(error, ContentError) else type(error).__name__
            log_event("not_copied", level=logging.DEBUG, url=copy[0], digest=copy[1], code=code, detail=str(error))
