"""The content gateway: an ASGI app that serves a store's blocks and archives to any IPFS client, without
being trusted.

    GET|HEAD /ipfs/{cid}?format=raw|car          one block, or the blocks of a file as CARv1
    PUT      /ipfs/{cid}                         keep one raw block (only where the owner allows it)
    GET      /routing/v1/providers/{cid}         who else has it (Delegated Routing V1)

Never recursive: what is not in the store is 404. Sources: IPFS trustless gateway specification, Delegated
Routing V1 HTTP API. Knows nothing of rate limits and users; whoever mounts it adds them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from symphony_chain.content.archive import plan_archive
from symphony_chain.content.car import car_header, car_section
from symphony_chain.content.cid import RAW, Cid
from symphony_chain.content.errors import (
    ContentError,
    HashMismatch,
    MalformedCid,
    MissingContent,
    StoreFull,
    TooLarge,
)
from symphony_chain.content.exchange import RAW_TYPE
from symphony_chain.content.gateway_request import (
    CAR_CONTENT_TYPE,
    Ask,
    Refused,
    clip_entity_bytes,
    etag_matches,
    read_ask,
    read_range,
)
from symphony_chain.content.routing import provider_records
from symphony_chain.content.store import ContentStore
from symphony_chain.content.unixfs import file_size

MAX_PUT_BYTES = 256 * 1024
PROBE_CID = "bafkqaaa"  # the empty identity CID with which clients test that a gateway is one
_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, HEAD, PUT, OPTIONS",
    "Access-Control-Allow-Headers": "Content-Type, Range, If-None-Match, Accept",
    "Access-Control-Expose-Headers": "Content-Range, Content-Length, ETag, X-Ipfs-Path, X-Ipfs-Roots",
}
_IMMUTABLE = "public, max-age=29030400, immutable"
Providers = Callable[[Cid], list[str]]


def gateway_app(
    store: ContentStore, *, providers: Providers | None = None, accept_put: bool = False
) -> Starlette:
    """ASGI app over a store.

    Args:
        providers: base URLs of gateways that have a CID (for ``/routing/v1``); none are listed without it.
        accept_put: let clients store raw blocks of up to 256 KiB.
    """
    gateway = _Gateway(store, providers)
    routes = [
        Route("/ipfs/{cid}", gateway.read, methods=["GET", "HEAD"]),
        Route("/ipfs/{cid}/{path:path}", gateway.below, methods=["GET", "HEAD"]),
        Route("/ipfs/{rest:path}", gateway.options, methods=["OPTIONS"]),
        Route("/routing/v1/providers/{cid}", gateway.providers, methods=["GET"]),
        Route("/routing/v1/providers/{cid}", gateway.options, methods=["OPTIONS"]),
    ]
    if accept_put:
        routes.insert(0, Route("/ipfs/{cid}", gateway.write, methods=["PUT"]))
    return Starlette(routes=routes)


class _Gateway:
    def __init__(self, store: ContentStore, providers: Providers | None) -> None:
        self._store = store
        self._providers = providers

    def options(self, request: Request) -> Response:
        return Response(status_code=204, headers=_CORS)

    def below(self, request: Request) -> Response:
        """Paths lead through directories, and this store holds none."""
        return _error(404, "there are no paths below a CID here: content is single files")

    def read(self, request: Request) -> Response:
        try:
            return self._read(request)
        except Refused as exc:
            return _error(exc.status, exc.message)
        except MalformedCid as exc:
            return _error(400, f"{exc.message}; {exc.hint}")
        except MissingContent as exc:
            cached_only = "only-if-cached" in request.headers.get("cache-control", "")
            return _error(412 if cached_only else 404, exc.message)
        except ContentError as exc:
            return _error(500, exc.message)

    async def write(self, request: Request) -> Response:
        try:
            cid = Cid.parse(request.path_params["cid"])
            if cid.codec != RAW:
                return _error(400, "only raw blocks can be put here")
            block = await _body(request)
            await run_in_threadpool(self._put, cid, block)
        except MalformedCid as exc:
            return _error(400, exc.message)
        except HashMismatch as exc:
            return _error(400, exc.message)
        except TooLarge as exc:
            return _error(413, exc.message)
        except StoreFull as exc:
            return _error(507, exc.message)
        except ContentError as exc:
            return _error(500, exc.message)
        return JSONResponse({"cid": str(cid), "size_bytes": len(block)}, 201, headers=_CORS)

    def providers(self, request: Request) -> Response:
        try:
            cid = Cid.parse(request.path_params["cid"])
        except MalformedCid as exc:
            return _error(400, exc.message)
        records = provider_records(self._providers(cid) if self._providers is not None else [])
        headers = _CORS | {"Vary": "Accept", "Cache-Control": f"public, max-age={300 if records else 15}"}
        if "application/x-ndjson" in request.headers.get("accept", ""):
            lines = b"".join(bytes(JSONResponse(record).body) + b"\n" for record in records)
            return Response(lines, media_type="application/x-ndjson", headers=headers)
        return JSONResponse({"Providers": records}, headers=headers)

    def _put(self, cid: Cid, block: bytes) -> None:
        self._store.put_block(cid, block)
        self._store.adopt(cid, "put")

    def _read(self, request: Request) -> Response:
        ask = read_ask(request.query_params, request.headers.get("accept", ""))
        text = request.path_params["cid"]
        if text == PROBE_CID and ask.form == "raw":
            return Response(
                b"", media_type=RAW_TYPE, headers=_headers(text, f'"{text}.raw"', text, "bin", request)
            )
        cid = Cid.parse(text)
        if not self._store.blocks.has(cid):
            raise MissingContent(f"block {cid} is not here", hint="ask another provider")
        etag = _etag(cid, ask)
        headers = _headers(text, etag, str(cid), "bin" if ask.form == "raw" else "car", request)
        if etag_matches(request.headers.get("if-none-match", ""), etag):
            return Response(status_code=304, headers=headers)
        return (
            self._raw(request, cid, headers) if ask.form == "raw" else self._car(request, cid, ask, headers)
        )

    def _raw(self, request: Request, cid: Cid, headers: dict[str, str]) -> Response:
        block = self._store.blocks.get(cid)
        headers["Accept-Ranges"] = "bytes"
        try:
            wanted = read_range(request.headers.get("range", ""), len(block))
        except Refused as exc:
            refusal = _error(exc.status, exc.message)
            refusal.headers["Content-Range"] = f"bytes */{len(block)}"
            return refusal
        status = 200
        if wanted is not None:
            headers["Content-Range"] = f"bytes {wanted[0]}-{wanted[1] - 1}/{len(block)}"
            block, status = block[wanted[0] : wanted[1]], 206
        return Response(block, status, media_type=RAW_TYPE, headers=headers)

    def _car(self, request: Request, cid: Cid, ask: Ask, headers: dict[str, str]) -> Response:
        start, end = 0, 0  # scope block: no bytes asked, so the root alone
        if ask.scope != "block":
            start, end = clip_entity_bytes(ask.entity_bytes, file_size(cid, self._store.blocks.get(cid)))
        plan = plan_archive(self._store.blocks, cid, start, end)
        headers["Accept-Ranges"] = "none"
        if request.method == "HEAD":
            return Response(media_type=CAR_CONTENT_TYPE, headers=headers)
        return StreamingResponse(self._archive(cid, plan), media_type=CAR_CONTENT_TYPE, headers=headers)

    def _archive(self, root: Cid, plan: list[Cid]) -> Iterator[bytes]:
        """A block that turns out damaged raises here: the stream is cut off, which the client must see."""
        yield car_header(root)
        for cid in plan:
            yield car_section(cid, self._store.blocks.get(cid))


async def _body(request: Request) -> bytes:
    parts = bytearray()
    async for chunk in request.stream():
        parts += chunk
        if len(parts) > MAX_PUT_BYTES:
            raise TooLarge(
                f"a block put here has at most {MAX_PUT_BYTES} bytes", hint="serve it from your own gateway"
            )
    return bytes(parts)


def _etag(cid: Cid, ask: Ask) -> str:
    if ask.form == "raw":
        return f'"{cid}.raw"'
    key = f"{cid}|{ask.scope}|{ask.entity_bytes}|dfs|n".encode()
    return f'W/"{hashlib.sha256(key).hexdigest()[:32]}.car"'


def _headers(text: str, etag: str, roots: str, suffix: str, request: Request) -> dict[str, str]:
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", request.query_params.get("filename", f"{text}.{suffix}"))[:200]
    return _CORS | {
        "Cache-Control": _IMMUTABLE,
        "Content-Disposition": f'attachment; filename="{name}"',
        "ETag": etag,
        "Vary": "Accept",
        "X-Content-Type-Options": "nosniff",
        "X-Ipfs-Path": f"/ipfs/{text}",
        "X-Ipfs-Roots": roots,
    }


def _error(status: int, message: str) -> Response:
    headers = _CORS | {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return PlainTextResponse(message + "\n", status, headers=headers)
