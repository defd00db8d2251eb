"""DIDs: one spelling written, all spellings read, and documents that resolvers of did:ethr understand."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symphony_chain.did import (
    InvalidDid,
    did_document,
    did_ethr,
    parse_did,
    service_endpoint,
    validate_did_document,
)

OWNER = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
WALLET = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
DID = f"did:ethr:0x7a69:{OWNER}"


@given(st.integers(1, 2**63 - 1), st.binary(min_size=20, max_size=20))
def test_round_trip(chain_id: int, address: bytes) -> None:
    did = did_ethr(chain_id, "0x" + address.hex())
    parsed = parse_did(did)
    assert (parsed.chain_id, parsed.address.lower()) == (chain_id, "0x" + address.hex())
    assert str(parsed) == did


def test_spellings() -> None:
    assert did_ethr(31337, OWNER.lower()) == DID
    assert str(parse_did(f"did:ethr:0x7a69:{OWNER.lower()}")) == DID
    assert parse_did(f"did:ethr:{OWNER}").chain_id == 1
    assert parse_did(f"did:ethr:mainnet:{OWNER}").chain_id == 1
    assert parse_did(f"did:ethr:sepolia:{OWNER}").chain_id == 11155111


@pytest.mark.parametrize(
    "did",
    [
        "",
        "did:key:z6Mk",
        f"did:ethr:31337:{OWNER}",
        f"did:ethr:0x0:{OWNER}",
        f"did:ethr:nowhere:{OWNER}",
        f"did:ethr:0xffffffffffffffff:{OWNER}",
        DID + "#controller",
        DID[:-1],
        DID.replace("f39F", "F39F"),
        f"did:ethr:0x7a69:{OWNER}\n",
        None,
    ],
)
def test_bad_dids(did: Any) -> None:
    with pytest.raises(InvalidDid) as caught:
        parse_did(did)
    assert caught.value.code == "did.invalid" and caught.value.hint and caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("chain_id", "address"), [(0, OWNER), (-1, OWNER), (1, "0x12"), (1, OWNER[2:]), (1, None)]
)
def test_bad_parts(chain_id: int, address: Any) -> None:
    with pytest.raises(InvalidDid):
        did_ethr(chain_id, address)


def document() -> dict[str, Any]:
    services = {"A2A": "https://agent.example/.well-known/agent-card.json"}
    return did_document(DID, agent_wallet=WALLET, gateway_url="http://127.0.0.1:9000", services=services)


def test_document() -> None:
    made = document()
    assert made["id"] == DID
    assert made["verificationMethod"] == [
        {
            "id": f"{DID}#controller",
            "type": "EcdsaSecp256k1RecoveryMethod2020",
            "controller": DID,
            "blockchainAccountId": f"eip155:31337:{OWNER}",
        },
        {
            "id": f"{DID}#agent-wallet",
            "type": "EcdsaSecp256k1RecoveryMethod2020",
            "controller": DID,
            "blockchainAccountId": f"eip155:31337:{WALLET}",
        },
    ]
    assert made["authentication"] == made["assertionMethod"] == [f"{DID}#controller", f"{DID}#agent-wallet"]
    assert service_endpoint(made, "IpfsTrustlessGateway") == "http://127.0.0.1:9000"
    assert service_endpoint(made, "A2A") == "https://agent.example/.well-known/agent-card.json"
    assert service_endpoint(made, "MCP") is None
    assert str(validate_did_document(made)) == DID


def test_document_of_one_key_without_services() -> None:
    made = did_document(DID.lower().replace("0X", "0x"), agent_wallet=OWNER.lower(), gateway_url=None)
    assert made["id"] == DID and len(made["verificationMethod"]) == 1 and made["service"] == []


CHANGES: list[Callable[[dict[str, Any]], Any]] = [
    lambda doc: doc.pop("id"),
    lambda doc: doc.update(id="did:web:example"),
    lambda doc: doc.pop("@context"),
    lambda doc: doc.update({"@context": ["https://example"]}),
    lambda doc: doc.update(verificationMethod=[]),
    lambda doc: doc.update(verificationMethod=["x"]),
    lambda doc: doc["verificationMethod"].reverse(),
    lambda doc: doc["verificationMethod"][1].update(controller="did:ethr:" + WALLET),
    lambda doc: doc["verificationMethod"][0].update(blockchainAccountId=f"eip155:1:{OWNER}"),
    lambda doc: doc["verificationMethod"][0].update(blockchainAccountId="eip155:31337:0x12"),
    lambda doc: doc["verificationMethod"][0].update(id="#controller"),
    lambda doc: doc["authentication"].append(f"{DID}#other"),
    lambda doc: doc["authentication"].append({}),
    lambda doc: doc["service"][0].update(id="#x"),
    lambda doc: doc["service"][0].update(serviceEndpoint=["https://a", "https://b"]),
    lambda doc: doc["service"][0].update(serviceEndpoint="no uri"),
    lambda doc: doc["service"].append(None),
    lambda doc: doc.update(service={}),
]


@pytest.mark.parametrize("index", range(len(CHANGES)))
def test_bad_documents(index: int) -> None:
    made = copy.deepcopy(document())
    CHANGES[index](made)
    with pytest.raises(InvalidDid):
        validate_did_document(made)


def test_services_of_a_bad_kind_are_refused() -> None:
    with pytest.raises(InvalidDid):
        did_document(DID, agent_wallet=WALLET, gateway_url=None, services={"bad kind": "https://x"})
    with pytest.raises(InvalidDid):
        did_document(DID, agent_wallet="0x12", gateway_url=None)
