"""One way to send a transaction from a command: journaled, waited for, told. Knows nothing of what it does."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from symphony_chain.abi import contract_error
from symphony_chain.errors import RpcRevert

if TYPE_CHECKING:
    from symphony.cli.session import Session


def send(
    session: Session, to: str, data: bytes, *, purpose: str, value_wei: int = 0, key: str | None = None
) -> dict[str, Any]:
    """Sends and waits; returns `tx_hash`, `block` and `gas_used`.

    Args:
        purpose: word for the journal and the spinner.
        key: idempotency key; None makes a new one, for steps that the contract itself refuses to do twice.

    Raises:
        ContractError: the contract refuses (decoded). Conflict `tx.unfunded`. UnknownOutcome: sent, not yet mined.
    """
    with session.out.working(f"{purpose}: waiting for a block"):
        try:
            result = session.sender.send(
                to, data, value_wei=value_wei, idempotency_key=key or f"{purpose}/{secrets.token_hex(8)}"
            )
        except RpcRevert as revert:
            raise contract_error(revert.data) from revert
    if result.outcome == "reverted":
        raise contract_error(result.revert_data)
    receipt = result.expect_mined()
    return {
        "tx_hash": "0x" + receipt.tx_hash.hex(),
        "block": receipt.block_number,
        "gas_used": receipt.gas_used,
    }
