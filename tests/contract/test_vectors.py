"""The vectors: Python generates them, the contracts' bytecode and a JavaScript wallet library reproduce them."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import Any

import pytest
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from symphony_chain import market, signing
from symphony_chain.abi import MARKET, REGISTRY, decode_output, encode
from symphony_chain.deploy import initcode
from symphony_chain.registry import encode_register
from symphony_chain.types import (
    NATIVE,
    SOLIDITY_NAMES,
    ZERO_ADDRESS,
    Bid,
    SeatAward,
    SeatResult,
    Task,
    receipt_digest,
)
from tests.contract.evm import Deployed, Evm, deployed_code, market_code
from tests.contract.tools import ETHERS, ROOT, need, node, run

VECTORS, WORDS = (json.loads((ROOT / "tests" / "vectors" / f"{name}.json").read_text()) for name in ("eip712", "words"))
SENDER = to_checksum_address("0x" + "33" * 20)


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def _messages(kind: str) -> list[dict[str, Any]]:
    return [entry for entry in VECTORS["messages"] if entry["typedData"]["primaryType"] == kind]


@pytest.fixture
def chain() -> Deployed:
    """Registry and market at the vectors' addresses; the signer owns agents 1…11 (7 can pay a bond), and has a balance."""
    evm = Evm.new([SENDER, VECTORS["signer"]])
    registry = evm.create(SENDER, initcode(REGISTRY), at=VECTORS["registry"])
    market_address = evm.create(SENDER, market_code(registry, ZERO_ADDRESS), at=VECTORS["market"])
    chain = Deployed(evm, registry, ZERO_ADDRESS, market_address)
    for _ in range(11):
        evm.send(VECTORS["signer"], registry, encode_register(bytes(32), keccak(text="page"), 10_000))
    evm.send(SENDER, chain.market, market.encode_deposit(VECTORS["signer"], 10**20), 10**20)
    evm.send(SENDER, chain.market, market.encode_fund_agent(7, 100), 100)
    return chain


def _task(message: dict[str, Any]) -> Task:
    return Task.from_json({**message, "requirement": hex(int(message["requirement"]))})


def _words(entry: dict[str, Any]) -> tuple[Any, ...]:
    """A vector's ten words as the ABI takes them."""
    digests = {5, 7, 8, 9}
    return tuple(_bytes(w) if i in digests else int(w, 16) for i, w in enumerate(entry["words"]))


def test_the_generator_still_gives_these_bytes() -> None:
    done = run([sys.executable, ROOT / "scripts" / "make_vectors.py", "--check"], PYTHONPATH=str(ROOT))
    assert done.returncode == 0, done.stderr


def test_every_message_type_has_a_vector() -> None:
    assert {entry["typedData"]["primaryType"] for entry in VECTORS["messages"]} == set(signing.TYPES)


def test_the_contracts_know_the_very_types_that_we_sign() -> None:
    for kind, fields in signing.TYPES.items():
        text = ",".join(f"{field['type']} {field['name']}" for field in fields)
        assert keccak(text=f"{kind}({text})") in deployed_code(REGISTRY if kind == "AgentWalletSet" else MARKET), kind


def test_fields_words_and_task_id_are_one(chain: Deployed) -> None:
    """Named fields, ten words and the id, from any of them to the others, in Python and in the contract."""
    domain = signing.Domain(VECTORS["chainId"], VECTORS["market"], VECTORS["registry"])
    for entry in WORDS["tasks"]:
        task, words, task_id = _task(entry["fields"]), _words(entry), _bytes(entry["taskId"])
        assert task.words() == words
        assert Task.from_words(words) == task
        assert signing.task_id(domain, task) == task_id
        assert chain.read("taskIdOf", words) == task_id
        assert task.escrow_wei == int(entry["escrow"])
    assert len(WORDS["tasks"]) == 3


def test_the_contract_names_a_signed_task_by_its_digest(chain: Deployed) -> None:
    for entry in _messages("Task"):
        task = _task(entry["typedData"]["message"])
        assert [str(v) for v in task.as_json()] == list(SOLIDITY_NAMES)
        assert chain.read("taskIdOf", task.words()) == _bytes(entry["digest"])


def test_every_field_has_its_own_bits(chain: Deployed) -> None:
    """One bit of one field changes the id in the contract as it does in Python."""
    domain = signing.Domain(VECTORS["chainId"], VECTORS["market"], VECTORS["registry"])
    task = _task(WORDS["tasks"][1]["fields"])
    ids = {signing.task_id(domain, task)}
    for name, value in zip(Task.__slots__, task.as_tuple(), strict=True):
        changed: Any
        if isinstance(value, bool):
            changed = not value
        elif isinstance(value, int):
            changed = value ^ 1
        elif isinstance(value, bytes):
            changed = bytes([value[0] ^ 1]) + value[1:]
        else:
            changed = to_checksum_address(f"0x{int(value, 16) ^ 1:040x}")
        other = replace(task, **{name: changed})
        task_id = signing.task_id(domain, other)
        assert chain.read("taskIdOf", other.words()) == task_id, name
        ids.add(task_id)
    assert len(ids) == 1 + len(SOLIDITY_NAMES) == 25


