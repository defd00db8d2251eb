"""Typed client of ReleaseRegistry: releases, their signatures, views over RPC, and calldata. Sends nothing itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eth_account.signers.local import LocalAccount

from symphony_chain import typed_data
from symphony_chain.abi import encode, function
from symphony_chain.errors import ContractError
from symphony_chain.rpc import BlockId, Rpc
from symphony_chain.texts import decode_lossy, label

#: Name of the contract's artifact.
RELEASES = "ReleaseRegistry"
_DOMAIN = "Symphony ReleaseRegistry"
_RELEASE = "address publisher,bytes32 kind,string name,string version,bytes32 digest,uint8 codec,uint64 size,uint256 deadline"
_YANK = "address publisher,string name,string version,uint256 deadline"
MAX_NAME_BYTES = 64
MAX_VERSION_BYTES = 31
#: Kinds of releases.
BASE_MODEL = label("base-model")
TOOLCHAIN = label("toolchain")
TASK_TEMPLATE = label("task-template")
SKILL_PAGE = label("skill-page")
EXPERT_CORPUS = label("expert-corpus")


@dataclass(frozen=True, slots=True)
class Release:
    """A version that a publisher stands for. `digest` and `codec` are its CID's; `size_bytes` of the whole content."""

    publisher: str
    kind: bytes  # a `texts.label`
    name: str
    version: str
    digest: bytes
    codec: int
    size_bytes: int

    def as_tuple(self) -> tuple[Any, ...]:
        return (self.publisher, self.kind, self.name, self.version, self.digest, self.codec, self.size_bytes)


@dataclass(frozen=True, slots=True)
class Published:
    """What the chain keeps of a release."""

    digest: bytes
    codec: int
    size_bytes: int
    published_at_s: int
    yanked: bool


class ReleaseClient:
    """Reads of one registry at `block` (default latest). All raise ChainUnavailable when the node is away."""

    def __init__(self, rpc: Rpc, address: str) -> None:
        self.rpc = rpc
        self.address = address

    def _read(self, block: BlockId, name: str, *args: Any) -> tuple[Any, ...]:
        data = self.rpc.eth_call(self.address, encode(RELEASES, name, *args), block)
        if not data:
            raise ContractError(
                f"there is no {RELEASES} at {self.address}",
                hint="is the contract deployed at this address on this chain?",
                code="contract.no_code",
            )
        return decode_lossy(function(RELEASES, name).outputs, data)

    def release(self, publisher: str, name: str, version: str, block: BlockId = "latest") -> Published | None:
        """A version by name; None where its publisher never published it."""
        found = Published(*self._read(block, "releaseOf", publisher, name, version))
        return found if any(found.digest) else None

    def latest(self, publisher: str, name: str, block: BlockId = "latest") -> str | None:
        """The version published last under a name, yanked or not; None where there is none."""
        version: str = self._read(block, "latestOf", publisher, name)[0]
        return version or None


def release_document(chain_id: int, registry: str, release: Release, deadline_s: int) -> dict[str, Any]:
    """What the publisher signs to have a release published by anybody until `deadline_s` of block time."""
    names = ("publisher", "kind", "name", "version", "digest", "codec", "size")
    message = {**dict(zip(names, release.as_tuple(), strict=True)), "deadline": deadline_s}
    return typed_data.document(_DOMAIN, chain_id, registry, "Release", _RELEASE, message)


def yank_document(
    chain_id: int, registry: str, publisher: str, name: str, version: str, deadline_s: int
) -> dict[str, Any]:
    """What the publisher signs to have a version yanked by anybody until `deadline_s` of block time."""
    message = {"publisher": publisher, "name": name, "version": version, "deadline": deadline_s}
    return typed_data.document(_DOMAIN, chain_id, registry, "Yank", _YANK, message)


def sign_release(
    account: LocalAccount, chain_id: int, registry: str, release: Release, deadline_s: int
) -> bytes:
    return typed_data.sign(account, release_document(chain_id, registry, release, deadline_s))


def sign_yank(
    account: LocalAccount, chain_id: int, registry: str, name: str, version: str, deadline_s: int
) -> bytes:
    document = yank_document(chain_id, registry, account.address, name, version, deadline_s)
    return typed_data.sign(account, document)


def encode_publish(release: Release, deadline_s: int = 0, signature: bytes = b"") -> bytes:
    """`deadline_s` counts with a signature only."""
    return encode(RELEASES, "publish", release.as_tuple(), deadline_s, signature)


def encode_yank(
    publisher: str, name: str, version: str, deadline_s: int = 0, signature: bytes = b""
) -> bytes:
    """Marks a version for ever; its digest stays."""
    return encode(RELEASES, "yank", publisher, name, version, deadline_s, signature)


def encode_multicall(calls: Sequence[bytes]) -> bytes:
    return encode(RELEASES, "multicall", list(calls))
