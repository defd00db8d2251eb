"""Following a chain: a pure hash-linked head (`HeadTracker`) and a small driver that feeds it from a node (`ChainFollower`).

Reorgs are found by parent hashes alone: no devnet ever says ``removed``. Knows nothing of what the logs mean or where
they are kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from symphony_chain.errors import ChainUnavailable, RpcError, WrongChain
from symphony_chain.rpc_types import Block, Log, block_from_json, log_from_json

FINALITY_DEPTH = 64  # blocks; a change below the head by more than this is refused
T = TypeVar("T")


class NodeBehind(ChainUnavailable):
    """The node's head is below what was followed already and no longer chain competes: wait, delete nothing."""

    code = "chain.node_behind"


class ReorgBeyondFinality(ChainUnavailable):
    """The node's chain parts from the followed one deeper than the finality depth; refused, nothing is deleted."""

    code = "index.reorg_final"


class MissingAncestor(Exception):
    """A run of headers hangs above a fork: offer it again from ``from_number`` on."""

    def __init__(self, from_number: int) -> None:
        super().__init__(f"headers from {from_number} on are needed")
        self.from_number = from_number


class TornAnswer(Exception):
    """Answers of the node do not belong to one chain: it switched between two of them. Ask again."""


@dataclass(frozen=True, slots=True)
class Apply:
    """The next block of the chain."""

    block: Block


@dataclass(frozen=True, slots=True)
class Rollback:
    """Every followed block above ``to_number`` is orphaned."""

    to_number: int


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a follower stands: its newest headers, ascending and linked. Only what it spans can be rolled back."""

    window: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class BlockLogs:
    """A block with the logs of the followed addresses, in log order."""

    block: Block
    logs: tuple[Log, ...]


@dataclass(frozen=True, slots=True)
class Applied:
    """Blocks to add, ascending. ``head_number`` is the node's head when they were read."""

    blocks: tuple[BlockLogs, ...]
    head_number: int


@dataclass(frozen=True, slots=True)
class RolledBack:
    """Blocks to drop: everything above ``to_number``; ``dropped`` lists them, ascending."""

    to_number: int
    dropped: tuple[Block, ...]


BlockBatch = Applied | RolledBack


class ChainReader(Protocol):
    """What following needs of a node (`symphony_chain.rpc.Rpc` has it)."""

    def head(self) -> Block: ...

    def get_blocks(self, numbers: Sequence[int]) -> list[Block | None]: ...

    def genesis_hash(self) -> bytes: ...

    def batch(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]: ...


