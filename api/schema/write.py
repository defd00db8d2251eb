"""Documents of the write helpers: drafts, relayed transactions and orders, uploads. Requests are strict.

Strict means: an integer is an integer (no false, no "5", no 5.0), unknown fields are faults.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.schema.base import Hex, Model, Wei

MAX_WEI_CHARS = 29  # uint96
MAX_WINDOW_S = 30 * 24 * 3600
Address = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{40}$")]
WeiText = Annotated[str, Field(pattern=r"^[0-9]{1,29}$", description="wei as a decimal string")]
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
    k: Annotated[int, Field(ge=1, le=16)] = 3
    min_seats: Annotated[int, Field(ge=1, le=16)] | None = None
    base_bps: Bps = 2000
    quorum_bps: Annotated[int, Field(ge=1, le=10_000)] = 5001
    min_match_bps: Bps = 0
    router: Address = ZERO
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


class Draft(Model):
    """A task ready to be signed: as an order (a relayer posts it) or as a transaction (the requester posts it)."""

    task_id: Hex
    task: dict[str, Any] = Field(description="the 23 parameters")
    escrow_wei: Wei
    balance_wei: Wei = Field(description="the requester's balance in the market; an order needs the whole escrow there")
    typed_data: dict[str, Any] = Field(description="EIP-712 document for eth_signTypedData_v4; then POST /v1/orders")
    transaction: UnsignedTx = Field(description="depositAndPost with the escrow as value; sign, then POST /v1/tx")
    header_cid: str
    body_cid: str


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


class OrderRequest(Request):
    """A task order that its requester signed."""

    task: dict[str, Any] = Field(description="the 23 parameters, as in a draft")
    signature: Annotated[str, Field(pattern=r"^0x([0-9a-fA-F]{2}){64,65}$")]


class OrderRelayed(Relayed):
    """A relayed order."""

    task_id: Hex


class Uploaded(Model):
    """Content that is kept now."""

    cid: str
    size_bytes: int
    kind: str
