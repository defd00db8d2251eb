"""Brings a document to a gateway that takes copies (``PUT /v1/content``). Knows nothing of what it says."""

from __future__ import annotations

from collections.abc import Mapping

import httpx

from symphony_chain.content.errors import Unavailable, UploadRefused

TIMEOUT_S = 10.0


def put_document(base_url: str, data: bytes, kind: str, of: Mapping[str, str | int] | None = None) -> None:
    """Uploads a document.

    Args:
        kind: ``header``, ``body``, ``registration``, ``card``, ``trace`` or ``answer``.
        of: where the chain names it (``agent``, or ``task`` and ``seat``), for a gateway that keeps nothing else of strangers.
    Raises:
        Unavailable: the gateway is away; try again later. UploadRefused: it does not want the document.
    """
    url = f"{base_url.rstrip('/')}/v1/content"
    try:
        answer = httpx.put(url, params={"kind": kind, **(of or {})}, content=data, timeout=TIMEOUT_S, trust_env=False)
    except httpx.HTTPError as error:
        why = str(error) or type(error).__name__
        raise Unavailable(f"{base_url} is away: {why}", hint="try again later, or name another gateway", url=base_url) from error
    if answer.status_code >= 500 or answer.status_code == 429:
        raise Unavailable(f"{base_url} answers {answer.status_code}", hint="try again later", url=base_url)
    if answer.status_code >= 300:
        raise UploadRefused(
            f"{base_url} did not take the {kind}: it answers {answer.status_code}: {answer.text[:200]}",
            hint="let others read from your own gateway, or name another one",
            url=base_url,
        )
