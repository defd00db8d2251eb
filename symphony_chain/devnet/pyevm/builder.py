"""Builds blocks: picks candidates, executes each once, seals header, receipts and JSON.

Knows neither clocks nor locks; the node says when and at which timestamp.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from eth.abc import ReceiptAPI, SignedTransactionAPI
from eth.constants import BLANK_ROOT_HASH
from eth.db.trie import make_trie_root_and_nodes
from eth.vm.forks.london.headers import calculate_expected_base_fee_per_gas
from eth.vm.forks.prague.blocks import PragueBlockHeader
from eth_hash.auto import keccak
from eth_typing import Address, BlockNumber, Hash32
from eth_utils.exceptions import ValidationError

from symphony_chain.devnet.pyevm import encode
from symphony_chain.devnet.pyevm.evm import BlockEnv, Evm, Executed, run
from symphony_chain.devnet.pyevm.ledger import Json, SealedBlock


class Source(Protocol):
    """Candidates in order; ``took`` is told of each one that went in."""

    def __iter__(self) -> Iterator[SignedTransactionAPI]: ...
    def took(self, tx: SignedTransactionAPI) -> None: ...


@dataclass
class Built:
    """A sealed block and the candidates that can never be mined as they are."""

    sealed: SealedBlock
    invalid: list[SignedTransactionAPI] = field(default_factory=list)


@dataclass
class _Draft:
    gas_used: int = 0
    bloom: int = 0
    txs: list[SignedTransactionAPI] = field(default_factory=list)
    done: list[Executed] = field(default_factory=list)
    receipts: list[ReceiptAPI] = field(default_factory=list)
    invalid: list[SignedTransactionAPI] = field(default_factory=list)


def next_env(
    parent: PragueBlockHeader, timestamp: int, salt: bytes, prev_hashes: Callable[[], Iterable[bytes]]
) -> BlockEnv:
    """The environment of the block after ``parent``; ``salt`` goes into PREVRANDAO and so into the block's
    hash.
    """
    number = parent.block_number + 1
    return BlockEnv(
        number=number,
        timestamp=timestamp,
        gas_limit=parent.gas_limit,
        base_fee_wei=int(calculate_expected_base_fee_per_gas(parent)),
        mix_hash=keccak(salt + number.to_bytes(8, "big")),
        prev_hashes=prev_hashes,
    )


def build(evm: Evm, parent: SealedBlock, env: BlockEnv, source: Source) -> Built:
    """Executes candidates on the parent's state until none is left or the block is full; failed ones are
    mined too.
    """
    state = evm.state(env, parent.state_root)
    draft = _Draft()
    for tx in source:
        if tx.max_fee_per_gas < env.base_fee_wei or tx.gas > env.gas_limit - draft.gas_used:
            continue  # waits for a cheaper or emptier block, and its sender's later nonces with it
        try:
            tx.validate()
            state.validate_transaction(tx)
        except ValidationError:
            draft.invalid.append(tx)
            continue
        _add(draft, tx, run(state, tx))
        source.took(tx)
    state.persist()
    return Built(_seal(parent.header, env, draft, bytes(state.state_root)), draft.invalid)


def _add(draft: _Draft, tx: SignedTransactionAPI, done: Executed) -> None:
    draft.gas_used += done.gas_used
    receipt = tx.make_receipt(b"\x01" if done.ok else b"", draft.gas_used, tuple(done.logs))
    draft.bloom |= int(receipt.bloom)
    draft.txs.append(tx)
    draft.done.append(done)
    draft.receipts.append(receipt)


def _seal(parent: PragueBlockHeader, env: BlockEnv, draft: _Draft, state_root: bytes) -> SealedBlock:
    header = PragueBlockHeader(
        difficulty=0,
        block_number=BlockNumber(env.number),
        gas_limit=env.gas_limit,
        timestamp=env.timestamp,
        coinbase=Address(b"\0" * 20),
        parent_hash=Hash32(parent.hash),
        state_root=Hash32(state_root),
        transaction_root=_root(draft.txs),
        receipt_root=_root(draft.receipts),
        bloom=draft.bloom,
        gas_used=draft.gas_used,
        mix_hash=Hash32(env.mix_hash),
        nonce=b"\0" * 8,
        base_fee_per_gas=env.base_fee_wei,
    )
    return sealed_block(header, draft.txs, draft.done, draft.receipts)


def sealed_block(
    header: PragueBlockHeader,
    txs: list[SignedTransactionAPI],
    done: list[Executed],
    receipts: list[ReceiptAPI],
) -> SealedBlock:
    """A block with its ready-made JSON."""
    tx_jsons = [encode.mined_tx_json(tx, header, index) for index, tx in enumerate(txs)]
    receipt_jsons: list[Json] = []
    logs: list[Json] = []
    for index, (tx, result, receipt) in enumerate(zip(txs, done, receipts, strict=True)):
        receipt_jsons.append(encode.receipt_json(tx, result, receipt, header, index, len(logs)))
        logs += receipt_jsons[-1]["logs"]
    size_bytes = encode.block_size_bytes(header, txs)
    block = encode.block_json(header, [tx["hash"] for tx in tx_jsons], size_bytes)
    return SealedBlock(header, bytes(header.state_root), block, tx_jsons, receipt_jsons, logs)


def _root(items: list[SignedTransactionAPI] | list[ReceiptAPI]) -> Hash32:
    if not items:
        return Hash32(BLANK_ROOT_HASH)
    root, _ = make_trie_root_and_nodes(tuple(items))
    return Hash32(root)
