"""`symphony reward`, `release`, `delta` and `feedback` on a real chain: what they send, what they say, and what they refuse."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_utils.crypto import keccak

from symphony.cli import pool_shares, writing
from symphony.verify import RpcReader
from symphony.verify.closed import closed_tasks_of
from symphony.verify.reader import Topics
from symphony_chain import deltas, market, releases, reputation, rewards
from symphony_chain.abi import contract_error, contracts, error_hints, signatures
from symphony_chain.content.cid import Cid
from symphony_chain.content.store import ContentStore
from symphony_chain.devnet import start_devnet
from symphony_chain.market import MarketClient
from symphony_chain.rpc import Log, Rpc
from symphony_chain.types import NATIVE, Receipt
from tests.cli.conftest import Ran, invoke
from tests.indexer.scenario import ETHER, Agent, Posted, Scenario

PASSWORD = "correct horse"
REQUESTER, STRANGER = "devnet:0", "devnet:1"
BASE_MODEL = hashlib.sha256(b"the base model").digest()
#: Errors about which nobody can do anything.
HOPELESS = {"InvalidShortString", "Reentered", "Reentrancy", "StringTooLong"}


@dataclass(frozen=True)
class Ledger:
    """A devnet, and four agents on it: agent i is devnet account i + 1's."""

    scenario: Scenario
    chain: tuple[str, ...]

    def run(self, *args: object, code: int = 0) -> dict[str, Any]:
        """The document of a command that ends with this exit code."""
        done = self.told(*args, "--json")
        assert done.code == code, done.out + done.err
        return done.json

    def told(self, *args: object) -> Ran:
        return invoke(*args, *self.chain)

    def refused(self, *args: object, code: int = 4) -> str:
        """The error code of a command that is refused."""
        done = self.told(*args, "--json")
        assert done.code == code, done.out + done.err
        return str(done.error["code"])

    @property
    def market(self) -> MarketClient:
        return MarketClient(self.scenario.rpc, self.scenario.deployment.market)

    @property
    def reader(self) -> RpcReader:
        return RpcReader(self.scenario.rpc, self.scenario.deployment)

    @property
    def pool(self) -> rewards.RewardPoolClient:
        return rewards.RewardPoolClient(self.scenario.rpc, self.scenario.deployment.pool)

    def answered(self, *agents: Agent, **changes: Any) -> Posted:
        """A settled task whose seats these agents had, all with one answer."""
        posted = self.scenario.post(k=len(agents), min_match_bps=0, **changes)
        price_wei = posted.task.ceiling_wei
        bids = [self.scenario.sign_bid(posted, agent, price_wei) for agent in agents]
        self.scenario.award(posted, bids, agents)
        self.scenario.run(posted, ["42"] * len(agents))
        return posted

    def record(self, receipt: Receipt) -> None:
        """A stranger records a task in the pool."""
        data = rewards.encode_record(self.market.address, receipt)
        self.scenario.send(self.scenario.stranger, self.scenario.deployment.pool, data)

    def to_epoch(self, epoch: int) -> None:
        """To the first second of an epoch of the pool."""
        self.scenario.warp(epoch * self.pool.terms().epoch_s)


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    folder = tmp_path_factory.mktemp("ledger")
    with start_devnet("pyevm", block_time_s=0) as node, Rpc(node.url) as rpc:
        scenario = Scenario.start(rpc, folder)
        scenario.register_four()
        path = folder / "deployment.json"
        scenario.deployment.save(path)
        yield Ledger(scenario, ("--rpc", node.url, "--deployment", str(path)))


def key_of(agent: Agent) -> str:
    return f"devnet:{agent.agent_id + 1}"


def id_of(posted: Posted) -> str:
    return "0x" + posted.task_id.hex()


@pytest.fixture
def operator(ledger: Ledger, tmp_path: Path) -> Callable[[Agent], tuple[str, ...]]:
    """Options that sign as an agent's operator: a key file, as wallets export it."""

    def options(agent: Agent) -> tuple[str, ...]:
        ledger.scenario.send(ledger.scenario.stranger, agent.wallet.address, b"", ETHER)
        document = Account.encrypt(agent.wallet.key, PASSWORD, kdf="pbkdf2", iterations=10)
        (tmp_path / "operator.json").write_text(json.dumps(document))
        (tmp_path / "password").write_text(PASSWORD)
        return ("--keystore", "operator.json", "--password-file", "password")

    return options


