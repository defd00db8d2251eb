"""Writes without waiting: sent once, found again, and never sent twice because a node was slow to show a receipt."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent_runtime.faults import FAULT_ENV, FAULT_POINTS, fault_from_env, no_fault
from agent_runtime.outbox import Outbox, Write
from symphony_chain.deploy import Deployment
from symphony_chain.errors import UsageError
from symphony_chain.market import encode_deposit
from symphony_chain.rpc import Rpc
from symphony_chain.tx import TxSender
from symphony_chain.tx_journal import TxJournal
from tests.runtime.conftest import Bank, eventually


class ForgetfulRpc(Rpc):
    """A node that counts the nonce of a mined transaction, but shows no receipt until it was taken for dropped once."""

    journal: TxJournal
    clear = False

    def _blind(self) -> bool:
        self.clear = self.clear or bool(self.journal._rows("state = 'dropped'", ()))
        return not self.clear

    def batch(self, calls, **options):  # type: ignore[no-untyped-def]
        results = super().batch(calls, **options)
        blind = self._blind()
        return [
            None if blind and method == "eth_getTransactionReceipt" else result
            for (method, _), result in zip(calls, results, strict=True)
        ]

    def get_receipt(self, tx_hash: bytes):  # type: ignore[no-untyped-def]
        return None if self._blind() else super().get_receipt(tx_hash)


@pytest.mark.parametrize("waits", [True, False])
def test_a_late_receipt_does_not_send_twice(
    waits: bool, rpc: Rpc, bank: Bank, deployment: Deployment, tmp_path: Path
) -> None:
    account = bank.person()
    data = encode_deposit(account.address)
    with ForgetfulRpc(rpc.url) as slow, TxJournal(tmp_path / "tx.sqlite") as journal:
        slow.journal = journal
        outbox = Outbox(lambda fault: TxSender(slow, account, journal), deployment)
        slow.hidden = 4
        if waits:
            outbox.complete("post", "deposit", deployment.market, data, value_wei=7)
        else:
            writes: list[Write] = []

            def pass_once() -> bool:
                head = rpc.block_number()
                outbox.poll(head)
                writes.append(outbox.write("post", "deposit", deployment.market, data, value_wei=7, head_number=head))
                return writes[-1].status == "mined"

            eventually(pass_once, what="the deposit")
    assert slow.clear and rpc.get_nonce(account.address) == 1


def test_a_restarted_process_finds_its_write(rpc: Rpc, bank: Bank, deployment: Deployment, tmp_path: Path) -> None:
    account = bank.person()
    data = encode_deposit(account.address)
    for _ in range(2):
        with TxJournal(tmp_path / "tx.sqlite") as journal:
            outbox = Outbox(lambda fault: TxSender(rpc, account, journal), deployment)  # noqa: B023
            outbox.drain()
            receipt = outbox.complete("post", "deposit/1", deployment.market, data, value_wei=7)
            assert [r.tx_hash for r in outbox.mined("deposit/")] == [receipt.tx_hash]
    assert rpc.get_nonce(account.address) == 1


def test_fault_points_are_checked_by_name() -> None:
    with pytest.raises(UsageError, match="nonsense"):
        fault_from_env(31337, {FAULT_ENV: "nonsense"})
    with pytest.raises(ValueError, match="registry"):
        no_fault("nonsense")
    assert fault_from_env(31337, {}) is no_fault
    assert fault_from_env(1, {FAULT_ENV: FAULT_POINTS[0]}) is no_fault, "never on a real chain"
