"""One HTTP exchange with one provider: ask for a block or an archive, bounded in bytes and time, each block
verified.

Source: IPFS trustless gateway specification. Knows nothing of stores, failover or bans.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from symphony_chain.content.car import read_car
from symphony_chain.content.cid import Cid
from symphony_chain.content.errors import ContentError, TooLarge
from symphony_chain.content.unixfs import MAX_BLOCK_BYTES
from symphony_chain.content.urlguard import Target

RAW_TYPE = "application/vnd.ipld.raw"
CAR_TYPE = "application/vnd.ipld.car"
MAX_STRAY_BLOCKS = 64
_CHUNK_BYTES = 64 * 1024


class ProviderFailed(ContentError):
    """A provider did not deliver: no answer, a wrong status, a wrong type, too late. Not proof of malice."""

    code = "content.provider_failed"


@dataclass(frozen=True, slots=True)
class Timing:
    """Limits of one exchange: seconds to connect, seconds without a byte, and the moment when the whole fetch
    is over."""

    connect_s: float
    stall_s: float
    deadline: float
    now: Callable[[], float]

    def timeout(self) -> httpx.Timeout:
        """httpx limits that never outlast the deadline."""
        left_s = max(self.deadline - self.now(), 0.001)
        stall_s = min(self.stall_s, left_s)
        return httpx.Timeout(stall_s, connect=min(self.connect_s, left_s))

    def check(self) -> None:
        if self.now() >= self.deadline:
            raise ProviderFailed("the deadline passed", hint="allow more time or use nearer providers")


def get_block(client: httpx.Client, target: Target, cid: Cid, *, max_bytes: int, timing: Timing) -> bytes:
    """One verified block; ``HashMismatch``, ``TooLarge`` or ``ProviderFailed`` otherwise."""
    limit = min(max_bytes, MAX_BLOCK_BYTES)
    with _open(client, target, cid, "raw", RAW_TYPE, timing) as response:
        block = b"".join(_bounded(response, limit, timing))
    cid.verify(block)
    return block


def get_archive(
    client: httpx.Client,
    target: Target,
    cid: Cid,
    *,
    max_bytes: int,
    timing: Timing,
    accept: Callable[[Cid, bytes], bool],
) -> None:
    """Stream the archive below ``cid``; ``accept(cid, block)`` says whether the verified block was wanted.

    Raises:
        HashMismatch, MalformedCar, TooLarge (bytes, or more than 64 blocks nobody asked for), ProviderFailed,
        and what ``accept`` raises.
    """
    strays = 0
    with _open(client, target, cid, "car", f"{CAR_TYPE}; version=1; order=dfs; dups=n", timing) as response:
        for found, block in read_car(_bounded(response, max_bytes, timing), max_bytes=max_bytes):
            if accept(found, block):
                continue
            strays += 1
            if strays > MAX_STRAY_BLOCKS:
                raise TooLarge(
                    "the archive is full of blocks that were not asked for", hint="ask another provider"
                )


@contextmanager
def _open(
    client: httpx.Client, target: Target, cid: Cid, form: str, accept_type: str, timing: Timing
) -> Iterator[httpx.Response]:
    timing.check()
    headers = {"Accept": accept_type, "Accept-Encoding": "identity", "Host": target.host_header}
    try:
        with client.stream(
            "GET",
            f"{target.base_url}/ipfs/{cid}",
            params={"format": form},
            headers=headers,
            timeout=timing.timeout(),
            follow_redirects=False,
            extensions={"sni_hostname": target.server_name},
        ) as response:
            _check_head(response, accept_type.split(";")[0])
            yield response
    except httpx.TimeoutException as exc:
        raise ProviderFailed(f"no byte in time ({type(exc).__name__})", hint="try later") from exc
    except (httpx.HTTPError, httpx.InvalidURL) as exc:
        raise ProviderFailed(
            f"connection failed: {exc or type(exc).__name__}", hint="is the provider running?"
        ) from exc


def _check_head(response: httpx.Response, wanted_type: str) -> None:
    if response.is_redirect:
        raise ProviderFailed(
            "answers with a redirect, which is not followed", hint="publish the gateway's final URL"
        )
    if response.status_code != 200:
        raise ProviderFailed(
            f"HTTP status {response.status_code}", hint="the provider does not serve this content"
        )
    kind = response.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != wanted_type or response.headers.get("content-encoding", "identity") != "identity":
        raise ProviderFailed(
            f"answers {kind or 'no type'} instead of {wanted_type}", hint="it is no trustless gateway"
        )


def _bounded(response: httpx.Response, max_bytes: int, timing: Timing) -> Iterator[bytes]:
    seen = 0
    for chunk in response.iter_raw(_CHUNK_BYTES):
        timing.check()
        seen += len(chunk)
        if seen > max_bytes:
            raise TooLarge(
                f"more than {max_bytes} bytes were sent", hint="raise the limit if you trust the publisher"
            )
        yield chunk
