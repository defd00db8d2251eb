"""Reading the index: paging without gaps or doubles, states as the contract has them, timelines, errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from indexer.errors import IndexMissing
from indexer.meta import Health
from indexer.paging import Page, encode_cursor
from indexer.store import Store
from indexer.sync import Indexer
from symphony_chain.deltas import DeltaClient
from symphony_chain.errors import InvalidInput, NotFound
from symphony_chain.market import MarketClient
from symphony_chain.releases import TOOLCHAIN, ReleaseClient
from symphony_chain.reputation import VERDICT, ReputationClient
from symphony_chain.rewards import RewardPoolClient
from symphony_chain.rpc_types import address_topic
from symphony_chain.skills import DEFAULT_PAGE_ID
from symphony_chain.types import NATIVE, Kind, State
from tests.indexer.conftest import database, devnet_world
from tests.indexer.scenario import ETHER, GWEI, Posted, Scenario

#: Kinds of the cash book that take an escrow apart.
OUT_OF_ESCROW = ("pay", "shared", "fee", "refund", "returned", "burnt")


@pytest.fixture
def store(world_db: str) -> Iterator[Store]:
    with Store(world_db) as opened:
        yield opened


def text(posted: Posted) -> str:
    return "0x" + posted.task_id.hex()


def all_pages(read: Callable[..., Page], limit: int, **options: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = read(cursor=cursor, limit=limit, **options)
        assert len(page.items) <= limit
        items += page.items
        cursor = page.next_cursor
        if cursor is None:
            return items


def test_status(store: Store, world: Scenario) -> None:
    status = store.status()
    head = world.rpc.head()
    assert (status.health, status.indexed, status.head, status.lag) == (Health.FOLLOWING, head.number, head.number, 0)
    assert status.indexed_hash == "0x" + head.hash.hex() and status.indexed_s == head.timestamp
    assert status.identity.market == world.deployment.market and status.identity.chain_id == 31337


@pytest.mark.parametrize("limit", [1, 2, 3, 200])
def test_pages_neither_skip_nor_repeat(store: Store, world: Scenario, limit: int) -> None:
    tasks = all_pages(store.list_tasks, limit)
    assert [task["task_id"] for task in tasks] == [text(p) for p in reversed(world.posted)]
    assert [agent["agent_id"] for agent in all_pages(store.list_agents, limit)] == [1, 2, 3, 4]
    if limit >= 3:
        blocks = all_pages(store.list_blocks, limit)
        assert [block["number"] for block in blocks] == list(range(world.rpc.block_number(), -1, -1))
        assert len(all_pages(store.list_transactions, limit)) == sum(block["tx_count"] for block in blocks)
        assert len(all_pages(store.list_payouts, limit)) == len(store.list_payouts(limit=200).items)


def test_filters(store: Store, world: Scenario) -> None:
    assert {task["state"] for task in store.list_tasks(state=State.SETTLED).items} == {"SETTLED"}
    assert store.list_tasks(requester="0x" + "00" * 20).items == []
    own = [text(p) for p in reversed(world.posted) if p.task.requester == world.requester.address]
    assert [task["task_id"] for task in store.list_tasks(requester=world.requester.address).items] == own
    of_weak = [task["task_id"] for task in store.list_tasks(agent_id=4).items]
    assert of_weak == [text(p) for p in world.posted if p.task.ceiling_wei == GWEI], "its one other bid was never published"
    ours = {text(p) for p in world.posted if any(agent.agent_id == 2 for agent in p.agents)}
    assert {task["task_id"] for task in store.list_tasks(agent_id=2).items} == ours


def test_a_task_tells_its_whole_story(store: Store, world: Scenario) -> None:
    task = store.get_task(text(world.posted[0]))
    names = [event["event"] for event in task["events"]]
    assert names == ["TaskPosted", *["BidPosted"] * 3, "TaskAwarded", *["AnswerCommitted"] * 3, *["AnswerRevealed"] * 3,
                     "TaskSettled", *["FeedbackOpened"] * 3, "Anchored"]  # fmt: skip
    assert all(event["tx_hash"].startswith("0x") and event["block_number"] > 0 for event in task["events"])
    assert [bid["fate"] for bid in task["bids"]] == ["seated"] * 3
    assert sum(vote["weight"] for vote in task["votes"]) == task["total_weight"]
    assert [vote["supporters"] for vote in task["votes"] if vote["won"]] == [2]
    paid = sum(p["amount_wei"] for p in task["payouts"] if p["kind"] in ("pay", "refund", "returned", "burnt"))
    assert paid == world.posted[0].task.escrow_wei
    assert [p["amount_wei"] for p in task["payouts"] if p["kind"] == "deposit"] == [task["value_wei"]] == [paid]
    assert bytes.fromhex(task["seats"][0]["answer"][2:]) == b"42" and task["seats"][1]["answer"] is None


def test_skipped_bids_have_their_reason(store: Store, world: Scenario) -> None:
    skipped = next(p for p in world.posted if p.task.bond_wei == 10 * 10**18)
    task = store.get_task(text(skipped))
    assert {skip["reason"] for skip in task["skips"]} == {
        "BID_EXPIRED", "BAD_SIGNATURE", "BOND_UNFUNDED", "PRICE_ABOVE_CEILING", "MATCH_TOO_LOW", "OWNER_SEATED",
        "UNKNOWN_AGENT",
    }  # fmt: skip


def test_an_agent_tells_its_words_and_money(store: Store, world: Scenario) -> None:
    agent = store.get_agent(1)
    kinds = [row["kind"] for row in agent["history"]]
    assert kinds[0] == "declared" and set(kinds[1:]) == {"earned"}
    assert agent["capabilities"][0]["earned"] == agent["history"][-1]["word"]
    account = MarketClient(world.rpc, world.deployment.market).account(1)
    row = agent["accounts"][0]
    assert (row["accrued_wei"], row["seats"], row["won"], row["no_shows"]) == (
        account.accrued_wei, account.seats, account.won, account.no_shows,
    )  # fmt: skip
    first = world.agents[0]
    assert [a["agent_id"] for a in store.agents_by_address(first.wallet.address)] == [1]
    assert [a["agent_id"] for a in store.agents_by_address(first.owner.address)] == [1]
    assert store.agents_by_address(world.requester.address) == []
    assert set(store.declared_words("0x" + DEFAULT_PAGE_ID.hex())) == {1, 2, 3, 4}
    assert store.skill_page("0x" + DEFAULT_PAGE_ID.hex()) is not None and store.skill_page("0x00") is None


def test_texts_that_are_none_stop_nobody(store: Store, world: Scenario) -> None:
    """Solidity's strings are any bytes, and not every database holds a NUL."""
    assert store.get_agent(4)["uri"] == "https://example.org/agent.json\ufffd"
    told = [event["args"]["new_uri"] for event in everything(store) if event["event"] == "URIUpdated"]
    assert told[-2:] == ["\ufffd\ufffd", "https://example.org/agent.json\0"]


