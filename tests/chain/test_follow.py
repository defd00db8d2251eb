"""Following a chain: decisions of the pure tracker, and a seeded simulation of a hostile node. Needs no devnet."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from symphony_chain.errors import ChainUnavailable, RpcError, WrongChain
from symphony_chain.follow import (
    Applied,
    Apply,
    ChainFollower,
    Cursor,
    HeadTracker,
    MissingAncestor,
    NodeBehind,
    ReorgBeyondFinality,
    Rollback,
    RolledBack,
    TornAnswer,
)
from symphony_chain.rpc_types import Block

ADDRESS = "0x5FbDB2315678afecb367f032d93F642f64180aa3"


def chain(length: int, *, salt: str = "a", base: Sequence[Block] = ()) -> list[Block]:
    """``base`` and then blocks up to ``length`` whose hashes depend on the salt."""
    blocks = list(base)
    while len(blocks) < length:
        number = len(blocks)
        parent = blocks[-1].hash if blocks else bytes(32)
        blocks.append(Block(number, hashlib.sha256(parent + salt.encode()).digest(), parent, 1_000 + number))
    return blocks


def take(tracker: HeadTracker, run: Sequence[Block]) -> None:
    tracker.see_head(run[-1])
    for decision in tracker.offer(run):
        tracker.commit(decision)


def test_applies_in_order_and_keeps_a_window_of_the_finality_depth() -> None:
    tracker = HeadTracker(finality_depth=4)
    blocks = chain(20)
    take(tracker, blocks[:10])
    assert tracker.offer(blocks[10:12]) == [Apply(blocks[10]), Apply(blocks[11])]
    take(tracker, blocks[10:])
    assert tracker.cursor.window == tuple(blocks[15:])
    assert tracker.final_number == 15


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_reorg_rolls_back_to_the_last_common_block(depth: int) -> None:
    tracker = HeadTracker(finality_depth=4)
    ours = chain(20)
    take(tracker, ours)
    theirs = chain(20, salt="b", base=ours[: 20 - depth])
    assert tracker.see_head(theirs[-1])
    with pytest.raises(MissingAncestor) as fork:
        tracker.offer(theirs[19:])
    assert tracker.offer(theirs[fork.value.from_number :]) == [Rollback(19 - depth)]


def test_reorg_beyond_finality_is_refused_and_drops_nothing() -> None:
    tracker = HeadTracker(finality_depth=4)
    ours = chain(20)
    take(tracker, ours)
    theirs = chain(40, salt="b", base=ours[:15])
    with pytest.raises(ReorgBeyondFinality) as error:
        tracker.offer(theirs[15:])
    assert error.value.code == "index.reorg_final" and error.value.exit_code == 5
    assert tracker.tip == ours[-1]


def test_a_tip_orphaned_during_a_long_absence_is_dropped_all_the_same() -> None:
    ours = chain(20)
    tracker = HeadTracker(finality_depth=4, window=ours[15:])
    theirs = chain(500, salt="b", base=ours[:18])
    assert tracker.see_head(theirs[-1])
    assert tracker.offer(theirs[15:20]) == [Rollback(17)]


def test_shorter_rival_chain_is_node_behind() -> None:
    tracker = HeadTracker()
    ours = chain(20)
    take(tracker, ours)
    with pytest.raises(NodeBehind):
        tracker.see_head(ours[12])
    rival = chain(19, salt="b", base=ours[:15])
    with pytest.raises(NodeBehind):
        tracker.offer(rival)
    assert tracker.tip == ours[-1]


def test_first_block_itself_may_be_replaced() -> None:
    tracker = HeadTracker(first_block=5)
    ours, theirs = chain(8), chain(8, salt="b")
    take(tracker, ours[5:])
    assert tracker.offer(theirs[5:]) == [Rollback(4)]
    tracker.commit(Rollback(4))
    assert tracker.tip is None
    take(tracker, theirs[5:])
    assert tracker.tip == theirs[-1]


def test_unlinked_headers_are_torn() -> None:
    ours, theirs = chain(8), chain(8, salt="b")
    with pytest.raises(TornAnswer):
        HeadTracker().offer([ours[0], theirs[1]])


class FakeNode:
    """A node whose chain changes under the reader's hands and whose answers fail, repeat and shuffle, by seed."""

    def __init__(self, rng: random.Random, *, faults: bool = True) -> None:
        self.rng, self.faults = rng, faults
        self.blocks = chain(1)
        self.known = {self.blocks[0].hash: self.blocks[0]}
        self.restless = 0.0
        self.forks = 0

    def mine(self, count: int) -> None:
        self._grow(self.blocks, len(self.blocks) + count, self.blocks[0].hash.hex()[:4] + str(self.forks))

    def reorg(self, depth: int, longer_by: int) -> None:
        """Replaces the last ``depth`` blocks; sometimes the chain comes back to an older branch by itself."""
        self.forks += 1
        depth = min(depth, len(self.blocks) - 1)
        self._grow(self.blocks[: len(self.blocks) - depth], len(self.blocks) + longer_by, str(self.forks))

    def _grow(self, base: list[Block], length: int, salt: str) -> None:
        self.blocks = chain(length, salt=salt, base=base)
        self.known |= {block.hash: block for block in self.blocks}

    def _disturb(self) -> None:
        if self.rng.random() < self.restless:
            self.rng.choice([lambda: self.mine(1), lambda: self.reorg(self.rng.randint(1, 6), self.rng.randint(0, 2))])()
        if self.faults and self.rng.random() < 0.05:
            raise ChainUnavailable("down", code="chain.unreachable")
        if self.faults and self.rng.random() < 0.03:
            raise RpcError("busy", rpc_code=-32000)

    def head(self) -> Block:
        self._disturb()
        return self.blocks[-1]

    def genesis_hash(self) -> bytes:
        return self.blocks[0].hash

    def get_blocks(self, numbers: Sequence[int]) -> list[Block | None]:
        self._disturb()
        return [self.blocks[n] if n < len(self.blocks) else None for n in numbers]

    def batch(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        return [self._answer(method, *params) for method, params in calls]

    def _answer(self, method: str, query: Any, *_: Any) -> Any:
        self._disturb()
        if method == "eth_getBlockByNumber":
            number = int(query, 16)
            return raw_block(self.blocks[number]) if number < len(self.blocks) else None
        if "blockHash" in query:
            block = self.known[bytes.fromhex(query["blockHash"][2:])]
            if block not in self.blocks:
                raise RpcError("unknown block", rpc_code=-32001)
            found = logs_of(block)
        else:
            window = self.blocks[int(query["fromBlock"], 16) : int(query["toBlock"], 16) + 1]
            found = [log for block in window for log in logs_of(block)]
        if self.faults:
            found += [log for log in found if self.rng.random() < 0.2]
            self.rng.shuffle(found)
        return found


def raw_block(block: Block) -> dict[str, str]:
    return {
        "number": hex(block.number),
        "hash": "0x" + block.hash.hex(),
        "parentHash": "0x" + block.parent_hash.hex(),
        "timestamp": hex(block.timestamp),
        "gasLimit": "0x0",
        "gasUsed": "0x0",
    }


def logs_of(block: Block) -> list[dict[str, Any]]:
    """0…3 logs, a pure function of the block's hash."""
    return [
        {
            "address": ADDRESS,
            "topics": ["0x" + block.hash.hex()],
            "data": "0x",
            "blockNumber": hex(block.number),
            "blockHash": "0x" + block.hash.hex(),
            "transactionHash": "0x" + hashlib.sha256(block.hash + bytes([i])).hexdigest(),
            "transactionIndex": hex(i),
            "logIndex": hex(i),
        }
        for i in range(block.hash[0] % 4)
    ]


class Mirror:
    """A consumer that keeps what it was told to keep: (block hash, its log indexes) per height."""

    def __init__(self, first_block: int) -> None:
        self.first_block = first_block
        self.blocks: dict[int, Block] = {}
        self.logs: dict[int, tuple[int, ...]] = {}
        self.highest = first_block - 1

    def take(self, step: Applied | RolledBack) -> None:
        if isinstance(step, RolledBack):
            assert sorted(b.number for b in step.dropped) == [n for n in sorted(self.blocks) if n > step.to_number]
            for block in step.dropped:
                assert self.blocks.pop(block.number) == block
                del self.logs[block.number]
            return
        for item in step.blocks:
            assert item.block.number not in self.blocks, "applied twice"
            self.blocks[item.block.number] = item.block
            self.highest = max(self.highest, item.block.number)
            self.logs[item.block.number] = tuple(log.log_index for log in item.logs)

    def cursor(self, depth: int) -> Cursor:
        return Cursor(tuple(self.blocks[n] for n in sorted(self.blocks)[-(depth + 1) :]))

    def check(self, canonical: Sequence[Block]) -> None:
        wanted = list(canonical[self.first_block :])
        assert [self.blocks[n] for n in sorted(self.blocks)] == wanted
        for block in wanted:
            assert self.logs[block.number] == tuple(range(block.hash[0] % 4))


def simulate(seed: int, rounds: int) -> int:
    """Mines, reorganises, disturbs, restarts; after each quiet poll the mirror equals the canonical chain."""
    rng = random.Random(seed)
    node, depth, first = FakeNode(rng), rng.choice([8, 16]), rng.choice([0, 3])
    node.mine(first + 1)
    mirror, now = Mirror(first), [0.0]

    def follower() -> ChainFollower:
        start = mirror.cursor(depth)
        return ChainFollower(
            node,
            addresses=[ADDRESS],
            first_block=first,
            start=start if start.window else None,
            batch_blocks=rng.choice([1, 3, 50]),
            finality_depth=depth,
            clock=lambda: now[0],
            sleep=lambda s: now.__setitem__(0, now[0] + s),
        )

    current = follower()
    for _ in range(rounds):
        node.mine(rng.choice([0, 1, 1, 2, 30]))
        if rng.random() < 0.3:
            node.reorg(rng.randint(1, 4), rng.randint(0, 3))
        node.restless = rng.choice([0.0, 0.0, 0.05])
        if rng.random() < 0.2:
            current = follower()
        try:
            for step in current.poll():
                if rng.random() < 0.05:
                    raise ChainUnavailable("the consumer failed before it stored the step")
                mirror.take(step)
        except ReorgBeyondFinality:
            # Several reorganisations during one poll may add up; the refusal must be due, and drop nothing.
            shared = [n for n, block in mirror.blocks.items() if node.blocks[n : n + 1] == [block]]
            assert max(shared, default=first - 1) < mirror.highest - depth
            return 0
        except ChainUnavailable:
            current = follower()
        node.restless = 0.0
    node.faults = False
    for step in current.poll():
        mirror.take(step)
    mirror.check(node.blocks)
    return 1


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32))
def test_simulation_ends_on_the_canonical_chain(seed: int) -> None:
    note(f"reproduce: simulate({seed}, 30)")
    simulate(seed, 30)


