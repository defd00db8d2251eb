"""Cursor paging: the `limit` and `cursor` parameters and the links of a page. Knows nothing of what is listed."""

from __future__ import annotations

from typing import Annotated, TypeVar
from urllib.parse import urlencode

from fastapi import Query
from starlette.requests import Request

from api.errors import BadLimit
from api.schema.base import Page

MAX_LIMIT = 100
DEFAULT_LIMIT = 25
MAX_CURSOR_CHARS = 200
T = TypeVar("T")

Limit = Annotated[int, Query(description=f"items per page, 1…{MAX_LIMIT}; anything else is a 400")]
Cursor = Annotated[str | None, Query(max_length=MAX_CURSOR_CHARS, description="`next` of the page before")]


def checked_limit(limit: int) -> int:
    """The limit itself, or BadLimit: a silent clamp would look like the end of the list."""
    if not 1 <= limit <= MAX_LIMIT:
        raise BadLimit(f"limit {limit} is not possible", hint=f"ask for 1…{MAX_LIMIT} and follow `next`")
    return limit


def with_links(request: Request, page: Page[T]) -> Page[T]:
    """The page with the URL of its successor."""
    if page.next is None:
        return page
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    return page.model_copy(update={"next_url": f"{request.url.path}?{urlencode([*kept, ('cursor', page.next)])}"})
