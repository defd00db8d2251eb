"""Relays signed task orders with the API's own gas key, where it was given one. The order's money is the requester's.

Knows nothing of HTTP.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from api.errors import NotOffered
from api.schema.write import OrderRelayed
from symphony_chain.abi import contract_error
from symphony_chain.deploy import Deployment
from symphony_chain.errors import InvalidInput, RpcRevert, UsageError
from symphony_chain.keys import Keystore, read_password
from symphony_chain.market import encode_post
from symphony_chain.rpc import Rpc
from symphony_chain.signing import recover_task, task_id
from symphony_chain.tx import TxResult, TxSender
from symphony_chain.tx_journal import TxJournal
from symphony_chain.types import Task

WAIT_S = 20.0


class OrderRelay:
    """Posts orders on behalf of their requesters; without a key it says that it cannot."""

    def __init__(self, deployment: Deployment, sender: TxSender | None, journal: TxJournal | None = None) -> None:
        self._deployment = deployment
        self._sender = sender
        self._journal = journal

    def close(self) -> None:
        """Closes the sender's journal."""
        if self._journal is not None:
            self._journal.close()

    def relay(self, values: dict[str, Any], signature: bytes) -> OrderRelayed:
        """Posts an order; the same order is never posted twice.

        Raises:
            NotOffered: no relayer key. InvalidInput: malformed, or not signed by its requester.
            ContractError: the market would refuse it (too little balance, a window out of range, …).
        """
        if self._sender is None:
            raise NotOffered(
                "this API has no relayer key, so it cannot post orders",
                hint="sign the draft's transaction and send it to /v1/tx, or start the API with --relayer-keystore",
            )
        task = task_from_json(values)
        calldata = encode_post(task, signature)  # first: it says clearly which value does not fit the contract
        domain = self._deployment.domain
        signer = recover_task(domain, task, signature)
        if signer != task.requester:
            raise InvalidInput(
                f"the order is signed by {signer or 'nobody'}, not by its requester {task.requester}",
                hint="sign exactly the draft's typed_data with the requester's key, on this chain",
                code="order.bad_signature",
            )
        order_id = task_id(domain, task)
        try:
            result = self._sender.send(
                self._deployment.market,
                calldata,
                idempotency_key=f"order/{order_id.hex()}",
                deadline_s=WAIT_S,
            )
        except RpcRevert as revert:
            raise contract_error(revert.data) from revert
        return _relayed(order_id, result)


def task_from_json(values: dict[str, Any]) -> Task:
    """A task's 23 parameters from JSON; InvalidInput for anything else."""
    try:
        task = Task.from_json(values)
        if task.as_json() != values:
            raise ValueError("a field is not in its canonical form, or unknown")
        return task
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise InvalidInput(
            f"this is not a task: {error}"[:200], hint="send `task` exactly as the draft gave it", code="order.malformed"
        ) from error


def open_sender(rpc: Rpc, keystore: Path, password_file: Path | None, journal: TxJournal) -> TxSender:
    """The sender of the one key in a keystore folder."""
    store = Keystore(keystore)
    keys = store.list()
    if len(keys) != 1:
        raise UsageError(
            f"{keystore} holds {len(keys)} keys; a relayer needs exactly one",
            hint="give a folder with one key that pays for gas (`symphony key new`)",
            code="api.relayer_keystore",
        )
    account = store.unlock(keys[0].address, read_password(file=password_file))
    return TxSender(rpc, account, journal)


def _relayed(order_id: bytes, result: TxResult) -> OrderRelayed:
    if result.outcome == "reverted":
        raise contract_error(result.revert_data)
    return OrderRelayed(
        task_id="0x" + order_id.hex(),
        tx_hash="0x" + result.tx_hash.hex(),
        status="mined" if result.outcome == "mined" else "unknown",
        block_number=result.block_number,
        block_hash="0x" + result.block_hash.hex() if result.block_hash else None,
        gas_used=result.receipt.gas_used if result.receipt else None,
    )
