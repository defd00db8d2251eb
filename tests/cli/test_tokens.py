"""A person who pays in an ERC-20: deposited as needed, escrowed once, the rest taken home; and what is refused first."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from eth_abi import abi as eth_abi
from eth_utils.crypto import keccak

from symphony_chain.devnet import start_devnet
from symphony_chain.erc20 import Erc20, encode_approve
from symphony_chain.errors import NotFound
from symphony_chain.keys import Keystore
from symphony_chain.market import MarketClient
from symphony_chain.rpc import Rpc
from symphony_chain.tx import TxSender
from symphony_chain.tx_journal import TxJournal
from tests.cli.conftest import invoke
from tests.cli.test_task_post import PASSWORD, Person
from tests.indexer.scenario import ETHER, Scenario

TASK = {"prompt": "1 + 1 =", "answer_format": "integer", "skills": {"text2sql": 10_000}, "k": 2, "ceiling": 300}
HELD = 1_000


@pytest.fixture(scope="module")
def payer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Person, Erc20]]:
    """Alice with coins for gas, and `HELD` units of a token."""
    folder = tmp_path_factory.mktemp("payer")
    with start_devnet("pyevm", block_time_s=0.2) as node, Rpc(node.url) as rpc:
        scenario = Scenario.start(rpc, folder)
        scenario.deployment.save(folder / "deployment.json")
        key = Keystore(folder / "keys").create("alice", PASSWORD, kdf="pbkdf2", work=10)
        (folder / "password").write_text(PASSWORD + "\n")
        scenario.send(scenario.requester, key.address, b"", ETHER)
        token = scenario.create("PlainToken")
        mint = keccak(text="mint(address,uint256)")[:4] + eth_abi.encode(["address", "uint256"], [key.address, HELD])
        scenario.send(scenario.requester, token, mint)
        (folder / "task.json").write_text(json.dumps(TASK | {"token": token}))
        yield Person(scenario, rpc, node.url, folder, key.address), Erc20(rpc, token)


def test_a_task_in_a_token(payer: tuple[Person, Erc20]) -> None:
    """Posting deposits what is missing; the same key again moves nothing; a cancelled escrow comes home."""
    person, token = payer
    books = MarketClient(person.rpc, person.scenario.deployment.market)
    post = ("task", "post", person.folder / "task.json", "--no-wait", "--yes", "--json", *person.options)
    first = invoke(*post, "--key", "once")
    assert first.code == 0 and first.json["escrow_wei"] == "600", first.out
    assert (token.balance(person.address), books.balance(person.address, token.address)) == (400, 0)
    again = invoke(*post, "--key", "once")
    assert again.code == 0 and again.json["task_id"] == first.json["task_id"]
    assert token.balance(person.address) == 400, "nothing is deposited for a task that is posted"

    dear = invoke(*post, "--key", "more")
    assert (dear.code, dear.error["code"]) == (4, "tx.too_few_tokens") and "200 units" in dear.error["hint"]
    assert token.balance(person.address) == 400

    task_id = first.json["task_id"]
    told = f"600 units of {token.address}"
    for command in (("task", "show", task_id), ("task", "list"), ("vote", "verify", task_id)):
        assert told in invoke(*command, *person.chain).out
    cancelled = invoke("task", "cancel", task_id, "--yes", *person.options)
    assert cancelled.code == 0 and told in cancelled.out
    assert f"symphony withdraw --token {token.address}" in cancelled.out + cancelled.err
    assert books.balance(person.address, token.address) == 600
    second = invoke(*post, "--key", "other", "--ceiling", "350 units")
    assert second.code == 0, second.out
    assert token.balance(person.address) == 300, "600 were there, 100 were missing"
    assert invoke("task", "cancel", second.json["task_id"], "--yes", "--json", *person.options).code == 0

    withdraw = ("withdraw", "--token", token.address, "--yes", "--json", *person.options)
    too_much = invoke(*withdraw, "--amount", "701")
    assert (too_much.code, too_much.error["code"]) == (4, "withdraw.too_much")
    part, rest = invoke(*withdraw, "--amount", "1_00 units"), invoke(*withdraw)
    assert (part.json["amount_wei"], part.json["left_wei"], rest.json["amount_wei"]) == ("100", "600", "600")
    assert part.json["token"] == token.address and token.balance(person.address) == HELD
    nothing = invoke(*withdraw)
    assert nothing.error["code"] == "withdraw.nothing" and token.address in nothing.error["message"]


@pytest.mark.parametrize(
    ("changes", "code", "exit_code"),
    [
        ({"token": "0x12"}, "task.address", 2),
        ({"token": "0x" + "12" * 20}, "token.none", 3),
        ({"ceiling": "0.5 ether"}, "task.field", 2),
        ({"ceiling": None}, "task.field", 2),
        ({"bond": "1.5"}, "task.field", 2),
        ({"evaluation_fee": -1}, "task.field", 2),
        ({"quorum_bps": 20_000}, "contract.ParameterOutOfRange", 4),
        ({"bid_window": "1s"}, "contract.ParameterOutOfRange", 4),
        ({"evaluation_fee": 10}, "contract.ParameterOutOfRange", 4),
    ],
    ids=str,
)
def test_what_is_refused(
    payer: tuple[Person, Erc20], tmp_path: Path, changes: dict[str, object], code: str, exit_code: int
) -> None:
    person, token = payer
    fields = {name: value for name, value in ({**TASK, "token": token.address} | changes).items() if value is not None}
    (tmp_path / "bad.json").write_text(json.dumps(fields))
    before = person.rpc.get_nonce(person.address, "latest")
    done = invoke("task", "post", "bad.json", "--no-wait", "--yes", "--json", *person.options)
    assert (done.code, done.error["code"]) == (exit_code, code), done.out
    assert person.rpc.get_nonce(person.address, "latest") == before, "nothing was sent"


def test_an_address_that_is_no_token(payer: tuple[Person, Erc20]) -> None:
    person, _ = payer
    with pytest.raises(NotFound, match="does not answer as a token"):
        Erc20(person.rpc, person.scenario.deployment.registry).allowance(person.address, person.address)


@pytest.mark.parametrize(
    ("option", "value"), [("--pool-epoch", "0s"), ("--pool-epoch", "366d"), ("--min-window", "0"), ("--pool-delay", "10001")]
)
def test_terms_that_no_contract_takes(payer: tuple[Person, Erc20], option: str, value: str) -> None:
    """Said before the first contract is deployed."""
    person, _ = payer
    before = person.rpc.get_nonce(person.address, "latest")
    done = invoke("chain", "deploy", option, value, "--json", *person.options)
    assert done.code == 2 and done.error["code"] in ("usage", "deploy.terms"), done.out
    assert person.rpc.get_nonce(person.address, "latest") == before


def test_an_empty_file_is_no_release(payer: tuple[Person, Erc20], tmp_path: Path) -> None:
    person, _ = payer
    (tmp_path / "empty").write_bytes(b"")
    done = invoke("release", "publish", "n", "1", "empty", "--kind", "toolchain", "--json", *person.options)
    assert (done.code, done.error["code"]) == (2, "content.empty")


def test_an_allowance_that_is_left_over_is_taken_back_first(payer: tuple[Person, Erc20]) -> None:
    """Some tokens refuse to change an allowance that is not zero."""
    person, token = payer
    market = person.scenario.deployment.market
    key = Keystore(person.folder / "keys").unlock("alice", PASSWORD)
    with TxJournal(person.folder / "approve.sqlite") as journal:
        sender = TxSender(person.rpc, key, journal)
        sender.send(token.address, encode_approve(market, 7), idempotency_key="left over").expect_mined()
    assert token.allowance(person.address, market) == 7
    before = person.rpc.get_nonce(person.address, "latest")
    post = ("task", "post", person.folder / "task.json", "--no-wait", "--yes", "--json", *person.options)
    done = invoke(*post, "--key", "after")
    assert done.code == 0 and token.allowance(person.address, market) == 0
    sent = person.rpc.get_nonce(person.address, "latest") - before
    assert sent == 4, "back to nothing, the amount, the deposit, the task"
    assert invoke("task", "cancel", done.json["task_id"], "--yes", "--json", *person.options).code == 0
