"""A small deterministic driver of the market on a devnet that mines on every transaction: agents, and tasks through all
outcomes. Used by the tests of the index and of the API.

    with start_devnet("anvil", block_time_s=0) as node, Rpc(node.url) as rpc:
        world = Scenario.start(rpc, tmp_path)
        world.play_all()          # one task for every outcome, and every other event
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from eth_abi import abi as eth_abi
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak

from symphony_chain import deltas, events, market, registry, releases, reputation, rewards, signing
from symphony_chain.abi import REGISTRY, encode
from symphony_chain.deploy import DEFAULT_TERMS, Deployment, deploy
from symphony_chain.devnet import require_devnet
from symphony_chain.rpc import Receipt, Rpc, wait_until
from symphony_chain.skills import DEFAULT_PAGE_ID, pack_word
from symphony_chain.tx import TxSender
from symphony_chain.tx_journal import TxJournal
from symphony_chain.types import NATIVE, ZERO_ADDRESS, Bid, Kind, Opening, SeatResult, Task
from symphony_chain.types import Receipt as TaskReceipt

GWEI = 10**9
ETHER = 10**18
REQUIREMENT = pack_word({0: 10_000, 1: 5_000})
GAS = 2_000_000
#: Everything is signed for this price, so that no fee depends on the moment.
FEE_WEI = 100 * GWEI
#: Counterparties that are no part of the product, compiled from `contracts/test`.
COUNTERPARTIES = Path(__file__).resolve().parents[1] / "artifacts"


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
        """One transaction, mined at once; to "" it creates a contract."""
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

    def create(self, name: str, types: Sequence[str] = (), args: Sequence[object] = ()) -> str:
        """A counterparty's address."""
        code = bytes.fromhex(json.loads((COUNTERPARTIES / f"{name}.json").read_text())["bytecode"][2:])
        address = self.send(self.stranger, "", code + eth_abi.encode(list(types), list(args))).contract_address
        assert address is not None
        return address

    def market(self, account: LocalAccount, data: bytes, value_wei: int = 0, *, succeeds: bool = True) -> Receipt:
        return self.send(account, self.deployment.market, data, value_wei, succeeds=succeeds)

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
            self.market(self.stranger, market.encode_deposit(self.stranger.address, 1), 1)

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

    def fund(self, agent: Agent, amount_wei: int) -> None:
        self.market(self.stranger, market.encode_fund_agent(agent.agent_id, amount_wei), amount_wei)

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
            open=False,
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

    def post(self, *, value_wei: int | None = None, by: LocalAccount | None = None, **changes: object) -> Posted:
        """Posts with coins of the escrow's amount, or of `value_wei`; the rest is the requester's balance."""
        posted = self.prepare(by=by, **changes)
        escrow_wei = posted.task.escrow_wei if posted.task.token == NATIVE else 0
        value_wei = escrow_wei if value_wei is None else value_wei
        self.market(by or self.requester, market.encode_post(posted.task), value_wei)
        self.posted.append(posted)
        return posted

    def prepare(self, *, by: LocalAccount | None = None, **changes: object) -> Posted:
        """A task with its id, not posted yet."""
        task = self.draft(requester=(by or self.requester).address, **changes)
        return Posted(task, signing.task_id(self.deployment.domain, task))

    def hire(self, agents: Sequence[Agent], prices: Sequence[int], *, value_wei: int, **changes: object) -> Posted:
        """Posts and awards in one transaction."""
        posted = self.prepare(**changes)
        bids = [self.sign_bid(posted, agent, price) for agent, price in zip(agents, prices, strict=True)]
        self.market(self.requester, market.encode_hire(posted.task, bids), value_wei)
        posted.agents = list(agents)
        self.posted.append(posted)
        return posted

    def take(self, posted: Posted, agent: Agent) -> None:
        """A free seat of an open task, by the agent's wallet's signature."""
        end_s = posted.task.commit_end_s
        signature = signing.sign_take(agent.wallet, self.deployment.domain, posted.task_id, agent.agent_id, end_s)
        self.market(self.stranger, market.encode_take(posted.task, agent.agent_id, signature, end_s))
        posted.agents.append(agent)

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

    def commit(
        self, posted: Posted, answers: Sequence[str | None], *, evidence: dict[int, bytes] | None = None
    ) -> None:
        """One commit per seat whose answer is not None; relayed by a stranger with the wallet's signature."""
        posted.openings = []
        for seat, (agent, answer) in enumerate(zip(posted.agents, answers, strict=True)):
            text = (answer or "").encode()
            digest, trace = hashlib.sha256(text).digest(), hashlib.sha256(b"trace" + text).digest()
            trace = (evidence or {}).get(seat, trace)
            salt = signing.derive_salt(bytes(agent.wallet.key), posted.task_id)
            posted.openings.append((text, digest, trace, salt))
            if answer is None:
                continue
            commitment = signing.commitment(posted.task_id, agent.agent_id, digest, trace, salt)
            signature = signing.sign_commit(agent.wallet, self.deployment.domain, posted.task_id, seat, commitment)
            self.market(self.stranger, market.encode_commit(posted.task_id, seat, commitment, signature))

    def reveal(self, posted: Posted, seats: Sequence[int]) -> None:
        """Reveals; even seats publish their text."""
        for seat in seats:
            text, digest, evidence, salt = posted.openings[seat]
            inline = text if seat % 2 == 0 else b""
            opening = Opening(seat, digest, evidence, salt, inline)
            self.market(self.stranger, market.encode_reveal(posted.task_id, opening))

    def settle(self, posted: Posted) -> None:
        self.market(self.stranger, market.encode_settle(posted.task))

    def run(self, posted: Posted, answers: Sequence[str]) -> None:
        """From the award to the settlement."""
        self.commit(posted, answers)
        self.reveal(posted, range(len(answers)))
        self.settle(posted)

    def to_state(self, state: str, **changes: object) -> Posted:
        """A fresh task brought to: posted, bid, awarded, committed, revealed or settled."""
        posted = self.post(**changes)
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
        self.hired()
        self.evaluated()
        self.paid_in_a_token()
        self.taken()
        self.planned()
        self.wallet_contract()
        self.pooled()
        self.rated()
        self.published()
        self.money_and_words()
        self.half_taken()
        self.to_state("committed")

    def settled(self) -> None:
        self.to_state("settled")

    def no_show_with_bond(self) -> None:
        for agent in self.agents[:3]:
            self.fund(agent, ETHER)
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
        self.fund(rich, 50 * ETHER)
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

    def hired(self) -> None:
        """Post and award in one, once from coins and balance together, once with more coins than it takes."""
        self.market(self.requester, market.encode_deposit(self.requester.address, ETHER), ETHER)
        agents = self.agents[:3]
        self.run(self.hire(agents, (2 * ETHER, ETHER, ETHER), value_wei=5 * ETHER), ["h", "h", "i"])
        self.run(self.hire(agents[:2], (ETHER, ETHER), value_wei=8 * ETHER), ["h", "h"])

    def evaluated(self) -> None:
        """An evaluator that scores in time, one that is silent, and one that finds nothing to score; bonds and a pool's share."""
        terms = {"evaluator": self.stranger.address, "evaluation_window_s": 30, "evaluation_fee_wei": ETHER // 9 + 1}
        for agent in self.agents[:3]:
            self.fund(agent, ETHER)
        scored = self.post(**terms, bond_wei=ETHER // 10, shared_bps=333)
        self.seat_all(scored)
        self.commit(scored, ["e", "e", None])
        self.warp(scored.task.commit_end_s + 1)
        self.reveal(scored, [0, 1])
        self.warp(scored.task.reveal_end_s + 1)
        signature = signing.sign_evaluate(self.stranger, self.deployment.domain, scored.task_id, [7_777, 10_000, 1])
        self.market(self.requester, market.encode_evaluate(scored.task, [7_777, 10_000, 1], signature))
        silent = self.post(**terms, shared_bps=10_000)
        self.seat_all(silent)
        self.commit(silent, ["s", "s", "t"])
        self.reveal(silent, [0, 1, 2])
        self.warp(silent.task.evaluation_end_s + 1)
        self.settle(silent)
        void = self.post(**terms)
        self.seat_all(void)
        self.market(self.stranger, market.encode_evaluate(void.task, [1, 2, 3]), succeeds=False)
        self.warp(void.task.reveal_end_s + 1)
        self.market(self.stranger, market.encode_evaluate(void.task, [1, 2, 3]))

    def paid_in_a_token(self) -> None:
        """ERC-20 from deposit to withdrawal, and a token that loses money of everybody by itself."""
        plain, shrinking = self.create("PlainToken"), self.create("RebasingToken")
        amount, market_address = 10 * ETHER, self.deployment.market
        for token in (plain, shrinking):
            for call in (("mint(address,uint256)", self.requester.address), ("approve(address,uint256)", market_address)):
                self.send(self.requester, token, _foreign_call(*call, amount))
            self.market(self.requester, market.encode_deposit(self.requester.address, amount // 2, token))
        self.market(self.requester, market.encode_fund_agent(self.agents[0].agent_id, ETHER, plain))
        posted = self.post(token=plain, ceiling_wei=ETHER, k=2, bond_wei=1_000, shared_bps=100, min_seats=1)
        self.seat_all(posted, (ETHER,))
        self.run(posted, ["t"])
        first = self.agents[0]
        self.market(first.owner, market.encode_claim(first.agent_id, first.owner.address, plain))
        self.market(
            self.requester, market.encode_withdraw(self.requester.address, self.requester.address, ETHER, plain)
        )
        self.send(self.stranger, shrinking, keccak(text="rebase(uint256)")[:4] + (9_000).to_bytes(32, "big"))

    def taken(self) -> None:
        """An open task that nobody awarded: two agents take seats, the third stays free."""
        posted = self.post(open=True, k=3, min_seats=2)
        self.bid(posted, self.agents[0], ETHER)
        self.warp(posted.task.bid_end_s + 1)
        self.take(posted, self.agents[1])
        self.take(posted, self.agents[0])
        self.commit(posted, ["o", "o"])
        self.warp(posted.task.commit_end_s + 1)
        self.reveal(posted, [1, 0])
        self.settle(posted)

    def half_taken(self) -> None:
        """An open task with one seat taken and two free, left as it is."""
        posted = self.post(open=True)
        self.warp(posted.task.bid_end_s + 1)
        self.take(posted, self.agents[0])

    def planned(self) -> None:
        """Two planners; the first one's children were answered by a light agent and lower its weight, the other names none that
        counts. A stranger makes `Plans` lie meanwhile."""
        planner, other, _, light = self.agents
        plan = self.post(kind=Kind.PLAN, k=2, commit_end_s=self.now_s + 400, bid_end_s=self.now_s + 60)
        self.seat_all(plan, (ETHER, ETHER))
        child = self.post(by=planner.owner, parent=plan.task_id, k=1, ceiling_wei=GWEI, min_match_bps=0)
        self.award_by(planner.owner, child, [self.sign_bid(child, light, GWEI)], [light])
        self.run(child, ["step"])
        trace = hashlib.sha256(b"plan trace").digest()
        named = {0: [child.task_id], 1: [child.task_id, bytes(32)]}
        evidence = {seat: signing.plan_evidence(trace, children) for seat, children in named.items()}
        self.commit(plan, ["plan", "plan"], evidence=evidence)
        self.warp(plan.task.commit_end_s + 1)
        receipt = self.receipt(child)
        nobody = TaskReceipt(child.task, b"", ())
        self._slander(plan, trace)
        for seat, children in named.items():
            text, digest, _, salt = plan.openings[seat]
            opening = Opening(seat, digest, evidence[seat], salt, text)
            data = market.encode_reveal_plan(
                self.deployment.market, plan.task, opening, trace, children, [receipt, nobody][: len(children)]
            )
            self.send(self.stranger, self.deployment.plans, data)
            self._slander(plan, trace)
        self.settle(plan)

    def _slander(self, plan: Posted, trace: bytes) -> None:
        """A stranger's "market" that answers every question with the plan's id makes `Plans` say what is not so."""
        answer = b"\x7f" + plan.task_id + bytes.fromhex("5f5260205ff3")  # PUSH32 id, MSTORE, RETURN
        liar = self.send(self.stranger, "", bytes.fromhex("60278060095f395ff3") + answer).contract_address
        assert liar is not None
        opening = Opening(0, bytes(32), signing.plan_evidence(trace, []), bytes(32))
        data = market.encode_reveal_plan(liar, plan.task, opening, trace)
        told = [events.decode(log) for log in self.send(self.stranger, self.deployment.plans, data).logs]
        assert [(type(event), getattr(event, "market", None)) for event in told] == [(events.PlanRevealed, liar)]

    def award_by(self, by: LocalAccount, posted: Posted, bids: Sequence[Bid], agents: Sequence[Agent]) -> None:
        self.market(by, market.encode_award(posted.task, bids))
        posted.agents = list(agents)

    def _closing_of(self, posted: Posted) -> tuple[bytes, tuple[SeatResult, ...]]:
        """Winner and results that a task's TaskSettled told."""
        logs = self.rpc.get_logs(from_block=0, to_block="latest", address=self.deployment.market)
        settled = (e for e in map(events.decode, logs) if isinstance(e, events.TaskSettled))
        event = next(e for e in settled if e.task_id == posted.task_id)
        return event.winner, event.results

    def receipt(self, posted: Posted) -> TaskReceipt:
        """The proof of a closed task."""
        return TaskReceipt(posted.task, *self._closing_of(posted))

    def pool(self, data: bytes) -> None:
        self.send(self.stranger, self.deployment.pool, data)

    def pooled(self) -> None:
        """What seats shared is recorded (in time, and too late), released, and paid to two of three seats."""
        ours, terms = self.deployment.market, DEFAULT_TERMS
        late = next(posted for posted in self.posted if posted.task.shared_bps == 333)
        self.warp(self.now_s + 3 * terms.pool_epoch_s)
        self.pool(rewards.encode_record(ours, self.receipt(late)))
        self.warp(self.now_s + terms.pool_epoch_s)  # whose seats are released some of that
        posted = self.post(shared_bps=5_000)
        self.seat_all(posted)
        self.run(posted, ["p", "p", "q"])
        self.pool(rewards.encode_record(ours, self.receipt(posted)))
        self.warp(self.now_s + 8 * terms.pool_epoch_s)
        self.pool(rewards.encode_advance(ours, 100))
        self.pool(rewards.encode_share(ours, self.receipt(posted), 1))
        self.pool(rewards.encode_share(ours, self.receipt(posted), 2))

    def rated(self) -> None:
        """Feedback given, taken back and answered; a credit left over; verdicts anchored; texts that are none."""
        where, first, second = self.deployment.reputation, self.posted[0], self.posted[1]
        proof, agents = self.receipt(first), first.agents
        rating = reputation.Feedback(-(10**38), 18, "quality", "nul\0", "https://api.example", "ipfs://more", bytes([7]) * 32)
        self.send(self.requester, where, reputation.encode_rate(proof, 0, rating))
        self.send(self.requester, where, reputation.encode_rate(proof, 1, reputation.Feedback(9_950, 2, "speed")))
        again = reputation.encode_rate(self.receipt(second), 0, reputation.Feedback(1))
        self.send(self.requester, where, again)
        self.send(self.stranger, where, reputation.encode_open(proof, 2))
        # The last string of the call is the last text: from there on, bytes that are no UTF-8.
        data = reputation.encode_give_feedback(agents[2].agent_id, reputation.Feedback(3, uri="@@@@"))
        self.send(self.requester, where, data.replace(b"@@@@", b"\xff\xfe\xff\xff"))
        self.send(self.stranger, where, reputation.encode_open(self.receipt(second), 1))
        self.send(self.requester, where, reputation.encode_revoke_feedback(agents[0].agent_id, 1))
        for uri in ("ipfs://sorry", "ipfs://really"):
            answer = reputation.encode_append_response(agents[0].agent_id, self.requester.address, 2, uri)
            self.send(agents[0].owner, where, answer)
        anchor = reputation.encode_anchor(proof, reputation.VERDICT, hashlib.sha256(b"verdict").digest())
        self.send(self.requester, where, anchor)

    def published(self) -> None:
        """Releases, one of them yanked, some with names and versions that are no text; a line of deltas of two agents."""
        where, by = self.deployment.releases, self.requester
        digest = hashlib.sha256(b"release").digest()

        def release(name: str, version: str, kind: bytes = releases.BASE_MODEL, size_bytes: int = 2**64 - 1) -> bytes:
            return releases.encode_publish(
                releases.Release(by.address, kind, name, version, digest, 0x55, size_bytes)
            )

        self.send(by, where, release("model", "1.0"))
        self.send(by, where, release("model", "1.1"))
        self.send(by, where, release("tools", "1.0", releases.TOOLCHAIN, 5))
        self.send(by, where, releases.encode_yank(by.address, "model", "1.1"))
        # 31 bytes each, and different ones; as texts they are one. And one that would be too long if it were a text.
        for spoilt in (b"\xff" * 31, b"\xfe" * 31):
            self.send(by, where, release("model", "@" * 31).replace(b"@" * 31, spoilt))
        self.send(by, where, releases.encode_yank(by.address, "model", "@" * 31).replace(b"@" * 31, b"\xff" * 31))
        self.send(by, where, release("nul\0", "2\0"))
        base, parent = hashlib.sha256(b"base model").digest(), deltas.NO_HEAD
        for number in range(2):
            content = hashlib.sha256(bytes([number])).digest()
            delta = deltas.Delta(self.agents[0].agent_id, base, parent, content, 2**64 - 1, 0x70)
            signature = deltas.sign_delta(
                self.agents[0].wallet, self.deployment.chain_id, self.deployment.deltas, delta
            )
            self.send(self.stranger, self.deployment.deltas, deltas.encode_publish(delta, signature))
            parent = delta.head
        other = deltas.Delta(self.agents[3].agent_id, base, deltas.NO_HEAD, digest, 10, 0x70)
        self.send(self.agents[3].owner, self.deployment.deltas, deltas.encode_publish(other))

    def wallet_contract(self) -> None:
        """An agent whose wallet is a contract bids and commits by ERC-1271."""
        agent = self.agents[1]
        address = self.create("Wallet1271", ["address"], [agent.wallet.address])
        deadline = self.now_s + 200
        message = {"agentId": agent.agent_id, "newWallet": address, "owner": agent.owner.address, "deadline": deadline}
        consent = signing.sign(agent.wallet, self.deployment.domain, "AgentWalletSet", message)
        self.registry(agent.owner, registry.encode_set_agent_wallet(agent.agent_id, address, deadline, consent))
        posted = self.post(k=1)
        bid = self.sign_bid(posted, agent, ETHER)
        self.market(self.stranger, market.encode_bid(posted.task_id, bid))
        self.award(posted, [bid], [agent])
        self.run(posted, ["w"])

    def money_and_words(self) -> None:
        """Claims, withdrawals, new words and files, a transfer of an agent, foreign registrations."""
        first, second, third, fourth = self.agents
        self.market(first.owner, market.encode_claim(first.agent_id, first.owner.address))
        self.market(self.requester, market.encode_deposit(self.stranger.address, 5), 5)
        self.market(self.requester, market.encode_withdraw(self.requester.address, self.stranger.address, ETHER))
        self.registry(second.owner, registry.encode_declare(second.agent_id, DEFAULT_PAGE_ID, pack_word({0: 10_000})))
        self.registry(third.owner, registry.encode_set_file(third.agent_id, hashlib.sha256(b"new file").digest()))
        # What a stranger calls a text: bytes that are none, then one that not every database holds as it is.
        no_text = keccak(text="setAgentURI(uint256,string)")[:4] + eth_abi.encode(
            ["uint256", "bytes"], [fourth.agent_id, b"\xff\xfe"]
        )
        self.registry(fourth.owner, no_text)
        self.registry(fourth.owner, _foreign("setAgentURI", fourth.agent_id, "https://example.org/agent.json\0"))
        self.registry(fourth.owner, _foreign("setMetadata", fourth.agent_id, "note", b"hello"))
        transfer = _foreign("transferFrom", third.owner.address, self.stranger.address, third.agent_id)
        self.registry(third.owner, transfer)
        back = _foreign("transferFrom", self.stranger.address, third.owner.address, third.agent_id)
        self.registry(self.stranger, back)
        third.wallet = third.owner
        multicall = [market.encode_withdraw(self.requester.address, self.requester.address, i) for i in (1, 2)]
        self.market(self.requester, market.encode_multicall(multicall))


def _foreign_call(signature: str, address: str, amount: int) -> bytes:
    return keccak(text=signature)[:4] + eth_abi.encode(["address", "uint256"], [address, amount])


def _foreign(name: str, *args: object) -> bytes:
    return encode(REGISTRY, name, *args)
