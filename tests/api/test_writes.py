"""Writing: drafts, relayed transactions and orders, uploads. Nothing is sent twice, nothing is signed for anybody."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from starlette.testclient import TestClient

from api import create_app
from symphony_chain import market, signing
from symphony_chain.content.cid import Cid
from symphony_chain.keys import Keystore
from symphony_chain.market import MarketClient
from symphony_chain.rpc import Rpc
from symphony_chain.spec.body import TaskBody
from symphony_chain.spec.header import BeaconHeader
from symphony_chain.types import State, Task
from tests.api.world import World
from tests.indexer.scenario import ETHER, GWEI

PASSWORD = "correct horse"
WISH = {
    "prompt": "What is 2 + 2?",
    "title": "A sum",
    "answer_format": {"type": "integer"},
    "skills": {"arithmetic_word_problems": 10_000},
    "ceiling_wei": str(ETHER // 100),
    "k": 1,
}


@pytest.fixture(scope="module")
def http(live: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """An API with a relayer key that has coins."""
    folder = tmp_path_factory.mktemp("relayer")
    relayer: LocalAccount = Account.from_key(b"\x77" * 32)
    Keystore(folder / "keys").create("relayer", PASSWORD, key=bytes(relayer.key), kdf="pbkdf2", work=1000)
    (folder / "password").write_text(PASSWORD + "\n")
    live.scenario.send(live.scenario.stranger, relayer.address, b"", ETHER)
    settings = replace(
        live.settings,
        relayer_keystore=folder / "keys",
        relayer_password_file=folder / "password",
        write_rate_per_s=1000.0,
        write_burst=1000,
    )
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        yield client


def draft(http: TestClient, live: World, **changes: Any) -> Any:
    answer = http.post("/v1/tasks/draft", json=WISH | {"requester": live.scenario.requester.address} | changes)
    assert answer.status_code == 201, answer.text
    return answer.json()


def signed(live: World, transaction: dict[str, Any], *, nonce: int | None = None, chain_id: int = 31337) -> str:
    requester, rpc = live.scenario.requester, live.scenario.rpc
    filled = {
        "to": transaction["to"],
        "data": transaction["data"],
        "value": int(transaction["value"]),
        "chainId": chain_id,
        "nonce": rpc.get_nonce(requester.address) if nonce is None else nonce,
        "gas": 1_000_000,
        "maxFeePerGas": 100 * GWEI,
        "maxPriorityFeePerGas": GWEI,
        "type": 2,
    }
    return "0x" + bytes(requester.sign_transaction(filled).raw_transaction).hex()


def test_draft_hosts_its_texts_and_names_the_task(http: TestClient, live: World) -> None:
    made = draft(http, live)
    header = BeaconHeader.parse(http.get(f"/ipfs/{made['header_cid']}?format=raw").content)
    body = TaskBody.parse(http.get(f"/ipfs/{made['body_cid']}?format=raw").content)
    assert body.prompt == WISH["prompt"] and header.body == body.ref()
    assert header.bid_endpoint == ("http://127.0.0.1:1",)
    task = Task.from_json(made["task"])
    assert task.header == header.digest and int(made["escrow_wei"]) == task.escrow_wei
    assert made["task_id"] == "0x" + signing.task_id(live.scenario.deployment.domain, task).hex()
    assert draft(http, live)["task_id"] != made["task_id"]


def test_a_wallets_signature_over_typed_data_is_the_order(http: TestClient, live: World) -> None:
    made = draft(http, live)
    signature = live.scenario.requester.sign_typed_data(full_message=made["typed_data"]).signature
    task = Task.from_json(made["task"])
    domain = live.scenario.deployment.domain
    assert signing.recover_task(domain, task, bytes(signature)) == live.scenario.requester.address


def test_signed_draft_is_relayed_and_posts_the_task(http: TestClient, live: World) -> None:
    made = draft(http, live)
    raw = signed(live, made["transaction"])
    answer = http.post("/v1/tx", json={"raw": raw}, headers={"Idempotency-Key": "first"})
    assert answer.status_code in (200, 202), answer.text
    state = MarketClient(live.scenario.rpc, live.scenario.deployment.market).state(bytes.fromhex(made["task_id"][2:]))
    assert state is State.OPEN
    again = http.post("/v1/tx", json={"raw": raw}, headers={"Idempotency-Key": "first"})
    assert again.json()["tx_hash"] == answer.json()["tx_hash"] and again.json()["status"] == "mined"
    live.index()
    assert http.get(f"/v1/tasks/{made['task_id']}").json()["title"] == "A sum"


def test_one_key_never_stands_for_two_transactions(http: TestClient, live: World) -> None:
    nonce = live.scenario.rpc.get_nonce(live.scenario.requester.address)
    raws = [signed(live, draft(http, live)["transaction"], nonce=nonce + i) for i in range(2)]
    first = http.post("/v1/tx", json={"raw": raws[0]}, headers={"Idempotency-Key": "one"})
    other = http.post("/v1/tx", json={"raw": raws[1]}, headers={"Idempotency-Key": "one"})
    assert first.status_code in (200, 202)
    assert other.status_code == 409 and other.json()["code"] == "api.idempotency_mismatch"
    assert live.scenario.rpc.get_nonce(live.scenario.requester.address) == nonce + 1


def test_parallel_requests_under_one_key_send_one(http: TestClient, live: World) -> None:
    nonce = live.scenario.rpc.get_nonce(live.scenario.requester.address)
    # Same nonce, different tasks: only one of them could be mined, but the relay must not even try two.
    raws = [signed(live, draft(http, live)["transaction"], nonce=nonce) for _ in range(6)]

    def send(raw: str) -> int:
        return http.post("/v1/tx", json={"raw": raw}, headers={"Idempotency-Key": "race"}).status_code

    with ThreadPoolExecutor(6) as pool:
        statuses = sorted(pool.map(send, raws))
    assert statuses[0] in (200, 202) and statuses[1:] == [409] * 5


def test_revert_is_decoded_and_nothing_is_sent(http: TestClient, live: World) -> None:
    rpc, requester = live.scenario.rpc, live.scenario.requester
    nonce = rpc.get_nonce(requester.address)
    to = live.scenario.deployment.market
    data = "0x" + market.encode_withdraw(requester.address, requester.address, 10**30).hex()
    call = {"to": to, "data": data, "value": "0"}
    answer = http.post("/v1/tx", json={"raw": signed(live, call)}, headers={"Idempotency-Key": "bad"})
    problem = answer.json()
    assert answer.status_code == 409 and problem["code"] == "contract.InsufficientBalance"
    assert problem["context"]["args"]["want"] == str(10**30) and "deposit" in problem["hint"]
    assert rpc.get_nonce(requester.address) == nonce
    good = {"to": to, "data": "0x" + market.encode_deposit(requester.address).hex(), "value": "1"}
    retry = http.post("/v1/tx", json={"raw": signed(live, good)}, headers={"Idempotency-Key": "bad"})
    assert retry.status_code in (200, 202)  # a key whose transaction never went out is free again


def test_only_our_contracts_on_our_chain(http: TestClient, live: World) -> None:
    to_self = {"to": live.scenario.stranger.address, "data": "0x", "value": "1"}
    foreign = http.post("/v1/tx", json={"raw": signed(live, to_self)})
    assert (foreign.status_code, foreign.json()["code"]) == (400, "tx.foreign_target")
    made = draft(http, live)["transaction"]
    other_chain = http.post("/v1/tx", json={"raw": signed(live, made, chain_id=1)})
    assert (other_chain.status_code, other_chain.json()["code"]) == (400, "tx.wrong_chain")
    assert http.post("/v1/tx", json={"raw": "0x02c0"}).json()["code"] == "tx.malformed"


class _Deaf(httpx.BaseTransport):
    """A node that takes a transaction and never answers; everything else goes through."""

    def __init__(self) -> None:
        self.inner = httpx.HTTPTransport()
        self.sent = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self.inner.handle_request(request)
        if b"eth_sendRawTransaction" in request.read():
            self.sent += 1
            answer.close()
            raise httpx.ReadTimeout("no answer", request=request)
        return answer

    def close(self) -> None:
        self.inner.close()


def test_no_answer_means_unknown_and_the_same_request_finds_out(http: TestClient, live: World) -> None:
    raw = signed(live, draft(http, live)["transaction"])
    deaf = _Deaf()
    app = create_app(live.settings, rpc=Rpc(live.settings.rpc_url, transport=deaf))
    with TestClient(app) as other:
        answer = other.post("/v1/tx", json={"raw": raw}, headers={"Idempotency-Key": "deaf"})
        assert answer.status_code == 202 and answer.json()["status"] == "unknown"
        again = other.post("/v1/tx", json={"raw": raw}, headers={"Idempotency-Key": "deaf"})
        assert again.status_code == 200 and again.json()["status"] == "mined"
    assert deaf.sent == 1


def test_order_is_posted_once_with_the_relayers_gas(http: TestClient, live: World) -> None:
    scenario = live.scenario
    made = draft(http, live)
    task = Task.from_json(made["task"])
    signature = "0x" + signing.sign_task(scenario.requester, scenario.deployment.domain, task).hex()
    poor = http.post("/v1/orders", json={"task": made["task"], "signature": signature})
    assert (poor.status_code, poor.json()["code"]) == (409, "contract.InsufficientBalance")
    scenario.market(scenario.requester, market.encode_deposit(scenario.requester.address), task.escrow_wei)
    nonce = scenario.rpc.get_nonce(scenario.requester.address)
    first = http.post("/v1/orders", json={"task": made["task"], "signature": signature}).json()
    again = http.post("/v1/orders", json={"task": made["task"], "signature": signature}).json()
    assert first["status"] == "mined" and first == again and first["task_id"] == made["task_id"]
    assert scenario.rpc.get_nonce(scenario.requester.address) == nonce


def test_order_of_another_signer(http: TestClient, live: World) -> None:
    made = draft(http, live)
    task = Task.from_json(made["task"])
    forged = "0x" + signing.sign_task(live.scenario.stranger, live.scenario.deployment.domain, task).hex()
    answer = http.post("/v1/orders", json={"task": made["task"], "signature": forged})
    assert (answer.status_code, answer.json()["code"]) == (400, "order.bad_signature")
    altered = made["task"] | {"k": 1.0}
    answer = http.post("/v1/orders", json={"task": altered, "signature": forged})
    assert answer.status_code == 400


def test_order_without_a_relayer(live: World) -> None:
    with TestClient(create_app(live.settings)) as other:
        answer = other.post("/v1/orders", json={"task": {}, "signature": "0x" + "00" * 65})
    assert answer.status_code == 501 and "--relayer-keystore" in answer.json()["hint"]


def test_uploads(http: TestClient) -> None:
    data = TaskBody(prompt="uploaded").to_json()
    answer = http.put("/v1/content?kind=body", content=data)
    assert answer.status_code == 201 and answer.json()["cid"] == str(Cid.of(data))
    assert http.get(f"/ipfs/{answer.json()['cid']}?format=raw").content == data
    assert http.put("/v1/content?kind=header", content=data).status_code == 400
    big = http.put("/v1/content?kind=body", content=b" " * 300_000)
    assert (big.status_code, big.json()["code"]) == (413, "content.too_large")
    assert http.put("/v1/content?kind=trace", content=b"x" * (5 << 20)).status_code == 413


def test_uploads_are_closed_to_others(live: World) -> None:
    app = create_app(live.settings)
    with TestClient(app, client=("203.0.113.9", 5)) as stranger:
        answer = stranger.put("/v1/content?kind=body", content=b"{}")
    assert (answer.status_code, answer.json()["code"]) == (403, "api.uploads_closed")


def test_full_store(live: World, tmp_path: Path) -> None:
    settings = replace(live.settings, content_dir=tmp_path / "small", max_content_bytes=100)
    with TestClient(create_app(settings)) as other:
        answer = other.post("/v1/tasks/draft", json=WISH | {"requester": live.scenario.requester.address})
    assert (answer.status_code, answer.json()["code"]) == (507, "content.full")


def test_writes_are_limited_per_client(live: World) -> None:
    now = [100.0]
    settings = replace(live.settings, write_rate_per_s=0.5, write_burst=3)
    with TestClient(create_app(settings, monotonic=lambda: now[0])) as other:
        statuses = [other.post("/v1/tx", json={"raw": "0x00"}).status_code for _ in range(4)]
        refused = other.post("/v1/tx", json={"raw": "0x00"})
        assert statuses == [400, 400, 400, 429] and refused.headers["retry-after"] == "2"
        assert other.get("/v1/tasks").status_code == 200  # reads go on
        now[0] += 2.0
        assert other.post("/v1/tx", json={"raw": "0x00"}).status_code == 400


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"skills": {"juggling": 1}}, 400),
        ({"skills": {"navigate": 0}}, 400),
        ({"skills": {}}, 422),
        ({"prompt": "x" * 40_000}, 422),
        ({"prompt": "\N{PILE OF POO}" * 10_000}, 400),
        ({"ceiling_wei": 5}, 422),
        ({"ceiling_wei": "9" * 29}, 400),
        ({"answer_format": {"type": "sql"}}, 400),
        ({"k": 17}, 422),
        ({"requester": "0x12"}, 422),
    ],
)
def test_drafts_that_cannot_be(http: TestClient, live: World, change: dict[str, Any], status: int) -> None:
    answer = http.post("/v1/tasks/draft", json=WISH | {"requester": live.scenario.requester.address} | change)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
