"""Reference model of `contracts/AgentRegistry.sol`: agents, their keys, files and declared words.

Knows nothing of markets or money.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

from eth_utils.crypto import keccak

from symphony_chain.events import (
    AgentWalletChanged,
    CapabilitiesDeclared,
    Event,
    FileSet,
    MetadataSet,
    Registered,
    SkillPagePublished,
    Transfer,
    URIUpdated,
)
from symphony_chain.model.context import Call, ModelRevert
from symphony_chain.skills import FULL_SCALE, unpack_word
from symphony_chain.types import ZERO_ADDRESS

MAX_WALLET_DEADLINE_S = 5 * 60
_RESERVED_KEY = "agentWallet"
_CID_PREFIX = bytes.fromhex("01551220")  # CIDv1, raw, sha2-256, 32 bytes


def ipfs_uri(digest: bytes) -> str:
    """``ipfs://`` and the raw CIDv1 of a sha-256 digest; empty for the zero digest."""
    if not any(digest):
        return ""
    return "ipfs://b" + base64.b32encode(_CID_PREFIX + digest).decode().lower().rstrip("=")


@dataclass(slots=True)
class Agent:
    """One ERC-721 token with all that the registry keeps of it; an empty `wallet` means the owner."""

    owner: str
    wallet: str = ""
    file_digest: bytes = bytes(32)
    uri: str = ""
    approved: str = ZERO_ADDRESS
    declared: dict[bytes, int] = field(default_factory=dict)
    metadata: dict[str, bytes] = field(default_factory=dict)


