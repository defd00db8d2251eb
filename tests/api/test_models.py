"""Model cards at the API and on its pages: what agents name and is at hand, as claims; taken once a file names them."""

from __future__ import annotations

import re
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.testclient import TestClient

from api import create_app
from api.cards import FRESH_S, MOST_ABSENT, MOST_OF_AN_AGENT, MOST_WHOLE, Cards
from api.explorer import charts
from api.explorer.suites import suites_of
from api.texts import Texts
from symphony_chain import registry
from symphony_chain.content.cid import Cid
from symphony_chain.content.store import ContentStore
from symphony_chain.registry import RegistryClient
from symphony_chain.spec import CardAccuracy, ModelCard
from tests.api.world import NAMES, NOWHERE, SNARE, TINY, WORN, World, name_agent

INVISIBLE = "\u202e\u2066\x07\x1b"


def get(client: TestClient, path: str, status: int = 200) -> Any:
    answer = client.get(path)
    assert answer.status_code == status, answer.text
    return answer.json()


def url(card: ModelCard) -> str:
    return f"/models/0x{card.digest.hex()}"


def document(card: ModelCard) -> Any:
    return card._document()


def test_an_agent_has_its_cards(client: TestClient) -> None:
    models = get(client, "/v1/agents/1")["models"]
    assert [entry["card"] for entry in models] == [document(TINY), document(WORN)]
    assert [entry["digest"] for entry in models] == ["0x" + card.digest.hex() for card in (TINY, WORN)]
    assert models[0]["cid"] == str(Cid.of(TINY.to_json())) and client.get(f"/ipfs/{models[0]['cid']}?format=raw").content
    third = get(client, "/v1/agents/3")
    assert third["models"] == [] and third["registration"]["symphony"]["model_cards"] == ["0x" + NOWHERE.hex()]


def test_the_list_has_each_card_once_with_who_names_it(client: TestClient) -> None:
    whole = get(client, "/v1/models")["items"]
    assert [item["digest"] for item in whole] == ["0x" + card.digest.hex() for card in (TINY, WORN, SNARE)]
    assert [[agent["id"] for agent in item["agents"]] for item in whole] == [[1, 2], [1], [4]]
    assert whole[0]["agents"][0]["name"] == NAMES[0] and whole[0]["agent_count"] == 2
    assert (whole[0]["weights_bytes"], whole[0]["base"]) == (2_679_864, None)
    assert whole[1]["base"] == "0x" + TINY.weights[0].sha256.hex()
    paged, path = [], "/v1/models?limit=1"
    while path:
        page = get(client, path)
        paged += page["items"]
        path = page["next_url"]
    assert paged == whole
    assert get(client, "/v1/models?limit=101", 400)["code"] == "paging.limit"
    assert get(client, "/v1/models?cursor=bm9wZQ", 400)["code"] == "input.cursor"


def test_one_card(client: TestClient) -> None:
    found = get(client, f"/v1{url(TINY)}")
    assert found["card"] == document(TINY) and [agent["id"] for agent in found["agents"]] == [1, 2]
    assert get(client, f"/v1{url(TINY).upper().replace('/MODELS/0X', '/models/0x')}") == found
    lost = get(client, f"/v1/models/0x{NOWHERE.hex()}", 404)
    assert lost["code"] == "model.not_found" and lost["context"] == {"cid": str(Cid.from_digest(NOWHERE)), "agent_ids": [3]}
    assert get(client, f"/v1/models/0x{'00' * 32}", 404)["context"]["agent_ids"] == []
    assert get(client, "/v1/models/0x12", 400)["code"] == "input.hash"
    header = get(client, "/v1/tasks")["items"][0]["header"]
    assert get(client, f"/v1/models/{header}", 404)["code"] == "model.not_found", "another document is no card"
    sought = client.get("/search", params={"q": "0x" + TINY.digest.hex()}, follow_redirects=False)
    assert sought.headers["location"] == url(TINY)


