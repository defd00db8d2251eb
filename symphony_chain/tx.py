"""Sends transactions so that none is lost and none is sent twice: journal first, one nonce manager per key, four
outcomes.

Knows no contracts: it takes an address and calldata, and leaves revert data undecoded.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from eth_account.signers.local import LocalAccount
from eth_utils.address import is_address

from symphony_chain.errors import (
    ChainUnavailable,
    Conflict,
    ContractError,
    InvalidInput,
    RpcError,
    RpcRevert,
    SymphonyError,
    UnknownOutcome,
    WrongChain,
)
from symphony_chain.rpc import Receipt, Rpc, fees_from
from symphony_chain.rpc_types import Fees, block_from_json, checksum, receipt_from_json, to_bytes
from symphony_chain.tx_journal import LIVE, Account, Call, Entry, TxJournal
from symphony_chain.units import format_wei

Outcome = Literal["mined", "reverted", "dropped", "unknown"]
GAS_HEADROOM_PERCENT = 120
LEAST_GAS = 21_000  # of any transaction: tells an empty account before anything is simulated
POLL_S = 0.2
REBROADCAST_EVERY_POLLS = 10
# Mined rows this close to the head are checked again by `resume`: a reorganisation may have thrown them out.
REORG_WINDOW_BLOCKS = 128
# A nonce that another transaction used is proof of loss only this deep: at the tip a busy node counts a nonce before it
# shows the receipt, and in a reorganisation it may do so after the receipt is gone.
DROP_DEPTH_BLOCKS = 3
# Words with which nodes say that they hold these very bytes already.
ALREADY_KNOWN = ("already known", "already imported", "known transaction", "already exists", "alreadyknown")
NONCE_USED = ("nonce too low", "nonce is too low", "nonce has already been used")

FAULT_POINTS = (
    "tx.before_journal",
    "tx.after_journal",
    "tx.before_broadcast",
    "tx.after_broadcast",
    "tx.after_receipt",
)


@dataclass(frozen=True)
class TxResult:
    """What became of one transaction.

    ``unknown`` means: it is journaled and may yet be mined; ``resume`` or the same ``send`` again finds out.
    """

    outcome: Outcome
    key: str
    tx_hash: bytes
    nonce: int
    receipt: Receipt | None = None
    revert_data: bytes = b""

    @property
    def block_number(self) -> int | None:
        """Height of its block, if it is in one."""
        return self.receipt.block_number if self.receipt else None

    @property
    def block_hash(self) -> bytes | None:
        """Hash of its block, if it is in one."""
        return self.receipt.block_hash if self.receipt else None

    def expect_mined(self) -> Receipt:
        """The receipt of a success; ContractError, Conflict ``tx.dropped`` or UnknownOutcome otherwise."""
        name = "0x" + self.tx_hash.hex()
        if self.outcome == "mined" and self.receipt is not None:
            return self.receipt
        if self.outcome == "reverted":
            raise ContractError(f"transaction {name} reverted", data="0x" + self.revert_data.hex(), tx_hash=name)
        if self.outcome == "dropped":
            raise Conflict(
                f"transaction {name} was dropped: another one used its nonce {self.nonce}",
                code="tx.dropped",
                hint="Nothing of it happened. Send it again under a new idempotency key if it is still wanted.",
                tx_hash=name,
            )
        raise UnknownOutcome(
            f"transaction {name} was sent, but its outcome is not known yet",
            hint="It stays in the journal; run the same command again to find out. It will not be sent twice.",
            tx_hash=name,
        )


@dataclass(frozen=True)
class _ChainView:
    """What one batch of reads says before a transaction is built."""

    account: Account
    pending_nonce: int
    balance_wei: int
    fees: Fees


class TxSender:
    """Sends from one key through one node.

    Args:
        rpc: the node.
        account: the key that signs.
        journal: where every transaction is written first; its folder also holds the lock that keeps two processes
            from taking the same nonce.
        clock: seconds since the epoch, for the journal's time stamps.
        fault: called with each of FAULT_POINTS as it is passed; crash tests end the process there.
    """

    def __init__(
        self,
        rpc: Rpc,
        account: LocalAccount,
        journal: TxJournal,
        *,
        clock: Callable[[], float] = time.time,
        fault: Callable[[str], None] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.rpc = rpc
        self.account = account
        self.journal = journal
        self._clock = clock
        self._fault = fault or (lambda _: None)
        self._monotonic = monotonic
        self._sleep = sleep
        self._thread_lock = threading.Lock()
        self._identity: Account | None = None

    # ---- the three public verbs --------------------------------------------------------------------------------------

    def send(
        self,
        to: str | None,
        data: bytes,
        *,
        value_wei: int = 0,
        idempotency_key: str,
        gas: int | None = None,
        deadline_s: float = 60.0,
    ) -> TxResult:
        """Sends a call and waits for its outcome; with a key used before, finds out what became of that one instead.

        Raises RpcRevert (the simulation reverted: nothing was sent), Conflict ``tx.unfunded`` or ``tx.key_reused``,
        RpcError (the node refused it), Failure ``tx.journal_unwritable``, ChainUnavailable (before anything was sent).
        Once a transaction may be out, there is no exception for a silent node: the outcome is ``unknown``.
        """
        return self.wait(
            self.submit(to, data, value_wei=value_wei, idempotency_key=idempotency_key, gas=gas), deadline_s=deadline_s
        )

    def submit(
        self, to: str | None, data: bytes, *, value_wei: int = 0, idempotency_key: str, gas: int | None = None
    ) -> Entry:
        """Journals and broadcasts a call without waiting; same errors as ``send``. Pass the entry to ``wait``."""
        call = Call(_recipient(to), data, value_wei)
        with self._nonce_lock():
            view = self._look()
            known = self.journal.find(view.account, idempotency_key)
            if known is not None and known.call != call:
                raise Conflict(
                    f"the idempotency key {idempotency_key!r} was used for another call",
                    code="tx.key_reused",
                    hint="One key stands for one transaction; use a new key for a new one.",
                )
            if known is not None and known.state != "refused":
                return known
            entry = self._sign(view, idempotency_key, call, gas)
            self._fault("tx.before_broadcast")
            return self._broadcast(view.account, entry)

    def wait(self, entry: Entry, *, deadline_s: float = 60.0) -> TxResult:
        """Waits until the fate of a journaled transaction is known, at most ``deadline_s``; never raises for the
        node.
        """
        end_s = self._monotonic() + deadline_s
        polls = 0
        while True:
            try:
                # At the first poll too: the row may be of an earlier run that ended before its broadcast.
                again = polls % REBROADCAST_EVERY_POLLS == 0
                result = self._resolve(entry, rebroadcast=again, deadline_s=end_s - self._monotonic())
            except (ChainUnavailable, RpcError):
                result = None
            if result is not None:
                self._fault("tx.after_receipt")
                return result
            polls += 1
            left_s = end_s - self._monotonic()
            if left_s <= 0:
                return _unknown(entry)
            self._sleep(min(POLL_S, left_s))

    def resume(self) -> list[TxResult]:
        """Settles what earlier runs left open: looks up receipts, rebroadcasts what the chain lost, in nonce order.

        Covers rows never seen mined and rows mined within REORG_WINDOW_BLOCKS of the head. Returns one result per row
        that is still open or has changed; ``unknown`` ones were rebroadcast and wait for a block.
        """
        account = self._chain_account()
        head = self.rpc.block_number()
        rows = [
            entry
            for entry in self.journal.by_state(account, *LIVE, "mined", "reverted")
            if entry.state in LIVE or (entry.block_number or 0) > head - REORG_WINDOW_BLOCKS
        ]
        results = []
        for entry in rows:
            result = self._resolve(entry, rebroadcast=True) or _unknown(entry)
            if entry.state in LIVE or result.block_hash != entry.block_hash:
                results.append(result)
        return results

    # ---- building ----------------------------------------------------------------------------------------------------

    def _chain_account(self) -> Account:
        chain_id, genesis = self.rpc.batch([("eth_chainId", ()), ("eth_getBlockByNumber", ("0x0", False))])
        return self._check_identity(Account(int(chain_id, 16), to_bytes(genesis["hash"]), self.account.address))

    def _check_identity(self, account: Account) -> Account:
        if self._identity not in (None, account):
            raise WrongChain(
                f"{self.rpc.url} now answers for another chain than at first (chain id {account.chain_id})",
                hint="The node was restarted with a new genesis or replaced; restart this process to follow it.",
            )
        self._identity = account
        return account

    def _look(self) -> _ChainView:
        sender = self.account.address
        chain_id, genesis, head, pending, balance, tip = self.rpc.batch(
            [
                ("eth_chainId", ()),
                ("eth_getBlockByNumber", ("0x0", False)),
                ("eth_getBlockByNumber", ("latest", False)),
                ("eth_getTransactionCount", (sender, "pending")),
                ("eth_getBalance", (sender, "latest")),
                ("eth_maxPriorityFeePerGas", ()),
            ]
        )
        return _ChainView(
            account=self._check_identity(Account(int(chain_id, 16), to_bytes(genesis["hash"]), sender)),
            pending_nonce=int(pending, 16),
            balance_wei=int(balance, 16),
            fees=fees_from(block_from_json(head).base_fee_wei, int(tip, 16)),
        )

    def _sign(self, view: _ChainView, key: str, call: Call, gas: int | None) -> Entry:
        """Simulates, prices, numbers and signs a call, and writes it to the journal."""
        self._require_funds(view, call, LEAST_GAS)
        gas = gas or self._simulate(view, key, call)
        self._require_funds(view, call, gas)
        self._repair(view)
        nonce = max(view.pending_nonce, self.journal.next_nonce(view.account))
        fields: dict[str, Any] = {
            "type": 2,
            "chainId": view.account.chain_id,
            "nonce": nonce,
            "to": call.to,
            "data": call.data,
            "value": call.value_wei,
            "gas": gas,
            "maxFeePerGas": view.fees.max_fee_wei,
            "maxPriorityFeePerGas": view.fees.max_priority_fee_wei,
        }
        signed = self.account.sign_transaction(fields)
        self._fault("tx.before_journal")
        self.journal.record_signed(
            view.account,
            key,
            call,
            nonce=nonce,
            tx_hash=bytes(signed.hash),
            raw=bytes(signed.raw_transaction),
            now_s=self._clock(),
        )
        self._fault("tx.after_journal")
        entry = self.journal.find(view.account, key)
        assert entry is not None
        return entry

    def _simulate(self, view: _ChainView, key: str, call: Call) -> int:
        try:
            estimate = self.rpc.estimate_gas(self.account.address, call.to or None, call.data, value_wei=call.value_wei)
        except RpcRevert as revert:
            self.journal.record_refused(view.account, key, call, revert_data=revert.data, now_s=self._clock())
            raise
        return estimate * GAS_HEADROOM_PERCENT // 100

    def _require_funds(self, view: _ChainView, call: Call, gas: int) -> None:
        need_wei = call.value_wei + gas * view.fees.max_fee_wei
        if view.balance_wei < need_wei:
            raise Conflict(
                f"{self.account.address} has {format_wei(view.balance_wei)} and needs at least {format_wei(need_wei)}",
                code="tx.unfunded",
                hint=f"Send ether to {self.account.address} on chain {view.account.chain_id}.",
                address=self.account.address,
                have_wei=view.balance_wei,
                need_wei=need_wei,
                value_wei=call.value_wei,
            )

    def _repair(self, view: _ChainView) -> None:
        """Rebroadcasts what a reorganisation or a restarted pool lost, so that the next nonce leaves no gap."""
        for entry in self.journal.by_state(view.account, *LIVE, "mined", "reverted"):
            if entry.nonce is not None and entry.nonce >= view.pending_nonce:
                self._broadcast(view.account, entry)

    # ---- broadcasting and finding out --------------------------------------------------------------------------------

    def _broadcast(self, account: Account, entry: Entry) -> Entry:
        """Hands the journaled bytes to the node. Only an outright refusal raises; then the nonce is free again."""
        assert entry.raw is not None
        try:
            self.rpc.send_raw(entry.raw)
        except (ChainUnavailable, RpcRevert):
            # It may have arrived, or (Hardhat's automine) it was mined and reverted: its fate is looked up.
            return entry
        except RpcError as error:
            if not _says(error, ALREADY_KNOWN):
                if _says(error, NONCE_USED) or entry.state != "signed":
                    return entry  # ours may be the one mined at this nonce: the receipt tells
                self.journal.mark_refused(entry, now_s=self._clock())
                raise
        self._fault("tx.after_broadcast")
        self.journal.mark(entry, "sent", now_s=self._clock())
        return self.journal.find(account, entry.key) or entry

    def _resolve(self, entry: Entry, *, rebroadcast: bool, deadline_s: float | None = None) -> TxResult | None:
        """The outcome of a row if it can be told now, written to the journal; None while it waits for a block."""
        if entry.tx_hash is None or entry.nonce is None:
            raise ValueError("a refused entry was never sent")
        nonce, found = self.rpc.batch(
            [
                ("eth_getTransactionCount", (self.account.address, "latest")),
                ("eth_getTransactionReceipt", ("0x" + entry.tx_hash.hex(),)),
            ],
            deadline_s=deadline_s,
        )
        if found:
            return self._mined(entry, receipt_from_json(found))
        if int(nonce, 16) > entry.nonce:
            return self._used(entry, entry.tx_hash, entry.nonce, deadline_s)
        if rebroadcast and self.rpc.get_transaction(entry.tx_hash) is None:
            self._rebroadcast(entry)
        return None

    def _used(self, entry: Entry, tx_hash: bytes, nonce: int, deadline_s: float | None) -> TxResult | None:
        """No receipt, but the nonce is used: dropped once that use lies DROP_DEPTH_BLOCKS deep, undecided before."""
        try:
            (head,) = self.rpc.batch([("eth_blockNumber", ())], deadline_s=deadline_s)
            count, found = self.rpc.batch(
                [
                    ("eth_getTransactionCount", (self.account.address, hex(max(0, int(head, 16) - DROP_DEPTH_BLOCKS)))),
                    ("eth_getTransactionReceipt", ("0x" + tx_hash.hex(),)),
                ],
                deadline_s=deadline_s,
            )
        except RpcError:
            return None  # a reorganisation took that block away between the two reads
        if found:
            return self._mined(entry, receipt_from_json(found))
        if int(count, 16) <= nonce:
            return None
        self.journal.mark(entry, "dropped", now_s=self._clock())
        return TxResult("dropped", entry.key, tx_hash, nonce)

    def _rebroadcast(self, entry: Entry) -> None:
        """The node does not hold the transaction and its nonce is free: the same bytes go out again."""
        assert entry.raw is not None
        try:
            self.rpc.send_raw(entry.raw)
        except (RpcError, RpcRevert):
            return  # whatever the reason, the journal keeps it open and a receipt or a used nonce will decide
        self.journal.mark(entry, "sent", now_s=self._clock())

    def _mined(self, entry: Entry, receipt: Receipt) -> TxResult:
        assert entry.tx_hash is not None and entry.nonce is not None
        outcome: Literal["mined", "reverted"] = "mined" if receipt.status == 1 else "reverted"
        revert_data = b"" if outcome == "mined" else self._revert_data(entry, receipt)
        if (entry.state, entry.block_hash) != (outcome, receipt.block_hash):
            self.journal.mark(
                entry,
                outcome,
                now_s=self._clock(),
                block_number=receipt.block_number,
                block_hash=receipt.block_hash,
                revert_data=revert_data,
            )
        return TxResult(outcome, entry.key, entry.tx_hash, entry.nonce, receipt, revert_data)

    def _revert_data(self, entry: Entry, receipt: Receipt) -> bytes:
        """Revert data of a mined failure: receipts lack it, so the call is replayed on the state before its block."""
        call = entry.call
        try:
            self.rpc.eth_call(
                call.to or None,
                call.data,
                receipt.block_number - 1,
                sender=self.account.address,
                value_wei=call.value_wei,
            )
        except RpcRevert as revert:
            return revert.data
        except SymphonyError:
            return b""
        return b""

    @contextmanager
    def _nonce_lock(self) -> Iterator[None]:
        """One transaction is numbered at a time per key, over threads and processes."""
        with self._thread_lock, self.journal.nonce_lock(self.account.address):
            yield


def _recipient(to: str | None) -> str:
    """The checksummed address, or "" for a creation; a mixed-case address must carry its right checksum (EIP-55)."""
    if to is None:
        return ""
    if not is_address(to) or (to not in (to.lower(), to.upper()) and checksum(to) != to):
        raise InvalidInput(
            f"{to!r} is not an address, or its checksum is wrong",
            code="input.address",
            hint="Copy the whole address again: 0x and 40 hex digits.",
        )
    return checksum(to)


def _says(error: SymphonyError, phrases: tuple[str, ...]) -> bool:
    return any(phrase in error.message.lower() for phrase in phrases)


def _unknown(entry: Entry) -> TxResult:
    assert entry.tx_hash is not None and entry.nonce is not None
    return TxResult("unknown", entry.key, entry.tx_hash, entry.nonce)
