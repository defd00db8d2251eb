"""The shared sampler: the right token for a uniform number, exact log-probabilities, independent streams,
stop strings.
"""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.engines.sampling import StopFinder, choose, sample_rng


def test_inversion_picks_the_token_whose_interval_holds_the_uniform_number() -> None:
    logits = np.log(np.array([[0.5, 0.25, 0.25]] * 4))
    tokens, logprobs = choose(logits, 1.0, [0.0, 0.49, 0.51, 0.999999])
    assert tokens.tolist() == [0, 0, 1, 2]
    assert np.allclose(np.exp(logprobs), [0.5, 0.5, 0.25, 0.25])


def test_logprobs_are_the_models_own_at_every_temperature() -> None:
    logits = np.array([[1.0, 3.0, 2.0]])
    cold, cold_logprob = choose(logits, 0.0, [])
    hot, hot_logprob = choose(logits, 50.0, [0.2])
    assert (cold[0], hot[0]) == (1, 0)
    total = sum(math.exp(x) for x in (1, 3, 2))
    assert math.isclose(cold_logprob[0], 3 - math.log(total))
    assert math.isclose(hot_logprob[0], 1 - math.log(total))


@given(
    st.lists(st.floats(-80, 80), min_size=2, max_size=30),
    st.floats(0, 1, exclude_max=True),
    st.floats(0.01, 5),
)
def test_every_draw_is_a_token_and_its_logprob_is_finite(
    row: list[float], uniform: float, temperature: float
) -> None:
    tokens, logprobs = choose(np.array([row]), temperature, [uniform])
    assert 0 <= tokens[0] < len(row)
    assert -1000 < logprobs[0] <= 1e-9


def test_frequencies_follow_the_distribution() -> None:
    rng = sample_rng(1, 2, 3)
    logits = np.tile(np.log(np.array([0.7, 0.2, 0.1])), (4000, 1))
    tokens, _ = choose(logits, 1.0, [rng.random() for _ in range(4000)])
    shares = np.bincount(tokens, minlength=3) / 4000
    assert np.abs(shares - [0.7, 0.2, 0.1]).max() < 0.03


def test_streams_differ_by_seed_prompt_and_sample() -> None:
    streams = [sample_rng(*key).random() for key in ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0, 0))]
    assert len(set(streams)) == 4
    assert streams[0] == streams[4]


def test_a_stop_string_is_found_across_tokens_and_cut_off() -> None:
    alphabet = "ab\nQ:é"
    finder = StopFinder(["\nQ", "é:"], lambda ids: "".join(alphabet[i] for i in ids))
    assert not finder.reached([0, 1, 2])
    assert finder.reached([0, 1, 2, 3])
    assert finder.reached([0, 5, 4])
    assert finder.cut("ab\nQ: more") == "ab"
    assert finder.cut("nothing") == "nothing"
    assert not StopFinder([], str).reached([1])
