"""`/v1/blocks`, `/v1/tx/{hash}` and the event stream `/v1/events`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from api.event_ids import parse_event_id
from api.paging import DEFAULT_LIMIT, Cursor, Limit, checked_limit, with_links
from api.respond import answer
from api.routes.lookup import BlockPath, HashPath, block_detail, checked_hash, transaction
from api.schema.base import Page
from api.schema.chain import BlockDetail, BlockSummary, TransactionDetail
from api.schema.write import Relayed
from api.services import services
from api.sse import HEADERS, MEDIA_TYPE, stream
from symphony_chain.errors import NotFound

router = APIRouter(prefix="/v1", tags=["chain"])


@router.get("/blocks", response_model=Page[BlockSummary])
def list_blocks(request: Request, cursor: Cursor = None, limit: Limit = DEFAULT_LIMIT) -> Response:
    """Blocks of the canonical chain since the deployment, newest first."""
    page = services(request).reader.blocks(cursor=cursor, limit=checked_limit(limit))
    return answer(request, with_links(request, page))


@router.get("/blocks/{name}", response_model=BlockDetail)
def get_block(request: Request, name: BlockPath) -> Response:
    """One block by height or hash, with our transactions in it."""
    return answer(request, block_detail(services(request), name))


@router.get("/tx/{tx_hash}", response_model=TransactionDetail | Relayed)
def get_transaction(request: Request, tx_hash: HashPath) -> Response:
    """A transaction with its events; one that is not indexed yet, as the node knows it."""
    parts = services(request)
    try:
        return answer(request, transaction(parts, tx_hash))
    except NotFound:
        at_node = parts.relay.look_up(bytes.fromhex(checked_hash(tx_hash, "transaction hash")[2:]))
        if at_node is None:
            raise
        return answer(request, at_node)


@router.get("/events", response_class=StreamingResponse, responses={200: {"content": {MEDIA_TYPE: {}}}})
async def get_events(
    request: Request,
    task: Annotated[str | None, Query(max_length=80, description="only this task's events")] = None,
    last_event_id: Annotated[str | None, Header(max_length=64)] = None,
    after: Annotated[str | None, Query(max_length=64, description="as Last-Event-ID, for clients without headers")] = None,
) -> Response:
    """Events as they are indexed: domain events, `head`, `reorg`, `gap`, `ping`. Resumes after Last-Event-ID."""
    parts = services(request)
    task_id = checked_hash(task, "task id") if task else None
    position = last_event_id or after
    source = stream(
        parts.hub,
        parts.reader,
        after=parse_event_id(position) if position else None,
        task_id=task_id,
        ping_s=parts.settings.ping_s,
    )
    return StreamingResponse(source, media_type=MEDIA_TYPE, headers=HEADERS)