def test_bids_awards_and_receipts_in_words() -> None:
    for case in WORDS["bids"]:
        bid = Bid(*(int(case[name]) for name in ("agentId", "price", "confidenceBps", "expiry")))
        assert bid.terms == int(case["terms"], 16)
        assert Bid.from_words(bid.terms, b"") == bid
    for seat, case in enumerate(WORDS["awards"]):
        award = SeatAward(seat, case["agentId"], case["wallet"], case["weight"])
        assert award.word() == int(case["word"], 16)
        assert SeatAward.from_word(seat, award.word()) == award
    for case in WORDS["receipts"]:
        results = tuple(
            SeatResult(
                i, r["agentId"], r["scoreBps"], r["weight"], int(r["pay"]), r["revealed"], r["scored"], r["won"],
                int(r["words"][1], 16),
            )
            for i, r in enumerate(case["results"])
        )  # fmt: skip
        for result, given in zip(results, case["results"], strict=True):
            assert result.words() == tuple(int(word, 16) for word in given["words"])
            assert SeatResult.from_words(result.seat, *result.words()) == result
        assert receipt_digest(_bytes(case["winner"]), results) == _bytes(case["digest"])


def test_plan_evidence() -> None:
    for case in VECTORS["plans"]:
        children = [_bytes(child) for child in case["children"]]
        assert signing.plan_evidence(_bytes(case["traceDigest"]), children) == _bytes(case["evidenceDigest"])


def test_the_contract_takes_the_signatures(chain: Deployed) -> None:
    """Post, hire, bid, award and cancel with the vectors' own signatures: accepted only if both compute one digest."""
    chain.evm.at(1_800_000_050)
    task_entry = _messages("Task")[0]
    task = _task(task_entry["typedData"]["message"])
    task_id = _bytes(task_entry["digest"])
    bids = [
        Bid.from_words(int(case["terms"], 16), _bytes(entry["signature"]))
        for case, entry in zip(WORDS["bids"], _messages("Bid"), strict=True)
    ]

    def send(data: bytes) -> Any:
        return chain.evm.send(SENDER, chain.market, data)

    def must(data: bytes) -> None:
        outcome = send(data)
        assert outcome.ok, outcome.error

    # Of the three bids one can be seated: the second is too dear, the third is expired.
    few = ("TooFewSeats", {"seated": 1, "minSeats": 2})
    assert send(market.encode_hire(task, bids, _bytes(_messages("Hire")[0]["signature"]))).error == few
    must(market.encode_post(task, _bytes(task_entry["signature"])))
    must(market.encode_bid(task_id, bids[0]))
    assert send(market.encode_award(task, bids, _bytes(_messages("Award")[0]["signature"]))).error == few
    must(market.encode_cancel(task, _bytes(_messages("Cancel")[0]["signature"])))


def test_python_recovers_the_signer_of_every_vector() -> None:
    domain = signing.Domain(VECTORS["chainId"], VECTORS["market"], VECTORS["registry"])
    for entry in VECTORS["messages"]:
        kind, message = entry["typedData"]["primaryType"], entry["typedData"]["message"]
        typed = {
            field["name"]: _typed(field["type"], message[field["name"]]) for field in signing.TYPES[kind]
        }
        assert signing.recover(domain, kind, typed, _bytes(entry["signature"])) == VECTORS["signer"]


def _typed(kind: str, value: Any) -> Any:
    if kind.endswith("[]"):
        return [_typed(kind[:-2], item) for item in value]
    return int(value) if kind.startswith("uint") else _bytes(value) if kind.startswith("bytes") else value


@pytest.mark.node
def test_javascript_reproduces_all_vectors() -> None:
    need(ETHERS)
    done = run([node(), ROOT / "tests" / "js" / "symphony_vectors.mjs", ROOT / "tests" / "vectors"])
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["checked"] > 450


@pytest.mark.node
def test_javascript_notices_a_wrong_vector(tmp_path: Any) -> None:
    need(ETHERS)
    for name in ("eip712", "words", "tally"):
        text = (ROOT / "tests" / "vectors" / f"{name}.json").read_text()
        (tmp_path / f"{name}.json").write_text(text.replace('"weight": 1,', '"weight": 2,'))
    done = run([node(), ROOT / "tests" / "js" / "symphony_vectors.mjs", tmp_path])
    assert done.returncode == 1


def test_dirty_calldata_cannot_be_posted(chain: Deployed) -> None:
    """Bits that belong to no field name a task that nobody can post, and change the id of none that can be."""
    chain.evm.at(1_800_000_050)
    task = _task(_messages("Task")[0]["typedData"]["message"])
    words = list(task.words())
    for bit in range(144, 256):
        dirty = [*words[:4], words[4] | 1 << bit, *words[5:]]
        outcome = chain.evm.send(VECTORS["signer"], chain.market, encode(MARKET, "post", dirty, b""))
        assert outcome.error is not None
        assert outcome.error[1]["name"].rstrip(b"\0") == b"times"
        assert chain.read("taskIdOf", dirty) == chain.read("taskIdOf", words)
    assert chain.evm.send(VECTORS["signer"], chain.market, encode(MARKET, "post", words, b"")).ok
    nobody = chain.evm.call(chain.market, encode(MARKET, "balanceOf", ZERO_ADDRESS, NATIVE))
    assert decode_output(MARKET, "balanceOf", nobody) == (0,)
