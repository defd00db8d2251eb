"""Off-chain formats: beacon header, task body, trace, registration file, model card, canonical answers.

Documents are canonical JSON (RFC 8785); the digest that the chain keeps is the sha-256 of those bytes, so a
document's CID is a raw CID. Knows nothing of stores, chains or models.
"""

from __future__ import annotations

from symphony_chain.spec.answers import NotCanonical, answer_digest, canonical
from symphony_chain.spec.body import Document, ReleaseRef, TaskBody
from symphony_chain.spec.card import CardAccuracy, CardPoint, CardTraining, CardWeights, ModelCard
from symphony_chain.spec.formats import validate_format
from symphony_chain.spec.header import BeaconHeader, BodyRef
from symphony_chain.spec.limits import (
    MAX_ANSWER_BYTES,
    MAX_BODY_BYTES,
    MAX_CARD_BYTES,
    MAX_HEADER_BYTES,
    MAX_PROMPT_BYTES,
    MAX_REGISTRATION_BYTES,
    MAX_TRACE_BYTES,
)
from symphony_chain.spec.registration import NodeInfo, Registration, RegistrationRef, Service
from symphony_chain.spec.trace import Sampling, Trace, TraceEscalation, TraceRisk, TraceSample

__all__ = [
    "MAX_ANSWER_BYTES",
    "MAX_BODY_BYTES",
    "MAX_CARD_BYTES",
    "MAX_HEADER_BYTES",
    "MAX_PROMPT_BYTES",
    "MAX_REGISTRATION_BYTES",
    "MAX_TRACE_BYTES",
    "BeaconHeader",
    "BodyRef",
    "CardAccuracy",
    "CardPoint",
    "CardTraining",
    "CardWeights",
    "Document",
    "ModelCard",
    "NodeInfo",
    "NotCanonical",
    "Registration",
    "RegistrationRef",
    "ReleaseRef",
    "Sampling",
    "Service",
    "TaskBody",
    "Trace",
    "TraceEscalation",
    "TraceRisk",
    "TraceSample",
    "answer_digest",
    "canonical",
    "validate_format",
]
