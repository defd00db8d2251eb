"""A task's whole specification: header and body by CID, every byte verified, checked against the task on chain.

An agent bids only on what it holds and understands; the check here comes before any price. Knows no bids.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import httpx

from agent_runtime.bidding import Reason, Refusal
from agent_runtime.faults import Fault, no_fault
from symphony_chain.content import Cid, ContentStore
from symphony_chain.content.errors import ContentError, MalformedBlock, StoreFull, StoreUnusable, TooLarge
from symphony_chain.content.fetch import Fetcher
from symphony_chain.errors import InvalidInput
from symphony_chain.spec import MAX_HEADER_BYTES, BeaconHeader, TaskBody
from symphony_chain.spec.formats import FormatUnsupported
from symphony_chain.types import Task


@dataclass(frozen=True, slots=True)
class Spec:
    """What a seat works on."""

    header: BeaconHeader
    body: TaskBody


class SpecLoader:
    """Loads specifications into a content store.

    Args:
        content_urls: gateways to ask first (on a devnet the API's).
        allow_local: accept gateways on this machine and private networks (devnets only).
        deadline_s: for header and body together.
    """

    def __init__(
        self,
        store: ContentStore,
        *,
        content_urls: Sequence[str],
        allow_local: bool,
        deadline_s: float = 10.0,
        fault: Fault = no_fault,
    ) -> None:
        self._store = store
        self._urls = tuple(content_urls)
        self._allow_local = allow_local
        self._deadline_s = deadline_s
        self._fault = fault
        self._client = httpx.Client(trust_env=False, follow_redirects=False)

    def close(self) -> None:
        self._client.close()

    def load(self, task: Task) -> Spec | Refusal:
        """The verified specification, or why there is none.

        Raises:
            StoreFull, StoreUnusable: this machine's fault, not the task's.
        """
        # A fetcher of its own: threads share the client, not the memory of who misbehaved.
        fetcher = Fetcher(self._store, client=self._client, allow_local=self._allow_local)
        try:
            header = BeaconHeader.parse(
                self._fetch(fetcher, Cid.from_digest(task.header), self._urls, MAX_HEADER_BYTES, "header")
            )
            refusal = check_header(header, task)
            if refusal is not None:
                return refusal
            providers = (*self._urls, *header.bid_endpoint)
            body = self._fetch(fetcher, header.body.cid, providers, header.body.size_bytes, "body")
            if len(body) != header.body.size_bytes:
                return Refusal(Reason.SPEC_INVALID, f"the body has {len(body)} bytes, not {header.body.size_bytes}")
            return Spec(header, TaskBody.parse(body))
        except FormatUnsupported as error:
            return Refusal(Reason.FORMAT_UNSUPPORTED, error.message)
        except (StoreFull, StoreUnusable):
            raise
        except (TooLarge, MalformedBlock) as error:
            return Refusal(Reason.SPEC_INVALID, error.message)
        except ContentError as error:
            return Refusal(Reason.SPEC_UNAVAILABLE, error.message)
        except InvalidInput as error:
            return Refusal(Reason.SPEC_INVALID, error.message)

    def _fetch(self, fetcher: Fetcher, cid: Cid, providers: Sequence[str], max_bytes: int, kind: str) -> bytes:
        self._fault("spec.before_file")
        data = fetcher.fetch(cid, providers, max_bytes=max_bytes, deadline_s=self._deadline_s / 2, kind=kind)
        self._fault("spec.after_file")
        return data


def check_header(header: BeaconHeader, task: Task) -> Refusal | None:
    """What a well-formed header may still say that this version cannot serve, or that contradicts the chain."""
    if header.kind != "answer":
        return Refusal(Reason.KIND_UNSUPPORTED, f"the header's kind is {header.kind}, the task's is {task.kind}")
    if header.encryption != "none":
        return Refusal(Reason.SPEC_INVALID, f"encryption {header.encryption} is not supported")
    return None
