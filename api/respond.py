"""JSON answers with the headers that every object has: ETag, X-Symphony-Block, no caching without asking.

Knows nothing of what is answered.
"""

from __future__ import annotations

import hashlib

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from api.services import services

BLOCK_HEADER = "X-Symphony-Block"


def answer(request: Request, document: BaseModel, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A document as the answer of a request; 304 where the client has it already."""
    body = document.model_dump_json().encode()
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    extra = {"ETag": etag, "Cache-Control": "no-cache"} | block_header(request) | (headers or {})
    if request.method in ("GET", "HEAD") and _matches(request.headers.get("if-none-match", ""), etag):
        return Response(status_code=304, headers=extra)
    return Response(body, status, media_type="application/json", headers=extra)


def block_header(request: Request) -> dict[str, str]:
    """`X-Symphony-Block: number:hash` of the block up to which the answer holds."""
    block = services(request).reader.status().indexed
    return {BLOCK_HEADER: f"{block.number}:{block.hash}"} if block else {}


def _matches(header: str, etag: str) -> bool:
    offered = [item.strip().removeprefix("W/") for item in header.split(",")]
    return etag in offered or "*" in offered
