"""Finishes the OpenAPI 3.1 document: problems instead of the framework's own error shape. Knows no route."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from api.problems import MEDIA_TYPE, Problem

DESCRIPTION = """Reads of one Symphony market, and helpers to write to it without giving keys away.

Every object names the block it rests on and how firm that block is (`finality`). Money is wei as decimal strings.
Every error is an RFC 9457 problem with a stable `code`."""
_METHODS = ("get", "put", "post", "delete", "patch", "head", "options")


def describe(app: FastAPI) -> None:
    """Makes `app.openapi()` say what the API really answers in case of an error."""
    app.description = DESCRIPTION
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _with_problems(generate())
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # the documented way to change it


def _with_problems(document: dict[str, Any]) -> dict[str, Any]:
    schemas = document["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= problem.pop("$defs", {})
    schemas["Problem"] = problem
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    answer = {"description": "A problem (RFC 9457)", "content": content}
    for path in document["paths"].values():
        for method in _METHODS:
            if method in path:
                path[method]["responses"].pop("422", None)
                path[method]["responses"] |= {"4XX": answer, "5XX": answer}
    return document