def test_simulation_is_not_vacuous() -> None:
    assert sum(simulate(seed, 30) for seed in range(40)) >= 30, "most runs must reach the final comparison"


def quiet_node(length: int) -> FakeNode:
    node = FakeNode(random.Random(0), faults=False)
    node.mine(length - 1)
    return node


def followed(node: FakeNode, **options: Any) -> ChainFollower:
    follower = ChainFollower(node, addresses=[ADDRESS], **options)
    assert list(follower.poll())
    return follower


def test_other_genesis_is_wrong_chain_not_a_reorg() -> None:
    node = quiet_node(10)
    follower = followed(node)
    for length in (5, 10, 30):  # a restarted devnet, young or already longer
        node.blocks = chain(length, salt="other")
        node.known |= {block.hash: block for block in node.blocks}
        with pytest.raises(WrongChain) as error:
            list(follower.poll())
        assert error.value.code == "chain.wrong" and "nothing was deleted" in error.value.hint
        assert follower.tracker.tip_number == 9


def test_expected_genesis_is_checked_on_the_first_poll() -> None:
    with pytest.raises(WrongChain):
        list(ChainFollower(quiet_node(3), addresses=[ADDRESS], genesis=bytes(32)).poll())


def test_node_behind_waits_and_goes_on() -> None:
    node = quiet_node(20)
    follower, whole = followed(node), node.blocks
    node.blocks = whole[:12]
    with pytest.raises(NodeBehind):
        list(follower.poll())
    node.blocks = whole
    node.mine(1)
    (step,) = follower.poll()
    assert isinstance(step, Applied) and [item.block.number for item in step.blocks] == [20]


