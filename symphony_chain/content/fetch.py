"""The fetcher: content by CID from the local store, else from providers' gateways, verified, resumed and
failed over by block.

Every block is verified before it is kept, so what a dying provider sent is not lost: the next one is asked
only for what is missing. A provider that sends wrong bytes is never asked again. Knows nothing of how
providers were found.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Self

import httpx

from symphony_chain.content.cid import RAW, Cid
from symphony_chain.content.errors import (
    ContentError,
    HashMismatch,
    MalformedCar,
    MissingContent,
    TooLarge,
    Unavailable,
    UnsafeUrl,
)
from symphony_chain.content.exchange import ProviderFailed, Timing, get_archive, get_block
from symphony_chain.content.store import ContentStore
from symphony_chain.content.unixfs import MAX_BLOCK_BYTES, children, file_size
from symphony_chain.content.urlguard import Resolver, Target, check_url, system_resolver

MAX_PASSES = 4
_ARCHIVE_SLACK_BYTES = 1 << 20
_MIN_COST_BYTES = 512


class Fetcher:
    """Fetches into a store. Close it, or use it as a context manager; a client passed in stays the caller's.

    Args:
        allow_local: accept plain HTTP and loopback or private addresses (devnets and tests only).
        connect_s, stall_s: seconds to connect and seconds without a byte before a provider is given up.
    """

    def __init__(
        self,
        store: ContentStore,
        *,
        client: httpx.Client | None = None,
        allow_local: bool = False,
        connect_s: float = 2.0,
        stall_s: float = 10.0,
        resolve: Resolver = system_resolver,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._own_client = client is None
        # Proxies from the environment would see what is fetched and undo the address check.
        self._client = client if client is not None else httpx.Client(trust_env=False, follow_redirects=False)
        self._allow_local = allow_local
        self._connect_s = connect_s
        self._stall_s = stall_s
        self._resolve = resolve
        self._now = now
        self._banned: dict[str, str] = {}
        self._failures: dict[str, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the HTTP client if it is ours."""
        if self._own_client:
            self._client.close()

    @property
    def banned(self) -> dict[str, str]:
        """Provider URL → why it is never asked again by this fetcher."""
        return dict(self._banned)

    def fetch(
        self, cid: Cid, providers: Sequence[str], *, max_bytes: int, deadline_s: float, kind: str = "fetched"
    ) -> bytes:
        """The file's bytes, from the store or from the first providers that deliver; kept in the store
        afterwards.

        Args:
            providers: base URLs of trustless gateways, best first.
            max_bytes: size of the file above which it is refused.
            deadline_s: seconds for everything.

        Raises:
            Unavailable (mixed or ordinary reasons), HashMismatch or TooLarge (where all providers gave that
            reason); MalformedBlock where the content itself is broken; StoreFull where there is no room to
            keep it.
        """
        job = _Job(
            cid, max_bytes, Timing(self._connect_s, self._stall_s, self._now() + deadline_s, self._now)
        )
        local = self._local(job)
        if local is not None:
            return local
        reasons: dict[str, ContentError] = {}
        for _ in range(MAX_PASSES):
            before = job.accepted
            for url in self._ordered(providers):
                if self._ask(url, job, reasons) and (data := self._local(job)) is not None:
                    self._store.adopt(cid, kind)
                    return data
            if job.accepted == before:
                break
        raise _summary(cid, reasons)

    def _local(self, job: _Job) -> bytes | None:
        try:
            return self._store.get(job.cid, job.max_bytes)
        except (MissingContent, HashMismatch):
            return None  # a damaged block has been dropped; fetching heals it

    def _ordered(self, providers: Sequence[str]) -> list[str]:
        unique = list(dict.fromkeys(url.rstrip("/") for url in providers))
        return sorted(unique, key=lambda url: self._failures.get(url, 0))

    def _ask(self, url: str, job: _Job, reasons: dict[str, ContentError]) -> bool:
        """One provider's turn; True if nothing seems to be missing afterwards."""
        if url in self._banned:
            reasons.setdefault(url, HashMismatch(self._banned[url], hint="use another provider"))
            return False
        try:
            job.timing.check()
            self._download(check_url(url, allow_local=self._allow_local, resolve=self._resolve), job)
        except _Hopeless as exc:
            raise exc.cause from exc
        except (HashMismatch, MalformedCar, TooLarge, ProviderFailed, UnsafeUrl) as exc:
            reasons[url] = exc
            self._failures[url] = self._failures.get(url, 0) + 1
            if isinstance(exc, HashMismatch):
                self._banned[url] = exc.message
            return False
        return True

    def _download(self, target: Target, job: _Job) -> None:
        """Ask one provider for every missing block: archives for tree nodes, single blocks for leaves."""
        while absent := self._store.missing(job.cid):
            before = job.accepted
            for cid in absent:
                if self._store.blocks.has(cid):
                    continue
                if cid.codec == RAW:
                    limit = job.max_bytes if cid == job.cid else MAX_BLOCK_BYTES
                    self._keep(
                        job, cid, get_block(self._client, target, cid, max_bytes=limit, timing=job.timing)
                    )
                else:
                    self._archive(target, job, cid)
            if job.accepted == before:
                raise ProviderFailed(
                    "sends archives without the blocks asked for", hint="ask another provider"
                )

    def _archive(self, target: Target, job: _Job, cid: Cid) -> None:
        wanted = {cid}

        def accept(found: Cid, block: bytes) -> bool:
            if found not in wanted:
                return False
            self._keep(job, found, block)
            wanted.update(children(found, block))
            return True

        get_archive(self._client, target, cid, max_bytes=job.budget_bytes, timing=job.timing, accept=accept)

    def _keep(self, job: _Job, cid: Cid, block: bytes) -> None:
        try:
            size_bytes = file_size(cid, block)
            if cid == job.cid and size_bytes > job.max_bytes:
                hint = "raise the limit if you trust the publisher"
                raise TooLarge(
                    f"{cid} is {size_bytes} bytes, more than the {job.max_bytes} allowed", hint=hint
                )
            if not self._store.blocks.has(cid):
                job.count(block)
                self._store.put_block(cid, block)
        except ContentError as exc:
            raise _Hopeless(exc) from exc


