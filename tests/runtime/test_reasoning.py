"""Extraction, the vote among own samples, and the trace."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.errors import NoAnswer
from agent_runtime.reasoning.cot import ThinkingPolicy, seed_of, task_prompt, think
from agent_runtime.reasoning.extract import extract, strip_control
from agent_runtime.reasoning.vote import Ballot, self_consistency, weight_of
from symphony_chain.canonical import sha256
from symphony_chain.errors import InvalidInput
from symphony_chain.spec import BeaconHeader, Document, TaskBody, Trace, canonical
from tests.runtime.scripted import ScriptedEngine

INTEGER = {"type": "integer"}
BOOLEAN = {"type": "boolean"}
YES_NO = {"type": "choice", "labels": ["YES", "NO"]}
LABELS = {"type": "choice", "labels": ["A", "B", "C"]}
TEXT = {"type": "text", "casefold": True}
JSON = {"type": "json"}
TASK = b"\x07" * 32


@pytest.mark.parametrize(
    ("text", "answer_format", "finished", "answer"),
    [
        ("2 + 3 = 5.\n#### 5", INTEGER, True, b"5"),
        ("2 + 3 = 5.\n#### 5", INTEGER, False, b"5"),
        ("#### $1,234.", INTEGER, True, b"1234"),
        ("#### 12 apples", INTEGER, True, b"12"),
        ("#### 12 or 13", INTEGER, True, None),
        ("the sum is 9\n#### none", INTEGER, True, None),
        ("so 4, then 5, so 9.", INTEGER, True, b"9"),
        ("so 4, then 5, so", INTEGER, False, None),
        ("no idea", INTEGER, True, None),
        ('{"final_answer": "17", "confidence": 0.8}', INTEGER, True, b"17"),
        ('{"final_answer": 17}', INTEGER, True, b"17"),
        ('{"final_answer": "17", "valid": 0}', INTEGER, True, None),
        ('{"final_answer": "17", "abstain": true} I think 18', INTEGER, True, None),
        (r"thus \boxed{42}", INTEGER, True, b"42"),
        (r"\boxed{\frac{1}{2}}", INTEGER, True, None),
        ("Final answer: **42**", INTEGER, True, b"42"),
        ("#### 3.0", INTEGER, True, b"3"),
        ("#### 2.345", {"type": "decimal", "places": 2}, True, b"2.34"),
        ("#### True", BOOLEAN, True, b"true"),
        ("It is not False, hence true", BOOLEAN, True, b"true"),
        ("#### yes", YES_NO, True, b"YES"),
        ("well, no, yes", YES_NO, True, b"YES"),
        ("#### (b)", LABELS, True, b"B"),
        ("I pick (A), no: (C).", LABELS, True, b"C"),
        ("#### D", LABELS, True, None),
        ("#### pear  Apple", TEXT, True, b"pear apple"),
        ("some free text", TEXT, True, None),
        ('```json\n{"b": 1, "a": 2}\n```', JSON, True, b'{"a":2,"b":1}'),
        ("#### 4\u202e2\x00", INTEGER, True, b"42"),
    ],
)
def test_extract(text: str, answer_format: dict, finished: bool, answer: bytes | None) -> None:
    assert extract(text, answer_format, finished=finished) == answer


def test_an_unsupported_format_is_an_error_not_a_failed_sample() -> None:
    with pytest.raises(InvalidInput):
        extract("#### 5", {"type": "sql"}, finished=True)


@given(text=st.text(max_size=200), answer_format=st.sampled_from([INTEGER, BOOLEAN, YES_NO, LABELS, TEXT, JSON]))
def test_whatever_a_model_says_becomes_canonical_or_nothing(text: str, answer_format: dict) -> None:
    for candidate in (text, "#### " + text):
        answer = extract(candidate, answer_format, finished=True)
        if answer is not None:
            assert canonical(answer.decode(), answer_format) == answer
            assert all(ord(c) >= 32 for c in answer.decode())


def test_control_characters_go_and_line_ends_stay() -> None:
    assert strip_control("a\tb\nc\x1b[2J\x00\u202e\ud800d") == "a\tb\nc[2Jd"


def test_the_majority_wins_and_failures_do_not_vote() -> None:
    ballots = [Ballot(b"1", -0.5), Ballot(b"2", -0.5), Ballot(b"2", -0.5), Ballot(None, 0.0), Ballot(None, 0.0)]
    consensus = self_consistency(TASK, ballots)
    assert consensus is not None and consensus.answer == b"2"
    assert consensus.share_bps == 2 * weight_of(-0.5) * 10_000 // (3 * weight_of(-0.5) + 2 * weight_of(0.0))


def test_a_tie_goes_to_the_likelier_chain_in_any_order() -> None:
    for ballots in itertools.permutations([Ballot(b"1", -0.2), Ballot(b"2", -0.1)]):
        consensus = self_consistency(TASK, ballots)
        assert consensus is not None and consensus.answer == b"2"


def test_all_failed_is_a_failure() -> None:
    assert self_consistency(TASK, [Ballot(None, -0.1)] * 3) is None


def test_weights_are_bounded() -> None:
    assert weight_of(0.0) == 10_000 and weight_of(-1e6) == 1 and weight_of(5.0) == 10_000


HEADER_BODY = TaskBody("How many?", (Document("facts", "one two"),), None, ("Count words.",))
HEADER = BeaconHeader("title", HEADER_BODY.ref(), INTEGER)


def thinking(script, header: BeaconHeader = HEADER, **changes):
    engine = ScriptedEngine(script)
    clock = itertools.count(100.0).__next__
    policy = replace(ThinkingPolicy(samples=5, temperature=0.7, max_tokens=50), **changes)
    return engine, think(engine, header, HEADER_BODY, task_id=TASK, agent_id=3, policy=policy, clock=clock)


def test_thinking_votes_and_writes_the_trace() -> None:
    engine, thought = thinking(lambda prompt, index: f"#### {2 if index < 3 else index}")
    trace = Trace.parse(thought.trace)
    assert thought.answer == b"2" and trace.answer == "2"
    assert [sample.answer for sample in trace.samples] == ["2", "2", "2", "3", "4"]
    assert trace.prompt_digest == sha256(engine.prompts[0].encode())
    assert trace.header_digest == HEADER.digest
    assert (trace.sampling.n, trace.sampling.seed) == (5, seed_of(TASK, 3))
    assert thought.thinking_s == 1.0 and trace.timings == {"thinking_s": 1.0}
    assert engine.prompts[0] == task_prompt(HEADER_BODY)
    assert "facts:\none two" in engine.prompts[0] and engine.prompts[0].endswith("How many?\nA:")


def test_no_answer_is_an_error_that_says_why() -> None:
    with pytest.raises(NoAnswer, match="none of 5 chains"):
        thinking(lambda prompt, index: "I do not know")


def test_a_small_trace_limit_drops_the_text_and_keeps_the_evidence() -> None:
    long = "because " * 2_000
    _, thought = thinking(lambda prompt, index: f"{long}\n#### 5", replace(HEADER, trace_max_bytes=4_000))
    trace = Trace.parse(thought.trace)
    assert len(thought.trace) <= 4_000 and [sample.text for sample in trace.samples] == [""] * 5
    assert [sample.answer for sample in trace.samples] == ["5"] * 5


def test_an_answer_over_the_headers_limit_does_not_vote() -> None:
    with pytest.raises(NoAnswer):
        thinking(lambda prompt, index: "#### 123456", replace(HEADER, answer_max_bytes=3))


def test_seeds_differ_by_task_and_agent_and_fit_a_double() -> None:
    seeds = {seed_of(bytes([t]) * 32, a) for t in range(20) for a in range(20)}
    assert len(seeds) == 400 and max(seeds) < 2**53
