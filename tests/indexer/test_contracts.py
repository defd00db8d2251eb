"""Whose logs are ours: those of the deployment's contracts, without what the shared ones say for other markets."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from indexer.contracts import CONTRACTS, Contracts
from symphony_chain.abi import Signature, signatures
from symphony_chain.deploy import CONTRACT_NAMES, Deployment
from symphony_chain.errors import InvalidInput
from symphony_chain.rpc_types import Log, address_topic, checksum

ADDRESSES = {name: checksum(f"0x{i:040x}") for i, name in enumerate(CONTRACT_NAMES, 1)}
HERE = Contracts(Deployment(31337, "0x" + "aa" * 32, 0, **ADDRESSES))
LIAR = "0x" + "22" * 20
SHARED = [name for name in CONTRACT_NAMES if CONTRACTS[name].shared]


def log_of(address: str, topics: Sequence[bytes]) -> Log:
    return Log(address, tuple(topics), b"", 1, bytes(32), bytes(32), 0, 0)


def events_of(name: str) -> list[Signature]:
    return list(signatures(CONTRACTS[name].abi, "event"))


def test_plans_and_the_pool_serve_any_market() -> None:
    assert SHARED == ["plans", "pool"]


@pytest.mark.parametrize("name", CONTRACT_NAMES)
def test_shared_contracts_name_the_market_first(name: str) -> None:
    first = {(s.names[:1], s.types[:1], s.indexed[:1]) for s in events_of(name)}
    assert first
    assert (first == {(("market",), ("address",), (True,))}) is CONTRACTS[name].shared


@pytest.mark.parametrize("name", SHARED)
def test_what_a_shared_contract_says_for_another_market_is_none_of_ours(name: str) -> None:
    for event in events_of(name):
        rest = [bytes(32)] * (sum(event.indexed) - 1)
        ours = log_of(ADDRESSES[name], [event.hash, address_topic(ADDRESSES["market"]), *rest])
        assert HERE.ours(ours)
        with pytest.raises(InvalidInput, match=event.name):  # it is read, and has no data
            HERE.decode(ours)
        liars = log_of(ADDRESSES[name], [event.hash, address_topic(LIAR), *rest])
        assert not HERE.ours(liars) and HERE.decode(liars) is None
    assert not HERE.ours(log_of(ADDRESSES[name], []))


def test_every_log_of_the_other_contracts_is_ours_and_none_of_other_addresses() -> None:
    for name in CONTRACT_NAMES:
        for event in events_of(name):
            log = log_of(ADDRESSES[name], [event.hash, address_topic(LIAR)])
            assert HERE.ours(log) is (name not in SHARED)
            assert not HERE.ours(log_of(LIAR, [event.hash, address_topic(ADDRESSES["market"])]))
