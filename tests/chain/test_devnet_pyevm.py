"""The embedded node, in process: blocks, pool rules, calls, logs, time, snapshots, reorgs, HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import orjson
import pytest
import rlp
from eth_account import Account
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from tiny_chain import ALICE, BOB, COUNTER_RUNTIME, GWEI, REVERT_DATA, TinyChain, sign, tiny_chain, word

from symphony_chain.devnet.factory import (
    FACTORY_ADDRESS,
    FACTORY_COST_WEI,
    FACTORY_RAW_TX,
    FACTORY_RUNTIME,
    FACTORY_SIGNER,
    ensure_factory,
)
from symphony_chain.devnet.pyevm.evm import CallTx
from symphony_chain.devnet.pyevm.server import RpcServer
from symphony_chain.errors import Conflict, RpcError, RpcRevert
from symphony_chain.rpc import Rpc


def test_many_transactions_share_a_block_and_run_once() -> None:
    chain = tiny_chain(block_time_s=1)
    counter = chain.deploy_counter()
    hashes = [chain.rpc.send_raw(sign(ALICE, 1 + i, counter, word(7))) for i in range(20)]
    hashes += [chain.rpc.send_raw(sign(BOB, i, counter, word(8))) for i in range(20)]
    chain.node.mine()
    receipts = [chain.rpc.get_receipt(tx_hash) for tx_hash in hashes]
    assert all(receipt is not None and receipt.status == 1 and receipt.block_number == 2 for receipt in receipts)
    assert chain.rpc.get_storage_at(counter, 0) == word(40)
    block = chain.rpc.call("eth_getBlockByNumber", "latest", True)
    assert [int(tx["transactionIndex"], 16) for tx in block["transactions"]] == list(range(40))
    raw_receipts = chain.rpc.call("eth_getBlockReceipts", "latest")
    assert int(raw_receipts[-1]["cumulativeGasUsed"], 16) == int(block["gasUsed"], 16)
    assert sum(int(receipt["gasUsed"], 16) for receipt in raw_receipts) == int(block["gasUsed"], 16)
    indexes = [log.log_index for log in chain.rpc.get_logs(from_block=2, to_block=2)]
    assert indexes == list(range(40))


def test_balances_add_up_to_fees_paid() -> None:
    chain = tiny_chain()
    before = chain.rpc.get_balance(ALICE.address)
    receipt = chain.rpc.get_receipt(chain.rpc.send_raw(sign(ALICE, 0, BOB.address, value=5, gas=21_000)))
    assert receipt is not None and receipt.gas_used == 21_000
    assert chain.rpc.get_balance(ALICE.address) == before - 5 - 21_000 * receipt.effective_gas_price_wei


def test_calldata_floor_is_charged() -> None:
    chain = tiny_chain()
    receipt = chain.rpc.get_receipt(chain.rpc.send_raw(sign(ALICE, 0, BOB.address, b"\x01" * 1000)))
    assert receipt is not None and receipt.gas_used == 21_000 + 10 * 4 * 1000  # EIP-7623


def test_headers_hash_to_their_own_fields() -> None:
    chain = tiny_chain()
    chain.deploy_counter()
    raw = chain.rpc.call("eth_getBlockByNumber", "latest", False)
    names = "parentHash sha3Uncles miner stateRoot transactionsRoot receiptsRoot logsBloom".split()
    numbers = "difficulty number gasLimit gasUsed timestamp".split()
    after = "withdrawalsRoot".split()
    fields = [bytes.fromhex(raw[name][2:]) for name in names] + [int(raw[name], 16) for name in numbers]
    fields += [bytes.fromhex(raw[name][2:]) for name in ("extraData", "mixHash", "nonce")]
    fields += [int(raw["baseFeePerGas"], 16)] + [bytes.fromhex(raw[name][2:]) for name in after]
    fields += [int(raw[name], 16) for name in ("blobGasUsed", "excessBlobGas")]
    fields += [bytes.fromhex(raw[name][2:]) for name in ("parentBeaconBlockRoot", "requestsHash")]
    assert keccak(rlp.encode(fields)).hex() == raw["hash"][2:]


def test_base_fee_follows_eip_1559() -> None:
    chain = tiny_chain(block_time_s=1)
    first = chain.node.mine()
    assert first.header.base_fee_per_gas == GWEI * 7 // 8  # the genesis block was empty


def test_nonce_gaps_wait_and_pending_counts_only_runs() -> None:
    chain = tiny_chain(block_time_s=1)
    chain.rpc.send_raw(sign(ALICE, 1, BOB.address))
    assert chain.rpc.get_nonce(ALICE.address, "pending") == 0
    assert chain.node.mine().txs == []
    chain.rpc.send_raw(sign(ALICE, 0, BOB.address))
    assert chain.rpc.get_nonce(ALICE.address, "pending") == 2
    assert chain.rpc.get_nonce(ALICE.address) == 0
    assert [tx["nonce"] for tx in chain.node.mine().txs] == ["0x0", "0x1"]


def test_automine_mines_a_filled_gap_in_one_block() -> None:
    chain = tiny_chain()
    chain.rpc.send_raw(sign(ALICE, 1, BOB.address))
    assert chain.rpc.block_number() == 0
    chain.rpc.send_raw(sign(ALICE, 0, BOB.address))
    assert (chain.rpc.block_number(), chain.rpc.get_nonce(ALICE.address)) == (1, 2)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "nonce too low"),
        ({"chainId": 1}, "invalid chain id"),
        ({"value": 10**30}, "insufficient funds"),
        ({"gas": 20_999}, "intrinsic gas too low"),
        ({"gas": 40_000_000}, "exceeds block gas limit"),
        ({"maxPriorityFeePerGas": 11 * GWEI}, "priority fee"),
    ],
)
def test_unminable_transactions_are_refused(fields: dict[str, int], words: str) -> None:
    chain = tiny_chain()
    chain.rpc.send_raw(sign(ALICE, 0, BOB.address))
    with pytest.raises(RpcError, match=words):
        chain.rpc.send_raw(sign(ALICE, 1 if fields else 0, BOB.address, b"x", **fields))
    assert chain.rpc.block_number() == 1


def test_replacement_needs_a_higher_fee() -> None:
    chain = tiny_chain(block_time_s=1)
    first = sign(ALICE, 0, BOB.address, value=1)
    chain.rpc.send_raw(first)
    with pytest.raises(RpcError, match="already known"):
        chain.rpc.send_raw(first)
    with pytest.raises(RpcError, match="underpriced"):
        chain.rpc.send_raw(sign(ALICE, 0, BOB.address, value=2))
    winner = chain.rpc.send_raw(sign(ALICE, 0, BOB.address, value=2, maxFeePerGas=11 * GWEI))
    assert [tx["hash"] for tx in chain.node.mine().txs] == ["0x" + winner.hex()]
    with pytest.raises(RpcError, match="already known"):
        chain.rpc.send_raw(sign(ALICE, 0, BOB.address, value=2, maxFeePerGas=11 * GWEI))


def test_cheap_transactions_wait_for_a_lower_base_fee() -> None:
    chain = tiny_chain(block_time_s=1)
    chain.rpc.send_raw(sign(ALICE, 0, BOB.address, maxFeePerGas=GWEI // 2, maxPriorityFeePerGas=0))
    mined = [len(chain.node.mine().txs) for _ in range(8)]
    assert mined[0] == 0 and sum(mined) == 1


def test_a_full_block_leaves_the_rest_waiting() -> None:
    chain = tiny_chain(block_time_s=1)
    for nonce in range(4):
        chain.rpc.send_raw(sign(ALICE, nonce, BOB.address, gas=10_000_000))
    # Gas limits 10M each: a fourth fits only because the first three used little of theirs.
    assert len(chain.node.mine().txs) == 4
    chain.rpc.send_raw(sign(ALICE, 4, BOB.address, gas=29_990_000))
    chain.rpc.send_raw(sign(ALICE, 5, BOB.address, gas=29_990_000))
    assert [len(chain.node.mine().txs), len(chain.node.mine().txs)] == [1, 1]


def test_a_sender_who_spent_the_balance_elsewhere_is_dropped() -> None:
    chain = tiny_chain(block_time_s=1)
    half = chain.rpc.get_balance(ALICE.address) * 6 // 10
    chain.rpc.send_raw(sign(ALICE, 0, BOB.address, value=half))
    lost = chain.rpc.send_raw(sign(ALICE, 1, BOB.address, value=half))
    assert len(chain.node.mine().txs) == 1
    assert chain.rpc.get_transaction(lost) is None


def test_failed_transactions_are_mined_with_status_0() -> None:
    chain = tiny_chain()
    counter = chain.deploy_counter()
    receipt = chain.rpc.get_receipt(chain.rpc.send_raw(sign(ALICE, 1, counter)))
    assert receipt is not None and (receipt.status, receipt.logs) == (0, ())


def test_calls_revert_with_data_and_estimates_suffice() -> None:
    chain = tiny_chain()
    counter = chain.deploy_counter()
    nobody = "0x" + "99" * 20
    assert chain.rpc.eth_call(counter, word(1), sender=nobody) == word(1)
    for reverting in (lambda: chain.rpc.eth_call(counter, b""), lambda: chain.rpc.estimate_gas(nobody, counter, b"")):
        with pytest.raises(RpcRevert) as caught:
            reverting()
        assert caught.value.data == REVERT_DATA
    gas = chain.rpc.estimate_gas(ALICE.address, counter, word(1))
    receipt = chain.rpc.get_receipt(chain.rpc.send_raw(sign(ALICE, 1, counter, word(1), gas=gas)))
    assert receipt is not None and receipt.status == 1 and receipt.gas_used <= gas
    with pytest.raises(RpcError, match="[Ii]nsufficient funds"):
        chain.rpc.estimate_gas(nobody, BOB.address, b"", value_wei=1)


def test_history_can_be_asked_at_old_heights() -> None:
    chain = tiny_chain()
    counter = chain.deploy_counter()
    for nonce in range(1, 11):
        chain.rpc.send_raw(sign(ALICE, nonce, counter, word(nonce)))
    chain.rpc.call("hardhat_mine", hex(256))
    assert chain.rpc.eth_call(counter, word(1), 5) == word(5)
    assert chain.rpc.get_storage_at(counter, 0, 5) == word(4)
    assert chain.rpc.get_nonce(ALICE.address, 3) == 3
    old = chain.rpc.get_block(4)
    assert old is not None and chain.rpc.get_storage_at(counter, 0, old.hash) == word(3)
    heights = [chain.rpc.get_block(tag).number for tag in ("latest", "safe", "finalized", "earliest")]  # type: ignore[union-attr]
    assert heights == [267, 235, 203, 0]
    with pytest.raises(RpcError, match="unknown block"):
        chain.rpc.get_balance(ALICE.address, 1000)


def test_log_filters() -> None:
    chain = tiny_chain()
    one, two = chain.deploy_counter(), chain.deploy_counter(BOB)
    chain.rpc.send_raw(sign(ALICE, 1, one, word(1)))
    chain.rpc.send_raw(sign(ALICE, 2, two, word(2)))
    chain.rpc.send_raw(sign(BOB, 1, two, word(1)))
    bob_topic = bytes(12) + bytes.fromhex(BOB.address[2:])

    def heights(**query: object) -> list[int]:
        return [log.block_number for log in chain.rpc.get_logs(**query)]  # type: ignore[arg-type]

    assert heights(from_block=0, to_block="latest") == [3, 4, 5]
    assert heights(from_block=0, to_block=99, address=two) == [4, 5]
    assert heights(from_block=0, address=[one, two], topics=[word(1)]) == [3, 5]
    assert heights(from_block=0, topics=[[word(1), word(2)], None]) == [3, 4, 5]
    assert heights(from_block=0, topics=[None, bob_topic]) == [5]
    assert heights(from_block=0, topics=[None, None, None]) == []  # an event has fewer topics than asked for
    assert heights() == [5]  # both ends default to the head
    head = chain.rpc.head()
    assert heights(block_hash=head.hash) == [5]
    log = chain.rpc.get_logs(block_hash=head.hash)[0]
    assert (log.address, log.topics, log.data) == (two, (word(1), bob_topic), word(1))
    with pytest.raises(RpcError, match="range"):
        chain.rpc.get_logs(from_block=5, to_block=4)


def test_reorg_replaces_blocks_and_drops_transactions() -> None:
    chain = tiny_chain()
    counter = chain.deploy_counter()
    gone = [chain.rpc.send_raw(sign(ALICE, nonce, counter, word(1))) for nonce in (1, 2, 3)]
    old = chain.rpc.get_blocks(range(5))
    chain.rpc.call("anvil_reorg", 3, [])
    new = chain.rpc.get_blocks(range(5))
    assert new[:2] == old[:2]
    assert all(a.hash != b.hash for a, b in zip(old[2:], new[2:], strict=True))  # type: ignore[union-attr]
    assert all(new[i].parent_hash == new[i - 1].hash for i in range(1, 5))  # type: ignore[union-attr]
    assert all(chain.rpc.get_receipt(tx) is None and chain.rpc.get_transaction(tx) is None for tx in gone)
    assert chain.rpc.get_nonce(ALICE.address) == 1 and chain.rpc.get_storage_at(counter, 0) == word(0)
    assert chain.rpc.get_block(old[4].hash) is None  # type: ignore[union-attr]
    chain.rpc.call("anvil_reorg", 3, [])
    assert chain.rpc.get_block(4) != new[4]
    with pytest.raises(RpcError, match="cannot reorganise"):
        chain.rpc.call("anvil_reorg", 5, [])


def test_snapshots_bring_back_blocks_pool_and_clock() -> None:
    chain = tiny_chain(block_time_s=1)
    chain.node.mine()
    waiting = chain.rpc.send_raw(sign(ALICE, 0, BOB.address, value=3))
    snapshot = chain.rpc.call("evm_snapshot")
    first = chain.node.mine()
    chain.rpc.call("anvil_reorg", 2, [])
    assert chain.rpc.call("evm_revert", snapshot) is True
    assert chain.rpc.block_number() == 1 and chain.rpc.get_transaction(waiting) is not None
    again = chain.node.mine()
    assert again.header.hash != first.header.hash and len(again.txs) == 1
    assert chain.rpc.call("evm_revert", snapshot) is False


def test_chain_time() -> None:
    chain = tiny_chain(block_time_s=1)
    start = int(chain.clock[0])
    assert [chain.node.mine().header.timestamp for _ in range(3)] == [start + 1, start + 2, start + 3]
    chain.clock[0] += 60
    assert chain.node.mine().header.timestamp == start + 60
    chain.rpc.call("evm_increaseTime", 1000)
    assert chain.node.mine().header.timestamp == start + 1060
    chain.rpc.call("evm_setNextBlockTimestamp", hex(start + 5000))
    assert chain.node.mine().header.timestamp == start + 5000
    assert chain.node.mine().header.timestamp == start + 5001
    with pytest.raises(RpcError, match="not after"):
        chain.rpc.call("evm_setNextBlockTimestamp", start)
    chain.rpc.call("hardhat_mine", "0x3", "0xa")
    head = chain.rpc.head()
    assert head.timestamp == start + 5022 and head.number == 10


def test_pending_calls_see_the_next_block() -> None:
    chain = tiny_chain(block_time_s=1)
    clock = "0x" + bytes.fromhex("4260005260206000f3").hex()  # return block.timestamp
    chain.rpc.call("hardhat_setCode", BOB.address, clock)
    chain.clock[0] += 500
    now = int(chain.clock[0])
    assert int.from_bytes(chain.rpc.eth_call(BOB.address, b""), "big") == now - 500
    assert int.from_bytes(chain.rpc.eth_call(BOB.address, b"", "pending"), "big") == now


def test_state_edits() -> None:
    chain = tiny_chain()
    address = "0x" + "77" * 20
    chain.rpc.call("hardhat_setBalance", address, hex(123))
    chain.rpc.call("anvil_setCode", address, "0x" + COUNTER_RUNTIME.hex())
    chain.node.mine()
    assert (chain.rpc.get_balance(address), chain.rpc.get_code(address)) == (123, COUNTER_RUNTIME)


def test_the_factory_is_the_one_that_its_public_transaction_makes() -> None:
    chain = tiny_chain()
    assert Account.recover_transaction(FACTORY_RAW_TX) == FACTORY_SIGNER
    created = keccak(rlp.encode([bytes.fromhex(FACTORY_SIGNER[2:]), 0]))[12:]
    assert to_checksum_address(created) == FACTORY_ADDRESS
    init = bytes(rlp.decode(FACTORY_RAW_TX)[5])
    head = chain.node.ledger.head
    made = chain.node.evm.call(
        chain.node.env_of(head), head.state_root, CallTx(sender=bytes(20), to=b"", value=0, data=init, gas=10**6)
    )
    assert made == FACTORY_RUNTIME == chain.rpc.get_code(FACTORY_ADDRESS)


def test_a_chain_without_the_factory_gets_it() -> None:
    devnet = tiny_chain()
    devnet.rpc.call("hardhat_setCode", FACTORY_ADDRESS, "0x")
    ensure_factory(devnet.rpc)
    assert devnet.rpc.get_code(FACTORY_ADDRESS) == FACTORY_RUNTIME

    public = tiny_chain(block_time_s=1, without=("hardhat_setCode",))
    public.rpc.call("anvil_setCode", FACTORY_ADDRESS, "0x")
    with pytest.raises(Conflict, match="no deterministic deployment factory") as caught:
        ensure_factory(public.rpc)
    assert caught.value.code == "factory.unfunded" and FACTORY_SIGNER in caught.value.hint
    public.rpc.send_raw(sign(ALICE, 0, FACTORY_SIGNER, value=FACTORY_COST_WEI))
    public.node.mine()
    ensure_factory(public.rpc)
    assert public.rpc.get_transaction(keccak(FACTORY_RAW_TX)) is not None  # broadcast: the cost named is enough


def test_legacy_and_access_list_transactions() -> None:
    chain = tiny_chain()
    base = {"nonce": 0, "to": BOB.address, "value": 1, "gas": 60_000, "gasPrice": 5 * GWEI, "data": b""}
    legacy = ALICE.sign_transaction(base)  # before EIP-155: no chain id
    entry = {"address": BOB.address, "storageKeys": ["0x" + "00" * 32]}
    listed = ALICE.sign_transaction(base | {"nonce": 1, "chainId": 31337, "type": 1, "accessList": [entry]})
    for signed in (legacy, listed):
        receipt = chain.rpc.get_receipt(chain.rpc.send_raw(bytes(signed.raw_transaction)))
        assert receipt is not None and receipt.effective_gas_price_wei == 5 * GWEI
    raw = chain.rpc.call("eth_getTransactionByHash", "0x" + bytes(listed.hash).hex())
    assert raw["type"] == "0x1" and raw["accessList"] == [entry]


@contextmanager
def _served(chain: TinyChain) -> Iterator[RpcServer]:
    server = RpcServer("127.0.0.1", 0, chain.dispatcher)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_http_batches_cors_and_bad_requests() -> None:
    with _served(tiny_chain()) as server, httpx.Client(base_url=server.url) as http, Rpc(server.url) as rpc:
        assert rpc.batch([("eth_chainId", ()), ("eth_blockNumber", ())]) == ["0x7a69", "0x0"]
        preflight = http.options("/", headers={"Origin": "http://localhost:3000"})
        assert preflight.status_code == 204 and preflight.headers["access-control-allow-origin"] == "*"
        assert http.get("/").status_code == 405
        cases = {
            b"{": -32700,
            b"[]": -32600,
            b'{"id":1}': -32600,
            b'{"id":1,"method":"eth_nope"}': -32601,
            b'{"id":1,"method":"eth_getBalance","params":["0x12"]}': -32602,
            b'{"id":1,"method":"eth_getBalance","params":[]}': -32602,
            b'{"id":1,"method":"eth_sendRawTransaction","params":["0x02ff"]}': -32602,
            b'{"id":1,"method":"eth_sendRawTransaction","params":["0x03"]}': -32003,
            b'{"id":1,"method":"eth_getLogs","params":[{"topics":[["0x1"]]}]}': -32602,
        }
        for body, code in cases.items():
            answer = orjson.loads(http.post("/", content=body).content)
            assert answer["error"]["code"] == code, (body, answer)


def test_reads_run_while_blocks_are_built() -> None:
    chain = tiny_chain()
    counter = chain.deploy_counter()
    failures: list[Exception] = []
    done = threading.Event()

    def read() -> None:
        try:
            while not done.is_set():
                count = int.from_bytes(chain.rpc.eth_call(counter, word(1)), "big")
                assert 1 <= count <= 61
                chain.rpc.get_logs(from_block=0, to_block="latest")
        except Exception as error:
            failures.append(error)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for nonce in range(1, 61):
        chain.rpc.send_raw(sign(ALICE, nonce, counter, word(1)))
    done.set()
    for reader in readers:
        reader.join()
    assert failures == [] and chain.rpc.get_storage_at(counter, 0) == word(60)
