"""Posting, claiming and withdrawing from a browser with an injected wallet, against a real chain, index and API."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount

from symphony_chain.keys import Keystore
from symphony_chain.market import MarketClient, encode_deposit
from symphony_chain.types import NATIVE, State, Task
from tests.api.browser import NEEDS_CHROMIUM, Tab, Wallet
from tests.api.server import served
from tests.api.world import World
from tests.indexer.scenario import ETHER, Posted

pytestmark = NEEDS_CHROMIUM
PASSWORD = "correct horse"
Tabs = Callable[..., tuple[Tab, Wallet]]


@pytest.fixture(scope="module")
def relaying(live: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of an API with a relayer key that has coins."""
    folder = tmp_path_factory.mktemp("relayer")
    relayer: LocalAccount = Account.from_key(b"\x66" * 32)
    Keystore(folder / "keys").create("relayer", PASSWORD, key=bytes(relayer.key), kdf="pbkdf2", work=1000)
    (folder / "password").write_text(PASSWORD + "\n")
    live.scenario.send(live.scenario.stranger, relayer.address, b"", ETHER)
    options = ("--relayer-keystore", str(folder / "keys"), "--relayer-password-file", str(folder / "password"))
    with served(live.settings, *options) as (url, _):
        yield url


@pytest.fixture
def tabs(browser: Any, relaying: str, live: World) -> Iterator[Tabs]:
    """Opens tabs whose wallet holds a key."""
    opened: list[Tab] = []

    def open_tab(key: LocalAccount, **context: Any) -> tuple[Tab, Wallet]:
        tab = Tab(browser, relaying, **context)
        wallet = Wallet(live.scenario.rpc, key)
        tab.give_wallet(wallet)
        opened.append(tab)
        return tab, wallet

    yield open_tab
    for tab in opened:
        assert [fault for fault in tab.faults if "Failed to load resource" not in fault] == []
        tab.context.close()


def connect(tab: Tab) -> None:
    tab.page.click("#wallet button")
    tab.page.wait_for_selector("#wallet.connected")


def fill_in(tab: Tab, title: str) -> None:
    tab.page.fill("input[name=title]", title)
    tab.page.fill("textarea[name=prompt]", "What is 6 times 7?")
    tab.page.check("input[value=multistep_arithmetic_two]")
    tab.page.check("input[value=boolean_expressions]")


def posted_from(tab: Tab, live: World) -> Posted:
    """The task of the page that is open now."""
    document = tab.context.request.get(tab.page.url.replace("/tasks/", "/v1/tasks/")).json()
    return Posted(Task.from_json(document["params"]), bytes.fromhex(document["id"][2:]))


def follow_to_page(tab: Tab, live: World) -> Posted:
    tab.page.wait_for_selector("#steps li.doing:has-text('Wait for the block')")
    live.index()
    tab.page.wait_for_url("**/tasks/0x*")
    return posted_from(tab, live)


