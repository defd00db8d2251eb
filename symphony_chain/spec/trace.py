"""Trace ``symphony.trace/1``: the evidence of how an answer came about; its digest is bound in the
commitment.

Secrets, keys and other tasks' text never enter it. Knows nothing of engines: it records what they report.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from symphony_chain.canonical import canonical_json, parse_canonical_json, sha256
from symphony_chain.spec.fields import Fields, check_text, fault, hex32
from symphony_chain.spec.limits import MAX_ANSWER_BYTES, MAX_COT_COUNT, MAX_TRACE_BYTES

VERSION = "symphony.trace/1"
MAX_SAMPLE_BYTES = 256 * 1024
MAX_SEED = 2**53 - 1
MAX_ADAPTERS = 16
MAX_TIMINGS = 32
REVIEWS = ("approved", "answered")
_MAX_TOKENS = 1 << 30


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the samples were drawn; ``seed`` is below 2**53 so that JSON carries it exactly."""

    temperature: float
    seed: int
    n: int
    max_tokens: int
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TraceSample:
    """One chain of thought: its text, the canonical answer found in it (None if none), its length and mean
    natural-log probability per token (0 for no tokens).
    """

    text: str
    answer: str | None
    tokens: int
    mean_logprob: float


@dataclass(frozen=True, slots=True)
class TraceRisk:
    """One look at the vote among the samples: the four parts of its risk, each 0 to 1."""

    disagreement: float
    instability: float
    domain: float
    history: float


