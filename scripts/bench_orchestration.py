"""What orchestration costs: python scripts/bench_orchestration.py [--json]

Wall-clock time of a task (posted to final) with an engine that answers at once, on a devnet that mines at once, each agent its
own process; minus the time of its raw transactions, sent again in a bare loop to the same node after a revert to the same state.
The share is that difference over (itself + thinking), thinking being one seat's time with the built-in model on this machine.
"""

from __future__ import annotations

import argparse
import json
import secrets
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from eth_account import Account

from agent_runtime.bidding import BidPolicy
from agent_runtime.config import EngineConfig, WorkerConfig
from agent_runtime.engines import open_engine
from agent_runtime.model.datasets import load_tasks
from agent_runtime.model.prompting import format_prompt
from agent_runtime.reasoning.cot import ThinkingPolicy
from agent_runtime.requester import Requester
from agent_runtime.task_request import TaskRequest
from agent_runtime.worker_gateway import GatewayServer
from symphony.services import ended, ready_line
from symphony_chain.content import ContentStore
from symphony_chain.deploy import deploy
from symphony_chain.devnet import DEVNET_ACCOUNTS, start_devnet
from symphony_chain.devnet.process import Child, guarded
from symphony_chain.keys import Keystore
from symphony_chain.market import MarketClient
from symphony_chain.rpc import Rpc, wait_until
from symphony_chain.tx import TxSender
from symphony_chain.tx_journal import TxJournal

ROOT = Path(__file__).resolve().parent.parent
SKILL = "arithmetic_word_problems"
#: The transactions of a task's life; agents' claims come after it.
LIFE = ("post", "bid", "award", "commit", "reveal", "reveal_and_settle", "settle", "close")
START_DEADLINE_S = 120.0
ENGINE = '''
from agent_runtime.engines.protocol import EngineInfo, Sample

class Instant:
    info = EngineInfo("instant", "00" * 32, "cpu", "none", 1024)
    def generate(self, prompts, *, n, temperature, seed, max_tokens, stop=()):
        return [[Sample("#### 42", (1, 2), (-0.1, -0.1), "stop") for _ in range(n)] for _ in prompts]
    def count_tokens(self, prompt):
        return len(prompt.split())
    def load_adapter(self, path):
        raise NotImplementedError
    def close(self):
        pass
'''


@dataclass(frozen=True)
class Figure:
    """Seconds for one number of seats, means over the tasks."""

    seats: int
    tasks: int
    wall_s: float
    raw_s: float
    thinking_s: float

    @property
    def orchestration_s(self) -> float:
        return self.wall_s - self.raw_s

    @property
    def share(self) -> float:
        return self.orchestration_s / (self.orchestration_s + self.thinking_s)


class Bench:
    """A devnet that mines at once, agents with an instant engine, and a requester."""

    def __init__(self, folder: Path, stack: ExitStack, kind: str, agents: int) -> None:
        self.folder = folder
        node = stack.enter_context(start_devnet(kind, block_time_s=0))  # type: ignore[arg-type]  # checked there
        self.kind, self.url = node.kind, node.url
        self.rpc = stack.enter_context(Rpc(node.url))
        journal = stack.enter_context(TxJournal(folder / "tx.sqlite"))
        self.sender = TxSender(self.rpc, Account.from_key(DEVNET_ACCOUNTS[0][1]), journal)
        self.deployment = deploy(self.sender)
        self.deployment.save(folder / "deployment.json")
        (folder / "password").write_text(secrets.token_urlsafe(16))
        (folder / "instant.py").write_text(ENGINE)
        self.store = stack.enter_context(ContentStore(folder / "content", max_bytes=1 << 26))
        gateway = GatewayServer(self.store, host="127.0.0.1", port=0)
        stack.callback(gateway.close)
        self.gateway_url = gateway.url
        self.names = [f"agent-{number}" for number in range(1, agents + 1)]
        self.agents = [self._agent(stack, number, name) for number, name in enumerate(self.names, 1)]
        self.agent_ids = [self._ready(name, child) for name, child in zip(self.names, self.agents, strict=True)]

    def _agent(self, stack: ExitStack, number: int, name: str) -> Child:
        folder = self.folder / name
        keys, password = Keystore(folder / "keys"), (self.folder / "password").read_text()
        keys.create("owner", password, key=bytes.fromhex(DEVNET_ACCOUNTS[number][1][2:]), kdf="pbkdf2", work=10)
        keys.create("operator", password, kdf="pbkdf2", work=10)
        config = WorkerConfig(
            name=name,
            rpc_url=self.url,
            deployment=self.folder / "deployment.json",
            data_dir=folder,
            keystore_dir=keys.folder,
            owner="owner",
            operator="operator",
            password_file=self.folder / "password",
            skills={SKILL: 8_000},
            engine=EngineConfig(spec="instant:Instant"),
            thinking=ThinkingPolicy(samples=3, max_tokens=64),
            bidding=BidPolicy(),
            content_urls=(self.gateway_url,),
            operator_topup_wei=10**18,
        )
        config.save(folder / "config.json")
        command = [sys.executable, "-m", "agent_runtime.worker", "--config", str(folder / "config.json")]
        child = Child(guarded(command), log=folder / "log", env={"PYTHONPATH": f"{ROOT}:{self.folder}"})
        stack.callback(child.stop)
        return child

    def _ready(self, name: str, child: Child) -> int:
        def look() -> int | None:
            line = ready_line(child.output())
            if line is None and (code := child.exit_code()) is not None:
                raise ended(name, code, child.output(), child.log)
            return None if line is None else int(line["agent_id"])

        return wait_until(look, START_DEADLINE_S, 0.1, what=name)

    def run(self, requester: Requester, key: str, seats: int) -> float:
        """One task; its wall-clock seconds."""
        request = TaskRequest(
            prompt="What is 19 + 23?",
            answer_format={"type": "integer"},
            skills={SKILL: 10_000},
            k=seats,
            bid_window_s=900,
            commit_window_s=900,
            reveal_window_s=900,
            linger_s=0,
        )
        started_s = time.perf_counter()
        outcome = requester.drive(requester.post(request, key))
        wall_s = time.perf_counter() - started_s
        assert outcome.answer == "42", outcome
        self._claimed()
        return wall_s

    def _claimed(self) -> None:
        """Claims are not a task's life: the next one starts after them."""
        client = MarketClient(self.rpc, self.deployment.market)
        wait_until(lambda: all(not client.account(i).accrued_wei for i in self.agent_ids), 30, 0.02, what="the claims")

    @contextmanager
    def requester(self) -> Iterator[Requester]:
        with Requester(
            self.rpc,
            self.deployment,
            self.sender,
            self.store,
            journal=self.folder / "requester.sqlite",
            gateway_urls=(self.gateway_url,),
        ) as requester:
            yield requester

    def transactions(self, since_block: int) -> list[tuple[str, bytes]]:
        """Kind and raw bytes of everything mined after a block, in the chain's order."""
        rows = []
        for path in (self.folder / "tx.sqlite", *(self.folder / name / "tx.sqlite" for name in self.names)):
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
                rows += db.execute(
                    "SELECT block_number, nonce, idempotency_key, raw FROM tx WHERE block_number > ?", (since_block,)
                ).fetchall()
        return [(key.split("/")[0], raw) for _, _, key, raw in sorted(rows)]


