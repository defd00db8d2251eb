"""Reading: every object of a played market, with its block, its firmness and its money to the wei."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from starlette.testclient import TestClient

from symphony_chain.did import validate_did_document
from symphony_chain.market import MarketClient
from symphony_chain.model.tally import ANSWER_BYTES
from symphony_chain.types import NATIVE
from tests.api.world import NAMES, World


def get(client: TestClient, path: str, status: int = 200) -> Any:
    answer = client.get(path)
    assert answer.status_code == status, answer.text
    return answer.json()


def task_id(told: World, name: str) -> str:
    return "0x" + told.tasks[name].task_id.hex()


def test_states_are_the_contracts(client: TestClient, told: World) -> None:
    market = MarketClient(told.scenario.rpc, told.scenario.deployment.market)
    for posted in told.scenario.posted:
        shown = get(client, f"/v1/tasks/0x{posted.task_id.hex()}")
        assert shown["state"] == market.state(posted.task_id).name.lower()
        assert shown["params"] == posted.task.as_json()


def test_lists_page_through_everything_once(client: TestClient, told: World) -> None:
    seen: list[str] = []
    url = "/v1/tasks?limit=3"
    while url:
        page = get(client, url)
        seen += [item["id"] for item in page["items"]]
        url = page["next_url"]
    assert seen == ["0x" + posted.task_id.hex() for posted in reversed(told.scenario.posted)]


@pytest.mark.parametrize(
    "state", ["settled", "inconclusive", "expired", "cancelled", "awarded", "revealing", "open", "free", "evaluating"]
)
def test_filter_by_state(client: TestClient, told: World, state: str) -> None:
    items = get(client, f"/v1/tasks?state={state}&limit=100")["items"]
    assert items and {item["state"] for item in items} == {state}
    assert len(items) == get(client, "/v1/stats")["tasks_by_state"][state]


def test_filter_by_agent_and_requester(client: TestClient, told: World) -> None:
    assert len(get(client, "/v1/tasks?agent=4&limit=100")["items"]) == 1  # it answered a planner's child task
    first = get(client, "/v1/tasks?agent=1&limit=100")["items"]
    assert task_id(told, "open") not in {item["id"] for item in first} and len(first) > 5
    mine = get(client, f"/v1/tasks?limit=100&requester={told.scenario.requester.address.lower()}")["items"]
    me = told.scenario.requester.address
    assert len(mine) == sum(posted.task.requester == me for posted in told.scenario.posted) > 15


def test_every_object_names_its_block(client: TestClient, told: World) -> None:
    rpc = told.scenario.rpc

    def check(value: Any) -> int:
        found = 0
        if isinstance(value, dict):
            if "finality" in value:
                assert value["finality"] in ("pending", "soft", "final")
                block = rpc.get_block(value["block"]["number"])
                assert block is not None and value["block"]["hash"] == "0x" + block.hash.hex()
                found += 1
            found += sum(check(item) for item in value.values())
        if isinstance(value, list):
            found += sum(check(item) for item in value)
        return found

    tip = rpc.block_number()
    for path in ("/v1/tasks", "/v1/agents", "/v1/blocks", "/v1/agents/1", f"/v1/tasks/{task_id(told, 'settled')}"):
        assert check(get(client, path)) > 0
    assert get(client, f"/v1/blocks/{tip}")["finality"] == "soft"
    assert get(client, f"/v1/blocks/{tip - 64}")["finality"] == "final"
    assert get(client, f"/v1/blocks/{tip - 63}")["finality"] == "soft"


def test_vote_is_what_the_contract_counted(client: TestClient, told: World) -> None:
    vote = get(client, f"/v1/tasks/{task_id(told, 'settled')}/vote")
    record = get(client, f"/v1/tasks/{task_id(told, 'settled')}")
    winner = next(answer for answer in vote["answers"] if answer["winner"])
    assert (winner["weight"], vote["total_weight"]) == (record["winner_weight"], record["total_weight"])
    assert winner["answer"] == "9" and winner["supporters"] == [1, 2, 3]
    split = get(client, f"/v1/tasks/{task_id(told, 'inconclusive')}/vote")
    assert not any(answer["winner"] for answer in split["answers"]) and len(split["answers"]) == 3
    assert split["answers"][0]["weight"] < split["quorum_weight"]
    silent = get(client, f"/v1/tasks/{task_id(told, 'no_show')}/vote")
    assert silent["silent_weight"] + silent["revealed_weight"] == silent["total_weight"] and silent["silent_weight"] > 0
    assert len(bytes.fromhex(winner["digest"][2:])) == 32 > ANSWER_BYTES


def test_no_vote_before_the_award(client: TestClient, told: World) -> None:
    assert get(client, f"/v1/tasks/{task_id(told, 'open')}/vote", 404)["code"] == "vote.not_found"


TASK_WORDS = "(uint256,uint256,uint256,uint256,uint256,bytes32,uint256,bytes32,bytes32,bytes32)"
PARTS = ("held_wei", "returned_wei", "paid_wei", "fee_wei", "refunded_wei", "burnt_wei")


def test_every_wei_of_every_escrow_is_somewhere(client: TestClient, told: World) -> None:
    paid: Counter[str] = Counter()
    for posted in told.scenario.posted:
        money = get(client, f"/v1/tasks/0x{posted.task_id.hex()}/payouts")
        parts = sum(int(money[name]) for name in PARTS) - int(money["lost_bonds_wei"])
        assert parts == int(money["escrow_wei"]) == posted.task.escrow_wei
        assert int(money["shared_wei"]) == sum(int(payout["shared_wei"]) for payout in money["payouts"])
        assert money["token"] == posted.task.token
        paid[posted.task.token] += int(money["paid_wei"])
    absent = get(client, f"/v1/tasks/{task_id(told, 'no_show')}/payouts")
    burn = int(absent["burnt_wei"]) - int(absent["lost_bonds_wei"])
    assert int(absent["lost_bonds_wei"]) == 10**17
    assert burn == sum(int(p["pay_wei"]) for p in absent["payouts"]) // 99  # a hundredth of what was earned
    totals = get(client, "/v1/stats")["money"]
    assert totals[0]["token"] == NATIVE and len(totals) == 2
    assert {total["token"]: int(total["paid_wei"]) for total in totals} == dict(paid)


def test_evaluated_shared_and_fee(client: TestClient, told: World) -> None:
    shown = get(client, f"/v1/tasks/{task_id(told, 'evaluated')}")
    money = shown["money"]
    assert shown["evaluated"] is True and [seat["score_bps"] for seat in shown["seat_list"]] == [7_777, 10_000, 0]
    assert int(money["fee_wei"]) == int(shown["params"]["evaluationFee"]) > 0
    assert int(money["shared_wei"]) > 0 and [d["name"] for d in shown["deadlines"]][-1] == "evaluation_end"
    waiting = get(client, f"/v1/tasks/{task_id(told, 'evaluating')}")
    assert waiting["evaluated"] is None and waiting["explain"]["next"]["actor"] == "evaluator"
    assert waiting["explain"]["next"]["by_s"] == waiting["evaluation_end_s"] > waiting["reveal_end_s"]


def test_free_and_taken_seats(client: TestClient, told: World) -> None:
    free = get(client, f"/v1/tasks/{task_id(told, 'free')}")
    assert free["free_seats"] == 3 and free["explain"]["next"]["action"] == "take a free seat"
    taken = get(client, f"/v1/tasks/{task_id(told, 'taken')}")
    assert (taken["state"], taken["seats"], taken["price_wei"]) == ("settled", 2, taken["ceiling_wei"])
    assert [event["name"] for event in taken["timeline"]].count("SeatTaken") == 2
    assert all(reason["reason"] != "no_bid" or 2 not in reason["agent_ids"] for reason in taken["explain"]["reasons"])


def test_a_plans_children_lower_its_weight(client: TestClient, told: World) -> None:
    shown = get(client, f"/v1/tasks/{task_id(told, 'planned')}")
    first, second = shown["seat_list"]
    assert first["weight"] < first["award_weight"] and second["weight"] == second["award_weight"]
    assert [child["seat"] for child in shown["children"]] == [0, 1, 1] and first["trace_digest"]
    assert shown["vote"]["total_weight"] == first["weight"] + second["weight"] == shown["total_weight"]


def test_the_trace_of_a_seat(client: TestClient, told: World) -> None:
    path = f"/v1/tasks/{task_id(told, 'hostile')}/seats"
    trace = get(client, f"{path}/0/trace")
    assert trace["version"] == "symphony.trace/1" and [sample["tokens"] for sample in trace["samples"]] == [40, 4, 38]
    for seat in (1, 9):
        answer = client.get(f"{path}/{seat}/trace")
        assert (answer.status_code, answer.json()["code"]) == (404, "trace.not_at_hand")


def test_receipts_are_what_the_market_keeps(client: TestClient, told: World) -> None:
    market = MarketClient(told.scenario.rpc, told.scenario.deployment.market)
    seen = 0
    for posted in told.scenario.posted:
        path = f"/v1/tasks/0x{posted.task_id.hex()}/receipt"
        outcome, _, digest = market.receipt(posted.task_id)
        if not outcome.is_final or digest == bytes(26):
            assert get(client, path, 404)["code"] == "receipt.not_found"
            continue
        receipt = get(client, path)
        packed = "".join(word[2:] for word in (receipt["winner"], *receipt["results"]))
        assert keccak(bytes.fromhex(packed))[:26] == digest == bytes.fromhex(receipt["digest"][2:])
        assert receipt["outcome"] == outcome.name.lower()
        words = [bytes.fromhex(word[2:]) for word in receipt["task"]]
        assert b"".join(words) == encode([TASK_WORDS], [posted.task.words()])
        seen += 1
    assert seen > 8


def test_accounts_and_tokens(client: TestClient, told: World) -> None:
    scenario = told.scenario
    market = MarketClient(scenario.rpc, scenario.deployment.market)
    owner = scenario.agents[0].owner.address
    shown = get(client, f"/v1/accounts/{owner.lower()}")
    assert shown["address"] == owner and [(a["id"], a["role"], a["name"]) for a in shown["agents"]] == [(1, "owner", "Ada")]
    for account in shown["agents"][0]["accounts"]:
        assert int(account["accrued_wei"]) == market.account(1, account["token"]).accrued_wei
    operator = get(client, f"/v1/accounts/{scenario.agents[0].wallet.address}")["agents"]
    assert [(a["id"], a["role"], a["owner"]) for a in operator] == [(1, "operator", owner)]
    requester = get(client, f"/v1/accounts/{scenario.requester.address}")
    held = {balance["token"]: int(balance["amount_wei"]) for balance in requester["balances"]}
    assert len(held) == 3 and all(market.balance(scenario.requester.address, t) == amount for t, amount in held.items())
    assert get(client, "/v1/accounts/0x" + "11" * 20)["agents"] == []
    assert get(client, "/v1/accounts/0x12", 400)["code"] == "input.address"
    token = told.tasks["paid_in_a_token"].task.token
    assert get(client, f"/v1/tokens/{NATIVE}") == {"address": NATIVE, "symbol": "ETH", "decimals": 18}
    known = get(client, f"/v1/tokens/{token}")
    assert known["address"] == token
    assert get(client, f"/v1/tokens/{scenario.deployment.market}") == {
        "address": scenario.deployment.market, "symbol": None, "decimals": None
    }  # fmt: skip


def test_funnel_and_next_step(client: TestClient, told: World) -> None:
    shown = get(client, f"/v1/tasks/{task_id(told, 'settled')}/explain")
    assert [stage["count"] for stage in shown["stages"]] == [4, 4, 3, 3, 3] and shown["next"] is None
    assert shown["reasons"] == [
        {"stage": "matches", "reason": "match_low", "label": "declared skills match too little", "agent_ids": [4]}
    ]
    waiting = get(client, f"/v1/tasks/{task_id(told, 'awarded')}/explain")["next"]
    assert (waiting["actor"], waiting["action"]) == ("agents 2, 3", "commit an answer")
    opening = get(client, f"/v1/tasks/{task_id(told, 'revealing')}/explain")["next"]
    assert (opening["actor"], opening["action"]) == ("agents 2, 3", "reveal")
    assert get(client, f"/v1/tasks/{task_id(told, 'open')}/explain")["next"]["action"] == "award seats"


def test_parts_of_a_task(client: TestClient, told: World) -> None:
    path = f"/v1/tasks/{task_id(told, 'revealing')}"
    assert [bid["outcome"] for bid in get(client, path + "/bids")["items"]] == ["seated"] * 3
    assert [commit["seat"] for commit in get(client, path + "/commits")["items"]] == [0, 1, 2]
    assert [(r["seat"], r["answer"]) for r in get(client, path + "/reveals")["items"]] == [(0, "Bob")]
    names = [event["name"] for event in get(client, path + "/timeline")["items"]]
    assert names == ["TaskPosted", *["BidPosted"] * 3, "TaskAwarded", *["AnswerCommitted"] * 3, "AnswerRevealed"]
    whole = get(client, path)
    assert whole["title"] == "Swap the balls" and whole["body"]["prompt"].startswith("Alice and Bob")


def test_agents_by_id_and_did(client: TestClient, told: World) -> None:
    listed = get(client, "/v1/agents")["items"]
    assert [agent["name"] for agent in listed] == list(NAMES)
    first = get(client, "/v1/agents/1")
    assert get(client, f"/v1/agents/{first['did']}")["id"] == 1
    chain_id = told.scenario.deployment.chain_id
    wallet_did = f"did:ethr:{chain_id:#x}:{told.scenario.agents[1].wallet.address}"
    assert get(client, f"/v1/agents/{wallet_did}")["id"] == 2
    market = MarketClient(told.scenario.rpc, told.scenario.deployment.market)
    seats = [market.account(1, account["token"]).seats for account in first["accounts"]]
    assert first["seats"] == sum(seats) and len(seats) == 2 and [step["kind"] for step in first["history"]].count("earned") > 6
    assert int(first["accounts"][0]["accrued_wei"]) > 0 and first["capabilities"][0]["skills"][0]["declared_bps"] == 9000


def test_did_document_and_registration(client: TestClient, told: World) -> None:
    document = get(client, "/v1/agents/1/did.json")
    assert validate_did_document(document).address == told.scenario.agents[0].owner.address
    assert document["service"][0]["serviceEndpoint"] == "http://127.0.0.1:8101"
    assert get(client, "/v1/agents/1/registration")["name"] == "Ada"


def test_blocks_and_transactions(client: TestClient, told: World) -> None:
    block = get(client, "/v1/blocks?limit=1")["items"][0]
    whole = get(client, f"/v1/blocks/{block['block']['hash']}")
    tx = whole["items"][0]
    shown = get(client, f"/v1/tx/{tx['hash']}")
    receipt = told.scenario.rpc.get_receipt(bytes.fromhex(tx["hash"][2:]))
    assert receipt is not None and shown["gas_used"] == receipt.gas_used and shown["method"] == "bid"
    assert [event["log_index"] for event in shown["events"]] == [log.log_index for log in receipt.logs]


def test_headers_and_etag(client: TestClient, told: World) -> None:
    first = client.get("/v1/agents/1")
    number, block_hash = first.headers["x-symphony-block"].split(":")
    block = told.scenario.rpc.get_block(int(number))
    assert block is not None and block_hash == "0x" + block.hash.hex()
    again = client.get("/v1/agents/1", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304 and not again.content
    assert client.get("/v1/agents/2", headers={"If-None-Match": first.headers["etag"]}).status_code == 200
    assert "default-src 'self'" in first.headers["content-security-policy"]


def test_gateway_serves_the_texts(client: TestClient, told: World) -> None:
    shown = get(client, f"/v1/tasks/{task_id(told, 'settled')}")
    block = client.get(f"/ipfs/{shown['body_cid']}?format=raw")
    assert block.status_code == 200 and b"apples" in block.content
    assert client.get("/routing/v1/providers/" + shown["body_cid"]).json() == {"Providers": []}


def test_health_ready_metrics(client: TestClient) -> None:
    assert get(client, "/v1/health") == {"status": "ok"}
    assert get(client, "/v1/ready")["index"]["lag_blocks"] == 0
    text = client.get("/v1/metrics").text
    assert 'symphony_api_requests_total{method="GET",route="/v1/health",status="200"} ' in text
    assert "symphony_index_following 1" in text and "0x" not in text
