"""Writing: drafts, relayed transactions and orders, uploads. Nothing is sent twice, nothing is signed for anybody."""

from __future__ import annotations

import hashlib
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
from api.orders import bid_of
from api.schema.write import SignedBid
from api.uploads import keep_upload
from symphony_chain import market, signing
from symphony_chain.canonical import sha256
from symphony_chain.content.cid import Cid
from symphony_chain.content.errors import StoreFull
from symphony_chain.content.store import ContentStore
from symphony_chain.keys import Keystore
from symphony_chain.market import MarketClient
from symphony_chain.registry import RegistryClient
from symphony_chain.rpc import Rpc
from symphony_chain.spec.body import TaskBody
from symphony_chain.spec.header import BeaconHeader
from symphony_chain.types import State, Task
from tests.api.world import World, finish, name_agent, text_of, trace_of
from tests.indexer.scenario import ETHER, GWEI, Posted

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
    desks = {signing.task_salt(task.requester, turn, b"")[-5:] for turn in range(16)}
    assert task.salt[-5:] in desks and task.salt[:27] != bytes(27)


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
    good = {"to": to, "data": "0x" + market.encode_deposit(requester.address, 1).hex(), "value": "1"}
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
    order = made["order"] | {"signature": signature}
    assert made["relayed"] and int(made["balance_wei"]) < task.escrow_wei and len(made["deposits"]) == 1
    poor = http.post("/v1/orders", json=order)
    assert (poor.status_code, poor.json()["code"]) == (409, "contract.InsufficientBalance")
    deposit = made["deposits"][0]
    scenario.market(scenario.requester, bytes.fromhex(deposit["data"][2:]), int(deposit["value"]))
    nonce = scenario.rpc.get_nonce(scenario.requester.address)
    first = http.post("/v1/orders", json=order).json()
    again = http.post("/v1/orders", json=order).json()
    assert first["status"] == "mined" and first == again and first["task_id"] == made["task_id"]
    assert scenario.rpc.get_nonce(scenario.requester.address) == nonce


def test_order_of_another_signer(http: TestClient, live: World) -> None:
    made = draft(http, live)
    task = Task.from_json(made["task"])
    forged = "0x" + signing.sign_task(live.scenario.stranger, live.scenario.deployment.domain, task).hex()
    answer = http.post("/v1/orders", json=made["order"] | {"signature": forged})
    assert (answer.status_code, answer.json()["code"]) == (409, "contract.BadSignature")
    for change in ({"k": "x"}, {"more": 1}, {"salt": "0x12"}):
        answer = http.post("/v1/orders", json={"kind": "post", "task": made["task"] | change, "signature": forged})
        assert (answer.status_code, answer.json()["code"]) == (400, "order.malformed"), change
    assert http.post("/v1/orders", json={"kind": "steal", "signature": forged}).status_code == 422


