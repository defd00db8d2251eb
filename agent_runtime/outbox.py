"""Chain writes without waiting: each call submits or looks up, so that one pass of a worker never blocks on a block.

Built on `TxSender`'s journal: a write is named by what it does, so a restarted process finds it again. Knows no contracts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from agent_runtime.faults import Fault, no_fault
from symphony_chain.abi import contract_error
from symphony_chain.deploy import Deployment
from symphony_chain.errors import Conflict, ContractError, RpcError, RpcRevert, SymphonyError
from symphony_chain.rpc_types import Receipt
from symphony_chain.tx import TxSender
from symphony_chain.tx_journal import LIVE, Account, Entry

#: Blocks without a receipt after which the sender looks whether the node lost the transaction.
PATIENCE_BLOCKS = 4
RESOLVE_DEADLINE_S = 2.0
#: Transactions sent for one write. One that was dropped did nothing; one that was mined and reverted may have come too early
#: (after a reorganisation what it builds on can be mined behind it): the next is simulated first, and sent only if it would pass.
MAX_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Write:
    """Where a write stands. ``refused``: nothing of it happened, ``error`` says why; the same write again tries again."""

    status: Literal["pending", "mined", "refused"]
    receipt: Receipt | None = None
    error: SymphonyError | None = None


@dataclass
class _Pending:
    entry: Entry
    op: str
    seen_block: int


class Outbox:
    """Writes of one key. Call `poll` once per block, then `write` for everything that is wanted.

    Args:
        sender_of: makes the sender from a fault hook (the hook adds the kind of write to the sender's points).
        deployment: names the chain under which the journal keeps the key's rows.
    """

    def __init__(
        self, sender_of: Callable[[Fault], TxSender], deployment: Deployment, *, fault: Fault = no_fault
    ) -> None:
        self._fault = fault
        self._op = ""
        self.sender = sender_of(self._on_fault)
        self._account = Account(deployment.chain_id, deployment.genesis_hash, self.sender.account.address)
        self._pending: dict[str, _Pending] = {}
        self._final: dict[str, Write] = {}
        self._reverted: dict[str, ContractError] = {}  # mined failures of which `write` has not told yet
        self._attempt: dict[str, int] = {}

    @property
    def address(self) -> str:
        return self.sender.account.address

    def write(self, op: str, key: str, to: str, data: bytes, *, value_wei: int = 0, head_number: int) -> Write:
        """Submits a call once, and says where it stands.

        Args:
            op: kind of write, for fault points: one of `faults.WRITES`, or a requester's.
            key: what the write does, unique for this sender, equal after a restart.

        Raises:
            ChainUnavailable: before anything was sent. Conflict ``tx.unfunded``: the key has no coins for gas.
        """
        if (done := self._final.get(key)) is not None:
            return done
        if key in self._pending:
            return Write("pending")
        if (error := self._reverted.pop(key, None)) is not None:
            return Write("refused", error=error)
        try:
            self._op = op
            entry = self.sender.submit(to, data, value_wei=value_wei, idempotency_key=self._name(key))
        except RpcRevert as revert:
            return Write("refused", error=contract_error(revert.data))  # not final: the chain may allow it later
        except RpcError as error:
            return Write("refused", error=error)
        self._pending[key] = _Pending(entry, op, head_number)
        if entry.state not in ("signed", "sent"):
            self._resolve(key, head_number)  # an earlier run's: its fate may be known already
        return self._final.get(key, Write("pending"))

    def is_out(self, key: str) -> bool:
        """Whether this write was sent, by this run or an earlier one, and nothing says that it failed."""
        entry = self.sender.journal.find(self._account, self._name(key))
        return entry is not None and entry.state in (*LIVE, "mined")

    def complete(self, op: str, key: str, to: str, data: bytes, *, value_wei: int = 0, deadline_s: float = 60.0) -> Receipt:
        """Sends a call once and waits for it.

        Raises:
            ContractError: refused. UnknownOutcome: not mined in time (journaled). Conflict ``tx.unfunded``, ``tx.dropped``.
        """
        self._op = op
        name, attempt = key, 0
        while True:
            try:
                entry = self.sender.submit(to, data, value_wei=value_wei, idempotency_key=name)
            except RpcRevert as revert:
                raise contract_error(revert.data) from revert
            result = self.sender.wait(entry, deadline_s=deadline_s)
            if result.outcome == "reverted":
                raise contract_error(result.revert_data)
            attempt += 1
            if result.outcome != "dropped" or attempt >= MAX_ATTEMPTS:
                return result.expect_mined()
            name = f"{key}#{attempt}"

    def poll(self, head_number: int) -> None:
        """Looks up the receipts of pending writes, in one batch; asks the sender to rebroadcast what seems lost."""
        if not self._pending:
            return
        keys = list(self._pending)
        hashes = ["0x" + (self._pending[key].entry.tx_hash or b"").hex() for key in keys]
        receipts = self.sender.rpc.batch([("eth_getTransactionReceipt", (name,)) for name in hashes])
        for key, receipt in zip(keys, receipts, strict=True):
            if receipt or head_number - self._pending[key].seen_block >= PATIENCE_BLOCKS:
                self._resolve(key, head_number)

    def resume(self) -> None:
        """After a start or a reorganisation: what was mined may be gone, what was sent may be lost."""
        self._final.clear()
        self._reverted.clear()
        self._op = "resume"
        self.sender.resume()

    def drain(self, *, deadline_s: float = 60.0) -> None:
        """Waits for everything that earlier runs left open, so that reads of the chain show all of it.

        Raises:
            UnknownOutcome: a transaction is still not mined.
        """
        self.resume()
        for entry in self.sender.journal.by_state(self._account, *LIVE):
            result = self.sender.wait(entry, deadline_s=deadline_s)
            if result.outcome == "unknown":
                result.expect_mined()

    def mined(self, prefix: str) -> list[Receipt]:
        """Receipts of the mined writes whose key begins so, oldest first."""
        entries = self.sender.journal.by_state(self._account, "mined")
        hashes = [entry.tx_hash for entry in entries if entry.key.startswith(prefix) and entry.tx_hash]
        receipts = [receipt for name in hashes if (receipt := self.sender.rpc.get_receipt(name)) is not None]
        return [receipt for receipt in receipts if receipt.status == 1]

    def _name(self, key: str) -> str:
        """The journal's name for the attempt that a write is at."""
        return f"{key}#{self._attempt[key]}" if self._attempt.get(key) else key

    def _resolve(self, key: str, head_number: int) -> None:
        pending = self._pending[key]
        self._op = pending.op
        result = self.sender.wait(pending.entry, deadline_s=RESOLVE_DEADLINE_S)
        if result.outcome == "unknown":
            pending.seen_block = head_number
            return
        del self._pending[key]
        if result.outcome == "mined":
            self._final[key] = Write("mined", receipt=result.receipt)
        elif result.outcome == "reverted":
            self._next_attempt(key, contract_error(result.revert_data))
        else:
            self._next_attempt(key, None)

    def _next_attempt(self, key: str, reverted: ContractError | None) -> None:
        """Nothing happened: the next `write` is told why, and the one after it sends under the next name."""
        self._attempt[key] = self._attempt.get(key, 0) + 1
        if self._attempt[key] >= MAX_ATTEMPTS:
            dropped = Conflict(
                f"the write {key} was dropped {MAX_ATTEMPTS} times",
                code="tx.dropped",
                hint="another program sends from the same key; give each its own",
            )
            self._final[key] = Write("refused", error=reverted or dropped)
        elif reverted is not None:
            self._reverted[key] = reverted

    def _on_fault(self, point: str) -> None:
        if self._op in _FAULTLESS:
            return
        self._fault(f"{self._op}.{point}")


#: Kinds of write that are no worker's, and so no fault points of one.
_FAULTLESS = frozenset({"resume", "post", "award", "cancel", "close", "withdraw", "evaluate", "approve", "deposit"})


def error_name(error: SymphonyError | None) -> str:
    """Name of the contract's custom error, "" for any other."""
    return str(error.context.get("error", "")) if isinstance(error, ContractError) else ""
