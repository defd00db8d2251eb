"""DIDs of agents: ``did:ethr:<hex chain id>:<address>`` and the DID document that says how to reach and check
one.

Sources: did:ethr method specification, W3C DID Core 1.0, EcdsaSecp256k1RecoveryMethod2020, CAIP-10. Knows
nothing of registries: who owns an agent is on chain.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eth_utils.address import is_address, is_checksum_address, is_same_address, to_checksum_address

from symphony_chain.errors import InvalidInput

#: Service type of an agent's content gateway in its DID document.
GATEWAY_SERVICE = "IpfsTrustlessGateway"
CONTEXTS = ("https://www.w3.org/ns/did/v1", "https://w3id.org/security/suites/secp256k1recovery-2020/v2")
METHOD_TYPE = "EcdsaSecp256k1RecoveryMethod2020"
NAMED_NETWORKS = {"mainnet": 1, "sepolia": 11155111}
MAX_CHAIN_ID = 2**63 - 1
_DID = re.compile(r"did:ethr:(?:(0x[0-9a-f]{1,16}|[a-z]+):)?(0x[0-9a-fA-F]{40})")
_FRAGMENT = re.compile(r"[A-Za-z0-9._-]{1,64}")
_HINT = "a DID here is did:ethr:<chain id in hex>:<address>, such as did:ethr:0x7a69:0x…"


class InvalidDid(InvalidInput):
    """A string that is not a did:ethr DID, or a document that does not describe one."""

    code = "did.invalid"


@dataclass(frozen=True, slots=True)
class Did:
    """A did:ethr DID taken apart: chain id and checksummed address."""

    chain_id: int
    address: str

    def __str__(self) -> str:
        return did_ethr(self.chain_id, self.address)


def did_ethr(chain_id: int, address: str) -> str:
    """The one spelling of a DID that Symphony writes: hex chain id, checksummed address."""
    if not 0 < chain_id <= MAX_CHAIN_ID:
        raise InvalidDid(f"chain id {chain_id} is out of range", hint=_HINT)
    if not isinstance(address, str) or not address.startswith("0x") or not is_address(address):
        raise InvalidDid(f"{str(address)[:60]!r} is not an address", hint=_HINT)
    return f"did:ethr:{chain_id:#x}:{to_checksum_address(address)}"


def parse_did(did: str) -> Did:
    """Chain id and address of any did:ethr spelling; no network means Ethereum mainnet."""
    match = _DID.fullmatch(did) if isinstance(did, str) else None
    if match is None:
        raise InvalidDid(f"{str(did)[:80]!r} is not a did:ethr DID", hint=_HINT)
    network, address = match.groups()
    mixed_case = address[2:] not in (address[2:].lower(), address[2:].upper())
    if mixed_case and not is_checksum_address(address):
        raise InvalidDid(f"the address in {did} has a wrong checksum", hint="copy the DID again")
    chain_id = _chain_id(network)
    if not 0 < chain_id <= MAX_CHAIN_ID:
        raise InvalidDid(f"{did} names no known network", hint=_HINT)
    return Did(chain_id, to_checksum_address(address))


def did_document(
    did: str, *, agent_wallet: str, gateway_url: str | None, services: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The DID document of an agent.

    Args:
        did: names the controller, by its address.
        agent_wallet: operator key that signs bids, commits and reveals; listed apart where it is not the
            controller itself.
        gateway_url: the agent's content gateway, or None.
        services: other endpoints, service type → URL.
    """
    subject = parse_did(did)
    subject_id = str(subject)
    methods = [_method(subject_id, "controller", subject.chain_id, subject.address)]
    if not is_same_address(did_address(agent_wallet), subject.address):
        methods.append(_method(subject_id, "agent-wallet", subject.chain_id, agent_wallet))
    endpoints = ({GATEWAY_SERVICE: gateway_url} if gateway_url is not None else {}) | dict(services or {})
    document = {
        "@context": list(CONTEXTS),
        "id": subject_id,
        "verificationMethod": methods,
        "authentication": [method["id"] for method in methods],
        "assertionMethod": [method["id"] for method in methods],
        "service": [
            {"id": f"{subject_id}#{kind}", "type": kind, "serviceEndpoint": url}
            for kind, url in endpoints.items()
        ],
    }
    validate_did_document(document)
    return document