class HeadTracker:
    """The followed chain's end as hash-linked headers. Pure: headers in, decisions out.

    Args:
        first_block: height of the first block of interest; nothing below it is ever applied or dropped.
        finality_depth: blocks that far below the highest tip are final. The node's head does not count before our tip is
            known to lie under it: else a tip orphaned during a long absence could never be dropped.
        window: newest applied headers, ascending (a `Cursor`'s); empty to start at ``first_block``.
    """

    def __init__(
        self, *, first_block: int = 0, finality_depth: int = FINALITY_DEPTH, window: Sequence[Block] = ()
    ) -> None:
        check_linked(window)
        self.first_block = first_block
        self.finality_depth = finality_depth
        self._window = list(window)
        self._highest = self._window[-1].number if self._window else first_block - 1

    @property
    def tip(self) -> Block | None:
        """Newest applied block."""
        return self._window[-1] if self._window else None

    @property
    def tip_number(self) -> int:
        return self._window[-1].number if self._window else self.first_block - 1

    @property
    def final_number(self) -> int:
        """Height up to which nothing may change any more (can be negative on a young chain)."""
        return self._highest - self.finality_depth

    @property
    def cursor(self) -> Cursor:
        return Cursor(tuple(self._window))

    def see_head(self, head: Block) -> bool:
        """Compares the node's head with the tip; True if there is something to read.

        Raises:
            NodeBehind: the head is below the tip. A competing chain counts only once it is as long as ours.
        """
        tip = self.tip
        if head.number < self.tip_number:
            raise NodeBehind(
                f"the node is at block {head.number}, but block {self.tip_number} was followed already",
                hint="the node is syncing or was rolled back; nothing is deleted, following goes on when it has caught up",
                head_number=head.number,
                tip_number=self.tip_number,
            )
        return tip is None or head.hash != tip.hash

    def offer(self, run: Sequence[Block]) -> list[Apply | Rollback]:
        """What a run of headers of the node's chain (ascending, contiguous) means: one Rollback, or Apply for each block.

        Changes nothing; `commit` does. After a Rollback offer the blocks above it again.

        Raises:
            TornAnswer: the run is not linked. MissingAncestor: it begins above a fork.
            NodeBehind: it forks off but ends below our tip. ReorgBeyondFinality: it forks off too deep.
        """
        check_linked(run)
        if not run:
            return []
        tip = self.tip
        if run[0].number == self.tip_number + 1 and (tip is None or run[0].parent_hash == tip.hash):
            return [Apply(block) for block in run]
        lowest = self._window[0].number if self._window else self.first_block
        if run[0].number > lowest:
            raise MissingAncestor(lowest)
        common = self._common_number(run)
        if common == self.tip_number:
            return [Apply(block) for block in run if block.number > common]
        self._check_rollback(common, run[-1].number)
        return [Rollback(common)]

    def _common_number(self, run: Sequence[Block]) -> int:
        """Height of the highest block that run and window share; below the window if there is none."""
        theirs = {block.number: block.hash for block in run}
        for block in reversed(self._window):
            if theirs.get(block.number) == block.hash:
                return block.number
        return self._window[0].number - 1 if self._window else self.first_block - 1

    def _check_rollback(self, to_number: int, run_end: int) -> None:
        outside = bool(self._window) and to_number < self._window[0].number and to_number >= self.first_block
        if outside or to_number < self.final_number:
            raise ReorgBeyondFinality(
                f"the node's chain parts from the followed one at or below block {to_number}, "
                f"more than {self.finality_depth} blocks under the tip",
                hint="check that the node follows the right chain; if the reorganisation is real, rebuild the index",
                to_number=to_number,
                final_number=self.final_number,
            )
        if run_end < self.tip_number:
            raise NodeBehind(
                f"the node offers another chain, but only up to block {run_end}; block {self.tip_number} was followed already",
                hint="nothing is deleted until the other chain is as long as the followed one",
                head_number=run_end,
                tip_number=self.tip_number,
            )

    def commit(self, decision: Apply | Rollback) -> None:
        """Takes one decision of `offer`, once its consequences are stored."""
        if isinstance(decision, Rollback):
            while self._window and self._window[-1].number > decision.to_number:
                self._window.pop()
            return
        block, tip = decision.block, self.tip
        if block.number != self.tip_number + 1 or (tip is not None and block.parent_hash != tip.hash):
            raise ValueError(f"block {block.number} does not extend block {self.tip_number}")
        self._window.append(block)
        self._highest = max(self._highest, block.number)
        # The newest block that may stay and all above it: exactly what a permitted rollback can need.
        del self._window[: -(self.finality_depth + 1)]

    def above(self, to_number: int) -> tuple[Block, ...]:
        """Applied headers above a height, ascending."""
        return tuple(block for block in self._window if block.number > to_number)


def check_linked(run: Sequence[Block]) -> None:
    """Raises TornAnswer unless the headers are contiguous and each names its predecessor as parent."""
    for parent, block in zip(run, run[1:], strict=False):
        if block.number != parent.number + 1 or block.parent_hash != parent.hash:
            raise TornAnswer(f"block {block.number} does not follow block {parent.number}")


