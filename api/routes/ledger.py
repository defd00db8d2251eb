"""`/v1/releases`, `/v1/deltas`, `/v1/feedback`, `/v1/pool` and `/v1/solvency`: the contracts around the market."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from api.paging import DEFAULT_LIMIT, Cursor, Limit, checked_limit, with_links
from api.reader import ReleaseFilter
from api.respond import answer
from api.routes.lookup import AddressQuery, pool_detail, solvency
from api.schema.base import Page
from api.schema.ledger import Delta, Feedback, Pool, PoolEpoch, PoolRecord, Release, TokenSolvency
from api.services import services
from symphony_chain.rpc_types import checksum
from symphony_chain.types import NATIVE

router = APIRouter(prefix="/v1", tags=["ledger"])
AgentQuery = Annotated[int | None, Query(ge=0, le=2**32 - 1)]
KindQuery = Annotated[str | None, Query(min_length=1, max_length=32, description="base-model, toolchain, …")]
NameQuery = Annotated[str | None, Query(min_length=1, max_length=64)]
ModelQuery = Annotated[str | None, Query(pattern=r"^0x[0-9a-fA-F]{64}$", description="digest of the base model")]
TokenQuery = Annotated[str, Query(pattern=r"^0x[0-9a-fA-F]{40}$", description="the chain's own coin, where none is given")]
EpochQuery = Annotated[int | None, Query(ge=0, lt=2**53)]


@router.get("/releases", response_model=Page[Release])
def list_releases(
    request: Request,
    publisher: AddressQuery = None,
    kind: KindQuery = None,
    name: NameQuery = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Response:
    """Versions of models, tools and templates, newest first; the first of a publisher and name is its latest."""
    only = ReleaseFilter(checksum(publisher) if publisher else None, kind, name)
    page = services(request).reader.releases(only, cursor=cursor, limit=checked_limit(limit))
    return answer(request, with_links(request, page))


@router.get("/deltas", response_model=Page[Delta])
def list_deltas(
    request: Request,
    agent: AgentQuery = None,
    base_model: ModelQuery = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Response:
    """Sparse model updates, newest first; the first of an agent and base model is the head of its line."""
    model = base_model.lower() if base_model else None
    page = services(request).reader.deltas(agent_id=agent, base_model=model, cursor=cursor, limit=checked_limit(limit))
    return answer(request, with_links(request, page))


@router.get("/feedback", response_model=Page[Feedback])
def list_feedback(
    request: Request,
    agent: AgentQuery = None,
    client: AddressQuery = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Response:
    """What requesters said of agents that answered their tasks, newest first, with the answers to it."""
    by = checksum(client) if client else None
    page = services(request).reader.feedback(agent_id=agent, client=by, cursor=cursor, limit=checked_limit(limit))
    return answer(request, with_links(request, page))


@router.get("/pool", response_model=Pool)
def get_pool(request: Request) -> Response:
    """The reward pool: its constants, and its books of this market, one a token."""
    return answer(request, pool_detail(services(request)))


@router.get("/pool/epochs", response_model=Page[PoolEpoch])
def list_pool_epochs(
    request: Request, token: TokenQuery = NATIVE, cursor: Cursor = None, limit: Limit = DEFAULT_LIMIT
) -> Response:
    """Its epochs in one token, newest first: pots, and what was released and reserved once they are final."""
    parts = services(request)
    terms = parts.onchain.pool_terms()
    page = parts.reader.pool_epochs(token=checksum(token), terms=terms, cursor=cursor, limit=checked_limit(limit))
    return answer(request, with_links(request, page))


@router.get("/pool/records", response_model=Page[PoolRecord])
def list_pool_records(
    request: Request,
    token: AddressQuery = None,
    epoch: EpochQuery = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Response:
    """Tasks proved to it, newest epoch first: what their seats gave, who recorded them, and the shares paid so far."""
    only = checksum(token) if token else None
    page = services(request).reader.pool_records(token=only, epoch=epoch, cursor=cursor, limit=checked_limit(limit))
    return answer(request, with_links(request, page))


@router.get("/solvency", response_model=Page[TokenSolvency])
def list_solvency(request: Request, cursor: Cursor = None, limit: Limit = DEFAULT_LIMIT) -> Response:
    """What the market owes and what it holds, token by token; `symphony audit` recomputes it from the chain alone."""
    page = solvency(services(request), cursor=cursor, limit=checked_limit(limit))
    return answer(request, with_links(request, page))
