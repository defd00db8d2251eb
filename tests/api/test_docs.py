"""docs/api.md and the API name the same routes, options and event kinds."""

from __future__ import annotations

import re
from pathlib import Path

from starlette.testclient import TestClient

from api.__main__ import _parser

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "api.md").read_text()


def test_routes(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    offered = {f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item}
    described = set(re.findall(r"`((?:GET|POST|PUT) /v1/[\w/{}.]*)", TEXT))
    assert described == offered


def test_options() -> None:
    offered = {option for action in _parser()._actions for option in action.option_strings if option.startswith("--")}
    assert set(re.findall(r"(--[a-z][a-z-]+)", TEXT)) == offered - {"--help"}


def test_messages_of_the_stream() -> None:
    for name in ("head", "reorg", "gap", "ping"):
        assert f"* `{name}`" in TEXT
