"""Pages of the contracts around the market: releases, deltas, feedback, the reward pool; and what the market owes and holds."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api.explorer.render import ROWS, query, render
from api.paging import Cursor
from api.reader import ReleaseFilter
from api.routes.ledger import AgentQuery, EpochQuery, KindQuery, ModelQuery, NameQuery, TokenQuery
from api.routes.lookup import AddressQuery, pool_detail, solvency
from api.schema.base import Page
from api.services import services
from symphony_chain.rpc_types import checksum
from symphony_chain.types import NATIVE

RECORD_ROWS = 8
router = APIRouter(include_in_schema=False)


@router.get("/releases")
def releases(
    request: Request,
    publisher: AddressQuery = None,
    kind: KindQuery = None,
    name: NameQuery = None,
    cursor: Cursor = None,
) -> Response:
    """Versions that publishers stand for."""
    only = ReleaseFilter(checksum(publisher) if publisher else None, kind, name)
    page = services(request).reader.releases(only, cursor=cursor, limit=ROWS)
    filters = {"publisher": publisher, "kind": kind, "name": name}
    return _list(request, "releases.html", "/releases", page, filters, cursor)


@router.get("/deltas")
def deltas(
    request: Request, agent: AgentQuery = None, base_model: ModelQuery = None, cursor: Cursor = None
) -> Response:
    """Sparse model updates of agents."""
    model = base_model.lower() if base_model else None
    page = services(request).reader.deltas(agent_id=agent, base_model=model, cursor=cursor, limit=ROWS)
    return _list(request, "deltas.html", "/deltas", page, {"agent": agent, "base_model": model}, cursor)


@router.get("/feedback")
def feedback(
    request: Request, agent: AgentQuery = None, client: AddressQuery = None, cursor: Cursor = None
) -> Response:
    """What requesters said of agents."""
    by = checksum(client) if client else None
    page = services(request).reader.feedback(agent_id=agent, client=by, cursor=cursor, limit=ROWS)
    return _list(request, "feedback.html", "/feedback", page, {"agent": agent, "client": client}, cursor)


@router.get("/pool")
def pool(request: Request, token: TokenQuery = NATIVE, cursor: Cursor = None) -> Response:
    """The reward pool in one token: its book, its epochs, and what was recorded last."""
    parts = services(request)
    found, chosen = pool_detail(parts), checksum(token)
    page = parts.reader.pool_epochs(token=chosen, terms=found.terms, cursor=cursor, limit=ROWS)
    records = parts.reader.pool_records(token=chosen, cursor=None, limit=RECORD_ROWS)
    book = next((book for book in found.books if book.token == chosen), None)
    filters = {"token": chosen if chosen != NATIVE else None}
    more: dict[str, Any] = {"pool": found, "book": book, "token": chosen, "records": records}
    return _list(request, "pool.html", "/pool", page, filters, cursor, "/v1/pool/epochs", **more)


@router.get("/pool/records")
def pool_records(
    request: Request, token: AddressQuery = None, epoch: EpochQuery = None, cursor: Cursor = None
) -> Response:
    """Tasks that were proved to the reward pool."""
    only = checksum(token) if token else None
    page = services(request).reader.pool_records(token=only, epoch=epoch, cursor=cursor, limit=ROWS)
    return _list(request, "pool_records.html", "/pool/records", page, {"token": only, "epoch": epoch}, cursor)


@router.get("/solvency")
def solvency_page(request: Request, cursor: Cursor = None) -> Response:
    """What the market owes and what it holds, token by token."""
    page = solvency(services(request), cursor=cursor, limit=ROWS)
    return _list(request, "solvency.html", "/solvency", page, {}, cursor)


def _list(
    request: Request,
    template: str,
    path: str,
    page: Page[Any],
    filters: dict[str, Any],
    cursor: str | None,
    json_path: str | None = None,
    **more: Any,
) -> Response:
    """One page of a list, with the filters that were chosen."""
    chosen = {name: value for name, value in filters.items() if value is not None}
    return render(
        request,
        template,
        json_url=query(json_path or f"/v1{path}", chosen | {"cursor": cursor}),
        page=page,
        filters=chosen,
        first=cursor is None,
        first_url=query(path, chosen),
        next_url=query(path, chosen | {"cursor": page.next}) if page.next else None,
        **more,
    )
