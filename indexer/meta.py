"""What the index knows of itself: which chain it mirrors, where the node stands, how it fares. Knows no projection."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, delete, insert, select

from indexer.schema import meta
from symphony_chain.deploy import Deployment
from symphony_chain.errors import WrongChain


class Health(StrEnum):
    """How following fares; everything but `following` and `starting` keeps the last good rows."""

    STARTING = "starting"
    FOLLOWING = "following"
    UNREACHABLE = "unreachable"
    NODE_BEHIND = "node_behind"
    WRONG_CHAIN = "wrong_chain"
    REORG_FINAL = "reorg_final"


@dataclass(frozen=True, slots=True)
class Identity:
    """The chain and contracts that a database mirrors."""

    chain_id: int
    genesis: str
    registry: str
    market: str
    first_block: int

    @classmethod
    def of(cls, deployment: Deployment) -> Identity:
        return cls(
            deployment.chain_id, deployment.genesis.lower(), deployment.registry, deployment.market, deployment.block
        )


IDENTITY_KEYS = ("chain_id", "genesis", "registry", "market", "first_block")


def read(connection: Connection) -> dict[str, str]:
    """All entries."""
    return {row.key: row.value for row in connection.execute(select(meta))}


def write(connection: Connection, **values: object) -> None:
    """Sets entries."""
    connection.execute(delete(meta).where(meta.c.key.in_(list(values))))
    connection.execute(insert(meta), [{"key": key, "value": str(value)} for key, value in values.items()])


def identity(entries: dict[str, str]) -> Identity | None:
    """The identity among entries; None for a database that never saw a chain."""
    if "genesis" not in entries:
        return None
    return Identity(
        int(entries["chain_id"]), entries["genesis"], entries["registry"], entries["market"], int(entries["first_block"])
    )


def claim(connection: Connection, wanted: Identity) -> None:
    """Gives a new database its identity, or checks the one it has.

    Raises:
        WrongChain: the database mirrors another chain, genesis or market. Nothing is deleted.
    """
    found = identity(read(connection))
    if found is None:
        write(connection, **{key: getattr(wanted, key) for key in IDENTITY_KEYS}, state=Health.STARTING, message="")
    elif (found.chain_id, found.genesis, found.market) != (wanted.chain_id, wanted.genesis, wanted.market):
        raise WrongChain(
            f"the database mirrors chain {found.chain_id}, genesis {found.genesis[:18]}…, market {found.market}; "
            f"asked for is chain {wanted.chain_id}, genesis {wanted.genesis[:18]}…, market {wanted.market}",
            hint="name another database for this chain (every start of a devnet is a chain of its own); nothing was deleted",
            have=found.genesis,
            want=wanted.genesis,
        )
