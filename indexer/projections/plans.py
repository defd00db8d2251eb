"""Plans: the children that a revealed plan names, and the weight that they leave it. Knows no money."""

from __future__ import annotations

from indexer.projections import market
from indexer.projections.at import At
from indexer.rows import Rows
from indexer.schema import plan_children, seats
from indexer.text import hex_of
from symphony_chain import events as ev


def on_plan_revealed(rows: Rows, event: ev.PlanRevealed, at: At) -> None:
    """Follows the market's own reveal of the seat, which has given its answer the weight of the award."""
    task_id = hex_of(event.task_id)
    seat = rows.need(seats, task_id, event.seat)
    rows.change(seats, task_id, event.seat, weight=event.weight, trace_digest=hex_of(event.trace_digest))
    market.weigh(rows, task_id, seat["answer_digest"], event.weight - seat["weight"])
    for seq, child in enumerate(event.children):
        rows.append(
            plan_children,
            log_index=at.log_index,
            seq=seq,
            task_id=task_id,
            seat=event.seat,
            child=hex_of(child),
            tx_hash=at.tx_hash,
        )
