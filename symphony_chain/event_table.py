"""How a log becomes a typed event: by its first topic, from the artifact's own signatures. Pure; knows no event by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, Generic, TypeVar

from eth_abi.exceptions import DecodingError
from eth_utils.address import to_checksum_address

from symphony_chain.abi import Signature, signatures
from symphony_chain.errors import InvalidInput
from symphony_chain.rpc_types import Log
from symphony_chain.texts import decode_lossy

E = TypeVar("E")
Values = dict[str, Any]


class EventTable(Generic[E]):
    """The events of some contracts that have a typed form.

    Args:
        contracts: names of artifacts.
        builders: event's name → its dataclass from the parameters by name. Strings are strangers': what is no UTF-8 in them is
            replaced, so that one hostile string cannot stop an index.
    """

    def __init__(self, contracts: Sequence[str], builders: dict[str, Callable[[Values], E]]) -> None:
        self._contracts = contracts
        self._builders = builders

    @cached_property
    def _by_topic(self) -> dict[bytes, Signature]:
        found = (s for contract in self._contracts for s in signatures(contract, "event"))
        return {s.hash: s for s in found if s.name in self._builders}

    def topics(self) -> dict[bytes, Signature]:
        """First topic → signature, for every event that has a typed form."""
        return self._by_topic

    def decode(self, log: Log) -> E | None:
        """The typed event of a log; None where its first topic is none of these.

        Raises:
            InvalidInput: the topic is ours but the data is not of its shape.
        """
        signature = self._by_topic.get(log.topics[0]) if log.topics else None
        if signature is None:
            return None
        try:
            return self._builders[signature.name](_values(signature, log))
        except (DecodingError, ValueError, IndexError) as error:
            raise InvalidInput(
                f"log {log.log_index} of transaction 0x{log.tx_hash.hex()} is not a well-formed {signature.name}: {error}",
                hint="is the address that of a Symphony contract of this version?",
                code="event.malformed",
            ) from error


def _values(signature: Signature, log: Log) -> Values:
    topic = iter(log.topics[1:])
    plain = [kind for kind, indexed in zip(signature.types, signature.indexed, strict=True) if not indexed]
    data = iter(decode_lossy(plain, log.data))
    values: Values = {}
    for name, kind, indexed in zip(signature.names, signature.types, signature.indexed, strict=True):
        if not indexed:
            value = next(data)
        else:
            word = next(topic, None)
            if word is None:
                raise ValueError("a topic is missing")
            # The topic of an indexed string is its hash: the plain copy follows under its own name.
            value = word if kind == "string" else decode_lossy([kind], word)[0]
        values[name] = to_checksum_address(value) if kind == "address" else value
    return values
