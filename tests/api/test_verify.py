"""Verify on the task page: recounts any task from the reader's own node, and catches an API that lies.

The JavaScript that does it is checked against the project's own Python.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from eth_utils.crypto import keccak

from symphony_chain import signing
from symphony_chain.model.tally import ANSWER_BYTES, Vote, seat_weight, step_word, tally
from symphony_chain.skills import pack_word
from symphony_chain.types import Task
from tests.api.browser import NEEDS_CHROMIUM, Tab, Wallet
from tests.api.server import served
from tests.api.world import World

pytestmark = NEEDS_CHROMIUM


@pytest.fixture
def tab(browser: Any, told_url: str) -> Iterator[Tab]:
    opened = Tab(browser, told_url)
    yield opened
    opened.context.close()


def path(told: World, name: str) -> str:
    return f"/tasks/0x{told.tasks[name].task_id.hex()}"


def verified(tab: Tab, node: str) -> dict[str, str]:
    """Name → state of every check, after a click on Verify."""
    tab.page.fill("input[name=rpc]", node)
    tab.page.press("input[name=rpc]", "Enter")
    return checks(tab)


def checks(tab: Tab) -> dict[str, str]:
    tab.page.wait_for_selector("#verify[data-verdict]:not([data-verdict=doing])")
    pairs: list[list[str]] = tab.page.eval_on_selector_all(
        "#checks li", "items => items.map(item => [item.querySelector('b').textContent, item.className])"
    )
    return dict(map(tuple, pairs))  # type: ignore[arg-type]


def test_every_task_is_green(tab: Tab, told: World) -> None:
    seen: set[str] = set()
    for posted in told.scenario.posted:
        tab.go(f"/tasks/0x{posted.task_id.hex()}")
        found = verified(tab, told.scenario.rpc.url)
        assert "wrong" not in found.values(), tab.page.inner_text("#checks")
        assert tab.page.get_attribute("#verdict", "class") == "verdict ok", tab.page.inner_text("#verdict")
        seen |= {name for name, state in found.items() if state == "ok"}
    assert seen == {
        "Same chain", "Contracts", "Task id", "Parameters", "Question", "State", "Timeline", "Bids", "Seats", "Price",
        "Weights", "Commitments", "Openings", "Answers", "Plans", "Vote", "Outcome", "Pay", "Evaluation", "Burn and refund",
        "Money on this page", "Reputation", "Receipt", "This page",
    }  # fmt: skip
    assert tab.faults == []


Change = Callable[[dict[str, Any]], Any]


def _put(*keys: str | int, to: Any) -> Change:
    def change(document: dict[str, Any]) -> None:
        place: Any = document
        for key in keys[:-1]:
            place = place[key]
        assert place[keys[-1]] != to
        place[keys[-1]] = to

    return change


LIES: dict[str, tuple[str, Change]] = {
    "answer": ("Answers", _put("seat_list", 0, "answer", to="1000")),
    "answer in the vote": ("Answers", _put("vote", "answers", 0, "answer", to="1000")),
    "weight of an answer": ("Vote", _put("vote", "answers", 0, "weight", to=1)),
    "winner": ("Vote", _put("vote", "answers", 0, "winner", to=False)),
    "state": ("State", _put("state", to="inconclusive")),
    "prompt": ("Question", _put("body", "prompt", to="What else?")),
    "title": ("Question", _put("title", to="Another")),
    "parameter": ("Parameters", _put("params", "quorumBps", to=1)),
    "ceiling": ("Parameters", _put("ceiling_wei", to="1")),
    "requester": ("Parameters", _put("requester", to="0x" + "11" * 20)),
    "a bid left out": ("Bids", lambda document: document["bid_list"].pop()),
    "an event left out": ("Timeline", lambda document: document["timeline"].pop(3)),
    "price of a bid": ("Bids", _put("bid_list", 1, "price_wei", to="7")),
    "agent of a seat": ("Seats", _put("seat_list", 2, "agent_id", to=4)),
    "weight at award": ("Seats", _put("seat_list", 1, "award_weight", to=9_999)),
    "a seat left out": ("Seats", lambda document: document["seat_list"].pop()),
    "price a seat": ("Seats", _put("price_wei", to="1")),
    "commitment": ("Commitments", _put("seat_list", 0, "commitment", to="0x" + "00" * 32)),
    "pay": ("Money on this page", _put("seat_list", 0, "pay_wei", to="1")),
    "score": ("Money on this page", _put("seat_list", 0, "score_bps", to=1)),
    "burnt": ("Money on this page", _put("money", "burnt_wei", to="0")),
    "refund": ("Money on this page", _put("money", "refunded_wei", to="5")),
    "receipt": ("Receipt", _put("receipt", "digest", to="0x" + "00" * 26)),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_of_the_api_is_caught(tab: Tab, told: World, lie: str) -> None:
    name, change = LIES[lie]

    def falsify(route: Any) -> None:
        answer = route.fetch()
        document = answer.json()
        change(document)
        route.fulfill(response=answer, body=json.dumps(document))

    tab.page.route("**/v1/tasks/0x*", falsify)
    tab.go(path(told, "settled"))
    found = verified(tab, told.scenario.rpc.url)
    assert found[name] == "wrong", found
    assert tab.page.get_attribute("#verdict", "class") == "verdict wrong"
    assert "this page says" in tab.page.inner_text("#checks .wrong")


@pytest.mark.parametrize(
    ("selector", "text"),
    [("[data-says=state] .state", "Void"), ("[data-says=weight-0]", "12"), ("[data-says=pay-1] .num", "77 ETH"),
     ("[data-says=seats]", "2 of 3")],
)  # fmt: skip
def test_a_page_that_differs_from_its_own_document_is_caught(tab: Tab, told: World, selector: str, text: str) -> None:
    tab.go(path(told, "settled"))
    tab.page.eval_on_selector(selector, "(node, text) => { node.textContent = text; }", text)
    assert verified(tab, told.scenario.rpc.url)["This page"] == "wrong"


def test_a_fork_and_a_foreign_node_are_told(tab: Tab, told: World) -> None:
    def elsewhere(route: Any) -> None:
        answer = route.fetch()
        number = answer.headers["x-symphony-block"].split(":")[0]
        route.fulfill(response=answer, headers=answer.headers | {"x-symphony-block": f"{number}:0x{'ab' * 32}"})

    tab.page.route("**/v1/tasks/0x*", elsewhere)
    tab.go(path(told, "settled"))
    assert verified(tab, told.scenario.rpc.url) == {"Same chain": "wrong"}
    tab.page.unroute("**/v1/tasks/0x*")
    tab.go(path(told, "settled"))
    tab.page.fill("input[name=rpc]", "http://127.0.0.1:9")
    tab.page.press("input[name=rpc]", "Enter")
    tab.page.wait_for_selector("#verdict.unknown")
    assert "Could not verify" in tab.page.inner_text("#verdict")


def test_the_market_names_the_contracts_beside_it(tab: Tab, told: World) -> None:
    tab.go(path(told, "settled"))
    tab.page.eval_on_selector("#verify", "(panel, address) => { panel.dataset.registry = address; }", "0x" + "12" * 20)
    assert verified(tab, told.scenario.rpc.url) == {"Same chain": "ok", "Contracts": "wrong"}


def test_through_a_wallet_whose_node_keeps_no_old_state(browser: Any, told: World, told_url: str) -> None:
    tab = Tab(browser, told_url)
    wallet = Wallet(told.scenario.rpc, told.scenario.stranger)
    tip = hex(told.scenario.rpc.block_number())

    def pruned(method: str, params: list[Any]) -> Any:
        if method == "eth_call" and params[1] != tip:
            raise ValueError("missing trie node")
        if method == "eth_getLogs" and int(params[0]["toBlock"], 16) - int(params[0]["fromBlock"], 16) > 10:
            raise ValueError("at most 10 blocks a query")
        return told.scenario.rpc.call(method, *params)

    wallet.node = pruned
    tab.give_wallet(wallet)
    tab.go(path(told, "no_show"))
    tab.page.click("#verify-wallets button")
    found = checks(tab)
    assert (found["Weights"], found["Reputation"]) == ("unknown", "unknown") and "wrong" not in found.values()
    assert [name for name, state in found.items() if state == "unknown"] == ["Weights", "Reputation"]
    assert "eth_requestAccounts" not in wallet.asked  # reading needs no account
    tab.context.close()


def test_results_survive_a_live_change(browser: Any, live: World) -> None:
    with served(live.settings) as (url, _):
        tab = Tab(browser, url)
        posted = live.scenario.post()
        live.index()
        tab.go(f"/tasks/0x{posted.task_id.hex()}")
        assert "wrong" not in verified(tab, live.scenario.rpc.url).values()
        live.scenario.seat_all(posted)  # bids appear: a new part, so the whole page is exchanged
        live.index()
        tab.page.wait_for_selector("#bids")
        assert tab.page.locator("#checks li.ok").count() > 5
        assert verified(tab, live.scenario.rpc.url)["Weights"] == "ok"
        tab.context.close()


# --- the JavaScript against Python ---


def run(tab: Tab, module: str, body: str, argument: Any) -> Any:
    tab.go("/")
    return tab.page.evaluate(f"async (given) => {{ const m = await import('/static/{module}.js'); {body} }}", argument)


def test_keccak(tab: Tab) -> None:
    lengths = [*range(300), 1000, 4096]
    data = ["0x" + bytes((7 * i + length) % 256 for i in range(length)).hex() for length in lengths]
    assert run(tab, "bytes", "return given.map(m.keccakHex);", data) == ["0x" + keccak(bytes.fromhex(d[2:])).hex() for d in data]


def test_task_ids(tab: Tab, told: World) -> None:
    tasks = [posted.task for posted in told.scenario.posted]
    words = [[hex(int.from_bytes(w, "big") if isinstance(w, bytes) else w) for w in task.words()] for task in tasks]
    domain = told.scenario.deployment.domain
    got = run(
        tab, "market",
        """return given.words.map((words) => {
             const task = m.taskOf(words.map(BigInt));
             return [m.taskId(task, given.chain, given.market), m.TASK_FIELDS.map((name) => m.fieldText(name, task[name]))];
           });""",
        {"words": words, "chain": domain.chain_id, "market": domain.market},
    )  # fmt: skip

    def fields(task: Task) -> list[str]:
        return [str(value).lower() for value in task.as_json().values()]

    assert got == [["0x" + signing.task_id(domain, task).hex(), fields(task)] for task in tasks]


def test_words_and_votes(tab: Tab) -> None:
    declared, earned, need = (
        [pack_word({lane: (seed * 977 + lane * 613) % 10_001 for lane in range(16)}) for seed in range(1, 40)]
        for _ in range(3)
    )
    rows = [(d, earned[-i], need[(i * 5) % 39], (i * 313) % 10_001) for i, d in enumerate(declared)]
    got = run(
        tab, "market",
        """return given.map(([d, e, r, s]) => [d, e, r].map(BigInt).concat(BigInt(s)))
                       .map(([d, e, r, s]) => [m.seatWeight(d, e, r).toString(), m.stepWord(e, r, s).toString()]);""",
        [[hex(d), hex(e), hex(r), s] for d, e, r, s in rows],
    )  # fmt: skip
    assert got == [[str(seat_weight(d, e, r)), str(step_word(e, r, s))] for d, e, r, s in rows]


def test_ties_quorum_and_least_seats(tab: Tab) -> None:
    answers = [keccak(bytes([i]))[:ANSWER_BYTES] for i in range(3)]
    cases = []
    for seed in range(60):
        votes = [
            Vote(1 + (seed * 7 + i * (seed % 3)) % 50, None if (seed + i) % 5 == 0 else answers[(seed * i) % 3])
            for i in range(seed % 7)
        ]
        cases.append((keccak(bytes([seed])), votes, 1 + (seed * 331) % 10_000, 1 + seed % 3))
    got = run(
        tab, "market",
        """return given.map(({ id, votes, quorum, least }) => {
             const cast = votes.map(([weight, answer]) => ({ weight: BigInt(weight), answer }));
             const { outcome, winner, weight, total, supporters } = m.tally(id, cast, BigInt(quorum), BigInt(least));
             return [outcome, winner, Number(weight), Number(total), supporters];
           });""",
        [
            {"id": "0x" + task_id.hex(), "quorum": quorum, "least": least,
             "votes": [[v.weight, "0x" + v.answer.hex() if v.answer else None] for v in votes]}
            for task_id, votes, quorum, least in cases
        ],
    )  # fmt: skip
    want = [tally(*case) for case in cases]
    assert got == [
        [w.outcome.name.lower(), "0x" + w.winner.hex() if w.winner else None, w.winner_weight, w.total_weight, w.supporters]
        for w in want
    ]
    assert {w.outcome.name for w in want} == {"SETTLED", "INCONCLUSIVE", "VOID"}
