"""What every devnet promises alike, checked on each kind that can be started here."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from eth_account import Account
from tiny_chain import ALICE, BOB, COUNTER_INIT, COUNTER_RUNTIME, REVERT_DATA, sign, tiny_chain, word
from web3 import HTTPProvider, Web3

from symphony_chain.devnet import (
    DEVNET_ACCOUNTS,
    DEVNET_BALANCE_WEI,
    DEVNET_CHAIN_ID,
    DEVNET_MNEMONIC,
    FACTORY_ADDRESS,
    FACTORY_RUNTIME,
    Devnet,
    available_kinds,
    require_devnet,
    start_devnet,
)
from symphony_chain.devnet.binaries import find_anvil, find_node
from symphony_chain.errors import ChainUnavailable, Conflict, NotFound, RpcRevert, UsageError, WrongChain
from symphony_chain.rpc import Receipt, Rpc, wait_until

KINDS = [
    "pyevm",
    pytest.param("anvil", marks=pytest.mark.anvil),
    pytest.param("hardhat", marks=[pytest.mark.hardhat, pytest.mark.node]),
]
ROOT = Path(__file__).resolve().parents[2]


def _start(kind: str, **options: object) -> Devnet:
    if kind not in available_kinds():
        pytest.skip(f"{kind} is not installed here")
    return start_devnet(kind, **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module", params=KINDS)
def devnet(request: pytest.FixtureRequest) -> Iterator[Devnet]:
    with _start(request.param) as running:
        yield running


@pytest.fixture
def rpc(devnet: Devnet) -> Iterator[Rpc]:
    with Rpc(devnet.url) as client:
        yield client


def _mined(rpc: Rpc, tx_hash: bytes) -> Receipt:
    return wait_until(lambda: rpc.get_receipt(tx_hash), 30, what="the receipt")


def _deploy(rpc: Rpc) -> str:
    receipt = _mined(rpc, rpc.send_raw(sign(ALICE, rpc.get_nonce(ALICE.address, "pending"), None, COUNTER_INIT)))
    assert receipt.contract_address is not None
    return receipt.contract_address


def test_chain_id_accounts_and_factory(rpc: Rpc) -> None:
    assert rpc.chain_id() == DEVNET_CHAIN_ID
    assert rpc.get_code(FACTORY_ADDRESS) == FACTORY_RUNTIME
    assert require_devnet(rpc) == DEVNET_ACCOUNTS
    balances = [rpc.get_balance(address, 0) for address, _ in DEVNET_ACCOUNTS]
    assert balances == [DEVNET_BALANCE_WEI] * 10


def test_every_account_belongs_to_the_mnemonic() -> None:
    Account.enable_unaudited_hdwallet_features()
    for index, (address, key) in enumerate(DEVNET_ACCOUNTS):
        derived = Account.from_mnemonic(DEVNET_MNEMONIC, account_path=f"m/44'/60'/0'/0/{index}")
        assert (derived.address, "0x" + bytes(derived.key).hex()) == (address, key)


def test_the_head_keeps_up_with_the_wall_over_200_transactions(rpc: Rpc) -> None:
    first = rpc.get_nonce(ALICE.address, "pending")
    start = rpc.block_number()
    raws = [sign(ALICE, first + i, BOB.address, value=1, gas=21_000) for i in range(200)]
    hashes = rpc.batch([("eth_sendRawTransaction", ("0x" + raw.hex(),)) for raw in raws])
    receipts = [_mined(rpc, bytes.fromhex(tx_hash[2:])) for tx_hash in hashes]
    head = rpc.head()
    assert head.timestamp - time.time() <= 2
    assert all(receipt.status == 1 for receipt in receipts)
    assert max(receipt.block_number for receipt in receipts) - start < 100  # many transactions share a block


def test_factory_deploys_to_the_create2_address(rpc: Rpc) -> None:
    salt = os.urandom(32)
    expected = rpc.eth_call(FACTORY_ADDRESS, salt + COUNTER_INIT)
    nonce = rpc.get_nonce(ALICE.address, "pending")
    receipt = _mined(rpc, rpc.send_raw(sign(ALICE, nonce, FACTORY_ADDRESS, salt + COUNTER_INIT)))
    assert receipt.status == 1
    assert rpc.get_code("0x" + expected.hex()) == COUNTER_RUNTIME


def test_reverts_have_one_shape(rpc: Rpc) -> None:
    counter = _deploy(rpc)
    for reverting in (
        lambda: rpc.eth_call(counter, b"", sender=ALICE.address),
        lambda: rpc.estimate_gas(ALICE.address, counter, b""),
    ):
        with pytest.raises(RpcRevert) as caught:
            reverting()
        assert caught.value.data == REVERT_DATA
    failed = _mined(rpc, rpc.send_raw(sign(ALICE, rpc.get_nonce(ALICE.address, "pending"), counter)))
    assert failed.status == 0


def test_gas_and_logs_are_those_of_the_embedded_node(rpc: Rpc) -> None:
    """The same calls cost the same gas everywhere: storage set and changed, a revert, the calldata floor, a
    transfer.
    """
    tiny = tiny_chain()
    calls = [
        (None, COUNTER_INIT),
        ("counter", word(1)),
        ("counter", word(2)),
        ("counter", b""),
        (BOB.address, b"x" * 99),
    ]
    used: list[list[tuple[int, int, int]]] = []
    for client in (rpc, tiny.rpc):
        counter, rows = "", []
        for to, data in calls:
            nonce = client.get_nonce(ALICE.address, "pending")
            raw = sign(ALICE, nonce, counter if to == "counter" else to, data)
            receipt = _mined(client, client.send_raw(raw))
            counter = receipt.contract_address or counter
            rows.append((receipt.status, receipt.gas_used, len(receipt.logs)))
        used.append(rows)
    assert used[0] == used[1]


def test_logs_and_blocks(rpc: Rpc) -> None:
    counter = _deploy(rpc)
    receipt = _mined(rpc, rpc.send_raw(sign(ALICE, rpc.get_nonce(ALICE.address, "pending"), counter, word(42))))
    (log,) = rpc.get_logs(from_block=0, to_block="latest", address=counter, topics=[[word(41), word(42)]])
    assert receipt.logs == (log,)
    assert (log.data, log.topics[1]) == (word(42), bytes(12) + bytes.fromhex(ALICE.address[2:]))
    block = rpc.get_block(log.block_hash)
    assert block is not None and (block.number, block.hash) == (receipt.block_number, receipt.block_hash)
    parent = rpc.get_block(block.number - 1)
    assert parent is not None and parent.hash == block.parent_hash
    mined = rpc.get_transaction(log.tx_hash)
    assert mined is not None and (mined.sender, mined.to, mined.block_hash) == (ALICE.address, counter, block.hash)


def test_web3_works(devnet: Devnet) -> None:
    session = requests.Session()
    web3 = Web3(HTTPProvider(devnet.url, session=session))
    nonce = web3.eth.get_transaction_count(BOB.address, "pending")
    tx_hash = web3.eth.send_raw_transaction(sign(BOB, nonce, ALICE.address, value=7, gas=21_000))
    receipt = web3.eth.wait_for_transaction_receipt(tx_hash, timeout=30)
    block = web3.eth.get_block(receipt["blockNumber"], full_transactions=True)
    assert [tx["hash"] for tx in block["transactions"]] == [tx_hash]  # type: ignore[index]
    assert web3.eth.fee_history(2, "latest", [50])["baseFeePerGas"]
    assert web3.eth.estimate_gas({"from": BOB.address, "to": ALICE.address, "value": 1}) >= 21_000
    session.close()


# ethers answers a repeated question from its memory for 250 ms, even for a nonce: too long where blocks come at once.
ETHERS = """
import { ethers } from "ethers";
const options = { polling: true, pollingInterval: 200, cacheTimeout: -1 };
const provider = new ethers.JsonRpcProvider(process.argv[1], undefined, options);
const wallet = new ethers.Wallet(process.argv[2], provider);
const sent = await wallet.sendTransaction({ to: process.argv[3], value: 9n });
const receipt = await sent.wait();
const block = await provider.getBlock(receipt.blockNumber, true);
let revert = "none";
const code = "0x" + process.argv[4];
try { await provider.call({ data: "0x63deadbeef60e01b60005260046000fd" }); } catch (error) { revert = error.data; }
const factory = new ethers.ContractFactory([], code, wallet);
const contract = await (await factory.deploy()).waitForDeployment();
const runtime = await provider.getCode(await contract.getAddress());
console.log(JSON.stringify({ status: receipt.status, same: block.getPrefetchedTransaction(sent.hash).hash === sent.hash,
  revert, runtime }));
