"""The indexer's rows as the API's documents. Pure; knows no database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, cast

from api.event_ids import event_id
from api.index_store import BlockRow
from api.reader import AgentWord, Closing, ScoredFacts, SkippedBid, TaskFacts
from api.schema.account import AccountAgent, AgentAccount, Amount
from api.schema.agent import AgentDetail, AgentSeat, AgentSummary, Capabilities, CapabilityStep, Skill
from api.schema.base import BlockRef, Finality
from api.schema.chain import BlockDetail, BlockSummary, Event, Transaction, TransactionDetail
from api.schema.task import Bid, PlanChild, Seat, SkillNeed, StateName, TaskRecord
from symphony_chain.did import did_ethr
from symphony_chain.skills import DEFAULT_PAGE_ID, DEFAULT_TAGS, unpack_word
from symphony_chain.types import State, Task

Row = dict[str, Any]
_FATES = {"open": "waiting", "seated": "seated", "skipped": "skipped", "passed": "passed_over"}
ZERO_WORD = "0x" + "00" * 32


@dataclass(frozen=True)
class Anchor:
    """Blocks by height, and how firm each is under the indexed tip."""

    blocks: dict[int, BlockRow]
    tip: int
    finality_depth: int

    def has(self, number: int) -> bool:
        """False for a block that was rolled back between two reads."""
        return number in self.blocks

    def ref(self, number: int) -> BlockRef:
        """The reference of a block; one that vanished between two reads has an empty hash until the next read."""
        row = self.blocks.get(number) or BlockRow(number, "0x", 0)
        return BlockRef(number=row.number, hash=row.hash, timestamp_s=row.timestamp_s)

    def of(self, number: int) -> dict[str, Any]:
        """The two fields that every document has."""
        return {"block": self.ref(number), "finality": self.finality(number)}

    def finality(self, number: int) -> Finality:
        """pending above the indexed tip, soft while a reorganisation may still drop it, then final."""
        if number > self.tip or number not in self.blocks:
            return "pending"
        return "final" if number <= self.tip - self.finality_depth else "soft"

    def maybe(self, number: int | None) -> BlockRef | None:
        """The reference of a block, or None."""
        return self.ref(number) if number is not None else None


def tags_of(page_id: str) -> tuple[str, ...]:
    """Names of a page's lanes; numbers for pages that are not ours."""
    if page_id == "0x" + DEFAULT_PAGE_ID.hex():
        return DEFAULT_TAGS
    return tuple(f"lane_{lane}" for lane in range(16))


def blocks_of_task(row: Row) -> Iterator[int | None]:
    """Every height that a task's document refers to."""
    yield from (row["block_number"], row["posted_block"])
    for name in ("bids", "skips", "seats", "events"):
        yield from (part["block_number"] for part in row[name])
    for seat in row["seats"]:
        yield from (seat["seated_block"], seat["commit_block"], seat["reveal_block"])


def task_record(row: Row, anchor: Anchor) -> TaskRecord:
    """A task of a list."""
    tags = tags_of(row["page_id"])
    lanes = enumerate(unpack_word(int(row["requirement"], 16)))
    return TaskRecord(
        **anchor.of(row["block_number"]),
        id=row["task_id"],
        state=cast(StateName, row["state"].lower()),
        requester=row["requester"],
        header=row["header"],
        token=row["token"],
        page_id=row["page_id"],
        needs=tuple(SkillNeed(lane=lane, tag=tags[lane], bps=bps) for lane, bps in lanes if bps),
        k=row["k"],
        open=row["open"],
        seats=row["seat_count"],
        free_seats=row["free_seats"],
        commits=row["commit_count"],
        reveals=row["reveal_count"],
        bids=row["bid_count"],
        ceiling_wei=row["ceiling_wei"],
        price_wei=row["price_wei"],
        quorum_bps=row["quorum_bps"],
        winner_weight=row["winner_weight"],
        total_weight=row["total_weight"],
        posted=anchor.ref(row["posted_block"]),
        bid_end_s=row["bid_end_s"],
        commit_end_s=row["commit_end_s"],
        reveal_end_s=row["reveal_end_s"],
        evaluation_end_s=row["evaluation_end_s"],
    )