class RegistryModel:
    """The registry as a state machine. Every method that may refuse raises `ModelRevert`; `events` grows with every success."""

    def __init__(self) -> None:
        self.agents: dict[int, Agent] = {}
        self.operators: set[tuple[str, str]] = set()
        self.events: list[Event] = []

    def register(self, call: Call, file_digest: bytes, page_id: bytes, word: int) -> int:
        """The lean way in: registration file and one declared word."""
        _check_word(word)
        agent_id = self._mint(call, ipfs_uri(file_digest))
        self.agents[agent_id].file_digest = file_digest
        self.events.append(FileSet(agent_id, file_digest))
        self._declare(agent_id, page_id, word)
        return agent_id

    def register_uri(self, call: Call, uri: str = "", metadata: tuple[tuple[str, bytes], ...] = ()) -> int:
        """ERC-8004's way in: a foreign URI and metadata."""
        if any(key == _RESERVED_KEY for key, _ in metadata):
            raise ModelRevert("ReservedMetadataKey")
        agent_id = self._mint(call, uri)
        self.agents[agent_id].uri = uri
        for key, value in metadata:
            self._set_metadata(agent_id, key, value)
        return agent_id

    def publish_page(self, tags: str) -> bytes:
        page_id = keccak(text=tags)
        self.events.append(SkillPagePublished(page_id, tags))
        return page_id

    def set_file(self, call: Call, agent_id: int, file_digest: bytes) -> None:
        agent = self._authorized(call, agent_id)
        agent.file_digest, agent.uri = file_digest, ""
        self.events += [
            FileSet(agent_id, file_digest),
            URIUpdated(agent_id, ipfs_uri(file_digest), call.sender),
        ]

    def set_agent_uri(self, call: Call, agent_id: int, uri: str) -> None:
        self._authorized(call, agent_id).uri = uri
        self.events.append(URIUpdated(agent_id, uri, call.sender))

    def set_metadata(self, call: Call, agent_id: int, key: str, value: bytes) -> None:
        self._authorized(call, agent_id)
        if key == _RESERVED_KEY:
            raise ModelRevert("ReservedMetadataKey")
        self._set_metadata(agent_id, key, value)

    def declare(self, call: Call, agent_id: int, page_id: bytes, word: int) -> None:
        self._authorized(call, agent_id)
        _check_word(word)
        self._declare(agent_id, page_id, word)

    def set_agent_wallet(self, call: Call, agent_id: int, wallet: str, deadline_s: int) -> None:
        """`call.signer` signed (agent, wallet, owner, deadline); it must be the new wallet itself."""
        self._authorized(call, agent_id)
        if call.now_s > deadline_s:
            raise ModelRevert("SignatureExpired", deadline=deadline_s)
        latest_s = call.now_s + MAX_WALLET_DEADLINE_S
        if deadline_s > latest_s:
            raise ModelRevert("DeadlineTooFar", deadline=deadline_s, latest=latest_s)
        if wallet == ZERO_ADDRESS or call.signer != wallet:
            raise ModelRevert("BadSignature", expected=wallet)
        self._set_wallet(agent_id, wallet)

    def unset_agent_wallet(self, call: Call, agent_id: int) -> None:
        self._authorized(call, agent_id)
        self._set_wallet(agent_id, "")

    # --- ERC-721 ---

    def approve(self, call: Call, to: str, agent_id: int) -> None:
        agent = self.agents.get(agent_id)
        if agent is None:
            raise ModelRevert("ERC721NonexistentToken", tokenId=agent_id)
        if call.sender != agent.owner and (agent.owner, call.sender) not in self.operators:
            raise ModelRevert("ERC721InvalidApprover", approver=call.sender)
        agent.approved = to

    def set_approval_for_all(self, call: Call, operator: str, approved: bool) -> None:
        if operator == ZERO_ADDRESS:
            raise ModelRevert("ERC721InvalidOperator", operator=operator)
        pair = (call.sender, operator)
        self.operators.add(pair) if approved else self.operators.discard(pair)

    def transfer(self, call: Call, from_: str, to: str, agent_id: int) -> None:
        """transferFrom: a new owner does not inherit the old operator key."""
        if to == ZERO_ADDRESS:
            raise ModelRevert("ERC721InvalidReceiver", receiver=to)
        agent = self.agents.get(agent_id)
        if agent is None:
            raise ModelRevert("ERC721NonexistentToken", tokenId=agent_id)
        if not self._may_act(agent, call.sender):
            raise ModelRevert("ERC721InsufficientApproval", operator=call.sender, tokenId=agent_id)
        if agent.owner != from_:
            raise ModelRevert("ERC721IncorrectOwner", sender=from_, tokenId=agent_id, owner=agent.owner)
        if agent.wallet:
            self._set_wallet(agent_id, "")
        agent.owner, agent.approved = to, ZERO_ADDRESS
        self.events.append(Transfer(from_, to, agent_id))

    # --- views ---

    def owner_and_wallet(self, agent_id: int) -> tuple[str, str]:
        """Owner and operator key; zero addresses for an unknown agent."""
        agent = self.agents.get(agent_id)
        return (agent.owner, agent.wallet or agent.owner) if agent else (ZERO_ADDRESS, ZERO_ADDRESS)

    def declared(self, agent_id: int, page_id: bytes) -> int:
        agent = self.agents.get(agent_id)
        return agent.declared.get(page_id, 0) if agent else 0

    def token_uri(self, agent_id: int) -> str:
        agent = self.agents.get(agent_id)
        if agent is None:
            raise ModelRevert("ERC721NonexistentToken", tokenId=agent_id)
        return agent.uri or ipfs_uri(agent.file_digest)

    # --- inside ---

    def _may_act(self, agent: Agent, caller: str) -> bool:
        return caller in (agent.owner, agent.approved) or (agent.owner, caller) in self.operators

    def _authorized(self, call: Call, agent_id: int) -> Agent:
        agent = self.agents.get(agent_id)
        if agent is None:
            raise ModelRevert("UnknownAgent", agentId=agent_id)
        if not self._may_act(agent, call.sender):
            raise ModelRevert("NotAgentOwner", agentId=agent_id, caller=call.sender)
        return agent

    def _mint(self, call: Call, uri: str) -> int:
        agent_id = len(self.agents) + 1
        self.agents[agent_id] = Agent(call.sender)
        self.events += [Transfer(ZERO_ADDRESS, call.sender, agent_id), Registered(agent_id, uri, call.sender)]
        return agent_id

    def _declare(self, agent_id: int, page_id: bytes, word: int) -> None:
        self.agents[agent_id].declared[page_id] = word
        self.events.append(CapabilitiesDeclared(agent_id, page_id, word))

    def _set_wallet(self, agent_id: int, wallet: str) -> None:
        self.agents[agent_id].wallet = wallet
        self.events.append(AgentWalletChanged(agent_id, wallet or ZERO_ADDRESS))

    def _set_metadata(self, agent_id: int, key: str, value: bytes) -> None:
        self.agents[agent_id].metadata[key] = value
        self.events.append(MetadataSet(agent_id, key, value))


def _check_word(word: int) -> None:
    if max(unpack_word(word)) > FULL_SCALE:
        raise ModelRevert("LaneOutOfRange", word=word)
