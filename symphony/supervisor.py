"""Starts and stops the whole of Symphony on one machine: devnet, contracts, index, API, agents, each its own process.

Knows how the parts are started, not what they do; `up` and `demo` are thin over it.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from agent_runtime.bidding import BidPolicy
from agent_runtime.config import WorkerConfig
from agent_runtime.engines import EngineConfig
from agent_runtime.engines.weights import GGUF, SAFETENSORS, shipped_folder, verified
from agent_runtime.model.card import measured_skills, shipped_card
from agent_runtime.reasoning.cot import ThinkingPolicy
from agent_runtime.reasoning.escalation import EscalationPolicy
from symphony import services
from symphony_chain.deploy import deploy
from symphony_chain.devnet import DEVNET_ACCOUNTS, Devnet, start_devnet
from symphony_chain.devnet.process import Child, guarded
from symphony_chain.errors import ChainUnavailable, SymphonyError, UsageError
from symphony_chain.keys import Keystore
from symphony_chain.rpc import Rpc, wait_until
from symphony_chain.tx import TxSender
from symphony_chain.tx_journal import TxJournal

ROOT = Path(__file__).resolve().parent.parent
#: Five processes load a model library side by side; a slow machine with a cold disk takes minutes for that.
START_DEADLINE_S = 300.0
#: Engine → the file of a model's folder that it reads.
WEIGHTS = {"torch": SAFETENSORS, "llama_cpp": GGUF}
#: What an owner gives its operator key for gas.
TOPUP_WEI = 10**18
#: As many chains again where all differ or none comes to an answer: a seat that says nothing holds its task until the commit
#: window closes. No person is asked.
THINK_AGAIN = EscalationPolicy(extra_samples=3, high=1.01)
#: scrypt work for keys of a devnet: they are funded with play money and made anew for each run.
DEVNET_SCRYPT_N = 2**12

Say = Callable[[str], None]


@dataclass(frozen=True)
class Member:
    """One agent of a crew in which not all are alike: what it thinks with, and tag → declared basis points."""

    engine: EngineConfig
    adapter: Path | None
    skills: Mapping[str, int]


@dataclass(frozen=True)
class Plan:
    """What to start. `data_dir` is a fresh or reused folder; everything of the run lives under it.

    `model` is a folder of weights as `scripts/train_model.py` writes it, None for the built-in model. A `crew` takes the place
    of `agents` of one `engine` and `model`. All bid by one policy.
    """

    data_dir: Path
    devnet: str = "auto"
    devnet_port: int = 0
    block_time_s: float = 1.0
    agents: int = 5
    engine: str = "torch"
    model: Path | None = None
    samples: int = 3
    temperature: float = 0.8
    max_tokens: int = 900
    escalation: EscalationPolicy | None = THINK_AGAIN
    random_weights_seed: int | None = None
    api_port: int = 0
    router: bool = False
    crew: tuple[Member, ...] = ()
    bidding: BidPolicy = field(default_factory=BidPolicy)

    @property
    def members(self) -> tuple[Member, ...]:
        """Every agent."""
        if self.crew:
            return self.crew
        engine = EngineConfig(
            spec=self.engine, weights=self.model, random_weights_seed=self.random_weights_seed
        )
        # Every agent of a local market runs one model, so all declare the same: what its card has measured.
        return (Member(engine, None, measured_skills(shipped_card())),) * self.agents


class Supervisor:
    """A running Symphony. Use as a context manager: leaving it stops every process that it started, in reverse order."""

    def __init__(self, plan: Plan, say: Say = lambda _: None) -> None:
        self.plan = plan
        self.say = say
        self.services: dict[str, Child] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Supervisor:
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stops everything; may be called again. All are asked at once, so that they end side by side, then waited for."""
        for child in self.services.values():
            if child.exit_code() is None:
                os.kill(child.pid, signal.SIGTERM)
        self._stack.close()

    # --- start ---

    def _start(self) -> None:
        # What can be told before anything runs; the agents look at the rest, and say so themselves.
        if not self.plan.crew:
            verified(self.plan.model or shipped_folder(), WEIGHTS[self.plan.engine])
        data = self.plan.data_dir
        (data / "logs").mkdir(parents=True, exist_ok=True)
        self.devnet = self._devnet()
        self.rpc = self._stack.enter_context(Rpc(self.devnet.url))
        self.say(f"{self.devnet.kind} devnet at {self.devnet.url}")
        self.deployer = self.sender(DEVNET_ACCOUNTS[0][1])
        self.deployment = deploy(self.deployer)
        self.deployment_path = data / "deployment.json"
        self.deployment.save(self.deployment_path)
        self.say(f"market {self.deployment.market}")
        self._start_index_and_api()
        self._start_agents()
        self._start_router()
        self._write_state()

    def _devnet(self) -> Devnet:
        folder = self.plan.data_dir / "devnet"
        return self._stack.enter_context(
            start_devnet(
                self.plan.devnet,  # type: ignore[arg-type]  # checked by start_devnet
                port=self.plan.devnet_port,
                block_time_s=self.plan.block_time_s,
                data_dir=folder,
            )
        )

    def sender(self, key: str | bytes) -> TxSender:
        """Sends for a key, with the market's own journal."""
        from eth_account import Account

        journal = self._stack.enter_context(TxJournal(self.plan.data_dir / "tx.sqlite"))
        return TxSender(self.rpc, Account.from_key(key), journal)

    def fund(self, address: str) -> None:
        """Gives a key gas money, where it has little."""
        if self.rpc.get_balance(address) < TOPUP_WEI // 2:
            purpose = f"gas/{self.rpc.get_nonce(self.deployer.account.address, 'latest')}"
            self.deployer.send(address, b"", value_wei=TOPUP_WEI, idempotency_key=purpose).expect_mined()

    def _start_index_and_api(self) -> None:
        data = self.plan.data_dir
        # The genesis is in the name: a new devnet is a new chain, and an index of the old one is not its index.
        self.db_url = f"sqlite:///{data / f'index-{self.deployment.genesis[2:10]}.sqlite'}"
        common = ["--rpc", self.devnet.url, "--deployment", str(self.deployment_path), "--db", self.db_url]
        self._service("indexer", ["-m", "indexer", *common])
        ready = self._service(
            "api",
            ["-m", "api", *common, "--port", str(self.plan.api_port), "--content", str(data / "content")],
        )
        self.api_url = str(ready["url"])
        self.say(f"explorer at {self.api_url}")

    def _start_agents(self) -> None:
        members = self.plan.members
        if len(members) > len(DEVNET_ACCOUNTS) - 1:
            raise UsageError(
                f"{len(members)} agents are more than a devnet's accounts can own",
                hint=f"ask for at most {len(DEVNET_ACCOUNTS) - 1} agents",
            )
        names = [f"agent-{number}" for number in range(1, len(members) + 1)]
        for number, (name, member) in enumerate(zip(names, members, strict=True), 1):
            config = self._agent_config(name, member, DEVNET_ACCOUNTS[number][1])
            self._service(name, ["-m", "agent_runtime.worker", "--config", str(config)], wait=False)
        # All at once, then one by one: loading a model takes most of the start, and the machine has several cores.
        self.agent_ids = [int(self.ready(name)["agent_id"]) for name in names]
        self.say(f"{len(names)} agents: {', '.join(str(agent_id) for agent_id in self.agent_ids)}")

    def _start_router(self) -> None:
        """A key of its own, with gas money from the deployer; `router_address` is None without one."""
        self.router_address: str | None = None
        if not self.plan.router:
            return
        keystore, password_file = Keystore(self.plan.data_dir / "keystore"), self._password_file()
        if "router" not in {key.name for key in keystore.list()}:
            keystore.create("router", password_file.read_text().strip(), work=DEVNET_SCRYPT_N)
        address = keystore.find("router").address
        self.fund(address)
        command = ["-m", "symphony", "router", "run", "--from", "router", "--json", "--no-input"]
        command += ["--rpc", self.devnet.url, "--deployment", str(self.deployment_path)]
        command += ["--keystore", str(keystore.folder), "--password-file", str(password_file)]
        command += ["--data-dir", str(self.plan.data_dir / "router")]
        self.router_address = str(self._service("router", command)["router"])
        self.say(f"router {self.router_address}")

    def _agent_config(self, name: str, member: Member, owner_key: str) -> Path:
        """Keys and configuration file of one agent; what a former run left is kept."""
        folder = self.plan.data_dir / "agents" / name
        folder.mkdir(parents=True, exist_ok=True)
        keystore = Keystore(self.plan.data_dir / "keystore")
        password_file = self._password_file()
        password = password_file.read_text().strip()
        known = {key.name for key in keystore.list()}
        for key_name, key in ((f"{name}-owner", bytes.fromhex(owner_key[2:])), (f"{name}-operator", None)):
            if key_name not in known:
                keystore.create(key_name, password, key=key, work=DEVNET_SCRYPT_N)
        config = WorkerConfig(
            name=name,
            rpc_url=self.devnet.url,
            deployment=self.deployment_path,
            data_dir=folder,
            keystore_dir=keystore.folder,
            owner=f"{name}-owner",
            operator=f"{name}-operator",
            password_file=password_file,
            skills=member.skills,
            engine=member.engine,
            adapter=member.adapter,
            bidding=self.plan.bidding,
            thinking=ThinkingPolicy(
                samples=self.plan.samples,
                temperature=self.plan.temperature,
                max_tokens=self.plan.max_tokens,
                escalation=self.plan.escalation,
            ),
            content_urls=(self.api_url,),
            operator_topup_wei=TOPUP_WEI,
        )
        path = folder / "config.json"
        config.save(path)
        return path

    def _password_file(self) -> Path:
        path = self.plan.data_dir / "keystore" / "password"
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_urlsafe(24) + "\n")
        return path

    # --- processes ---

    def _service(self, name: str, command: Sequence[str], *, wait: bool = True) -> dict[str, Any]:
        """Starts a Python module and, if asked, waits for its one JSON line that says it is ready."""
        child = Child(
            guarded([sys.executable, *command]),
            log=self.plan.data_dir / "logs" / f"{name}.log",
            env={"PYTHONPATH": str(ROOT)},
        )
        self.services[name] = child
        self._stack.callback(child.stop)
        return self.ready(name) if wait else {}

    def ready(self, name: str) -> dict[str, Any]:
        """The ready line of a service; raises what `check` raises if it ended instead."""
        child = self.services[name]

        def look() -> dict[str, Any] | None:
            line = services.ready_line(child.output())
            if line is None:
                self.check()
            return line

        return wait_until(look, START_DEADLINE_S, 0.1, what=f"the start of {name}")

    def check(self) -> None:
        """Raises if a process that should run has ended: ChainUnavailable `devnet.ended` for the chain, else the service's own
        error (code, hint and exit code), or Failure `service.failed` where it left none.
        """
        if not self.devnet.running():
            raise ChainUnavailable(
                f"the {self.devnet.kind} devnet ended by itself",
                hint=f"its chain is gone, and the play money with it; start again (its log is {self.devnet.log})",
                code="devnet.ended",
            )
        for name, child in self.services.items():
            if (code := child.exit_code()) is not None:
                raise self._ended(name, child, code)

    def _ended(self, name: str, child: Child, exit_code: int) -> SymphonyError:
        return services.ended(name, exit_code, child.output(), child.log)

    def _write_state(self) -> None:
        state = {
            "rpc_url": self.devnet.url,
            "deployment": str(self.deployment_path),
            "api_url": self.api_url,
            "db_url": self.db_url,
            "router": self.router_address,
            "pid": os.getpid(),
        }
        path = self.plan.data_dir / "run.json"
        temporary = path.with_suffix(".tmp")
        temporary.write_text(json.dumps(state, indent=1) + "\n")
        temporary.replace(path)
        self._stack.callback(path.unlink, missing_ok=True)
