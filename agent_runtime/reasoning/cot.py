"""One seat's thinking: n seeded chains of thought, their answers, the vote among them, and the trace that proves it.

Text is data: the task's words go into a prompt and nothing else; what comes back can only become an answer string. Knows no keys,
no chain and no content store.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from agent_runtime.errors import NoAnswer
from agent_runtime.model.prompting import format_prompt
from agent_runtime.reasoning.escalation import EscalationPolicy, Level, Risk, assess, domain_risk
from agent_runtime.reasoning.extract import extract, strip_control
from agent_runtime.reasoning.vote import Ballot, Consensus, self_consistency
from symphony_chain.canonical import sha256
from symphony_chain.spec import (
    BeaconHeader,
    Sampling,
    TaskBody,
    Trace,
    TraceEscalation,
    TraceRisk,
    TraceSample,
)

if TYPE_CHECKING:
    from agent_runtime.engines.protocol import Engine, Sample
    from agent_runtime.reasoning.calibration import Calibration

_MAX_SAMPLE_CHARS = 32 * 1024
#: A raw block: the trace's digest is then also its CID.
_MAX_TRACE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class ThinkingPolicy:
    """How a seat thinks: number of chains, temperature, token limit per chain; what it does about its doubts (None: nothing)."""

    samples: int = 5
    temperature: float = 0.8
    max_tokens: int = 512
    stop: tuple[str, ...] = ()
    escalation: EscalationPolicy | None = None

    @property
    def most_samples(self) -> int:
        """Chains of a seat that escalates."""
        return self.samples + (self.escalation.extra_samples if self.escalation else 0)


@dataclass(frozen=True, slots=True)
class Thought:
    """What thinking came to: canonical answer, its share among the samples, evidence, cost.

    Attributes:
        confidence: probability of being right, where a calibration tells it.
        risk: of the last vote, where the agent looks at its risk.
        needs_review: the risk is so high that a person must decide; only then the answer may be None.
    """

    answer: bytes | None
    share_bps: int
    trace: bytes
    tokens: int
    thinking_s: float
    confidence: float | None = None
    risk: Risk | None = None
    needs_review: bool = False


def seed_of(task_id: bytes, agent_id: int) -> int:
    """Seed below 2**53 of a seat's sampling: anyone can repeat it, and no two agents think the same thoughts."""
    digest = hashlib.sha256(b"symphony.seed/1" + task_id + agent_id.to_bytes(32, "big")).digest()
    return int.from_bytes(digest[:8], "big") >> 11


def task_prompt(body: TaskBody) -> str:
    """The text that an engine continues: inputs first, then the question, in the model's template."""
    parts = [f"{document.name}:\n{document.text}" for document in body.documents]
    parts += [*body.constraints, body.prompt]
    return format_prompt(strip_control("\n\n".join(parts)))


def extra_seed_of(seed: int) -> int:
    """Seed of the chains that a seat draws once more, from the seed of its first ones."""
    digest = hashlib.sha256(b"symphony.seed/1/extra" + seed.to_bytes(8, "big")).digest()
    return int.from_bytes(digest[:8], "big") >> 11


def think(
    engine: Engine,
    header: BeaconHeader,
    body: TaskBody,
    *,
    task_id: bytes,
    agent_id: int,
    policy: ThinkingPolicy,
    clock: Callable[[], float],
    history: float = 0.0,
    calibration: Calibration | None = None,
    adapters: tuple[bytes, ...] = (),
) -> Thought:
    """Samples, extracts, votes, weighs its doubts where the policy says so, and writes the trace.

    Args:
        history: risk from past scores on the task's skills, 0…1; looked at only by a policy that escalates.
        calibration: of this engine and policy.
        adapters: sha-256 of each adapter that the engine has on.

    Raises:
        NoAnswer: no sample came to an answer in the format. InvalidInput ``engine.prompt_too_long``.
    """
    prompt = task_prompt(body)
    sampling = Sampling(policy.temperature, seed_of(task_id, agent_id), policy.samples, policy.max_tokens, policy.stop)
    started_s = clock()
    samples = draw(engine, prompt, sampling)
    ballots = read(samples, header)
    escalation = escalate(policy.escalation, header, body, ballots, history)
    if escalation is not None and Level.MEDIUM is _level(policy.escalation, escalation):
        extra = replace(sampling, seed=extra_seed_of(sampling.seed), n=escalation.extra_samples)
        samples += draw(engine, prompt, extra)
        ballots = read(samples, header)
        escalation = escalate(policy.escalation, header, body, ballots, history, after=escalation, seed=extra.seed)
    thinking_s = max(0.0, clock() - started_s)
    consensus = self_consistency(task_id, ballots)
    needs_review = escalation is not None and _level(policy.escalation, escalation) is Level.HIGH
    if consensus is None and not needs_review:
        raise NoAnswer(
            f"none of {len(samples)} chains of thought came to an answer of type {header.answer_format['type']}",
            hint="the seat does not commit; a larger max_tokens or another model may help",
            samples=len(samples),
            cut_off=sum(sample.finish == "length" for sample in samples),
        )
    trace = Trace(
        header_digest=header.digest,
        prompt_digest=sha256(prompt.encode()),
        engine=engine.info.engine,
        model_digest=bytes.fromhex(engine.info.model_sha256.removeprefix("0x")),
        sampling=sampling,
        samples=tuple(_trace_sample(s, b) for s, b in zip(samples, ballots, strict=True)),
        answer=None if consensus is None else consensus.answer.decode(),
        prompt_tokens=engine.count_tokens(prompt),
        adapter_digests=adapters,
        timings={"thinking_s": round(thinking_s, 6)},
        escalation=escalation,
    )
    return Thought(
        answer=None if consensus is None else consensus.answer,
        share_bps=0 if consensus is None else consensus.share_bps,
        trace=_fitting(trace, header),
        tokens=sum(len(sample.token_ids) for sample in samples),
        thinking_s=thinking_s,
        confidence=_confidence(calibration, header, consensus, escalation),
        risk=None if escalation is None else Risk(**asdict(escalation.risks[-1])),
        needs_review=needs_review,
    )


