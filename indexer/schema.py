"""Tables of the index. The migrations create them; this is what all code reads and writes. Knows no chain.

Conventions: hashes, addresses (checksummed), digests and capability words are TEXT, as a person reads them; every
projected row carries the block that last changed it. Money is `Wei`: decimal TEXT, because a uint256 fits neither a
64-bit integer nor a float, and SQLite keeps NUMERIC as one of the two.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Dialect, Index, Integer, MetaData, String, Table, Text
from sqlalchemy.types import TypeDecorator


class Number(TypeDecorator[int]):
    """A whole number of any size, kept as decimal text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> str | None:
        return None if value is None else str(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> int | None:
        return None if value is None else int(value)


class Wei(Number):
    """Money, in a token's smallest unit: never less than nothing."""

    cache_ok = True


metadata = MetaData()


def _key(name: str, kind: Any = BigInteger) -> Column[Any]:
    return Column(name, kind, primary_key=True, autoincrement=False)


def _text(name: str, *, null: bool = False) -> Column[Any]:
    return Column(name, Text, nullable=null)


def _int(name: str, *, null: bool = False) -> Column[Any]:
    return Column(name, BigInteger, nullable=null)


def _wei(name: str, *, null: bool = False) -> Column[Any]:
    return Column(name, Wei, nullable=null)


def _number(name: str) -> Column[Any]:
    return Column(name, Number, nullable=False)


def _flag(name: str, *, null: bool = False) -> Column[Any]:
    return Column(name, Boolean, nullable=null)


def _block() -> Column[Any]:
    return Column("block_number", BigInteger, nullable=False, index=True)


# --- the index's own: identity, status, undo ---

#: Identity of the chain, state of the follower, head: names in `indexer.meta`.
meta = Table("meta", metadata, _key("key", String(64)), _text("value"))
#: Rows as they were before a block changed them; null `row` = there was none. Only for blocks that may still go.
undo = Table(
    "undo", metadata, _key("block_number"), _key("seq", Integer), _text("table_name"), _text("key"),
    _text("row", null=True),
)  # fmt: skip
#: Every rollback that was done, for readers that must tell their own readers.
reorgs = Table(
    "reorgs", metadata, Column("id", Integer, primary_key=True), _int("to_number"), _int("from_number"), _text("old_hash")
)

# --- the chain as it is ---

blocks = Table(
    "blocks", metadata, _key("number"), Column("hash", String(66), nullable=False, unique=True), _text("parent_hash"),
    _int("timestamp_s"), _int("gas_used"), _int("gas_limit"), _wei("base_fee_wei"),
)  # fmt: skip
#: Transactions that left a log of ours. A refused call leaves none and moves nothing: it is not here.
transactions = Table(
    "transactions", metadata, _key("hash", String(66)), _block(), _int("tx_index"), _text("sender"),
    _text("recipient", null=True), _text("method", null=True), _int("status"), _int("nonce"), _wei("value_wei"),
    _int("gas_used"), _wei("gas_price_wei"),
)  # fmt: skip
logs = Table(
    "logs", metadata, _key("block_number"), _key("log_index"), _text("tx_hash"), _int("tx_index"), _text("address"),
    _text("topic0", null=True), _text("topic1", null=True), _text("topic2", null=True), _text("topic3", null=True),
    _text("data"), Index("logs_topic1", "topic1"), Index("logs_topic2", "topic2"), Index("logs_tx", "tx_hash"),
)  # fmt: skip

# --- agents ---

#: `wallet` is the operator key in force: the owner where `wallet_set` is false.
agents = Table(
    "agents", metadata, _key("agent_id"), _block(), Column("owner", Text, nullable=False, index=True),
    Column("wallet", Text, nullable=False, index=True), _flag("wallet_set"), _text("uri"), _text("file_digest", null=True),
    _int("registered_block"), _text("registered_tx"),
)  # fmt: skip
capabilities = Table(
    "capabilities", metadata, _key("agent_id"), _key("page_id", String(66)), _block(), _text("declared"), _text("earned"),
)  # fmt: skip
#: `kind` is declared or earned; earned rows name the task and the seat's score that moved the word.
capability_history = Table(
    "capability_history", metadata, _key("block_number"), _key("log_index"), _key("seq", Integer), _int("agent_id"),
    _text("page_id"), _text("kind"), _text("word"), _text("task_id", null=True), _int("score_bps", null=True),
    Index("capability_history_agent", "agent_id", "page_id"),
)  # fmt: skip
skill_pages = Table("skill_pages", metadata, _key("page_id", String(66)), _block(), _text("tags"), _text("tx_hash"))

# --- tasks ---

#: `phase` is what happened (a `State` by name); `indexer.lifecycle.state_at` says what block time makes of it. `value_wei`
#: are the coins that came with the post; `free_seats` may still be taken. What a closing task pays: `refund_wei` to the
#: requester, `fee_wei` to the evaluator (whose scores counted iff `evaluated`), `shared_wei` of the seats' pay to the pool;
#: `receipt` is the 26-byte digest that the contract keeps, null where nobody was seated.
tasks = Table(
    "tasks", metadata, _key("task_id", String(66)), _block(),
    Column("requester", Text, nullable=False, index=True), _text("router"), _text("token"), _wei("ceiling_wei"),
    _int("base_bps"), _wei("bond_wei"), _int("kind"), _text("page_id"), _text("requirement"), _int("min_match_bps"),
    _int("k"), _int("min_seats"), _int("quorum_bps"), _flag("open"), _int("bid_end_s"), _int("commit_end_s"),
    _int("reveal_window_s"), _int("reveal_end_s"), _text("evaluator"), _int("evaluation_window_s"), _int("evaluation_end_s"),
    _wei("evaluation_fee_wei"), _int("shared_bps"), _text("parent"), _text("header"), _text("salt"),
    _wei("value_wei"), Column("phase", String(16), nullable=False, index=True), _int("bid_count"), _int("seat_count"),
    _int("free_seats"), _int("commit_count"), _int("reveal_count"), _wei("price_wei", null=True),
    _wei("returned_wei", null=True), _text("winner", null=True),
    _int("winner_weight", null=True), _int("total_weight", null=True), _flag("evaluated", null=True),
    _wei("refund_wei", null=True), _wei("burnt_wei", null=True), _wei("fee_wei", null=True), _wei("shared_wei", null=True),
    _text("receipt", null=True), _int("posted_block"), _int("posted_log_index"), _int("posted_s"), _text("posted_tx"),
    _int("awarded_block", null=True), _int("awarded_s", null=True), _text("awarded_tx", null=True),
    _int("closed_block", null=True), _int("closed_s", null=True), _text("closed_tx", null=True),
    Index("tasks_posted", "posted_block", "posted_log_index"),
)  # fmt: skip
bids = Table(
    "bids", metadata, _key("block_number"), _key("log_index"), Column("task_id", Text, nullable=False, index=True),
    Column("agent_id", BigInteger, nullable=False, index=True), _wei("price_wei"), _int("confidence_bps"),
    _int("expiry_s"), _text("signature"), _text("tx_hash"),
)  # fmt: skip
#: Bids that an award passed over, with the contract's reason (a `Skip` by name).
skips = Table(
    "skips", metadata, _key("block_number"), _key("log_index"), Column("task_id", Text, nullable=False, index=True),
    _int("agent_id"), _text("reason"), _text("tx_hash"),
)  # fmt: skip
#: `weight` is what the seat votes with; children of a plan may have lowered it under `award_weight`. `pay_wei` is after the
#: score burn and before `shared_wei`, the pool's part of it. `trace_digest` is of plans only: their evidence digest binds
#: children too.
seats = Table(
    "seats", metadata, _key("task_id", String(66)), _key("seat"), _block(),
    Column("agent_id", BigInteger, nullable=False, index=True), _text("wallet"), _int("award_weight"), _int("weight"),
    _int("seated_block"), _text("seated_tx"),
    _text("commitment", null=True), _int("commit_block", null=True), _text("commit_tx", null=True),
    _text("answer_digest", null=True), _text("evidence_digest", null=True), _text("salt", null=True),
    _text("answer", null=True), _int("reveal_block", null=True), _text("reveal_tx", null=True),
    _text("trace_digest", null=True), _int("score_bps", null=True), _flag("scored", null=True), _flag("won", null=True),
    _wei("pay_wei", null=True), _wei("shared_wei", null=True), _wei("bond_returned_wei", null=True), _text("earned", null=True),
)  # fmt: skip
#: The child tasks that a revealed plan named, in its order (a plan may name what is no task at all).
plan_children = Table(
    "plan_children", metadata, _key("block_number"), _key("log_index"), _key("seq", Integer),
    Column("task_id", Text, nullable=False, index=True), _int("seat"), Column("child", Text, nullable=False, index=True),
    _text("tx_hash"),
)  # fmt: skip
#: One row per revealed answer: `answer26` is the first 26 bytes of its digest, which is what the contract counts.
votes = Table(
    "votes", metadata, _key("task_id", String(66)), _key("answer26", String(54)), _block(), _int("weight"),
    _int("supporters"), _flag("won"),
)  # fmt: skip

# --- money ---

#: The cash book: every movement of money with its cause. `kind` as in `indexer.projections.money`.
payouts = Table(
    "payouts", metadata, _key("block_number"), _key("log_index"), _key("seq", Integer), _text("kind"),
    Column("task_id", Text, nullable=True, index=True), _int("seat", null=True),
    Column("agent_id", BigInteger, nullable=True, index=True), Column("account", Text, nullable=True, index=True),
    _text("token"), _wei("amount_wei"), _text("tx_hash"),
)  # fmt: skip
balances = Table("balances", metadata, _key("account", String(42)), _key("token", String(42)), _block(), _wei("amount_wei"))
agent_accounts = Table(
    "agent_accounts", metadata, _key("agent_id"), _key("token", String(42)), _block(), _wei("accrued_wei"),
    _int("seats"), _int("won"), _int("no_shows"),
)  # fmt: skip
#: Kept nowhere on chain, because it is owed to nobody: what the events add up to.
burnt = Table("burnt", metadata, _key("token", String(42)), _block(), _wei("amount_wei"))

# --- the reward pool, as far as it deals with this market ---

#: What the market owes the pool for recorded tasks; first epoch that is not final, and what came over to it.
pool_books = Table(
    "pool_books", metadata, _key("token", String(42)), _block(), _int("next_epoch"), _wei("carry_wei"), _wei("owed_wei"),
)  # fmt: skip
#: `given_wei` of the pot is of seats that share in the epoch. Once it is final: what was released to it, what was reserved for
#: its seats, how much of that is left (`left_wei`) for those of them that are not paid yet, who gave `unpaid_wei`.
pool_epochs = Table(
    "pool_epochs", metadata, _key("token", String(42)), _key("epoch"), _block(), _wei("pot_wei"), _wei("given_wei"),
    _wei("released_wei", null=True), _wei("reserved_wei", null=True), _wei("left_wei"), _wei("unpaid_wei"),
)  # fmt: skip
pool_records = Table(
    "pool_records", metadata, _key("task_id", String(66)), _block(), _text("token"), _int("epoch"), _wei("amount_wei"),
    _flag("sharing"), _text("tx_hash"),
)  # fmt: skip
pool_shares = Table(
    "pool_shares", metadata, _key("block_number"), _key("log_index"), Column("task_id", Text, nullable=False, index=True),
    _int("seat"), Column("agent_id", BigInteger, nullable=False, index=True), _text("token"), _wei("given_wei"),
    _wei("amount_wei"), _text("tx_hash"),
)  # fmt: skip

# --- what is said of agents, and what they publish. Texts are strangers': what is no UTF-8, and NUL, is U+FFFD ---

#: `credits`: how many more feedbacks the client may give; `last_index`: how many it gave.
feedback_clients = Table(
    "feedback_clients", metadata, _key("agent_id"), _key("client", String(42)), _block(), _int("credits"),
    _int("last_index"),
)  # fmt: skip
#: Each revealed seat of a closed task gives its requester one credit, once somebody proves it.
feedback_openings = Table(
    "feedback_openings", metadata, _key("block_number"), _key("log_index"),
    Column("task_id", Text, nullable=False, index=True), _int("seat"), _int("agent_id"), _text("client"), _text("tx_hash"),
)  # fmt: skip
#: The rating is value / 10^decimals.
feedback = Table(
    "feedback", metadata, _key("agent_id"), _key("client", String(42)), _key("feedback_index"), _block(), _number("value"),
    _int("decimals"), _text("tag1"), _text("tag2"), _text("endpoint"), _text("uri"), _text("digest"), _flag("revoked"),
    _int("responses"), _int("given_block"), _text("tx_hash"),
)  # fmt: skip
feedback_responses = Table(
    "feedback_responses", metadata, _key("block_number"), _key("log_index"),
    Column("agent_id", BigInteger, nullable=False, index=True), _text("client"), _int("feedback_index"), _text("responder"),
    _text("uri"), _text("digest"), _text("tx_hash"),
)  # fmt: skip
#: Digests of preference labels or verdicts, on the record of a closed task; `kind` is a bytes32 label.
anchors = Table(
    "anchors", metadata, _key("block_number"), _key("log_index"), Column("task_id", Text, nullable=False, index=True),
    _text("by"), _text("kind"), _text("digest"), _text("tx_hash"),
)  # fmt: skip
#: `kind` is a bytes32 label. Texts that were no UTF-8 may have become equal: the one published last is here.
releases = Table(
    "releases", metadata, _key("publisher", String(42)), _key("name_hash", String(66)), _key("version", Text), _block(),
    _text("name"), Column("kind", Text, nullable=False, index=True), _text("digest"), _int("codec"), _number("size_bytes"),
    _flag("yanked"), _int("published_block"), _int("published_log_index"), _int("published_s"), _text("tx_hash"),
)  # fmt: skip
#: Lines of deltas, each hash-chained: `head` commits to the line up to this one, `parent` is the head before.
deltas = Table(
    "deltas", metadata, _key("block_number"), _key("log_index"), Column("agent_id", BigInteger, nullable=False, index=True),
    Column("base_model", Text, nullable=False, index=True), _text("parent"), _text("head"), _text("digest"), _int("codec"),
    _number("size_bytes"), _text("tx_hash"),
)  # fmt: skip

#: Tables whose rows are written once: a rollback deletes by block.
APPENDED = (
    transactions, logs, capability_history, bids, skips, plan_children, payouts, pool_shares, feedback_openings,
    feedback_responses, anchors, deltas,
)  # fmt: skip
#: Tables whose rows change: a rollback restores them from `undo`.
CHANGED = (
    agents, capabilities, skill_pages, tasks, seats, votes, balances, agent_accounts, burnt, pool_books, pool_epochs,
    pool_records, feedback_clients, feedback, releases,
)  # fmt: skip
#: Everything that is a function of the chain; what `digest`, `rebuild` and `audit` are about.
PROJECTIONS = (blocks, *APPENDED, *CHANGED)
#: Names of the columns that hold money, by table.
WEI_COLUMNS = {t.name: [c.name for c in t.columns if isinstance(c.type, Wei)] for t in PROJECTIONS}
