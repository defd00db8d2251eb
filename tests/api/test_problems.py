"""Every error is a problem of one shape with one of our codes; the OpenAPI document says so too."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from api.limits import DEFAULT_BODY_BYTES
from api.problems import Problem
from tests.api.world import World

HASH = "0x" + "ab" * 32
JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/nothing", 404, "api.no_route"),
        ("GET", f"/v1/tasks/{HASH}", 404, "task.not_found"),
        ("GET", "/v1/tasks/0x12", 400, "input.hash"),
        ("GET", "/v1/agents/99", 404, "agent.not_found"),
        ("GET", "/v1/agents/99999999999", 400, "input.agent"),
        ("GET", "/v1/agents/did:web:example.org", 400, "did.invalid"),
        ("GET", "/v1/agents/did:ethr:0x1:0x" + "11" * 20, 404, "agent.not_found"),
        ("GET", "/v1/agents/did:ethr:0x7a69:0x" + "11" * 20, 404, "agent.not_found"),
        ("GET", "/v1/blocks/999999", 404, "block.not_found"),
        ("GET", f"/v1/tx/{HASH}", 404, "tx.not_found"),
        ("GET", "/v1/tasks?limit=0", 400, "paging.limit"),
        ("GET", "/v1/tasks?limit=101", 400, "paging.limit"),
        ("GET", "/v1/tasks?limit=x", 422, "request.invalid"),
        ("GET", "/v1/tasks?cursor=bm9wZQ", 400, "input.cursor"),
        ("GET", "/v1/tasks?state=lost", 422, "request.invalid"),
        ("GET", "/v1/events?after=1-2", 400, "paging.cursor"),
        ("DELETE", "/v1/tasks", 405, "api.method_not_allowed"),
        ("POST", "/", 405, "api.method_not_allowed"),
        ("PUT", "/v1/content?kind=other", 400, "upload.kind"),
    ],
)
def test_codes(client: TestClient, method: str, path: str, status: int, code: str) -> None:
    answer = client.request(method, path)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = Problem.model_validate_json(answer.content)
    assert (problem.status, problem.code, problem.type) == (status, code, f"/problems/{code}")
    assert problem.detail and problem.hint


def test_strict_body_names_each_fault(client: TestClient) -> None:
    answer = client.post("/v1/tasks/draft", json={"requester": 5, "k": False, "extra": 1})
    problem = Problem.model_validate_json(answer.content)
    assert answer.status_code == 422
    assert {"/requester", "/k", "/extra", "/prompt"} <= {fault.pointer for fault in problem.errors}


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b'{"raw":"' + b"\\ud800" + b'"}', b"[" * 50_000, b"1e999"])
def test_broken_bodies(client: TestClient, body: bytes) -> None:
    answer = client.post("/v1/tx", content=body, headers=JSON)
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"


def test_body_over_the_limit(client: TestClient) -> None:
    answer = client.post("/v1/tx", content=b"x" * (DEFAULT_BODY_BYTES + 1), headers=JSON)
    assert answer.status_code == 413 and answer.json()["code"] == "api.body_too_large"
    chunked = client.post("/v1/tx", content=iter([b"x" * 65536] * 9), headers=JSON)
    assert chunked.status_code == 413


def test_allow_header(client: TestClient) -> None:
    assert client.delete("/v1/agents").headers["allow"] == "GET"


def test_openapi_has_problems_only(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1") and "HTTPValidationError" not in str(document)
    operations = [op for path in document["paths"].values() for op in path.values()]
    assert len(operations) > 25
    for operation in operations:
        content = operation["responses"]["4XX"]["content"]
        assert content == {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
        assert "422" not in operation["responses"]


def test_pages_for_people(client: TestClient, told: World) -> None:
    lost = client.get("/nowhere", headers={"accept": "text/html"})
    assert lost.status_code == 404 and "<h1>Not found</h1>" in lost.text
    meaning = client.get("/problems/input.invalid", headers={"accept": "text/html"})
    assert meaning.status_code == 200 and "cannot be used as it is" in meaning.text
    assert client.get("/v1/nowhere", headers={"accept": "text/html"}).headers["content-type"] == "application/problem+json"
