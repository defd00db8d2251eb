"""Gas of every step and of whole tasks on anvil, next to the targets of DESIGN 10 and to the peers; exit code 1 where one is
missed.

Steady state: every party has done a task before and the requester comes back to desks that it has used, so no slot is written
for the first time but the task's own; what fresh desks cost is listed beside it. A whole task is a post, an award, a commit and
a reveal of each seat, and a settlement (bids can be handed over directly). The plain tasks have bond 0, σ 0 and no evaluator;
the rich ones have all three.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak

from symphony_chain import market as m
from symphony_chain import signing
from symphony_chain.abi import contract_error
from symphony_chain.deploy import FACTORY, SALT, addresses, creation_codes
from symphony_chain.devnet import DEVNET_ACCOUNTS, DEVNET_CHAIN_ID, start_devnet
from symphony_chain.registry import encode_register, encode_set_agent_wallet
from symphony_chain.rpc import Rpc
from symphony_chain.skills import DEFAULT_PAGE_ID, pack_word
from symphony_chain.types import NATIVE, ZERO_ADDRESS, Bid, Opening, Task

SNAPSHOT = Path(__file__).resolve().parents[1] / "tests" / "contract" / "gas.json"
#: DESIGN 10.
TARGETS = {
    "own k=1": 255_000,
    "own k=3": 500_000,
    "relayed k=3": 340_000,
    "batch of 100 k=1": 120_000,
    "commit": 34_000,
    "reveal": 36_000,
    "settle k=3": 90_000,
    "register": 135_000,
}
#: Steady whole tasks elsewhere: providers, gas (measured with their own contracts; no peer votes).
PEERS = {
    "ERC-8183 job": (1, 589_256),
    "Olas request and deliver": (1, 480_294),
    "Olas signed, batch of 20": (1, 134_928),
    "Ritual redundancy 1": (1, 365_118),
    "Ritual redundancy 3": (3, 623_494),
}
ANSWER = b"42"
GAS_LIMIT = 29_000_000
FAR_S = 86_400
#: Which the requester uses in turn: more than the tasks of one batch.
DESKS = 128
FRESH = 1 << 30
SPAM, SPAM_BATCH = 10_000, 500
CEILING_WEI, ASK_WEI, BOND_WEI, FEE_WEI = 10**15, 9 * 10**14, 10**14, 10**14
RICH = {"bond_wei": BOND_WEI, "shared_bps": 1_000, "evaluation_fee_wei": FEE_WEI, "evaluation_window_s": FAR_S}


@dataclass
class Bench:
    """A deployed market on one node."""

    rpc: Rpc
    accounts: list[LocalAccount]
    salt: int = 0
    desks: int = DESKS
    nonces: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.nonces = {account.address: self.rpc.get_nonce(account.address) for account in self.accounts}
        where = addresses()
        self.registry, self.market = where["registry"], where["market"]
        self.domain = signing.Domain(DEVNET_CHAIN_ID, self.market, self.registry)
        self.requester, self.relayer, *self.agents = self.accounts
        for code in creation_codes().values():
            self.send(self.requester, FACTORY, SALT + code)

    def send(self, account: LocalAccount, to: str, data: bytes, value_wei: int = 0) -> int:
        """Sends a transaction, insists that it succeeded, and returns its gas."""
        nonce = self.nonces[account.address]
        self.nonces[account.address] += 1
        fields = {
            "chainId": DEVNET_CHAIN_ID,
            "nonce": nonce,
            "to": to,
            "value": value_wei,
            "data": data,
            "gas": GAS_LIMIT,
            "maxFeePerGas": 3 * 10**9,
            "maxPriorityFeePerGas": 0,
        }
        tx_hash = self.rpc.send_raw(bytes(account.sign_transaction(fields).raw_transaction))
        receipt = None
        while receipt is None:
            receipt = self.rpc.get_receipt(tx_hash)
        if receipt.status != 1:
            self.rpc.eth_call(to, data, sender=account.address, value_wei=value_wei)  # raises with the reason
            raise contract_error(b"")
        return receipt.gas_used

    def hand_over(self) -> None:
        """Each agent works with an operator key of its own, as agents do."""
        operators = [Account.from_key(keccak(b"operator" + bytes([i]))) for i in range(len(self.agents))]
        for i, (owner, operator) in enumerate(zip(self.agents, operators, strict=True)):
            deadline_s = self.rpc.head().timestamp + 200
            proof = signing.sign_agent_wallet(operator, self.domain, i + 1, owner.address, deadline_s)
            self.send(owner, self.registry, encode_set_agent_wallet(i + 1, operator.address, deadline_s, proof))
            self.rpc.call("anvil_setBalance", operator.address, hex(10**20))
            self.nonces[operator.address] = 0
        self.owners, self.agents = self.agents, operators

    def task(self, k: int, *, rich: bool = False) -> Task:
        self.salt += 1
        bid_end_s = self.rpc.head().timestamp + FAR_S
        plain = Task(
            requester=self.requester.address,
            router=ZERO_ADDRESS,
            token=NATIVE,
            ceiling_wei=CEILING_WEI,
            base_bps=2_000,
            bond_wei=0,
            kind=0,
            page_id=DEFAULT_PAGE_ID,
            requirement=pack_word({0: 10_000, 3: 5_000}),
            min_match_bps=3_000,
            k=k,
            min_seats=1,
            quorum_bps=5_001,
            open=False,
            bid_end_s=bid_end_s,
            commit_end_s=bid_end_s + FAR_S,
            reveal_window_s=FAR_S,
            evaluator=ZERO_ADDRESS,
            evaluation_window_s=0,
            evaluation_fee_wei=0,
            shared_bps=0,
            parent=bytes(32),
            header=keccak(b"header"),
            salt=signing.task_salt(self.requester.address, self.salt % self.desks, keccak(self.salt.to_bytes(32, "big"))),
        )
        return replace(plain, evaluator=self.relayer.address, **RICH) if rich else plain

    def bids(self, task: Task) -> list[Bid]:
        task_id = signing.task_id(self.domain, task)
        return [
            signing.sign_bid(agent, self.domain, task_id, Bid(i + 1, ASK_WEI, 8_000, task.bid_end_s))
            for i, agent in enumerate(self.agents[: task.k])
        ]

    def whole(self, k: int, *, rich: bool = False, spam: int = 0) -> dict[str, int]:
        """One task, each step the actor's own transaction; all seats answer alike. `spam`: so many bids more than needed."""
        task = self.task(k, rich=rich)
        task_id = signing.task_id(self.domain, task)
        bids = self.bids(task)
        seats = list(zip(self.agents, range(k), strict=False))
        post = self.send(self.requester, self.market, m.encode_post(task), task.escrow_wei)
        bid = [self.send(a, self.market, m.encode_bid(task_id, b)) for a, b in zip(self.agents, bids, strict=False)]
        for _ in range(spam // SPAM_BATCH):
            self.send(self.relayer, self.market, m.encode_multicall([m.encode_bid(task_id, bids[0])] * SPAM_BATCH))
        award = self.send(self.requester, self.market, m.encode_award(task, bids))
        commit = [
            self.send(a, self.market, m.encode_commit(task_id, s, self.commitment(task_id, s))) for a, s in seats
        ]
        reveal = [self.send(a, self.market, m.encode_reveal(task_id, self.opening(task_id, s))) for a, s in seats]
        last = m.encode_evaluate(task, [9_000] * k) if rich else m.encode_settle(task)
        settle = self.send(self.relayer, self.market, last)
        whole = post + award + sum(commit) + sum(reveal) + settle
        return {
            f"post k={k}": post,
            "bid": sum(bid) // k,
            f"award k={k}": award,
            "commit": sum(commit) // k,
            "reveal": reveal[-1],
            "reveal that opens the reveals early": reveal[0],
            "reveal, mean of the seats": sum(reveal) // k,
            f"settle k={k}": settle,
            "whole": whole,
        }

    def together(self, k: int) -> int:
        """A whole task where whoever reveals last settles in the same transaction."""
        task = self.task(k)
        task_id = signing.task_id(self.domain, task)
        gas = self.send(self.requester, self.market, m.encode_post(task), task.escrow_wei)
        gas += self.send(self.requester, self.market, m.encode_award(task, self.bids(task)))
        for seat in range(k):
            commit = m.encode_commit(task_id, seat, self.commitment(task_id, seat))
            gas += self.send(self.agents[seat], self.market, commit)
        for seat in range(k - 1):
            gas += self.send(self.agents[seat], self.market, m.encode_reveal(task_id, self.opening(task_id, seat)))
        last = m.encode_reveal_and_settle(task, [self.opening(task_id, k - 1)])
        return gas + self.send(self.agents[k - 1], self.market, last)

    def relayed(self, tasks: Sequence[Task]) -> int:
        """Whole tasks by signature: hire; commit; reveal and settle; each one call of a relayer, many tasks in one multicall."""
        ids = [signing.task_id(self.domain, task) for task in tasks]
        hires, commits, ends = [], [], []
        for task, task_id in zip(tasks, ids, strict=True):
            bids = self.bids(task)
            hires.append(m.encode_hire(task, bids, signing.sign_hire(self.requester, self.domain, task_id, bids)))
            for seat in range(task.k):
                digest = self.commitment(task_id, seat)
                signature = signing.sign_commit(self.agents[seat], self.domain, task_id, seat, digest)
                commits.append(m.encode_commit(task_id, seat, digest, signature))
            ends.append(m.encode_reveal_and_settle(task, [self.opening(task_id, seat) for seat in range(task.k)]))
        return sum(
            self.send(self.relayer, self.market, calls[0] if len(calls) == 1 else m.encode_multicall(calls))
            for calls in (hires, commits, ends)
        )

    def inline(self) -> int:
        """A reveal that publishes the answer's text beside its digest."""
        task = self.task(2)
        task_id = signing.task_id(self.domain, task)
        self.send(self.requester, self.market, m.encode_post(task), task.escrow_wei)
        self.send(self.requester, self.market, m.encode_award(task, self.bids(task)))
        for seat in range(2):
            commit = m.encode_commit(task_id, seat, self.commitment(task_id, seat))
            self.send(self.agents[seat], self.market, commit)
        openings = [replace(self.opening(task_id, seat), answer=ANSWER) for seat in range(2)]
        used = [self.send(self.relayer, self.market, m.encode_reveal(task_id, opening)) for opening in openings]
        self.send(self.relayer, self.market, m.encode_settle(task))
        return used[1]

    def opening(self, task_id: bytes, seat: int) -> Opening:
        salt = signing.derive_salt(bytes(self.agents[seat].key), task_id)
        return Opening(seat, hashlib.sha256(ANSWER).digest(), keccak(b"trace"), salt)

    def commitment(self, task_id: bytes, seat: int) -> bytes:
        o = self.opening(task_id, seat)
        return signing.commitment(task_id, seat + 1, o.answer_digest, o.evidence_digest, o.salt)


def measure(rpc: Rpc) -> dict[str, dict[str, int]]:
    """Gas by label: ``steps`` and ``tasks``, and both of the rich kind under ``rich_steps`` and ``rich_tasks``."""
    bench = Bench(rpc, [Account.from_key(key) for _, key in DEVNET_ACCOUNTS])
    word = pack_word({lane: 9_000 for lane in range(16)})
    for agent in bench.agents:  # the first one writes the counter's slot anew; the last is the steady state
        register = bench.send(agent, bench.registry, encode_register(keccak(b"file"), DEFAULT_PAGE_ID, word))
    bench.hand_over()
    for agent_id in range(1, len(bench.agents) + 1):
        fund = bench.send(bench.relayer, bench.market, m.encode_fund_agent(agent_id, 10**17), 10**17)
    steps = {"register": register, "fund agent": fund}
    tasks: dict[str, int] = {}
    for account in (bench.requester, bench.relayer):
        for _ in range(2):
            steps["deposit"] = bench.send(account, bench.market, m.encode_deposit(account.address, 10**18), 10**18)
    for rich in (False, True):
        bench.whole(5, rich=rich)  # warm-up
    for _ in range(8):  # every desk is used once, by as many seats as will ever be
        bench.relayed([bench.task(5) for _ in range(DESKS // 8)])
    rich_steps: dict[str, int] = {}
    rich_tasks: dict[str, int] = {}
    for rich, into, whole in ((False, steps, tasks), (True, rich_steps, rich_tasks)):
        for k in (1, 3, 5):
            gas = bench.whole(k, rich=rich)
            whole[f"own k={k}"] = gas.pop("whole")
            if not rich:
                whole[f"own, the last reveal settles k={k}"] = bench.together(k)
            if k != 3:
                gas = {name: used for name, used in gas.items() if name.endswith(f"k={k}")}
            into |= gas
    bench.desks = FRESH
    for k in (1, 3, 5):
        tasks[f"own, on a fresh desk k={k}"] = bench.whole(k)["whole"]
    bench.desks = DESKS
    spammed = bench.whole(3, spam=SPAM)
    steps |= {f"{what} after {SPAM:,} bids": spammed[what] for what in ("award k=3", "settle k=3")}
    tasks["relayed k=1"] = bench.relayed([bench.task(1)])
    tasks["relayed k=3"] = bench.relayed([bench.task(3)])
    tasks["batch of 100 k=1"] = bench.relayed([bench.task(1) for _ in range(100)]) // 100
    tasks["batch of 30 k=3"] = bench.relayed([bench.task(3) for _ in range(30)]) // 30
    owner = bench.owners[0]
    steps["claim"] = bench.send(owner, bench.market, m.encode_claim(1, owner.address))
    withdraw = m.encode_withdraw(bench.requester.address, bench.requester.address, 10**14)
    steps["withdraw"] = bench.send(bench.requester, bench.market, withdraw)
    steps["reveal with its answer inline"] = bench.inline()
    many = bench.whole(8)  # as many owners as a devnet has accounts
    steps |= {"award k=8": many["award k=8"], "settle k=8": many["settle k=8"]}
    return {"steps": steps, "tasks": tasks, "rich_steps": rich_steps, "rich_tasks": rich_tasks}


def missed(measured: dict[str, dict[str, int]]) -> list[str]:
    """Targets that were not met."""
    flat = measured["steps"] | measured["tasks"]
    return [what for what, target in TARGETS.items() if flat[what] > target]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--write", action="store_true", help=f"keep the figures in {SNAPSHOT.name}, which a test compares")
    args = parser.parse_args()
    with start_devnet("anvil", block_time_s=0) as devnet, Rpc(devnet.url) as rpc:
        measured = measure(rpc)
    late = missed(measured)
    if args.write:
        SNAPSHOT.write_text(json.dumps(measured, indent=1) + "\n")
    if args.json:
        print(json.dumps(measured | {"targets": TARGETS, "peers": PEERS, "missed": late}, indent=1))
        return 1 if late else 0
    for title, table in measured.items():
        print(title.replace("_", " "))
        for what, gas in table.items():
            target = TARGETS.get(what) if not title.startswith("rich") else None
            verdict = "" if target is None else f"target {target:>7,}  {'ok' if gas <= target else 'MISSED'}"
            print(f"  {what:<22} {gas:>9,}  {verdict}".rstrip())
    print("peers, steady whole tasks, none of them votes")
    for name, (providers, gas) in PEERS.items():
        print(f"  {name:<26} {gas:>9,}  {providers} provider{'s' if providers > 1 else ''}")
    return 1 if late else 0


if __name__ == "__main__":
    sys.exit(main())
