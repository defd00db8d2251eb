"""Relays transactions that others signed: only to our contracts, only once per idempotency key, reverts decoded.

Holds no keys. Knows nothing of HTTP.
"""

from __future__ import annotations

from collections.abc import Callable

from api.decode_tx import SignedTx, decode_signed
from api.errors import IdempotencyConflict
from api.relay_journal import RelayJournal
from api.schema.write import Relayed
from symphony_chain.abi import contract_error
from symphony_chain.deploy import CONTRACT_NAMES, Deployment
from symphony_chain.errors import ChainUnavailable, Conflict, InvalidInput, RpcError, RpcRevert
from symphony_chain.rpc import Receipt, Rpc

_ALREADY_KNOWN = ("already known", "already imported", "known transaction", "already exists", "alreadyknown")


class TxRelay:
    """One node, one deployment."""

    def __init__(self, rpc: Rpc, deployment: Deployment, journal: RelayJournal, clock: Callable[[], float]) -> None:
        self._rpc = rpc
        self._deployment = deployment
        self._journal = journal
        self._clock = clock

    def close(self) -> None:
        """Closes the journal."""
        self._journal.close()

    def relay(self, raw: bytes, idempotency_key: str | None) -> Relayed:
        """Broadcasts a signed transaction, or tells what became of the one that the key stands for.

        Without a key the transaction's own hash is the key, so sending the same bytes twice is always harmless.

        Raises:
            InvalidInput: malformed, for another chain, or not to our contracts. ContractError: it would revert; nothing
            was sent. IdempotencyConflict: the key stands for another transaction. Conflict: the node refused it.
        """
        tx = decode_signed(raw)
        self._check_target(tx)
        key = idempotency_key or "0x" + tx.hash.hex()
        claim = self._journal.claim(key, tx.hash, self._clock())
        if claim.tx_hash != tx.hash:
            raise IdempotencyConflict(
                f"the idempotency key was used for transaction 0x{claim.tx_hash.hex()}",
                hint="one key stands for one transaction; ask for that one at /v1/tx, or use a new key",
                tx_hash="0x" + claim.tx_hash.hex(),
            )
        known = self.look_up(tx.hash)
        if known is not None:
            return known
        return self._broadcast(tx, key, first=claim.first)

    def look_up(self, tx_hash: bytes) -> Relayed | None:
        """Where a transaction stands at the node; None if the node does not know it."""
        receipt = self._rpc.get_receipt(tx_hash)
        if receipt is not None:
            return _from_receipt(receipt)
        if self._rpc.get_transaction(tx_hash) is not None:
            return _relayed(tx_hash, "broadcast")
        return None

    def _broadcast(self, tx: SignedTx, key: str, *, first: bool) -> Relayed:
        try:
            self._simulate(tx)
            self._rpc.send_raw(tx.raw)
        except RpcRevert as revert:
            if first:
                self._journal.release(key, tx.hash)
            raise contract_error(revert.data) from revert
        except RpcError as error:
            if not any(phrase in error.message.lower() for phrase in _ALREADY_KNOWN):
                if first:
                    self._journal.release(key, tx.hash)
                raise Conflict(
                    f"the node refused the transaction: {error.message}",
                    hint="check nonce, balance and fees of the sender, and sign it again",
                    code="tx.refused",
                ) from error
        except ChainUnavailable:
            # It may or may not have arrived. The same request finds out later and can do no harm.
            return _relayed(tx.hash, "unknown")
        return self.look_up(tx.hash) or _relayed(tx.hash, "broadcast")

    def _simulate(self, tx: SignedTx) -> None:
        self._rpc.eth_call(tx.to, tx.data, sender=tx.sender, value_wei=tx.value_wei)

    def _check_target(self, tx: SignedTx) -> None:
        if tx.chain_id != self._deployment.chain_id:
            raise InvalidInput(
                f"the transaction is signed for chain {tx.chain_id}, this is chain {self._deployment.chain_id}",
                hint="sign it with this chain's id",
                code="tx.wrong_chain",
            )
        ours = {name: getattr(self._deployment, name) for name in CONTRACT_NAMES}
        if tx.to not in ours.values():
            raise InvalidInput(
                f"this relay sends only to Symphony's contracts, not to {tx.to}",
                hint="send other transactions through your own node",
                code="tx.foreign_target",
                **ours,
            )


def _from_receipt(receipt: Receipt) -> Relayed:
    return Relayed(
        tx_hash="0x" + receipt.tx_hash.hex(),
        status="mined" if receipt.status == 1 else "reverted",
        block_number=receipt.block_number,
        block_hash="0x" + receipt.block_hash.hex(),
        gas_used=receipt.gas_used,
    )


def _relayed(tx_hash: bytes, status: str) -> Relayed:
    return Relayed.model_validate({"tx_hash": "0x" + tx_hash.hex(), "status": status})