# --- reward ---


def test_an_owner_takes_an_agents_pay(ledger: Ledger) -> None:
    scenario, agent = ledger.scenario, ledger.scenario.agents[0]
    ledger.answered(agent)
    account = ledger.market.account(agent.agent_id)
    listed = ledger.run("reward", "list", agent.agent_id)
    assert listed["owner"] == agent.owner.address and listed["wallet"] == agent.wallet.address
    assert listed["accounts"] == [
        {"token": NATIVE, "accrued_wei": str(account.accrued_wei), "seats": account.seats, "won": account.won, "no_shows": 0}
    ]
    assert listed["shares"] == []
    text = ledger.told("reward", "list", agent.agent_id).out
    assert f"Next: symphony reward claim {agent.agent_id}\n" in text and "shared anything" in text

    receiver = "0x" + "ab" * 20
    mine = ("--from", key_of(agent))
    assert ledger.refused("reward", "claim", agent.agent_id, *mine, code=2) == "usage.confirm"
    done = ledger.run("reward", "claim", agent.agent_id, "--to", receiver, "--yes", *mine)
    assert [(c["token"], c["amount_wei"]) for c in done["claims"]] == [(NATIVE, str(account.accrued_wei))]
    assert scenario.rpc.get_balance(receiver) == account.accrued_wei
    assert ledger.market.account(agent.agent_id).accrued_wei == 0
    assert ledger.refused("reward", "claim", agent.agent_id, "--yes", *mine) == "reward.nothing"
    assert "Next" not in ledger.told("reward", "list", agent.agent_id).out


def test_an_operator_takes_pay_for_the_owner_only(
    ledger: Ledger, operator: Callable[[Agent], tuple[str, ...]]
) -> None:
    agent = ledger.scenario.agents[1]
    ledger.answered(agent)
    accrued_wei = ledger.market.account(agent.agent_id).accrued_wei
    its = operator(agent)
    stolen = ledger.refused("reward", "claim", agent.agent_id, "--to", agent.wallet.address, "--yes", *its)
    assert stolen == "contract.WalletMayOnlyPayOwner"
    before_wei = ledger.scenario.rpc.get_balance(agent.owner.address)
    done = ledger.run("reward", "claim", agent.agent_id, "--yes", *its)
    assert done["to"] == agent.owner.address
    assert ledger.scenario.rpc.get_balance(agent.owner.address) == before_wei + accrued_wei


def test_nobody_else_claims(ledger: Ledger) -> None:
    assert ledger.refused("reward", "claim", 1, "--yes", "--from", STRANGER) == "reward.not_yours"
    assert ledger.refused("reward", "claim", 999, "--yes", "--from", STRANGER, code=3) == "agent.unknown"
    assert ledger.refused("reward", "list", 999, code=3) == "agent.unknown"
    assert ledger.told("reward", "list", 0, "--json").code == 2


def test_a_token_that_refuses_stays_and_stops_nobody(ledger: Ledger) -> None:
    scenario, agent = ledger.scenario, ledger.scenario.agents[3]
    good, bad = scenario.create("PlainToken"), scenario.create("PausingToken")
    for token in (good, bad):
        for call in (("mint(address,uint256)", scenario.requester.address), ("approve(address,uint256)", ledger.market.address)):
            data = keccak(text=call[0])[:4] + bytes.fromhex(call[1][2:]).rjust(32, b"\0") + ETHER.to_bytes(32, "big")
            scenario.send(scenario.requester, token, data)
        scenario.market(scenario.requester, market.encode_deposit(scenario.requester.address, ETHER, token))
        ledger.answered(agent, token=token, ceiling_wei=1_000)
    scenario.send(scenario.stranger, bad, keccak(text="pause(bool)")[:4] + (1).to_bytes(32, "big"))
    accounts = ledger.run("reward", "list", agent.agent_id)["accounts"]
    assert [(a["token"], a["accrued_wei"]) for a in accounts] == [(NATIVE, "0"), (good, "1000"), (bad, "1000")]
    assert f"1000 units of {good}" in ledger.told("reward", "list", agent.agent_id).out

    mine = ("--yes", "--from", key_of(agent))
    assert ledger.refused("reward", "claim", agent.agent_id, "--token", bad, *mine) == "contract.TransferFailed"
    done = ledger.run("reward", "claim", agent.agent_id, *mine, code=4)
    assert [(c["token"], c["amount_wei"]) for c in done["claims"]] == [(good, "1000")]
    assert [(left["token"], left["error"]["code"]) for left in done["left"]] == [(bad, "contract.TransferFailed")]
    assert ledger.market.account(agent.agent_id, good).accrued_wei == 0
    assert ledger.market.account(agent.agent_id, bad).accrued_wei == 1_000


