"""How good an agent was and whether it knew: the API's numbers are recomputed from the chain's events and from what was bid."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from api import create_app
from api.accuracy import LEAST_SEATS, WINDOW, reliability, running
from api.explorer import charts
from api.index_store import IndexStore
from api.schema.accuracy import ScoredSeat
from symphony_chain import events, market, signing
from symphony_chain.types import Bid
from tests.api.world import World, build
from tests.indexer.conftest import Databases, devnet_world, indexed
from tests.indexer.scenario import ETHER, Scenario

BPS = st.integers(0, 10_000)
CLAIMS = (2_500, 2_500, 5_000, 8_000, 8_000, 8_000, 9_000, 9_500)
TASKS = 24


@dataclass
class Judged:
    """A world whose first agent claims much; every fourth task has an evaluator, every sixth no vote that reaches a quorum."""

    world: World
    scenario: Scenario
    claimed: dict[str, int]


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judged]:
    folder, draw, claimed = tmp_path_factory.mktemp("judged"), random.Random(5), {}
    with devnet_world(folder) as scenario:
        world = build(scenario, folder, played=False)
        terms = {"evaluator": scenario.stranger.address, "evaluation_window_s": 30, "evaluation_fee_wei": 9}
        for number in range(TASKS):
            evaluated, silent = number % 4 == 3, number % 6 == 5
            posted = scenario.post(**terms if evaluated else {}, quorum_bps=9_900 if silent else 5_000)
            bids = []
            for agent in scenario.agents[:3]:
                # The first one thinks again: its second bid is the one that counts.
                for confidence in ((1, CLAIMS[number % 8]) if agent.agent_id == 1 else (7_000,)):
                    bid = signing.sign_bid(
                        agent.wallet, scenario.deployment.domain, posted.task_id,
                        Bid(agent.agent_id, ETHER, confidence, posted.task.bid_end_s),
                    )  # fmt: skip
                    scenario.market(scenario.stranger, market.encode_bid(posted.task_id, bid))
                bids.append(bid)
            claimed["0x" + posted.task_id.hex()] = CLAIMS[number % 8]
            scenario.award(posted, bids, scenario.agents[:3])
            scenario.commit(posted, ["yes" if draw.random() < 0.6 and not silent else "no", "yes", "yes"])
            scenario.reveal(posted, range(3))
            if evaluated:
                scenario.warp(posted.task.reveal_end_s + 1)
                scores = [draw.choice([0, 3_333, 10_000]), 10_000, 10_000]
                scenario.market(scenario.stranger, market.encode_evaluate(posted.task, scores))
            else:
                scenario.settle(posted)
        world.index()
        yield Judged(world, scenario, claimed)


def scored_on_chain(scenario: Scenario, agent_id: int) -> list[tuple[str, int, bool]]:
    """Task, score and whether an evaluator gave it, of an agent's seats that moved reputation."""
    logs = scenario.rpc.get_logs(from_block=0, to_block="latest", address=scenario.deployment.market)
    closed = (event for event in map(events.decode, logs) if isinstance(event, events.TaskSettled))
    return [
        ("0x" + event.task_id.hex(), result.score_bps, event.evaluated)
        for event in closed
        for result in event.results
        if result.agent_id == agent_id and result.scored
    ]


def read(client: TestClient, name: object) -> Any:
    answer = client.get(f"/v1/agents/{name}/accuracy")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_scored_seats_are_the_chains(judged: Judged) -> None:
    expected = scored_on_chain(judged.scenario, 1)
    assert any(evaluated for *_, evaluated in expected) and 10 <= len(expected) < TASKS, "some votes scored nobody"
    with TestClient(create_app(judged.world.settings)) as client:
        found = read(client, 1)
        page = client.get("/agents/1").text
    seats = found["seats"]
    assert [(seat["task_id"], seat["score_bps"], seat["evaluated"]) for seat in seats] == expected
    assert [seat["confidence_bps"] for seat in seats] == [judged.claimed[task_id] for task_id, *_ in expected]
    scores = [score for _, score, _ in expected]
    last = scores[-WINDOW:]
    assert seats[-1]["recent_bps"] == round(sum(last) / len(last)) and seats[0]["recent_bps"] == scores[0]
    assert found["window"] == WINDOW and all(seat["finality"] in ("soft", "final") and seat["block"]["hash"] for seat in seats)
    assert f"now {seats[-1]['recent_bps'] / 100:.1f}".removesuffix(".0") in page
    assert page.count('<circle class="judged"') == sum(evaluated for *_, evaluated in expected)
    assert f"scored by an evaluator ({sum(e for *_, e in expected)} of {len(expected)})" in page
    assert page.count(">unscored<") == TASKS - len(expected), "whose score moves nothing is not taken for a failure"


