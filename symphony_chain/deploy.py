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

from symphony_chain.abi import MARKET, PLANS, POOL, QUORUM, REGISTRY, artifact, contract_error
from symphony_chain.deltas import DELTAS
from symphony_chain.errors import Failure, InvalidInput, NotFound, UnknownOutcome, WrongChain
from symphony_chain.model.tally import ScoreRules
from symphony_chain.registry import encode_publish_page
from symphony_chain.releases import RELEASES
from symphony_chain.reputation import REPUTATION
from symphony_chain.rpc import Rpc
from symphony_chain.signing import Domain
from symphony_chain.skills import DEFAULT_TAGS, page_json
from symphony_chain.tx import TxResult, TxSender
from symphony_chain.types import NATIVE

#: Deployed at this address on practically every EVM chain; its transaction is signed by nobody's key.
FACTORY = "0x4e59b44847b379578588920cA78FbF26c0B4956C"
SALT = keccak(text="symphony/1")


#: What the contracts' constructors take.
_RANGES = {
    "min_window_s": (1, 30 * 86_400),
    "score_min_wei": (0, 2**256 - 1),
    "score_burn_bps": (0, 10_000),
    "pool_epoch_s": (1, 365 * 86_400),
    "pool_delay": (1, 10_000),
    "pool_spread": (1, 10_000),
}


@dataclass(frozen=True, slots=True)
class Terms:
    """Constants of a deployment, for ever; the defaults are for devnets. Other terms are another market, at another address.

    Reputation moves only in tasks paid in ``score_token``, ``score_min_wei`` a seat or more; ``score_burn_bps`` of such pay is
    burnt.
    """

    min_window_s: int = 5
    score_token: str = NATIVE
    score_min_wei: int = 10**12
    score_burn_bps: int = 100
    #: Of the reward pool: seconds of an epoch; epochs before a pot is released; epochs over which it is.
    pool_epoch_s: int = 60
    pool_delay: int = 1
    pool_spread: int = 4

    def __post_init__(self) -> None:
        """As the constructors have it.

        Raises:
            InvalidInput ``deploy.terms``: a constant is out of range.
        """
        for name, (least, most) in _RANGES.items():
            value = getattr(self, name)
            if not least <= value <= most:
                raise InvalidInput(
                    f"{name} = {value} is out of range", hint=f"give {least} to {most}", code="deploy.terms", field=name
                )

    @property
    def rules(self) -> ScoreRules:
        """As the reference model takes them."""
        return ScoreRules(self.score_token, self.score_min_wei, self.score_burn_bps)


DEFAULT_TERMS = Terms()


@dataclass(frozen=True, slots=True)
class Deployment:
    """Where the contracts are: one chain (id and genesis), their addresses, the block to follow from."""

    chain_id: int
    genesis: str  # 0x-hex hash of block 0: a restarted devnet is another chain
    block: int
    registry: str
    plans: str
    pool: str
    market: str
    reputation: str
    releases: str
    deltas: str
    quorum: str

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
            addresses = {name: str(raw[name]) for name in CONTRACT_NAMES}
            return cls(chain_id=int(raw["chain_id"]), genesis=str(raw["genesis"]), block=int(raw["block"]), **addresses)
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


#: Names of the contracts' fields in `Deployment`, in the order of their creation.
CONTRACT_NAMES = ("registry", "plans", "pool", "market", "reputation", "releases", "deltas", "quorum")


def creation_codes(terms: Terms = DEFAULT_TERMS) -> dict[str, bytes]:
    """Field of `Deployment` → creation bytecode with arguments, in the order of creation."""
    codes = {"registry": initcode(REGISTRY)}
    registry = create2_address(codes["registry"])
    codes["plans"] = initcode(PLANS, ["address"], [registry])
    codes["pool"] = initcode(
        POOL, ["uint256"] * 3, [terms.pool_epoch_s, terms.pool_delay, terms.pool_spread]
    )
    codes["market"] = initcode(
        MARKET,
        ["address", "address", "address", "uint256", "address", "uint256", "uint256"],
        [
            registry,
            create2_address(codes["pool"]),
            create2_address(codes["plans"]),
            terms.min_window_s,
            terms.score_token,
            terms.score_min_wei,
            terms.score_burn_bps,
        ],
    )
    market = create2_address(codes["market"])
    codes["reputation"] = initcode(REPUTATION, ["address", "address"], [registry, market])
    codes["releases"] = initcode(RELEASES)
    codes["deltas"] = initcode(DELTAS, ["address"], [registry])
    codes["quorum"] = initcode(QUORUM, ["address"], [market])
    return codes


def addresses(terms: Terms = DEFAULT_TERMS) -> dict[str, str]:
    """Field of `Deployment` → address of a deployment with these terms, on any chain."""
    return {name: create2_address(code) for name, code in creation_codes(terms).items()}


def deploy(sender: TxSender, *, terms: Terms = DEFAULT_TERMS) -> Deployment:
    """Deploys the contracts and publishes the default skill page; what is there already is left alone.

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
    codes = creation_codes(terms)
    where = {name: create2_address(code) for name, code in codes.items()}
    start = rpc.block_number()
    fresh = not rpc.get_code(where["registry"])
    for name, code in codes.items():
        if not rpc.get_code(where[name]):
            _require(sender.send(FACTORY, SALT + code, idempotency_key=f"deploy/{where[name]}"))
    if fresh:
        page = encode_publish_page(page_json(DEFAULT_TAGS))
        _require(sender.send(where["registry"], page, idempotency_key=f"publish-page/{where['registry']}"))
    return Deployment(
        chain_id=rpc.chain_id(), genesis="0x" + rpc.genesis_hash().hex(), block=start if fresh else 0, **where
    )


def _require(result: TxResult) -> None:
    if result.outcome == "mined":
        return
    if result.outcome == "reverted":
        raise contract_error(result.revert_data or b"")
    raise UnknownOutcome(
        f"transaction 0x{(result.tx_hash or b'').hex()} is {result.outcome}",
        hint="run the same command again: it resumes from the journal and sends nothing twice",
    )