provider.destroy();
"""


@pytest.mark.node
def test_ethers_works(devnet: Devnet) -> None:
    node = find_node()
    if node is None or not (ROOT / "node_modules" / "ethers").exists():
        pytest.skip("Node 22 or npm ethers is not installed here")
    command = [node, "--input-type=module", "-e", ETHERS, devnet.url, DEVNET_ACCOUNTS[5][1], BOB.address]
    done = subprocess.run([*command, COUNTER_INIT.hex()], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "status": 1,
        "same": True,
        "revert": "0x" + REVERT_DATA.hex(),
        "runtime": "0x" + COUNTER_RUNTIME.hex(),
    }


@pytest.mark.parametrize("kind", KINDS)
def test_every_start_is_a_new_chain_and_a_killed_one_is_unreachable(kind: str) -> None:
    genesis = 1_800_000_000
    with _start(kind, genesis_time=genesis) as one, _start(kind, genesis_time=genesis) as two:
        with Rpc(one.url) as first, Rpc(two.url) as second:
            assert first.get_block(0).timestamp == second.get_block(0).timestamp == genesis  # type: ignore[union-attr]
            assert first.genesis_hash() != second.genesis_hash()
            os.kill(two.pid, signal.SIGKILL)
            wait_until(lambda: not two.running(), 30)
            with pytest.raises(ChainUnavailable) as caught:
                second.chain_id()
            assert caught.value.code == "chain.unreachable" and two.url in caught.value.hint
            with pytest.raises(Conflict) as taken:
                start_devnet(kind, port=int(one.url.rsplit(":", 1)[1]))  # type: ignore[arg-type]
            assert taken.value.code == "devnet.port_taken" and taken.value.hint


PARENT = """
import sys, threading
from symphony_chain.devnet import start_devnet
started = []
# From a thread that ends: the devnet must outlive it, and end with the process.
thread = threading.Thread(target=lambda: started.append(start_devnet(sys.argv[1])))
thread.start(); thread.join()
print(started[0].pid, started[0].url, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_parent_leaves_no_orphan(kind: str, tmp_path: Path) -> None:
    if kind not in available_kinds():
        pytest.skip(f"{kind} is not installed here")
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, kind],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(tmp_path)},  # a killed parent cannot remove its scratch folder
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        pid, url = parent.stdout.readline().split()
        with Rpc(url) as rpc:
            head = rpc.block_number()
            wait_until(lambda: rpc.block_number() > head, 30, what="a block after the starting thread ended")
            parent.kill()
            parent.wait()
            wait_until(lambda: not _alive(int(pid)), 30, what="the end of the devnet")


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_missing_programs_and_bad_options_are_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shim = tmp_path / "anvil"
    shim.write_text("#!/usr/bin/env node\n")
    shim.chmod(0o755)
    monkeypatch.setenv("SYMPHONY_ANVIL", str(shim))
    assert find_anvil() is None  # a script, not the native binary
    with pytest.raises(NotFound) as missing:
        start_devnet("anvil")
    assert missing.value.code == "devnet.missing" and "pyevm" in missing.value.hint
    with pytest.raises(UsageError, match="no devnet 'geth'"):
        start_devnet("geth")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="block time"):
        start_devnet("pyevm", block_time_s=-1)


def test_devnet_keys_are_refused_elsewhere() -> None:
    with Rpc("http://203.0.113.1:8545") as rpc, pytest.raises(WrongChain, match="not on this machine"):
        require_devnet(rpc)


def test_stopping_twice_is_fine_and_the_log_folder_is_kept(tmp_path: Path) -> None:
    devnet = start_devnet("pyevm", data_dir=tmp_path / "net", block_time_s=0)
    devnet.stop()
    devnet.stop()
    assert not devnet.running() and devnet.log.exists()
