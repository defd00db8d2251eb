"""Documents of the write helpers: drafts, relayed transactions and orders, uploads. Requests are strict.

A draft carries what a wallet needs (an EIP-712 document, an unsigned transaction) and the order that its signature completes.

Strict means: an integer is an integer (no false, no "5", no 5.0), unknown fields are faults.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.schema.base import Address, Hex, Model, Wei

MAX_WEI_CHARS = 29  # uint96
MAX_WINDOW_S = 30 * 24 * 3600
WeiText = Annotated[str, Field(pattern=r"^[0-9]{1,29}$", description="amount in the token's smallest unit, as a decimal string")]
Bytes32 = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{64}$")]
#: Of a key (65 or 64 bytes), or whatever a wallet contract takes.
Signature = Annotated[str, Field(pattern=r"^0x([0-9a-fA-F]{2}){1,2048}$")]
AgentId = Annotated[int, Field(ge=0, le=2**32 - 1)]
Seat = Annotated[int, Field(ge=0, le=15)]
Seconds = Annotated[int, Field(ge=0, lt=2**40)]
Bps = Annotated[int, Field(ge=0, le=10_000)]
ZERO = "0x" + "00" * 20


class Request(BaseModel):
    """Root of all request bodies."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class DraftRequest(Request):
    """What a requester wants; everything but the question, the skills and the money has a default."""

    requester: Address
    prompt: Annotated[str, Field(min_length=1, max_length=32 * 1024)]
    title: Annotated[str, Field(min_length=1, max_length=200)]
    answer_format: dict[str, Any] = Field(description='such as {"type": "integer"}; see docs/formats.md')
    skills: Annotated[dict[str, Bps], Field(min_length=1, max_length=16, description="tag → basis points")]
    ceiling_wei: WeiText
    token: Address = ZERO
    k: Annotated[int, Field(ge=1, le=16)] = 3
    min_seats: Annotated[int, Field(ge=1, le=16)] | None = None
    base_bps: Bps = 2000
    quorum_bps: Annotated[int, Field(ge=1, le=10_000)] = 5001
    min_match_bps: Bps = 0
    bond_wei: WeiText = "0"
    shared_bps: Bps = 0
    open: bool = False
    router: Address = ZERO
    evaluator: Address = ZERO
    evaluation_window_s: Annotated[int, Field(ge=0, le=MAX_WINDOW_S)] = 0
    evaluation_fee_wei: WeiText = "0"
    bid_window_s: Annotated[int, Field(ge=5, le=MAX_WINDOW_S)] = 60
    commit_window_s: Annotated[int, Field(ge=5, le=MAX_WINDOW_S)] = 180
    reveal_window_s: Annotated[int, Field(ge=5, le=MAX_WINDOW_S)] = 120
    cot_count: Annotated[int, Field(ge=1, le=64)] = 5


class UnsignedTx(Model):
    """A transaction for the requester's wallet to fill in (nonce, fees) and sign."""

    from_: str = Field(alias="from")
    to: str
    data: Hex
    value: Wei
    chainId: int

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)


class Signable(Model):
    """Two ways to do one thing: sign `typed_data` and send `order` with the signature, or send `transaction` oneself."""

    order: dict[str, Any] = Field(description="add `signature`, then POST /v1/orders")
    typed_data: dict[str, Any] = Field(description="EIP-712 document for eth_signTypedData_v4")
    transaction: UnsignedTx = Field(description="send it with the wallet, or sign it and POST /v1/tx")
    relayed: bool = Field(description="whether this API relays orders")


class Draft(Signable):
    """A task ready to be signed."""

    task_id: Hex
    task: dict[str, Any] = Field(description="the 24 parameters")
    token: Address
    escrow_wei: Wei
    balance_wei: Wei = Field(description="the requester's in the market; an order, or a token, needs the whole escrow there")
    deposits: tuple[UnsignedTx, ...] = Field(description="transactions that bring what is missing into that balance")
    header_cid: str
    body_cid: str


class SignedBid(Request):
    """A bid on a task, with the signature of the agent's wallet."""

    agent_id: AgentId
    price_wei: WeiText
    confidence_bps: Bps
    expiry_s: Seconds
    signature: Signature


