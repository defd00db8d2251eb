"""Sending: journal before broadcast, one nonce manager per key, four outcomes, crashes, reorgs, dead nodes."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import orjson
import pytest
from eth_account import Account
from eth_utils.crypto import keccak
from tiny_chain import ALICE, BOB, COUNTER_INIT, REVERT_DATA, TinyChain, sign, tiny_chain, word

from symphony_chain.devnet import start_devnet
from symphony_chain.errors import (
    ChainUnavailable,
    Conflict,
    ContractError,
    Failure,
    InvalidInput,
    RpcError,
    RpcRevert,
    UnknownOutcome,
    WrongChain,
)
from symphony_chain.rpc import Rpc
from symphony_chain.tx import DROP_DEPTH_BLOCKS, FAULT_POINTS, TxResult, TxSender
from symphony_chain.tx_journal import TxJournal

ROOT = Path(__file__).resolve().parents[2]


class Wire:
    """The wire to the node: counts broadcasts and can break on a method, before or after the node sees the call."""

    def __init__(self) -> None:
        self.broadcasts: list[str] = []
        self.cut: set[str] = set()
        self.cut_once: set[str] = set()

    def __call__(self, body: bytes) -> None:
        request = orjson.loads(body)
        for call in request if isinstance(request, list) else [request]:
            method = call["method"]
            if method == "eth_sendRawTransaction":
                self.broadcasts.append(call["params"][0])
            if method in self.cut or "*" in self.cut or method in self.cut_once:
                self.cut_once.discard(method)
                raise httpx.ConnectError("connection refused")


class Bench:
    """One chain, one journal, and senders on them."""

    def __init__(self, folder: Path, block_time_s: float = 0.0) -> None:
        self.wire = Wire()
        self.chain: TinyChain = tiny_chain(block_time_s, intercept=self.wire)
        self.journal = TxJournal(folder / "tx.sqlite")
        self.now = 0.0
        self.faults: list[str] = []

    def sender(self, account=ALICE, fault=None) -> TxSender:  # type: ignore[no-untyped-def]
        return TxSender(
            self.chain.rpc,
            account,
            self.journal,
            fault=fault or self.faults.append,
            clock=lambda: 1.0,
            monotonic=lambda: self.now,
            sleep=self.sleep,
        )

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def rows(self) -> list[tuple[str, int | None]]:
        with sqlite3.connect(self.journal.path) as db:
            rows = db.execute("SELECT state, nonce FROM tx ORDER BY id").fetchall()
        db.close()
        return rows


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.journal.close()


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Bench]:
    """Mines only when told to."""
    made = Bench(tmp_path, block_time_s=1.0)
    yield made
    made.journal.close()


def test_a_sent_call_is_mined_once_per_key(bench: Bench) -> None:
    counter = bench.chain.deploy_counter(BOB)
    bench.wire.broadcasts.clear()
    sender = bench.sender()
    first = sender.send(counter, word(1), idempotency_key="a")
    again = sender.send(counter, word(1), idempotency_key="a")
    assert first == again and first.outcome == "mined" and first.expect_mined().status == 1
    assert (first.block_number, first.nonce) == (2, 0) and first.block_hash == bench.chain.rpc.head().hash
    assert len(bench.wire.broadcasts) == 1 and bench.chain.rpc.get_storage_at(counter, 0) == word(1)
    assert bench.faults[:5] == list(FAULT_POINTS)
    with pytest.raises(Conflict) as caught:
        sender.send(counter, word(2), idempotency_key="a")
    assert caught.value.code == "tx.key_reused"


def test_contracts_can_be_created(bench: Bench) -> None:
    receipt = bench.sender().send(None, COUNTER_INIT, idempotency_key="deploy").expect_mined()
    assert receipt.contract_address is not None and bench.chain.rpc.get_code(receipt.contract_address)


def test_a_reverting_call_is_never_sent_and_may_be_tried_again(bench: Bench) -> None:
    counter = bench.chain.deploy_counter(BOB)
    bench.wire.broadcasts.clear()
    sender = bench.sender()
    for _ in range(2):
        with pytest.raises(RpcRevert) as caught:
            sender.send(counter, b"", idempotency_key="a")
        assert caught.value.data == REVERT_DATA
    assert bench.wire.broadcasts == [] and bench.rows() == [("refused", None)]
    code = bench.chain.rpc.get_code(BOB.address)
    bench.chain.rpc.call("hardhat_setCode", counter, "0x" + code.hex())  # now the call succeeds
    assert sender.send(counter, b"", idempotency_key="a").outcome == "mined"
    assert bench.rows() == [("mined", 0)]


def test_a_call_that_reverts_in_its_block_says_so(bench: Bench) -> None:
    counter = bench.chain.deploy_counter(BOB)
    result = bench.sender().send(counter, b"", idempotency_key="a", gas=100_000)
    assert (result.outcome, result.revert_data) == ("reverted", REVERT_DATA)
    assert result.receipt is not None and result.receipt.status == 0
    with pytest.raises(ContractError):
        result.expect_mined()


def test_an_unfunded_key_is_told_what_it_needs(bench: Bench) -> None:
    poor = Account.from_key(b"\x07" * 32)
    with pytest.raises(Conflict) as caught:
        bench.sender(poor).send(BOB.address, b"", value_wei=5, idempotency_key="a")
    assert caught.value.code == "tx.unfunded" and poor.address in caught.value.hint
    assert caught.value.context["have_wei"] == 0 and caught.value.context["need_wei"] > 5
    assert bench.rows() == [] and bench.wire.broadcasts == []


def test_a_gas_limit_that_the_node_refuses_frees_the_nonce(bench: Bench) -> None:
    sender = bench.sender()
    with pytest.raises(RpcError, match="block gas limit"):
        sender.send(BOB.address, b"", idempotency_key="a", gas=31_000_000)
    assert bench.rows() == [("refused", None)]
    assert sender.send(BOB.address, b"", idempotency_key="b").nonce == 0


def test_addresses_are_checked(bench: Bench) -> None:
    sender = bench.sender()
    assert sender.send(BOB.address.lower(), b"", idempotency_key="a").outcome == "mined"
    typo = BOB.address.replace("C", "c", 1)
    for bad in (typo, BOB.address[:-1], "", "bob.eth"):
        with pytest.raises(InvalidInput) as caught:
            sender.send(bad, b"", idempotency_key="b")
        assert caught.value.code == "input.address"


def test_many_threads_share_one_nonce_manager(slow: Bench) -> None:
    sender = slow.sender()
    entries: list[int | None] = []

    def submit(number: int) -> None:
        entries.append(sender.submit(BOB.address, b"", value_wei=number, idempotency_key=str(number)).nonce)

    threads = [threading.Thread(target=submit, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(nonce for nonce in entries if nonce is not None) == list(range(12))
    assert len(slow.chain.node.mine().txs) == 12
    assert {result.outcome for result in sender.resume()} == {"mined"} and sender.resume() == []


def test_two_processes_with_one_journal_take_different_nonces(slow: Bench, tmp_path: Path) -> None:
    other = TxJournal(tmp_path / "tx.sqlite")
    twin = TxSender(slow.chain.rpc, ALICE, other)
    slow.chain.rpc.call("evm_setAutomine", False)
    nonces = [slow.sender().submit(BOB.address, b"", idempotency_key="a").nonce]
    slow.chain.rpc.call("hardhat_dropTransaction", _hash(slow.wire.broadcasts[0]))
    nonces.append(twin.submit(BOB.address, b"", idempotency_key="b").nonce)
    other.close()
    assert nonces == [0, 1]
    # The twin noticed that the node had lost nonce 0 and sent it again, so its own leaves no gap.
    assert len(slow.chain.node.mine().txs) == 2


def _hash(raw: str) -> str:
    return "0x" + keccak(bytes.fromhex(raw[2:])).hex()


def test_a_lost_broadcast_is_repeated_with_the_same_bytes(bench: Bench) -> None:
    bench.wire.cut_once.add("eth_sendRawTransaction")
    result = bench.sender().send(BOB.address, b"", value_wei=1, idempotency_key="a")
    assert result.outcome == "mined" and len(set(bench.wire.broadcasts)) == 1 and len(bench.wire.broadcasts) == 2


def test_a_silent_node_gives_unknown_and_the_next_run_resolves_it(bench: Bench) -> None:
    bench.wire.cut.add("eth_sendRawTransaction")
    before = bench.chain.rpc.get_balance(BOB.address)
    result = bench.sender(fault=lambda name: bench.wire.cut.add("*") if name == "tx.before_broadcast" else None).send(
        BOB.address, b"", value_wei=1, idempotency_key="a", deadline_s=5
    )
    assert result.outcome == "unknown" and bench.now >= 5
    with pytest.raises(UnknownOutcome):
        result.expect_mined()
    with pytest.raises(ChainUnavailable):
        bench.sender().send(BOB.address, b"", idempotency_key="b")
    bench.wire.cut.clear()
    again = bench.sender().send(BOB.address, b"", value_wei=1, idempotency_key="a")
    assert (again.outcome, again.tx_hash) == ("mined", result.tx_hash)
    assert bench.chain.rpc.get_balance(BOB.address) == before + 1
    assert len(set(bench.wire.broadcasts)) == 1


def test_waiting_for_a_block_ends_at_the_deadline(slow: Bench) -> None:
    result = slow.sender().send(BOB.address, b"", idempotency_key="a", deadline_s=3)
    assert result.outcome == "unknown" and 3 <= slow.now < 4 and slow.rows() == [("sent", 0)]
    slow.chain.node.mine()
    (resolved,) = slow.sender().resume()
    assert (resolved.outcome, resolved.tx_hash) == ("mined", result.tx_hash)


def test_a_replaced_transaction_is_dropped(slow: Bench) -> None:
    entry = slow.sender().submit(BOB.address, b"", value_wei=1, idempotency_key="a")
    slow.chain.rpc.send_raw(sign(ALICE, 0, BOB.address, value=2, maxFeePerGas=10**12))
    slow.chain.node.mine()
    assert slow.sender().wait(entry, deadline_s=1).outcome == "unknown", "the other one may yet be reorganised away"
    for _ in range(DROP_DEPTH_BLOCKS):
        slow.chain.node.mine()
    result = slow.sender().wait(entry)
    assert result.outcome == "dropped" and slow.rows() == [("dropped", 0)]
    with pytest.raises(Conflict) as caught:
        result.expect_mined()
    assert caught.value.code == "tx.dropped"
    assert slow.sender().submit(BOB.address, b"", idempotency_key="b").nonce == 1


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_reorged_out_transactions_are_sent_again_in_order(bench: Bench, depth: int) -> None:
    counter = bench.chain.deploy_counter(BOB)
    sender = bench.sender()
    for number in (1, 2, 3):
        sender.send(counter, word(number), idempotency_key=str(number))
    bench.wire.broadcasts.clear()
    bench.chain.rpc.call("anvil_reorg", depth, [])
    assert bench.chain.rpc.get_storage_at(counter, 0) == word(3 - depth)
    again = sender.resume()  # rebroadcasts; automine mines each at once
    assert [result.key for result in again] == [str(n) for n in range(4 - depth, 4)]
    assert len(bench.wire.broadcasts) == depth and bench.chain.rpc.get_storage_at(counter, 0) == word(3)
    assert {result.outcome for result in sender.resume()} == {"mined"}
    assert sender.resume() == [] and bench.rows() == [("mined", 0), ("mined", 1), ("mined", 2)]


def test_sending_after_a_reorg_leaves_no_gap(bench: Bench) -> None:
    sender = bench.sender()
    for number in (1, 2):
        sender.send(BOB.address, b"", value_wei=number, idempotency_key=str(number))
    bench.chain.rpc.call("anvil_reorg", 2, [])
    result = sender.send(BOB.address, b"", value_wei=3, idempotency_key="3")
    assert (result.outcome, result.nonce) == ("mined", 2)
    assert bench.chain.rpc.get_nonce(ALICE.address) == 3


def test_another_chain_behind_the_url_is_refused(bench: Bench) -> None:
    sender = bench.sender()
    sender.send(BOB.address, b"", idempotency_key="a")
    other = tiny_chain(salt=b"\x02" * 32)
    sender.rpc = other.rpc
    with pytest.raises(WrongChain):
        sender.send(BOB.address, b"", idempotency_key="b")
    with pytest.raises(WrongChain):
        sender.resume()
    # A new process on the new chain starts from nothing: the journal is keyed by genesis.
    fresh = TxSender(other.rpc, ALICE, bench.journal)
    assert fresh.send(BOB.address, b"", idempotency_key="a").nonce == 0


def test_a_full_disk_stops_before_the_broadcast(bench: Bench) -> None:
    sender = bench.sender()
    sender.send(BOB.address, b"", idempotency_key="a")
    pages = bench.journal._db.execute("PRAGMA page_count").fetchone()[0]
    bench.journal._db.execute(f"PRAGMA max_page_count = {pages}")
    bench.wire.broadcasts.clear()
    with pytest.raises(Failure) as caught:
        sender.send(BOB.address, b"\x01" * 20_000, idempotency_key="b")
    assert caught.value.code == "tx.journal_unwritable" and "full" in caught.value.message
    assert bench.wire.broadcasts == [] and bench.rows() == [("mined", 0)]
    bench.journal._db.execute("PRAGMA max_page_count = 100000")
    assert sender.send(BOB.address, b"\x01" * 20_000, idempotency_key="b").nonce == 1


def test_an_unusable_journal_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    (tmp_path / "junk.sqlite").write_bytes(b"this is no database" * 100)
    for path in (tmp_path / "file" / "tx.sqlite", tmp_path / "junk.sqlite"):
        with pytest.raises(Failure) as caught:
            TxJournal(path)
        assert caught.value.code == "tx.journal_unwritable" and caught.value.hint


def test_the_journal_is_durable_and_private(bench: Bench) -> None:
    pragmas = [bench.journal._db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
    assert pragmas == ["wal", 2]
    beside = list(bench.journal.path.parent.glob(f"{bench.journal.path.name}*"))
    assert len(beside) >= 3 and all(path.stat().st_mode & 0o077 == 0 for path in beside if path.suffix != ".lock"), beside


CRASH = """
import os, signal, sys
from pathlib import Path
from eth_account import Account
from symphony_chain.devnet import DEVNET_ACCOUNTS
from symphony_chain.rpc import Rpc
from symphony_chain.tx import TxSender
from symphony_chain.tx_journal import TxJournal
url, path, point, target = sys.argv[1:]
def fault(name):
    if name == point:
        os.kill(os.getpid(), signal.SIGKILL)