class ChainFollower:
    """Reads a node block by block and says what to add and what to drop.

    Args:
        addresses: contracts whose logs are wanted.
        first_block: where to begin (the deployment's block).
        genesis: hash of block 0 that the node must have; None takes the node's on the first poll.
        start: where an earlier follower stood.
        batch_blocks: blocks per step while catching up.
        deadline_s: longest time that transient faults of the node are ridden out in one step.
        clock, sleep: monotonic seconds and pause, for tests.
    """

    def __init__(
        self,
        rpc: ChainReader,
        *,
        addresses: Sequence[str],
        first_block: int = 0,
        genesis: bytes | None = None,
        start: Cursor | None = None,
        batch_blocks: int = 100,
        finality_depth: int = FINALITY_DEPTH,
        deadline_s: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rpc = rpc
        self._addresses = list(addresses)
        self._genesis = genesis
        self._genesis_seen = False
        self._batch_blocks = batch_blocks
        self._deadline_s = deadline_s
        self._clock = clock
        self._sleep = sleep
        self.tracker = HeadTracker(
            first_block=first_block, finality_depth=finality_depth, window=start.window if start else ()
        )

    @property
    def cursor(self) -> Cursor:
        """Where to go on after a restart."""
        return self.tracker.cursor

    def poll(self) -> Iterator[BlockBatch]:
        """Everything that is new, in steps; ends at the node's head as it was last seen, so also on a chain that outruns us.

        A step counts as taken when the next one is asked for: a consumer that fails on a step gets it again.

        Raises:
            ChainUnavailable: unreachable for ``deadline_s``, `NodeBehind`, `WrongChain` or `ReorgBeyondFinality`.
        """
        while True:
            step = self._retry(self._next)
            if step is None:
                return
            yield step
            if isinstance(step, RolledBack):
                self.tracker.commit(Rollback(step.to_number))
            else:
                for item in step.blocks:
                    self.tracker.commit(Apply(item.block))
                if self.tracker.tip_number >= step.head_number:
                    return

    def _retry(self, action: Callable[[], T]) -> T:
        """Repeats an action over transient faults; the clean refusals (behind, wrong chain, too deep) pass at once."""
        end_s = self._clock() + self._deadline_s
        pause_s = 0.05
        while True:
            try:
                return action()
            except (ChainUnavailable, RpcError, TornAnswer) as error:
                if isinstance(error, (NodeBehind, WrongChain, ReorgBeyondFinality)):
                    raise
                if self._clock() + pause_s >= end_s:
                    raise _gave_up(error) from error
            self._sleep(pause_s)
            pause_s = min(2 * pause_s, 1.0)

    def _next(self) -> BlockBatch | None:
        if not self._genesis_seen:
            self._check_genesis()
        head = self._rpc.head()
        try:
            if not self.tracker.see_head(head):
                return None
            decisions = self._decide(head)
        except NodeBehind:
            self._check_genesis()  # a restarted devnet looks like a node that went back
            raise
        if not decisions:
            raise TornAnswer("the node's head changed while it was read")
        if isinstance(decisions[0], Rollback):
            to_number = decisions[0].to_number
            return RolledBack(to_number, self.tracker.above(to_number))
        blocks = [decision.block for decision in decisions if isinstance(decision, Apply)]
        return Applied(self._with_logs(blocks, head.number), head.number)

    def _decide(self, head: Block) -> list[Apply | Rollback]:
        start = min(self.tracker.tip_number + 1, head.number)
        try:
            return self.tracker.offer(self._headers(start, min(head.number, start + self._batch_blocks - 1)))
        except MissingAncestor as fork:
            self._check_genesis()
            # The second, whole reading of the disputed heights is what a rollback rests on.
            end = min(head.number, max(self.tracker.tip_number, fork.from_number))
            return self.tracker.offer(self._headers(fork.from_number, end))

    def _headers(self, start: int, end: int) -> list[Block]:
        blocks = [block for block in self._rpc.get_blocks(range(start, end + 1)) if block is not None]
        if len(blocks) != end - start + 1:
            raise TornAnswer(f"the node lacks headers between {start} and {end}")
        return blocks

    def _check_genesis(self) -> None:
        found = self._rpc.genesis_hash()
        if self._genesis is None:
            self._genesis = found
        if found != self._genesis:
            raise WrongChain(
                f"the node's genesis is 0x{found.hex()}, the followed chain's is 0x{self._genesis.hex()}",
                hint="name the RPC URL of the right chain, or start a new database for this one; nothing was deleted",
                expected="0x" + self._genesis.hex(),
                found="0x" + found.hex(),
            )
        self._genesis_seen = True

    def _with_logs(self, blocks: Sequence[Block], head_number: int) -> tuple[BlockLogs, ...]:
        final = [block for block in blocks if block.number <= head_number - self.tracker.finality_depth]
        fresh = blocks[len(final) :]
        calls: list[tuple[str, Sequence[Any]]] = []
        if final:
            window = {"fromBlock": hex(final[0].number), "toBlock": hex(final[-1].number)}
            calls.append(("eth_getLogs", (window | {"address": self._addresses},)))
        # By hash near the head, where a height may name another block by the time it is read.
        for block in fresh:
            calls.append(("eth_getLogs", ({"blockHash": "0x" + block.hash.hex(), "address": self._addresses},)))
        calls.append(("eth_getBlockByNumber", (hex(blocks[-1].number), False)))
        *answers, last = self._rpc.batch(calls)
        if last is None or block_from_json(last).hash != blocks[-1].hash:
            raise TornAnswer(f"block {blocks[-1].number} changed while its logs were read")
        return _attach(blocks, [log_from_json(raw) for answer in answers for raw in answer])


def _attach(blocks: Sequence[Block], logs: Sequence[Log]) -> tuple[BlockLogs, ...]:
    """Logs sorted under their blocks, doubles dropped; a log of another chain tears the answer."""
    by_hash: dict[bytes, dict[int, Log]] = {block.hash: {} for block in blocks}
    for log in logs:
        if log.block_hash not in by_hash:
            raise TornAnswer(f"log {log.log_index} of block {log.block_number} belongs to another chain")
        by_hash[log.block_hash][log.log_index] = log
    return tuple(BlockLogs(b, tuple(by_hash[b.hash][i] for i in sorted(by_hash[b.hash]))) for b in blocks)


def _gave_up(error: Exception) -> ChainUnavailable:
    if isinstance(error, ChainUnavailable):
        return error
    return ChainUnavailable(
        f"the node gives no consistent answers: {error}",
        code="chain.inconsistent",
        hint="the node may sit behind a load balancer of nodes at different heights; use one node",
    )
