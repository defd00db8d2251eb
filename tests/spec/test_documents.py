"""Header, body, trace, registration: canonical bytes, digests, and an error that names the field for every
bad document."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symphony_chain.canonical import canonical_json
from symphony_chain.content.cid import Cid
from symphony_chain.did import did_ethr
from symphony_chain.errors import InvalidInput
from symphony_chain.spec import (
    MAX_BODY_BYTES,
    MAX_PROMPT_BYTES,
    BeaconHeader,
    BodyRef,
    CardAccuracy,
    CardPoint,
    CardTraining,
    CardWeights,
    Document,
    ModelCard,
    NodeInfo,
    Registration,
    RegistrationRef,
    ReleaseRef,
    Sampling,
    Service,
    TaskBody,
    Trace,
    TraceSample,
)

RELEASE = ReleaseRef("0x" + "ab" * 20, "bbh-navigate", "1.2.0", bytes(range(32)))
BODY = TaskBody(
    prompt="If you follow these instructions, do you return to the starting point?",
    documents=(Document("map", "north is up"),),
    schema={"tables": ["t"]},
    constraints=("answer YES or NO",),
    template=RELEASE,
    releases=(RELEASE,),
)
HEADER = BeaconHeader(
    title="A walk",
    body=BODY.ref(),
    answer_format={"type": "choice", "labels": ["YES", "NO"]},
    skills=("navigate",),
    bid_endpoint=("https://requester.example/bids",),
)
TRACE = Trace(
    header_digest=HEADER.digest,
    prompt_digest=hashlib.sha256(b"Q: ...").digest(),
    engine="torch",
    model_digest=bytes(32),
    adapter_digests=(bytes([7]) * 32,),
    sampling=Sampling(temperature=1.0, seed=2**53 - 1, n=2, max_tokens=256, stop=("\n\n",)),
    samples=(TraceSample("We turn left.", "NO", 5, -0.25), TraceSample("", None, 0, 0.0)),
    answer="NO",
    prompt_tokens=31,
    timings={"generate_s": 0.5, "extract_s": 0.001},
)
ADDRESS = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
REGISTRATION = Registration(
    name="agent-1",
    description="Solves navigation tasks",
    services=(
        Service("DID", did_ethr(31337, ADDRESS), "v1"),
        Service("A2A", "https://agent.example/.well-known/agent-card.json"),
    ),
    node=NodeInfo("cpu", 8 << 30, (bytes(32),), gateway_url="http://127.0.0.1:9000", model_cards=(bytes([4]) * 32,)),
    registrations=(RegistrationRef(22, f"eip155:31337:{ADDRESS}"),),
)
CARD = ModelCard(
    name="symphony-tiny-tracking",
    kind="adapter",
    base=bytes([8]) * 32,
    weights=(CardWeights("safetensors", bytes([1]) * 32, 90_000), CardWeights("gguf", bytes([2]) * 32, 91_000)),
    licence="Apache-2.0",
    description="Follows objects that change places.",
    limits="It knows no other family.",
    parameters=22_000,
    context_tokens=1024,
    training=CardTraining(seed=7, tokens=2_000_000, steps=600, seconds=540, examples=12_000),
    curve=(CardPoint(0, 0), CardPoint(2_000_000, 8_125)),
    accuracy=(
        CardAccuracy("families", "navigate", 200, 9_000, 8_500, {3: 8_800, 9: 9_100}),
        CardAccuracy("bbh", "navigate", 250, 7_480, 7_000),
    ),
    skills=("navigate",),
)
DOCUMENTS: list[Any] = [HEADER, BODY, TRACE, REGISTRATION, CARD]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda item: type(item).__name__)
def test_round_trip_and_digest(document: Any) -> None:
    data = document.to_json()
    assert type(document).parse(data) == document
    assert data == canonical_json(json.loads(data))
    assert document.digest == hashlib.sha256(data).digest()
    assert Cid.from_digest(document.digest) == Cid.of(data)


def test_header_names_the_body() -> None:
    assert HEADER.body.cid == Cid.of(BODY.to_json())
    assert HEADER.body.size_bytes == len(BODY.to_json())


def test_a_registration_names_a_card_once() -> None:
    node = dataclasses.replace(REGISTRATION.node, model_cards=(bytes([4]) * 32, bytes([5]) * 32, bytes([4]) * 32))
    with pytest.raises(InvalidInput, match="names a card twice") as caught:
        dataclasses.replace(REGISTRATION, node=node).to_json()
    assert caught.value.context["field"] == "registration.symphony.model_cards"


def test_golden_bytes() -> None:
    """The bytes are a protocol: a change here is a new version of the format."""
    body = TaskBody(prompt="2+2?")
    assert body.to_json() == (
        b'{"inputs":{"constraints":[],"documents":[],"schema":null},"prompt":"2+2?","releases":[],'
        b'"template":null,"version":"symphony.task/1"}'
    )
    header = BeaconHeader("Sum", body.ref(), {"type": "integer"})
    assert (
        header.to_json()
        == (
            b'{"answer_format":{"type":"integer"},"bid_endpoint":[],"body":{"cid":"%s","size_bytes":132},'
            b'"cot_count":5,"encryption":"none","kind":"answer",'
            b'"limits":{"answer_max_bytes":32768,"trace_max_bytes":4194304},"skills":[],"title":"Sum","ttl_s":3600,'
            b'"urgency":"normal","version":"symphony.beacon/1"}'
        )
        % str(Cid.of(body.to_json())).encode()
    )


def test_registration_endpoints() -> None:
    assert REGISTRATION.endpoint("A2A") == "https://agent.example/.well-known/agent-card.json"
    assert REGISTRATION.endpoint("MCP") is None
    raw = json.loads(REGISTRATION.to_json())
    assert raw["symphony"]["gateway"] == "http://127.0.0.1:9000"
    assert raw["type"] == "https://eips.ethereum.org/EIPS/eip-8004#registration-v1"
    assert raw["services"][0] == {"name": "DID", "endpoint": f"did:ethr:0x7a69:{ADDRESS}", "version": "v1"}


Path = tuple[str | int, ...]


def paths(value: Any, here: Path = ()) -> list[Path]:
    """Paths of all object fields below a value."""
    found: list[Path] = []
    if isinstance(value, dict):
        for key, item in value.items():
            found += [(*here, key), *paths(item, (*here, key))]
    elif isinstance(value, list):
        for index, item in enumerate(value):
            found += paths(item, (*here, index))
    return found


def changed(document: Any, path: Path, change: Callable[[Any, Any], None]) -> bytes:
    root = json.loads(document.to_json())
    at = root
    for step in path[:-1]:
        at = at[step]
    change(at, path[-1])
    return canonical_json(root)


FREE = {"timings", "schema", "answer_format"}  # objects whose keys are the user's
FIELDS = [
    (document, path)
    for document in DOCUMENTS
    for path in paths(json.loads(document.to_json()))
    if path[0] not in FREE
]
FIELDS = [(document, path) for document, path in FIELDS if path[:2] != ("inputs", "schema") or len(path) == 2]
FIELDS = [(document, path) for document, path in FIELDS if "votes" not in path[:-1]]  # whose keys are numbers of chains


def ids(item: Any) -> str:
    return type(item).__name__ if dataclasses.is_dataclass(item) else ".".join(map(str, item))


@pytest.mark.parametrize(("document", "path"), FIELDS, ids=ids)
def test_every_field_is_required_typed_and_alone(document: Any, path: Path) -> None:
    optional = (path[0], path[-1]) in (("services", "version"), ("symphony", "gateway"), ("symphony", "model_cards"))

    def refuse(data: bytes, named: str) -> None:
        with pytest.raises(InvalidInput) as caught:
            type(document).parse(data)
        assert named in caught.value.context["field"], caught.value.message

    def delete(at: Any, key: Any) -> None:
        del at[key]

    def retype(at: Any, key: Any) -> None:
        at[key] = {"un": "expected"} if not isinstance(at[key], dict) else 3.5

    def extra(at: Any, key: Any) -> None:
        at["unexpected"] = 1

    if not optional:
        refuse(changed(document, path, delete), str(path[-1]))
    refuse(changed(document, path, retype), str(path[-1]))
    refuse(changed(document, path, extra), "unexpected")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda item: type(item).__name__)
def test_unknown_version_and_loose_bytes_are_refused(document: Any) -> None:
    key = "type" if isinstance(document, Registration) else "version"

    def newer(at: Any, name: Any) -> None:
        at[name] = at[name][:-1] + "2"

    with pytest.raises(InvalidInput, match=key):
        type(document).parse(changed(document, (key,), newer))
    for data in (b"", b"[]", b"null", b"{}", document.to_json() + b" ", b"\x00" * 40):
        with pytest.raises(InvalidInput):
            type(document).parse(data)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda item: type(item).__name__)
@given(data=st.data())
def test_mutated_bytes_never_raise_anything_untyped(document: Any, data: st.DataObject) -> None:
    mutant = bytearray(document.to_json())
    for _ in range(data.draw(st.integers(1, 3))):
        mutant[data.draw(st.integers(0, len(mutant) - 1))] = data.draw(st.integers(0, 255))
    try:
        parsed = type(document).parse(bytes(mutant))
    except InvalidInput:
        return
    assert parsed.to_json() == bytes(mutant)


BAD_HEADERS: list[tuple[str, dict[str, Any]]] = [
    ("title", {"title": "x" * 201}),
    ("title", {"title": ""}),
    ("kind", {"kind": "gossip"}),
    ("urgency", {"urgency": "now"}),
    ("skills", {"skills": tuple("abcdefghijklmnopq")}),
    ("cot_count", {"cot_count": 0}),
    ("cot_count", {"cot_count": 65}),
    ("ttl_s", {"ttl_s": 0}),
    ("ttl_s", {"ttl_s": 1.5}),
    ("answer_max_bytes", {"answer_max_bytes": 32769}),
    ("encryption", {"encryption": "rot13"}),
    ("bid_endpoint", {"bid_endpoint": ("javascript:alert(1)",)}),
    ("body.size_bytes", {"body": BodyRef(bytes(32), MAX_BODY_BYTES + 1)}),
    ("answer_format.type", {"answer_format": {"type": "essay"}}),
]


@pytest.mark.parametrize(("field", "change"), BAD_HEADERS, ids=lambda item: str(item)[:40])
def test_bad_headers_are_not_written(field: str, change: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as caught:
        dataclasses.replace(HEADER, **change).to_json()
    assert field in caught.value.context["field"]


def test_header_takes_only_raw_cids() -> None:
    def dag_pb(at: Any, key: Any) -> None:
        at[key] = str(Cid.from_digest(bytes(32), 0x70))

    with pytest.raises(InvalidInput, match="raw"):
        BeaconHeader.parse(changed(HEADER, ("body", "cid"), dag_pb))


def test_size_limits() -> None:
    assert TaskBody(prompt="x" * MAX_PROMPT_BYTES).to_json()
    with pytest.raises(InvalidInput, match="prompt"):
        TaskBody(prompt="x" * (MAX_PROMPT_BYTES + 1)).to_json()
    with pytest.raises(InvalidInput, match="prompt"):
        TaskBody(prompt="é" * (MAX_PROMPT_BYTES // 2 + 1)).to_json()
    with pytest.raises(InvalidInput, match="at most 262144"):
        TaskBody(prompt="x", documents=tuple(Document(str(n), "y" * 100_000) for n in range(3))).to_json()
    with pytest.raises(InvalidInput, match="at most 16384"):
        answer_format = {"type": "json", "schema": {"enum": ["z" * 100 + str(n) for n in range(200)]}}
        dataclasses.replace(HEADER, answer_format=answer_format).to_json()


BAD_TRACES: list[tuple[str, dict[str, Any]]] = [
    ("sampling.seed", {"sampling": dataclasses.replace(TRACE.sampling, seed=-1)}),
    ("sampling.n", {"sampling": dataclasses.replace(TRACE.sampling, n=0)}),
    ("samples[0].mean_logprob", {"samples": (TraceSample("x", None, 1, 0.5),)}),
    ("timings", {"timings": {"generate": 1.0}}),
    ("timings.generate_s", {"timings": {"generate_s": -1.0}}),
    ("header_digest", {"header_digest": bytes(31)}),
]


@pytest.mark.parametrize(("field", "change"), BAD_TRACES, ids=lambda item: str(item)[:40])
def test_bad_traces_are_not_written(field: str, change: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as caught:
        dataclasses.replace(TRACE, **change).to_json()
    assert field in caught.value.context["field"]


def test_trace_counts_must_add_up() -> None:
    def more(at: Any, key: Any) -> None:
        at[key] += 1

    with pytest.raises(InvalidInput, match="sum"):
        Trace.parse(changed(TRACE, ("token_counts", "completion"), more))
    with pytest.raises(InvalidInput):
        dataclasses.replace(TRACE, timings={"generate_s": float("nan")}).to_json()
