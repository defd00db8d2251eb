"""The EIP-712 vectors: Python generates them, the contracts' bytecode and a JavaScript wallet library reproduce them."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from symphony_chain import market, signing
from symphony_chain.abi import MARKET, REGISTRY, decode_output, encode
from symphony_chain.deploy import initcode
from symphony_chain.registry import encode_register
from symphony_chain.types import NATIVE, SOLIDITY_NAMES, ZERO_ADDRESS, Bid, Task
from tests.contract.evm import Deployed, Evm
from tests.contract.tools import ETHERS, ROOT, need, node, run

VECTORS = json.loads((ROOT / "tests" / "vectors" / "eip712.json").read_text())
SENDER = to_checksum_address("0x" + "33" * 20)


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def _messages(kind: str) -> list[dict[str, Any]]:
    return [entry for entry in VECTORS["messages"] if entry["typedData"]["primaryType"] == kind]


@pytest.fixture
def chain() -> Deployed:
    """Both contracts at the vectors' addresses; the signer owns agents 1…11 and is rich inside the market."""
    evm = Evm.new([SENDER, VECTORS["signer"]])
    registry = evm.create(SENDER, initcode(REGISTRY), at=VECTORS["registry"])
    code = initcode(MARKET, ["address", "uint256"], [registry, 5])
    chain = Deployed(evm, registry, evm.create(SENDER, code, at=VECTORS["market"]))
    for _ in range(11):
        evm.send(VECTORS["signer"], registry, encode_register(bytes(32), bytes(32), 10_000))
    evm.send(SENDER, chain.market, market.encode_deposit(VECTORS["signer"]), 10**20)
    return chain


def _task(message: dict[str, Any]) -> Task:
    return Task.from_json({**message, "requirement": hex(int(message["requirement"]))})


def test_the_generator_still_gives_these_bytes() -> None:
    done = run([sys.executable, ROOT / "scripts" / "make_vectors.py", "--check"], PYTHONPATH=str(ROOT))
    assert done.returncode == 0, done.stderr


def test_every_message_type_has_a_vector() -> None:
    assert {entry["typedData"]["primaryType"] for entry in VECTORS["messages"]} == set(signing.TYPES)


def test_the_type_hashes_of_the_contract(chain: Deployed) -> None:
    kinds = ("Task", "Bid", "Award", "Commit", "Cancel", "Claim", "Withdraw")
    for kind in kinds:
        fields = ",".join(f"{field['type']} {field['name']}" for field in signing.TYPES[kind])
        assert chain.read(f"{kind.upper()}_TYPEHASH") == keccak(text=f"{kind}({fields})")


def test_the_contract_names_a_task_by_its_digest(chain: Deployed) -> None:
    for entry in _messages("Task"):
        task = _task(entry["typedData"]["message"])
        assert [str(v) for v in task.as_json()] == list(SOLIDITY_NAMES)
        assert chain.read("taskIdOf", task.as_tuple()) == _bytes(entry["digest"])


def test_the_contract_opens_commitments_alike(chain: Deployed) -> None:
    for case in VECTORS["commitments"]:
        parts = [_bytes(case[name]) for name in ("answerDigest", "evidenceDigest", "salt")]
        assert chain.read("commitmentOf", _bytes(case["taskId"]), case["agentId"], *parts) == _bytes(
            case["commitment"]
        )


def test_the_contract_takes_the_signatures(chain: Deployed) -> None:
    """Post, bid, award, commit and cancel with the vectors' own signatures: accepted only if both compute one digest."""
    chain.evm.at(1_800_000_050)
    task_entry = _messages("Task")[0]
    task = _task(task_entry["typedData"]["message"])
    task_id = _bytes(task_entry["digest"])

    def must(data: bytes) -> None:
        outcome = chain.evm.send(SENDER, chain.market, data)
        assert outcome.ok, outcome.error

    must(market.encode_post(task, _bytes(task_entry["signature"])))
    entry = _messages("Bid")[0]
    values = entry["typedData"]["message"]
    bid = Bid(
        7,
        int(values["price"]),
        int(values["confidenceBps"]),
        int(values["expiry"]),
        _bytes(entry["signature"]),
    )
    must(market.encode_bid(task_id, bid))
    # The award vector names agents 7, 3 and 11; nobody seats them, but its signature is read first.
    entry = _messages("Award")[0]
    values = entry["typedData"]["message"]
    bids = [
        Bid(int(agent), int(price), 0, 0)
        for agent, price in zip(values["agentIds"], values["prices"], strict=True)
    ]
    outcome = chain.evm.send(
        SENDER, chain.market, market.encode_award(task, bids, _bytes(entry["signature"]))
    )
    assert outcome.error == ("TooFewSeats", {"seated": 0, "minSeats": 2})
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
    assert json.loads(done.stdout)["checked"] > 400


@pytest.mark.node
def test_javascript_notices_a_wrong_vector(tmp_path: Any) -> None:
    need(ETHERS)
    for name in ("eip712", "tally"):
        text = (ROOT / "tests" / "vectors" / f"{name}.json").read_text()
        (tmp_path / f"{name}.json").write_text(text.replace('"weight": 1,', '"weight": 2,'))
    done = run([node(), ROOT / "tests" / "js" / "symphony_vectors.mjs", tmp_path])
    assert done.returncode == 1


def test_dirty_calldata_cannot_be_posted(chain: Deployed) -> None:
    """taskIdOf hashes calldata as it lies; post must still refuse a field with bits above its type."""
    chain.evm.at(1_800_000_050)
    task = _task(_messages("Task")[0]["typedData"]["message"])
    clean = encode(MARKET, "post", (VECTORS["signer"], *task.as_tuple()[1:]), b"")
    widths = {"address": 160, "uint96": 96, "uint16": 16, "uint8": 8, "uint40": 40, "uint32": 32}
    for index, kind in enumerate(signing.TASK_TYPES):
        if kind in widths:
            dirty = bytearray(clean)
            dirty[4 + 32 * index + 31 - widths[kind] // 8] |= 1
            assert not chain.evm.send(VECTORS["signer"], chain.market, bytes(dirty)).ok, SOLIDITY_NAMES[index]
    assert chain.evm.send(VECTORS["signer"], chain.market, clean).ok
    assert decode_output(
        MARKET, "balanceOf", chain.evm.call(chain.market, encode(MARKET, "balanceOf", ZERO_ADDRESS, NATIVE))
    ) == (0,)