def test_reliability_is_recomputed(judged: Judged) -> None:
    pairs = [(judged.claimed[task_id], score) for task_id, score, _ in scored_on_chain(judged.scenario, 1)]
    with TestClient(create_app(judged.world.settings)) as client:
        found = read(client, 1)["reliability"]
        page = client.get("/agents/1").text
    assert found["seats"] == len(pairs) == sum(part["seats"] for part in found["bins"])
    error = 0.0
    for part in found["bins"]:
        inside = [(claim, score) for claim, score in pairs if part["low_bps"] <= claim <= part["high_bps"]]
        assert len(inside) == part["seats"]
        claimed, scored = (sum(values) / len(inside) for values in zip(*inside, strict=True))
        assert abs(part["claimed_bps"] - claimed) <= 0.5 and abs(part["scored_bps"] - scored) <= 0.5
        error += len(inside) / len(pairs) * abs(claimed - scored)
    assert abs(found["error_bps"] - error) <= 2
    assert len(found["bins"]) > 1 and page.count('<circle class="spot"') == len(found["bins"])
    assert f"Expected calibration error {found['error_bps'] / 100:.1f}".removesuffix(".0") in page


def test_too_few_seats_say_so(client: TestClient) -> None:
    fourth = read(client, 4)  # of a child task that it answered alone: nothing was scored
    assert fourth["seats"] == [] and fourth["reliability"] is None
    page = client.get("/agents/4").text
    assert "Fewer than 10 scored seats" in page and "No scored seat yet" in page
    assert client.get("/v1/agents/999/accuracy").status_code == 404


def test_every_database_answers_alike(judged: Judged, databases: Databases) -> None:
    with IndexStore(indexed(judged.scenario, databases.new())) as store, IndexStore(judged.world.settings.db_url) as first:
        assert store.scored_seats(1, 500) == first.scored_seats(1, 500) != []
        assert store.scored_seats(1, 3) == first.scored_seats(1, 500)[-3:]
        assert store.agent_files(500) == first.agent_files(500) and [row[0] for row in store.agent_files(2)] == [1, 2]


def test_the_running_mean() -> None:
    assert running([10_000, 0, 0, 10_000], window=2) == [10_000, 5_000, 0, 5_000]
    assert running([]) == [] and running([1, 2], window=2) == [1, 2]


def test_reliability_by_hand() -> None:
    assert reliability([(5_000, 0)] * (LEAST_SEATS - 1)) is None
    one = reliability([(7_500, 10_000)] * 9 + [(7_500, 0)])
    assert one is not None and [part.model_dump() for part in one.bins] == [
        {"seats": 10, "low_bps": 7_500, "high_bps": 7_500, "claimed_bps": 7_500, "scored_bps": 9_000}
    ]
    assert one.error_bps == 1_500
    two = reliability([(9_000, 10_000)] * 5 + [(1_000, 10_000), (2_000, 0), (3_000, 0), (4_000, 0), (5_000, 10_000)])
    assert two is not None and [(part.seats, part.claimed_bps, part.scored_bps) for part in two.bins] == [
        (5, 3_000, 4_000), (5, 9_000, 10_000),
    ]  # fmt: skip
    assert two.error_bps == 1_000


@given(claims=st.lists(st.tuples(BPS, BPS), min_size=LEAST_SEATS, max_size=80))
def test_bins_part_the_claims(claims: list[tuple[int, int]]) -> None:
    found = reliability(claims)
    assert found is not None and sum(part.seats for part in found.bins) == len(claims) and 1 <= len(found.bins) <= 10
    edges = [(part.low_bps, part.high_bps) for part in found.bins]
    assert all(low <= high for low, high in edges)
    assert all(before[1] < after[0] for before, after in zip(edges, edges[1:], strict=False)), "equal claims share a bin"
    assert 0 <= found.error_bps <= 10_000


def test_geometry(judged: Judged) -> None:
    with TestClient(create_app(judged.world.settings)) as client:
        found = read(client, 1)
    seats = [ScoredSeat.model_validate(seat) for seat in found["seats"]]
    line = charts.accuracy_line(seats)
    assert line is not None and charts.accuracy_line([]) is None
    places = [tuple(map(float, place.split(","))) for place in line.points.split()]
    assert len(places) == len(seats) and places[-1][0] == charts.CURVE_WIDTH
    assert all(y == round(180 - 180 * seat.recent_bps / 10_000, 1) for (_, y), seat in zip(places, seats, strict=True))
    assert {(mark.x, mark.y) for mark in line.marks} <= set(places) and all(mark.seat.evaluated for mark in line.marks)
    curve = reliability([(2_000, 1_000)] * 5 + [(8_000, 10_000)] * 15)
    assert curve is not None
    low, high = charts.reliability_spots(curve)
    assert (low.x, low.y, low.diagonal_y) == (40, 180, 160) and (high.x, high.y, high.diagonal_y) == (160, 0, 40)
    assert (high.radius - 3) ** 2 / (low.radius - 3) ** 2 == pytest.approx(3, rel=0.05)


def test_drawings_are_within_their_boxes(judged: Judged) -> None:
    with TestClient(create_app(judged.world.settings)) as client:
        page = client.get("/agents/1").text
    for points in re.findall(r'<polyline class="c0" points="([^"]*)"', page):
        for place in points.split():
            x, y = map(float, place.split(","))
            assert 0 <= x <= 640 and 0 <= y <= 180
    assert " style=" not in page
