"""Why a task's seats are taken as they are: the funnel from all agents to the seats, as of its award. Reads, sends nothing."""

from __future__ import annotations

import time
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from symphony.cli.text import clean
from symphony.verify.history import TaskHistory
from symphony.verify.reader import RpcReader
from symphony_chain.events import decode

if TYPE_CHECKING:
    from agent_runtime.chain_book import ChainBook
    from agent_runtime.requester_bids import Funnel

#: Reason code → what it means to a person.
REASONS = {
    "page_unknown": "declared no skill of the task's page",
    "match_low": "their declared skills match too little",
    "no_bid": "matched and did not bid (busy, price too low, texts not found: ask with `symphony agent status`)",
    "expired": "their bid was no longer valid",
    "price_above_ceiling": "asked more than the ceiling",
    "unknown_agent": "not in the registry",
    "replaced": "a later bid of the same agent counts",
    "not_chosen": "bid, and others were chosen",
    "skipped_unknown_agent": "passed over by the contract: not in the registry",
    "skipped_bid_expired": "passed over by the contract: the bid had expired",
    "skipped_price_above_ceiling": "passed over by the contract: above the ceiling",
    "skipped_match_too_low": "passed over by the contract: match too low",
    "skipped_owner_seated": "passed over by the contract: their owner has a seat already",
    "skipped_bond_unfunded": "passed over by the contract: not enough money for the bond",
    "skipped_bad_signature": "passed over by the contract: the bid's signature is not the wallet's",
}


def explain(reader: RpcReader, history: TaskHistory) -> Funnel:
    """The funnel at the block of the award, or now where there is none."""
    from agent_runtime.requester_bids import funnel

    last = history.awarded.log.block_number if history.awarded else reader.rpc.block_number()
    book = _book(reader, last)
    view = book.task(history.task_id)
    assert view is not None  # the history was read from the same logs
    return funnel(book, view, reader.block_time_s(last))


def _book(reader: RpcReader, last: int) -> ChainBook:
    """The chain's picture up to a block."""
    from agent_runtime.chain_book import ChainBook

    contracts = (reader.deployment.registry, reader.deployment.market)
    logs = [log for address in contracts for log in reader.logs(address, []) if log.block_number <= last]
    logs.sort(key=lambda log: (log.block_number, log.log_index))
    book = ChainBook()
    blocks = {
        b.number: b
        for b in reader.rpc.get_blocks(sorted({log.block_number for log in logs}))
        if b is not None
    }
    for number, group in groupby(logs, key=lambda log: log.block_number):
        book.apply(blocks[number], [event for log in group if (event := decode(log)) is not None])
    return book


def local_decisions(data_dir: Path, task_id: bytes) -> list[dict[str, Any]]:
    """What the workers of this data folder decided about a task, and why."""
    from agent_runtime.worker_store import WorkerStore

    found = []
    for path in sorted((data_dir / "agents").glob("*/worker.sqlite")):
        with WorkerStore(path, clock=time.time, read_only=True) as store:
            decision = store.decision(task_id)
        if decision is not None:
            found.append(
                {
                    "agent": path.parent.name,
                    "verdict": decision.verdict,
                    "reason": decision.reason,
                    "detail": decision.detail,
                }
            )
    return found


def funnel_lines(funnel: Funnel, decisions: list[dict[str, Any]]) -> list[str]:
    """The funnel as text."""
    stages = [
        ("agents registered", funnel.agents),
        ("know the skill page", funnel.page_matches),
        ("match enough", funnel.match_enough),
        ("bid", funnel.bid),
        ("bids usable", funnel.usable),
        ("seated", funnel.seated),
    ]
    lines = [f"{count:>4}  {name}" for name, count in stages]
    if funnel.reasons:
        lines += ["", "why the others are not seated:"]
        lines += [
            f"{count:>4}  {REASONS.get(reason, reason)} ({reason})"
            for reason, count in funnel.reasons.items()
        ]
    if decisions:
        lines += ["", "agents of this data folder:"]
        lines += [
            f"      {d['agent']}: {d['verdict']} ({clean(d['detail'] or d['reason'])})" for d in decisions
        ]
    return lines
