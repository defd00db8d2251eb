"""Policies, market and draws, on engines whose chances are known; the chain's own tally is the judge of votes."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path

import pytest

from agent_runtime.evaluation.market import WEIGHTINGS, OfflineMarket, task_id_of
from agent_runtime.evaluation.policies import Plan, Seats, at_random, broadcast, routed, single
from agent_runtime.evaluation.pool import Engines
from agent_runtime.evaluation.report import evaluate, lines, name_of
from agent_runtime.evaluation.samples import Chain, Draw, SampleBook, Sampling, prompt_digest
from agent_runtime.evaluation.score import task_means
from agent_runtime.reasoning.vote import Ballot, self_consistency
from agent_runtime.routing.screen import ScreenRouter
from symphony_chain.errors import InvalidInput
from symphony_chain.model.tally import seat_weight
from symphony_chain.skills import word_of_tags
from tests.evaluation.people import FAMILIES, Known, agent, opener, task, tasks

SIZES = (0, 1, 3, 5)
GOOD, BAD = 0.8, 0.3


def engines_of(book: SampleBook | None = None, **known: Known) -> Engines:
    clock = itertools.count(0.0, 0.5).__next__
    return Engines(SampleBook() if book is None else book, clock=clock, opener=opener(**known))


def everywhere(chance: float) -> dict[str, float]:
    return dict.fromkeys(FAMILIES, chance)


def mean_of(trials: list) -> float:
    means = task_means(trials)
    return sum(means) / len(means)


def test_a_vote_of_n_is_the_vote_of_the_first_n_chains_and_every_chain_is_drawn_once() -> None:
    good = Known("good", everywhere(0.6))
    plan = Plan(tasks(6), SIZES, seeds=2)
    engines = engines_of(good=good)
    seats = Seats(engines, plan)
    trials = single(plan, agent("good"), seats)
    assert good.calls == 18 * (2 * max(SIZES) + 1), "chains of the largest vote per seed, and one greedy chain"
    for at, item in enumerate(plan.tasks):
        draws = [seats.draw(agent("good"), item, 5, seed) for seed in range(2)]
        for size in (1, 3, 5):
            for seed, draw in enumerate(draws):
                consensus = self_consistency(task_id_of(item), draw.ballots(item)[:size])
                assert consensus is not None
                assert trials[size][at][seed].right == (consensus.answer.decode() == item.answer)
                assert (trials[size][at][seed].tokens, trials[size][at][seed].cost_wei) == (3 * size, (5 + 3 * size) * 10**9)
                assert trials[size][at][seed].seconds == pytest.approx(0.5 * size / 5)
        assert trials[0][at][0] == trials[0][at][1], "greedy is one chain, whatever the seed"
    assert good.calls == 18 * (2 * max(SIZES) + 1), "looking at them again draws nothing"


def test_more_votes_help_an_agent_that_is_right_more_often_than_not() -> None:
    plan = Plan(tasks(60), (1, 9), seeds=2)
    with engines_of(good=Known("good", everywhere(0.6))) as engines:
        trials = single(plan, agent("good"), Seats(engines, plan))
    assert mean_of(trials[1]) == pytest.approx(0.6, abs=0.06) and mean_of(trials[9]) > mean_of(trials[1]) + 0.1


def test_random_is_the_mean_of_the_pool_and_pairs_the_votes() -> None:
    plan = Plan(tasks(60), (1, 3), seeds=3)
    pool = [agent("good"), agent("bad")]
    with engines_of(good=Known("good", everywhere(1.0)), bad=Known("bad", everywhere(0.0))) as engines:
        trials = at_random(plan, pool, Seats(engines, plan))
    assert mean_of(trials[1]) == pytest.approx(0.5, abs=0.07)
    assert [[t.right for t in seeds] for seeds in trials[1]] == [[t.right for t in seeds] for seeds in trials[3]]


def test_routing_finds_the_specialists_that_declare_themselves() -> None:
    """Three specialists, each good at one family and useless elsewhere: matched by what they declare."""
    pool = [agent(name, **{family: 9_000}) for name, family in zip("abc", FAMILIES, strict=True)]
    known = {name: Known(name, {family: GOOD}) for name, family in zip("abc", FAMILIES, strict=True)}
    plan = Plan(tasks(40), (1,), seeds=2)
    with engines_of(**known) as engines:
        seats = Seats(engines, plan)
        by_match, by_chance = routed(plan, pool, seats, "squared")[0], at_random(plan, pool, seats)
    assert mean_of(by_match[1]) == pytest.approx(GOOD, abs=0.07)
    assert mean_of(by_chance[1]) == pytest.approx(GOOD / 3, abs=0.07)


def test_earned_words_find_out_who_only_talks() -> None:
    """All declare the same, two of three are bad. With some gold-scored tasks the market learns it; a majority never does."""
    names = ("good", "bad", "worse")
    pool = [agent(name) for name in names]
    known = {name: Known(name, everywhere(0.9 if name == "good" else BAD)) for name in names}
    plan = Plan(tasks(60), (1,), seeds=1, gold=0.3)
    with engines_of(**known) as engines:
        seats = Seats(engines, plan)
        found = {rule: broadcast(plan, pool, seats, rule)[0][1] for rule in WEIGHTINGS}
    assert mean_of(found["squared"]) > mean_of(found["majority"]) + 0.1
    assert mean_of(found["squared"]) >= mean_of(found["linear"])
    cost = {(t.tokens, t.cost_wei) for seeds in found["squared"] for t in seeds}
    assert cost == {(3 * 3, 3 * 8 * 10**9)}, "three agents read and answer"


def test_a_market_weighs_and_moves_as_the_contract_does() -> None:
    item = task(7)
    word = word_of_tags({"navigate": 10_000})
    for weighting in WEIGHTINGS:
        pool = [agent("a", navigate=9_000), agent("b", navigate=9_000), agent("c", navigate=4_000)]
        market = OfflineMarket(pool, weighting=weighting)
        assert [market.earned_bps(i, item) for i in range(3)] == [0, 0, 0]
        for _ in range(40):
            end = market.close(item, {0: b"8", 1: b"8", 2: b"9"})
            assert (end.answer, end.settled) == (b"8", True)
        earned = [market.earned_bps(i, item) for i in range(3)]
        assert earned[0] == earned[1] > 9_000 and earned[2] == 0, "seats that agreed rise, the other one stays at nothing"
        weights = [market._weight(i, _terms(item)) for i in range(3)]
        want = {
            "majority": [1, 1, 1],
            "linear": [9_000, 9_000, 500],
            "squared": [seat_weight(p.declared, word_of_tags({"navigate": e}), word) for p, e in zip(pool, earned, strict=True)],
        }
        assert weights == want[weighting]
        lonely = market.close(item, {2: b"9"})
        assert lonely.answer == b"9" and market.earned_bps(2, item) == 0, "a winner whom nobody agreed with earns no name"


def _terms(item):
    from agent_runtime.evaluation.market import task_of

    return task_of(item, k=3)


def test_silence_and_split_votes_have_no_winner_or_no_quorum() -> None:
    market = OfflineMarket([agent(name) for name in "abc"])
    silent = market.close(task(1), dict.fromkeys(range(3)))
    assert (silent.answer, silent.settled) == (None, False)
    split = market.close(task(1), {0: b"1", 1: b"2", 2: b"3"})
    assert split.answer in (b"1", b"2", b"3") and not split.settled
    assert market.close(task(1), {}) == replace(silent)


def test_gold_scores_are_the_same_tasks_for_every_rule_and_teach_right_from_popular() -> None:
    """Two agree on what is wrong: by the vote they rise, by an evaluator that knows they fall."""
    earned = {}
    for gold in (0.0, 1.0):
        market = OfflineMarket([agent(name) for name in "abc"], gold=gold)
        for number in range(40):
            market.close(task(number), {0: b"0", 1: b"0", 2: str(number + 1).encode()})
        earned[gold] = [market.earned_bps(i, task(1)) for i in range(3)]
    assert earned[0.0][0] > 8_000 and earned[0.0][2] == 0
    assert earned[1.0][0] == 0 and earned[1.0][2] > 8_000


def test_agents_alike_are_seated_by_a_number_that_the_seed_draws() -> None:
    pool = [agent(name) for name in "abc"]
    first = {OfflineMarket(pool, router=ScreenRouter(), seed=seed).seat(task(1), 1)[0] for seed in range(20)}
    assert first == {0, 1, 2}
    market = OfflineMarket(pool, router=ScreenRouter(), seed=1)
    assert sorted(market.seat(task(1), 3)) == [0, 1, 2] and market.seat(task(1), 2) == market.seat(task(1), 3)[:2]


def test_nobody_who_matches_means_no_seat() -> None:
    market = OfflineMarket([agent("a", web_of_lies=9_000)], router=ScreenRouter())
    assert market.seat(task(1, "navigate"), 1) == [] and market.seat(task(1, "web_of_lies"), 1) == [0]
    plan = Plan([task(1, "navigate")], (1,), seeds=1)
    with engines_of(a=Known("a", everywhere(1.0))) as engines:
        (((trial,),),) = routed(plan, [agent("a", web_of_lies=9_000)], Seats(engines, plan), "squared")[0].values()
    assert (trial.right, trial.tokens, trial.seconds) == (False, 0, 0.0)


def test_a_prompt_that_is_too_long_is_a_wrong_answer_not_the_end() -> None:
    plan = Plan([task(1), task(10**30)], (0, 3), seeds=1)
    with engines_of(a=Known("a", everywhere(1.0), context_tokens=40)) as engines:
        trials = single(plan, agent("a"), Seats(engines, plan))
        assert single(plan, agent("a"), Seats(engines, plan)) == trials, "and is not tried again"
    assert [[t.right for t in seeds] for seeds in trials[3]] == [[True], [False]]
    assert (trials[3][1][0].tokens, trials[3][1][0].cost_wei) == (0, 5 * 10**9)


def test_samples_are_kept_and_a_run_goes_on(tmp_path: Path) -> None:
    path, plan = tmp_path / "deep" / "samples.jsonl", Plan(tasks(3), (1, 3), seeds=1)
    first, second = Known("a", everywhere(0.5)), Known("a", everywhere(0.5))
    with SampleBook(path) as book, engines_of(book, a=first) as engines:
        before = single(plan, agent("a"), Seats(engines, plan))
    whole = path.read_bytes()
    rows = [json.loads(line) for line in whole.splitlines()]
    assert first.calls == 27 and len(rows) == 9 and "#### " in rows[0]["chains"][0]["text"]
    path.write_bytes(whole[: len(whole) - 25])  # killed in the middle of a line
    with SampleBook(path) as book, engines_of(book, a=second) as engines:
        assert len(book) == 8
        after = single(plan, agent("a"), Seats(engines, plan))
        assert second.calls == 3, "only the torn draw is drawn again"
        assert [[t.right for t in s] for s in after[3]] == [[t.right for t in s] for s in before[3]]
        longer = Plan(tasks(3), (5,), seeds=1)
        single(longer, agent("a"), Seats(engines, longer))
        assert second.calls == 3 + 9 * 5, "a longer vote needs longer draws"
    third = Known("a", everywhere(0.5))
    with SampleBook(path) as book, engines_of(book, a=third) as engines:
        single(plan, agent("a"), Seats(engines, plan))
        single(replace(plan, sizes=(5,)), agent("a"), Seats(engines, replace(plan, sizes=(5,))))
        assert third.calls == 0
        single(replace(plan, sampling=Sampling(0.9, 512)), agent("a"), Seats(engines, replace(plan, sampling=Sampling(0.9, 512))))
        assert third.calls == 27, "another temperature is another draw"


@pytest.mark.parametrize("line", ["{}", "[]", "nonsense", '{"agent": "a"}', '{"chains": 3}'])
def test_a_line_that_is_no_draw_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "samples.jsonl"
    path.write_text(line + "\n")
    with pytest.raises(InvalidInput, match="samples.jsonl, line 1") as failure:
        SampleBook(path)
    assert failure.value.code == "evaluation.samples"


def test_answers_are_read_by_todays_rules() -> None:
    item = task(1)
    chains = (Chain("so 2\n#### 2", "stop", 3, -0.1), Chain("so 2", "length", 3, -0.2), Chain("so 3", "stop", 3, -0.3))
    draw = Draw("a", "m", prompt_digest(item), 0, 0.8, 512, 5, 1.0, chains)
    assert draw.ballots(item) == [Ballot(b"2", -0.1), Ballot(None, -0.2), Ballot(b"3", -0.3)]


def test_the_document_has_the_promised_keys_and_counts_right() -> None:
    plan = Plan(tasks(10), (0, 1, 3), seeds=2, wei_per_token=7)
    with engines_of(good=Known("good", everywhere(1.0)), bad=Known("bad", everywhere(0.0))) as engines:
        pool = [agent("good"), agent("bad")]
        found = {
            policy: evaluate("families", policy, plan, pool[: 1 if policy == "single" else 2], engines)  # type: ignore[arg-type]
            for policy in ("single", "random", "broadcast", "routed")
        }
    for policy, document in found.items():
        assert list(document)[:4] == ["suite", "policy", "votes", "mean"] and document["policy"] == policy
        assert list(document["votes"]) == ["greedy", "1", "3"] == list(document["mean"]) == list(document["tokens"])
        assert set(document["votes"]["1"]) == set(FAMILIES)
        assert set(document["votes"]["1"]["navigate"]) == {"n", "accuracy", "se"}
        assert document["votes"]["1"]["navigate"]["n"] == 10
        assert document["levels"]["3"]["navigate"]["3"]["n"] == 10
        assert int(document["cost_wei"]["3"]) > 7 * document["tokens"]["3"] > 0
        assert document["seconds"]["3"] > document["seconds"]["1"] > 0
        assert json.loads(json.dumps(document)) == document
        assert any(line.startswith("mean") for line in lines(document))
    assert found["single"]["mean"] == {"greedy": 1.0, "1": 1.0, "3": 1.0}
    assert found["single"]["tokens"]["3"] == 30 * 2 * 9 and found["single"]["cost_wei"]["3"] == str(7 * 30 * 2 * (5 + 9))
    assert 0.3 < found["random"]["mean"]["1"] < 0.7
    assert found["routed"]["seats"] == 1
    for policy in ("broadcast", "routed"):
        assert set(found[policy]["rules"]) == set(WEIGHTINGS)
        assert found[policy]["rules"]["squared"] == found[policy]["mean"]
        assert found[policy]["rule_votes"]["squared"] == found[policy]["votes"]
        assert set(found[policy]["over_majority"]["squared"]["3"]) == {"n", "difference", "low", "high"}
    assert found["routed"]["rules"]["majority"] == found["routed"]["mean"], "a lone seat has nobody to outweigh"
    assert name_of(0) == "greedy"


def test_single_is_of_one_model_and_nothing_is_no_suite() -> None:
    with engines_of() as engines:
        with pytest.raises(InvalidInput, match="measures one model"):
            evaluate("families", "single", Plan(tasks(1)), [agent("a"), agent("b")], engines)
        with pytest.raises(InvalidInput, match="nothing to measure"):
            evaluate("families", "single", Plan([]), [agent("a")], engines)


def test_both_markets_tell_what_each_way_of_weighing_would_have_come_to() -> None:
    """One good agent among two bad ones: where evaluators that know have told them apart, only the majority follows the bad."""
    names = ("good", "bad", "worse")
    pool = [agent(name) for name in names]
    known = {name: Known(name, everywhere(1.0 if name == "good" else 0.0)) for name in names}
    plan = Plan(tasks(40), (1,), seeds=1, seats=3, gold=0.5)
    with engines_of(**known) as engines:
        for policy in ("broadcast", "routed"):
            document = evaluate("families", policy, plan, pool, engines)  # type: ignore[arg-type]
            by_rule = {rule: found["1"] for rule, found in document["rules"].items()}
            assert by_rule["squared"] == document["mean"]["1"] > by_rule["majority"] + 0.1
            assert document["seats"] == 3 and document["over_majority"]["squared"]["1"]["low"] > 0
            by_majority, weighed = document["rule_votes"]["majority"]["1"], document["votes"]["1"]
            assert by_majority["navigate"]["accuracy"] < weighed["navigate"]["accuracy"]
