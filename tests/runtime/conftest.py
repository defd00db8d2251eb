"""A devnet with fast blocks, our contracts on it, and people with money: shared by the runtime's tests."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from hypothesis import HealthCheck, settings

from agent_runtime.bidding import BidPolicy
from agent_runtime.config import EngineConfig, WorkerConfig
from agent_runtime.reasoning.cot import ThinkingPolicy
from agent_runtime.requester import Progress, Requester
from agent_runtime.task_request import TaskRequest
from agent_runtime.worker_gateway import GatewayServer
from symphony_chain.content import ContentStore
from symphony_chain.deploy import Deployment, deploy
from symphony_chain.devnet import DEVNET_ACCOUNTS, Devnet, start_devnet
from symphony_chain.keys import Keystore
from symphony_chain.rpc import Rpc
from symphony_chain.tx import TxSender
from symphony_chain.tx_journal import TxJournal

settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")
BLOCK_TIME_S = 0.2
_MINING = threading.Lock()
PASSWORD = "correct horse battery"
ETHER = 10**18


@pytest.fixture(scope="session")
def devnet() -> Iterator[Devnet]:
    """A devnet that we mine ourselves: anvil can mine into its own reorganisation, and is then left with heights that no
    block has.
    """
    ended = threading.Event()

    def mine() -> None:
        with Rpc(node.url) as client:
            while not ended.wait(BLOCK_TIME_S):
                with _MINING:
                    client.call("evm_mine")

    with start_devnet(block_time_s=0) as node:
        with Rpc(node.url) as client:
            client.call("evm_setAutomine", False)
        miner = threading.Thread(target=mine, name="miner")
        miner.start()
        yield node
        ended.set()
        miner.join()


@pytest.fixture(scope="session")
def rpc(devnet: Devnet) -> Iterator[Rpc]:
    with Rpc(devnet.url) as client:
        yield client


@dataclass
class Bank:
    """The devnet's first account: gives money to fresh keys."""

    sender: TxSender
    counter: Iterator[int]

    def person(self, wei: int = 10 * ETHER) -> LocalAccount:
        account: LocalAccount = Account.create()
        if wei:
            key = f"gift/{next(self.counter)}/{account.address}"
            self.sender.send(account.address, b"", value_wei=wei, idempotency_key=key).expect_mined()
        return account


@pytest.fixture(scope="session")
def bank(rpc: Rpc, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    with TxJournal(tmp_path_factory.mktemp("bank") / "tx.sqlite") as journal:
        yield Bank(TxSender(rpc, Account.from_key(DEVNET_ACCOUNTS[0][1]), journal), itertools.count())


@pytest.fixture(scope="session")
def deployment(bank: Bank) -> Deployment:
    return deploy(bank.sender)


@dataclass
class Buyer:
    """A requester with its content gateway."""

    requester: Requester
    gateway: GatewayServer
    account: LocalAccount
    log: list[Progress]
    folder: Path


@pytest.fixture
def buyer(rpc: Rpc, bank: Bank, deployment: Deployment, tmp_path: Path) -> Iterator[Buyer]:
    account, log, folder = bank.person(), [], tmp_path / "buyer"
    with ContentStore(folder / "content", max_bytes=1 << 24) as store, TxJournal(folder / "tx.sqlite") as journal:
        gateway = GatewayServer(store, host="127.0.0.1", port=0)
        sender = TxSender(rpc, account, journal)
        try:
            with Requester(
                rpc,
                deployment,
                sender,
                store,
                journal=folder / "requester.sqlite",
                gateway_urls=[gateway.url],
                progress=log.append,
                poll_s=0.05,
            ) as requester:
                yield Buyer(requester, gateway, account, log, folder)
        finally:
            gateway.close()


ConfigFor = Callable[..., WorkerConfig]


@pytest.fixture
def config_for(devnet: Devnet, bank: Bank, deployment: Deployment, buyer: Buyer, tmp_path: Path) -> ConfigFor:
    """Configuration of a worker with fresh funded keys; keyword arguments override its fields."""
    (tmp_path / "password").write_text(PASSWORD)
    deployment.save(tmp_path / "deployment.json")

    def make(name: str, **changes: object) -> WorkerConfig:
        owner, operator = bank.person(), Account.create()
        keys = Keystore(tmp_path / name / "keys")
        for label, account in (("owner", owner), ("operator", operator)):
            keys.create(label, PASSWORD, key=bytes(account.key), kdf="pbkdf2", work=10)
        fields: dict[str, object] = {
            "name": name,
            "rpc_url": devnet.url,
            "deployment": tmp_path / "deployment.json",
            "data_dir": tmp_path / name,
            "keystore_dir": tmp_path / name / "keys",
            "owner": "owner",
            "operator": "operator",
            "password_file": tmp_path / "password",
            "skills": {"arithmetic_word_problems": 9_000},
            "engine": EngineConfig(spec="tests.runtime.scripted:engine"),
            "thinking": ThinkingPolicy(samples=3, max_tokens=64),
            "bidding": BidPolicy(wei_per_token=10**9),
            "content_urls": (buyer.gateway.url,),
            "operator_topup_wei": ETHER,
            "poll_s": 0.05,
        }
        return WorkerConfig(**(fields | changes))  # type: ignore[arg-type]

    return make


def question(text: str = "What is 19 + 23?", **changes: object) -> TaskRequest:
    """A request that the scripted engine can answer; tests that wait for a window's end `jump`."""
    fields: dict[str, object] = {
        "prompt": text,
        "answer_format": {"type": "integer"},
        "skills": {"arithmetic_word_problems": 10_000},
        "bid_window_s": 60,
        "commit_window_s": 90,
        "reveal_window_s": 60,
    }
    return TaskRequest(**(fields | changes))  # type: ignore[arg-type]


def jump(rpc: Rpc, seconds: int) -> None:
    """Moves the chain's clock on; blocks from now on are that much later."""
    rpc.call("evm_increaseTime", seconds)


def reorganise(rpc: Rpc, blocks: Callable[[], int]) -> None:
    """Replaces the newest blocks by empty ones.

    Args:
        blocks: how many; asked when no more are mined.
    """
    with _MINING:
        rpc.call("anvil_reorg", blocks(), [])


def eventually(condition: Callable[[], object], deadline_s: float = 60.0, what: str = "the condition") -> None:
    """Polls until something is true; fails with its name after a generous deadline."""
    end_s = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end_s, f"{what} did not come about in {deadline_s:g} s"
        time.sleep(0.02)
