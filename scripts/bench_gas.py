"""Gas of every step and of whole tasks on anvil, next to the targets of DESIGN 10; `--json` for machines.

Steady state: every party has done one task before, so that no slot of theirs is written for the first time. A whole task is post,
award, and commit, reveal and settle of k seats; bids are given apart (they may also be handed over directly).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak

from symphony_chain import market as m
from symphony_chain import signing
from symphony_chain.abi import contract_error
from symphony_chain.deploy import DEFAULT_MIN_WINDOW_S, FACTORY, SALT, addresses, initcode
from symphony_chain.devnet import DEVNET_ACCOUNTS, DEVNET_CHAIN_ID, start_devnet
from symphony_chain.registry import encode_register
from symphony_chain.rpc import Rpc
from symphony_chain.skills import DEFAULT_PAGE_ID, pack_word
from symphony_chain.types import NATIVE, ZERO_ADDRESS, Bid, Task

TARGETS = {
    "whole task, own transactions, k=1": 255_000,
    "whole task, own transactions, k=3": 500_000,
    "whole task, relayed, k=3": 340_000,
    "batch of 100, per task, k=1": 120_000,
    "commit": 34_000,
    "reveal": 36_000,
    "settle, k=3": 90_000,
    "register with file and 16 capabilities": 135_000,
}
GAS_LIMIT = 29_000_000
FAR_S = 86_400


@dataclass
class Bench:
    """A deployed market on one node, and the gas that each labelled transaction used."""

    rpc: Rpc
    accounts: list[LocalAccount]
    used: dict[str, int] = field(default_factory=dict)
    salt: int = 0

    def __post_init__(self) -> None:
        self.nonces = {account.address: self.rpc.get_nonce(account.address) for account in self.accounts}
        self.registry, self.market = addresses()
        self.domain = signing.Domain(DEVNET_CHAIN_ID, self.market, self.registry)
        self.requester, self.relayer, *self.agents = self.accounts
        self.send(self.requester, FACTORY, SALT + initcode("AgentRegistry"))
        market_code = initcode("TaskMarket", ["address", "uint256"], [self.registry, DEFAULT_MIN_WINDOW_S])
        self.send(self.requester, FACTORY, SALT + market_code)

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

    def task(self, k: int) -> Task:
        self.salt += 1
        bid_end_s = self.rpc.head().timestamp + FAR_S
        return Task(
            self.requester.address, ZERO_ADDRESS, NATIVE, 10**15, 2_000, 0, 0, DEFAULT_PAGE_ID, pack_word({0: 10_000, 3: 5_000}),
            3_000, k, 1, 5_001, bid_end_s, bid_end_s + FAR_S, FAR_S, ZERO_ADDRESS, 0, 0, 0, bytes(32), keccak(b"header"),
            keccak(self.salt.to_bytes(32, "big")),
        )  # fmt: skip

    def bids(self, task: Task) -> list[Bid]:
        task_id = signing.task_id(self.domain, task)
        return [
            signing.sign_bid(agent, self.domain, task_id, Bid(i + 1, 9 * 10**14, 8_000, task.bid_end_s))
            for i, agent in enumerate(self.agents[: task.k])
        ]

    def whole(self, k: int) -> dict[str, int]:
        """One task, each step the actor's own transaction; all seats answer alike."""
        task = self.task(k)
        task_id = signing.task_id(self.domain, task)
        bids = self.bids(task)
        gas = {"post": self.send(self.requester, self.market, m.encode_post(task))}
        gas["bid"] = sum(
            self.send(a, self.market, m.encode_bid(task_id, b))
            for a, b in zip(self.agents, bids, strict=False)
        )
        gas["award"] = self.send(self.requester, self.market, m.encode_award(task, bids))
        openings = [self.opening(task_id, seat) for seat in range(k)]
        gas["commit"] = sum(
            self.send(self.agents[s], self.market, m.encode_commit(task_id, s, self.commitment(task_id, s)))
            for s in range(k)
        )
        reveals = [self.send(self.agents[s], self.market, m.encode_reveal(*openings[s])) for s in range(k)]
        gas["first reveal"], gas["last reveal"], gas["reveal"] = reveals[0], reveals[-1], sum(reveals)
        gas["settle"] = self.send(self.relayer, self.market, m.encode_settle(task))
        return gas

    def relayed(self, tasks: Sequence[Task]) -> int:
        """Whole tasks by signature: post and award, commit, reveal and settle, each one multicall of a relayer."""
        ids = [signing.task_id(self.domain, task) for task in tasks]
        first: list[bytes] = []
        for task, task_id in zip(tasks, ids, strict=True):
            bids = self.bids(task)
            first.append(m.encode_post(task, signing.sign_task(self.requester, self.domain, task)))
            first.append(
                m.encode_award(task, bids, signing.sign_award(self.requester, self.domain, task_id, bids))
            )
        seats = [
            (task, task_id, seat) for task, task_id in zip(tasks, ids, strict=True) for seat in range(task.k)
        ]
        commits = [
            m.encode_commit(
                task_id,
                seat,
                self.commitment(task_id, seat),
                signing.sign_commit(
                    self.agents[seat], self.domain, task_id, seat, self.commitment(task_id, seat)
                ),
            )
            for _, task_id, seat in seats
        ]
        last = [m.encode_reveal(*self.opening(task_id, seat)) for _, task_id, seat in seats]
        last += [m.encode_settle(task) for task in tasks]
        return sum(
            self.send(self.relayer, self.market, m.encode_multicall(calls))
            for calls in (first, commits, last)
        )

    def opening(self, task_id: bytes, seat: int) -> tuple[bytes, int, bytes, bytes, bytes]:
        return (
            task_id,
            seat,
            hashlib.sha256(b"42").digest(),
            keccak(b"trace"),
            keccak(task_id + bytes([seat])),
        )

    def commitment(self, task_id: bytes, seat: int) -> bytes:
        _, _, answer, evidence, salt = self.opening(task_id, seat)
        return signing.commitment(task_id, seat + 1, answer, evidence, salt)


