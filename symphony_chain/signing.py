"""EIP-712 messages of the market and registry, commitments, and salts. Pure: keys come in, bytes go out; no RPC.

A task's id is the EIP-712 digest of its parameters, so signing the order and naming the task are one act.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eth_abi import abi as eth_abi
from eth_account import Account
from eth_account.messages import SignableMessage, encode_typed_data
from eth_account.signers.local import LocalAccount
from eth_keys.exceptions import BadSignature
from eth_utils.crypto import keccak
from eth_utils.exceptions import ValidationError

from symphony_chain.errors import InvalidInput
from symphony_chain.types import MAX_SEATS, SOLIDITY_NAMES, Bid, Task

TASK_TYPES = (
    "address address address uint96 uint16 uint96 uint8 bytes32 uint256 uint16 uint8 uint8 uint16 bool uint40 uint40 uint32 "
    "address uint32 uint96 uint16 bytes32 bytes32 bytes32"
).split()
_MARKET = ("Symphony TaskMarket", "1")
_REGISTRY = ("ERC8004IdentityRegistry", "1")
_DOMAIN_TYPE = [
    {"name": "name", "type": "string"},
    {"name": "version", "type": "string"},
    {"name": "chainId", "type": "uint256"},
    {"name": "verifyingContract", "type": "address"},
]


def _fields(text: str) -> list[dict[str, str]]:
    return [{"type": kind, "name": name} for kind, name in (pair.split() for pair in text.split(","))]


#: Every primary type we sign, with its fields in order.
TYPES: dict[str, list[dict[str, str]]] = {
    "Task": [{"type": kind, "name": name} for kind, name in zip(TASK_TYPES, SOLIDITY_NAMES, strict=True)],
    "Bid": _fields("bytes32 taskId,uint256 agentId,uint96 price,uint16 confidenceBps,uint40 expiry"),
    "Award": _fields("bytes32 taskId,uint256[] bids"),
    "Hire": _fields("bytes32 taskId,uint256[] bids"),
    "Take": _fields("bytes32 taskId,uint256 agentId,uint256 deadline"),
    "Commit": _fields("bytes32 taskId,uint256 seat,bytes32 commitment"),
    "Cancel": _fields("bytes32 taskId"),
    "Evaluate": _fields("bytes32 taskId,uint256 scores"),
    "Claim": _fields("uint256 agentId,address token,address to,uint256 nonce,uint256 deadline"),
    "Withdraw": _fields("address account,address token,address to,uint256 amount,uint256 nonce,uint256 deadline"),
    "AgentWalletSet": _fields("uint256 agentId,address newWallet,address owner,uint256 deadline"),
}
#: Desks that a task's salt can name (docs/contracts.md, Words; `contracts/libraries/Words.sol`).
NAMED_DESKS = (1 << 34) - 1
_ANSWER_TYPEHASH = keccak(
    text="Answer(bytes32 taskId,uint256 agentId,bytes32 answerDigest,bytes32 evidenceDigest,bytes32 salt)"
)


@dataclass(frozen=True, slots=True)
class Domain:
    """Where a signature counts: one chain, one market, one registry."""

    chain_id: int
    market: str
    registry: str

    def _of(self, primary_type: str) -> dict[str, Any]:
        registry = primary_type == "AgentWalletSet"
        name, version = _REGISTRY if registry else _MARKET
        contract = self.registry if registry else self.market
        return {"name": name, "version": version, "chainId": self.chain_id, "verifyingContract": contract}


def typed_data(domain: Domain, primary_type: str, message: dict[str, Any]) -> dict[str, Any]:
    """The full EIP-712 document (``eth_signTypedData_v4``) that a wallet shows and signs."""
    return {
        "types": {"EIP712Domain": _DOMAIN_TYPE, primary_type: TYPES[primary_type]},
        "primaryType": primary_type,
        "domain": domain._of(primary_type),
        "message": message,
    }


def digest(domain: Domain, primary_type: str, message: dict[str, Any]) -> bytes:
    """EIP-712 digest, 32 bytes."""
    signable = _signable(domain, primary_type, message)
    return keccak(b"\x19" + signable.version + signable.header + signable.body)


def _signable(domain: Domain, primary_type: str, message: dict[str, Any]) -> SignableMessage:
    return encode_typed_data(
        domain_data=domain._of(primary_type), message_types={primary_type: TYPES[primary_type]}, message_data=message
    )


def sign(account: LocalAccount, domain: Domain, primary_type: str, message: dict[str, Any]) -> bytes:
    """65-byte signature (r, s, v) of a message."""
    return bytes(account.sign_message(_signable(domain, primary_type, message)).signature)


def recover(domain: Domain, primary_type: str, message: dict[str, Any], signature: bytes) -> str | None:
    """Checksummed signer of a message; None for anything malformed. Takes 65 bytes, or 64 (ERC-2098)."""
    if len(signature) == 64:
        parity = signature[32] >> 7
        signature = signature[:32] + bytes([signature[32] & 0x7F]) + signature[33:] + bytes([27 + parity])
    if len(signature) != 65 or signature[64] not in (27, 28) or int.from_bytes(signature[32:64], "big") > _HALF_N:
        return None
    try:
        address: str = Account.recover_message(_signable(domain, primary_type, message), signature=signature)
    except (BadSignature, ValidationError, ValueError):
        return None
    return address


#: Half the order of secp256k1: a higher s is the malleable twin that the contract refuses.
_HALF_N = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0


def task_message(task: Task) -> dict[str, Any]:
    """The task as an EIP-712 message."""
    return dict(zip(SOLIDITY_NAMES, task.as_tuple(), strict=True))


def task_id(domain: Domain, task: Task) -> bytes:
    """The task's id: the EIP-712 digest of all its parameters."""
    return digest(domain, "Task", task_message(task))


