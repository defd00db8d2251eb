"""What a finished run cost: gas per step from receipts, and where the wall-clock time went. Reads; changes nothing.

Knows the chain, the agents' own records and the transaction journals; not how anything is printed.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from symphony_chain.abi import MARKET, signatures
from symphony_chain.deploy import Deployment
from symphony_chain.rpc import Rpc
from symphony_chain.rpc_types import receipt_from_json

BATCH = 100
Interval = tuple[float, float]


@dataclass(frozen=True)
class StepGas:
    """Gas of one kind of call at the market."""

    calls: int
    total: int

    @property
    def mean(self) -> float:
        return self.total / self.calls


@dataclass(frozen=True)
class Clock:
    """Where the wall-clock seconds of a run went; the three parts add up to `wall_s`.

    thinking_s: at least one agent was thinking. chain_s: nobody thought, but a transaction waited for its block.
    orchestration_s: neither, so it is our own doing: polling, bidding, checking, writing.
    """

    wall_s: float
    thinking_s: float
    chain_s: float

    @property
    def orchestration_s(self) -> float:
        return self.wall_s - self.thinking_s - self.chain_s

    @property
    def overhead_fraction(self) -> float:
        return self.orchestration_s / self.wall_s


def gas_by_step(rpc: Rpc, deployment: Deployment) -> dict[str, StepGas]:
    """Function of the market → gas of all successful calls that left a log."""
    logs = rpc.get_logs(from_block=deployment.block, to_block="latest", address=deployment.market)
    hashes = sorted({log.tx_hash for log in logs})
    names = {s.hash[:4]: s.name for s in signatures(MARKET, "function")}
    calls: dict[str, int] = defaultdict(int)
    total: dict[str, int] = defaultdict(int)
    for start in range(0, len(hashes), BATCH):
        some = ["0x" + tx_hash.hex() for tx_hash in hashes[start : start + BATCH]]
        receipts = rpc.batch([("eth_getTransactionReceipt", (tx_hash,)) for tx_hash in some])
        transactions = rpc.batch([("eth_getTransactionByHash", (tx_hash,)) for tx_hash in some])
        for raw_receipt, raw_tx in zip(receipts, transactions, strict=True):
            name = names.get(bytes.fromhex(raw_tx["input"][2:10]), "other")
            calls[name] += 1
            total[name] += receipt_from_json(raw_receipt).gas_used
    return {name: StepGas(calls[name], total[name]) for name in sorted(calls)}


def clock(data_dir: Path, agents: Sequence[str], started_s: float, ended_s: float) -> Clock:
    """Splits the time between two moments by the records of all agents and the requester."""
    folders = [data_dir / "agents" / name for name in agents]
    waiting = [pair for path in [data_dir, *folders] for pair in _waits(path / "tx.sqlite")]
    thinking = [pair for folder in folders for pair in _thoughts(folder)]
    wall_s = ended_s - started_s
    thinking_s = union_s(thinking, started_s, ended_s)
    return Clock(wall_s, thinking_s, union_s([*waiting, *thinking], started_s, ended_s) - thinking_s)


def union_s(intervals: Iterable[Interval], start_s: float, end_s: float) -> float:
    """Length of the union of intervals, cut to [start_s, end_s]."""
    total, reached = 0.0, start_s
    for begin, end in sorted(intervals):
        begin, end = max(begin, reached), min(end, end_s)
        if end > begin:
            total += end - begin
            reached = end
    return total


def _waits(journal: Path) -> list[Interval]:
    """Journaled → seen mined, for every transaction."""
    return _rows(journal, "SELECT created_s, updated_s FROM tx WHERE block_number IS NOT NULL")


def _thoughts(folder: Path) -> list[Interval]:
    """Each thought ended when its commit was journaled, and had begun `thinking_s` before."""
    lasted = dict(_rows(folder / "worker.sqlite", "SELECT hex(task_id), thinking_s FROM work"))
    commits = _rows(folder / "tx.sqlite", "SELECT idempotency_key, created_s FROM tx WHERE idempotency_key LIKE 'commit/%'")
    out = []
    for key, ended_s in commits:
        thinking_s = next((value for task, value in lasted.items() if str(task).lower() in key), 0.0)
        out.append((ended_s - thinking_s, ended_s))
    return out


def _rows(path: Path, sql: str) -> list[tuple]:  # type: ignore[type-arg]  # rows of two columns, kinds by query
    if not path.exists():
        return []
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return connection.execute(sql).fetchall()
