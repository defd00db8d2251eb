"""An ERC-8004 client that nobody here wrote (agent0-sdk 1.7.1) works with our registries as they are, and sees what ours see.

It runs in `.venv-foreign`, on anvil, and of its calls those are used that need a node only. Not used: `searchAgents`, `getAgent`,
`searchFeedback` (they want a subgraph); `registerIPFS`, `giveFeedback(feedbackFile=…)` (an IPFS service); `getReputationSummary`
of the SDK object, which names no clients, and that the standard's contract refuses as ours does: the SDK's feedback manager can
name them. `loadAgent` fetches `ipfs://` files from three public gateways; here it is handed their bytes.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount

from agent_runtime.config import WorkerConfig
from agent_runtime.engines.protocol import EngineInfo
from agent_runtime.registration import Identity, registration_file
from symphony.verify import RpcReader
from symphony.verify.closed import closed_tasks_of
from symphony_chain import reputation
from symphony_chain.abi import REGISTRY, contract_error, decode_output, encode
from symphony_chain.canonical import sha256
from symphony_chain.content.cid import Cid
from symphony_chain.devnet import start_devnet
from symphony_chain.did import did_ethr
from symphony_chain.events import MetadataSet, Registered, decode
from symphony_chain.registry import RegistryClient, encode_register, encode_set_file
from symphony_chain.reputation import ReputationClient, Summary
from symphony_chain.rpc import Rpc
from symphony_chain.skills import DEFAULT_PAGE_ID, pack_word
from symphony_chain.spec import NodeInfo, Registration, Service
from symphony_chain.spec.registration import DID_SERVICE
from tests.contract.tools import ROOT
from tests.indexer.scenario import ETHER, Posted, Scenario

pytestmark = pytest.mark.anvil

PYTHON = ROOT / ".venv-foreign" / "bin" / "python"
SCRIPT = Path(__file__).parent / "foreign_client.py"
DEADLINE_S = 60.0
WALLET: LocalAccount = Account.from_key(b"\x77" * 32)


@dataclass(frozen=True)
class World:
    """A devnet with four agents of ours, and the way to let the foreign client act on it."""

    scenario: Scenario
    url: str
    client: subprocess.Popen[str]

    def foreign(self, key: LocalAccount, do: str, **job: Any) -> dict[str, Any]:
        """What the SDK with this key says after doing something; an exception of its own fails the test."""
        where = self.scenario.deployment
        common = {
            "rpc": self.url,
            "chain": where.chain_id,
            "identity": where.registry,
            "reputation": where.reputation,
            "key": "0x" + bytes(key.key).hex(),
        }
        assert self.client.stdin is not None and self.client.stdout is not None
        self.client.stdin.write(json.dumps({**common, "do": do, **job}) + "\n")
        self.client.stdin.flush()
        document: dict[str, Any] = json.loads(self.client.stdout.readline())
        assert "error" not in document, document["error"]
        return document

    @property
    def registry(self) -> RegistryClient:
        return RegistryClient(self.scenario.rpc, self.scenario.deployment.registry)

    @property
    def reputation(self) -> ReputationClient:
        return ReputationClient(self.scenario.rpc, self.scenario.deployment.reputation)

    def metadata(self, agent_id: int, key: str) -> bytes:
        call = encode(REGISTRY, "getMetadata", agent_id, key)
        answer = self.scenario.rpc.eth_call(self.scenario.deployment.registry, call)
        return bytes(decode_output(REGISTRY, "getMetadata", answer)[0])

    def name(self, agent_id: int) -> str:
        """An agent as the SDK names it."""
        return f"{self.scenario.deployment.chain_id}:{agent_id}"

    def settled(self) -> Posted:
        """A task that agent 1 has answered."""
        agent = self.scenario.agents[0]
        posted = self.scenario.post(k=1)
        self.scenario.award(posted, [self.scenario.sign_bid(posted, agent, ETHER)], [agent])
        self.scenario.run(posted, ["42"])
        return posted

    def open_credit(self, posted: Posted) -> None:
        """A stranger proves the seat: its requester may rate agent 1 once more."""
        reader = RpcReader(self.scenario.rpc, self.scenario.deployment)
        receipt = {c.task_id: c.receipt for c in closed_tasks_of(reader, 1)}[posted.task_id]
        self.scenario.send(self.scenario.stranger, self.reputation.address, reputation.encode_open(receipt, 0))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    if not PYTHON.exists():
        pytest.skip(".venv-foreign is missing: run `make setup-test`")
    with start_devnet("anvil", block_time_s=0) as node, Rpc(node.url) as rpc:
        folder = tmp_path_factory.mktemp("foreign")
        scenario = Scenario.start(rpc, folder)
        scenario.register_four()
        environment = {**os.environ, "NO_PROXY": "*"}
        with (
            (folder / "log").open("w") as log,
            subprocess.Popen(
                [PYTHON, SCRIPT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, env=environment
            ) as client,
        ):
            yield World(scenario, node.url, client)
            assert client.stdin is not None
            client.stdin.close()
            assert client.wait(DEADLINE_S) == 0


def test_a_stranger_registers_an_agent_with_its_own_client(world: World) -> None:
    owner, heir = world.scenario.keys[-1], world.scenario.keys[-2]
    first_block = world.scenario.rpc.block_number() + 1
    deadline_s = world.scenario.now_s + 200
    made = world.foreign(
        owner, "register", name="Ada", metadata={"note": "hello", "level": 7}, wallet=WALLET.address,
        wallet_key="0x" + bytes(WALLET.key).hex(), deadline_s=deadline_s,
    )  # fmt: skip
    agent_id = int(made["id"].split(":")[1])
    assert made["id"] == world.name(agent_id)

    # What our client reads is what it wrote.
    assert world.registry.owner_and_wallet(agent_id) == (owner.address, WALLET.address)
    assert world.registry.token_uri(agent_id) == made["uri"]
    head, _, body = made["uri"].partition(",")
    assert head.startswith("data:application/json") and json.loads(base64.b64decode(body))["name"] == "Ada"
    assert (world.metadata(agent_id, "note"), world.metadata(agent_id, "level")) == (b"hello", b"7")
    assert world.metadata(agent_id, "agentWallet") == bytes.fromhex(WALLET.address[2:])
    logs = world.scenario.rpc.get_logs(from_block=first_block, to_block="latest", address=world.scenario.deployment.registry)
    events = [decode(log) for log in logs]
    assert Registered(agent_id, made["uri"], owner.address) in events
    assert {(e.key, e.value) for e in events if isinstance(e, MetadataSet)} == {("note", b"hello"), ("level", b"7")}

    # And it reads back what it wrote.
    loaded = world.foreign(owner, "load", id=made["id"])
    assert loaded == {
        "name": "Ada", "description": "registered by a stranger", "uri": made["uri"], "owners": [owner.address],
        "owner": owner.address, "mine": True, "wallet": WALLET.address, "endpoints": {}, "active": loaded["active"],
    }  # fmt: skip

    # A new file, a new owner; the operator's key does not pass with it.
    renamed = world.foreign(owner, "rename", id=made["id"], name="Ada the second")
    assert renamed["name"] == "Ada the second" and world.registry.token_uri(agent_id) == renamed["uri"] != made["uri"]
    handed = world.foreign(owner, "hand_over", id=made["id"], to=heir.address)
    assert handed == {"owner": heir.address, "wallet": heir.address}
    assert world.registry.owner_and_wallet(agent_id) == (heir.address, heir.address)


def our_file(owner: LocalAccount, *more: Service) -> bytes:
    """A registration file of our format, with more services than our workers name."""
    did = Service(DID_SERVICE, did_ethr(31337, owner.address))
    return Registration("Bea", "one of ours", (did, *more), NodeInfo("cpu", 1 << 30)).to_json()


def workers_file(world: World, owner: LocalAccount, agent_id: int | None) -> bytes:
    """What a worker of ours publishes, byte by byte."""
    config = WorkerConfig(
        name="Bea", rpc_url=world.url, deployment=Path("d"), data_dir=Path("b"), keystore_dir=Path("k"), owner="owner",
        operator="operator", skills={"navigate": 9_000}, description="one of ours", device="cpu", memory_bytes=1 << 30,
    )  # fmt: skip
    engine = EngineInfo("torch", "ab" * 32, "cpu", "none", 1_024)
    gateway_url = "http://127.0.0.1:8101"
    identity = Identity(config, world.scenario.deployment, owner, WALLET, engine, gateway_url)
    file = registration_file(identity, agent_id)
    assert file.node.gateway_url == gateway_url
    return file.to_json()


def registered(world: World, owner: LocalAccount, file: bytes) -> int:
    """Our own way to register: the file's digest and a capability word, no string."""
    data = encode_register(sha256(file), DEFAULT_PAGE_ID, pack_word({0: 9_000}))
    events = [decode(log) for log in world.scenario.registry(owner, data).logs]
    return next(e.agent_id for e in events if isinstance(e, Registered))


