"""Calldata, results and custom errors of our contracts, from the committed artifacts. Pure: knows nothing of RPC or keys."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from eth_abi import abi as eth_abi
from eth_abi.exceptions import DecodingError, EncodingError
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from symphony_chain.errors import ContractError, InvalidInput

MARKET = "TaskMarket"
REGISTRY = "AgentRegistry"


@dataclass(frozen=True, slots=True)
class Signature:
    """One function, event or error of an ABI: canonical types and names of its inputs and outputs."""

    name: str
    types: tuple[str, ...]
    names: tuple[str, ...]
    indexed: tuple[bool, ...]
    outputs: tuple[str, ...]

    @property
    def text(self) -> str:
        """Canonical form, e.g. ``bid(bytes32,(uint256,uint96,uint16,uint40,bytes))``."""
        return f"{self.name}({','.join(self.types)})"

    @property
    def hash(self) -> bytes:
        return keccak(text=self.text)


@dataclass(frozen=True, slots=True)
class DecodedError:
    """A custom error by name, with its arguments and what to do about it."""

    name: str
    args: dict[str, Any]
    hint: str

    def __str__(self) -> str:
        inner = ", ".join(f"{key}={_show(value)}" for key, value in self.args.items())
        return f"{self.name}({inner})"


@cache
def artifact(name: str) -> dict[str, Any]:
    """The committed artifact of a contract: abi, bytecode, deployedBytecode."""
    text = files("symphony_chain").joinpath("artifacts", f"{name}.json").read_text()
    loaded: dict[str, Any] = json.loads(text)
    return loaded


@cache
def signatures(contract: str, kind: str) -> tuple[Signature, ...]:
    """All signatures of a contract of one kind: ``function``, ``event`` or ``error``."""
    out = []
    for item in artifact(contract)["abi"]:
        if item["type"] == kind:
            inputs = item["inputs"]
            out.append(
                Signature(
                    item["name"],
                    tuple(_canonical(i) for i in inputs),
                    tuple(i["name"] for i in inputs),
                    tuple(bool(i.get("indexed")) for i in inputs),
                    tuple(_canonical(o) for o in item.get("outputs", ())),
                )
            )
    return tuple(out)


@cache
def function(contract: str, name: str) -> Signature:
    """A function by name, or by its whole signature where the name is overloaded."""
    found = [s for s in signatures(contract, "function") if name in (s.name, s.text)]
    if len(found) != 1:
        raise KeyError(f"{contract} has {len(found)} functions {name!r}")
    return found[0]


def encode(contract: str, name: str, *args: Any) -> bytes:
    """Calldata of a call.

    Raises:
        InvalidInput: an argument does not fit its type (too large, wrong length).
    """
    signature = function(contract, name)
    try:
        return signature.hash[:4] + eth_abi.encode(signature.types, args)
    except (EncodingError, TypeError) as error:
        raise InvalidInput(
            f"{signature.name}: an argument does not fit the contract's type: {error}",
            hint="check the amounts, times and lengths of the values",
            code="input.abi",
        ) from error


def decode_output(contract: str, name: str, data: bytes) -> tuple[Any, ...]:
    """The return values of a call (addresses lower-case hex, as eth_abi gives them)."""
    try:
        return tuple(eth_abi.decode(function(contract, name).outputs, data))
    except DecodingError as error:
        raise ContractError(
            f"{contract}.{name} answered {len(data)} bytes that are not its result",
            hint="is the contract deployed at this address on this chain? `symphony chain status` tells",
            code="contract.no_code" if not data else "contract.bad_result",
        ) from error


def decode_error(data: bytes) -> DecodedError | None:
    """The custom error (or require string, or panic) in revert data; None for anything unknown."""
    selector, body = data[:4], data[4:]
    try:
        if selector == keccak(text="Error(string)")[:4]:
            return DecodedError("Error", {"message": eth_abi.decode(["string"], body)[0]}, "")
        if selector == keccak(text="Panic(uint256)")[:4]:
            return DecodedError("Panic", {"code": eth_abi.decode(["uint256"], body)[0]}, "")
        signature = _errors().get(selector)
        if signature is None:
            return None
        values = eth_abi.decode(signature.types, body)
    except DecodingError:
        return None
    args = {
        name: to_checksum_address(value) if kind == "address" else value
        for name, kind, value in zip(signature.names, signature.types, values, strict=True)
    }
    return DecodedError(signature.name, args, _HINTS.get(signature.name, ""))


def contract_error(data: bytes) -> ContractError:
    """Revert data as one error for a person: name, arguments, hint."""
    decoded = decode_error(data)
    if decoded is None:
        return ContractError(
            f"the contract reverted with {'0x' + data[:36].hex() if data else 'no reason'}",
            hint="is this the right contract, and does the sender have enough coins for gas and value?",
            revert_data="0x" + data.hex(),
        )
    return ContractError(
        f"the contract refused: {decoded}",
        hint=decoded.hint,
        code=f"contract.{decoded.name}",
        error=decoded.name,
        args={key: _show(value) for key, value in decoded.args.items()},
    )


def _show(value: Any) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)


def _canonical(item: dict[str, Any]) -> str:
    kind: str = item["type"]
    if not kind.startswith("tuple"):
        return kind
    inner = ",".join(_canonical(component) for component in item["components"])
    return f"({inner}){kind[5:]}"


@cache
def _errors() -> dict[bytes, Signature]:
    return {s.hash[:4]: s for contract in (REGISTRY, MARKET) for s in signatures(contract, "error")}


_STATE_HINT = (
    "see where the task stands with `symphony task show`; "
    "State: 1 Open, 2 Unawarded, 3 Awarded, 4 Revealing, 5 Closing, 6 and up closed"
)
#: What a person can do about each custom error; a test keeps it complete.
_HINTS: dict[str, str] = {
    "AddressEmptyCode": "there is no contract at this address",
    "AlreadyCommitted": "this seat's commitment is written once; reveal it instead",
    "AlreadyRevealed": "nothing to do: this seat's answer is on chain",
    "AnswerMismatch": "the published answer's sha-256 must be answerDigest",
    "AnswerTooLong": "publish only the digest; keep the text in the content store",
    "BadSignature": "sign with the expected key, on this chain, for this contract, and do not change the message afterwards",
    "CommitmentMismatch": "reveal what was committed: same answer, evidence, salt (they are in the agent's protection database)",
    "DeadlineTooFar": "sign the wallet message with a deadline at most five minutes ahead",
    "ERC721IncorrectOwner": "the token has another owner",
    "ERC721InsufficientApproval": "ask the agent's owner to approve you",
    "ERC721InvalidApprover": "only the owner or its operator may approve",
    "ERC721InvalidOperator": "name a non-zero operator",
    "ERC721InvalidOwner": "name a non-zero owner",
    "ERC721InvalidReceiver": "the receiver must accept ERC-721 tokens",
    "ERC721InvalidSender": "the token must exist",
    "ERC721NonexistentToken": "no agent has this id; `symphony agent status` lists yours",
    "FailedCall": "one call of the batch failed without a reason",
    "InsufficientBalance": "deposit first (`deposit`, or `depositAndPost` with the escrow as value)",
    "InvalidShortString": "",
    "LaneOutOfRange": "every lane of a capability word is 0…10000",
    "NoSuchSeat": "the task has fewer seats; seat numbers start at 0",
    "NotAgentOwner": "call from the agent's owner or an approved operator",
    "NotAuthorized": "send from the expected account, or attach its signature",
    "NotCommitted": "this seat never committed, so it has nothing to reveal",
    "NothingToClaim": "the agent has no pay waiting",
    "ParameterOutOfRange": "choose a value between min and max",
    "ReservedMetadataKey": "set the agent wallet with setAgentWallet",
    "RevealsPending": "wait until all seats have acted or the named time is past",
    "SignatureExpired": "sign again with a later deadline",
    "StringTooLong": "",
    "TaskExists": "this very task is posted already; change the salt for another one",
    "TooFewSeats": "wait for more bids, or post with a smaller minSeats",
    "TooManyBids": "hand in at most 32 bids",
    "TransferFailed": "the receiver refused the coins; choose another address",
    "UnknownAgent": "no agent has this id; register first",
    "UnsupportedParameter": "leave this parameter at zero: this deployment does not offer it",
    "WalletMayOnlyPayOwner": "the operator key may claim only to the owner's address",
    "WrongState": _STATE_HINT,
    "ZeroAddress": "name a non-zero address",
}
