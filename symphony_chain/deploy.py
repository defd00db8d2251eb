"""Deployment by CREATE2 through the canonical factory: equal addresses on every chain for equal parameters.

Knows nothing of devnets: it needs a funded `TxSender` and a node that has (or will take) the factory.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from eth_abi import abi as eth_abi
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from symphony_chain.abi import MARKET, REGISTRY, artifact, contract_error
from symphony_chain.errors import Failure, InvalidInput, NotFound, UnknownOutcome, WrongChain
from symphony_chain.registry import encode_publish_page
from symphony_chain.rpc import Rpc
from symphony_chain.signing import Domain
from symphony_chain.skills import DEFAULT_TAGS, page_json
from symphony_chain.tx import TxResult, TxSender

#: Deployed at this address on practically every EVM chain; its transaction is signed by nobody's key.
FACTORY = "0x4e59b44847b379578588920cA78FbF26c0B4956C"
SALT = keccak(text="symphony/1")
DEFAULT_MIN_WINDOW_S = 5


@dataclass(frozen=True, slots=True)
class Deployment:
    """Where the contracts are: one chain (id and genesis), two addresses, the block to follow from."""

    chain_id: int
    genesis: str  # 0x-hex hash of block 0: a restarted devnet is another chain
    registry: str
    market: str
    block: int

    @property
    def domain(self) -> Domain:
        return Domain(self.chain_id, self.market, self.registry)

    @property
    def genesis_hash(self) -> bytes:
        return bytes.fromhex(self.genesis.removeprefix("0x"))

    def save(self, path: Path) -> None:
        """Writes the address book atomically."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        temporary.write_text(json.dumps(asdict(self), indent=1, sort_keys=True) + "\n")
        temporary.replace(path)

    @classmethod
    def load(cls, path: Path) -> Deployment:
        """Reads an address book.

        Raises:
            NotFound: there is none. InvalidInput: it is not one.
        """
        try:
            raw = json.loads(path.read_text())
            return cls(
                int(raw["chain_id"]), str(raw["genesis"]), str(raw["registry"]), str(raw["market"]), int(raw["block"])
            )
        except FileNotFoundError:
            raise NotFound(
                f"no deployment file at {path}",
                hint="run `symphony chain deploy --rpc URL`, or give the file with --deployment",
                code="deployment.missing",
            ) from None
        except (ValueError, KeyError, TypeError) as error:
            raise InvalidInput(
                f"{path} is not a deployment file: {error}",
                hint="delete it and run `symphony chain deploy --rpc URL` again",
                code="deployment.malformed",
            ) from error

    def require(self, rpc: Rpc) -> None:
        """Checks that a node is on this deployment's chain and has its contracts.

        Raises:
            WrongChain: another chain id or genesis, or no code at the market's address.
        """
        chain_id, genesis = rpc.chain_id(), rpc.genesis_hash()
        if chain_id != self.chain_id or genesis != self.genesis_hash:
            raise WrongChain(
                f"the node is on chain {chain_id} with genesis 0x{genesis.hex()[:16]}…, "
                f"the deployment is on chain {self.chain_id} with genesis {self.genesis[:18]}…",
                hint="point --rpc at the right node, or deploy there with `symphony chain deploy`",
                have_chain_id=chain_id,
                want_chain_id=self.chain_id,
            )
        if not rpc.get_code(self.market):
            raise WrongChain(
                f"there is no contract at {self.market}",
                hint="deploy with `symphony chain deploy`",
                code="chain.not_deployed",
            )


def initcode(name: str, types: list[str] | None = None, args: list[Any] | None = None) -> bytes:
    """Creation bytecode with its constructor arguments."""
    return bytes.fromhex(artifact(name)["bytecode"][2:]) + eth_abi.encode(types or [], args or [])


def create2_address(code: bytes) -> str:
    """Address that the factory gives this initcode."""
    factory = bytes.fromhex(FACTORY[2:])
    return str(to_checksum_address(keccak(b"\xff" + factory + SALT + keccak(code))[12:]))


def addresses(min_window_s: int = DEFAULT_MIN_WINDOW_S) -> tuple[str, str]:
    """Registry and market address of a deployment with these parameters, on any chain."""
    registry = create2_address(initcode(REGISTRY))
    return registry, create2_address(_market_code(registry, min_window_s))


def _market_code(registry: str, min_window_s: int) -> bytes:
    return initcode(MARKET, ["address", "uint256"], [registry, min_window_s])


def deploy(sender: TxSender, *, min_window_s: int = DEFAULT_MIN_WINDOW_S) -> Deployment:
    """Deploys both contracts and publishes the default skill page; what is there already is left alone.

    Raises:
        Failure: the chain has no CREATE2 factory. ContractError, UnknownOutcome: a transaction failed.
    """
    rpc = sender.rpc
    if not rpc.get_code(FACTORY):
        raise Failure(
            f"this chain has no CREATE2 factory at {FACTORY}",
            hint="deploy the canonical deterministic deployment proxy there first; Symphony's devnets bring it",
            code="deploy.no_factory",
        )
    registry, market = addresses(min_window_s)
    start = rpc.block_number()
    fresh = not rpc.get_code(registry)
    for address, code in ((registry, initcode(REGISTRY)), (market, _market_code(registry, min_window_s))):
        if not rpc.get_code(address):
            _require(sender.send(FACTORY, SALT + code, idempotency_key=f"deploy/{address}"))
    if fresh:
        page = encode_publish_page(page_json(DEFAULT_TAGS))
        _require(sender.send(registry, page, idempotency_key=f"publish-page/{registry}"))
    return Deployment(rpc.chain_id(), "0x" + rpc.genesis_hash().hex(), registry, market, start if fresh else 0)


def _require(result: TxResult) -> None:
    if result.outcome == "mined":
        return
    if result.outcome == "reverted":
        raise contract_error(result.revert_data or b"")
    raise UnknownOutcome(
        f"transaction 0x{(result.tx_hash or b'').hex()} is {result.outcome}",
        hint="run the same command again: it resumes from the journal and sends nothing twice",
    )