def test_balances_are_the_contracts(store: Store, world: Scenario) -> None:
    client = MarketClient(world.rpc, world.deployment.market)
    for account in (world.requester.address, world.stranger.address):
        rows = {row["token"]: row["amount_wei"] for row in store.balance(account)}
        assert rows == {token: client.balance(account, token) for token in rows} and rows[NATIVE]
    assert len({row["token"] for row in store.balance(world.requester.address)}) == 3, "coins, and two tokens"


def test_burnt_is_what_closed_tasks_burnt(store: Store) -> None:
    """Kept nowhere on chain."""
    closed = [task for task in all_pages(store.list_tasks, 50) if task["burnt_wei"]]
    of_token: dict[str, int] = {}
    for task in closed:
        of_token[task["token"]] = of_token.get(task["token"], 0) + task["burnt_wei"]
    assert {row["token"]: row["amount_wei"] for row in store.burnt()} == of_token != {}
    with_bond = [task for task in closed if task["bond_wei"] and task["reveal_count"] < task["seat_count"]]
    assert all(task["burnt_wei"] > task["bond_wei"] for task in with_bond) and with_bond, "the bond and the score burn"


def test_an_evaluation_pays_seats_evaluator_and_pool(store: Store, world: Scenario) -> None:
    scored = store.get_task(text(next(p for p in world.posted if p.task.shared_bps == 333)))
    assert scored["evaluated"] and scored["phase"] == "SETTLED" and scored["fee_wei"] == scored["evaluation_fee_wei"] > 0
    assert [seat["score_bps"] for seat in scored["seats"]] == [7_777, 10_000, 0]
    assert [seat["won"] for seat in scored["seats"]] == [True, True, False]
    assert scored["seats"][0]["pay_wei"] < scored["seats"][1]["pay_wei"] and scored["seats"][2]["pay_wei"] == 0
    shared = [seat["shared_wei"] for seat in scored["seats"]]
    assert shared == [seat["pay_wei"] * 333 // 10_000 for seat in scored["seats"]]
    assert sum(shared) == scored["shared_wei"] == sum(p["amount_wei"] for p in scored["payouts"] if p["kind"] == "shared")
    silent = store.get_task(text(next(p for p in world.posted if p.task.shared_bps == 10_000)))
    assert silent["evaluated"] is False and silent["fee_wei"] == 0 and silent["phase"] == "SETTLED"
    assert silent["shared_wei"] == sum(seat["pay_wei"] for seat in silent["seats"])
    everything = sum(p["amount_wei"] for p in scored["payouts"] if p["kind"] in OUT_OF_ESCROW) - scored["bond_wei"]
    assert everything == scored["value_wei"], "the lost bond is burnt too"


def test_a_seat_of_an_open_task_is_taken_at_the_ceiling(store: Store, world: Scenario) -> None:
    settled, live = [store.get_task(text(p)) for p in world.posted if p.task.open]
    assert (settled["seat_count"], settled["free_seats"], settled["phase"]) == (2, 0, "SETTLED")
    assert settled["price_wei"] == settled["ceiling_wei"] and settled["returned_wei"] == 0
    assert settled["refund_wei"] >= settled["ceiling_wei"], "the seat that nobody took"
    assert settled["seats"][0]["seated_block"] < settled["seats"][1]["seated_block"]
    assert settled["awarded_block"] == settled["seats"][0]["seated_block"]
    assert (live["seat_count"], live["free_seats"], live["state"], live["phase"]) == (1, 2, "AWARDED", "AWARDED")
    assert [event["event"] for event in live["events"]] == ["TaskPosted", "SeatTaken"]


def test_children_lower_a_plan(store: Store, world: Scenario) -> None:
    plan = store.get_task(text(next(p for p in world.posted if p.task.kind == Kind.PLAN)))
    lowered, other = plan["seats"]
    assert lowered["weight"] < lowered["award_weight"] and other["weight"] == other["award_weight"]
    assert sum(vote["weight"] for vote in plan["votes"]) == lowered["weight"] + other["weight"] == plan["total_weight"]
    child = store.get_task(plan["plan_children"][0]["child"])
    assert child["parent"] == plan["task_id"] and lowered["weight"] == child["seats"][0]["award_weight"]
    assert [(row["seat"], row["seq"]) for row in plan["plan_children"]] == [(0, 0), (1, 0), (1, 1)]
    assert lowered["trace_digest"] == other["trace_digest"] is not None
    told = [event["event"] for event in plan["events"] if event["event"] in ("AnswerRevealed", "PlanRevealed")]
    assert told == ["AnswerRevealed", "PlanRevealed"] * 2, "and not what a stranger had Plans say"
    stream = store.events_after(task_id=plan["task_id"], limit=200)
    assert [_place(event) for event in stream] == [_place(event) for event in plan["events"]]


def test_what_plans_says_for_other_markets_is_not_here(store: Store, world: Scenario) -> None:
    logs = world.rpc.get_logs(from_block=0, to_block="latest", address=world.deployment.plans)
    ours = [log for log in logs if log.topics[1] == address_topic(world.deployment.market)]
    told = [event for event in everything(store) if event["address"] == world.deployment.plans]
    assert [_place(event) for event in told] == [(log.block_number, log.log_index) for log in ours]
    assert {event["args"]["market"] for event in told} == {world.deployment.market}
    slander = [log for log in logs if log not in ours]
    assert len(slander) == 3
    for log in slander:
        with pytest.raises(NotFound):
            store.get_tx("0x" + log.tx_hash.hex())


def test_the_pool_pays_seats_out_of_earlier_pots(store: Store, world: Scenario) -> None:
    client = RewardPoolClient(world.rpc, world.deployment.pool)
    (book,) = store.pool_books()
    chain = client.book(world.deployment.market)
    assert (book["next_epoch"], book["carry_wei"]) == (chain.next_epoch, chain.carry_wei)
    assert book["owed_wei"] == client.owed(world.deployment.market) > 0
    posted = next(p for p in world.posted if p.task.shared_bps == 5_000)
    task = store.get_task(text(posted))
    assert task["pool_record"]["sharing"] and task["pool_record"]["amount_wei"] == task["shared_wei"]
    assert [(share["seat"], share["agent_id"]) for share in task["pool_shares"]] == [(1, 2), (2, 3)]
    listed = all_pages(store.list_pool_epochs, 2, token=NATIVE)
    epochs = {row["epoch"]: row for row in listed}
    assert [row["epoch"] for row in listed] == sorted(epochs, reverse=True)
    assert store.list_pool_epochs(token=world.stranger.address).items == []
    epoch = epochs[task["pool_record"]["epoch"]]
    paid = sum(share["amount_wei"] for share in task["pool_shares"])
    assert 0 < paid == epoch["reserved_wei"] - epoch["left_wei"] and epoch["unpaid_wei"] > epoch["left_wei"] > 0
    late = store.get_task(text(next(p for p in world.posted if p.task.shared_bps == 333)))["pool_record"]
    assert task["pool_record"]["recorder"] == world.stranger.address and task["pool_record"]["shares"] == task["pool_shares"]
    assert store.list_pool_records(epoch=late["epoch"]).items == [late]
    assert not late["sharing"] and epochs[late["epoch"]]["given_wei"] == 0 < epochs[late["epoch"]]["pot_wei"]


def test_feedback_is_the_contracts(store: Store, world: Scenario) -> None:
    client = ReputationClient(world.rpc, world.deployment.reputation)
    rows = all_pages(store.list_feedback, 2)
    rows.reverse()
    assert [row["given_block"] for row in rows] == sorted(row["given_block"] for row in rows) and len(rows) == 4
    for row in rows:
        (said,) = [
            entry
            for entry in client.feedback(row["agent_id"], [row["client"]], include_revoked=True)
            if entry.index == row["feedback_index"]
        ]
        assert (said.value, said.decimals, said.revoked) == (row["value"], row["decimals"], row["revoked"])
        assert said.tag1 == row["tag1"]
        assert len(row["answers"]) == row["responses"] == client.responses(row["agent_id"], row["client"], said.index)
    first = rows[0]
    assert (first["value"], first["revoked"], first["tag2"]) == (-(10**38), True, "nul\ufffd")
    assert rows[2]["responses"] == 2 and rows[3]["uri"] == "\ufffd" * 4
    assert store.list_feedback(client=world.stranger.address).items == []
    credits = {row["agent_id"]: row["credits"] for row in store.feedback_credits(world.requester.address)}
    assert credits == {agent: client.credits(agent, world.requester.address) for agent in credits} == {1: 0, 2: 1, 3: 0}
    task = store.get_task(text(world.posted[0]))
    assert [row["seat"] for row in task["feedback_openings"]] == [0, 1, 2]
    assert [bytes.fromhex(row["kind"][2:]) for row in task["anchors"]] == [VERDICT]


def test_releases_are_the_contracts(store: Store, world: Scenario) -> None:
    client, publisher = ReleaseClient(world.rpc, world.deployment.releases), world.requester.address
    rows = all_pages(store.list_releases, 2)
    assert [(row["name"], row["version"]) for row in rows] == [
        ("nul\ufffd", "2\ufffd"), ("model", "\ufffd" * 31), ("tools", "1.0"), ("model", "1.1"), ("model", "1.0"),
    ]  # fmt: skip
    assert [row["yanked"] for row in rows] == [False, True, False, True, False]
    for row in rows[2:]:
        found = client.release(publisher, row["name"], row["version"])
        assert found is not None and (found.size_bytes, found.yanked) == (row["size_bytes"], row["yanked"])
        assert ("0x" + found.digest.hex(), found.published_at_s) == (row["digest"], row["published_s"])
    (tools,) = store.list_releases(kind="0x" + TOOLCHAIN.hex()).items
    assert tools["name"] == "tools" and store.list_releases(name_hash=tools["name_hash"]).items == [tools]
    assert len(store.list_releases(publisher=publisher).items) == 5


def test_deltas_are_a_line_that_ends_in_the_contracts_head(store: Store, world: Scenario) -> None:
    client = DeltaClient(world.rpc, world.deployment.deltas)
    rows = all_pages(store.list_deltas, 2)
    assert [row["agent_id"] for row in rows] == [4, 1, 1] and rows[1]["size_bytes"] == 2**64 - 1
    newest, oldest = store.list_deltas(agent_id=1, base_model=rows[0]["base_model"]).items
    assert [row["is_head"] for row in rows] == [True, True, False]
    assert newest["parent"] == oldest["head"] and oldest["parent"] == "0x" + "00" * 32
    assert newest["head"] == "0x" + client.head(1, bytes.fromhex(newest["base_model"][2:])).hex()


def test_hire_is_a_post_and_an_award(store: Store, world: Scenario) -> None:
    hired = [t for t in all_pages(store.list_tasks, 50) if t["posted_tx"] == t["awarded_tx"]]
    assert len(hired) == 2 and {task["value_wei"] for task in hired} == {5 * ETHER, 8 * ETHER}
    assert [store.get_tx(task["posted_tx"])["method"] for task in hired] == ["hire", "hire"]
    assert all(task["returned_wei"] > 0 for task in hired)


def test_receipts_are_the_contracts(store: Store, world: Scenario) -> None:
    client = MarketClient(world.rpc, world.deployment.market)
    for posted in world.posted:
        task, (outcome, closed_s, digest) = store.get_task(text(posted)), client.receipt(posted.task_id)
        if outcome is State.NONE:
            assert task["closed_s"] is None and task["receipt"] is None
            continue
        assert (task["phase"], task["closed_s"]) == (outcome.name, closed_s)
        assert task["receipt"] == ("0x" + digest.hex() if any(digest) else None)


def test_events_stream_in_order_and_resume_anywhere(store: Store) -> None:
    whole = everything(store)
    places = [_place(event) for event in whole]
    assert places == sorted(set(places)) and len(places) > 100
    for cut in (0, 7, 50):
        assert store.events_after(places[cut], limit=5) == whole[cut + 1 : cut + 6]
    assert all(event["block_hash"] and event["timestamp_s"] for event in whole)


def everything(store: Store) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    while page := store.events_after(_place(events[-1]) if events else None, limit=200):
        events += page
    return events


def _place(event: dict[str, Any]) -> tuple[int, int]:
    return event["block_number"], event["log_index"]


def test_blocks_and_transactions(store: Store, world: Scenario) -> None:
    task = store.get_task(text(world.posted[0]))
    tx = store.get_tx(task["posted_tx"])
    assert tx["method"] == "post" and tx["status"] == 1 and tx["sender"] == world.requester.address
    assert [event["event"] for event in tx["events"]] == ["TaskPosted"]
    block = store.get_block(tx["block_number"])
    assert block == store.get_block(block["hash"]) and [t["hash"] for t in block["transactions"]] == [tx["hash"]]


def test_finality(store: Store, world_db: str) -> None:
    tip = store.status().indexed
    assert [store.finality(n) for n in (None, tip + 1, tip, tip - 63, tip - 64)] == [
        "pending", "pending", "soft", "soft", "final",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "call",
    [
        lambda s: s.get_task("0x" + "00" * 32),
        lambda s: s.get_agent(77),
        lambda s: s.get_block(10**9),
        lambda s: s.get_block("0x00"),
        lambda s: s.get_tx("0x00"),
    ],
)
def test_unknown_things_are_not_found(store: Store, call: Callable[[Store], object]) -> None:
    with pytest.raises(NotFound) as error:
        call(store)
    assert error.value.hint


@pytest.mark.parametrize("cursor", ["", "x", "é", encode_cursor([1]), encode_cursor(["a", "b"]), encode_cursor([1, True])])
def test_foreign_cursors_are_refused(store: Store, cursor: str) -> None:
    with pytest.raises(InvalidInput):
        store.list_tasks(cursor=cursor)


@pytest.mark.parametrize("limit", [0, -1, 201])
def test_limits_are_bounded(store: Store, limit: int) -> None:
    with pytest.raises(InvalidInput):
        store.list_agents(limit=limit)


def test_no_index_yet(tmp_path: Path) -> None:
    with pytest.raises(IndexMissing):
        Store(database(tmp_path))
    assert list(tmp_path.iterdir()) == [], "looking must not create a file"


def test_the_store_cannot_write(world_db: str) -> None:
    from sqlalchemy import delete
    from sqlalchemy.exc import DatabaseError

    from indexer.schema import tasks

    with Store(world_db) as store, pytest.raises(DatabaseError), store._engine.begin() as connection:
        connection.execute(delete(tasks))


def test_states_are_the_contracts_at_every_moment(db: str, tmp_path: Path) -> None:
    """Each phase, one second before, at and after each deadline: the contract's stateOf against both forms of ours."""
    with devnet_world(tmp_path, "pyevm") as world, Indexer(world.rpc, world.deployment, db) as indexer:
        world.register_four()
        client = MarketClient(world.rpc, world.deployment.market)
        # Windows that nothing played before the first moment reaches.
        windows = {"bid_end_s": world.now_s + 600, "commit_end_s": world.now_s + 660}
        evaluated = {"evaluator": world.stranger.address, "evaluation_window_s": 60}
        lives = [world.to_state(state, **windows) for state in ("posted", "awarded", "revealed", "settled")]
        lives += [world.to_state(state, **windows, **evaluated) for state in ("committed", "revealed")]
        lives += [world.post(**windows, open=True) for _ in range(2)]
        lone = world.post(**windows, k=1)
        world.seat_all(lone, (ETHER,))
        world.commit(lone, ["lone"])
        world.reveal(lone, [0])
        free, taken = lives[-2:]
        lives.append(lone)
        moments = sorted({windows["bid_end_s"] + d for d in (-1, 0, 1, 59, 60, 61, 119, 120, 121, 179, 180, 181)})
        indexer.sync_once()
        assert moments[0] > world.now_s
        seen = set()
        with Store(db) as store:
            for moment in moments:
                world.warp(moment)
                if moment == windows["bid_end_s"] + 1:
                    world.take(taken, world.agents[0])
                    assert world.now_s < windows["bid_end_s"] + 59
                indexer.sync_once()
                for posted in lives:
                    state = client.state(posted.task_id, world.rpc.block_number())
                    seen.add(state)
                    assert store.get_task(text(posted))["state"] == state.name
                    assert text(posted) in [t["task_id"] for t in store.list_tasks(state=state).items]
                counted = {name: n for name, n in store.counts().items() if name.startswith("tasks.")}
                assert sum(counted.values()) == len(lives)
        assert free.agents == []
    assert seen == {
        State.OPEN, State.FREE, State.UNAWARDED, State.AWARDED, State.REVEALING, State.EVALUATING, State.CLOSING,
        State.SETTLED,
    }  # fmt: skip


def test_reorgs_are_told(db: str, tmp_path: Path) -> None:
    with devnet_world(tmp_path) as world, Indexer(world.rpc, world.deployment, db) as indexer:
        world.fill(5)
        tip = indexer.sync_once().indexed
        with Store(db) as store:
            assert store.reorgs_after() == []
            old_hash = store.status().indexed_hash
            world.rpc.call("anvil_reorg", 2, [])
            indexer.sync_once()
            (reorg,) = store.reorgs_after()
            assert (reorg["from_number"], reorg["to_number"], reorg["old_hash"]) == (tip, tip - 2, old_hash)
            assert store.reorgs_after(reorg["id"]) == []
