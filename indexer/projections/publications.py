"""What is published by digest: releases of publishers, deltas of agents. Knows no tasks."""

from __future__ import annotations

from indexer.projections.at import At
from indexer.rows import Rows
from indexer.schema import deltas, releases
from indexer.text import hex_of, plain
from symphony_chain import ledger_events as ev


def on_release(rows: Rows, event: ev.ReleasePublished, at: At) -> None:
    release = event.release
    rows.put(
        releases,
        publisher=release.publisher,
        name_hash=hex_of(event.name_hash),
        version=plain(release.version),
        name=plain(release.name),
        kind=hex_of(release.kind),
        digest=hex_of(release.digest),
        codec=release.codec,
        size_bytes=release.size_bytes,
        yanked=False,
        published_block=at.block_number,
        published_log_index=at.log_index,
        published_s=at.timestamp_s,
        tx_hash=at.tx_hash,
    )


def on_yanked(rows: Rows, event: ev.ReleaseYanked, at: At) -> None:
    rows.change(releases, event.publisher, hex_of(event.name_hash), plain(event.version), yanked=True)


def on_delta(rows: Rows, event: ev.DeltaPublished, at: At) -> None:
    delta = event.delta
    rows.append(
        deltas,
        log_index=at.log_index,
        agent_id=delta.agent_id,
        base_model=hex_of(delta.base_model),
        parent=hex_of(delta.parent),
        head=hex_of(delta.head),
        digest=hex_of(delta.digest),
        codec=delta.codec,
        size_bytes=delta.size_bytes,
        tx_hash=at.tx_hash,
    )
