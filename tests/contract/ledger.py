"""A world with Reputation, ReleaseRegistry and DeltaRegistry: real settlements, bytecode and models side by side."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from functools import cache
from typing import Any, cast

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from symphony_chain import ledger_events
from symphony_chain.abi import signatures
from symphony_chain.deltas import DELTAS, DeltaClient
from symphony_chain.deploy import initcode
from symphony_chain.ledger_events import LedgerEvent
from symphony_chain.model.context import Call, ModelRevert
from symphony_chain.model.deltas import DeltaModel
from symphony_chain.model.releases import ReleaseModel
from symphony_chain.model.reputation import ReputationModel
from symphony_chain.releases import RELEASES, ReleaseClient
from symphony_chain.reputation import REPUTATION, ReputationClient
from symphony_chain.rpc import Rpc
from symphony_chain.signing import commitment
from symphony_chain.skills import pack_word
from symphony_chain.texts import decode_lossy
from symphony_chain.types import NATIVE, ZERO_ADDRESS, Bid, Opening, Receipt, Task
from tests.contract.evm import Evm, Outcome
from tests.property.world import ACTORS, FREE, PAGES, Base, World

REQUESTER, ANNA, BERT, CARL, OTHER, STRANGER = ACTORS
AGENTS = (ANNA, BERT, CARL)  # agent i + 1 is AGENTS[i]'s
SKILL = pack_word({0: 10_000})
PRICE_WEI = 1_000
TRACE = keccak(b"trace")


@cache
def ledger_base() -> tuple[Base, dict[str, str]]:
    """A deployment with the three contracts, and where they are."""
    chain = FREE.chain.fork()
    make = chain.evm.create
    where = {
        REPUTATION: make(
            STRANGER, initcode(REPUTATION, ["address", "address"], [chain.registry, chain.market])
        ),
        RELEASES: make(STRANGER, initcode(RELEASES)),
        DELTAS: make(STRANGER, initcode(DELTAS, ["address"], [chain.registry])),
    }
    chain.evm.persist()
    return Base(chain, FREE.terms, FREE.pool, FREE.wallet, FREE.fee_bps), where


class EvmRpc:
    """As much of a node as a client's reads need."""

    def __init__(self, evm: Evm) -> None:
        self._evm = evm

    def eth_call(self, to: str, data: bytes, block: object) -> bytes:
        return self._evm.call(to, data)


class LedgerWorld(World):
    """Agents 1, 2 and 3 of three owners; two requesters with money in the market."""

    def __init__(self) -> None:
        base, self.where = ledger_base()
        super().__init__(base)
        self.reputation = ReputationModel(self.registry, self.market, self.chain.market)
        self.releases = ReleaseModel()
        self.deltas = DeltaModel(self.registry)
        rpc = cast(Rpc, EvmRpc(self.chain.evm))
        self.read_reputation = ReputationClient(rpc, self.where[REPUTATION])
        self.read_releases = ReleaseClient(rpc, self.where[RELEASES])
        self.read_deltas = DeltaClient(rpc, self.where[DELTAS])
        for owner in AGENTS:
            self.must(self.register(owner, SKILL))
        for requester in (REQUESTER, OTHER):
            self.must(self.deposit(requester, requester, 10**9))

    def settled(
        self,
        agents: Sequence[int] = (1,),
        *,
        requester: str = REQUESTER,
        absent: Collection[int] = (),
        dissent: Collection[int] = (),
        evaluator: str = ZERO_ADDRESS,
        token: str = NATIVE,
    ) -> Receipt:
        """A task from hire to settle; `absent` agents commit nothing, those of `dissent` give another answer than the rest."""
        task = Task(
            requester=requester, router=ZERO_ADDRESS, token=token, ceiling_wei=PRICE_WEI, base_bps=2_000, bond_wei=0, kind=0,
            page_id=PAGES[0], requirement=SKILL, min_match_bps=0, k=len(agents), min_seats=1, quorum_bps=5_001, open=False,
            bid_end_s=self.now_s + 20, commit_end_s=self.now_s + 40, reveal_window_s=20, evaluator=evaluator,
            evaluation_window_s=20 if evaluator != ZERO_ADDRESS else 0, evaluation_fee_wei=0, shared_bps=0, parent=bytes(32),
            header=keccak(b"header"), salt=len(self.receipts).to_bytes(32, "big"),
        )  # fmt: skip
        task_id = self.task_id(task)
        owners = {agent: self.registry.owner_and_wallet(agent)[1] for agent in agents}
        bids = [Bid(agent, PRICE_WEI, 8_000, task.bid_end_s) for agent in agents]
        offers = [self.offer(task_id, bid, owners[bid.agent_id]) for bid in bids]
        self.must(self.hire(requester, task, offers))
        openings = []
        for seat, agent in enumerate(agents):
            if agent in absent:
                continue
            digest = hashlib.sha256(b"%d" % agent if agent in dissent else b"yes").digest()
            openings.append(Opening(seat, digest, TRACE, bytes([seat]) * 32))
            sealed = commitment(task_id, agent, digest, TRACE, bytes([seat]) * 32)
            self.must(self.commit(owners[agent], task_id, seat, sealed))
        if absent:
            self.chain.evm.at(task.commit_end_s + 1)
        for opening in openings:
            self.must(self.reveal(STRANGER, task_id, opening))
        if evaluator != ZERO_ADDRESS:
            self.chain.evm.at(task.evaluation_end_s + 1)
        self.must(self.settle(STRANGER, task))
        return self.receipts[task_id]

    def step(self, contract: str, sender: str, data: bytes, run: Callable[[Call], object]) -> Outcome:
        """One call on both sides: success or error with arguments, and events, must be equal."""
        logs = (self.reputation.events, self.releases.events, self.deltas.events)
        seen = [len(log) for log in logs]
        outcome = self.chain.evm.send(sender, self.where[contract], data)
        error: tuple[str, dict[str, Any]] | None = None
        try:
            run(Call(sender, self.now_s))
        except ModelRevert as revert:
            error = revert.name, revert.arguments
        assert error_of(outcome) == error
        assert events_of(outcome) == [event for log, n in zip(logs, seen, strict=True) for event in log[n:]]
        return outcome


def ok(outcome: Outcome) -> Outcome:
    assert outcome.ok, error_of(outcome)
    return outcome


def events_of(outcome: Outcome) -> list[LedgerEvent]:
    return [event for log in outcome.logs if (event := ledger_events.decode(log)) is not None]


def error_of(outcome: Outcome) -> tuple[str, dict[str, Any]] | None:
    """The custom error of one of the three contracts that a call reverted with; None if it did not."""
    if outcome.ok:
        return None
    known = {
        s.hash[:4]: s for contract in (REPUTATION, RELEASES, DELTAS) for s in signatures(contract, "error")
    }
    signature = known[outcome.output[:4]]
    values = decode_lossy(signature.types, outcome.output[4:])
    return signature.name, {
        name: to_checksum_address(value) if kind == "address" else value
        for name, kind, value in zip(signature.names, signature.types, values, strict=True)
    }


def error_names(contract: str) -> set[str]:
    """Every custom error that a contract can raise itself."""
    return {signature.name for signature in signatures(contract, "error")}
