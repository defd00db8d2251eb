"""Beacon header ``symphony.beacon/1``: the public part of a task, whose digest is in the task on chain.

Knows nothing of the money, deadlines and skills required: those are the task's parameters on chain.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from symphony_chain.canonical import canonical_json, parse_canonical_json, sha256
from symphony_chain.content.cid import RAW, Cid
from symphony_chain.content.errors import MalformedCid
from symphony_chain.spec.fields import Fields, fault
from symphony_chain.spec.formats import validate_format
from symphony_chain.spec.limits import (
    MAX_ANSWER_BYTES,
    MAX_BODY_BYTES,
    MAX_COT_COUNT,
    MAX_HEADER_BYTES,
    MAX_TRACE_BYTES,
)

VERSION = "symphony.beacon/1"
KINDS = ("answer", "plan", "evaluate", "rollout")
URGENCIES = ("low", "normal", "high")
MAX_TITLE_BYTES = 200
MAX_SKILLS = 16
MAX_ENDPOINTS = 8
MAX_TTL_S = 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class BodyRef:
    """The task body: sha-256 digest (32 bytes) and size in bytes."""

    digest: bytes
    size_bytes: int

    @property
    def cid(self) -> Cid:
        """Raw CID of the body."""
        return Cid.from_digest(self.digest)


@dataclass(frozen=True, slots=True)
class BeaconHeader:
    """What every agent sees of a task before it bids.

    Attributes:
        kind: answer, plan, evaluate or rollout.
        skills: tags of the skill page that the task needs.
        answer_format: see ``symphony_chain.spec.formats``.
        cot_count: chains of thought that the requester suggests per seat.
        urgency: low, normal or high; a hint for bidders.
        ttl_s: seconds after posting during which the beacon is worth passing on.
        bid_endpoint: URLs that take bids directly, best first; none means on chain only.
    """

    title: str
    body: BodyRef
    answer_format: Mapping[str, Any]
    kind: str = "answer"
    skills: tuple[str, ...] = ()
    cot_count: int = 5
    urgency: str = "normal"
    ttl_s: int = 3600
    answer_max_bytes: int = MAX_ANSWER_BYTES
    trace_max_bytes: int = MAX_TRACE_BYTES
    encryption: str = "none"
    bid_endpoint: tuple[str, ...] = ()

    def to_json(self) -> bytes:
        """Canonical bytes; ``InvalidInput`` naming the field for values that ``parse`` would refuse."""
        data = canonical_json(
            {
                "version": VERSION,
                "kind": self.kind,
                "title": self.title,
                "skills": list(self.skills),
                "answer_format": dict(self.answer_format),
                "limits": {
                    "answer_max_bytes": self.answer_max_bytes,
                    "trace_max_bytes": self.trace_max_bytes,
                },
                "cot_count": self.cot_count,
                "urgency": self.urgency,
                "ttl_s": self.ttl_s,
                "body": {"cid": str(self.body.cid), "size_bytes": self.body.size_bytes},
                "encryption": self.encryption,
                "bid_endpoint": list(self.bid_endpoint),
            }
        )
        self.parse(data)
        return data

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The header in canonical bytes; ``InvalidInput`` naming the first field that is off."""
        fields = Fields(
            parse_canonical_json(data, max_bytes=MAX_HEADER_BYTES, what="beacon header"), "header"
        )
        fields.constant("version", VERSION)
        limits = Fields(fields.take("limits"), fields.path("limits"))
        header = cls(
            kind=fields.choice("kind", KINDS),
            title=fields.text("title", MAX_TITLE_BYTES),
            skills=fields.texts("skills", MAX_SKILLS, 64),
            answer_format=validate_format(fields.take("answer_format")),
            answer_max_bytes=limits.integer("answer_max_bytes", 1, MAX_ANSWER_BYTES),
            trace_max_bytes=limits.integer("trace_max_bytes", 1, MAX_TRACE_BYTES),
            cot_count=fields.integer("cot_count", 1, MAX_COT_COUNT),
            urgency=fields.choice("urgency", URGENCIES),
            ttl_s=fields.integer("ttl_s", 1, MAX_TTL_S),
            body=_body_ref(Fields(fields.take("body"), fields.path("body"))),
            encryption=fields.choice("encryption", ("none",)),
            bid_endpoint=_endpoints(fields),
        )
        limits.close()
        fields.close()
        return header

    @property
    def digest(self) -> bytes:
        """sha-256 of the canonical bytes: ``headerDigest`` of the task on chain."""
        return sha256(self.to_json())


def _body_ref(fields: Fields) -> BodyRef:
    text = fields.text("cid", 128)
    try:
        cid = Cid.parse(text)
    except MalformedCid as exc:
        raise fault(fields.path("cid"), exc.message) from exc
    if cid.codec != RAW or str(cid) != text:
        raise fault(fields.path("cid"), "must be a raw CIDv1 in base32")
    ref = BodyRef(cid.digest, fields.integer("size_bytes", 1, MAX_BODY_BYTES))
    fields.close()
    return ref


def _endpoints(fields: Fields) -> tuple[str, ...]:
    urls = fields.texts("bid_endpoint", MAX_ENDPOINTS, 512)
    for url in urls:
        if not url.startswith(("https://", "http://")):
            raise fault(fields.path("bid_endpoint"), f"{url!r} is not an http(s) URL")
    return urls
