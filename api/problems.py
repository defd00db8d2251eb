"""RFC 9457 problems: every error of the API, from 404 to 500, in one JSON shape with our stable codes.

Knows nothing of routes; `install` hangs it into an app.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from api.errors import (
    AmbiguousAgent,
    BodyTooLarge,
    Forbidden,
    IndexNotReady,
    InvalidRequest,
    MethodNotAllowed,
    NoSuchRoute,
    NotOffered,
    RateLimited,
)
from symphony_chain.content.errors import StoreFull, TooLarge
from symphony_chain.errors import (
    ChainUnavailable,
    Conflict,
    DeadlineExceeded,
    InvalidInput,
    NotFound,
    RpcError,
    SymphonyError,
    UnknownOutcome,
    UsageError,
)

MEDIA_TYPE = "application/problem+json"
log = logging.getLogger("api")

#: First match wins: precise classes before their parents.
_STATUS: tuple[tuple[type[SymphonyError], int], ...] = (
    (RateLimited, 429),
    (BodyTooLarge, 413),
    (TooLarge, 413),
    (NotOffered, 501),
    (Forbidden, 403),
    (MethodNotAllowed, 405),
    (InvalidRequest, 422),
    (AmbiguousAgent, 409),
    (StoreFull, 507),
    (InvalidInput, 400),
    (UsageError, 400),
    (NotFound, 404),
    (Conflict, 409),
    (IndexNotReady, 503),
    (ChainUnavailable, 503),
    (UnknownOutcome, 504),
    (DeadlineExceeded, 504),
    (RpcError, 502),
)
_TITLES = {
    400: "Bad request", 403: "Forbidden", 404: "Not found", 405: "Method not allowed", 409: "Conflict",
    413: "Body too large", 422: "Request not of the documented shape", 429: "Too many requests",
    500: "Internal error", 501: "Not offered here", 502: "The node refused", 503: "Not ready",
    504: "Outcome not known in time", 507: "No room",
}  # fmt: skip


class FieldFault(BaseModel):
    """One fault of a request: where (JSON pointer or parameter name) and what."""

    model_config = ConfigDict(extra="forbid")

    pointer: str
    message: str


class Problem(BaseModel):
    """An RFC 9457 problem. `code` is stable; `hint` says what to do; `type` leads to a page about the code."""

    model_config = ConfigDict(extra="forbid")

    type: str = Field(description="/problems/<code>")
    title: str
    status: int
    detail: str
    code: str
    hint: str = ""
    context: dict[str, Any] = Field(default_factory=dict)
    errors: list[FieldFault] = Field(default_factory=list)
    instance: str | None = None


def status_of(error: SymphonyError) -> int:
    """HTTP status of an error: by its class."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def problem_of(error: SymphonyError, *, instance: str | None = None, errors: list[FieldFault] | None = None) -> Problem:
    """The problem that describes an error; its context is reduced to what JSON can carry."""
    status = status_of(error)
    return Problem(
        type=f"/problems/{error.code}",
        title=_TITLES.get(status, "Error"),
        status=status,
        detail=error.message,
        code=error.code,
        hint=error.hint,
        context=json.loads(json.dumps(error.context, default=str)),
        errors=errors or [],
        instance=instance,
    )


def problem_response(problem: Problem, headers: dict[str, str] | None = None) -> Response:
    """The HTTP answer of a problem."""
    extra = {"Cache-Control": "no-store"} | (headers or {})
    body = problem.model_dump_json(exclude_none=True).encode()
    return Response(body, problem.status, media_type=MEDIA_TYPE, headers=extra)


ErrorPage = Callable[[Request, Problem], Response | None]


def set_error_page(app: FastAPI, page: ErrorPage) -> None:
    """Lets pages show problems to people: `page` answers a request, or None where JSON is right."""
    app.state.error_page = page


def error_response(request: Request, error: SymphonyError, errors: list[FieldFault] | None = None) -> Response:
    """The HTTP answer of an error, with the headers that its class asks for."""
    problem = problem_of(error, instance=request.url.path, errors=errors)
    return _page_of(request, problem) or problem_response(problem, _headers_of(error))


def _page_of(request: Request, problem: Problem) -> Response | None:
    app = request.scope.get("app")
    page: ErrorPage | None = getattr(app.state, "error_page", None) if app is not None else None
    return page(request, problem) if page is not None else None


def _headers_of(error: SymphonyError) -> dict[str, str]:
    headers: dict[str, str] = {}
    if isinstance(error, RateLimited):
        headers["Retry-After"] = str(error.retry_after_s)
    elif isinstance(error, ChainUnavailable):
        headers["Retry-After"] = "2"
    return headers


def internal_problem(instance: str) -> Problem:
    """What a client learns of a fault of ours: nothing but that it is ours."""
    return Problem(
        type="/problems/internal",
        title=_TITLES[500],
        status=500,
        detail="the server failed to answer this request",
        code="internal",
        hint="try again; if it stays, look into the server's log",
        instance=instance,
    )


def http_error(request: Request, error: HTTPException) -> SymphonyError:
    """Starlette's own 404, 405 and 400 as errors of our tree."""
    if error.status_code == 404:
        hint = "the routes are listed in /openapi.json"
        return NoSuchRoute(f"there is nothing at {request.url.path[:200]}", hint=hint)
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "GET")
        return MethodNotAllowed(f"{request.method} is not possible here", hint=f"use {allowed}", allow=allowed)
    return InvalidInput(str(error.detail), hint="send a JSON document of the documented shape", code="request.malformed")


def field_faults(error: RequestValidationError) -> list[FieldFault]:
    """Pydantic's findings as pointers and sentences; the offending values are not echoed."""
    faults = []
    for item in error.errors()[:20]:
        source, *path = [str(part) for part in item["loc"]]
        pointer = "/" + "/".join(path) if source == "body" else (path[0] if path else source)
        faults.append(FieldFault(pointer=pointer, message=item["msg"]))
    return faults


def _validation_error(error: RequestValidationError) -> SymphonyError:
    if any(item["type"] == "json_invalid" for item in error.errors()):
        return InvalidInput("the body is not JSON", hint="send one JSON document in UTF-8", code="json.invalid")
    faults = field_faults(error)
    first = f"{faults[0].pointer}: {faults[0].message}" if faults else "the request"
    return InvalidRequest(f"{first} ({len(faults)} fault(s))", hint="see `errors` and /openapi.json")


def install(app: FastAPI) -> None:
    """Makes every error of an app a problem."""

    @app.exception_handler(SymphonyError)
    async def on_symphony_error(request: Request, error: SymphonyError) -> Response:
        if status_of(error) == 500:
            log.error("%s %s failed: %s", request.method, request.url.path, error.message, exc_info=error)
        return error_response(request, error)

    @app.exception_handler(RequestValidationError)
    async def on_validation_error(request: Request, error: RequestValidationError) -> Response:
        ours = _validation_error(error)
        return error_response(request, ours, field_faults(error) if isinstance(ours, InvalidRequest) else None)

    @app.exception_handler(HTTPException)
    async def on_http_error(request: Request, error: HTTPException) -> Response:
        response = error_response(request, http_error(request, error))
        if error.status_code == 405:
            response.headers["Allow"] = (error.headers or {}).get("Allow", "GET")
        return response

    @app.exception_handler(Exception)
    async def on_fault(request: Request, error: Exception) -> Response:
        log.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return problem_response(internal_problem(request.url.path))