def test_an_agent_of_ours_is_read_by_the_strangers_client(world: World) -> None:
    """Both files of a worker's life: the one it registers with, and the one that names the registration."""
    owner, reader = world.scenario.keys[-3], world.scenario.stranger
    file = workers_file(world, owner, None)
    agent_id = registered(world, owner, file)

    def check(file: bytes) -> None:
        uri = f"ipfs://{Cid.of(file)}"
        loaded = world.foreign(reader, "load", id=world.name(agent_id), files={uri: file.decode()})
        assert loaded == {
            "name": "Bea", "description": "one of ours", "uri": uri, "owners": [owner.address], "owner": owner.address,
            "mine": False, "wallet": owner.address, "endpoints": {"DID": did_ethr(31337, owner.address)}, "active": True,
        }  # fmt: skip
        assert uri == world.registry.token_uri(agent_id)

    check(file)
    named = workers_file(world, owner, agent_id)
    world.scenario.registry(owner, encode_set_file(agent_id, sha256(named)))
    check(named)


def test_an_agent_with_an_operator_is_seen_with_it(world: World) -> None:
    agent = world.scenario.agents[0]
    seen = world.foreign(world.scenario.stranger, "look", id=world.name(agent.agent_id), keys=["agentWallet", "nothing"])
    assert seen == {
        "owner": agent.owner.address,
        "wallet": agent.wallet.address,
        "uri": world.registry.token_uri(agent.agent_id),
        "metadata": {"agentWallet": agent.wallet.address[2:].lower(), "nothing": ""},
    }


