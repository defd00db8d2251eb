"""The write helpers: drafts, relayed transactions and orders, uploads. The API signs nothing for anybody."""

from __future__ import annotations

import os
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api.respond import answer
from api.routes.lookup import MAX_AGENT_ID
from api.schema.write import (
    ClaimRequest,
    Draft,
    DraftRequest,
    Hire,
    HireRequest,
    OrderRelayed,
    OrderRequest,
    Payment,
    Relayed,
    TxRequest,
    Uploaded,
    WithdrawRequest,
)
from api.services import limit_writes, services
from api.uploads import KINDS, Place, keep_upload, may_upload, require_named

router = APIRouter(prefix="/v1", tags=["write"], dependencies=[Depends(limit_writes)])
IdempotencyKey = Annotated[str | None, Header(min_length=1, max_length=128, pattern=r"^[\x21-\x7e]+$")]
_BODY: dict[str, Any] = {"requestBody": {"content": {"application/octet-stream": {"schema": {"type": "string"}}}}}


@router.post("/tasks/draft", response_model=Draft, status_code=201)
def post_draft(request: Request, draft: DraftRequest) -> Response:
    """Hosts a task's texts and returns it unsigned: as an EIP-712 order and as a transaction."""
    parts = services(request)
    made = parts.drafts.task(
        draft,
        store=parts.store,
        pinned=may_upload(request, parts.deployment),
        endpoint=parts.settings.public_url or str(request.base_url).rstrip("/"),
        random_bytes=os.urandom,
    )
    return answer(request, made, 201)


@router.post("/hires/draft", response_model=Hire)
def post_hire_draft(request: Request, hire: HireRequest) -> Response:
    """A drafted task and the bids that its requester chose, ready to be posted and awarded in one transaction."""
    return answer(request, services(request).drafts.hire(hire))


@router.post("/claims/draft", response_model=Payment)
def post_claim_draft(request: Request, claim: ClaimRequest) -> Response:
    """An agent's pay, ready to be claimed by its owner or operator, who signs it or sends it."""
    return answer(request, services(request).drafts.claim(claim))


@router.post("/withdrawals/draft", response_model=Payment)
def post_withdrawal_draft(request: Request, withdrawal: WithdrawRequest) -> Response:
    """A balance, ready to be withdrawn by its account, which signs it or sends it."""
    return answer(request, services(request).drafts.withdraw(withdrawal))


@router.post("/tx", response_model=Relayed)
def post_tx(request: Request, tx: TxRequest, idempotency_key: IdempotencyKey = None) -> Response:
    """Relays a signed transaction to our contracts; never two under one Idempotency-Key."""
    relayed = services(request).relay.relay(bytes.fromhex(tx.raw[2:]), idempotency_key)
    return answer(request, relayed, 200 if relayed.status in ("mined", "reverted") else 202)


@router.post("/orders", response_model=OrderRelayed)
def post_order(request: Request, order: OrderRequest) -> Response:
    """Sends a signed order and pays its gas, if this API has a relayer key (501 if not). The same order goes out once."""
    relayed = services(request).orders.relay(order)
    return answer(request, relayed, 200 if relayed.status == "mined" else 202)


@router.put("/content", response_model=Uploaded, status_code=201, openapi_extra=_BODY)
async def put_content(
    request: Request,
    kind: Annotated[str, Query(description=", ".join(KINDS))],
    agent: Annotated[int | None, Query(ge=0, le=MAX_AGENT_ID, description="whose registration file or model card it is")] = None,
    task: Annotated[str | None, Query(pattern=r"^0x[0-9a-fA-F]{64}$", description="whose header, body or trace it is")] = None,
    seat: Annotated[int | None, Query(ge=0, le=15, description="of the task, whose trace it is")] = None,
) -> Response:
    """Keeps a document of one of our formats for others to fetch. On a devnet, whatever comes from this machine; else only what
    the chain names: the registration file of `agent`, a card that this file names once it is at hand, the header of `task`, its
    body once the header is at hand, the trace of its opened `seat`.
    """
    parts = services(request)
    trusted, data = may_upload(request, parts.deployment), await request.body()
    if not trusted:
        await run_in_threadpool(require_named, parts.reader, parts.texts, kind, Place(agent, task, seat), data)
    uploaded = await run_in_threadpool(keep_upload, parts.store, kind, data, pinned=trusted)
    return await run_in_threadpool(answer, request, uploaded, 201)