def did_address(address: str) -> str:
    """Checksummed address, or ``InvalidDid``."""
    if not isinstance(address, str) or not address.startswith("0x") or not is_address(address):
        raise InvalidDid(f"{str(address)[:60]!r} is not an address", hint=_HINT)
    return str(to_checksum_address(address))


def validate_did_document(document: Mapping[str, Any]) -> Did:
    """The DID that a document describes; ``InvalidDid`` unless its keys are recoverable accounts on the DID's
    own chain, its first key is the DID's address, and its relations and services are well formed.
    """
    if not isinstance(document, Mapping):
        raise InvalidDid("a DID document is an object", hint=_HINT)
    did = parse_did(_text(document, "id"))
    context = document.get("@context")
    if not isinstance(context, list) or context[:1] != [CONTEXTS[0]]:
        raise InvalidDid(f"@context must begin with {CONTEXTS[0]}", hint=_HINT)
    accounts = [
        _check_method(method, document["id"], did) for method in _list(document, "verificationMethod")
    ]
    if not accounts or not is_same_address(accounts[0], did.address):
        raise InvalidDid("the first verification method must be the DID's own address", hint=_HINT)
    known = {method["id"] for method in document["verificationMethod"]}
    for relation in ("authentication", "assertionMethod"):
        if not all(isinstance(item, str) and item in known for item in _list(document, relation)):
            raise InvalidDid(f"{relation} refers to a key that is not in the document", hint=_HINT)
    for service in _list(document, "service"):
        _check_service(service, document["id"])
    return did


def service_endpoint(document: Mapping[str, Any], kind: str) -> str | None:
    """URL of the first service of a type in a validated document."""
    found = (service["serviceEndpoint"] for service in document["service"] if service["type"] == kind)
    return next(found, None)


def _chain_id(network: str | None) -> int:
    if network is None:
        return 1
    return int(network, 16) if network.startswith("0x") else NAMED_NETWORKS.get(network, 0)


def _method(did: str, fragment: str, chain_id: int, address: str) -> dict[str, str]:
    account = f"eip155:{chain_id}:{did_address(address)}"
    return {"id": f"{did}#{fragment}", "type": METHOD_TYPE, "controller": did, "blockchainAccountId": account}


def _check_method(method: Any, did_text: str, did: Did) -> str:
    if (
        not isinstance(method, Mapping)
        or method.get("type") != METHOD_TYPE
        or method.get("controller") != did_text
    ):
        raise InvalidDid(f"a verification method must be a {METHOD_TYPE} controlled by the DID", hint=_HINT)
    if not _text(method, "id").startswith(f"{did_text}#"):
        raise InvalidDid("a verification method's id must be the DID and a fragment", hint=_HINT)
    account = _text(method, "blockchainAccountId").split(":")
    if len(account) != 3 or account[:2] != ["eip155", str(did.chain_id)]:
        raise InvalidDid("blockchainAccountId must be eip155:<the DID's chain>:<address>", hint=_HINT)
    return did_address(account[2])


def _check_service(service: Any, did_text: str) -> None:
    if not isinstance(service, Mapping):
        raise InvalidDid("a service is an object", hint=_HINT)
    prefix, _, fragment = _text(service, "id").partition("#")
    if prefix != did_text or not _FRAGMENT.fullmatch(fragment) or not _text(service, "type"):
        raise InvalidDid(f"service id {service['id']!r} must be the DID and a fragment", hint=_HINT)
    if len(_text(service, "serviceEndpoint")) > 512 or ":" not in service["serviceEndpoint"]:
        raise InvalidDid("a service endpoint is a URI of at most 512 characters", hint=_HINT)


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str):
        raise InvalidDid(f"{name} must be a string", hint=_HINT)
    return value


def _list(document: Mapping[str, Any], name: str) -> list[Any]:
    value = document.get(name)
    if not isinstance(value, list):
        raise InvalidDid(f"{name} must be a list", hint=_HINT)
    return value
