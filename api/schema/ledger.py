"""Documents of the contracts around the market: releases, deltas, feedback, the reward pool; and what the market owes and holds.

Names, versions, kinds, tags, endpoints and URIs are strangers' words.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PlainSerializer

from api.schema.base import Address, Anchored, BlockRef, Hex, Model, Wei

#: A size may have 64 bits, a double carries 53.
Bytes = Annotated[int, PlainSerializer(str, return_type=str), Field(ge=0, description="of all content, as a decimal string")]
Content = Annotated[str | None, Field(description="CID; null where the codec on chain is none of IPFS's raw and dag-pb")]
SignedWei = Annotated[int, PlainSerializer(str, return_type=str)]


class Release(Anchored):
    """A version that a publisher stands for. Names belong to nobody: readers choose publishers."""

    publisher: Address
    name: str = Field(description="foreign text")
    name_hash: Hex = Field(description="keccak256 of the name's bytes: what the chain knows it by")
    version: str = Field(description="foreign text")
    kind: str = Field(description="base-model, toolchain, task-template, skill-page, expert-corpus, or any other; foreign text")
    digest: Hex
    cid: Content
    size_bytes: Bytes
    yanked: bool = Field(description="the publisher warns of it; its digest stays")
    published: BlockRef
    tx_hash: Hex


class Delta(Anchored):
    """A sparse model update in the line of one agent on one base model."""

    agent_id: int
    base_model: Hex = Field(description="digest of the base model that the line is on")
    parent: Hex = Field(description="the line's head before; zero for the first")
    head: Hex = Field(description="the line's head from then on: EIP-712 hash of this delta, its parent included")
    is_head: bool = Field(description="the line ends in it")
    digest: Hex
    cid: Content
    size_bytes: Bytes
    tx_hash: Hex


class FeedbackAnswer(Anchored):
    """An answer to a feedback; anybody may give one."""

    responder: Address
    uri: str = Field(description="foreign text")
    digest: Hex = Field(description="keccak256 of the file at the URI; zero where none was given")
    tx_hash: Hex


class Feedback(Anchored):
    """What a client says of an agent that answered a task of its (ERC-8004)."""

    agent_id: int
    client: Address
    index: int = Field(description="counts a client's feedback to one agent, from 1")
    value: str = Field(description="the rating, as a decimal number of the client's own scale")
    decimals: int
    tag1: str = Field(description="foreign text, like tag2, endpoint and uri")
    tag2: str
    endpoint: str
    uri: str
    digest: Hex = Field(description="keccak256 of the file at the URI; zero where none was given")
    revoked: bool
    given: BlockRef
    tx_hash: Hex
    answers: tuple[FeedbackAnswer, ...]


class FeedbackCredit(Model):
    """A seat of a closed task that was proved: its requester may rate its agent once more."""

    seat: int
    agent_id: int
    client: Address
    tx_hash: Hex


class TaskAnchor(Model):
    """A digest that a closed task's requester or evaluator put on chain: preference labels, a verdict."""

    by: Address
    kind: str = Field(description="preference, verdict, or any other; foreign text")
    digest: Hex
    tx_hash: Hex


class PoolTerms(Model):
    """Constants of the pool: what seats give in an epoch is released `delay` epochs later in `spread` equal parts."""

    epoch_s: int
    delay: int
    spread: int


class PoolBook(Anchored):
    """The pool's book of this market in one token."""

    token: Address
    owed_wei: Wei = Field(description="what the market owes the pool for recorded tasks")
    carry_wei: Wei = Field(description="what came over to the first epoch that is not final")
    next_epoch: int = Field(description="first epoch that is not final; zero while none is")


class Pool(Model):
    """The reward pool as far as it deals with this market."""

    address: Address
    terms: PoolTerms | None = Field(description="null while the node does not say")
    epoch: int | None = Field(description="epoch of the indexed head")
    books: tuple[PoolBook, ...]


class PoolEpoch(Anchored):
    """One epoch of one token in which something changed."""

    token: Address
    epoch: int
    starts_s: int | None
    final_at_s: int | None = Field(description="block time from which anybody may finalise it; null while the node says no terms")
    final: bool
    pot_wei: Wei = Field(description="recorded into it")
    given_wei: Wei = Field(description="of the pot: by seats that share in this epoch")
    released_wei: Wei | None = Field(description="once final: what earlier pots released to it, with what came over")
    reserved_wei: Wei | None = Field(description="once final: of that, for its seats; never more than they gave")
    left_wei: Wei = Field(description="of what is reserved: not paid yet")
    unpaid_wei: Wei = Field(description="what the seats gave that are not paid yet")


class PoolShare(Model):
    """What the pool paid a seat."""

    seat: int
    agent_id: int
    given_wei: Wei
    amount_wei: Wei
    tx_hash: Hex


class PoolRecord(Anchored):
    """A closed task, proved to the pool by anybody."""

    task_id: Hex
    token: Address
    epoch: int
    amount_wei: Wei = Field(description="what its seats gave")
    sharing: bool = Field(description="recorded in time: its seats share in the epoch; a late task only feeds the pot")
    recorder: Address = Field(description="who sent the transaction")
    tx_hash: Hex
    shares: tuple[PoolShare, ...] = Field(description="paid so far")


class TokenSolvency(Anchored):
    """What the market owes in one token by the index, and what it holds by the node, both at the same block."""

    token: Address
    balances_wei: Wei = Field(description="internal balances of addresses, the pool's included")
    accounts_wei: Wei = Field(description="agents' unclaimed pay and bonds")
    escrow_wei: Wei = Field(description="escrow and bonds of tasks that are not closed")
    burnt_wei: Wei = Field(description="owed to nobody, and never paid out")
    owed_wei: Wei = Field(description="the sum of these")
    held_wei: Wei | None = Field(description="null where the token, or the node, does not say")
    surplus_wei: SignedWei | None = Field(description="held less owed: negative where it is short")
    state: Literal["covered", "short", "unknown"]
