"""Bounds on what a client may send: body size as middleware, a token bucket for writes. Clock passed in."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import BodyTooLarge, RateLimited
from api.problems import error_response

DEFAULT_BODY_BYTES = 512 * 1024
UPLOAD_BODY_BYTES = 4 * 1024 * 1024 + 1024
MAX_CLIENTS = 10_000


class BodyLimit:
    """Reads each body once, up to its route's limit, before the app sees it; 413 above."""

    def __init__(self, app: ASGIApp, *, uploads: str) -> None:
        self._app = app
        self._uploads = uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self._app(scope, receive, send)
            return
        limit = UPLOAD_BODY_BYTES if scope["path"] == self._uploads else DEFAULT_BODY_BYTES
        body = await _read(receive, limit, scope)
        if body is None:
            error = BodyTooLarge(f"the body has more than {limit} bytes", hint="send less", max_bytes=limit)
            response = error_response(Request(scope), error)
            response.headers["Connection"] = "close"  # the rest of the body is not read
            await response(scope, receive, send)
            return
        await self._app(scope, _replay(body, receive), send)


async def _read(receive: Receive, limit: int, scope: Scope) -> bytes | None:
    declared = dict(scope["headers"]).get(b"content-length", b"0")
    if declared.isdigit() and int(declared) > limit:
        return None
    parts = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return bytes(parts)
        parts += message.get("body", b"")
        if len(parts) > limit:
            return None
        if not message.get("more_body"):
            return bytes(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    sent = False

    async def replay() -> Message:
        nonlocal sent
        if sent:
            return await receive()  # later messages: disconnect
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


class RateLimiter:
    """One token bucket per client: `burst` at once, `rate_per_s` in the long run. Remembers MAX_CLIENTS clients."""

    def __init__(self, rate_per_s: float, burst: int, clock: Callable[[], float]) -> None:
        self._rate_per_s = rate_per_s
        self._burst = float(burst)
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # client → (tokens, time)

    def take(self, client: str) -> None:
        """Takes one token, or raises RateLimited with the seconds to wait."""
        now_s = self._clock()
        with self._lock:
            tokens, then_s = self._buckets.pop(client, (self._burst, now_s))
            tokens = min(self._burst, tokens + (now_s - then_s) * self._rate_per_s)
            allowed = tokens >= 1
            self._buckets[client] = (tokens - 1 if allowed else tokens, now_s)
            if len(self._buckets) > MAX_CLIENTS:
                self._buckets.popitem(last=False)
        if not allowed:
            raise RateLimited(max(1, math.ceil((1 - tokens) / self._rate_per_s)))
