"""Pages of model cards: which registered agents name, and each at full length. All of it is foreign text that nobody checked."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api.explorer.render import ROWS, query, render
from api.paging import Cursor
from api.routes.lookup import HashPath, card_detail
from api.services import services

router = APIRouter(include_in_schema=False)


@router.get("/models")
def models(request: Request, cursor: Cursor = None) -> Response:
    """Cards that registered agents name."""
    page = services(request).cards.page(cursor=cursor, limit=ROWS)
    return render(
        request,
        "models.html",
        json_url=query("/v1/models", {"cursor": cursor}),
        page=page,
        next_url=query("/models", {"cursor": page.next}) if page.next else None,
        first=cursor is None,
    )


@router.get("/models/{digest}")
def model(request: Request, digest: HashPath) -> Response:
    """One card, and which agents name it."""
    found = card_detail(services(request), digest)
    return render(request, "model.html", json_url=f"/v1/models/{found.digest}", model=found)
