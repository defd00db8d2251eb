"""Whether to bid, for how much, how sure; and the first stage of routing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.bidding import (
    BidPolicy,
    Effort,
    Offer,
    Reason,
    Refusal,
    Standing,
    ask_wei,
    confidence_bps,
    decide,
    screen_task,
)
from agent_runtime.routing import Candidate, ScreenRouter, screen
from agent_runtime.task_request import build
from symphony_chain.errors import InvalidInput
from symphony_chain.skills import pack_word
from tests.runtime.conftest import question

NOW = 1_000_000
TASK = build(question(), requester="0x" + "11" * 20, timestamp_s=NOW, salt=bytes(32), gateway_urls=()).task
DECLARED = pack_word({7: 9_000})
STANDING = Standing(DECLARED, {}, 0, 0, 0.0)
EFFORT = Effort(1_000, 2.0)
POLICY = BidPolicy()
COIN = "0x" + "11" * 20


def price(task=TASK, effort=EFFORT, load: int = 0, policy=POLICY) -> int:
    found = ask_wei(task, effort, replace(STANDING, load=load), policy)
    assert found is not None
    return found


def test_an_offer() -> None:
    offer = decide(TASK, EFFORT, STANDING, NOW, POLICY)
    assert offer == Offer(price_wei=1_100 * 10**9, confidence_bps=5_000, expiry_s=TASK.bid_end_s, match_bps=9_000)


@pytest.mark.parametrize(
    ("reason", "task", "standing", "effort", "now"),
    [
        (Reason.KIND_UNSUPPORTED, replace(TASK, kind=1), STANDING, EFFORT, NOW),
        (Reason.KIND_UNSUPPORTED, replace(TASK, kind=3), STANDING, EFFORT, NOW),
        (Reason.TOKEN_UNSUPPORTED, replace(TASK, token=COIN), STANDING, EFFORT, NOW),
        (Reason.PAGE_UNKNOWN, TASK, replace(STANDING, declared=None), EFFORT, NOW),
        (Reason.MATCH_LOW, replace(TASK, min_match_bps=9_001), STANDING, EFFORT, NOW),
        (Reason.MATCH_LOW, TASK, replace(STANDING, declared=pack_word({3: 9_000})), EFFORT, NOW),
        (Reason.TOO_LATE, TASK, STANDING, EFFORT, TASK.bid_end_s - 1),
        (Reason.TOO_LATE, replace(TASK, reveal_window_s=1), STANDING, EFFORT, NOW),
        (Reason.TOO_LATE, TASK, STANDING, Effort(1_000, 101.0), NOW),
        (Reason.TOO_LATE, TASK, replace(STANDING, queue_s=100.0), EFFORT, NOW),
        (Reason.BUSY, TASK, replace(STANDING, load=32), EFFORT, NOW),
        (Reason.BOND_UNFUNDED, replace(TASK, bond_wei=1), STANDING, EFFORT, NOW),
        (Reason.TOO_LATE, replace(TASK, open=True), STANDING, Effort(1_000, 70.0), TASK.bid_end_s + 1),
        (Reason.PRICE_LOW, replace(TASK, ceiling_wei=1_100 * 10**9 - 1), STANDING, EFFORT, NOW),
        (Reason.PRICE_LOW, replace(TASK, ceiling_wei=1_100 * 10**9, shared_bps=1), STANDING, EFFORT, NOW),
        (Reason.PRICE_LOW, replace(TASK, ceiling_wei=1_100 * 10**9), replace(STANDING, burn_bps=1), EFFORT, NOW),
        (Reason.PRICE_LOW, replace(TASK, shared_bps=10_000), STANDING, EFFORT, NOW),
    ],
)
def test_refusals(reason: Reason, task, standing, effort, now: int) -> None:
    verdict = decide(task, effort, standing, now, POLICY)
    assert isinstance(verdict, Refusal) and verdict.reason is reason and verdict.detail


def test_what_the_chain_tells_is_refused_before_anything_is_fetched() -> None:
    assert screen_task(TASK, DECLARED, NOW, POLICY) is None
    early = screen_task(replace(TASK, min_match_bps=10_000), DECLARED, NOW, POLICY)
    assert early is not None and early.reason is Reason.MATCH_LOW


def test_the_price_rises_with_load_and_has_a_floor() -> None:
    prices = [price(load=load) for load in range(POLICY.max_seats + 1)]
    assert prices == sorted(prices) and prices[-1] == prices[0] * 3 // 2
    assert price(policy=replace(POLICY, floor_wei=10**18)) == 10**18
    assert price(effort=Effort(1, 0.1), policy=replace(POLICY, wei_per_token=1)) == 2, "rounded up"


def test_what_pool_and_burn_take_is_asked_on_top() -> None:
    """The agent keeps what it wants of the price: after a burn of 1 % and a share of 20 %, at least the cost."""
    task = replace(TASK, shared_bps=2_000)
    asked = ask_wei(task, EFFORT, replace(STANDING, burn_bps=100), POLICY)
    assert asked is not None
    after_burn = asked - asked * 100 // 10_000
    assert 0 <= after_burn - after_burn * 2_000 // 10_000 - 1_100 * 10**9 <= 2
    assert ask_wei(replace(TASK, shared_bps=10_000), EFFORT, STANDING, POLICY) is None


def test_an_erc20_is_served_at_its_own_rate() -> None:
    policy = replace(POLICY, rates={COIN: 7}, floor_wei=10**18)
    offer = decide(replace(TASK, token=COIN), EFFORT, STANDING, NOW, policy)
    assert isinstance(offer, Offer) and offer.price_wei == 1_000 * 7 * 11 // 10, "the floor is one of native coins"


def test_evaluated_and_shared_tasks_are_served() -> None:
    task = replace(TASK, evaluator=COIN, evaluation_window_s=60, shared_bps=500)
    assert isinstance(decide(task, EFFORT, STANDING, NOW, POLICY), Offer)


def test_a_free_seat_is_taken_at_the_ceiling() -> None:
    task = replace(TASK, open=True)
    offer = decide(task, EFFORT, STANDING, task.bid_end_s + 1, POLICY)
    assert isinstance(offer, Offer) and offer.price_wei == task.ceiling_wei


def test_confidence_moves_from_the_prior_to_what_was_scored() -> None:
    key = (TASK.page_id, 7)
    won = {key: (20 * 10_000, 20 * 10_000 * 10_000)}
    lost = {key: (20 * 10_000, 0)}
    assert confidence_bps(TASK, {}, POLICY) == 5_000
    assert confidence_bps(TASK, won, POLICY) == (4 * 5_000 + 20 * 10_000) // 24
    assert confidence_bps(TASK, lost, POLICY) == 4 * 5_000 // 24
    assert confidence_bps(TASK, {(TASK.page_id, 2): lost[key]}, POLICY) == 5_000, "other skills do not count"


@given(seen=st.integers(0, 10**9), share=st.integers(0, 10_000))
def test_confidence_is_a_share(seen: int, share: int) -> None:
    scores = {(TASK.page_id, 7): (seen, seen * share)}
    assert 0 <= confidence_bps(TASK, scores, POLICY) <= 10_000


BASE = Candidate(1, match_bps=8_000, earned_bps=5_000, confidence_bps=5_000, price_wei=500, seats=10, no_shows=0)


@pytest.mark.parametrize(
    "better",
    [
        replace(BASE, agent_id=2, match_bps=8_100),
        replace(BASE, agent_id=2, earned_bps=5_100),
        replace(BASE, agent_id=2, confidence_bps=5_100),
        replace(BASE, agent_id=2, price_wei=499),
        replace(BASE, agent_id=2, seats=11),
    ],
)
def test_every_feature_counts(better: Candidate) -> None:
    ranked = ScreenRouter().rank([BASE, better], ceiling_wei=1_000, limit=2)
    assert [item.candidate.agent_id for item in ranked] == [2, 1]


def test_no_shows_cost_more_than_being_new() -> None:
    new, flaky = replace(BASE, agent_id=2, seats=0), replace(BASE, agent_id=3, no_shows=8)
    ranked = screen([flaky, new, BASE], ceiling_wei=1_000, limit=3)
    assert [item.candidate.agent_id for item in ranked] == [1, 2, 3]


@given(st.permutations([replace(BASE, agent_id=i, price_wei=400 + i % 3) for i in range(8)]))
def test_the_order_of_bids_does_not_matter(candidates: list[Candidate]) -> None:
    ranked = [item.candidate.agent_id for item in screen(candidates, ceiling_wei=1_000, limit=5)]
    assert ranked == [0, 3, 6, 1, 4]


def test_impossible_limits_are_refused() -> None:
    for ceiling_wei, limit in ((0, 1), (1, 0)):
        with pytest.raises(InvalidInput):
            screen([BASE], ceiling_wei=ceiling_wei, limit=limit)


def test_requests_with_no_or_unknown_skills_are_refused() -> None:
    for skills, code in (({"cooking": 1}, "task.unknown_skill"), ({"navigate": 0}, "task.no_skill")):
        with pytest.raises(InvalidInput) as refused:
            build(question(skills=skills), requester="0x" + "11" * 20, timestamp_s=0, salt=bytes(32), gateway_urls=())
        assert refused.value.code == code