def test_post_with_ones_own_transaction_and_follow_it(tabs: Tabs, live: World) -> None:
    scenario = live.scenario
    tab, wallet = tabs(scenario.requester)
    tab.go("/post")
    assert tab.page.is_disabled("#post-button") and wallet.asked == []  # nothing is asked before the person asks
    connect(tab)
    fill_in(tab, "Six times seven")
    tab.page.fill("input[name=reward]", "0,5")
    tab.page.click("#post-button")
    posted = follow_to_page(tab, live)
    market = MarketClient(scenario.rpc, scenario.deployment.market)
    assert market.state(posted.task_id) is State.OPEN
    assert (posted.task.ceiling_wei, posted.task.k, posted.task.requester) == (ETHER // 2, 3, scenario.requester.address)
    assert "eth_signTypedData_v4" not in wallet.asked and wallet.asked.count("eth_sendTransaction") == 1
    tab.page.wait_for_selector("body[data-live=yes]")
    assert "What is 6 times 7?" in tab.page.inner_text("main")
    scenario.seat_all(posted, (ETHER // 2, ETHER // 3, ETHER // 4))
    scenario.run(posted, ["42", "42", "41"])
    live.index()
    tab.page.wait_for_selector("#task-head .s-settled")
    tab.page.click("#verify-wallets button")
    tab.page.wait_for_selector("#verdict.ok")


def test_post_by_signature(tabs: Tabs, live: World) -> None:
    scenario = live.scenario
    market = MarketClient(scenario.rpc, scenario.deployment.market)
    poor: LocalAccount = Account.from_key(b"\x55" * 32)  # not one wei for gas
    scenario.market(scenario.stranger, encode_deposit(poor.address, ETHER), ETHER)
    tab, wallet = tabs(poor)
    tab.go("/post")
    connect(tab)
    fill_in(tab, "Signed only")
    tab.page.check("input[name=way][value=sign]")
    tab.page.focus("input[name=title]")
    tab.page.keyboard.press("Enter")  # a form: no mouse needed
    posted = follow_to_page(tab, live)
    assert market.state(posted.task_id) is State.OPEN and posted.task.requester == poor.address
    assert market.balance(poor.address) == ETHER - posted.task.escrow_wei
    assert "eth_sendTransaction" not in wallet.asked and scenario.rpc.get_nonce(poor.address) == 0


def test_what_is_missing_is_deposited_first(tabs: Tabs, live: World) -> None:
    scenario = live.scenario
    market = MarketClient(scenario.rpc, scenario.deployment.market)
    newcomer = scenario.keys[6]
    tab, wallet = tabs(newcomer)
    tab.go("/post")
    connect(tab)
    fill_in(tab, "Deposit first")
    tab.page.check("input[name=way][value=sign]")
    tab.page.click("#post-button")
    posted = follow_to_page(tab, live)
    assert market.state(posted.task_id) is State.OPEN and market.balance(newcomer.address) == 0
    sent = [name for name in wallet.asked if name in ("eth_sendTransaction", "eth_signTypedData_v4")]
    assert sent == ["eth_sendTransaction", "eth_signTypedData_v4"]


def test_a_reward_in_a_token(tabs: Tabs, live: World) -> None:
    scenario = live.scenario
    market = MarketClient(scenario.rpc, scenario.deployment.market)
    token = scenario.create("PlainToken")
    mint = bytes.fromhex("40c10f19") + bytes(12) + bytes.fromhex(scenario.requester.address[2:]) + (1000).to_bytes(32, "big")
    scenario.send(scenario.requester, token, mint)
    tab, wallet = tabs(scenario.requester)
    tab.go("/post")
    connect(tab)
    fill_in(tab, "Paid in tokens")
    tab.page.click(".more summary")
    tab.page.fill("input[name=token]", token)
    tab.page.fill("input[name=reward]", "7")  # it says no decimals: raw units
    tab.page.click("#post-button")
    posted = follow_to_page(tab, live)
    assert market.state(posted.task_id) is State.OPEN
    assert (posted.task.token, posted.task.escrow_wei, market.balance(scenario.requester.address, token)) == (token, 21, 0)
    assert wallet.asked.count("eth_sendTransaction") == 3  # approve, deposit, post
    assert "21 units" in tab.page.inner_text("#money")


def test_declining_sends_nothing_and_can_be_tried_again(tabs: Tabs, live: World) -> None:
    tab, wallet = tabs(live.scenario.requester)
    tab.go("/post")
    connect(tab)
    fill_in(tab, "Declined")
    wallet.refuse = {"eth_sendTransaction"}
    tab.page.click("#post-button")
    tab.page.wait_for_selector("#steps .failed")
    assert "You declined in the wallet" in tab.page.inner_text("#steps") and tab.page.is_enabled("#post-button")
    wallet.refuse = set()
    wallet.chain_id = 1
    tab.page.click("#post-button")
    tab.page.wait_for_selector("#steps .failed:has-text('chain 1, this market is on chain 31337')")
    wallet.chain_id = 31337
    tab.page.click("#post-button")
    follow_to_page(tab, live)


def test_faults_of_the_form_are_told(tabs: Tabs, live: World) -> None:
    tab, wallet = tabs(live.scenario.requester)
    tab.go("/post")
    connect(tab)
    tab.page.fill("input[name=title]", "No skill")
    tab.page.fill("textarea[name=prompt]", "?")
    tab.page.click("#post-button")
    tab.page.wait_for_selector("#steps .failed:has-text('Choose at least one skill')")
    tab.page.check("input[value=navigate]")
    tab.page.fill("input[name=reward]", "0")
    tab.page.click("#post-button")
    tab.page.wait_for_selector("#steps .failed:has-text('ceiling')")
    assert "eth_sendTransaction" not in wallet.asked  # the market was asked before the wallet


def test_evaluator_bond_shared_part_and_free_seats(tabs: Tabs, live: World) -> None:
    """Every rule of the form reaches the task that is posted, and the index and the task's page show it."""
    scenario = live.scenario
    evaluator = scenario.stranger.address
    tab, wallet = tabs(scenario.requester)
    tab.go("/post")
    connect(tab)
    fill_in(tab, "With all rules")
    tab.page.click(".more summary")
    assert not tab.page.is_visible("#evaluation")
    tab.page.fill("input[name=evaluator]", evaluator)
    for name, text in (("bond", "0.02"), ("shared", "12.5"), ("evaluation_window", "77"), ("evaluation_fee", "0,003")):
        tab.page.fill(f"input[name={name}]", text)
    tab.page.check("input[name=open]")
    tab.page.click("#post-button")
    posted = follow_to_page(tab, live)
    task = posted.task
    assert (task.evaluator, task.evaluation_window_s, task.evaluation_fee_wei) == (evaluator, 77, 3 * ETHER // 1000)
    assert (task.bond_wei, task.shared_bps, task.open) == (ETHER // 50, 1_250, True)
    assert MarketClient(scenario.rpc, scenario.deployment.market).state(posted.task_id) is State.OPEN
    row = tab.context.request.get(f"{tab.url}/v1/tasks/0x{posted.task_id.hex()}").json()
    assert row["params"]["evaluator"] == evaluator and row["params"]["bond"] == str(ETHER // 50) and row["open"] is True
    assert row["money"]["escrow_wei"] == str(3 * task.ceiling_wei + task.evaluation_fee_wei)
    shown = tab.page.inner_text("#task-head")
    assert "12.5 %" in shown and "Evaluator" in shown and "Bond" in shown and "0.02 ETH" in shown


def test_what_the_form_leaves_alone_stays_as_it_was(tabs: Tabs, live: World) -> None:
    tab, _ = tabs(live.scenario.requester)
    tab.go("/post")
    connect(tab)
    fill_in(tab, "Defaults")
    tab.page.click("#post-button")
    task = follow_to_page(tab, live).task
    assert (task.evaluator, task.evaluation_window_s, task.evaluation_fee_wei, task.router) == (NATIVE, 0, 0, NATIVE)
    assert (task.bond_wei, task.shared_bps, task.open, task.base_bps, task.quorum_bps) == (0, 0, False, 2_000, 5_001)
    assert (task.k, task.min_seats, task.ceiling_wei, task.min_match_bps) == (3, 2, ETHER // 100, 0)


def test_each_fault_is_told_beside_its_field(tabs: Tabs, live: World) -> None:
    """Also in the folded part, which opens; nothing is sent, and what is put right can be posted."""
    tab, wallet = tabs(live.scenario.requester)
    tab.go("/post")
    connect(tab)
    fill_in(tab, "Faults")
    tab.page.click(".more summary")
    wrong = {
        "bond": ("much", "An amount in the reward's token"),
        "shared": ("100.5", "100"),
        "router": ("0x12", "0x and 40 hex digits"),
        "evaluator": ("nobody", "0x and 40 hex digits"),
        "evaluation_window": ("1", "5"),
        "evaluation_fee": ("-1", "An amount in the reward's token"),
    }
    for name, (text, _) in wrong.items():
        tab.page.fill(f"input[name={name}]", text)
    tab.page.click(".more summary")  # folded again
    tab.page.click("#post-button")
    tab.page.wait_for_selector(".more[open]")
    for name, (_, says) in wrong.items():
        assert says in tab.page.inner_text(f".field:has(input[name={name}]) .fault"), name
    assert tab.page.evaluate("document.activeElement.name") == "bond" and tab.page.locator(".field .fault").count() == len(wrong)
    assert "eth_sendTransaction" not in wallet.asked and tab.page.locator("#steps li").count() == 0
    for name, text in (("bond", "0"), ("shared", "0"), ("router", ""), ("evaluator", "")):
        tab.page.fill(f"input[name={name}]", text)
    tab.page.click("#post-button")  # the evaluator's own fields are gone with it, faults and all
    assert follow_to_page(tab, live).task.evaluator == NATIVE


def earn(live: World) -> None:
    """A settled task: agents 1 to 3 are owed pay, the requester a refund."""
    live.scenario.to_state("settled")
    live.index()


def test_claim_by_signature(tabs: Tabs, live: World) -> None:
    earn(live)
    scenario = live.scenario
    market = MarketClient(scenario.rpc, scenario.deployment.market)
    agent = scenario.agents[0]
    due_wei, before_wei = market.account(agent.agent_id).accrued_wei, scenario.rpc.get_balance(agent.owner.address)
    tab, wallet = tabs(agent.owner)
    tab.go("/rewards")
    connect(tab)
    tab.page.wait_for_url(f"**/rewards?address={agent.owner.address}")
    tab.page.wait_for_selector("body.mine[data-live=yes]")
    tab.page.click("#agents button:has-text('Claim')")
    tab.page.wait_for_selector("#steps li.done:has-text('is on its way')")
    assert market.account(agent.agent_id).accrued_wei == 0
    assert scenario.rpc.get_balance(agent.owner.address) == before_wei + due_wei > before_wei  # gas was the relayer's
    assert "eth_sendTransaction" not in wallet.asked and wallet.asked.count("eth_signTypedData_v4") == 1
    live.index()
    tab.page.wait_for_selector("#agents button:has-text('Claim')", state="detached")
    assert tab.page.locator("#steps li.done").count() == 4  # what was done stays on the page


def test_an_operator_claims_for_the_owner_only(tabs: Tabs, live: World) -> None:
    earn(live)
    scenario = live.scenario
    market = MarketClient(scenario.rpc, scenario.deployment.market)
    agent = scenario.agents[1]
    due_wei, before_wei = market.account(agent.agent_id).accrued_wei, scenario.rpc.get_balance(agent.owner.address)
    tab, _ = tabs(agent.wallet)
    tab.go(f"/rewards?address={agent.wallet.address}")
    assert "operator" in tab.page.inner_text("#agents")
    connect(tab)
    tab.page.click("#agents button:has-text('Claim')")
    tab.page.wait_for_selector(f"#steps li.done:has-text('on its way to {agent.owner.address}')")
    assert scenario.rpc.get_balance(agent.owner.address) == before_wei + due_wei > before_wei


def test_withdraw_with_ones_own_transaction(tabs: Tabs, live: World) -> None:
    earn(live)
    scenario = live.scenario
    market = MarketClient(scenario.rpc, scenario.deployment.market)
    me = scenario.requester
    assert market.balance(me.address) > 0
    tab, wallet = tabs(me)
    tab.go(f"/rewards?address={me.address}")
    connect(tab)
    tab.page.check("input[name=way][value=send]")
    tab.page.click("#balances tr:has-text('ETH') button")
    tab.page.wait_for_selector("#steps li.done:has-text('is on its way')")
    assert market.balance(me.address) == 0 and wallet.asked.count("eth_sendTransaction") == 1


def test_strangers_see_no_buttons(tabs: Tabs, live: World) -> None:
    earn(live)
    owner = live.scenario.agents[2].owner.address
    tab, _ = tabs(live.scenario.stranger)
    tab.go(f"/rewards?address={owner}")
    connect(tab)
    assert tab.page.locator("button.act:visible").count() == 0 and tab.page.locator("button.act").count() > 0
    assert tab.page.get_attribute("#own-link", "href") == f"/rewards?address={live.scenario.stranger.address}"


def test_with_the_keyboard_alone(tabs: Tabs, live: World) -> None:
    earn(live)
    agent = live.scenario.agents[0]
    tab, _ = tabs(agent.owner)
    tab.go(f"/rewards?address={agent.owner.address}")

    def tab_to(text: str) -> None:
        for _ in range(60):
            tab.page.keyboard.press("Tab")
            if tab.page.evaluate("document.activeElement.textContent").strip() == text:
                return
        raise AssertionError(f"no way to {text}")

    tab_to("Test Wallet")
    tab.page.keyboard.press("Enter")
    tab.page.wait_for_selector("body.mine")
    tab_to("Claim")
    tab.page.keyboard.press("Enter")
    tab.page.wait_for_selector("#steps li.done:has-text('is on its way')")


def test_without_javascript(browser: Any, relaying: str, live: World) -> None:
    earn(live)
    tab = Tab(browser, relaying, java_script_enabled=False)
    tab.page.goto(relaying + "/rewards")
    tab.page.fill("#address", live.scenario.agents[2].owner.address)
    tab.page.press("#address", "Enter")
    tab.page.wait_for_selector("#agents")
    text = tab.page.inner_text("main")
    assert "Agent 3" in text or "Carl" in text
    assert "works without JavaScript" in text and tab.page.locator("button.act:visible").count() == 0
    tab.page.goto(relaying + "/post")
    assert "symphony task post" in tab.page.inner_text("main") and tab.page.is_disabled("#post-button")
    tab.page.goto(f"{relaying}/tasks/0x{live.scenario.posted[-1].task_id.hex()}")
    assert "symphony vote verify" in tab.page.inner_text("#verify noscript")
    tab.context.close()


def test_only_the_task_page_may_ask_other_hosts(browser: Any, relaying: str, live: World) -> None:
    tab = Tab(browser, relaying)
    for path, connects in (("/", False), ("/post", False), ("/rewards", False), ("/agents", False)):
        policy = tab.context.request.get(relaying + path).headers["content-security-policy"]
        assert ("connect-src" in policy) is connects and "script-src" not in policy and "default-src 'self'" in policy
    task = live.scenario.post()
    live.index()
    policy = tab.context.request.get(f"{relaying}/tasks/0x{task.task_id.hex()}").headers["content-security-policy"]
    assert "connect-src 'self' https: http:" in policy and "default-src 'self'" in policy
    tab.context.close()


def test_no_wallet_no_promise(browser: Any, relaying: str) -> None:
    tab = Tab(browser, relaying)
    tab.go("/post")
    assert "No wallet has announced itself" in tab.page.inner_text("#wallet") and tab.page.is_disabled("#post-button")
    tab.context.close()