def test_a_seats_way_through_the_pool(ledger: Ledger) -> None:
    """Two epochs: what the first one gave pays the second one's seats. Every standing is seen, and no wei is missing."""
    scenario, first, second = ledger.scenario, *ledger.scenario.agents[1:3]
    terms, mine = ledger.pool.terms(), ("--pool", "--yes", "--from", key_of(first))
    epoch = terms.epoch_of(scenario.now_s) + 1

    def standings(agent: Agent) -> list[str]:
        return [share["standing"] for share in ledger.run("reward", "list", agent.agent_id)["shares"]]

    ledger.to_epoch(epoch)
    one = ledger.answered(first, second, shared_bps=1_000)
    (share,) = ledger.run("reward", "list", first.agent_id)["shares"]
    assert share["task_id"] == id_of(one) and share["standing"] == "to_record" and share["amount_wei"] is None
    assert share["epoch"] == epoch and share["until_s"] == terms.final_at_s(epoch)
    assert f"Next: symphony reward claim {first.agent_id} --pool" in ledger.told("reward", "list", first.agent_id).out
    accrued_wei = ledger.market.account(first.agent_id).accrued_wei
    done = ledger.run("reward", "claim", first.agent_id, *mine)
    assert [(s["step"], s["task_id"]) for s in done["pool"]] == [("record", id_of(one))]
    assert [c["amount_wei"] for c in done["claims"]] == [str(accrued_wei)], "pay is claimed in the same run"
    assert standings(first) == standings(second) == ["waiting"]

    ledger.to_epoch(epoch + 1)
    two = ledger.answered(first, second, shared_bps=1_000)
    late = ledger.answered(first, shared_bps=1_000)
    receipts = {c.task_id: c.receipt for c in closed_tasks_of(ledger.reader, first.agent_id)}
    ledger.record(receipts[two.task_id])
    assert standings(first) == ["waiting", "waiting", "to_record"]

    ledger.to_epoch(epoch + 3)
    assert standings(first) == ["to_advance", "to_advance", "late"]
    pots = [ledger.pool.epoch(ledger.market.address, epoch + i) for i in (0, 1)]
    given_wei = pots[0].pot_wei // 2
    released_wei = pots[0].pot_wei // terms.spread + pots[0].pot_wei % terms.spread
    assert pots[0].pot_wei == pots[1].pot_wei > released_wei > 0, "two seats with one pay, twice"
    want_wei = given_wei * released_wei // pots[1].given_wei

    before_wei = ledger.market.account(first.agent_id).accrued_wei
    done = ledger.run("reward", "claim", first.agent_id, *mine)
    assert [s["step"] for s in done["pool"]] == ["advance", "share", "share"]
    assert [c["amount_wei"] for c in done["claims"]] == [str(before_wei + want_wei)]
    shares = ledger.run("reward", "list", first.agent_id)["shares"]
    assert [(s["standing"], s["amount_wei"]) for s in shares] == [("shared", "0"), ("shared", str(want_wei)), ("late", None)]
    assert ledger.pool.owed(ledger.market.address) == pots[0].pot_wei + pots[1].pot_wei - want_wei

    # The other seat has not come yet; what it would get stands there, and is what it gets.
    its = ledger.run("reward", "list", second.agent_id)["shares"]
    assert [(s["standing"], s["amount_wei"]) for s in its] == [("to_share", "0"), ("to_share", str(released_wei - want_wei))]
    ledger.run("reward", "claim", second.agent_id, "--pool", "--yes", "--from", key_of(second))
    again = ledger.run("reward", "list", second.agent_id)["shares"]
    assert [(s["standing"], s["amount_wei"]) for s in again] == [("shared", s["amount_wei"]) for s in its]

    ledger.record(receipts[late.task_id])
    assert standings(first) == ["shared", "shared", "missed"]
    assert "recorded too late" in ledger.told("reward", "list", first.agent_id).out
    assert ledger.refused("reward", "claim", first.agent_id, *mine) == "reward.nothing"


