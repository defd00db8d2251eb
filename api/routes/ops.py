"""`/v1/health`, `/v1/ready`, `/v1/status`, `/v1/stats` and `/v1/metrics`: for those who run the API."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from api.errors import IndexNotReady
from api.metrics import MEDIA_TYPE
from api.respond import answer
from api.schema.base import Model, Status, Totals
from api.services import Services, services
from symphony_chain.errors import ChainUnavailable

router = APIRouter(prefix="/v1", tags=["operation"])


class Health(Model):
    """The process answers; says nothing of chain and index."""

    status: Literal["ok"]


class Ready(Model):
    """The index is at the chain's head."""

    status: Literal["ready"]
    index: Status


def checked_status(parts: Services) -> Status:
    """The status of an index that is fit to be read.

    Raises:
        IndexNotReady: no block indexed, not following, or too far behind.
    """
    status = parts.reader.status()
    if status.indexed is None or status.state != "following":
        raise IndexNotReady(
            f"the index is {status.state}", hint="see /v1/status; is the indexer running and its node reachable?"
        )
    if status.lag_blocks > parts.settings.ready_lag_blocks:
        raise IndexNotReady(
            f"the index is {status.lag_blocks} blocks behind", hint="wait until it has caught up", lag=status.lag_blocks
        )
    return status


@router.get("/health", response_model=Health)
def get_health(request: Request) -> Response:
    """200 as long as the process lives."""
    return Response(Health(status="ok").model_dump_json(), media_type="application/json")


@router.get("/ready", response_model=Ready)
def get_ready(request: Request) -> Response:
    """200 while the index is at the chain's head, 503 otherwise."""
    return answer(request, Ready(status="ready", index=checked_status(services(request))))


@router.get("/status", response_model=Status)
def get_status(request: Request) -> Response:
    """How the index stands to the chain, whether ready or not."""
    return answer(request, services(request).reader.status())


@router.get("/stats", response_model=Totals)
def get_stats(request: Request) -> Response:
    """Counts over the whole market."""
    return answer(request, services(request).reader.totals())


@router.get("/metrics", response_class=PlainTextResponse)
def get_metrics(request: Request) -> Response:
    """Prometheus text."""
    parts = services(request)
    parts.metrics.streams = parts.hub.subscribers
    try:
        status = parts.reader.status()
    except ChainUnavailable:
        status = None
    return Response(parts.metrics.render(status), media_type=MEDIA_TYPE)