def sign_task(account: LocalAccount, domain: Domain, task: Task) -> bytes:
    return sign(account, domain, "Task", task_message(task))


def recover_task(domain: Domain, task: Task, signature: bytes) -> str | None:
    return recover(domain, "Task", task_message(task), signature)


def bid_message(task_id: bytes, bid: Bid) -> dict[str, Any]:
    return {
        "taskId": task_id,
        "agentId": bid.agent_id,
        "price": bid.price_wei,
        "confidenceBps": bid.confidence_bps,
        "expiry": bid.expiry_s,
    }


def sign_bid(account: LocalAccount, domain: Domain, task_id: bytes, bid: Bid) -> Bid:
    """The bid with its signature."""
    signature = sign(account, domain, "Bid", bid_message(task_id, bid))
    return Bid(bid.agent_id, bid.price_wei, bid.confidence_bps, bid.expiry_s, signature)


def recover_bid(domain: Domain, task_id: bytes, bid: Bid) -> str | None:
    return recover(domain, "Bid", bid_message(task_id, bid), bid.signature)


def sign_award(account: LocalAccount, domain: Domain, task_id: bytes, bids: Sequence[Bid]) -> bytes:
    """The requester's or router's choice, bid by bid in order."""
    return sign(account, domain, "Award", {"taskId": task_id, "bids": [b.terms for b in bids]})


def sign_hire(account: LocalAccount, domain: Domain, task_id: bytes, bids: Sequence[Bid]) -> bytes:
    """The requester's order and choice in one."""
    return sign(account, domain, "Hire", {"taskId": task_id, "bids": [b.terms for b in bids]})


def sign_take(account: LocalAccount, domain: Domain, task_id: bytes, agent_id: int, deadline_s: int) -> bytes:
    return sign(account, domain, "Take", {"taskId": task_id, "agentId": agent_id, "deadline": deadline_s})


def sign_evaluate(account: LocalAccount, domain: Domain, task_id: bytes, scores_bps: Sequence[int]) -> bytes:
    """The evaluator's scores, one a seat in order."""
    return sign(account, domain, "Evaluate", {"taskId": task_id, "scores": scores_word(scores_bps)})