def test_a_race_for_the_pool_is_lost_without_harm(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    agent = ledger.scenario.agents[0]
    posted = ledger.answered(agent, shared_bps=500)
    receipt = {c.task_id: c.receipt for c in closed_tasks_of(ledger.reader, agent.agent_id)}[posted.task_id]
    real = writing.send

    def slow(session: Any, to: str, data: bytes, **more: Any) -> dict[str, Any]:
        ledger.record(receipt)
        return real(session, to, data, **more)

    monkeypatch.setattr(pool_shares, "send", slow)
    done = ledger.told("reward", "claim", agent.agent_id, "--pool", "--yes", "--from", key_of(agent), "--json")
    assert done.code == 0 and done.json["pool"] == [] and len(done.json["claims"]) == 1
    assert "somebody did it already" in done.err


def test_a_node_that_lies_about_a_settlement_is_found_out(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger.answered(ledger.scenario.agents[2])
    real = RpcReader.logs

    def lying(self: RpcReader, address: str, topics: Topics) -> list[Log]:
        logs = real(self, address, topics)
        last = logs[-1]
        return [*logs[:-1], replace(last, data=last.data[:-1] + bytes([last.data[-1] ^ 1]))]

    monkeypatch.setattr(RpcReader, "logs", lying)
    assert ledger.refused("reward", "list", ledger.scenario.agents[2].agent_id, code=1) == "receipt.mismatch"


# --- release ---


def test_releases_are_published_and_listed(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_bytes(b"weights of the first")
    (tmp_path / "template.json").write_bytes(b"{}")
    mine = ("--from", STRANGER, "--json")
    one = ledger.run("release", "publish", "tiny", "1.0", "weights.bin", "--kind", "base-model", "--from", STRANGER)
    digest = hashlib.sha256(b"weights of the first").digest()
    assert one["digest"] == "0x" + digest.hex() and one["size_bytes"] == 20 and one["cid"] == str(Cid.from_digest(digest))
    with ContentStore(tmp_path / ".symphony" / "content", max_bytes=1 << 20) as store:
        assert store.get(Cid.from_digest(digest), 100) == b"weights of the first"
        assert store.stat(Cid.from_digest(digest)).pin_owners == ("local",)
    told = ledger.told("release", "publish", "tiny", "1.1", "weights.bin", "--kind", "base-model", "--from", REQUESTER)
    assert told.code == 0 and one["cid"] in told.out and "Next: symphony release list --publisher 0x" in told.out
    ledger.run("release", "publish", "ask", "7", "template.json", "--kind", "task-template", "--no-keep", "--from", STRANGER)
    with ContentStore(tmp_path / ".symphony" / "content", max_bytes=1 << 20) as store:
        assert not store.has(Cid.of(b"{}"))

    client = releases.ReleaseClient(ledger.scenario.rpc, ledger.scenario.deployment.releases)
    stranger = ledger.scenario.stranger
    kept = client.release(stranger.address, "tiny", "1.0")
    assert kept is not None and (kept.digest, kept.codec, kept.size_bytes) == (digest, 0x55, 20)
    ledger.scenario.send(stranger, client.address, releases.encode_yank(stranger.address, "tiny", "1.0"))

    def names(*options: object) -> list[tuple[str, str, bool]]:
        found = ledger.run("release", "list", *options)["releases"]
        return [(r["name"], r["version"], r["yanked"]) for r in found]

    everything = [("ask", "7", False), ("tiny", "1.1", False), ("tiny", "1.0", True)]
    assert names() == everything
    assert names("tiny") == everything[1:]
    assert names("--publisher", stranger.address.lower()) == [everything[0], everything[2]]
    assert names("--kind", "base-model", "--limit", 1) == [everything[1]]
    assert names("nothing") == []
    listed = ledger.run("release", "list", "--limit", 1)
    assert listed["total"] == 3 and listed["releases"][0]["kind"] == "task-template"
    text = ledger.told("release", "list").out
    assert "1.0 (yanked)" in text and one["cid"] in text
    assert "and 2 more (--limit)" in ledger.told("release", "list", "--limit", 1).out

    again = ledger.told("release", "publish", "tiny", "1.0", "template.json", "--kind", "base-model", *mine)
    assert again.code == 4 and again.error["code"] == "contract.ReleaseExists" and "another version" in again.error["hint"]
    for name, file, kind, code, error in (
        ("n" * 65, "template.json", "base-model", 4, "contract.LengthOutOfRange"),
        ("a", "template.json", "é", 2, "input.invalid"),
        ("a", "absent", "x", 3, "content.no_file"),
        ("a", ".", "x", 2, "content.unreadable"),
    ):
        arguments = ("release", "publish", name, "1", file, "--kind", kind, "--from", STRANGER)
        assert ledger.refused(*arguments, code=code) == error


def test_a_strangers_release_cannot_spoil_the_list(ledger: Ledger) -> None:
    """A codec that is none of ours, a kind and a name that are no text: shown as far as they can be."""
    release = releases.Release(ledger.scenario.stranger.address, b"\xff" * 32, "\x1b[31mred", "\u202e1", BASE_MODEL, 0x99, 1)
    ledger.scenario.send(ledger.scenario.stranger, ledger.scenario.deployment.releases, releases.encode_publish(release))
    (found,) = ledger.run("release", "list", "\x1b[31mred")["releases"]
    assert found["cid"] is None and found["digest"] == "0x" + BASE_MODEL.hex()
    text = ledger.told("release", "list", "\x1b[31mred").out
    assert "\x1b" not in text and "\u202e" not in text and "red" in text


# --- delta ---


def test_deltas_are_published_listed_and_verified(
    ledger: Ledger, operator: Callable[[Agent], tuple[str, ...]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent, base = ledger.scenario.agents[0], str(Cid.from_digest(BASE_MODEL))
    contents = [b"round %d" % i for i in range(3)]
    for i, content in enumerate(contents):
        (tmp_path / f"{i}.json").write_bytes(content)
    assert ledger.run("delta", "list", agent.agent_id) == {"lines": []}
    assert ledger.refused("delta", "verify", agent.agent_id, code=3) == "delta.none"

    publish = ("delta", "publish", agent.agent_id)
    one = ledger.run(*publish, "0.json", "--base-model", base, "--from", key_of(agent))
    assert one["parent"] == "0x" + bytes(32).hex() and one["digest"] == "0x" + hashlib.sha256(contents[0]).hexdigest()
    two = ledger.run(*publish, "1.json", "--base-model", "0x" + BASE_MODEL.hex(), *operator(agent))
    assert two["parent"] == one["head"]
    other = ledger.run(*publish, "2.json", "--base-model", "0x" + "77" * 32, "--no-keep", "--from", key_of(agent))
    with ContentStore(tmp_path / ".symphony" / "content", max_bytes=1 << 20) as store:
        assert [store.has(Cid.of(content)) for content in contents] == [True, True, False]
        assert store.usage().pins == 2
    assert ledger.refused(*publish, "2.json", "--base-model", base, "--from", STRANGER) == "contract.NotAuthorized"
    assert ledger.refused("delta", "publish", 999, "2.json", "--base-model", base, "--from", STRANGER) == "contract.UnknownAgent"
    assert ledger.refused(*publish, "2.json", "--base-model", "bafk", "--from", STRANGER, code=2) == "usage"
    with ContentStore(tmp_path / ".symphony" / "content", max_bytes=1 << 20) as store:
        assert store.usage().pins == 2, "what the chain refused is not pinned"

    client = deltas.DeltaClient(ledger.scenario.rpc, ledger.scenario.deployment.deltas)
    assert "0x" + client.head(agent.agent_id, BASE_MODEL).hex() == two["head"]
    lines = ledger.run("delta", "list")["lines"]
    assert [(line["head"], [d["cid"] for d in line["deltas"]]) for line in lines] == [
        (two["head"], [one["cid"], two["cid"]]), (other["head"], [other["cid"]])
    ]  # fmt: skip
    assert ledger.run("delta", "list", agent.agent_id, "--base-model", base)["lines"] == lines[:1]
    assert two["cid"] in ledger.told("delta", "list").out

    verify = ("delta", "verify", agent.agent_id)
    whole = ledger.run(*verify)
    assert whole["ok"] and [line["ok"] for line in whole["lines"]] == [True, True] and whole["file"] is None
    found = ledger.run(*verify, "--base-model", base, "--file", "1.json")
    assert found["file"]["found"] == [{"base_model": "0x" + BASE_MODEL.hex(), "index": 2}]
    text = ledger.told(*verify, "--file", "0.json").out
    assert "2 deltas" in text and "holds" in text and "0.json is delta 1 on" in text

    (tmp_path / "1.json").write_bytes(b"round one")
    tampered = ledger.told(*verify, "--file", "1.json", "--json")
    assert tampered.code == 4 and not tampered.json["ok"] and tampered.error["code"] == "delta.foreign_file"
    assert all(line["ok"] for line in tampered.json["lines"]), "the lines hold, the file is another"
    assert ledger.refused(*verify, "--base-model", base, "--file", "2.json") == "delta.foreign_file"
    assert ledger.refused(*verify, "--file", "absent", code=3) == "content.no_file"

    real = RpcReader.logs
    for name, lie in {
        "the first is missing": lambda logs: logs[1:],
        "the last is missing": lambda logs: logs[:-1],
        "two are swapped": lambda logs: logs[::-1],
    }.items():
        monkeypatch.setattr(RpcReader, "logs", lambda self, address, topics, lie=lie: lie(real(self, address, topics)))
        done = ledger.told(*verify, "--base-model", base, "--json")
        assert done.code == 4 and done.error["code"] == "delta.mismatch", name
        assert "DOES NOT HOLD" in ledger.told(*verify, "--base-model", base).out


# --- feedback ---


def test_a_requester_rates_an_agent(ledger: Ledger, tmp_path: Path) -> None:
    scenario = ledger.scenario
    first, second = scenario.agents[0], scenario.agents[2]
    posted = ledger.answered(first, second)
    add = ("feedback", "add", id_of(posted), "--from", REQUESTER)
    client = reputation.ReputationClient(scenario.rpc, scenario.deployment.reputation)
    assert ledger.run("feedback", "list", first.agent_id)["feedback"] == []
    assert "no feedback" in ledger.told("feedback", "list", first.agent_id).out

    assert ledger.refused(*add, "--value", 5, code=2) == "feedback.which_agent"
    assert ledger.refused(*add, "--value", 5, "--agent", 4) == "feedback.no_seat"
    assert ledger.told(*add, "--value", "many", "--json").code == 2
    assert ledger.told(*add, "--value", "nan", "--json").code == 2
    assert ledger.told(*add, "--value", "1e-19", "--json").code == 2
    assert ledger.refused(*add, "--value", "9e38", "--agent", first.agent_id, code=2) == "input.abi"
    assert ledger.refused(*add, "--value", "1e38", "--tag1", "t" * 65, "--agent", first.agent_id) == "contract.TagTooLong"
    theirs = ledger.refused("feedback", "add", id_of(posted), "--value", 5, "--agent", first.agent_id, "--from", STRANGER)
    assert theirs == "task.not_yours"
    assert client.opened(posted.task_id) == (), "what was refused left nothing behind"

    (tmp_path / "why.txt").write_bytes(b"because")
    assert ledger.told(*add, "--value", 5, "--agent", first.agent_id, "--file", "why.txt", "--json").code == 2
    more = ("--tag1", "quality", "--tag2", "maths", "--uri", "https://example.org/why.txt", "--file", "why.txt")
    done = ledger.run(*add, "--value", "-1.50", "--agent", first.agent_id, *more)
    assert (done["value"], done["decimals"], done["seat"]) == ("-1.50", 2, 0)
    assert done["digest"] == "0x" + keccak(b"because").hex()
    (entry,) = client.feedback(first.agent_id, [scenario.requester.address])
    assert (entry.value, entry.decimals, entry.tag1, entry.tag2) == (-150, 2, "quality", "maths")
    again = ledger.refused(*add, "--value", 5, "--agent", first.agent_id)
    assert again == "feedback.given"

    # Anybody may open a seat; the rating itself stays the requester's, and takes what was opened.
    receipt = {c.task_id: c.receipt for c in closed_tasks_of(ledger.reader, second.agent_id)}[posted.task_id]
    scenario.send(scenario.stranger, client.address, reputation.encode_open(receipt, 1))
    ledger.run(*add, "--value", 87, "--agent", second.agent_id)
    assert client.credits(second.agent_id, scenario.requester.address) == 0

    only = ledger.answered(first)
    told = ledger.told("feedback", "add", id_of(only)[:14], "--value", "2e1", "--from", REQUESTER)
    assert told.code == 0 and f"agent {first.agent_id} rated" in told.out
    listed = ledger.run("feedback", "list", first.agent_id)
    assert [(f["client"], f["value"], f["tag1"]) for f in listed["feedback"]] == [
        (scenario.requester.address, "-1.50", "quality"), (scenario.requester.address, "20", "")
    ]  # fmt: skip
    summary = client.summary(first.agent_id, [scenario.requester.address])
    assert listed["summary"]["count"] == summary.count == 2 and Decimal(listed["summary"]["mean"]) == summary.mean
    settled = client.summary(first.agent_id, [ledger.market.address])
    assert listed["settlements"] == {"count": settled.count, "mean": "100.00"}
    assert f"of {settled.count} settled seats 100.00 % won" in ledger.told("feedback", "list", first.agent_id).out

    scenario.send(scenario.requester, client.address, reputation.encode_revoke_feedback(first.agent_id, 1))
    assert [f["index"] for f in ledger.run("feedback", "list", first.agent_id)["feedback"]] == [2]
    everything = ledger.run("feedback", "list", first.agent_id, "--revoked")["feedback"]
    assert [(f["index"], f["revoked"]) for f in everything] == [(1, True), (2, False)]
    assert ledger.run("feedback", "list", first.agent_id, "--revoked", "--tag1", "quality")["feedback"] == everything[:1]
    nobody = ledger.run("feedback", "list", first.agent_id, "--client", "0x" + "22" * 20)
    assert nobody["feedback"] == [] and nobody["summary"] == {"count": 0, "mean": None}
    assert ledger.refused("feedback", "list", 999, code=3) == "agent.unknown"


def test_only_settled_work_is_rated(ledger: Ledger) -> None:
    scenario, agent = ledger.scenario, ledger.scenario.agents[0]
    add = ("--value", 5, "--from", REQUESTER)
    live = scenario.post(k=1)
    assert ledger.refused("feedback", "add", id_of(live), *add) == "task.not_settled"
    scenario.award(live, [scenario.sign_bid(live, agent, ETHER)], [agent])
    scenario.warp(live.task.reveal_end_s + 1)
    scenario.settle(live)
    assert ledger.refused("feedback", "add", id_of(live), *add) == "feedback.no_seat", "a seat that never revealed"
    empty = scenario.post(k=1)
    scenario.warp(empty.task.bid_end_s + 1)
    scenario.settle(empty)
    assert ledger.refused("feedback", "add", id_of(empty), *add) == "task.not_settled"
    assert ledger.refused("feedback", "add", "0x" + "12" * 32, *add, code=3) == "task.unknown"


def test_nobody_rates_itself(ledger: Ledger) -> None:
    agent = ledger.scenario.agents[3]
    posted = ledger.scenario.post(k=1, min_match_bps=0, by=agent.owner)
    bid = ledger.scenario.sign_bid(posted, agent, ETHER)
    ledger.scenario.award_by(agent.owner, posted, [bid], [agent])
    ledger.scenario.run(posted, ["42"])
    done = ledger.refused("feedback", "add", id_of(posted), "--value", 5, "--from", key_of(agent))
    assert done == "contract.SelfFeedback"


# --- all of them ---


def test_every_custom_error_is_decoded_and_has_a_hint() -> None:
    hints = error_hints()
    assert {name for name, hint in hints.items() if not hint} <= HOPELESS
    assert {"AlreadyRecorded", "StaleParent", "ReleaseExists", "NothingOpen", "WrongState"} <= set(hints)
    for contract in contracts():
        for signature in signatures(contract, "error"):
            assert signature.name in hints
            if not signature.types:
                assert contract_error(signature.hash[:4]).code == f"contract.{signature.name}"
