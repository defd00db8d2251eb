"""Registration file of an agent: ERC-8004 ``registration-v1`` plus what its node owns and where its content is
served, under the key ``symphony``: clients that know only the standard's names of services refuse others.

Source: ERC-8004, section "Agent URI and Agent Registration File". Knows nothing of declared or earned
capabilities: those are on chain.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Self

from symphony_chain.canonical import canonical_json, parse_canonical_json, sha256
from symphony_chain.spec.fields import Fields, fault, hex32
from symphony_chain.spec.limits import MAX_REGISTRATION_BYTES

TYPE = "https://eips.ethereum.org/EIPS/eip-8004#registration-v1"
NODE_VERSION = "symphony.node/1"
DID_SERVICE = "DID"
__all__ = ["DID_SERVICE", "NodeInfo", "Registration", "RegistrationRef", "Service"]
AVAILABILITIES = ("continuous", "intermittent")
MAX_SERVICES = 32
MAX_MODELS = 64
_REGISTRY = re.compile(r"eip155:[1-9][0-9]{0,18}:0x[0-9a-fA-F]{40}")


@dataclass(frozen=True, slots=True)
class Service:
    """One endpoint of the agent: protocol name (``DID``, ``A2A``, ``MCP``, …), URL or URI, version or None."""

    name: str
    endpoint: str
    version: str | None = None


@dataclass(frozen=True, slots=True)
class RegistrationRef:
    """Where the agent is registered: ERC-721 id and ``eip155:<chain>:<registry address>``."""

    agent_id: int
    agent_registry: str


@dataclass(frozen=True, slots=True)
class NodeInfo:
    """What the agent's machine offers: device name, memory in bytes, sha-256 digests of its models, when it
    is there; base URL of its content gateway (trustless IPFS), if it has one; digests of its models' cards."""

    device: str
    memory_bytes: int
    model_digests: tuple[bytes, ...] = ()
    availability: str = "continuous"
    max_parallel_tasks: int = 1
    gateway_url: str | None = None
    model_cards: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Registration:
    """The file whose digest the registry keeps for an agent."""

    name: str
    description: str
    services: tuple[Service, ...]
    node: NodeInfo
    image: str = ""
    active: bool = True
    x402_support: bool = False
    registrations: tuple[RegistrationRef, ...] = ()
    supported_trust: tuple[str, ...] = ("reputation", "crypto-economic")

    def endpoint(self, name: str) -> str | None:
        """Endpoint of the first service of that name."""
        return next((service.endpoint for service in self.services if service.name == name), None)

    def to_json(self) -> bytes:
        """Canonical bytes; ``InvalidInput`` naming the field for values that ``parse`` would refuse."""
        data = canonical_json(
            {
                "type": TYPE,
                "name": self.name,
                "description": self.description,
                "image": self.image,
                "services": [_service_json(service) for service in self.services],
                "x402Support": self.x402_support,
                "active": self.active,
                "registrations": [
                    {"agentId": ref.agent_id, "agentRegistry": ref.agent_registry}
                    for ref in self.registrations
                ],
                "supportedTrust": list(self.supported_trust),
                "symphony": _node_json(self.node),
            }
        )
        self.parse(data)
        return data

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The file in canonical bytes; ``InvalidInput`` naming the first field that is off."""
        what = "registration file"
        fields = Fields(
            parse_canonical_json(data, max_bytes=MAX_REGISTRATION_BYTES, what=what), "registration"
        )
        fields.constant("type", TYPE)
        registration = cls(
            name=fields.text("name", 128),
            description=fields.text("description", 4096, empty=True),
            image=fields.text("image", 512, empty=True),
            services=tuple(_service(path, item) for path, item in fields.items("services", MAX_SERVICES)),
            x402_support=fields.boolean("x402Support"),
            active=fields.boolean("active"),
            registrations=tuple(_ref(path, item) for path, item in fields.items("registrations", 16)),
            supported_trust=fields.texts("supportedTrust", 16, 64),
            node=_node(Fields(fields.take("symphony"), fields.path("symphony"))),
        )
        fields.close()
        return registration

    @property
    def digest(self) -> bytes:
        """sha-256 of the canonical bytes: the registration-file digest on chain."""
        return sha256(self.to_json())


def _service_json(service: Service) -> dict[str, str]:
    version = {} if service.version is None else {"version": service.version}
    return {"name": service.name, "endpoint": service.endpoint} | version


def _node_json(node: NodeInfo) -> dict[str, Any]:
    gateway = {} if node.gateway_url is None else {"gateway": node.gateway_url}
    # Left out where there is none: files from before there were cards keep their digests.
    cards = {"model_cards": [hex32(item, "symphony.model_cards") for item in node.model_cards]} if node.model_cards else {}
    return {
        "version": NODE_VERSION,
        "device": node.device,
        "memory_bytes": node.memory_bytes,
        "model_digests": [hex32(item, "symphony.model_digests") for item in node.model_digests],
        "availability": node.availability,
        "max_parallel_tasks": node.max_parallel_tasks,
    } | gateway | cards


def _service(path: str, value: Any) -> Service:
    fields = Fields(value, path)
    version = fields.text("version", 64) if fields.has("version") else None
    service = Service(fields.text("name", 64), fields.text("endpoint", 512), version)
    fields.close()
    return service


def _ref(path: str, value: Any) -> RegistrationRef:
    fields = Fields(value, path)
    ref = RegistrationRef(fields.integer("agentId", 0, 2**53 - 1), fields.text("agentRegistry", 80))
    if not _REGISTRY.fullmatch(ref.agent_registry):
        raise fault(fields.path("agentRegistry"), "must be eip155:<chain id>:<address>")
    fields.close()
    return ref


def _node(fields: Fields) -> NodeInfo:
    fields.constant("version", NODE_VERSION)
    node = NodeInfo(
        device=fields.text("device", 128),
        memory_bytes=fields.integer("memory_bytes", 0, 2**53 - 1),
        model_digests=fields.digests("model_digests", MAX_MODELS),
        availability=fields.choice("availability", AVAILABILITIES),
        max_parallel_tasks=fields.integer("max_parallel_tasks", 1, 1 << 20),
        gateway_url=fields.text("gateway", 512) if fields.has("gateway") else None,
        model_cards=_model_cards(fields) if fields.has("model_cards") else (),
    )
    fields.close()
    return node


def _model_cards(fields: Fields) -> tuple[bytes, ...]:
    cards = fields.digests("model_cards", MAX_MODELS)
    if not cards:
        raise fault(fields.path("model_cards"), "must be left out where there is none")
    if len(set(cards)) < len(cards):
        raise fault(fields.path("model_cards"), "names a card twice")
    return cards