def test_where_the_strangers_client_is_narrower_than_the_standard(world: World) -> None:
    """It knows six names of services and refuses a file with a seventh, even the standard's own `web`. So our workers name their
    content gateway elsewhere; an agent with such a file is found and rated through this client, but the file is not loaded."""
    owner = world.scenario.keys[-3]
    file = our_file(owner, Service("web", "https://agent.example.org"))
    agent_id = registered(world, owner, file)
    uri = f"ipfs://{Cid.of(file)}"
    seen = world.foreign(owner, "look", id=world.name(agent_id), keys=[])
    assert (seen["owner"], seen["uri"]) == (owner.address, uri)
    with pytest.raises(AssertionError, match="'web' is not a valid EndpointType"):
        world.foreign(owner, "load", id=world.name(agent_id), files={uri: file.decode()})


def test_feedback_by_the_strangers_client(world: World) -> None:
    """Refused before anything was settled and opened; then counted as ours count it."""
    requester, name = world.scenario.requester, world.name(1)

    def refused(key: LocalAccount) -> str:
        data = bytes.fromhex(world.foreign(key, "rate", id=name, value=90)["refused"][2:])
        error = contract_error(data)
        assert error.context["args"] == {"agentId": "1", "client": key.address}
        return error.code

    assert refused(requester) == "contract.NothingOpen"
    first = world.settled()
    assert refused(requester) == "contract.NothingOpen", "a settled task alone is no credit yet"
    world.open_credit(first)
    assert refused(world.scenario.stranger) == "contract.NothingOpen", "the credit is the requester's"

    assert world.foreign(requester, "rate", id=name, value=90, tag1="quality", tag2="maths") == {
        "value": 90.0, "tags": ["quality", "maths"]
    }  # fmt: skip
    assert refused(requester) == "contract.NothingOpen", "each seat gives one"
    world.open_credit(world.settled())
    assert world.foreign(requester, "rate", id=name, value="-12.50")["value"] == -12.5

    (one, two) = world.reputation.feedback(1, [requester.address])
    assert (one.value, one.decimals, one.tag1, one.tag2) == (90, 0, "quality", "maths")
    assert (two.value, two.decimals, two.tag1, two.tag2) == (-1250, 2, "", "")
    client = {"client": requester.address, "clients": [requester.address]}
    read = world.foreign(requester, "read", id=name, index=2, **client)
    ours = world.reputation.summary(1, [requester.address])
    assert ours == Summary(2, 38, 0), "the mean of 90 and -12.5, to the decimals of the first"
    assert read == {"value": -12.5, "tags": [], "revoked": False, "count": ours.count, "average": float(ours.mean)}
    market = world.scenario.deployment.market
    settled = world.foreign(requester, "read", id=name, index=1, client=requester.address, clients=[market])
    assert (settled["count"], settled["average"]) == (2, 100.0), "the market as a client: both seats won"

    assert world.foreign(requester, "revoke", id=name, index=2) == {"revoked": True}
    left = world.foreign(requester, "read", id=name, index=1, **client)
    assert (left["count"], left["average"]) == (1, 90.0) == (1, float(world.reputation.summary(1, [requester.address]).mean))