def test_a_poll_ends_also_on_a_chain_that_outruns_the_reader() -> None:
    class Hasty(FakeNode):
        def get_blocks(self, numbers: Sequence[int]) -> list[Block | None]:
            self.mine(2)
            return super().get_blocks(numbers)

    node = Hasty(random.Random(0), faults=False)
    follower = ChainFollower(node, addresses=[ADDRESS])
    for seen in (0, 2, 4):
        assert [item.block.number for step in follower.poll() for item in step.blocks][-1] == seen  # type: ignore[union-attr]


def test_gives_up_after_its_deadline_with_the_cause() -> None:
    class Down(FakeNode):
        def head(self) -> Block:
            raise ChainUnavailable("cannot reach the chain", code="chain.unreachable", hint="start it")

    now = [0.0]
    follower = ChainFollower(
        Down(random.Random(0)), addresses=[], deadline_s=5, clock=lambda: now[0], sleep=lambda s: now.__setitem__(0, now[0] + s)
    )
    with pytest.raises(ChainUnavailable) as error:
        list(follower.poll())
    assert error.value.code == "chain.unreachable" and now[0] <= 5


def test_a_step_the_consumer_failed_on_is_given_again() -> None:
    node = quiet_node(5)
    follower = ChainFollower(node, addresses=[ADDRESS], batch_blocks=2)
    first = next(iter(follower.poll()))
    again = next(iter(follower.poll()))
    assert first == again