class _Job:
    """State of one fetch: what, how much, until when, and how many blocks came in so far."""

    def __init__(self, cid: Cid, max_bytes: int, timing: Timing) -> None:
        self.cid = cid
        self.max_bytes = max_bytes
        self.timing = timing
        self.accepted = 0
        # Interior nodes and framing come on top of the file. One archive, and all kept blocks together, stay
        # below this.
        self.budget_bytes = max_bytes + max_bytes // 4 + _ARCHIVE_SLACK_BYTES
        self._kept_bytes = 0

    def count(self, block: bytes) -> None:
        """Charge a block that is about to be kept: a publisher's endless chain of tiny nodes must not fill
        the store."""
        self.accepted += 1
        self._kept_bytes += max(len(block), _MIN_COST_BYTES)
        if self._kept_bytes > self.budget_bytes:
            raise TooLarge(
                f"the tree of {self.cid} needs more blocks than its size allows", hint="refuse the content"
            )


class _Hopeless(Exception):
    """The verified content itself is unusable, or the store is: no other provider can help."""

    def __init__(self, cause: ContentError) -> None:
        super().__init__(str(cause))
        self.cause = cause


def _summary(cid: Cid, reasons: dict[str, ContentError]) -> ContentError:
    """One cause shared by all providers is that error; anything else is ``Unavailable`` with the list."""
    attempts = {url: {"code": exc.code, "message": exc.message} for url, exc in reasons.items()}
    codes = {exc.code for exc in reasons.values()}
    told = "; ".join(f"{url}: {exc.message}" for url, exc in reasons.items()) or "no provider is known"
    message = f"cannot fetch {cid} ({told})"
    for kind in (HashMismatch, TooLarge):
        if codes == {kind.code}:
            return kind(
                message, hint="use other providers, or refuse the content", cid=str(cid), attempts=attempts
            )
    hint = "check that the publisher's gateway is up, or name another provider"
    return Unavailable(message, hint=hint, cid=str(cid), attempts=attempts)
