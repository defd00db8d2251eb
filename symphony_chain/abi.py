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
PLANS = "Plans"
POOL = "RewardPool"
QUORUM = "QuorumEvaluator"


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
        inner = ", ".join(f"{key}={_show(key, value)}" for key, value in self.args.items())
        return f"{self.name}({inner})"


@cache
def artifact(name: str) -> dict[str, Any]:
    """The committed artifact of a contract: abi, bytecode, deployedBytecode."""
    text = files("symphony_chain").joinpath("artifacts", f"{name}.json").read_text()
    loaded: dict[str, Any] = json.loads(text)
    return loaded


@cache
def contracts() -> tuple[str, ...]:
    """Names of all committed artifacts."""
    found = files("symphony_chain").joinpath("artifacts").iterdir()
    names = (file.name.removesuffix(".json") for file in found if file.name.endswith(".json"))
    return tuple(sorted(name for name in names if name != "manifest"))


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
        args={key: _show(key, value) for key, value in decoded.args.items()},
    )


def _show(name: str, value: Any) -> str:
    """An argument for a person; a parameter's ``name`` is ASCII in a bytes32."""
    if not isinstance(value, bytes):
        return str(value)
    return value.rstrip(b"\0").decode("ascii", "replace") if name == "name" else "0x" + value.hex()


def _canonical(item: dict[str, Any]) -> str:
    kind: str = item["type"]
    if not kind.startswith("tuple"):
        return kind
    inner = ",".join(_canonical(component) for component in item["components"])
    return f"({inner}){kind[5:]}"


@cache
def _errors() -> dict[bytes, Signature]:
    return {s.hash[:4]: s for contract in contracts() for s in signatures(contract, "error")}


def error_hints() -> dict[str, str]:
    """Name of every custom error of our contracts → what a person can do about it, "" where nothing."""
    return {s.name: _HINTS.get(s.name, "") for s in _errors().values()}


_STATE_HINT = (
    "see where the task stands with `symphony task show`; "
    "State: 1 Open, 2 Free, 3 Unawarded, 4 Awarded, 5 Revealing, 6 Evaluating, 7 Closing, 8 and up closed"
)
#: What a person can do about each custom error; a test keeps it complete.
_HINTS: dict[str, str] = {
    "AlreadyCommitted": "this seat's commitment is written once; reveal it instead",
    "AlreadyOpened": "this seat's feedback was opened already",
    "AlreadyPresented": "this deliverable is presented already: ask for the verdict",
    "AlreadyRecorded": "nothing to do: the task is in the pool's books",
    "AlreadyRevealed": "nothing to do: this seat's answer is on chain",
    "AlreadyRevoked": "nothing to do: this feedback is revoked",
    "AlreadyYanked": "nothing to do: this version is yanked",
    "AmountMismatch": "send exactly the amount as value, or none for a token",
    "AmountTooLarge": "no account holds 2^120 units of a token",
    "AnswerMismatch": "the published answer's sha-256 must be answerDigest",
    "AnswerTooLong": "publish only the digest; keep the text in the content store",
    "BadSignature": "sign with the expected key, on this chain, for this contract, and do not change the message afterwards",
    "ChildMismatch": "hand in the receipts of the named children, in their order",
    "ChildOpen": "settle the named children first",
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
    "ETHTransferFailed": "the receiver refused the coins; choose another address",
    "EmptyDeliverable": "submit a deliverable to the job first",
    "EmptyResponse": "say where the response is",
    "EvidenceMismatch": "reveal the trace and the children that were committed",
    "ForeignTask": "name the vote of this very job",
    "InsufficientBalance": "send the escrow along as value, or deposit first",
    "InvalidShortString": "",
    "LaneOutOfRange": "every lane of a capability word is 0…10000",
    "LengthOutOfRange": "names have 1 to 64 bytes, versions 1 to 31",
    "NoClients": "name the clients whose feedback you trust",
    "NoSuchFeedback": "`symphony feedback list AGENT` shows what there is",
    "NoSuchReceipt": "the task must be closed, and the receipt exactly its TaskPosted and TaskSettled",
    "NoSuchRelease": "`symphony release list` shows what was published",
    "NoDesk": "the market has no place left for seats: wait until tasks settle, or give the task another salt",
    "NoSuchSeat": "the task has fewer seats; seat numbers start at 0",
    "NotAgentOwner": "call from the agent's owner or an approved operator",
    "NotAuthorized": "send from the expected account, or attach its signature",
    "NotCommitted": "this seat never committed, so it has nothing to reveal",
    "NotEvaluator": "the job must name the QuorumEvaluator as its evaluator",
    "NotFinal": "the epoch is not final yet: `symphony reward list AGENT` says when",
    "NotOfTask": "only the task's requester or evaluator may",
    "NotPresented": "the provider must present its deliverable first",
    "NotRevealed": "only a seat that revealed can be rated: `symphony task show` lists them",
    "NothingGiven": "no seat of the task shared anything",
    "NothingOpen": "feedback needs a settled task with this agent: `symphony feedback add TASK` opens it",
    "NothingToClaim": "the agent has no pay waiting",
    "NothingToShare": "the seat has had its share, gave nothing, or its task was recorded too late",
    "ParameterOutOfRange": "choose a value between min and max",
    "Pending": "wait until all seats have acted or the named time is past",
    "PolicyFixed": "the policy of a job is written once",
    "PolicyMismatch": "hand in the policy as it was fixed",
    "Reentered": "",
    "Reentrancy": "",
    "ReleaseExists": "a version is published once: publish under another version",
    "ReservedMetadataKey": "set the agent wallet with setAgentWallet",
    "SeatRefused": "this agent gets no seat, for the named reason: `symphony task explain`",
    "SelfFeedback": "owner, operators and wallet of an agent do not rate it",
    "SignatureExpired": "sign again with a later deadline",
    "StaleParent": "another delta came first: fetch it, and publish again on the head",
    "StringTooLong": "",
    "TagTooLong": "tags have 64 bytes at most",
    "TaskExists": "this very task is posted already; change the salt for another one",
    "TooFewSeats": "wait for more bids, or post with a smaller minSeats",
    "TooManyBids": "hand in at most 32 bids",
    "TransferFailed": "the token refused the transfer; is the receiver blocked, or the token paused?",
    "TransferFromFailed": "approve the market for the amount, and have it",
    "Undecided": "the vote ended without an answer: ask for another",
    "UnexpectedCoins": "the pool takes coins from its markets only",
    "UnknownAgent": "no agent has this id; register first",
    "ValueOutOfRange": "at most 18 decimals, and 1e38 in all digits",
    "VoteLive": "wait for the end of the vote, and resolve it",
    "WalletMayOnlyPayOwner": "the operator key may claim only to the owner's address",
    "WrongKind": "plans are revealed through Plans, all else through the market",
    "WrongState": _STATE_HINT,
    "WrongStatus": "see where the job stands",
    "ZeroAddress": "name a non-zero address",
    "ZeroDigest": "name the content by its CID",
}
