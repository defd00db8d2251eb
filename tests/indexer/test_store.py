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
from symphony_chain.errors import InvalidInput, NotFound
from symphony_chain.market import MarketClient
from symphony_chain.skills import DEFAULT_PAGE_ID
from symphony_chain.types import State
from tests.indexer.conftest import database, devnet_world
from tests.indexer.scenario import Posted, Scenario


@pytest.fixture(scope="module")
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
    assert len(store.list_tasks(requester=world.requester.address).items) == len(world.posted)
    of_weak = [task["task_id"] for task in store.list_tasks(agent_id=4).items]
    assert of_weak == [], "agent 4's only bid was never published"
    assert len(store.list_tasks(agent_id=2).items) == 5, "the five stories with three seats"


def test_a_task_tells_its_whole_story(store: Store, world: Scenario) -> None:
    task = store.get_task(text(world.posted[0]))
    names = [event["event"] for event in task["events"]]
    assert names == ["TaskPosted", *["BidPosted"] * 3, "TaskAwarded", *["AnswerCommitted"] * 3, *["AnswerRevealed"] * 3,
                     "TaskSettled"]  # fmt: skip
    assert all(event["tx_hash"].startswith("0x") and event["block_number"] > 0 for event in task["events"])
    assert [bid["fate"] for bid in task["bids"]] == ["seated"] * 3
    assert sum(vote["weight"] for vote in task["votes"]) == task["total_weight"]
    assert [vote["supporters"] for vote in task["votes"] if vote["won"]] == [2]
    paid = sum(p["amount_wei"] for p in task["payouts"] if p["kind"] in ("pay", "refund", "returned"))
    assert paid == world.posted[0].task.escrow_wei
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


def test_balances_are_the_contracts(store: Store, world: Scenario) -> None:
    client = MarketClient(world.rpc, world.deployment.market)
    for account in (world.requester.address, world.stranger.address):
        assert [row["amount_wei"] for row in store.balance(account)] == [client.balance(account)]
    assert [row["amount_wei"] for row in store.burnt()] == [client.burnt()]


def test_events_stream_in_order_and_resume_anywhere(store: Store) -> None:
    whole = store.events_after(limit=200) + store.events_after(_place(store.events_after(limit=200)[-1]), limit=200)
    places = [_place(event) for event in whole]
    assert places == sorted(set(places)) and len(places) > 100
    for cut in (0, 7, 50):
        assert store.events_after(places[cut], limit=5) == whole[cut + 1 : cut + 6]
    assert all(event["block_hash"] and event["timestamp_s"] for event in whole)


def _place(event: dict[str, Any]) -> tuple[int, int]:
    return event["block_number"], event["log_index"]


def test_blocks_and_transactions(store: Store, world: Scenario) -> None:
    task = store.get_task(text(world.posted[0]))
    tx = store.get_tx(task["posted_tx"])
    assert tx["method"] == "depositAndPost" and tx["status"] == 1 and tx["sender"] == world.requester.address
    assert [event["event"] for event in tx["events"]] == ["Deposited", "TaskPosted"]
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
    from sqlalchemy.exc import OperationalError

    from indexer.schema import tasks

    with Store(world_db) as store, pytest.raises(OperationalError), store._engine.begin() as connection:
        connection.execute(delete(tasks))


def test_states_are_the_contracts_at_every_moment(tmp_path: Path) -> None:
    """Each phase, one second before, at and after each deadline: the contract's stateOf against both forms of ours."""
    with devnet_world(tmp_path, "pyevm") as world, Indexer(world.rpc, world.deployment, database(tmp_path)) as indexer:
        world.register_four()
        client = MarketClient(world.rpc, world.deployment.market)
        lives = [world.to_state(state) for state in ("posted", "awarded", "revealed", "settled")]
        late = max(p.task.bid_end_s for p in lives)
        moments = sorted({p.task.bid_end_s + d for p in lives for d in (-1, 0, 1, 59, 60, 61, 119, 120, 121)})
        indexer.sync_once()
        assert moments[-1] > late
        seen = set()
        with Store(database(tmp_path)) as store:
            for moment in moments:
                if moment <= world.now_s:
                    continue
                world.warp(moment)
                indexer.sync_once()
                for posted in lives:
                    state = client.state(posted.task_id, world.rpc.block_number())
                    seen.add(state)
                    assert store.get_task(text(posted))["state"] == state.name
                    assert text(posted) in [t["task_id"] for t in store.list_tasks(state=state).items]
                counted = {name: n for name, n in store.counts().items() if name.startswith("tasks.")}
                assert sum(counted.values()) == len(lives)
    assert seen == {State.OPEN, State.UNAWARDED, State.AWARDED, State.REVEALING, State.CLOSING, State.SETTLED}


def test_reorgs_are_told(tmp_path: Path) -> None:
    with devnet_world(tmp_path) as world, Indexer(world.rpc, world.deployment, database(tmp_path)) as indexer:
        world.fill(5)
        tip = indexer.sync_once().indexed
        with Store(database(tmp_path)) as store:
            assert store.reorgs_after() == []
            old_hash = store.status().indexed_hash
            world.rpc.call("anvil_reorg", 2, [])
            indexer.sync_once()
            (reorg,) = store.reorgs_after()
            assert (reorg["from_number"], reorg["to_number"], reorg["old_hash"]) == (tip, tip - 2, old_hash)
            assert store.reorgs_after(reorg["id"]) == []
