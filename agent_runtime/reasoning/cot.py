"""One seat's thinking: n seeded chains of thought, their answers, the vote among them, and the trace that proves it.

Text is data: the task's words go into a prompt and nothing else; what comes back can only become an answer string. Knows no keys,
no chain and no content store.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agent_runtime.errors import NoAnswer
from agent_runtime.model.prompting import format_prompt
from agent_runtime.reasoning.extract import extract, strip_control
from agent_runtime.reasoning.vote import Ballot, self_consistency
from symphony_chain.canonical import sha256
from symphony_chain.spec import BeaconHeader, Sampling, TaskBody, Trace, TraceSample

if TYPE_CHECKING:
    from agent_runtime.engines.protocol import Engine, Sample

_MAX_SAMPLE_CHARS = 32 * 1024
#: A raw block: the trace's digest is then also its CID.
_MAX_TRACE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class ThinkingPolicy:
    """How a seat thinks: number of chains, temperature, token limit per chain."""

    samples: int = 5
    temperature: float = 0.8
    max_tokens: int = 512
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Thought:
    """What thinking came to: canonical answer, its share among the samples, evidence, cost."""

    answer: bytes
    share_bps: int
    trace: bytes
    tokens: int
    thinking_s: float


def seed_of(task_id: bytes, agent_id: int) -> int:
    """Seed below 2**53 of a seat's sampling: anyone can repeat it, and no two agents think the same thoughts."""
    digest = hashlib.sha256(b"symphony.seed/1" + task_id + agent_id.to_bytes(32, "big")).digest()
    return int.from_bytes(digest[:8], "big") >> 11


def task_prompt(body: TaskBody) -> str:
    """The text that an engine continues: inputs first, then the question, in the model's template."""
    parts = [f"{document.name}:\n{document.text}" for document in body.documents]
    parts += [*body.constraints, body.prompt]
    return format_prompt(strip_control("\n\n".join(parts)))


def think(
    engine: Engine,
    header: BeaconHeader,
    body: TaskBody,
    *,
    task_id: bytes,
    agent_id: int,
    policy: ThinkingPolicy,
    clock: Callable[[], float],
) -> Thought:
    """Samples, extracts, votes, and writes the trace.

    Raises:
        NoAnswer: no sample came to an answer in the format. InvalidInput ``engine.prompt_too_long``.
    """
    prompt = task_prompt(body)
    sampling = Sampling(policy.temperature, seed_of(task_id, agent_id), policy.samples, policy.max_tokens, policy.stop)
    started_s = clock()
    samples = engine.generate(
        [prompt],
        n=sampling.n,
        temperature=sampling.temperature,
        seed=sampling.seed,
        max_tokens=sampling.max_tokens,
        stop=sampling.stop,
    )[0]
    thinking_s = max(0.0, clock() - started_s)
    ballots = [Ballot(_answer(sample, header), mean_logprob(sample)) for sample in samples]
    consensus = self_consistency(task_id, ballots)
    if consensus is None:
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
        answer=consensus.answer.decode(),
        prompt_tokens=engine.count_tokens(prompt),
        timings={"thinking_s": round(thinking_s, 6)},
    )
    tokens = sum(len(sample.token_ids) for sample in samples)
    return Thought(consensus.answer, consensus.share_bps, _fitting(trace, header), tokens, thinking_s)


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