def task_facts(row: Row, anchor: Anchor, agents: tuple[AgentWord, ...]) -> TaskFacts:
    """All that is known of one task."""
    closing = None
    if row["closed_block"] is not None and State[row["phase"]] is not State.CANCELLED:
        closing = Closing(
            winner=bytes.fromhex((row["winner"] or "0x")[2:]),
            winner_weight=row["winner_weight"],
            total_weight=row["total_weight"],
            evaluated=row["evaluated"],
            refund_wei=row["refund_wei"],
            burnt_wei=row["burnt_wei"],
            fee_wei=row["fee_wei"],
        )
    return TaskFacts(
        record=task_record(row, anchor),
        task=task_params(row),
        returned_wei=row["returned_wei"] or 0,
        closing=closing,
        bids=tuple(bid(part, anchor) for part in row["bids"]),
        skips=tuple(SkippedBid(part["agent_id"], part["reason"]) for part in row["skips"]),
        seats=tuple(seat(part, anchor, row) for part in row["seats"]),
        children=tuple(PlanChild(seat=part["seat"], task_id=part["child"]) for part in row["plan_children"]),
        timeline=tuple(event(part, anchor) for part in row["events"]),
        agents=agents,
    )


def task_params(row: Row) -> Task:
    """The task's 24 parameters."""
    values = {name: row[name] for name in Task.__dataclass_fields__}
    for name in ("page_id", "parent", "header", "salt"):
        values[name] = bytes.fromhex(row[name][2:])
    return Task(**values | {"requirement": int(row["requirement"], 16)})


def bid(row: Row, anchor: Anchor) -> Bid:
    """A published bid."""
    return Bid.model_validate(
        {
            **anchor.of(row["block_number"]),
            **{name: row[name] for name in ("agent_id", "price_wei", "confidence_bps", "expiry_s", "tx_hash")},
            "outcome": _FATES[row["fate"]],
            "skip_reason": row["skip_reason"],
        }
    )


def seat(row: Row, anchor: Anchor, task: Row) -> Seat:
    """A seat with everything it did so far."""
    phase = "revealed" if row["answer_digest"] else "committed" if row["commitment"] else "awarded"
    same = (
        "seat", "agent_id", "wallet", "award_weight", "weight", "commitment", "commit_tx", "answer_digest", "evidence_digest",
        "salt", "trace_digest", "reveal_tx", "score_bps", "scored", "won", "pay_wei", "shared_wei", "bond_returned_wei", "earned",
    )  # fmt: skip
    return Seat.model_validate(
        {
            **anchor.of(row["block_number"]),
            **{name: row[name] for name in same},
            "phase": phase,
            "no_show": phase != "revealed" and task["closed_block"] is not None,
            "answer": bytes.fromhex(row["answer"][2:]).decode("utf-8", "replace") if row["answer"] else None,
            "commit_block": anchor.maybe(row["commit_block"]),
            "reveal_block": anchor.maybe(row["reveal_block"]),
        }
    )


def event(row: Row, anchor: Anchor) -> Event:
    """A decoded event; its block is one that the anchor has."""
    block = anchor.ref(row["block_number"])
    args = row["args"]
    return Event(
        **anchor.of(row["block_number"]),
        id=event_id(block.number, row["log_index"], row.get("block_hash") or block.hash),
        name=row["event"] or "Unknown",
        tx_hash=row["tx_hash"],
        log_index=row["log_index"],
        task_id=args.get("task_id"),
        agent_id=args.get("agent_id"),
        data=args,
    )


def capabilities(row: Row) -> Capabilities:
    """Two words of one page."""
    declared, earned = (unpack_word(int(row[name], 16)) for name in ("declared", "earned"))
    tags = tags_of(row["page_id"])
    skills = tuple(
        Skill(lane=lane, tag=tags[lane], declared_bps=d, earned_bps=e)
        for lane, (d, e) in enumerate(zip(declared, earned, strict=True))
        if d or e
    )
    return Capabilities(page_id=row["page_id"], declared=row["declared"], earned=row["earned"], skills=skills)


def amounts(rows: Iterable[Row]) -> list[Amount]:
    """Balances, one a token, without the empty ones."""
    return [Amount(token=row["token"], amount_wei=row["amount_wei"]) for row in rows if row["amount_wei"]]


def agent_accounts(rows: Iterable[Row]) -> tuple[AgentAccount, ...]:
    """An agent's money and counters by token."""
    names = ("token", "accrued_wei", "seats", "won", "no_shows")
    return tuple(AgentAccount.model_validate({name: row[name] for name in names}) for row in rows)


