"""Every route under generated parameters and bodies: never a 500, and every refusal is a problem.

The routes and their parameters come from the OpenAPI document itself, so that a new route is fuzzed without being listed.
"""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from api.orders import task_from_json
from api.problems import Problem
from symphony_chain.errors import InvalidInput
from tests.api.world import World

HASHES = st.binary(min_size=32, max_size=32).map(lambda b: "0x" + b.hex())
ADDRESSES = st.binary(min_size=20, max_size=20).map(lambda b: "0x" + b.hex())
TEXTS = st.text(max_size=60)
NUMBERS = st.integers(-(2**70), 2**70)
VALUES = st.one_of(
    HASHES,
    ADDRESSES,
    TEXTS,
    NUMBERS.map(str),
    st.sampled_from(["", "0", "1", "-1", "1e3", "../..", "%00", "null", "did:ethr:", "W10"]),
)
LEAVES = st.one_of(st.none(), st.booleans(), NUMBERS, st.floats(allow_nan=False, allow_infinity=False), TEXTS, HASHES, ADDRESSES)
JSON = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4), max_leaves=12)
SLOW = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
STREAM = "/v1/events"
DRAFT_FIELDS = (
    "requester prompt title answer_format skills ceiling_wei k min_seats base_bps quorum_bps router bid_window_s".split()
)


@pytest.fixture(scope="session")
def operations(client: TestClient) -> list[tuple[str, str, list[str]]]:
    document = client.get("/openapi.json").json()
    return [
        (method.upper(), path, [p["name"] for p in operation.get("parameters", []) if p["in"] == "query"])
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if path != STREAM
    ]


def check(answer: Any) -> None:
    assert answer.status_code < 500 or answer.status_code == 501, answer.text
    if answer.status_code >= 400 and not str(answer.url.path).startswith(("/ipfs", "/routing")):
        assert answer.headers["content-type"] == "application/problem+json"
        problem = Problem.model_validate_json(answer.content)
        assert problem.status == answer.status_code and problem.code and problem.hint


@SLOW
@given(data=st.data())
def test_every_operation(client: TestClient, operations: list[tuple[str, str, list[str]]], data: st.DataObject) -> None:
    client.app.state.services.limiter._buckets.clear()  # type: ignore[attr-defined]  # the limit has its own test
    method, path, names = data.draw(st.sampled_from(operations))
    # A path segment cannot hold a slash, and a client resolves dots before it sends.
    segments = VALUES.filter(lambda text: text.strip(". ") != "")
    url = re.sub(r"{\w+}", lambda _: quoted(data.draw(segments)), path)
    params = {name: data.draw(VALUES) for name in names if data.draw(st.booleans())}
    body = json.dumps(data.draw(JSON)).encode() if method != "GET" else None
    check(client.request(method, url, params=params, content=body, headers={"content-type": "application/json"}))


def quoted(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


@SLOW
@given(fields=st.dictionaries(st.sampled_from(DRAFT_FIELDS), JSON))
def test_drafts_with_any_one_field_off(client: TestClient, told: World, fields: dict[str, Any]) -> None:
    good = {
        "requester": told.scenario.requester.address,
        "prompt": "?",
        "title": "t",
        "answer_format": {"type": "integer"},
        "skills": {"navigate": 1},
        "ceiling_wei": "1",
    }
    client.app.state.services.limiter._buckets.clear()  # type: ignore[attr-defined]
    check(client.post("/v1/tasks/draft", json=good | fields))


@SLOW
@given(raw=st.binary(max_size=300), kind=st.sampled_from([b"", b"\x02", b"\x01", b"\xf8"]))
def test_any_bytes_as_transaction(client: TestClient, raw: bytes, kind: bytes) -> None:
    client.app.state.services.limiter._buckets.clear()  # type: ignore[attr-defined]
    answer = client.post("/v1/tx", json={"raw": "0x" + (kind + raw).hex()})
    assert answer.status_code in (400, 422)
    check(answer)


@SLOW
@given(fields=st.dictionaries(st.sampled_from(["requester", "ceiling", "k", "requirement", "header", "salt", "bidEnd"]), JSON))
def test_orders_with_any_field_off(client: TestClient, told: World, fields: dict[str, Any]) -> None:
    good = told.tasks["settled"].task.as_json()
    try:
        assert task_from_json(good | fields).as_json() == good | fields
    except InvalidInput:
        pass


@SLOW
@given(path=st.lists(VALUES, max_size=4), method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"]))
def test_any_path(client: TestClient, path: list[str], method: str) -> None:
    answer = client.request(method, "http://testserver/" + "/".join(quoted(part) for part in path).replace("..", "__"))
    assert answer.status_code < 500


PAGES = [
    "/", "/tasks", "/agents", "/blocks", "/search", "/post", "/rewards", "/tasks/{}", "/agents/{}", "/blocks/{}", "/tx/{}",
    "/problems/{}",
]  # fmt: skip


@SLOW
@given(path=st.sampled_from(PAGES), value=VALUES, params=st.dictionaries(
    st.sampled_from(["state", "requester", "agent", "cursor", "q", "address"]), VALUES))  # fmt: skip
def test_pages(client: TestClient, path: str, value: str, params: dict[str, str]) -> None:
    answer = client.get(
        path.format(quoted(value) or "x").replace("..", "__"),
        params=params, headers={"accept": "text/html"}, follow_redirects=False,
    )  # fmt: skip
    assert answer.status_code < 500, answer.text
