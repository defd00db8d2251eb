"""`/v1/models`: model cards that registered agents name."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api.paging import DEFAULT_LIMIT, Cursor, Limit, checked_limit, with_links
from api.respond import answer
from api.routes.lookup import HashPath, card_detail
from api.schema.base import Page
from api.schema.card import CardDetail, CardSummary
from api.services import services

router = APIRouter(prefix="/v1", tags=["agents"])


@router.get("/models", response_model=Page[CardSummary])
def list_models(request: Request, cursor: Cursor = None, limit: Limit = DEFAULT_LIMIT) -> Response:
    """Model cards at hand that registered agents name, in the order of the first agent that does. Claims; nobody checks them."""
    page = services(request).cards.page(cursor=cursor, limit=checked_limit(limit))
    return answer(request, with_links(request, page))


@router.get("/models/{digest}", response_model=CardDetail)
def get_model(request: Request, digest: HashPath) -> Response:
    """One model card by its digest, and which agents name it."""
    return answer(request, card_detail(services(request), digest))
