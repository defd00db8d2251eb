"""Releases, deltas, feedback, the reward pool and solvency: what the API and its pages say is what the contracts keep."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from api import create_app
from api.explorer.filters import size
from api.ledger_rows import decimal_text
from api.words import EVENT_WORDS, RELEASE_KINDS
from symphony_chain import events, ledger_events, releases, reward_events
from symphony_chain.deltas import NO_HEAD, DeltaClient
from symphony_chain.market import MarketClient
from symphony_chain.releases import ReleaseClient
from symphony_chain.reputation import VERDICT, ReputationClient
from symphony_chain.rewards import RewardPoolClient
from symphony_chain.rpc import Rpc
from symphony_chain.types import NATIVE
from tests.api.world import World
from tests.docs.pages import option_names
from tests.docs.test_docs import command_of
from tests.indexer.scenario import ETHER

TEMPLATES = Path(__file__).resolve().parents[2] / "api" / "explorer" / "templates"
LISTS = ("releases", "deltas", "feedback", "pool/epochs", "pool/records", "solvency")


def get(client: TestClient, path: str, status: int = 200) -> Any:
    answer = client.get(path)
    assert answer.status_code == status, answer.text
    return answer.json()


def everything(client: TestClient, path: str) -> list[Any]:
    items: list[Any] = []
    url = path
    while url:
        page = get(client, url)
        items += page["items"]
        url = page["next_url"]
    return items


@pytest.mark.parametrize("name", LISTS)
def test_lists_page_through_everything_once(client: TestClient, name: str) -> None:
    whole = get(client, f"/v1/{name}?limit=100")["items"]
    assert len(whole) > 1 and everything(client, f"/v1/{name}?limit=1") == whole
    assert get(client, f"/v1/{name}?limit=101", 400)["code"] == "paging.limit"
    assert get(client, f"/v1/{name}?cursor=bm9wZQ", 400)["code"] == "input.cursor"


def test_releases_are_the_contracts(client: TestClient, told: World) -> None:
    chain = ReleaseClient(told.scenario.rpc, told.scenario.deployment.releases)
    found = get(client, "/v1/releases?limit=100")["items"]
    newest = found[1]
    assert (newest["name"], newest["version"], newest["kind"]) == ("symphony-small", "1.2.0", "base-model")
    for release in (newest, *(r for r in found if r["name"] == "model" and r["version"].isascii())):
        kept = chain.release(release["publisher"], release["name"], release["version"])
        assert kept is not None and kept.yanked == release["yanked"] and str(kept.size_bytes) == release["size_bytes"]
        assert release["digest"] == "0x" + kept.digest.hex() and release["published"]["timestamp_s"] == kept.published_at_s
    assert {r["yanked"] for r in found} == {True, False} and found[0]["cid"] is None  # a codec that IPFS does not know
    mine = get(client, f"/v1/releases?publisher={newest['publisher'].lower()}")["items"]
    assert mine == get(client, "/v1/releases?name=symphony-small")["items"] == [newest]
    models = get(client, "/v1/releases?kind=base-model&limit=100")["items"]
    assert newest in models and {r["kind"] for r in models} == {"base-model"} and len(models) < len(found)
    assert get(client, "/v1/releases?kind=%E2%80%AE", 400)["hint"]


def test_deltas_lead_to_the_contracts_heads(client: TestClient, told: World) -> None:
    chain = DeltaClient(told.scenario.rpc, told.scenario.deployment.deltas)
    found = get(client, "/v1/deltas?limit=100")["items"]
    lines = {(d["agent_id"], d["base_model"]) for d in found}
    heads = {(d["agent_id"], d["base_model"]): d["head"] for d in found if d["is_head"]}
    assert heads.keys() == lines and len(lines) == 3 < len(found)
    for (agent_id, model), head in heads.items():
        assert head == "0x" + chain.head(agent_id, bytes.fromhex(model[2:])).hex()
    line = get(client, f"/v1/deltas?agent=1&base_model={found[1]['base_model'].upper().replace('X', 'x')}")["items"]
    assert [d["parent"] for d in line] == [line[1]["head"], "0x" + NO_HEAD.hex()]


def test_feedback_is_the_contracts(client: TestClient, told: World) -> None:
    chain = ReputationClient(told.scenario.rpc, told.scenario.deployment.reputation)
    found = get(client, "/v1/feedback?limit=100")["items"]
    assert [f["given"]["number"] for f in found] == sorted((f["given"]["number"] for f in found), reverse=True)
    for said in found:
        of_client = chain.feedback(said["agent_id"], [said["client"]], include_revoked=True)
        (kept,) = [entry for entry in of_client if entry.index == said["index"]]
        assert Decimal(said["value"]) == Decimal(f"{kept.value}e-{kept.decimals}") and said["revoked"] == kept.revoked
        assert len(said["answers"]) == chain.responses(said["agent_id"], said["client"], said["index"])
    assert {said["value"] for said in found} >= {"-0.5", "99.5", "-100000000000000000000", "1", "3"}
    assert {said["agent_id"] for said in get(client, "/v1/feedback?agent=2")["items"]} == {2}
    assert get(client, f"/v1/feedback?client={told.scenario.stranger.address}")["items"] == []


def test_the_pool_is_the_contracts(client: TestClient, told: World) -> None:
    ours, deployment = told.scenario, told.scenario.deployment
    chain = RewardPoolClient(ours.rpc, deployment.pool)
    pool = get(client, "/v1/pool")
    terms = chain.terms()
    assert pool["terms"] == {"epoch_s": terms.epoch_s, "delay": terms.delay, "spread": terms.spread}
    assert pool["address"] == deployment.pool and pool["epoch"] == terms.epoch_of(ours.now_s)
    (book,) = pool["books"]
    kept = chain.book(deployment.market)
    assert (book["next_epoch"], int(book["carry_wei"])) == (kept.next_epoch, kept.carry_wei)
    assert int(book["owed_wei"]) == chain.owed(deployment.market) > 0
    for epoch in everything(client, "/v1/pool/epochs"):
        on_chain = chain.epoch(deployment.market, epoch["epoch"])
        assert int(epoch["pot_wei"]) == on_chain.pot_wei and int(epoch["left_wei"]) == on_chain.reserve_wei
        assert epoch["final"] == (epoch["epoch"] < kept.next_epoch) and epoch["final_at_s"] == terms.final_at_s(epoch["epoch"])
    assert get(client, f"/v1/pool/epochs?token={ours.stranger.address}")["items"] == []


def test_records_say_who_recorded_and_who_was_paid(client: TestClient, told: World) -> None:
    records = everything(client, "/v1/pool/records")
    assert {record["recorder"] for record in records} == {told.scenario.stranger.address}
    assert {record["sharing"] for record in records} == {True, False}
    shared = next(record for record in records if record["sharing"])
    assert [share["agent_id"] for share in shared["shares"]] == [2, 3]
    assert get(client, f"/v1/pool/records?epoch={shared['epoch']}&token={NATIVE}")["items"] == [shared]
    task = get(client, f"/v1/tasks/{shared['task_id']}")
    assert task["pool_record"] == shared and task["credits"] == task["anchors"] == []
    first = get(client, f"/v1/tasks/0x{told.scenario.posted[0].task_id.hex()}")
    assert [credit["seat"] for credit in first["credits"]] == [0, 1, 2] and first["pool_record"] is None
    assert [anchor["kind"] for anchor in first["anchors"]] == [VERDICT.rstrip(b"\0").decode()]


PARTS = ("balances_wei", "accounts_wei", "escrow_wei", "burnt_wei")


def test_the_market_holds_what_it_owes(client: TestClient, told: World) -> None:
    rpc, market = told.scenario.rpc, told.scenario.deployment.market
    entries = everything(client, "/v1/solvency")
    assert entries[0]["token"] == NATIVE and len(entries) == 3
    for entry in entries:
        assert int(entry["owed_wei"]) == sum(int(entry[part]) for part in PARTS)
        assert int(entry["surplus_wei"]) == int(entry["held_wei"]) - int(entry["owed_wei"])
    whole = [entry for entry in entries if entry["state"] == "covered"]
    assert whole[0] == entries[0] and {entry["surplus_wei"] for entry in whole} == {"0"} and len(whole) == 2
    assert int(entries[0]["held_wei"]) == rpc.get_balance(market) and all(int(entries[0][part]) for part in PARTS)
    view = MarketClient(rpc, market)
    assert int(entries[0]["accounts_wei"]) == sum(view.account(agent.agent_id).accrued_wei for agent in told.scenario.agents)


def test_a_token_that_takes_money_is_short(client: TestClient) -> None:
    """A tenth of it melted away: that is told, in numbers and in red."""
    (short,) = [entry for entry in get(client, "/v1/solvency")["items"] if entry["state"] == "short"]
    assert (short["owed_wei"], short["surplus_wei"]) == (str(5 * ETHER), str(-ETHER // 2))
    page = client.get("/solvency").text
    assert page.count('class="badge bad"') == 1 and f'title="{-ETHER // 2} units"' in page


def test_what_was_forced_on_the_market_is_over(live: World) -> None:
    """Coins that nobody deposited belong to nobody."""
    scenario = live.scenario
    with TestClient(create_app(live.settings)) as client:
        before = get(client, "/v1/solvency")["items"][0]
        scenario.rpc.call("anvil_setBalance", scenario.deployment.market, hex(int(before["held_wei"]) + 7))
        scenario.mine(1)
        live.index()
        after = get(client, "/v1/solvency")["items"][0]
        assert (before["surplus_wei"], after["surplus_wei"], after["state"]) == ("0", "7", "covered")


class _Gone(httpx.BaseTransport):
    """A node that does not answer."""

    def __init__(self) -> None:
        self.asked = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        raise httpx.ConnectError("gone", request=request)


def test_without_a_node_the_index_still_speaks(told: World) -> None:
    gone = _Gone()
    rpc = Rpc(told.settings.rpc_url, transport=gone, timeout_s=0.1, deadline_s=0.1)
    now = [0.0]
    with TestClient(create_app(told.settings, rpc=rpc, monotonic=lambda: now[0])) as client:
        pool = get(client, "/v1/pool")
        assert pool["terms"] is None and pool["epoch"] is None and len(pool["books"]) == 1
        assert {epoch["final_at_s"] for epoch in get(client, "/v1/pool/epochs")["items"]} == {None}
        states = {(entry["state"], entry["held_wei"]) for entry in get(client, "/v1/solvency")["items"]}
        assert states == {("unknown", None)}
        asked = gone.asked
        get(client, "/v1/pool")
        get(client, "/v1/solvency")
        assert gone.asked == asked, "a node that is away is not asked again at once"
        assert client.get("/pool").status_code == client.get("/solvency").status_code == 200
        now[0] += 31
        get(client, "/v1/pool")
        assert gone.asked > asked


@pytest.mark.parametrize("path", ["/releases", "/deltas", "/feedback", "/pool", "/pool/records", "/solvency", "/agents/1"])
def test_empty_pages_say_what_would_be_there(live: World, path: str) -> None:
    """And name the command that makes it; every command that a page names exists."""
    settings = live.settings
    with TestClient(create_app(settings)) as client:
        page = client.get(path)
        assert page.status_code == 200
        if path != "/solvency":
            assert re.search(r'<p class="empty">[^<]*<code>symphony |<p class="empty">.*<code>symphony ', page.text), path


def test_commands_named_on_pages_exist() -> None:
    named = {
        (template.name, line)
        for template in TEMPLATES.glob("*.html")
        for line in re.findall(r"<code>symphony ([^<]*)</code>", template.read_text())
    }
    assert len(named) >= 8
    for template, line in named:
        plain = re.sub(r"{{.*?}}", "1", line)
        command, path = command_of(plain)
        known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
        assert set(option_names(plain)) <= known, f"{template}: symphony {path}"


def test_every_event_has_words() -> None:
    for module in (events, ledger_events, reward_events):
        names = {signature.name for signature in module._TABLE.topics().values()}
        assert names <= EVENT_WORDS.keys(), names - EVENT_WORDS.keys()


def test_kinds_are_those_of_releases() -> None:
    ours = (releases.BASE_MODEL, releases.TOOLCHAIN, releases.TASK_TEMPLATE, releases.SKILL_PAGE, releases.EXPERT_CORPUS)
    assert list(RELEASE_KINDS) == [kind.rstrip(b"\0").decode() for kind in ours]


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (0, 0, "0"), (-(10**38), 0, "-1" + "0" * 38), (1, 18, "0." + "0" * 17 + "1"), (-50, 1, "-5"), (9950, 2, "99.5"),
        (5, 1, "0.5"),
    ],
)
def test_ratings_are_exact(value: int, decimals: int, text: str) -> None:
    assert decimal_text(value, decimals) == text and Decimal(text) == Decimal(f"{value}e-{decimals}")


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (2**64 - 1, "18.4 EB"), (10**6, "1 MB")]
)
def test_sizes(count: int, text: str) -> None:
    assert size(count) == text