class HireRequest(Request):
    """A drafted task and the bids that its requester chose, best first: to be posted and awarded in one transaction."""

    task: dict[str, Any] = Field(description="the 24 parameters, as in a draft")
    bids: Annotated[list[SignedBid], Field(min_length=1, max_length=32)]


class Hire(Signable):
    """A task and its award, ready to be signed together."""

    task_id: Hex
    token: Address
    cost_wei: Wei = Field(description="at most: the highest of these asks for every seat, and the evaluator's fee")
    balance_wei: Wei = Field(description="the requester's in the market; an order, or a token, is paid from there")
    deposits: tuple[UnsignedTx, ...] = Field(description="transactions that bring what is missing into that balance")


class TxRequest(Request):
    """A signed transaction."""

    raw: Annotated[str, Field(pattern=r"^0x([0-9a-fA-F]{2})+$", max_length=2 + 2 * 128 * 1024)]


class Relayed(Model):
    """What became of a relayed transaction so far; `unknown`: send the same request again to find out."""

    tx_hash: Hex
    status: Literal["broadcast", "mined", "reverted", "unknown"]
    block_number: int | None = None
    block_hash: Hex | None = None
    gas_used: int | None = None


class ClaimRequest(Request):
    """An agent's money, to be claimed by its owner or operator."""

    agent_id: AgentId
    by: Address = Field(description="who will sign: the agent's owner or operator")
    to: Address | None = Field(default=None, description="the owner, where none is given; an operator can pay nobody else")
    token: Address = ZERO


class WithdrawRequest(Request):
    """An account's money, to be withdrawn by itself."""

    account: Address
    to: Address | None = Field(default=None, description="the account itself, where none is given")
    token: Address = ZERO
    amount_wei: WeiText | None = Field(default=None, description="everything, where none is given")


class Payment(Signable):
    """Money ready to leave the market once its owner signs."""

    token: Address
    amount_wei: Wei
    to: Address
    deadline_s: int = Field(description="block time until which the signature counts")


class _Order(Request):
    signature: Signature


class PostOrder(_Order):
    """The requester's task; its escrow lies in the requester's balance."""

    kind: Literal["post"]
    task: dict[str, Any] = Field(description="the 24 parameters, as in a draft")


class CancelOrder(_Order):
    """The requester's Cancel."""

    kind: Literal["cancel"]
    task: dict[str, Any]


class AwardOrder(_Order):
    """The requester's or router's Award of these bids in this order."""

    kind: Literal["award"]
    task: dict[str, Any]
    bids: Annotated[list[SignedBid], Field(max_length=32)]


class HireOrder(_Order):
    """The requester's Hire: the task and its award in one transaction, paid from the requester's balance."""

    kind: Literal["hire"]
    task: dict[str, Any]
    bids: Annotated[list[SignedBid], Field(max_length=32)]


class TakeOrder(_Order):
    """An agent wallet's Take of a free seat."""

    kind: Literal["take"]
    task: dict[str, Any]
    agent_id: AgentId
    deadline_s: Seconds


class CommitOrder(_Order):
    """An agent wallet's Commit."""

    kind: Literal["commit"]
    task_id: Bytes32
    seat: Seat
    commitment: Bytes32


class EvaluateOrder(_Order):
    """The evaluator's scores, one a seat."""

    kind: Literal["evaluate"]
    task: dict[str, Any]
    scores_bps: Annotated[list[Bps], Field(max_length=16)]


class ClaimOrder(_Order):
    """The owner's or operator's Claim."""

    kind: Literal["claim"]
    agent_id: AgentId
    token: Address
    to: Address
    deadline_s: Seconds


class WithdrawOrder(_Order):
    """The account's Withdraw."""

    kind: Literal["withdraw"]
    account: Address
    token: Address
    to: Address
    amount_wei: WeiText
    deadline_s: Seconds


Order = (
    PostOrder | HireOrder | CancelOrder | AwardOrder | TakeOrder | CommitOrder | EvaluateOrder | ClaimOrder | WithdrawOrder
)
OrderRequest = Annotated[Order, Field(discriminator="kind")]


class OrderRelayed(Relayed):
    """A relayed order."""

    task_id: Hex | None = Field(description="of the task that it is about; null for claims and withdrawals")


class Uploaded(Model):
    """Content that is kept now."""

    cid: str
    size_bytes: int
    kind: str
