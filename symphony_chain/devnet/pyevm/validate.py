"""What the pool asks of a transaction before it waits for a block. Knows the head's state, not the pool."""

from __future__ import annotations

import rlp
from eth.abc import SignedTransactionAPI
from eth.exceptions import UnrecognizedTransactionType
from eth.vm.forks.prague.state import PragueState
from eth.vm.forks.prague.transactions import PragueTransactionBuilder
from eth_typing import Address
from eth_utils.exceptions import ValidationError

from symphony_chain.devnet.pyevm.evm import data_floor_gas
from symphony_chain.devnet.pyevm.faults import INVALID_PARAMS, TRANSACTION_REJECTED, RpcFault

BLOB_TYPE = 3


def decode_transaction(raw: bytes) -> SignedTransactionAPI:
    """Decodes the bytes of eth_sendRawTransaction; RpcFault if they are no transaction that this node can
    mine.
    """
    if not raw:
        raise RpcFault(INVALID_PARAMS, "empty transaction")
    if raw[0] == BLOB_TYPE:
        raise RpcFault(TRANSACTION_REJECTED, "blob transactions (type 3) are not supported by this devnet")
    try:
        tx: SignedTransactionAPI = PragueTransactionBuilder.decode(raw)
        tx.check_signature_validity()
    except (
        rlp.exceptions.RLPException,
        ValidationError,
        UnrecognizedTransactionType,
        ValueError,
        TypeError,
    ) as error:
        raise RpcFault(INVALID_PARAMS, f"failed to decode the signed transaction: {error}") from error
    return tx


def check_transaction(
    tx: SignedTransactionAPI, state: PragueState, chain_id: int, block_gas_limit: int
) -> None:
    """Refuses a transaction that can never be mined, in the words that clients know from other nodes."""
    if tx.chain_id is not None and tx.chain_id != chain_id:
        raise _refuse(f"invalid chain id: the transaction is for {tx.chain_id}, this is {chain_id}")
    if tx.gas > block_gas_limit:
        raise _refuse(f"exceeds block gas limit: {tx.gas} > {block_gas_limit}")
    least_gas = max(int(tx.intrinsic_gas), data_floor_gas(tx.data))
    if tx.gas < least_gas:
        raise _refuse(f"intrinsic gas too low: have {tx.gas}, want {least_gas}")
    if tx.max_priority_fee_per_gas > tx.max_fee_per_gas:
        raise _refuse("max priority fee per gas higher than max fee per gas")
    sender = Address(tx.sender)
    nonce = state.get_nonce(sender)
    if tx.nonce < nonce:
        raise _refuse(f"nonce too low: next nonce {nonce}, tx nonce {tx.nonce}")
    balance_wei, cost_wei = state.get_balance(sender), tx.gas * tx.max_fee_per_gas + tx.value
    if balance_wei < cost_wei:
        raise _refuse(
            f"insufficient funds for gas * price + value: balance {balance_wei}, tx cost {cost_wei}"
        )


def _refuse(message: str) -> RpcFault:
    return RpcFault(TRANSACTION_REJECTED, message)
