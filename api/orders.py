"""Relays signed orders with the API's own gas key, where it was given one. What an order moves is its signer's.

The market judges signatures (of keys and of wallet contracts): an order that it would refuse is simulated and never sent.
Knows nothing of HTTP.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from api.errors import NotOffered
from api.schema.write import (
    AwardOrder,
    CancelOrder,
    ClaimOrder,
    CommitOrder,
    EvaluateOrder,
    HireOrder,
    Order,
    OrderRelayed,
    PostOrder,
    SignedBid,
    TakeOrder,
    WithdrawOrder,
)
from symphony_chain import market
from symphony_chain.abi import contract_error
from symphony_chain.deploy import Deployment
from symphony_chain.errors import InvalidInput, RpcRevert, UsageError
from symphony_chain.keys import Keystore, read_password
from symphony_chain.rpc import Rpc
from symphony_chain.signing import task_id
from symphony_chain.tx import TxResult, TxSender
from symphony_chain.tx_journal import TxJournal
from symphony_chain.types import Bid, Task

WAIT_S = 20.0


class OrderRelay:
    """Sends orders on behalf of their signers; without a key it says that it cannot."""

    def __init__(self, deployment: Deployment, sender: TxSender | None, journal: TxJournal | None = None) -> None:
        self._deployment = deployment
        self._sender = sender
        self._journal = journal

    @property
    def offered(self) -> bool:
        """Whether there is a key."""
        return self._sender is not None

    def close(self) -> None:
        """Closes the sender's journal."""
        if self._journal is not None:
            self._journal.close()

    def relay(self, order: Order) -> OrderRelayed:
        """Sends an order; the same order is never sent twice.

        Raises:
            NotOffered: no relayer key. InvalidInput: malformed.
            ContractError: the market would refuse it (not signed by whom it must be, too little balance, too late, …).
        """
        if self._sender is None:
            raise NotOffered(
                "this API has no relayer key, so it cannot send orders",
                hint="send the draft's transaction with your own wallet, or start the API with --relayer-keystore",
            )
        about, calldata = self._call(order)
        try:
            # The calldata holds the signature: whatever is signed once is sent once.
            result = self._sender.send(
                self._deployment.market,
                calldata,
                idempotency_key=f"order/{keccak(calldata).hex()}",
                deadline_s=WAIT_S,
            )
        except RpcRevert as revert:
            raise contract_error(revert.data) from revert
        return _relayed(about, result)

    def _call(self, order: Order) -> tuple[bytes | None, bytes]:
        """The task that an order is about, if any, and its calldata."""
        signature = _bytes(order.signature)
        match order:
            case ClaimOrder():
                to, token = to_checksum_address(order.to), to_checksum_address(order.token)
                return None, market.encode_claim(order.agent_id, to, token, order.deadline_s, signature)
            case WithdrawOrder():
                account, to, token = (to_checksum_address(name) for name in (order.account, order.to, order.token))
                return None, market.encode_withdraw(account, to, int(order.amount_wei), token, order.deadline_s, signature)
            case CommitOrder():
                about = _bytes(order.task_id)
                return about, market.encode_commit(about, order.seat, _bytes(order.commitment), signature)
        task = task_from_json(order.task)
        calldata = _task_call(order, task, signature)  # first: it says clearly which value does not fit the contract
        return task_id(self._deployment.domain, task), calldata


def _task_call(
    order: PostOrder | HireOrder | CancelOrder | AwardOrder | TakeOrder | EvaluateOrder, task: Task, signature: bytes
) -> bytes:
    match order:
        case PostOrder():
            return market.encode_post(task, signature)
        case HireOrder():
            return market.encode_hire(task, [bid_of(bid) for bid in order.bids], signature)
        case CancelOrder():
            return market.encode_cancel(task, signature)
        case AwardOrder():
            return market.encode_award(task, [bid_of(bid) for bid in order.bids], signature)
        case TakeOrder():
            return market.encode_take(task, order.agent_id, signature, order.deadline_s)
        case EvaluateOrder():
            return market.encode_evaluate(task, order.scores_bps, signature)


def bid_of(bid: SignedBid) -> Bid:
    """A bid of a request as the market takes it."""
    return Bid(bid.agent_id, int(bid.price_wei), bid.confidence_bps, bid.expiry_s, _bytes(bid.signature))


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def task_from_json(values: dict[str, Any]) -> Task:
    """A task's 24 parameters from JSON; InvalidInput for anything else."""
    try:
        task = Task.from_json(values)
        if task.as_json() != values:
            raise ValueError("a field is not in its canonical form, or unknown")
        if any(isinstance(value, bytes) and len(value) != 32 for value in task.as_tuple()):
            raise ValueError("a digest has not 32 bytes")
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


def _relayed(about: bytes | None, result: TxResult) -> OrderRelayed:
    if result.outcome == "reverted":
        raise contract_error(result.revert_data)
    return OrderRelayed(
        task_id="0x" + about.hex() if about is not None else None,
        tx_hash="0x" + result.tx_hash.hex(),
        status="mined" if result.outcome == "mined" else "unknown",
        block_number=result.block_number,
        block_hash="0x" + result.block_hash.hex() if result.block_hash else None,
        gas_used=result.receipt.gas_used if result.receipt else None,
    )