def test_a_task_through_orders_alone(http: TestClient, live: World) -> None:
    """Nobody but the relayer has gas: every step of a task's life is a signed order, or a relayed reveal."""
    scenario = live.scenario
    domain, keys = scenario.deployment.domain, [Account.from_key(bytes([0x40 + i]) * 32) for i in range(2)]
    requester = keys[0]
    view = MarketClient(scenario.rpc, scenario.deployment.market)
    scenario.market(scenario.stranger, market.encode_deposit(requester.address, ETHER), ETHER)

    def send(kind: str, signature: bytes, **fields: Any) -> Any:
        answer = http.post("/v1/orders", json={"kind": kind, "signature": "0x" + signature.hex()} | fields)
        assert answer.status_code == 200, answer.text
        return answer.json()

    made = draft(http, live, requester=requester.address, k=2, min_seats=1, evaluator=keys[1].address, evaluation_window_s=60)
    task, task_id = Task.from_json(made["task"]), bytes.fromhex(made["task_id"][2:])
    assert send("post", signing.sign_task(requester, domain, task), task=made["task"])["task_id"] == made["task_id"]
    posted = Posted(task, task_id)
    agents = [scenario.agents[0], scenario.agents[1]]
    bids = [scenario.sign_bid(posted, agent, task.ceiling_wei) for agent in agents]
    terms = [
        {"agent_id": bid.agent_id, "price_wei": str(bid.price_wei), "confidence_bps": bid.confidence_bps,
         "expiry_s": bid.expiry_s, "signature": "0x" + bid.signature.hex()}
        for bid in bids
    ]  # fmt: skip
    send("award", signing.sign_award(requester, domain, task_id, bids), task=made["task"], bids=terms)
    posted.agents = agents
    for seat, agent in enumerate(agents):
        digest, salt = hashlib.sha256(b"4").digest(), bytes([seat]) * 32
        commitment = signing.commitment(task_id, agent.agent_id, digest, bytes(32), salt)
        posted.openings.append((b"4", digest, bytes(32), salt))
        signature = signing.sign_commit(agent.wallet, domain, task_id, seat, commitment)
        send("commit", signature, task_id=made["task_id"], seat=seat, commitment="0x" + commitment.hex())
    scenario.reveal(posted, [0, 1])
    scores = [10_000, 5_000]
    send("evaluate", signing.sign_evaluate(keys[1], domain, task_id, scores), task=made["task"], scores_bps=scores)
    assert view.state(task_id) is State.SETTLED
    for number, agent in enumerate(agents):
        due_wei, before_wei = view.account(agent.agent_id).accrued_wei, scenario.rpc.get_balance(agent.owner.address)
        claim = http.post("/v1/claims/draft", json={"agent_id": agent.agent_id, "by": agent.wallet.address}).json()
        assert (int(claim["amount_wei"]), claim["to"]) == (due_wei, agent.owner.address) and due_wei > 0, number
        signature = agent.wallet.sign_typed_data(full_message=claim["typed_data"]).signature
        sent = send(signature=bytes(signature), **claim["order"])
        assert sent["task_id"] is None and scenario.rpc.get_balance(agent.owner.address) == before_wei + due_wei
        again = send(signature=bytes(signature), **claim["order"])
        assert again["tx_hash"] == sent["tx_hash"]  # the same order is never sent twice
    rest_wei = view.balance(requester.address)
    payment = http.post("/v1/withdrawals/draft", json={"account": requester.address}).json()
    assert int(payment["amount_wei"]) == rest_wei > 0
    signature = requester.sign_typed_data(full_message=payment["typed_data"]).signature
    send(signature=bytes(signature), **payment["order"])
    assert scenario.rpc.get_balance(requester.address) == rest_wei and view.balance(requester.address) == 0
    assert all(scenario.rpc.get_nonce(key.address) == 0 for key in keys)


def bids_for(live: World, made: dict[str, Any], *prices: int) -> list[dict[str, Any]]:
    """Bids of the first agents on a drafted task, as requests carry them."""
    posted = Posted(Task.from_json(made["task"]), bytes.fromhex(made["task_id"][2:]))
    agents = live.scenario.agents[: len(prices)]
    bids = [live.scenario.sign_bid(posted, agent, price) for agent, price in zip(agents, prices, strict=True)]
    return [
        {"agent_id": bid.agent_id, "price_wei": str(bid.price_wei), "confidence_bps": bid.confidence_bps,
         "expiry_s": bid.expiry_s, "signature": "0x" + bid.signature.hex()}
        for bid in bids
    ]  # fmt: skip