def test_pages_say_what_cards_claim_and_that_nobody_checks(client: TestClient) -> None:
    agent, model, models = (client.get(path).text for path in ("/agents/1", url(TINY), "/models"))
    for text in (agent, model):
        assert "nobody checks" in text and "symphony-tiny" in text and "669\u2009184" in text and "2.7 MB" in text
        assert "31\u2009000\u2009000 tokens" in text and "1 h 10 min" in text and TINY.limits in text
        for share in ("74.8 %", "76 %", "word sorting", "62.4 %"):
            assert share in text
        assert f'points="{charts.training_line(document(TINY)["curve"]).points}"' in text  # type: ignore[union-attr]
    assert "8\u2009700" in model and 'href="/agents/2"' in model and "bafk" in model
    assert f'href="{url(WORN)}"' in agent and "The card does not say." in agent and "The card has no training curve." in agent
    assert [href for href in re.findall(r'href="(/models/0x\w+)"', models)] == [url(TINY), url(WORN), url(SNARE)]
    assert "not shown here" in client.get("/agents/3").text
    assert "No registered agent" not in model


@pytest.mark.parametrize("path", ["/agents/4", "/models", url(SNARE)])
def test_hostile_cards_are_inert(client: TestClient, path: str) -> None:
    text = client.get(path).text
    main = text[text.index("<main") :]
    assert not re.search(r"<(script|img|i>bbh|b>bold|b>free)", main) and not any(char in main for char in INVISIBLE)
    assert "&lt;script&gt;" in main and "⟨U+202E⟩" in main
    assert not re.search(r'(href|src)="(javascript|http)', main) and " style=" not in main
    if path != "/models":
        assert "{{7*7}}" in main and "⟨U+2066⟩&lt;b&gt;bold" in main


def test_a_card_is_taken_from_anybody_once_a_file_at_hand_names_it(live: World, tmp_path: Path) -> None:
    scenario, agent = live.scenario, live.scenario.agents[0]
    mine, other = replace(TINY, name="Brought"), replace(TINY, name="Nobody's")
    with ContentStore(tmp_path / "elsewhere", max_bytes=1 << 20) as store:
        name_agent(scenario, store, agent, "Carded", (mine,))
        registered = RegistryClient(scenario.rpc, scenario.deployment.registry).file_digest(agent.agent_id)
        file = store.get(Cid.from_digest(registered), 1 << 20)
    live.index()
    with TestClient(create_app(live.settings), client=("203.0.113.9", 5)) as stranger:

        def put(kind: str, data: bytes, **place: int) -> tuple[int, str]:
            answer = stranger.put("/v1/content", params={"kind": kind, **place}, content=data)
            return answer.status_code, answer.json().get("code", "")

        closed = (403, "api.uploads_closed")
        assert put("card", mine.to_json(), agent=1) == closed, "the file that names it is not at hand"
        assert put("registration", file, agent=1) == (201, "")
        assert put("card", mine.to_json()) == closed, "nobody says whose"
        assert put("card", mine.to_json(), agent=2) == closed, "another agent's file does not name it"
        assert put("card", mine.to_json(), agent=999) == closed
        assert put("card", other.to_json(), agent=1) == closed
        assert put("trace", mine.to_json(), agent=1) == closed
        assert stranger.get(f"/v1{url(mine)}").status_code == 404
        assert put("card", mine.to_json(), agent=1) == (201, "")
        assert stranger.get("/v1/agents/1").json()["models"][0]["card"]["name"] == "Brought"
        assert stranger.get(f"/v1{url(mine)}").json()["agents"] == [{"id": 1, "name": "Carded"}]
    with TestClient(create_app(live.settings)) as here:
        assert here.put("/v1/content?kind=card", content=other.to_json()).status_code == 201, "a devnet's own machine"
        assert here.put("/v1/content?kind=card", content=other.to_json() + b" ").status_code == 400
        assert here.put("/v1/content?kind=card", content=b" " * 70_000).json()["code"] == "content.too_large"
        assert here.get(url(other)).text.count("No registered agent names this card.") == 1


