"""Typed client of Reputation (ERC-8004 feedback, anchors): views over RPC, and calldata for every step. Sends nothing itself.

A requester rates an agent by `encode_rate`: it proves the settled seat and gives the feedback in one call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from eth_utils.address import to_checksum_address

from symphony_chain.abi import encode, function
from symphony_chain.errors import ContractError
from symphony_chain.rpc import BlockId, Rpc
from symphony_chain.texts import decode_lossy, label
from symphony_chain.types import Receipt

#: Name of the contract's artifact.
REPUTATION = "Reputation"
MAX_VALUE = 10**38
MAX_DECIMALS = 18
MAX_TAG_BYTES = 64
#: What the market, read as a client, rates: the share of closed seats that won, in percent.
SUCCESS_RATE = "successRate"
#: Kinds of anchors.
PREFERENCE = label("preference")
VERDICT = label("verdict")


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a client says of an agent: ``value / 10**decimals``, two tags of up to 64 bytes, and where to read more."""

    value: int
    decimals: int = 0
    tag1: str = ""
    tag2: str = ""
    endpoint: str = ""
    uri: str = ""
    digest: bytes = bytes(32)  # keccak256 of the file at `uri`; not needed where the URI names its content

    def as_tuple(self) -> tuple[Any, ...]:
        return (self.value, self.decimals, self.tag1, self.tag2, self.endpoint, self.uri, self.digest)


@dataclass(frozen=True, slots=True)
class Summary:
    """Mean of `count` ratings: ``value / 10**decimals``."""

    count: int
    value: int
    decimals: int

    @property
    def mean(self) -> Decimal:
        # From text: exact, where arithmetic would round to the context's digits.
        return Decimal(f"{self.value}e-{self.decimals}")


@dataclass(frozen=True, slots=True)
class FeedbackEntry:
    """One feedback as the contract keeps it; `index` counts from 1 for each agent and client."""

    client: str
    index: int
    value: int
    decimals: int
    tag1: str
    tag2: str
    revoked: bool


class ReputationClient:
    """Reads of one contract at `block` (default latest). All raise ChainUnavailable when the node is away."""

    def __init__(self, rpc: Rpc, address: str) -> None:
        self.rpc = rpc
        self.address = address

    def _read(self, block: BlockId, name: str, *args: Any) -> tuple[Any, ...]:
        data = self.rpc.eth_call(self.address, encode(REPUTATION, name, *args), block)
        if not data:
            raise ContractError(
                f"there is no {REPUTATION} at {self.address}",
                hint="is the contract deployed at this address on this chain?",
                code="contract.no_code",
            )
        return decode_lossy(function(REPUTATION, name).outputs, data)

    def credits(self, agent_id: int, client: str, block: BlockId = "latest") -> int:
        """How many more feedbacks the client may give this agent now; seats not opened yet do not count."""
        count: int = self._read(block, "creditsOf", agent_id, client)[0]
        return count

    def opened(self, task_id: bytes, block: BlockId = "latest") -> tuple[int, ...]:
        """Seats of a task that were opened."""
        bits: int = self._read(block, "openedOf", task_id)[0]
        return tuple(seat for seat in range(16) if bits >> seat & 1)

    def clients(self, agent_id: int, block: BlockId = "latest") -> tuple[str, ...]:
        """Who rated the agent; the market first, once it has closed a seat of it."""
        return tuple(to_checksum_address(client) for client in self._read(block, "getClients", agent_id)[0])

    def summary(
        self, agent_id: int, clients: Sequence[str], tag1: str = "", tag2: str = "", block: BlockId = "latest"
    ) -> Summary:
        """Mean over the clients named (at least one; the market's address: over the settled seats). Empty tags match all."""
        return Summary(*self._read(block, "getSummary", agent_id, list(clients), tag1, tag2))

    def feedback(
        self,
        agent_id: int,
        clients: Sequence[str] = (),
        tag1: str = "",
        tag2: str = "",
        *,
        include_revoked: bool = False,
        block: BlockId = "latest",
    ) -> tuple[FeedbackEntry, ...]:
        """Feedback of the clients named, or of all; a view that walks all of it, so name clients where there are many."""
        columns = self._read(block, "readAllFeedback", agent_id, list(clients), tag1, tag2, include_revoked)
        return tuple(
            FeedbackEntry(to_checksum_address(client), *rest) for client, *rest in zip(*columns, strict=True)
        )

    def responses(
        self,
        agent_id: int,
        client: str,
        index: int = 0,
        responders: Sequence[str] = (),
        block: BlockId = "latest",
    ) -> int:
        """How many responses a client's feedback has; index 0: all of it, no responders: anybody's."""
        count: int = self._read(block, "getResponseCount", agent_id, client, index, list(responders))[0]
        return count


def encode_open(receipt: Receipt, seat: int) -> bytes:
    """Proves a settled seat: its requester may rate its agent once."""
    return encode(REPUTATION, "open", receipt.as_tuple(), seat)


def encode_give_feedback(agent_id: int, feedback: Feedback) -> bytes:
    """ERC-8004's call; takes one credit of the caller."""
    return encode(REPUTATION, "giveFeedback", agent_id, *feedback.as_tuple())


def encode_rate(receipt: Receipt, seat: int, feedback: Feedback) -> bytes:
    """`encode_open` and `encode_give_feedback` in one call, for the requester itself."""
    agent_id = receipt.results[seat].agent_id
    return encode_multicall([encode_open(receipt, seat), encode_give_feedback(agent_id, feedback)])


def encode_revoke_feedback(agent_id: int, index: int) -> bytes:
    return encode(REPUTATION, "revokeFeedback", agent_id, index)


def encode_append_response(
    agent_id: int, client: str, index: int, uri: str, digest: bytes = bytes(32)
) -> bytes:
    """`digest`: keccak256 of the file at `uri`; not needed where the URI names its content."""
    return encode(REPUTATION, "appendResponse", agent_id, client, index, uri, digest)


def encode_anchor(receipt: Receipt, kind: bytes, digest: bytes) -> bytes:
    """For the task's requester or evaluator. `kind`: `PREFERENCE`, `VERDICT` or another `texts.label`."""
    return encode(REPUTATION, "anchor", receipt.as_tuple(), kind, digest)


def encode_multicall(calls: Sequence[bytes]) -> bytes:
    return encode(REPUTATION, "multicall", list(calls))
