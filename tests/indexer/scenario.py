"""A small deterministic driver of the market on a devnet that mines on every transaction: agents, and tasks through all
outcomes. Used by the tests of the index and of the API.

    with start_devnet("anvil", block_time_s=0) as node, Rpc(node.url) as rpc:
        world = Scenario.start(rpc, tmp_path)
        world.play_all()          # one task for every outcome, and every other event
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from eth_account import Account
from eth_account.signers.local import LocalAccount

from symphony_chain import events, market, registry, signing
from symphony_chain.abi import REGISTRY, encode
from symphony_chain.deploy import Deployment, deploy
from symphony_chain.devnet import require_devnet
from symphony_chain.rpc import Receipt, Rpc, wait_until
from symphony_chain.skills import DEFAULT_PAGE_ID, pack_word
from symphony_chain.tx import TxSender
from symphony_chain.tx_journal import TxJournal
from symphony_chain.types import NATIVE, ZERO_ADDRESS, Bid, Task

GWEI = 10**9
ETHER = 10**18
REQUIREMENT = pack_word({0: 10_000, 1: 5_000})
GAS = 2_000_000
#: Everything is signed for this price, so that no fee depends on the moment.
FEE_WEI = 100 * GWEI


@dataclass
class Agent:
    """An agent with its keys."""

    agent_id: int
    owner: LocalAccount
    wallet: LocalAccount


@dataclass
class Posted:
    """A task on chain, with what its seats are going to say."""

    task: Task
    task_id: bytes
    agents: list[Agent] = field(default_factory=list)
    openings: list[tuple[bytes, bytes, bytes, bytes]] = field(default_factory=list)  # answer, digest, evidence, salt


class Scenario:
    """Keys, a deployment and the verbs of the market; every call is one transaction in one block."""

    def __init__(self, rpc: Rpc, deployment: Deployment, accounts: Sequence[LocalAccount]) -> None:
        self.rpc = rpc
        self.deployment = deployment
        self.requester, self.stranger, *self.keys = accounts
        self.agents: list[Agent] = []
        self.posted: list[Posted] = []
        self._salt = 0

    @classmethod
    def start(cls, rpc: Rpc, folder: Path) -> Scenario:
        """Deploys, with the devnet's well-known accounts."""
        accounts = [Account.from_key(key) for _, key in require_devnet(rpc)]
        with TxJournal(folder / "journal.db") as journal:
            deployment = deploy(TxSender(rpc, accounts[0], journal))
        return cls(rpc, deployment, accounts)

    # --- plumbing ---

    @property
    def now_s(self) -> int:
        return self.rpc.head().timestamp

    def send(self, account: LocalAccount, to: str, data: bytes, value_wei: int = 0, *, succeeds: bool = True) -> Receipt:
        """One transaction, mined at once."""
        signed = account.sign_transaction(
            {
                "to": to,
                "data": data,
                "value": value_wei,
                "nonce": self.rpc.get_nonce(account.address, "latest"),
                "gas": GAS,
                "maxFeePerGas": FEE_WEI,
                "maxPriorityFeePerGas": GWEI,
                "chainId": self.deployment.chain_id,
                "type": 2,
            }
        )
        tx_hash = self.rpc.send_raw(bytes(signed.raw_transaction))
        receipt = wait_until(lambda: self.rpc.get_receipt(tx_hash), 10, 0.01, what="the receipt")
        assert bool(receipt.status) == succeeds, f"status {receipt.status}"
        return receipt

    def market(self, account: LocalAccount, data: bytes, value_wei: int = 0) -> Receipt:
        return self.send(account, self.deployment.market, data, value_wei)

    def registry(self, account: LocalAccount, data: bytes) -> Receipt:
        return self.send(account, self.deployment.registry, data)

    def warp(self, timestamp_s: int) -> None:
        """The next block, empty, at this time."""
        self.rpc.call("evm_setNextBlockTimestamp", timestamp_s)
        self.rpc.call("evm_mine")

    def mine(self, count: int) -> None:
        """Empty blocks."""
        for _ in range(count):
            self.rpc.call("evm_mine")

    def fill(self, count: int) -> None:
        """Blocks that no empty block can equal: one deposit of one wei each."""
        for _ in range(count):
            self.market(self.stranger, market.encode_deposit(self.stranger.address), 1)

    # --- agents ---

    def register(self, key: LocalAccount, lanes: dict[int, int], wallet: LocalAccount | None = None) -> Agent:
        """Registers an agent; with a wallet, names it as operator key."""
        digest = hashlib.sha256(key.address.encode()).digest()
        receipt = self.registry(key, registry.encode_register(digest, DEFAULT_PAGE_ID, pack_word(lanes)))
        decoded = [events.decode(log) for log in receipt.logs]
        agent_id = next(event.agent_id for event in decoded if isinstance(event, events.Registered))
        agent = Agent(agent_id, key, wallet or key)
        if wallet is not None:
            deadline = self.now_s + 200
            consent = signing.sign_agent_wallet(wallet, self.deployment.domain, agent_id, key.address, deadline)
            self.registry(key, registry.encode_set_agent_wallet(agent_id, wallet.address, deadline, consent))
        self.agents.append(agent)
        return agent

    def register_four(self) -> None:
        """Four agents: three with an operator key, unequal declared words."""
        for i, lanes in enumerate(({0: 9000, 1: 8000}, {0: 7000, 1: 7000}, {0: 8000, 1: 2000, 5: 9000}, {0: 400})):
            wallet = Account.from_key(bytes([i + 1]) * 32) if i < 3 else None
            self.register(self.keys[i], lanes, wallet)

    # --- the life of a task ---

    def draft(self, **changes: object) -> Task:
        """A task with windows of a minute from now; every draft is another task."""
        now, self._salt = self.now_s, self._salt + 1
        task = Task(
            requester=self.requester.address,
            router=ZERO_ADDRESS,
            token=NATIVE,
            ceiling_wei=3 * ETHER + 7,
            base_bps=2_000,
            bond_wei=0,
            kind=0,
            page_id=DEFAULT_PAGE_ID,
            requirement=REQUIREMENT,
            min_match_bps=1_000,
            k=3,
            min_seats=1,
            quorum_bps=5_000,
            bid_end_s=now + 60,
            commit_end_s=now + 120,
            reveal_window_s=60,
            evaluator=ZERO_ADDRESS,
            evaluation_window_s=0,
            evaluation_fee_wei=0,
            shared_bps=0,
            parent=bytes(32),
            header=hashlib.sha256(b"header").digest(),
            salt=self._salt.to_bytes(32, "big"),
        )
        return replace(task, **changes)  # type: ignore[arg-type]

    def post(self, **changes: object) -> Posted:
        task = self.draft(**changes)
        self.market(self.requester, market.encode_deposit_and_post(task), task.escrow_wei)
        posted = Posted(task, signing.task_id(self.deployment.domain, task))
        self.posted.append(posted)
        return posted

    def sign_bid(self, posted: Posted, agent: Agent, price_wei: int) -> Bid:
        bid = Bid(agent.agent_id, price_wei, 7_500, posted.task.bid_end_s)
        return signing.sign_bid(agent.wallet, self.deployment.domain, posted.task_id, bid)

    def bid(self, posted: Posted, agent: Agent, price_wei: int) -> Bid:
        bid = self.sign_bid(posted, agent, price_wei)
        self.market(agent.wallet if agent.wallet is agent.owner else self.stranger, market.encode_bid(posted.task_id, bid))
        return bid

    def award(self, posted: Posted, bids: Sequence[Bid], agents: Sequence[Agent]) -> None:
        """Awards; `agents` are those that will be seated, in order."""
        self.market(self.requester, market.encode_award(posted.task, bids))
        posted.agents = list(agents)

    def seat_all(self, posted: Posted, prices: Sequence[int] = (ETHER, 2 * ETHER, ETHER // 3)) -> None:
        """Bids and award for the first agents."""
        agents = self.agents[: len(prices)]
        bids = [self.bid(posted, agent, price) for agent, price in zip(agents, prices, strict=True)]
        self.award(posted, bids, agents)

    def commit(self, posted: Posted, answers: Sequence[str | None]) -> None:
        """One commit per seat whose answer is not None; relayed by a stranger with the wallet's signature."""
        posted.openings = []
        for seat, (agent, answer) in enumerate(zip(posted.agents, answers, strict=True)):
            text = (answer or "").encode()
            digest, evidence = hashlib.sha256(text).digest(), hashlib.sha256(b"trace" + text).digest()
            salt = signing.derive_salt(bytes(agent.wallet.key), posted.task_id)
            posted.openings.append((text, digest, evidence, salt))
            if answer is None:
                continue
            commitment = signing.commitment(posted.task_id, agent.agent_id, digest, evidence, salt)
            signature = signing.sign_commit(agent.wallet, self.deployment.domain, posted.task_id, seat, commitment)
            self.market(self.stranger, market.encode_commit(posted.task_id, seat, commitment, signature))

    def reveal(self, posted: Posted, seats: Sequence[int]) -> None:
        """Reveals; even seats publish their text."""
        for seat in seats:
            text, digest, evidence, salt = posted.openings[seat]
            inline = text if seat % 2 == 0 else b""
            self.market(self.stranger, market.encode_reveal(posted.task_id, seat, digest, evidence, salt, inline))

    def settle(self, posted: Posted) -> None:
        self.market(self.stranger, market.encode_settle(posted.task))

    def to_state(self, state: str) -> Posted:
        """A fresh task brought to: posted, bid, awarded, committed, revealed or settled."""
        posted = self.post()
        if state == "posted":
            return posted
        prices = (ETHER, 2 * ETHER, ETHER // 3)
        bids = [self.bid(posted, agent, price) for agent, price in zip(self.agents, prices, strict=False)]
        if state == "bid":
            return posted
        self.award(posted, bids, self.agents[:3])
        if state == "awarded":
            return posted
        self.commit(posted, ["42", "42", "41"])
        if state == "committed":
            return posted
        self.reveal(posted, [0, 1, 2])
        if state == "settled":
            self.settle(posted)
        return posted

    # --- stories ---

    def play_all(self) -> None:
        """One task for every outcome and every reason, and all other events, in a fixed order."""
        if not self.agents:
            self.register_four()
        self.settled()
        self.no_show_with_bond()
        self.inconclusive()
        self.void()
        self.expired()
        self.cancelled()
        self.lone_winner()
        self.skipped()
        self.money_and_words()
        self.to_state("committed")

    def settled(self) -> None:
        self.to_state("settled")

    def no_show_with_bond(self) -> None:
        for agent in self.agents[:3]:
            self.market(self.stranger, market.encode_fund_agent(agent.agent_id), ETHER)
        posted = self.post(bond_wei=ETHER // 10, quorum_bps=4_000)
        self.seat_all(posted)
        self.commit(posted, ["Paris", "Paris", None])
        self.warp(posted.task.commit_end_s + 1)
        self.reveal(posted, [1, 0])
        self.settle(posted)

    def inconclusive(self) -> None:
        posted = self.post(quorum_bps=10_000)
        self.seat_all(posted)
        self.commit(posted, ["a", "b", "a"])
        self.reveal(posted, [2, 0, 1])
        self.settle(posted)

    def void(self) -> None:
        posted = self.post()
        self.seat_all(posted)
        self.commit(posted, ["a", None, None])
        self.warp(posted.task.reveal_end_s + 1)
        self.settle(posted)

    def expired(self) -> None:
        posted = self.post()
        self.bid(posted, self.agents[0], ETHER)
        self.warp(posted.task.bid_end_s + 1)
        self.settle(posted)

    def cancelled(self) -> None:
        posted = self.post()
        self.market(self.requester, market.encode_cancel(posted.task))

    def lone_winner(self) -> None:
        """k = 1: pays, but moves no score."""
        posted = self.post(k=1)
        self.seat_all(posted, prices=(posted.task.ceiling_wei,))
        self.commit(posted, ["alone"])
        self.reveal(posted, [0])
        self.settle(posted)

    def skipped(self) -> None:
        """Every reason for which an award passes over a bid."""
        posted = self.post(bond_wei=10 * ETHER, k=2, min_match_bps=5_000)
        rich, poor, other, weak = self.agents
        self.market(self.stranger, market.encode_fund_agent(rich.agent_id), 50 * ETHER)
        good = self.bid(posted, rich, ETHER)
        forged = replace(self.sign_bid(posted, other, ETHER), price_wei=ETHER + 1)
        stale = signing.sign_bid(
            poor.wallet, self.deployment.domain, posted.task_id, Bid(poor.agent_id, ETHER, 0, self.now_s - 1)
        )
        bids = [
            good,
            stale,
            forged,
            self.sign_bid(posted, poor, ETHER),
            self.sign_bid(posted, other, posted.task.ceiling_wei + 1),
            self.sign_bid(posted, weak, ETHER),
            good,
            replace(good, agent_id=99),
        ]
        self.award(posted, bids, [rich])
        self.commit(posted, ["x"])
        self.reveal(posted, [0])
        self.settle(posted)

    def money_and_words(self) -> None:
        """Claims, withdrawals, new words and files, a transfer of an agent, foreign registrations."""
        first, second, third, fourth = self.agents
        self.market(first.owner, market.encode_claim(first.agent_id, first.owner.address))
        self.market(self.requester, market.encode_deposit(self.stranger.address), 5)
        self.market(self.requester, market.encode_withdraw(self.requester.address, self.stranger.address, ETHER))
        self.registry(second.owner, registry.encode_declare(second.agent_id, DEFAULT_PAGE_ID, pack_word({0: 10_000})))
        self.registry(third.owner, registry.encode_set_file(third.agent_id, hashlib.sha256(b"new file").digest()))
        self.registry(fourth.owner, _foreign("setAgentURI", fourth.agent_id, "https://example.org/agent.json"))
        self.registry(fourth.owner, _foreign("setMetadata", fourth.agent_id, "note", b"hello"))
        transfer = _foreign("transferFrom", third.owner.address, self.stranger.address, third.agent_id)
        self.registry(third.owner, transfer)
        back = _foreign("transferFrom", self.stranger.address, third.owner.address, third.agent_id)
        self.registry(self.stranger, back)
        third.wallet = third.owner
        multicall = [market.encode_withdraw(self.requester.address, self.requester.address, i) for i in (1, 2)]
        self.market(self.requester, market.encode_multicall(multicall))


def _foreign(name: str, *args: object) -> bytes:
    return encode(REGISTRY, name, *args)