def scores_word(scores_bps: Sequence[int]) -> int:
    """Scores as `TaskMarket.evaluate` takes them: sixteen bits a seat from the lowest.

    Raises:
        InvalidInput: more than 16 scores, or one that is not 0…10000.
    """
    if len(scores_bps) > MAX_SEATS or not all(0 <= score <= 10_000 for score in scores_bps):
        raise InvalidInput(f"{list(scores_bps)} are not scores", hint="give at most 16, each 0…10000 basis points")
    return sum(score << (16 * seat) for seat, score in enumerate(scores_bps))


def sign_commit(account: LocalAccount, domain: Domain, task_id: bytes, seat: int, commitment: bytes) -> bytes:
    return sign(account, domain, "Commit", {"taskId": task_id, "seat": seat, "commitment": commitment})


def sign_cancel(account: LocalAccount, domain: Domain, task_id: bytes) -> bytes:
    return sign(account, domain, "Cancel", {"taskId": task_id})


def sign_claim(
    account: LocalAccount, domain: Domain, agent_id: int, token: str, to: str, nonce: int, deadline_s: int
) -> bytes:
    message = {"agentId": agent_id, "token": token, "to": to, "nonce": nonce, "deadline": deadline_s}
    return sign(account, domain, "Claim", message)


def sign_withdraw(
    account: LocalAccount, domain: Domain, token: str, to: str, amount_wei: int, nonce: int, deadline_s: int
) -> bytes:
    message = {
        "account": account.address,
        "token": token,
        "to": to,
        "amount": amount_wei,
        "nonce": nonce,
        "deadline": deadline_s,
    }
    return sign(account, domain, "Withdraw", message)


def sign_agent_wallet(account: LocalAccount, domain: Domain, agent_id: int, owner: str, deadline_s: int) -> bytes:
    """The operator key's consent to work for an agent (ERC-8004); `account` is the new wallet."""
    message = {"agentId": agent_id, "newWallet": account.address, "owner": owner, "deadline": deadline_s}
    return sign(account, domain, "AgentWalletSet", message)


def commitment(task_id: bytes, agent_id: int, answer_digest: bytes, evidence_digest: bytes, salt: bytes) -> bytes:
    """What a seat commits to (DESIGN 3.3): bound to task, agent, answer, evidence and salt; 32 bytes."""
    return keccak(
        eth_abi.encode(
            ["bytes32", "bytes32", "uint256", "bytes32", "bytes32", "bytes32"],
            [_ANSWER_TYPEHASH, task_id, agent_id, answer_digest, evidence_digest, salt],
        )
    )


def plan_evidence(trace_digest: bytes, children: Sequence[bytes]) -> bytes:
    """evidenceDigest of a plan: binds its trace and the child tasks that it names, in order."""
    return keccak(eth_abi.encode(["bytes32", "bytes32[]"], [trace_digest, list(children)]))


def derive_salt(private_key: bytes, task_id: bytes) -> bytes:
    """Salt of a seat: HKDF-SHA256 (RFC 5869) of the operator key, so that a lost database loses no reveal.

    32 bytes, of which the first 16 are zero: 128 bits hide an answer as well, and zeros cost a quarter in calldata.
    """
    prk = hmac.new(b"symphony.salt/1", private_key, hashlib.sha256).digest()
    return bytes(16) + hmac.new(prk, task_id + b"\x01", hashlib.sha256).digest()[:16]


def task_salt(requester: str, turn: int, noise: bytes) -> bytes:
    """Salt of a task (32 bytes) that asks for a desk: slots where the market keeps the seats, cheap to write if used before.

    A requester's tasks that live at the same time should differ in `turn`, and else come back to the same few: a desk where
    somebody sits costs one task the price of fresh slots, nothing more. `noise`: 27 random bytes, which make the salt unique.
    """
    desk = int.from_bytes(keccak(bytes.fromhex(requester[2:]))[:8], "big") + turn
    return noise[:27].rjust(27, b"\0") + (desk % NAMED_DESKS).to_bytes(5, "big")