def test_a_file_may_name_more_cards_than_are_looked_at(live: World) -> None:
    scenario, agent = live.scenario, live.scenario.agents[2]
    cards = tuple(replace(WORN, name=f"Card {i}") for i in range(MOST_OF_AN_AGENT + 2))
    with ContentStore(live.settings.content_dir, max_bytes=1 << 26) as store:
        name_agent(scenario, store, agent, "Many", cards)
    live.index()
    with TestClient(create_app(live.settings)) as here:
        found = here.get("/v1/agents/3").json()
        assert [entry["card"]["name"] for entry in found["models"]] == ["Card 0", "Card 1"]
        assert len(found["registration"]["symphony"]["model_cards"]) == len(cards)
        page = here.get("/agents/3").text
        assert "names 8 more cards that are not shown here" in page and page.count("<article") == MOST_WHOLE
        assert all(page.count(f'href="{url(card)}"') == 1 for card in cards)
        listed = [item["name"] for item in here.get("/v1/models").json()["items"] if item["agents"][0]["id"] == 3]
        assert listed == [card.name for card in cards[:MOST_OF_AN_AGENT]]
        with TestClient(create_app(live.settings), client=("203.0.113.9", 5)) as stranger:
            put = [stranger.put("/v1/content?kind=card&agent=3", content=card.to_json()).status_code for card in cards]
        assert put == [201] * MOST_OF_AN_AGENT + [403, 403], "nobody looks at more"
        scenario.registry(agent.owner, registry.encode_set_file(agent.agent_id, bytes(31) + b"\1"))
        live.index()
        assert here.get("/v1/agents/3").json()["models"] == []
        assert all(agent["id"] != 3 for item in here.get("/v1/models").json()["items"] for agent in item["agents"])


def test_an_agents_accuracy_needs_no_card(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Texts, "card", lambda self, digest: pytest.fail("a card was loaded"))
    for path in ("accuracy", "did.json", "registration"):
        get(client, f"/v1/agents/1/{path}")


