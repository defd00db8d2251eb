"""Writes without waiting: sent once, found again, and never sent twice because a node was slow to show a receipt."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent_runtime.faults import FAULT_ENV, FAULT_POINTS, fault_from_env, no_fault
from agent_runtime.outbox import Outbox, Write, error_name
from symphony_chain import tx
from symphony_chain.deploy import Deployment
from symphony_chain.errors import UsageError
from symphony_chain.market import encode_deposit, encode_withdraw
from symphony_chain.rpc import Rpc
from symphony_chain.tx import TxSender
from symphony_chain.tx_journal import TxJournal
from tests.runtime.conftest import Bank, eventually


class ForgetfulRpc(Rpc):
    """A node that counts the nonce of a mined transaction, but shows no receipt at the first ``blind`` looks."""

    blind = 6

    def batch(self, calls, **options):  # type: ignore[no-untyped-def]
        results = super().batch(calls, **options)
        return [
            None if method == "eth_getTransactionReceipt" and self._forgets(result) else result
            for (method, _), result in zip(calls, results, strict=True)
        ]

    def _forgets(self, receipt: object) -> bool:
        self.blind -= receipt is not None
        return self.blind >= 0


@pytest.mark.parametrize("waits", [True, False])
def test_a_late_receipt_does_not_send_twice(
    waits: bool, rpc: Rpc, bank: Bank, deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = bank.person()
    data = encode_deposit(account.address, 7)
    # However slow this machine is, the blocks that fall while the node is blind must not count as proof of loss.
    monkeypatch.setattr(tx, "DROP_DEPTH_BLOCKS", 10**6)
    with ForgetfulRpc(rpc.url) as slow, TxJournal(tmp_path / "tx.sqlite") as journal:
        outbox = Outbox(lambda fault: TxSender(slow, account, journal), deployment)
        if waits:
            outbox.complete("post", "deposit", deployment.market, data, value_wei=7)
        else:
            eventually(lambda: _pass(outbox, rpc, deployment, data) == "mined", what="the deposit")
    assert slow.blind < 0 and rpc.get_nonce(account.address) == 1


def _pass(outbox: Outbox, rpc: Rpc, deployment: Deployment, data: bytes) -> str:
    head = rpc.block_number()
    outbox.poll(head)
    return outbox.write("post", "deposit", deployment.market, data, value_wei=7, head_number=head).status


def test_a_write_that_came_too_early_is_sent_again(
    rpc: Rpc, bank: Bank, deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mined before what it needs, as after a reorganisation: it reverts, is told so once, and passes when it can."""
    owner, relayer = bank.person(), bank.person()
    data = encode_withdraw(relayer.address, relayer.address, 7)
    with TxJournal(tmp_path / "tx.sqlite") as journal:
        sender = TxSender(rpc, relayer, journal)
        outbox = Outbox(lambda fault: sender, deployment)
        with monkeypatch.context() as patch:
            patch.setattr(sender, "_simulate", lambda view, key, call: 200_000)
            assert _write(outbox, rpc, deployment, data).status == "pending"
        assert outbox.is_out("withdraw")
        seen: list[Write] = []
        eventually(lambda: seen.append(_write(outbox, rpc, deployment, data)) or seen[-1].status == "refused", what="the revert")
        assert error_name(seen[-1].error) == "InsufficientBalance" and not outbox.is_out("withdraw")
        assert _write(outbox, rpc, deployment, data).status == "refused", "simulated: still too early, and nothing is sent"
        assert rpc.get_nonce(relayer.address) == 1
        with TxJournal(tmp_path / "owner.sqlite") as other:
            deposit = TxSender(rpc, owner, other).send(
                deployment.market, encode_deposit(relayer.address, 7), value_wei=7, idempotency_key="d"
            )
        deposit.expect_mined()
        eventually(lambda: _write(outbox, rpc, deployment, data).status == "mined", what="the withdrawal")
    assert rpc.get_nonce(relayer.address) == 2


def _write(outbox: Outbox, rpc: Rpc, deployment: Deployment, data: bytes) -> Write:
    head = rpc.block_number()
    outbox.poll(head)
    return outbox.write("withdraw", "withdraw", deployment.market, data, head_number=head)


def test_a_restarted_process_finds_its_write(rpc: Rpc, bank: Bank, deployment: Deployment, tmp_path: Path) -> None:
    account = bank.person()
    data = encode_deposit(account.address, 7)
    for run in range(2):
        with TxJournal(tmp_path / "tx.sqlite") as journal:
            outbox = Outbox(lambda fault: TxSender(rpc, account, journal), deployment)  # noqa: B023
            outbox.drain()
            assert outbox.is_out("deposit/1") is bool(run) and not outbox.is_out("deposit/2")
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