def test_hire_by_order(http: TestClient, live: World) -> None:
    """Posted and awarded in one transaction of the relayer's; only the price leaves the balance."""
    scenario, requester = live.scenario, Account.from_key(b"\x48" * 32)  # not one wei for gas
    view = MarketClient(scenario.rpc, scenario.deployment.market)
    made = draft(http, live, requester=requester.address, k=2, min_seats=1)
    ceiling_wei = int(WISH["ceiling_wei"])
    bids = bids_for(live, made, ceiling_wei // 2, ceiling_wei // 5)
    hire = http.post("/v1/hires/draft", json={"task": made["task"], "bids": bids}).json()
    assert (hire["task_id"], hire["cost_wei"], hire["balance_wei"]) == (made["task_id"], str(ceiling_wei), "0")
    signature = bytes(requester.sign_typed_data(full_message=hire["typed_data"]).signature)
    order = hire["order"] | {"signature": "0x" + signature.hex()}
    poor = http.post("/v1/orders", json=order)
    assert (poor.status_code, poor.json()["code"]) == (409, "contract.InsufficientBalance")
    scenario.market(scenario.stranger, market.encode_deposit(requester.address, ceiling_wei + 1), ceiling_wei + 1)
    sent = http.post("/v1/orders", json=order).json()
    assert (sent["status"], sent["task_id"]) == ("mined", made["task_id"])
    assert view.balance(requester.address) == 1 and scenario.rpc.get_nonce(requester.address) == 0
    assert http.post("/v1/orders", json=order).json()["tx_hash"] == sent["tx_hash"]
    live.index()
    shown = http.get(f"/v1/tasks/{made['task_id']}").json()
    assert (shown["state"], shown["seats"], shown["price_wei"]) == ("awarded", 2, str(ceiling_wei // 2))
    again = http.post("/v1/hires/draft", json={"task": made["task"], "bids": bids})
    assert (again.status_code, again.json()["code"]) == (409, "contract.TaskExists")


def test_hire_with_ones_own_transaction(http: TestClient, live: World) -> None:
    """Signed as `hire` by the SDK or by a wallet, it is one digest; the transaction brings what the bids cost along."""
    scenario, domain = live.scenario, live.scenario.deployment.domain
    scores = {"evaluator": scenario.stranger.address, "evaluation_window_s": 60, "evaluation_fee_wei": "7"}
    made = draft(http, live, k=3, min_seats=1, **scores)
    ask_wei = int(WISH["ceiling_wei"]) // 3
    bids = bids_for(live, made, ask_wei)
    hire = http.post("/v1/hires/draft", json={"task": made["task"], "bids": bids}).json()
    assert hire["cost_wei"] == hire["transaction"]["value"] == str(ask_wei + 7)
    digest = bytes.fromhex(made["task_id"][2:])
    ours = signing.sign_hire(scenario.requester, domain, digest, [bid_of(SignedBid(**bid)) for bid in bids])
    assert ours == bytes(scenario.requester.sign_typed_data(full_message=hire["typed_data"]).signature)
    before_wei = MarketClient(scenario.rpc, domain.market).balance(scenario.requester.address)
    answer = http.post("/v1/tx", json={"raw": signed(live, hire["transaction"])})
    assert answer.status_code in (200, 202), answer.text
    view = MarketClient(scenario.rpc, domain.market)
    assert view.state(digest) is State.AWARDED and view.balance(scenario.requester.address) == before_wei


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        (lambda wish: wish | {"bids": []}, 422, "request.invalid"),
        (lambda wish: wish | {"bids": wish["bids"] * 33}, 422, "request.invalid"),
        (lambda wish: wish | {"task": wish["task"] | {"k": "2"}}, 400, "order.malformed"),
        (lambda wish: wish | {"task": wish["task"] | {"k": 0, "minSeats": 0}}, 400, "draft.out_of_range"),
        (lambda wish: wish | {"bids": [wish["bids"][0] | {"agent_id": 2}]}, 409, "contract.TooFewSeats"),
        (lambda wish: wish | {"bids": [wish["bids"][0] | {"price_wei": "9" * 29}]}, 400, "input.abi"),
    ],
)
def test_hires_that_cannot_be(http: TestClient, live: World, change: Any, status: int, code: str) -> None:
    made = draft(http, live)
    answer = http.post("/v1/hires/draft", json=change({"task": made["task"], "bids": bids_for(live, made, 5)}))
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json" and answer.json()["hint"]


def test_take_and_cancel_by_order(http: TestClient, live: World) -> None:
    scenario = live.scenario
    domain = scenario.deployment.domain
    taken = scenario.post(open=True)
    scenario.warp(taken.task.bid_end_s + 1)
    agent = scenario.agents[2]
    signature = "0x" + signing.sign_take(agent.wallet, domain, taken.task_id, agent.agent_id, taken.task.commit_end_s).hex()
    order = {
        "kind": "take",
        "task": taken.task.as_json(),
        "agent_id": agent.agent_id,
        "deadline_s": taken.task.commit_end_s,
        "signature": signature,
    }
    assert http.post("/v1/orders", json=order).json()["status"] == "mined"
    cancelled = scenario.post()
    signature = "0x" + signing.sign_cancel(scenario.requester, domain, cancelled.task_id).hex()
    order = {"kind": "cancel", "task": cancelled.task.as_json(), "signature": signature}
    assert http.post("/v1/orders", json=order).json()["status"] == "mined"
    view = MarketClient(scenario.rpc, scenario.deployment.market)
    assert view.state(cancelled.task_id) is State.CANCELLED and view.state(taken.task_id) is State.AWARDED


def test_payments_that_cannot_be(http: TestClient, live: World) -> None:
    scenario = live.scenario
    stranger, agent = scenario.keys[7].address, scenario.agents[0]

    def refused(path: str, wish: dict[str, Any]) -> tuple[int, str]:
        answer = http.post(path, json=wish)
        return answer.status_code, answer.json()["code"]

    assert refused("/v1/withdrawals/draft", {"account": stranger}) == (409, "money.nothing")
    too_much = {"account": stranger, "amount_wei": "5"}
    assert refused("/v1/withdrawals/draft", too_much) == (409, "contract.InsufficientBalance")
    scenario.fund(agent, 5)
    assert refused("/v1/claims/draft", {"agent_id": 1, "by": stranger}) == (409, "contract.NotAuthorized")
    astray = {"agent_id": 1, "by": agent.wallet.address, "to": stranger}
    assert refused("/v1/claims/draft", astray) == (409, "contract.WalletMayOnlyPayOwner")
    idle = {"agent_id": 4, "by": scenario.agents[3].owner.address}
    assert refused("/v1/claims/draft", idle) == (409, "contract.NothingToClaim")
    assert refused("/v1/claims/draft", {"agent_id": 99, "by": stranger}) == (409, "contract.UnknownAgent")
    assert refused("/v1/claims/draft", {"agent_id": "1", "by": stranger})[0] == 422


def test_a_claim_is_good_for_an_hour_of_block_time_only(http: TestClient, live: World) -> None:
    scenario = live.scenario
    agent = scenario.agents[2]
    scenario.fund(agent, 7)
    claim = http.post("/v1/claims/draft", json={"agent_id": agent.agent_id, "by": agent.owner.address}).json()
    signature = agent.owner.sign_typed_data(full_message=claim["typed_data"]).signature
    scenario.warp(claim["deadline_s"] + 1)
    late = http.post("/v1/orders", json=claim["order"] | {"signature": "0x" + signature.hex()})
    assert (late.status_code, late.json()["code"]) == (409, "contract.SignatureExpired")


def test_token_drafts_bring_approval_and_deposit(http: TestClient, live: World) -> None:
    scenario = live.scenario
    token = scenario.create("PlainToken")
    made = draft(http, live, token=token)
    assert made["transaction"]["value"] == "0" and made["token"] == token
    approve, deposit = made["deposits"]
    assert (approve["to"], deposit["to"]) == (token, scenario.deployment.market) and deposit["value"] == "0"


def test_order_without_a_relayer(live: World) -> None:
    with TestClient(create_app(live.settings)) as other:
        answer = other.post("/v1/orders", json={"kind": "post", "task": {}, "signature": "0x" + "00" * 65})
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


def test_what_the_chain_names_is_taken_from_anybody(live: World, tmp_path: Path) -> None:
    """A stranger brings a registration file, a task's header and body, and an opened seat's trace, each where the chain names
    it, or what it names."""
    scenario, store = live.scenario, ContentStore(tmp_path / "elsewhere", max_bytes=1 << 20)
    with store:
        header = text_of(store, "Named", "Named on chain")
        texts = {"header": store.get(Cid.from_digest(header), 1 << 20)}
        texts["body"] = store.get(BeaconHeader.parse(texts["header"]).body.cid, 1 << 20)
        posted = scenario.post(header=header)
        texts["trace"] = trace_of(header, "7").to_json()
        finish(scenario, posted, ["7", "7", "7"], {0: sha256(texts["trace"])})
        name_agent(scenario, store, scenario.agents[0], "Renamed")
        registered = RegistryClient(scenario.rpc, scenario.deployment.registry).file_digest(1)
        texts["registration"] = store.get(Cid.from_digest(registered), 1 << 20)
    live.index()
    task = "0x" + posted.task_id.hex()
    places = {"header": {"task": task}, "body": {"task": task}, "trace": {"task": task, "seat": 0}, "registration": {"agent": 1}}
    with TestClient(create_app(live.settings), client=("203.0.113.9", 5)) as stranger:

        def put(kind: str, data: bytes, **place: object) -> tuple[int, str]:
            answer = stranger.put("/v1/content", params={"kind": kind, **place}, content=data)  # type: ignore[dict-item]
            return answer.status_code, answer.json().get("code", "")

        assert stranger.get(f"/v1/tasks/{task}/seats/0/trace").status_code == 404
        assert put("body", texts["body"], task=task) == (403, "api.uploads_closed"), "no header says so yet"
        for kind, place in places.items():
            assert put(kind, texts[kind]) == (403, "api.uploads_closed"), "nobody says where"
            assert put(kind, texts[kind] + b" ", **place) == (403, "api.uploads_closed"), "other bytes"
            assert put(kind, texts[kind], **place) == (201, "")
            assert put(kind, texts[kind], **place) == (201, ""), "again"
        assert put("trace", texts["trace"], task=task, seat=1) == (403, "api.uploads_closed"), "another seat's"
        assert put("trace", texts["header"], task=task) == (403, "api.uploads_closed"), "of another kind"
        assert put("registration", texts["registration"], agent=999) == (403, "api.uploads_closed")
        assert stranger.get(f"/v1/tasks/{task}/seats/0/trace").json()["answer"] == "7"
        assert stranger.get("/v1/agents/1").json()["name"] == "Renamed"
        assert stranger.get(f"/v1/tasks/{task}").json()["title"] == "Named"


@pytest.mark.parametrize(("client", "pinned"), [("203.0.113.9", False), ("127.0.0.1", True)])
def test_a_strangers_draft_may_go_when_the_store_is_full(live: World, tmp_path: Path, client: str, pinned: bool) -> None:
    folder = tmp_path / "texts"
    with TestClient(create_app(replace(live.settings, content_dir=folder)), client=(client, 5)) as http:
        made = http.post("/v1/tasks/draft", json=WISH | {"requester": live.scenario.requester.address}).json()
    with ContentStore(folder, max_bytes=1 << 20) as store:
        owners = [store.stat(Cid.parse(made[name])).pin_owners for name in ("header_cid", "body_cid")]
    assert [bool(names) for names in owners] == [pinned, pinned]


def test_full_store(live: World, tmp_path: Path) -> None:
    settings = replace(live.settings, content_dir=tmp_path / "small", max_content_bytes=100)
    with TestClient(create_app(settings)) as other:
        answer = other.post("/v1/tasks/draft", json=WISH | {"requester": live.scenario.requester.address})
    assert (answer.status_code, answer.json()["code"]) == (507, "content.full")


def test_a_full_store_drops_old_uploads_of_others(tmp_path: Path) -> None:
    now_s = 0.0
    bodies = [TaskBody(prompt=f"{i}" * 1000).to_json() for i in range(5)]
    with ContentStore(tmp_path, max_bytes=4 * len(bodies[0]), clock=lambda: now_s) as store:
        for i, body in enumerate(bodies[:4]):
            keep_upload(store, "body", body, pinned=i == 0)
        with pytest.raises(StoreFull):
            keep_upload(store, "body", bodies[4], pinned=False)
        now_s = 3600.0
        keep_upload(store, "body", bodies[4], pinned=False)
        there = [store.has(Cid.of(body)) for body in bodies]
        assert there.count(True) == 4 and there[0] and there[4]


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
        ({"ceiling_wei": "0"}, 400),
        ({"min_seats": 2}, 400),
        ({"evaluation_fee_wei": "1"}, 400),
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
