"""Escalation: the formula by hand, what a seat does about its risk, a trace that can be repeated, and the person's verdict."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from agent_runtime.config import WorkerConfig, load_config
from agent_runtime.engines.protocol import Sample
from agent_runtime.errors import ConfigInvalid, NoAnswer
from agent_runtime.reasoning.calibration import Calibration, SkillCalibration
from agent_runtime.reasoning.cot import ThinkingPolicy, extra_seed_of, seed_of, sign_off, think
from agent_runtime.reasoning.escalation import EscalationPolicy, Level, Risk, assess, domain_risk
from agent_runtime.reasoning.repeat import differences
from agent_runtime.reasoning.vote import weight_of
from agent_runtime.worker_store import WorkerStore
from symphony_chain.content import Cid, ContentStore
from symphony_chain.deploy import Deployment
from symphony_chain.errors import InvalidInput
from symphony_chain.events import AnswerRevealed
from symphony_chain.rpc import Rpc
from symphony_chain.spec import BeaconHeader, TaskBody, Trace, TraceEscalation, TraceRisk
from symphony_chain.types import State
from tests.cli.conftest import invoke
from tests.runtime.conftest import Buyer, ConfigFor, eventually, jump, question
from tests.runtime.people import RunningWorker, events_of
from tests.runtime.scripted import ScriptedEngine, add_up

TASK, AGENT = b"\x07" * 32, 3
BODY = TaskBody("How many?")
HEADER = BeaconHeader("Counting", BODY.ref(), {"type": "integer"}, skills=("object_counting",))


def votes(*answers: str) -> list[bytes | None]:
    return [None if answer == "-" else answer.encode() for answer in answers]


@pytest.mark.parametrize(
    ("answers", "disagreement", "instability"),
    [
        (votes("1", "1", "1"), 0.0, 0.0),
        (votes("1", "-", "-"), 0.0, 0.0),  # a chain without an answer neither agrees nor disagrees
        (votes("1", "1", "2"), 1 / 3, 0.0),  # lead 1/3: 1 − 3 · 1/3
        (votes("1", "1", "1", "2", "2"), 0.4, 0.4),  # lead 1/5
        (votes("1", "2"), 0.5, 1.0),
        (votes("1", "2", "3", "4", "5"), 0.8, 1.0),
        (votes("1", "1", "2", "2", "3"), 0.6, 1.0),
        (votes("-", "-", "-"), 1.0, 0.7),
    ],
    ids=str,
)
def test_disagreement_and_instability_by_hand(answers: list[bytes | None], disagreement: float, instability: float) -> None:
    risk = assess(answers, domain=0.0, history=0.0)
    assert (risk.disagreement, risk.instability) == (pytest.approx(disagreement), pytest.approx(instability))
    assert risk.score == pytest.approx(0.45 * disagreement + 0.30 * instability)


def test_the_four_parts_add_up_to_one() -> None:
    assert Risk(1, 1, 1, 1).score == 1.0 and Risk(0, 0, 0, 0).score == 0.0
    assert Risk(0, 0, 1, 0).score == pytest.approx(0.20) and Risk(0, 0, 0, 1).score == pytest.approx(0.05)


def test_levels_begin_at_their_thresholds() -> None:
    policy = EscalationPolicy()
    assert policy.level(Risk(1, 0, 0, 0)) is Level.MEDIUM
    assert policy.level(Risk(0.99, 0, 0, 0)) is Level.LOW
    assert policy.level(Risk(0.8, 1.0, 0.2, 0.0)) is Level.HIGH
    assert policy.level(Risk(0.8, 1.0, 0.1, 0.0)) is Level.MEDIUM
    assert EscalationPolicy(high=1.01).level(Risk(1, 1, 1, 1)) is Level.MEDIUM


@pytest.mark.parametrize(
    ("skills", "text", "risk"),
    [
        (("object_counting",), "I have two lamps and a trade with a treat.", 0.0),
        (("medical_qa",), "What now?", 0.6),
        (("contract_law",), "What now?", 0.6),
        (("object_counting",), "Which dosage of aspirin?", 0.7),
        (("personal_finance",), "Should I invest?", 0.7),
        ((), "The loanword was overdosed", 0.7),
        ((), "The salon closed", 0.0),
    ],
)
def test_domains(skills: tuple[str, ...], text: str, risk: float) -> None:
    assert domain_risk(skills, text) == risk


@pytest.mark.parametrize("values", [(0, 0.45, 0.7), (2, -0.1, 0.7), (2, 0.8, 0.7)])
def test_an_impossible_policy_is_refused(values: tuple[int, float, float]) -> None:
    with pytest.raises(InvalidInput, match="escalation"):
        EscalationPolicy(*values)


class Rounds(ScriptedEngine):
    """Answers by the seed of the call: the first chains of a seat, then its extra ones."""

    def __init__(self, first: str, extra: str = "") -> None:
        self.by_seed = {seed_of(TASK, AGENT): first, extra_seed_of(seed_of(TASK, AGENT)): extra}
        self.asked: list[tuple[int, int]] = []
        self.said = first
        super().__init__(lambda prompt, index: f"#### {self.said[index]}" if self.said[index] != "-" else "hm")

    def generate(
        self, prompts: Sequence[str], *, n: int, temperature: float, seed: int, max_tokens: int, stop: Sequence[str] = ()
    ) -> list[list[Sample]]:
        self.asked.append((seed, n))
        self.said = self.by_seed[seed]
        return super().generate(prompts, n=n, temperature=temperature, seed=seed, max_tokens=max_tokens, stop=stop)


def thinking(engine: ScriptedEngine, header: BeaconHeader = HEADER, *, history: float = 0.5, calibration=None, **changes):
    policy = replace(ThinkingPolicy(samples=5, escalation=EscalationPolicy()), **changes)
    return think(
        engine,
        header,
        BODY,
        task_id=TASK,
        agent_id=AGENT,
        policy=policy,
        clock=itertools.count(0.0).__next__,
        history=history,
        calibration=calibration,
    )


def test_a_sure_seat_thinks_once() -> None:
    engine = Rounds("11112")
    thought = thinking(engine)
    assert engine.asked == [(seed_of(TASK, AGENT), 5)] and thought.answer == b"1" and not thought.needs_review
    kept = Trace.parse(thought.trace).escalation
    assert kept == TraceEscalation(2, 0.45, 0.70, (TraceRisk(0.2, 0.0, 0.0, 0.5),))


def test_an_unsure_seat_draws_two_more_chains_and_votes_again() -> None:
    engine = Rounds("11223", "22")
    thought = thinking(engine)
    seed = seed_of(TASK, AGENT)
    assert engine.asked == [(seed, 5), (extra_seed_of(seed), 2)]
    assert thought.answer == b"2" and not thought.needs_review
    trace = Trace.parse(thought.trace)
    assert [s.answer for s in trace.samples] == list("1122322") and trace.sampling.n == 5
    kept = trace.escalation
    assert kept is not None and kept.extra_seed == extra_seed_of(seed) and kept.review is None
    assert [Risk(**vars_of(r)).score for r in kept.risks] == [
        pytest.approx(0.45 * 0.6 + 0.30 * 1.0 + 0.05 * 0.5),
        pytest.approx(0.45 * 3 / 7 + 0.30 * (1 - 3 * 2 / 7) + 0.05 * 0.5),
    ]
    assert thought.tokens == sum(s.tokens for s in trace.samples)


def vars_of(risk: TraceRisk) -> dict[str, float]:
    return {name: getattr(risk, name) for name in ("disagreement", "instability", "domain", "history")}


def test_two_more_chains_may_make_it_worse_and_then_a_person_is_asked() -> None:
    engine = Rounds("11223", "45")
    thought = thinking(engine, replace(HEADER, skills=("medical_qa",)), history=0.0)
    assert thought.needs_review and thought.answer in (b"1", b"2") and len(engine.asked) == 2
    assert thought.risk is not None and thought.risk.score == pytest.approx(0.45 * 5 / 7 + 0.30 + 0.20 * 0.6)


def test_a_very_unsure_seat_asks_at_once() -> None:
    engine = Rounds("12345")
    thought = thinking(engine, replace(HEADER, skills=("medical_qa",)))
    assert thought.needs_review and len(engine.asked) == 1
    kept = Trace.parse(thought.trace).escalation
    assert kept is not None and kept.review is None and kept.extra_seed is None


def test_no_answer_at_all_fails_unless_a_person_is_asked() -> None:
    with pytest.raises(NoAnswer, match="none of 7 chains"):
        thinking(Rounds("-----", "--"))
    thought = thinking(Rounds("-----"), replace(HEADER, title="Which dosage?"))
    assert thought.needs_review and thought.answer is None and Trace.parse(thought.trace).answer is None


def test_without_the_policy_nothing_is_looked_at() -> None:
    engine = Rounds("12345")
    thought = thinking(engine, escalation=None)
    assert thought.risk is None and not thought.needs_review and b"escalation" not in thought.trace
    assert len(engine.asked) == 1


def test_a_calibration_tells_the_chance_of_first_chains_only() -> None:
    skill = SkillCalibration.fit([i / 100 for i in range(100)], [i >= 40 for i in range(100)])
    calibration = Calibration("m", 0.8, 5, {"object_counting": skill})
    sure = thinking(Rounds("11111"), calibration=calibration)
    assert sure.confidence == skill.map(weight_of(-0.1) / 10_000) > 0.9
    assert (thinking(Rounds("11234"), calibration=calibration, escalation=None).confidence or 0) < 0.5
    assert thinking(Rounds("11223", "22"), calibration=calibration).confidence is None


# ---- repeating a trace -----------------------------------------------------------------------------------------------


def repeated(engine: Callable[[], Rounds], trace: Trace, header: BeaconHeader = HEADER) -> list[str]:
    return differences(engine(), trace, header, BODY, task_id=TASK, agent_id=AGENT)


def test_an_honest_trace_can_be_repeated() -> None:
    for first, extra in (("11112", ""), ("11223", "22")):
        trace = Trace.parse(thinking(Rounds(first, extra)).trace)
        assert repeated(lambda first=first, extra=extra: Rounds(first, extra), trace) == []
    plain = Trace.parse(thinking(Rounds("12345"), escalation=None).trace)
    assert repeated(lambda: Rounds("12345"), plain) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: replace(t, answer="1"), "the samples vote for '2'"),
        (lambda t: replace(t, samples=t.samples[:5]), "there are 5 samples"),
        (lambda t: replace(t, samples=(replace(t.samples[0], answer="9"), *t.samples[1:])), "sample 0 is not"),
        (lambda t: replace(t, samples=(replace(t.samples[0], text="#### 9"), *t.samples[1:])), "sample 0 is not"),
        (lambda t: replace(t, model_digest=bytes(32)), "model_digest is"),
        (lambda t: replace(t, sampling=replace(t.sampling, seed=1)), "sampling is"),
        (lambda t: replace(t, escalation=replace(t.escalation, extra_seed=None)), "does not follow"),
        (lambda t: replace(t, escalation=replace(t.escalation, risks=t.escalation.risks[:1])), "does not follow"),
        (
            lambda t: replace(
                t, escalation=replace(t.escalation, risks=(replace(t.escalation.risks[0], disagreement=0.0),))
            ),
            "does not follow",
        ),
    ],
)
def test_a_trace_that_was_touched_is_found_out(change: Callable[[Trace], Trace], said: str) -> None:
    trace = Trace.parse(thinking(Rounds("11223", "22")).trace)
    found = repeated(lambda: Rounds("11223", "22"), change(trace))
    assert any(said in line for line in found), found


def test_what_a_person_said_is_marked_and_an_unasked_person_is_missed() -> None:
    header = replace(HEADER, skills=("medical_qa",))
    thought = thinking(Rounds("12345"), header)
    trace = Trace.parse(thought.trace)
    assert repeated(lambda: Rounds("12345"), trace, header) == ["the risk asks for a person, and nobody was asked"]
    assert thought.answer is not None
    approved = Trace.parse(sign_off(thought.trace, thought.answer, header, approved=True))
    answered = Trace.parse(sign_off(thought.trace, b"99", header, approved=False))
    assert repeated(lambda: Rounds("12345"), approved, header) == []
    assert repeated(lambda: Rounds("12345"), answered, header) == [] and answered.answer == "99"
    swapped = replace(approved, answer="99")
    assert any("vote for" in line for line in repeated(lambda: Rounds("12345"), swapped, header))


@pytest.mark.parametrize(
    ("name", "value"),
    [("extra_samples", 0), ("review", "shrugged"), ("extra_seed", -1), ("extra_seed", True), ("medium", -1), ("risks", [{}])],
)
def test_a_trace_with_a_bad_escalation_is_refused(name: str, value: object) -> None:
    document = json.loads(thinking(Rounds("11112")).trace)
    document["escalation"][name] = value
    with pytest.raises(InvalidInput, match="escalation"):
        Trace.parse(json.dumps(document, sort_keys=True, separators=(",", ":")).encode())


# ---- a seat that asks ------------------------------------------------------------------------------------------------

ASKS = ThinkingPolicy(samples=3, max_tokens=64, escalation=EscalationPolicy(medium=0.0, high=0.0))


def asking(config_for: ConfigFor, **changes: object) -> tuple[WorkerConfig, Path]:
    config = config_for("doubter", thinking=ASKS, **changes)
    config.data_dir.mkdir(parents=True, exist_ok=True)
    path = config.data_dir / "agent.json"
    config.save(path)
    return config, path


def status(config: WorkerConfig, agent_id: int, folder: Path) -> str:
    """What `agent status` says of an agent whose configuration lies in a data folder."""
    place = folder / "agents" / config.name
    place.mkdir(parents=True)
    config.save(place / "agent.json")
    chain = ("--rpc", config.rpc_url, "--deployment", config.deployment, "--data-dir", folder)
    done = invoke("agent", "status", agent_id, *chain)
    assert done.code == 0, done.err
    return done.out


def waits(path: Path) -> list[dict]:
    return invoke("agent", "review", path, "--json").json["reviews"]


def test_a_verdict_is_committed_and_the_trace_says_so(
    buyer: Buyer, config_for: ConfigFor, rpc: Rpc, deployment: Deployment, tmp_path: Path
) -> None:
    """Two seats ask: one answer is approved, the other one replaced."""
    config, path = asking(config_for)
    with RunningWorker(config, ScriptedEngine(add_up)) as worker, ThreadPoolExecutor(1) as pool:
        posted = [
            buyer.requester.post(question(f"What is {n} + 23?", k=1, commit_window_s=900), f"review/{n}") for n in (19, 20)
        ]
        driven = pool.submit(buyer.requester.drive_all, posted)
        eventually(lambda: len(waits(path)) == 2, what="the questions")
        asked = {item["task_id"]: item for item in waits(path)}
        first, second = ("0x" + task.task_id.hex() for task in posted)
        assert (asked[first]["answer"], asked[first]["risk"]) == ("42", pytest.approx(0.025))
        assert "What is 19 + 23?" in asked[first]["prompt"] and 0 < asked[first]["seconds_left"] <= 960
        assert "What is 20 + 23?" in invoke("agent", "review", path).out
        told = status(config, worker.worker.agent_id, tmp_path / "here")
        assert "reviews  2 waiting: symphony agent review doubter" in told
        assert invoke("agent", "review", path, first, "--answer", "many", "--json").error["code"] == "answer.not_canonical"
        assert invoke("agent", "review", path, first[:14], "--approve", "--json").json["verdict"] == "approved"
        assert invoke("agent", "review", path, second, "--answer", " 44 ", "--json").json["verdict"] == "answered"
        outcomes = driven.result()
        again = invoke("agent", "review", path, first, "--refuse", "--json")
        assert (again.code, again.error["code"]) == (3, "review.unknown")
    assert [(o.state, o.answer) for o in outcomes] == [(State.SETTLED, "42"), (State.SETTLED, "44")]
    with ContentStore(config.content_path, max_bytes=1 << 24) as store:
        for task, answer, drawn, review in ((posted[0], "42", "42", "approved"), (posted[1], "44", "43", "answered")):
            (reveal,) = events_of(rpc, deployment, AnswerRevealed, task_id=task.task_id)
            trace = Trace.parse(store.get(Cid.from_digest(reveal.evidence_digest), 1 << 20))
            assert trace.answer == answer and [s.answer for s in trace.samples] == [drawn] * 3
            assert trace.escalation is not None and trace.escalation.review == review


def test_refused_and_unanswered_seats_commit_nothing(buyer: Buyer, config_for: ConfigFor, rpc: Rpc) -> None:
    config, path = asking(config_for)
    with RunningWorker(config, ScriptedEngine(add_up)), ThreadPoolExecutor(2) as pool:
        posted = [buyer.requester.post(question(f"What is {n} + 1?", k=1), f"no/{n}") for n in (1, 2)]
        driven = pool.submit(buyer.requester.drive_all, posted)
        eventually(lambda: len(waits(path)) == 2, what="both questions")
        assert invoke("agent", "review", path, "0x" + posted[0].task_id.hex(), "--refuse").code == 0
        assert [item["task_id"] for item in waits(path)] == ["0x" + posted[1].task_id.hex()]
        with WorkerStore(config.record_path, clock=float, read_only=True) as record:
            eventually(lambda: {w.stage for w in record.work()} == {"failed", "review"}, what="the refusal")
            details = {w.stage: w.detail for w in record.work()}
            assert "reasoning.review_refused" in details["failed"] and "reasoning.needs_review" in details["review"]
        jump(rpc, 4_000)
        eventually(lambda: waits(path) == [], what="the end of the time to decide")
        outcomes = driven.result()
    assert [o.state for o in outcomes] == [State.VOID, State.VOID]


def test_a_restarted_worker_does_not_think_again_and_keeps_the_verdict(buyer: Buyer, config_for: ConfigFor) -> None:
    config, path = asking(config_for)
    with ThreadPoolExecutor(1) as pool:
        with RunningWorker(config, ScriptedEngine(add_up)):
            posted = buyer.requester.post(question(k=1, commit_window_s=900), "restart")
            driven = pool.submit(buyer.requester.drive, posted)
            eventually(lambda: waits(path), what="the question")
        assert invoke("agent", "review", path, "0x" + posted.task_id.hex(), "--approve").code == 0
        engine = ScriptedEngine(add_up)
        with RunningWorker(config, engine):
            outcome = driven.result()
    assert outcome.answer == "42" and engine.prompts == []


@pytest.mark.parametrize("arguments", [("--approve",), ("0x12",), ("0x12", "--approve", "--refuse")])
def test_half_a_verdict_is_refused(arguments: tuple[str, ...], config_for: ConfigFor) -> None:
    _, path = asking(config_for)
    done = invoke("agent", "review", path, *arguments, "--json")
    assert (done.code, done.error["code"]) == (2, "review.verdict")


def test_an_agent_that_never_ran_has_no_reviews(config_for: ConfigFor) -> None:
    _, path = asking(config_for)
    done = invoke("agent", "review", path, "--json")
    assert (done.code, done.error["code"]) == (3, "review.no_record")


def test_the_policy_is_part_of_the_configuration(config_for: ConfigFor) -> None:
    config, path = asking(config_for)
    assert load_config(path).thinking == ASKS
    document = json.loads(path.read_text())
    for wrong in ({"extra_samples": 0}, {"high": 0.1, "medium": 0.5}, {"hihg": 1.0}, {"extra_samples": 62}, 3):
        document["thinking"]["escalation"] = wrong
        path.write_text(json.dumps(document))
        with pytest.raises(ConfigInvalid):
            load_config(path)
    document["thinking"]["escalation"] = {}
    path.write_text(json.dumps(document))
    assert load_config(path).thinking.escalation == EscalationPolicy()
