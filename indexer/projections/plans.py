"""Plans: the children that a revealed plan names, and the weight that they leave it. Knows no money."""

from __future__ import annotations

from indexer.projections import market
from indexer.projections.at import At
from indexer.rows import Rows
from indexer.schema import plan_children, seats, tasks
from indexer.text import hex_of
from symphony_chain import events as ev
from symphony_chain.types import Kind


def on_plan_revealed(rows: Rows, event: ev.PlanRevealed, at: At) -> None:
    """`Plans` serves any market and keeps nothing, so anybody can make it say anything of any task. What it says first after the
    market's own reveal of the seat is the truth: that reveal is only ever called by it, and it speaks right afterwards."""
    task_id = hex_of(event.task_id)
    task, seat = rows.get(tasks, task_id), rows.get(seats, task_id, event.seat)
    if task is None or seat is None or task["kind"] != Kind.PLAN:
        return
    if seat["reveal_tx"] is None or seat["trace_digest"] is not None:
        return
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
