"""Feedback, its credits and responses, and anchors. Knows no tasks."""

from __future__ import annotations

from indexer.projections.at import At
from indexer.rows import Row, Rows
from indexer.schema import anchors, feedback, feedback_clients, feedback_openings, feedback_responses
from indexer.text import hex_of, plain
from symphony_chain import ledger_events as ev


def on_opened(rows: Rows, event: ev.FeedbackOpened, at: At) -> None:
    client = _client(rows, event.agent_id, event.client)
    rows.put(feedback_clients, **client | {"credits": client["credits"] + 1})
    rows.append(
        feedback_openings,
        log_index=at.log_index,
        task_id=hex_of(event.task_id),
        seat=event.seat,
        agent_id=event.agent_id,
        client=event.client,
        tx_hash=at.tx_hash,
    )


def on_feedback(rows: Rows, event: ev.NewFeedback, at: At) -> None:
    """Spends a credit."""
    client, said = _client(rows, event.agent_id, event.client), event.feedback
    rows.put(feedback_clients, **client | {"credits": client["credits"] - 1, "last_index": event.index})
    rows.put(
        feedback,
        agent_id=event.agent_id,
        client=event.client,
        feedback_index=event.index,
        value=said.value,
        decimals=said.decimals,
        tag1=plain(said.tag1),
        tag2=plain(said.tag2),
        endpoint=plain(said.endpoint),
        uri=plain(said.uri),
        digest=hex_of(said.digest),
        revoked=False,
        responses=0,
        given_block=at.block_number,
        tx_hash=at.tx_hash,
    )


def on_revoked(rows: Rows, event: ev.FeedbackRevoked, at: At) -> None:
    rows.change(feedback, event.agent_id, event.client, event.index, revoked=True)


def on_response(rows: Rows, event: ev.ResponseAppended, at: At) -> None:
    said = rows.need(feedback, event.agent_id, event.client, event.index)
    rows.put(feedback, **said | {"responses": said["responses"] + 1})
    rows.append(
        feedback_responses,
        log_index=at.log_index,
        agent_id=event.agent_id,
        client=event.client,
        feedback_index=event.index,
        responder=event.responder,
        uri=plain(event.uri),
        digest=hex_of(event.digest),
        tx_hash=at.tx_hash,
    )


def on_anchored(rows: Rows, event: ev.Anchored, at: At) -> None:
    rows.append(
        anchors,
        log_index=at.log_index,
        task_id=hex_of(event.task_id),
        by=event.by,
        kind=hex_of(event.kind),
        digest=hex_of(event.digest),
        tx_hash=at.tx_hash,
    )


def _client(rows: Rows, agent_id: int, client: str) -> Row:
    nobody = {"agent_id": agent_id, "client": client, "credits": 0, "last_index": 0}
    return rows.get(feedback_clients, agent_id, client) or nobody