def measure(kind: str, seats: int, tasks: int, thinking_s: float) -> tuple[str, Figure]:
    """Runs tasks one after another, then sends their transactions again."""
    with ExitStack() as stack:
        bench = Bench(Path(stack.enter_context(tempfile.TemporaryDirectory())), stack, kind, seats)
        with bench.requester() as requester:
            bench.run(requester, "warm-up", seats)
            snapshot, block = bench.rpc.call("evm_snapshot"), bench.rpc.block_number()
            walls = [bench.run(requester, f"task-{number}", seats) for number in range(tasks)]
        for agent in bench.agents:
            agent.stop()
        sent = bench.transactions(block)
        assert bench.rpc.call("evm_revert", snapshot)
        raw_s = replay(bench.rpc, sent)
    return bench.kind, Figure(seats, tasks, statistics.mean(walls), raw_s / tasks, thinking_s)


def replay(rpc: Rpc, transactions: Sequence[tuple[str, bytes]]) -> float:
    """Seconds that the tasks' own transactions take when nothing happens between them."""
    total_s = 0.0
    for kind, raw in transactions:
        started_s = time.perf_counter()
        tx_hash = rpc.call("eth_sendRawTransaction", "0x" + raw.hex())
        receipt = None
        while receipt is None:
            receipt = rpc.call("eth_getTransactionReceipt", tx_hash)
        assert int(receipt["status"], 16) == 1, kind
        total_s += (time.perf_counter() - started_s) * (kind in LIFE)
    return total_s


def thinking(tasks: int) -> float:
    """Mean seconds of one seat's thinking (three samples) with the built-in model over the demo's own tasks."""
    items = load_tasks(ROOT / "agent_runtime" / "model" / "demo_tasks.jsonl")[:tasks]
    engine = open_engine("torch")
    engine.generate([format_prompt(items[0].prompt)], n=1, temperature=0.0, seed=0, max_tokens=16)  # warm up
    started_s = time.perf_counter()
    for item in items:
        engine.generate([format_prompt(item.prompt)], n=3, temperature=0.8, seed=1, max_tokens=512)
    seconds = (time.perf_counter() - started_s) / len(items)
    engine.close()
    return seconds


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--kind", choices=("auto", "anvil", "pyevm"), default="auto", help="devnet to measure on")
    parser.add_argument("--tasks", type=int, default=10, help="tasks per number of seats")
    options = parser.parse_args()
    thinking_s = thinking(options.tasks)
    found = [measure(options.kind, seats, options.tasks, thinking_s) for seats in (1, 3)]
    rows = [
        asdict(figure) | {"orchestration_s": figure.orchestration_s, "share": figure.share} for _, figure in found
    ]
    if options.json:
        print(json.dumps({"devnet": found[0][0], "figures": rows}, indent=1))
        return
    print(f"{found[0][0]}, means over {options.tasks} tasks, seconds")
    print(f"{'seats':>5} {'wall':>8} {'raw':>8} {'ours':>8} {'thinking':>9} {'share':>7}")
    for row in rows:
        print(
            f"{row['seats']:>5} {row['wall_s']:>8.3f} {row['raw_s']:>8.3f} {row['orchestration_s']:>8.3f} "
            f"{row['thinking_s']:>9.3f} {row['share']:>7.1%}"
        )


if __name__ == "__main__":
    main()
