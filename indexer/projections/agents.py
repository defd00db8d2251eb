"""Agents, their capabilities and skill pages from the registry's events. Knows no tasks."""

from __future__ import annotations

from indexer.projections.at import At
from indexer.rows import Rows
from indexer.schema import agents, capabilities, capability_history, skill_pages
from indexer.text import hex_of, plain, word_of
from symphony_chain import events as ev
from symphony_chain.types import ZERO_ADDRESS

ZERO_WORD = word_of(0)


def on_transfer(rows: Rows, event: ev.Transfer, at: At) -> None:
    """A mint begins an agent; a later transfer gives it another owner (its wallet was cleared just before)."""
    agent = rows.get(agents, event.agent_id)
    if agent is None:
        rows.put(
            agents,
            agent_id=event.agent_id,
            owner=event.to,
            wallet=event.to,
            wallet_set=False,
            uri="",
            file_digest=None,
            registered_block=at.block_number,
            registered_tx=at.tx_hash,
        )
        return
    wallet = agent["wallet"] if agent["wallet_set"] else event.to
    rows.change(agents, event.agent_id, owner=event.to, wallet=wallet)


def on_registered(rows: Rows, event: ev.Registered, at: At) -> None:
    rows.change(agents, event.agent_id, uri=plain(event.agent_uri))


def on_file_set(rows: Rows, event: ev.FileSet, at: At) -> None:
    rows.change(agents, event.agent_id, file_digest=hex_of(event.digest))


def on_uri_updated(rows: Rows, event: ev.URIUpdated, at: At) -> None:
    rows.change(agents, event.agent_id, uri=plain(event.new_uri))


def on_wallet_changed(rows: Rows, event: ev.AgentWalletChanged, at: At) -> None:
    owner = rows.need(agents, event.agent_id)["owner"]
    own = event.wallet == ZERO_ADDRESS
    rows.change(agents, event.agent_id, wallet=owner if own else event.wallet, wallet_set=not own)


def on_declared(rows: Rows, event: ev.CapabilitiesDeclared, at: At) -> None:
    page_id, word = hex_of(event.page_id), word_of(event.word)
    set_words(rows, event.agent_id, page_id, declared=word)
    rows.append(
        capability_history,
        log_index=at.log_index,
        seq=0,
        agent_id=event.agent_id,
        page_id=page_id,
        kind="declared",
        word=word,
        task_id=None,
        score_bps=None,
    )


def on_page_published(rows: Rows, event: ev.SkillPagePublished, at: At) -> None:
    """Equal ids are equal pages: the first publication stays."""
    page_id = hex_of(event.page_id)
    if rows.get(skill_pages, page_id) is None:
        rows.put(skill_pages, page_id=page_id, tags=plain(event.tags), tx_hash=at.tx_hash)


def set_words(rows: Rows, agent_id: int, page_id: str, **words: str) -> None:
    """Sets `declared` or `earned` of an agent on a page; the other stays, zero at first."""
    known = rows.get(capabilities, agent_id, page_id)
    if known is None:
        known = {"agent_id": agent_id, "page_id": page_id, "declared": ZERO_WORD, "earned": ZERO_WORD}
    rows.put(capabilities, **{**known, **words})
