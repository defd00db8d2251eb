"""Task body ``symphony.task/1``: the prompt, its inputs, and the releases that it refers to.

Apart from the header so that later it can be sealed to the seats. Knows nothing of how it is answered or
paid.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from symphony_chain.canonical import canonical_json, parse_canonical_json, sha256
from symphony_chain.spec.fields import Fields, fault, hex32
from symphony_chain.spec.header import BodyRef
from symphony_chain.spec.limits import MAX_BODY_BYTES, MAX_PROMPT_BYTES

VERSION = "symphony.task/1"
MAX_DOCUMENTS = 64
MAX_CONSTRAINTS = 64
MAX_RELEASES = 16
_ADDRESS = re.compile(r"0x[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Document:
    """One input text and the name by which the prompt refers to it."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class ReleaseRef:
    """An entry of the ReleaseRegistry: publisher (lower-case 0x address), name, version and 32-byte
    digest."""

    publisher: str
    name: str
    version: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class TaskBody:
    """What a seat works on.

    Attributes:
        prompt: the question, at most 32 KiB.
        documents, schema, constraints: inputs; ``schema`` is any JSON object (a database's, say) or None.
        template: release of the task template that made the prompt, if any.
        releases: other releases that the task names (base model, corpora).
    """

    prompt: str
    documents: tuple[Document, ...] = ()
    schema: Mapping[str, Any] | None = None
    constraints: tuple[str, ...] = ()
    template: ReleaseRef | None = None
    releases: tuple[ReleaseRef, ...] = ()

    def to_json(self) -> bytes:
        """Canonical bytes; ``InvalidInput`` naming the field for values that ``parse`` would refuse."""
        data = canonical_json(
            {
                "version": VERSION,
                "prompt": self.prompt,
                "inputs": {
                    "documents": [{"name": item.name, "text": item.text} for item in self.documents],
                    "schema": None if self.schema is None else dict(self.schema),
                    "constraints": list(self.constraints),
                },
                "template": None if self.template is None else _release_json(self.template),
                "releases": [_release_json(release) for release in self.releases],
            }
        )
        self.parse(data)
        return data

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The body in canonical bytes; ``InvalidInput`` naming the first field that is off."""
        fields = Fields(parse_canonical_json(data, max_bytes=MAX_BODY_BYTES, what="task body"), "body")
        fields.constant("version", VERSION)
        inputs = Fields(fields.take("inputs"), fields.path("inputs"))
        template = fields.take("template")
        body = cls(
            prompt=fields.text("prompt", MAX_PROMPT_BYTES),
            documents=tuple(_document(path, item) for path, item in inputs.items("documents", MAX_DOCUMENTS)),
            schema=_schema(inputs),
            constraints=inputs.texts("constraints", MAX_CONSTRAINTS, 4096),
            template=None if template is None else _release(fields.path("template"), template),
            releases=tuple(_release(path, item) for path, item in fields.items("releases", MAX_RELEASES)),
        )
        inputs.close()
        fields.close()
        return body

    @property
    def digest(self) -> bytes:
        """sha-256 of the canonical bytes."""
        return sha256(self.to_json())

    def ref(self) -> BodyRef:
        """What the header says of this body."""
        data = self.to_json()
        return BodyRef(sha256(data), len(data))


def _document(path: str, value: Any) -> Document:
    fields = Fields(value, path)
    document = Document(fields.text("name", 200), fields.text("text", MAX_BODY_BYTES, empty=True))
    fields.close()
    return document


def _schema(inputs: Fields) -> Mapping[str, Any] | None:
    value = inputs.take("schema")
    if value is not None and not isinstance(value, dict):
        raise fault(inputs.path("schema"), "must be an object or null")
    return value


def _release_json(release: ReleaseRef) -> dict[str, str]:
    return {
        "publisher": release.publisher,
        "name": release.name,
        "version": release.version,
        "digest": hex32(release.digest, "release.digest"),
    }


def _release(path: str, value: Any) -> ReleaseRef:
    fields = Fields(value, path)
    publisher = fields.text("publisher", 42)
    if not _ADDRESS.fullmatch(publisher):
        raise fault(fields.path("publisher"), "must be 0x and 40 lower-case hex digits")
    release = ReleaseRef(
        publisher, fields.text("name", 128), fields.text("version", 64), fields.digest("digest")
    )
    fields.close()
    return release