@dataclass(frozen=True, slots=True)
class TraceEscalation:
    """What an agent that weighs its own doubt did about it.

    Attributes:
        medium, high: the risks from which on it draws ``extra_samples`` more samples, and asks a person.
        risks: after the first samples, and again after the extra ones.
        extra_seed: of the extra samples, which follow the first ``sampling.n``; None if there are none.
        review: ``approved`` or ``answered`` by a person; None if nobody was asked.
    """

    extra_samples: int
    medium: float
    high: float
    risks: tuple[TraceRisk, ...]
    extra_seed: int | None = None
    review: str | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """Evidence of one seat's work.

    Attributes:
        header_digest: sha-256 of the task's beacon header.
        prompt_digest: sha-256 of the exact text given to the engine.
        model_digest, adapter_digests: sha-256 of the weights and of each adapter applied, in order.
        answer: the canonical answer committed to, None if no sample gave one.
        timings: phase → seconds, names ending in ``_s``.
        escalation: None for an agent that does not look at its risk; then the document has no such field.
    """

    header_digest: bytes
    prompt_digest: bytes
    engine: str
    model_digest: bytes
    sampling: Sampling
    samples: tuple[TraceSample, ...]
    answer: str | None
    prompt_tokens: int
    adapter_digests: tuple[bytes, ...] = ()
    timings: Mapping[str, float] = field(default_factory=dict)
    escalation: TraceEscalation | None = None

    @property
    def completion_tokens(self) -> int:
        """Tokens of all samples together."""
        return sum(sample.tokens for sample in self.samples)

    def to_json(self) -> bytes:
        """Canonical bytes; ``InvalidInput`` naming the field for values that ``parse`` would refuse."""
        data = canonical_json(self._document())
        self.parse(data)
        return data

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The trace in canonical bytes; ``InvalidInput`` naming the first field that is off."""
        fields = Fields(parse_canonical_json(data, max_bytes=MAX_TRACE_BYTES, what="trace"), "trace")
        fields.constant("version", VERSION)
        counts = Fields(fields.take("token_counts"), fields.path("token_counts"))
        trace = cls(
            header_digest=fields.digest("header_digest"),
            prompt_digest=fields.digest("prompt_digest"),
            engine=fields.text("engine", 64),
            model_digest=fields.digest("model_digest"),
            adapter_digests=fields.digests("adapter_digests", MAX_ADAPTERS),
            sampling=_sampling(Fields(fields.take("sampling"), fields.path("sampling"))),
            samples=tuple(_sample(path, item) for path, item in fields.items("samples", MAX_COT_COUNT)),
            answer=fields.optional_text("answer", MAX_ANSWER_BYTES),
            prompt_tokens=counts.integer("prompt", 0, _MAX_TOKENS),
            timings=_timings(fields),
            escalation=_escalation(fields) if fields.has("escalation") else None,
        )
        if counts.integer("completion", 0, _MAX_TOKENS * MAX_COT_COUNT) != trace.completion_tokens:
            raise fault(counts.path("completion"), "is not the sum of the samples' tokens")
        counts.close()
        fields.close()
        return trace

    @property
    def digest(self) -> bytes:
        """sha-256 of the canonical bytes: ``evidenceDigest`` of the commitment."""
        return sha256(self.to_json())

    def _document(self) -> dict[str, Any]:
        escalation = {} if self.escalation is None else {"escalation": _escalation_document(self.escalation)}
        return escalation | {
            "version": VERSION,
            "header_digest": hex32(self.header_digest, "trace.header_digest"),
            "prompt_digest": hex32(self.prompt_digest, "trace.prompt_digest"),
            "engine": self.engine,
            "model_digest": hex32(self.model_digest, "trace.model_digest"),
            "adapter_digests": [hex32(item, "trace.adapter_digests") for item in self.adapter_digests],
            "sampling": {
                "temperature": self.sampling.temperature,
                "seed": self.sampling.seed,
                "n": self.sampling.n,
                "max_tokens": self.sampling.max_tokens,
                "stop": list(self.sampling.stop),
            },
            "samples": [
                {
                    "text": sample.text,
                    "answer": sample.answer,
                    "tokens": sample.tokens,
                    "mean_logprob": sample.mean_logprob,
                }
                for sample in self.samples
            ],
            "answer": self.answer,
            "token_counts": {"prompt": self.prompt_tokens, "completion": self.completion_tokens},
            "timings": dict(self.timings),
        }


def _sampling(fields: Fields) -> Sampling:
    sampling = Sampling(
        temperature=fields.number("temperature", 0, 100),
        seed=fields.integer("seed", 0, MAX_SEED),
        n=fields.integer("n", 1, MAX_COT_COUNT),
        max_tokens=fields.integer("max_tokens", 1, _MAX_TOKENS),
        stop=fields.texts("stop", 16, 256),
    )
    fields.close()
    return sampling


def _sample(path: str, value: Any) -> TraceSample:
    fields = Fields(value, path)
    sample = TraceSample(
        text=fields.text("text", MAX_SAMPLE_BYTES, empty=True),
        answer=fields.optional_text("answer", MAX_ANSWER_BYTES),
        tokens=fields.integer("tokens", 0, _MAX_TOKENS),
        mean_logprob=fields.number("mean_logprob", -1e6, 0),
    )
    fields.close()
    return sample


def _escalation(outer: Fields) -> TraceEscalation:
    fields = Fields(outer.take("escalation"), outer.path("escalation"))
    seed = fields.take("extra_seed")
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= MAX_SEED):
        raise fault(fields.path("extra_seed"), f"must be an integer from 0 to {MAX_SEED}, or null")
    review = fields.take("review")
    if review is not None and review not in REVIEWS:
        raise fault(fields.path("review"), f"must be one of {', '.join(REVIEWS)}, or null")
    escalation = TraceEscalation(
        extra_samples=fields.integer("extra_samples", 1, MAX_COT_COUNT),
        medium=fields.number("medium", 0, 1e6),
        high=fields.number("high", 0, 1e6),
        risks=tuple(_risk(path, item) for path, item in fields.items("risks", 2)),
        extra_seed=seed,
        review=review,
    )
    fields.close()
    return escalation


def _risk(path: str, value: Any) -> TraceRisk:
    fields = Fields(value, path)
    risk = TraceRisk(*(fields.number(name, 0, 1) for name in ("disagreement", "instability", "domain", "history")))
    fields.close()
    return risk


def _escalation_document(escalation: TraceEscalation) -> dict[str, Any]:
    return {
        "extra_samples": escalation.extra_samples,
        "medium": escalation.medium,
        "high": escalation.high,
        "risks": [asdict(risk) for risk in escalation.risks],
        "extra_seed": escalation.extra_seed,
        "review": escalation.review,
    }


def _timings(fields: Fields) -> dict[str, float]:
    value = fields.take("timings")
    where = fields.path("timings")
    if not isinstance(value, dict) or len(value) > MAX_TIMINGS:
        raise fault(where, f"must be an object of at most {MAX_TIMINGS}")
    timings = Fields(value, where)
    for name in value:
        if not check_text(name, where, 64).endswith("_s"):
            raise fault(timings.path(name), "must be named in seconds, ending in _s")
    return {name: timings.number(name, 0, 1e9) for name in value}
