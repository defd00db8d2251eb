"""The pages in Chromium: they render, stay within their policy, come alive over the stream, and foreign text is inert."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from symphony_chain import releases
from tests.api.browser import NEEDS_CHROMIUM, Tab
from tests.api.server import served
from tests.api.world import SNARE, TINY, WORN, World

pytestmark = NEEDS_CHROMIUM
LEDGER = (
    "/releases", "/releases?kind=base-model", "/releases?name=model", "/deltas", "/deltas?agent=1", "/feedback",
    "/feedback?agent=1",
    "/pool", "/pool/records", "/pool/records?epoch=1", "/solvency",
)  # fmt: skip


@pytest.fixture
def tab(browser: Any, told_url: str) -> Iterator[Tab]:
    opened = Tab(browser, told_url)
    yield opened
    opened.context.close()


def paths(told: World) -> list[str]:
    tasks = [f"/tasks/0x{posted.task_id.hex()}" for posted in told.tasks.values()]
    fixed = ["/", "/tasks", "/tasks?state=settled", "/agents", "/agents/1", "/agents/4", "/blocks", "/blocks/20"]
    cards = ["/models", *(f"/models/0x{card.digest.hex()}" for card in (TINY, WORN, SNARE))]
    wallets = ["/post", "/rewards", f"/rewards?address={told.scenario.requester.address}"]
    return [*fixed, *cards, *wallets, *LEDGER, "/problems/input.invalid", *tasks]


def test_every_page_renders_clean(tab: Tab, told: World) -> None:
    for path in paths(told):
        assert tab.go(path).status == 200
        assert tab.page.locator("h1").count() == 1
        assert tab.page.locator("#pill.ok").count() == 1
    assert tab.faults == []
    assert all(url.startswith(tab.url) for url in tab.requests), "a page asked another host"


@pytest.mark.parametrize("width", [390, 1280])
def test_no_page_is_wider_than_the_window(browser: Any, told: World, told_url: str, width: int) -> None:
    tab = Tab(browser, told_url, viewport={"width": width, "height": 800}, color_scheme="dark")
    widest = [f"/tasks/0x{told.tasks[name].task_id.hex()}" for name in ("no_show", "hostile")]
    snare = f"/models/0x{SNARE.digest.hex()}"
    money = f"/rewards?address={told.scenario.agents[0].owner.address}"
    agents = ("/agents", "/agents/1", "/agents/4", "/models", snare, f"/models/0x{TINY.digest.hex()}")
    for path in ("/", "/tasks", *agents, "/blocks", "/post", "/rewards", money, *LEDGER, *widest):
        tab.go(path)
        assert tab.page.evaluate("document.documentElement.scrollWidth") <= width, path
    tab.context.close()


def test_links_lead_somewhere(tab: Tab, told: World) -> None:
    seen: set[str] = set()
    settled = f"/tasks/0x{told.tasks['settled'].task_id.hex()}"
    for path in ("/", settled, "/agents/1", "/agents/2", "/models", f"/models/0x{TINY.digest.hex()}", *LEDGER):
        tab.go(path)
        seen |= set(tab.page.eval_on_selector_all("a[href^='/']", "nodes => nodes.map(n => n.getAttribute('href'))"))
    assert len(seen) > 20
    for href in seen:
        answer = tab.context.request.get(tab.url + href)
        # Traces of this world were never stored; everything else is there.
        assert answer.status == 200 or href.startswith("/ipfs/"), href


def test_task_page_tells_the_story(tab: Tab, told: World) -> None:
    tab.go(f"/tasks/0x{told.tasks['no_show'].task_id.hex()}")
    text = tab.page.inner_text("main")
    for words in ("One of the three will not answer.", "Carl", "won", "Never revealed", "no-show", "burnt", "Seats awarded"):
        assert words in text
    quorum, bar = (tab.page.locator(f".votes li.won {part}").first for part in (".quorum", ".fill"))
    assert float(bar.get_attribute("width")) >= float(quorum.get_attribute("x1"))
    assert tab.page.locator(".timeline li.soft, .timeline li.final").count() == 10
    hrefs = tab.page.eval_on_selector_all(".timeline a[href^='/tx/']", "nodes => nodes.map(n => n.getAttribute('href'))")
    events = tab.context.request.get(f"{tab.url}/v1/tasks/0x{told.tasks['no_show'].task_id.hex()}/timeline").json()["items"]
    assert hrefs == [f"/tx/{event['tx_hash']}" for event in events]


def test_hostile_text_is_inert(tab: Tab, told: World) -> None:
    hostile = f"0x{told.tasks['hostile'].task_id.hex()}"
    snare = f"/models/0x{SNARE.digest.hex()}"
    pages = (f"/tasks/{hostile}", "/", "/tasks", "/agents", "/agents/4", "/agents/2", "/models", snare, "/releases", "/feedback")
    for path in pages:
        tab.go(path)
        assert "owned" not in tab.page.title() or "<script>" in tab.page.title()
        assert tab.page.locator("main script, main img, main b:text('bold')").count() == 0
        shown = tab.page.inner_text("main")
        assert not any(char in shown for char in "\u202e\u2066\x07\x1b")
    tab.go(snare)
    said = tab.page.inner_text("main")
    assert "<img src=x onerror=alert(1)>" in said and "⟨U+202E⟩<b>free</b>" in said and "javascript:alert(1) <script>" in said
    tab.go("/feedback")
    tab.page.click("#rows summary >> nth=0")
    said = tab.page.inner_text("#rows")
    assert "javascript:alert(1)" in said and "⟨U+2066⟩tag" in said
    assert tab.page.locator("main a[href^='javascript'], main a[href*='x.example']").count() == 0
    tab.go(f"/tasks/{hostile}")
    shown = tab.page.inner_text("main")
    assert "<script>document.title='owned'</script>" in shown and "⟨U+202E⟩" in shown and "{{7*7}}" in shown
    assert tab.faults == []


def test_the_chains_of_thought_behind_a_vote(tab: Tab, told: World) -> None:
    task = f"0x{told.tasks['hostile'].task_id.hex()}"
    tab.go(f"/tasks/{task}")
    first, third = tab.page.locator("#reasoning details").all()
    assert tab.page.locator("#reasoning > .empty").inner_text() == "The trace of agent 2 is not at hand here; its gateway has it."
    first.locator("summary").click()
    shown = first.inner_text()
    assert "2 of 3 chains come to its answer" in shown and "llama_cpp" in shown and "no answer" in shown and "95.1 %" in shown
    assert "First <script>document.title='owned'</script>" in shown and "Left out" in shown
    assert first.locator(".notice-box").count() == 0
    third.locator("summary").click()
    assert third.locator(".notice-box").all_inner_texts() == [
        "It was written for another task.", "It comes to another answer than the seat opened.",
    ]  # fmt: skip
    assert tab.context.request.get(tab.url + first.locator("a[href$='/trace']").get_attribute("href")).json()["answer"]
    assert tab.faults == []


def test_live_update_arrives(browser: Any, live: World) -> None:
    with served(live.settings) as (url, _):
        tab = Tab(browser, url)
        tab.go("/")
        before = tab.page.inner_text("#stats")
        posted = live.scenario.post()
        live.index()
        tab.page.wait_for_selector(f"#latest a[href='/tasks/0x{posted.task_id.hex()}']")
        tab.page.wait_for_function("text => document.getElementById('stats').innerText !== text", arg=before)
        tab.go(f"/tasks/0x{posted.task_id.hex()}")
        assert tab.page.locator("#bids").count() == 0
        live.scenario.seat_all(posted)
        live.index()
        tab.page.wait_for_selector("#task-head .s-awarded")
        tab.page.wait_for_selector("#bids")
        live.scenario.commit(posted, ["7", "7", "8"])
        live.scenario.reveal(posted, [0, 1, 2])
        live.scenario.settle(posted)
        live.index()
        tab.page.wait_for_selector("#vote .won")
        assert "7" in tab.page.inner_text("#vote .won .answer")
        pill = tab.page.inner_text("#pill-block")
        live.scenario.mine(1)
        live.index()
        tab.page.wait_for_function("text => document.getElementById('pill-block').innerText !== text", arg=pill)
        assert tab.faults == []
        tab.context.close()


def test_a_new_release_appears(browser: Any, live: World) -> None:
    with served(live.settings) as (url, _):
        tab = Tab(browser, url)
        tab.go("/releases")
        assert "symphony release publish" in tab.page.inner_text("#rows .empty")
        by, where = live.scenario.requester, live.scenario.deployment.releases
        made = releases.Release(by.address, releases.TOOLCHAIN, "tools", "3.1", bytes([1]) * 32, 0x55, 5)
        live.scenario.send(by, where, releases.encode_publish(made))
        live.index()
        tab.page.wait_for_selector("#rows a:has-text('tools')")
        assert "3.1" in tab.page.inner_text("#rows")
        tab.context.close()


def test_reorg_is_told(browser: Any, live: World) -> None:
    with served(live.settings) as (url, _):
        tab = Tab(browser, url)
        live.scenario.mine(2)
        posted = live.scenario.post()
        live.index()
        tab.go("/")
        tab.page.wait_for_selector(f"#latest a[href='/tasks/0x{posted.task_id.hex()}']")
        # The stream must have seen the old head before the chain changes under it.
        tab.page.wait_for_selector("#pill.live")
        live.scenario.rpc.call("anvil_reorg", 2, [])
        live.index()
        tab.page.wait_for_selector("#notice:not([hidden])")
        tab.page.wait_for_selector(f"#latest a[href='/tasks/0x{posted.task_id.hex()}']", state="detached")
        tab.context.close()


def test_search_and_copy(tab: Tab, told: World) -> None:
    posted = told.tasks["settled"]
    for query, path in (
        ("0x" + posted.task_id.hex(), f"/tasks/0x{posted.task_id.hex()}"),
        (told.scenario.agents[0].owner.address, "/agents/1"),
        ("20", "/blocks/20"),
    ):
        tab.go("/")
        tab.page.fill("input[name=q]", query)
        tab.page.press("input[name=q]", "Enter")
        tab.page.wait_for_url("**" + path)
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.go(f"/tasks/0x{posted.task_id.hex()}")
    tab.page.locator(".crumbs .copy").dispatch_event("click")
    tab.page.wait_for_selector(".crumbs .copy.done")
    assert tab.page.evaluate("navigator.clipboard.readText()") == "0x" + posted.task_id.hex()


def test_error_pages(tab: Tab) -> None:
    for path, status in (("/nothing", 404), ("/agents/999", 404), ("/tasks/0x1", 400), ("/search?q=zzz", 404)):
        assert tab.page.goto(tab.url + path).status == status
        assert tab.page.inner_text(".lost .code") == str(status)