sender = TxSender(Rpc(url), Account.from_key(DEVNET_ACCOUNTS[0][1]), TxJournal(Path(path)), fault=fault)
print(sender.send(target, b"", value_wei=1, idempotency_key="once").outcome)
"""


def test_a_kill_at_every_fault_point_pays_exactly_once(tmp_path: Path) -> None:
    with start_devnet("pyevm", block_time_s=0) as devnet, Rpc(devnet.url) as rpc:
        for index, point in enumerate(FAULT_POINTS):
            target = "0x" + f"{0xABC000 + index:040x}"
            command = [sys.executable, "-c", CRASH, devnet.url, str(tmp_path / f"{index}.sqlite"), point, target]
            killed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
            assert killed.returncode == -signal.SIGKILL, killed.stderr
            with TxJournal(tmp_path / f"{index}.sqlite") as journal:  # the next run, with the same key and journal
                second = TxSender(rpc, ALICE, journal).send(target, b"", value_wei=1, idempotency_key="once")
            assert second.outcome == "mined", point
            assert rpc.get_balance(target) == 1, point


def test_a_node_killed_while_waiting_gives_unknown(tmp_path: Path) -> None:
    with start_devnet("pyevm", block_time_s=60) as devnet, Rpc(devnet.url) as rpc, TxJournal(tmp_path / "j") as journal:

        def kill(name: str) -> None:
            if name == "tx.after_broadcast":
                os.kill(devnet.pid, signal.SIGKILL)

        result = TxSender(rpc, ALICE, journal, fault=kill).send(BOB.address, b"", idempotency_key="a", deadline_s=1.0)
        assert isinstance(result, TxResult) and result.outcome == "unknown"
