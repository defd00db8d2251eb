"""Renders a page: the template environment, and what every page is given. Knows no page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from api.explorer import charts
from api.explorer.filters import install_filters
from api.explorer.story import story_of
from api.explorer.suites import suites_of
from api.rows import tags_of
from api.schema.base import Status
from api.services import Services, services
from api.words import EVENT_WORDS, RELEASE_KINDS, STATE_WORDS, STATES
from symphony_chain.content.cid import RAW, Cid
from symphony_chain.errors import SymphonyError
from symphony_chain.types import NATIVE

FOLDER = Path(__file__).parent
ROWS = 25
#: Pages of the contracts around the market: path, name.
LEDGER_PAGES = {
    "/releases": "Releases", "/deltas": "Deltas", "/feedback": "Feedback", "/pool": "Reward pool", "/solvency": "Solvency",
}  # fmt: skip


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    install_filters(environment)
    environment.globals |= {
        "charts": charts, "event_words": EVENT_WORDS, "state_words": STATE_WORDS, "states": STATES, "tags_of": tags_of,
        "event_names": " ".join((*EVENT_WORDS, "Unknown")), "story_of": story_of, "NATIVE": NATIVE,
        "ledger_pages": LEDGER_PAGES, "release_kinds": RELEASE_KINDS, "suites_of": suites_of,
    }  # fmt: skip
    return environment


_TEMPLATES = _environment()


def render(
    request: Request,
    name: str,
    *,
    status_code: int = 200,
    json_url: str | None = None,
    headers: dict[str, str] | None = None,
    **values: Any,
) -> Response:
    """One page."""
    parts = services(request)
    status = _status(parts)
    text = _TEMPLATES.get_template(name).render(
        path=request.url.path,
        status=status,
        now_s=status.indexed.timestamp_s if status and status.indexed else 0,
        json_url=json_url,
        events_url="/v1/events",
        deployment=parts.deployment,
        token_of=parts.tokens.get,
        content_url=_content_url(parts),
        relays=parts.orders.offered,
        **values,
    )
    return HTMLResponse(text, status_code, headers={"Cache-Control": "no-cache"} | (headers or {}))


def query(path: str, values: dict[str, Any]) -> str:
    """A path with the parameters that are there."""
    given = {name: value for name, value in values.items() if value is not None}
    return f"{path}?{urlencode(given)}" if given else path


def _status(parts: Services) -> Status | None:
    try:
        return parts.reader.status()
    except SymphonyError:
        return None


def _content_url(parts: Services) -> Callable[[str | None], str | None]:
    """Where the gateway of this process serves a CID; None for content that is not at hand here."""

    def url(text: str | None) -> str | None:
        if text is None:
            return None
        cid = Cid.parse(text)
        return f"/ipfs/{cid}?format={'raw' if cid.codec == RAW else 'car'}" if parts.store.has(cid) else None

    return url