def draw(engine: Engine, prompt: str, sampling: Sampling) -> list[Sample]:
    """The chains that a trace's sampling describes."""
    return engine.generate(
        [prompt],
        n=sampling.n,
        temperature=sampling.temperature,
        seed=sampling.seed,
        max_tokens=sampling.max_tokens,
        stop=sampling.stop,
    )[0]


def read(samples: list[Sample], header: BeaconHeader) -> list[Ballot]:
    """The chains as votes."""
    return [Ballot(_answer(sample, header), mean_logprob(sample)) for sample in samples]


def escalate(
    policy: EscalationPolicy | None,
    header: BeaconHeader,
    body: TaskBody,
    ballots: list[Ballot],
    history: float,
    *,
    after: TraceEscalation | None = None,
    seed: int | None = None,
) -> TraceEscalation | None:
    """One more look at the risk, as the trace keeps it; None for a policy that never looks."""
    if policy is None:
        return None
    domain = domain_risk(header.skills, f"{header.title}\n{task_prompt(body)}")
    risk = assess([ballot.answer for ballot in ballots], domain=domain, history=round(history, 9))
    return TraceEscalation(
        extra_samples=policy.extra_samples,
        medium=policy.medium,
        high=policy.high,
        risks=(*(after.risks if after else ()), TraceRisk(**asdict(risk))),
        extra_seed=seed,
    )


def sign_off(trace: bytes, answer: bytes, header: BeaconHeader, *, approved: bool) -> bytes:
    """The trace of a thought that a person has looked at: approved as it is, or with the person's own answer."""
    parsed = Trace.parse(trace)
    assert parsed.escalation is not None
    review = "approved" if approved else "answered"
    signed = replace(parsed, answer=answer.decode(), escalation=replace(parsed.escalation, review=review))
    return _fitting(signed, header)


def _level(policy: EscalationPolicy | None, escalation: TraceEscalation) -> Level:
    assert policy is not None
    return policy.level(Risk(**asdict(escalation.risks[-1])))


def _confidence(
    calibration: Calibration | None, header: BeaconHeader, consensus: Consensus | None, escalation: TraceEscalation | None
) -> float | None:
    """What was measured with n chains says nothing of n and some more, drawn because the first ones disagreed."""
    if calibration is None or (escalation is not None and escalation.extra_seed is not None):
        return None
    return calibration.probability(header.skills, 0.0 if consensus is None else consensus.evidence)


def mean_logprob(sample: Sample) -> float:
    """Mean natural-log probability of a sample's tokens, 0 for none."""
    return min(0.0, sum(sample.logprobs) / len(sample.logprobs)) if sample.logprobs else 0.0


def _answer(sample: Sample, header: BeaconHeader) -> bytes | None:
    answer = extract(sample.text, header.answer_format, finished=sample.finish == "stop")
    return answer if answer is not None and len(answer) <= header.answer_max_bytes else None


def _trace_sample(sample: Sample, ballot: Ballot) -> TraceSample:
    answer = None if ballot.answer is None else ballot.answer.decode()
    text = strip_control(sample.text)[:_MAX_SAMPLE_CHARS]
    return TraceSample(text, answer, len(sample.token_ids), round(ballot.mean_logprob, 9))


def _fitting(trace: Trace, header: BeaconHeader) -> bytes:
    """The trace within the header's limit; a requester that wants short traces gets them without the chains' text."""
    data = trace.to_json()
    if len(data) <= min(header.trace_max_bytes, _MAX_TRACE_BYTES):
        return data
    bare = tuple(TraceSample("", s.answer, s.tokens, s.mean_logprob) for s in trace.samples)
    return replace(trace, samples=bare).to_json()