def measure(rpc: Rpc) -> dict[str, int]:
    """Label → gas."""
    bench = Bench(rpc, [Account.from_key(key) for _, key in DEVNET_ACCOUNTS])
    word = pack_word({lane: 9_000 for lane in range(16)})
    for agent in bench.agents:  # the first one writes the counter's slot anew; the last is the steady state
        register = bench.send(agent, bench.registry, encode_register(keccak(b"file"), DEFAULT_PAGE_ID, word))
    bench.send(bench.requester, bench.market, m.encode_deposit(bench.requester.address), 10**18)
    deposit = bench.send(bench.requester, bench.market, m.encode_deposit(bench.requester.address), 10**18)
    bench.whole(5)  # warm-up
    out = {"register with file and 16 capabilities": register, "deposit": deposit}
    for k in (1, 3, 5):
        gas = bench.whole(k)
        out |= {f"post, k={k}": gas["post"], f"award, k={k}": gas["award"], f"settle, k={k}": gas["settle"]}
        out[f"whole task, own transactions, k={k}"] = sum(
            gas[s] for s in ("post", "award", "commit", "reveal", "settle")
        )
        out[f"whole task with bids on chain, k={k}"] = (
            out[f"whole task, own transactions, k={k}"] + gas["bid"]
        )
        if k == 3:
            out |= {"bid": gas["bid"] // k, "commit": gas["commit"] // k, "reveal": gas["reveal"] // k}
            out |= {
                "reveal, first of three": gas["first reveal"],
                "reveal, last of three": gas["last reveal"],
            }
    out["whole task, relayed, k=3"] = bench.relayed([bench.task(3)])
    out["batch of 100, per task, k=1"] = bench.relayed([bench.task(1) for _ in range(100)]) // 100
    out["claim"] = bench.send(bench.agents[0], bench.market, m.encode_claim(1, bench.agents[0].address))
    withdraw = m.encode_withdraw(bench.requester.address, bench.requester.address, 10**15)
    out["withdraw"] = bench.send(bench.requester, bench.market, withdraw)
    return out


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--kind", choices=("anvil", "pyevm"), default="anvil", help="devnet to measure on")
    args = parser.parse_args()
    with start_devnet(args.kind, block_time_s=0) as devnet, Rpc(devnet.url) as rpc:
        measured = measure(rpc)
    rows = [{"what": what, "gas": gas, "target": TARGETS.get(what)} for what, gas in measured.items()]
    if args.json:
        print(json.dumps({"devnet": args.kind, "rows": rows}, indent=1))
        return 0
    for row in rows:
        target = row["target"]
        verdict = (
            "" if target is None else f"target {target:>7,}  {'ok' if row['gas'] <= target else 'MISSED'}"
        )
        print(f"{row['what']:<42} {row['gas']:>9,}  {verdict}".rstrip())
    return 0


if __name__ == "__main__":
    sys.exit(main())