class Market:
    """As much of an index and of texts as the list of cards asks, counting what is read."""

    def __init__(self) -> None:
        self.tip, self.now_s, self.read_s = 1, 0.0, 0.0
        self.files: dict[int, str] = {}
        self.texts: dict[bytes, dict[str, Any]] = {}
        self.reads: Counter[str] = Counter()

    def status(self) -> Any:
        return SimpleNamespace(indexed=SimpleNamespace(hash=f"0x{self.tip}"))

    def agent_files(self, *, limit: int) -> list[tuple[int, str]]:
        self.reads["lists"] += 1
        return list(self.files.items())[:limit]

    def registration(self, digest: bytes) -> dict[str, Any] | None:
        self.reads["files"] += 1
        self.now_s += self.read_s
        return self.texts.get(digest)

    def card(self, digest: bytes) -> dict[str, Any] | None:
        self.reads["cards" if digest in self.texts else "absent"] += 1
        return self.texts.get(digest)

    def join(self, agent_id: int, *cards: bytes, at_hand: bool = True) -> bytes:
        digest = bytes([agent_id % 256, agent_id // 256]) * 16
        self.files[agent_id] = "0x" + digest.hex()
        if at_hand:
            named = ["0x" + card.hex() for card in cards]
            self.texts[digest] = {"name": f"Agent {agent_id}", "symphony": {"model_cards": named}}
        return digest

    def taken(self) -> dict[str, int]:
        taken, self.reads = dict(self.reads), Counter()
        return taken


def test_what_was_read_serves_for_a_moment_and_files_for_ever() -> None:
    market: Any = Market()
    cards = Cards(market, market, lambda: market.now_s)
    market.texts[TINY.digest] = document(TINY)
    for agent_id in range(3000):
        market.join(agent_id, *([TINY.digest, NOWHERE] if agent_id < 2 else ()))
    lost = market.join(3000, WORN.digest, at_hand=False)
    market.read_s = FRESH_S  # reading takes longer than what was read is fresh
    first = cards.page(cursor=None, limit=9)
    assert [(item.name, item.agent_count) for item in first.items] == [(TINY.name, 2)] and first.next is None
    assert market.taken() == {"lists": 1, "files": 3001, "cards": 1, "absent": 1}
    assert cards.page(cursor=None, limit=9) == first and market.taken() == {"cards": 1}
    market.tip = 2
    market.join(3001, TINY.digest)
    assert cards.page(cursor=None, limit=9).items[0].agent_count == 3
    assert market.taken() == {"lists": 1, "files": 2, "cards": 1, "absent": 1}, "the new one, and the one that is not at hand"
    market.join(3000, WORN.digest)
    market.texts[WORN.digest] = document(WORN)
    assert lost in market.texts and len(cards.page(cursor=None, limit=9).items) == 1, "not before the moment is over"
    market.now_s += FRESH_S
    assert [item.name for item in cards.page(cursor=None, limit=9).items] == [TINY.name, WORN.name]
    assert market.taken()["files"] == 1
    del market.files[0], market.files[1]
    market.tip = 3
    assert [agent.id for agent in cards.detail(TINY.digest).agents] == [3001]


def test_readers_who_wait_find_what_the_first_has_read() -> None:
    market: Any = Market()
    market.join(1, TINY.digest)
    market.texts[TINY.digest] = document(TINY)
    reading, go_on = threading.Event(), threading.Event()
    plain = market.agent_files

    def slow(*, limit: int) -> list[tuple[int, str]]:
        reading.set()
        assert go_on.wait(30)
        market.now_s += 10 * FRESH_S
        return plain(limit=limit)  # type: ignore[no-any-return]

    market.agent_files = slow
    cards = Cards(market, market, lambda: market.now_s)
    with ThreadPoolExecutor(4) as pool:
        pages = [pool.submit(cards.page, cursor=None, limit=9) for _ in range(4)]
        assert reading.wait(30)
        go_on.set()
        assert [len(page.result(30).items) for page in pages] == [1] * 4
    assert (market.reads["lists"], market.reads["files"]) == (1, 1)


def test_a_page_looks_for_so_many_cards_in_vain() -> None:
    market: Any = Market()
    cards = Cards(market, market, lambda: market.now_s)
    for agent_id in range(MOST_ABSENT // MOST_OF_AN_AGENT + 1):
        market.join(agent_id, *(bytes([agent_id, i]) * 16 for i in range(1, MOST_OF_AN_AGENT + 1)))
    market.join(999, TINY.digest)
    market.texts[TINY.digest] = document(TINY)
    page = cards.page(cursor=None, limit=9)
    assert page.items == () and page.next is not None and market.taken()["absent"] == MOST_ABSENT
    page = cards.page(cursor=page.next, limit=9)
    assert [item.name for item in page.items] == [TINY.name] and page.next is None
    assert market.taken() == {"absent": MOST_OF_AN_AGENT, "cards": 1}
    assert len(cards.page(cursor=None, limit=9).items) == 1 and market.taken() == {"cards": 1}


def test_suites_and_their_means() -> None:
    rows = (
        CardAccuracy("bbh", "b", 100, 5_000, 4_000, {3: 5_001, 9: 6_000}),
        CardAccuracy("gsm8k", "all", 10, 1, 2),
        CardAccuracy("bbh", "a", 300, 7_001, 6_000, {3: 6_000}),
    )
    bbh, gsm8k = suites_of(document(replace(TINY, accuracy=rows))["accuracy"])
    assert (bbh.name, bbh.chains, [row.family for row in bbh.rows]) == ("bbh", (3, 9), ["b", "a"])
    assert (bbh.mean.tasks, bbh.mean.greedy_bps, bbh.mean.sample_bps) == (400, 6_001, 5_000)
    assert bbh.mean.votes == (5_501, None), "a mean over some families is no mean of all"
    assert bbh.rows[1].votes == (6_000, None)
    assert gsm8k.chains == () and gsm8k.mean.votes == () and suites_of([]) == []


def test_geometry_of_the_training_curve() -> None:
    assert charts.training_line([]) is None
    points = ((0, 0), (50, 2_500), (200, 10_000))
    line = charts.training_line([{"tokens": tokens, "solved_bps": bps} for tokens, bps in points])
    assert line is not None and line.points == "0,120 160,90 640,0"
    assert (line.last_x, line.last_y, line.last_bps, line.tokens) == (640, 0, 10_000, 200)
    dot = charts.training_line([{"tokens": 0, "solved_bps": 5_000}])
    assert dot is not None and (dot.last_x, dot.last_y) == (0, 60)