def account_agent(row: Row, address: str) -> AccountAgent:
    """An agent as the address sees it that owns or operates it; its name is filled in later."""
    role = "owner" if row["owner"] == address else "operator"
    return AccountAgent.model_validate(
        {"id": row["agent_id"], "role": role, "owner": row["owner"], "name": None, "accounts": agent_accounts(row["accounts"])}
    )


def _agent_fields(row: Row, anchor: Anchor, chain_id: int) -> dict[str, Any]:
    accounts = agent_accounts(row["accounts"])
    return {
        **anchor.of(row["block_number"]),
        "id": row["agent_id"],
        "did": did_ethr(chain_id, row["owner"]),
        "owner": row["owner"],
        "wallet": row["wallet"],
        "name": None,
        "capabilities": tuple(capabilities(part) for part in row["capabilities"]),
        "seats": sum(account.seats for account in accounts),
        "won": sum(account.won for account in accounts),
        "no_shows": sum(account.no_shows for account in accounts),
        "accounts": accounts,
        "registered": anchor.ref(row["registered_block"]),
        "file_digest": row["file_digest"],
    }


def agent_summary(row: Row, anchor: Anchor, chain_id: int) -> AgentSummary:
    """An agent of a list."""
    return AgentSummary.model_validate(_agent_fields(row, anchor, chain_id))


def agent_detail(
    row: Row, anchor: Anchor, chain_id: int, owner_balances: list[Amount], tokens: dict[str, str]
) -> AgentDetail:
    """One agent, whole; texts by digest are filled in later. `tokens`: of the tasks that it was seated in, by id."""
    steps = tuple(
        CapabilityStep(
            kind=part["kind"],
            page_id=part["page_id"],
            word=part["word"],
            task_id=part["task_id"],
            block=anchor.ref(part["block_number"]),
        )
        for part in row["history"]
    )
    return AgentDetail.model_validate(
        {
            **_agent_fields(row, anchor, chain_id),
            "agent_uri": row["uri"],
            "file_cid": None,
            "registration": None,
            "owner_balances": tuple(owner_balances),
            "history": steps,
            "recent_seats": tuple(_agent_seat(part, anchor, tokens[part["task_id"]]) for part in row["seats"]),
        }
    )


def _agent_seat(row: Row, anchor: Anchor, token: str) -> AgentSeat:
    phase = "revealed" if row["answer_digest"] else "committed" if row["commitment"] else "awarded"
    fields = {name: row[name] for name in ("task_id", "seat", "weight", "score_bps", "scored", "won", "pay_wei")}
    return AgentSeat.model_validate({**anchor.of(row["block_number"]), **fields, "token": token, "phase": phase})


def scored_seat(row: Row, anchor: Anchor) -> ScoredFacts:
    """A closed seat that moved reputation."""
    fields = {name: row[name] for name in ("task_id", "seat", "score_bps", "confidence_bps")}
    return ScoredFacts(**fields, **anchor.of(row["block_number"]), evaluated=bool(row["evaluated"]))


def block_summary(row: Row, anchor: Anchor) -> BlockSummary:
    """A block of a list."""
    return BlockSummary(**anchor.of(row["number"]), parent_hash=row["parent_hash"], transactions=row["tx_count"])


def block_detail(row: Row, anchor: Anchor) -> BlockDetail:
    """A block with our transactions."""
    items = tuple(transaction(part, anchor) for part in row["transactions"])
    return BlockDetail(
        **anchor.of(row["number"]), parent_hash=row["parent_hash"], gas_used=row["gas_used"], items=items
    )


def transaction(row: Row, anchor: Anchor) -> Transaction:
    """A transaction without its events."""
    return Transaction(**_transaction_fields(row, anchor))


def transaction_detail(row: Row, anchor: Anchor) -> TransactionDetail:
    """A transaction with its events."""
    return TransactionDetail(
        **_transaction_fields(row, anchor), events=tuple(event(part, anchor) for part in row["events"])
    )


def _transaction_fields(row: Row, anchor: Anchor) -> dict[str, Any]:
    return {
        **anchor.of(row["block_number"]),
        "hash": row["hash"],
        "index": row["tx_index"],
        "sender": row["sender"],
        "to": row["recipient"],
        "method": row["method"] or "unknown",
        "status": row["status"],
        "value_wei": row["value_wei"],
        "gas_used": row["gas_used"],
        "gas_price_wei": row["gas_price_wei"],
    }
