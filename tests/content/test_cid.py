"""CID strings and bytes: one CID, one spelling, and a typed error for everything else."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symphony_chain.content.cid import DAG_PB, RAW, Cid
from symphony_chain.content.errors import HashMismatch, MalformedCid
from symphony_chain.content.varint import decode_uvarint, encode_uvarint
from symphony_chain.errors import InvalidInput

EMPTY_RAW = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
# The directory of the IPFS readme: the same node as CIDv0 and as CIDv1.
README_V0 = "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG"
README_V1 = "bafybeie5nqv6kd3qnfjupgvz34woh3oksc3iau6abmyajn7qvtf6d2ho34"


@given(st.binary(min_size=32, max_size=32), st.sampled_from([RAW, DAG_PB]))
def test_every_spelling_leads_back(digest: bytes, codec: int) -> None:
    cid = Cid.from_digest(digest, codec)
    assert Cid.parse(str(cid)) == cid
    assert Cid.read(bytes(cid)) == (cid, 36)
    assert len(str(cid)) == 59


def test_known_cids() -> None:
    assert str(Cid.of(b"")) == EMPTY_RAW
    assert str(Cid.parse(README_V0)) == README_V1
    assert Cid.parse(README_V1).codec == DAG_PB


@given(st.integers(min_value=0, max_value=2**63 - 1))
def test_varint_round_trip(value: int) -> None:
    encoded = encode_uvarint(value)
    assert decode_uvarint(b"\xff" + encoded, 1) == (value, 1 + len(encoded))


@pytest.mark.parametrize("data", [b"", b"\x80", b"\x80\x00", b"\xff" * 10])
def test_broken_varint(data: bytes) -> None:
    with pytest.raises(ValueError):
        decode_uvarint(data)


BAD = [
    "",
    "b",
    "bafy",
    "Qm" + "0" * 44,
    "z!!!",
    "f00",
    "b" + "a" * 5000,
    EMPTY_RAW.upper(),
    EMPTY_RAW[:-1],
    EMPTY_RAW + "a",
    EMPTY_RAW[:-1] + "v",  # other low bits in the last character: an alias of the same bytes
    "bafkqaaa",  # identity hash
    "b" + base64.b32encode(b"\x01\x71\x12\x20" + bytes(32)).decode().lower().rstrip("="),  # dag-cbor
    "b" + base64.b32encode(b"\x01\x55\x13\x40" + bytes(64)).decode().lower().rstrip("="),  # sha2-512
    "bé",
]


@pytest.mark.parametrize("text", BAD, ids=lambda text: text[:16] or "empty")
def test_bad_strings_are_refused(text: str) -> None:
    with pytest.raises(MalformedCid) as caught:
        Cid.parse(text)
    assert caught.value.code == "content.malformed_cid" and caught.value.hint
    assert isinstance(caught.value, InvalidInput) and caught.value.exit_code == 2


@given(st.text(max_size=130))
def test_any_text_is_a_cid_or_a_typed_error(text: str) -> None:
    try:
        assert Cid.parse(text)
    except MalformedCid:
        pass


def test_verify() -> None:
    cid = Cid.of(b"hello")
    cid.verify(b"hello")
    with pytest.raises(HashMismatch) as caught:
        cid.verify(b"hellp")
    assert caught.value.code == "content.hash_mismatch" and caught.value.context["cid"] == str(cid)


def test_digest_must_have_32_bytes_and_codec_be_known() -> None:
    with pytest.raises(MalformedCid):
        Cid(RAW, bytes(31))
    with pytest.raises(MalformedCid):
        Cid(0x71, bytes(32))
