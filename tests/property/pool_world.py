"""A world with a reward pool: real settlements of a real market, and the pool's bytecode and reference model side by side."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from eth_abi import abi as eth_abi
from eth_utils.crypto import keccak

from symphony_chain import abi, reward_events, rewards
from symphony_chain.abi import decode_output, encode, signatures
from symphony_chain.deploy import initcode
from symphony_chain.model.context import Call, ModelRevert
from symphony_chain.model.reward_pool import RewardPoolModel
from symphony_chain.rewards import PoolTerms
from symphony_chain.signing import commitment
from symphony_chain.skills import pack_word
from symphony_chain.types import NATIVE, ZERO_ADDRESS, Bid, Opening, Receipt, Task
from tests.contract.evm import Outcome
from tests.property.world import ACTORS, FREE_TERMS, PAGES, POOL, Base, World

REQUESTER, *AGENTS, STRANGER = ACTORS  # agent i + 1 is AGENTS[i]'s
SKILL = pack_word({0: 10_000})
TERMS = PoolTerms()
FUNDS_WEI = 10**23


@cache
def pool_base(terms: PoolTerms = TERMS) -> Base:
    """A market with a pool, at the address that it credits; the coins that this was born with stand for forced ones."""
    made = Base.new(FREE_TERMS)
    code = initcode(abi.POOL, ["uint256"] * 3, [terms.epoch_s, terms.delay, terms.spread])
    made.chain.evm.create(STRANGER, code, at=POOL)
    made.chain.evm.persist()
    return made


class PoolWorld(World):
    """Four agents of four owners, and a requester with money in every token."""

    def __init__(self, terms: PoolTerms = TERMS) -> None:
        super().__init__(pool_base(terms))
        self.terms = terms
        self.pool = RewardPoolModel(
            self.market, self.chain.market, POOL, terms.epoch_s, terms.delay, terms.spread
        )
        self.forced_wei = self.chain.evm.coins(POOL)
        for owner in AGENTS:
            self.must(self.register(owner, SKILL))
        for token in self.tokens:
            self.must(self.deposit(REQUESTER, REQUESTER, FUNDS_WEI, token))

    @property
    def epoch(self) -> int:
        """The present one."""
        return self.terms.epoch_of(self.now_s)

    def wait(self, epochs: int) -> None:
        """To the first second of a later epoch."""
        self.chain.evm.at((self.epoch + epochs) * self.terms.epoch_s)

    def settled(
        self,
        shared_bps: int = 2_000,
        *,
        price_wei: int = 10**6,
        agents: Sequence[int] = (1,),
        dissent: bool = False,
        token: str = NATIVE,
    ) -> Receipt:
        """A task from hire to settle, now; the last of its agents dissents."""
        task = Task(
            requester=REQUESTER, router=ZERO_ADDRESS, token=token, ceiling_wei=price_wei, base_bps=2_000, bond_wei=0, kind=0,
            page_id=PAGES[0], requirement=SKILL, min_match_bps=0, k=len(agents), min_seats=1, quorum_bps=5_001, open=False,
            bid_end_s=self.now_s + 20, commit_end_s=self.now_s + 40, reveal_window_s=20, evaluator=ZERO_ADDRESS,
            evaluation_window_s=0, evaluation_fee_wei=0, shared_bps=shared_bps, parent=bytes(32), header=keccak(b"header"),
            salt=len(self.receipts).to_bytes(32, "big"),
        )  # fmt: skip
        task_id = self.task_id(task)
        offers = [
            self.offer(task_id, Bid(agent, price_wei, 8_000, task.bid_end_s), AGENTS[agent - 1])
            for agent in agents
        ]
        self.must(self.hire(REQUESTER, task, offers))
        openings = []
        for seat, agent in enumerate(agents):
            answer = b"no" if dissent and seat == len(agents) - 1 else b"yes"
            digest = hashlib.sha256(answer).digest()
            openings.append(Opening(seat, digest, keccak(b"trace"), bytes([seat]) * 32))
            sealed = commitment(task_id, agent, digest, keccak(b"trace"), bytes([seat]) * 32)
            self.must(self.commit(AGENTS[agent - 1], task_id, seat, sealed))
        self.must(self.reveal_and_settle(STRANGER, task, openings))
        return self.receipts[task_id]

    # --- the pool's steps, on both sides ---

    def record(self, receipt: Receipt) -> Outcome:
        data = rewards.encode_record(self.chain.market, receipt)
        return self._step(data, lambda call: self.pool.record(call, receipt))

    def advance(self, count: int = 1_000, token: str = NATIVE) -> Outcome:
        data = rewards.encode_advance(self.chain.market, count, token)
        return self._step(data, lambda call: self.pool.advance(call, token, count))

    def share(self, receipt: Receipt, seat: int) -> Outcome:
        data = rewards.encode_share(self.chain.market, receipt, seat)
        return self._step(data, lambda call: self.pool.share(call, receipt, seat))

    def shared(self, receipt: Receipt, seat: int) -> int:
        """What a share pays, which must not be refused."""
        outcome = ok(self.share(receipt, seat))
        amount: int = decode_output(abi.POOL, "share", outcome.output)[0]
        return amount

    def read_pool(self, name: str, *args: Any) -> tuple[Any, ...]:
        data = encode(abi.POOL, name, *args)
        return decode_output(abi.POOL, name, self.chain.evm.call(POOL, data))

    def compare_pool(self) -> None:
        """Every figure of the pool, and Conservation to the wei: by place, by flow, and against the market."""
        market = self.chain.market
        for token in self.tokens:
            book = self.pool.books[token]
            assert self.read_pool("bookOf", market, token) == (
                book.next_epoch,
                book.carry_wei,
                self.pool.rate_wei(token),
            )
            for epoch in book.epochs:
                e = book.epochs[epoch]
                figures = (e.pot_wei, e.given_wei, e.reserve_wei, e.unpaid_wei)
                assert self.read_pool("epochOf", market, token, epoch) == figures
                assert e.reserve_wei <= e.unpaid_wei <= e.given_wei <= e.pot_wei
            (owed_wei,) = self.read_pool("owed", market, token)
            assert owed_wei == book.owed_wei == self.pool.placed_wei(token)
            assert self.chain.read("balanceOf", POOL, token) == owed_wei + self.unrecorded_wei(token)
        assert self.chain.evm.coins(POOL) == self.forced_wei

    def unrecorded_wei(self, token: str) -> int:
        """What closed tasks gave that nobody has recorded."""
        return sum(
            given_wei(receipt)
            for task_id, receipt in self.receipts.items()
            if receipt.task.token == token and task_id not in self.pool.recorded
        )

    def _step(self, data: bytes, run: Callable[[Call], object]) -> Outcome:
        """One call on both sides: success or error with arguments, and the events of pool and market, must be equal."""
        seen = len(self.market.events), len(self.pool.events)
        outcome = self.chain.evm.send(STRANGER, POOL, data)
        error: tuple[str, dict[str, Any]] | None = None
        try:
            run(Call(STRANGER, self.now_s))
        except ModelRevert as revert:
            error = revert.name, revert.arguments
        assert pool_error(outcome) == error
        assert outcome.events == self.market.events[seen[0] :]
        events = [event for log in outcome.logs if (event := reward_events.decode(log)) is not None]
        assert events == self.pool.events[seen[1] :]
        return outcome


def ok(outcome: Outcome) -> Outcome:
    assert outcome.ok, pool_error(outcome)
    return outcome


def gifts_wei(receipt: Receipt) -> list[int]:
    """What each seat gave: written out here, not taken from the model."""
    return [result.pay_wei * receipt.task.shared_bps // 10_000 for result in receipt.results]


def given_wei(receipt: Receipt) -> int:
    return sum(gifts_wei(receipt))


def pool_error(outcome: Outcome) -> tuple[str, dict[str, Any]] | None:
    """The custom error of the pool that a call reverted with; None if it did not."""
    if outcome.ok:
        return None
    known = {signature.hash[:4]: signature for signature in signatures(abi.POOL, "error")}
    signature = known[outcome.output[:4]]
    values = eth_abi.decode(signature.types, outcome.output[4:])
    return signature.name, dict(zip(signature.names, values, strict=True))
