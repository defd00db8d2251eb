"""DeltaRegistry beside its model: lines of deltas that only their agents grow; signatures, replays, errors, gas."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from eth_abi import abi as eth_abi
from eth_utils.crypto import keccak
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from symphony_chain import deltas, typed_data
from symphony_chain.deltas import DELTAS, NO_HEAD, Delta, is_line
from symphony_chain.ledger_events import DeltaPublished
from symphony_chain.types import ZERO_ADDRESS
from tests.contract.doubles import Double
from tests.contract.evm import CHAIN_ID, Outcome
from tests.contract.ledger import (
    ANNA,
    BERT,
    CARL,
    OTHER,
    STRANGER,
    LedgerWorld,
    error_names,
    error_of,
    events_of,
    ok,
)
from tests.contract.test_releases import signer_of
from tests.property.world import CONTRACT, FORMS, KEY_OF, dressed

BASES = (keccak(b"base model 0"), keccak(b"base model 1"))
FIRST = Delta(1, BASES[0], NO_HEAD, keccak(b"manifest"), 4_096, 0x55)


@pytest.fixture
def world() -> LedgerWorld:
    return LedgerWorld()


def publish(
    world: LedgerWorld,
    sender: str,
    delta: Delta,
    *,
    signer: str | None = None,
    form: str = "plain",
    chain_id: int = CHAIN_ID,
    registry: str = "",
) -> Outcome:
    """By the sender itself, or with the signature of `signer` for a registry on a chain (by default the right ones)."""
    where = world.where[DELTAS]
    signature, by = b"", None
    if signer is not None:
        signature = deltas.sign_delta(KEY_OF[signer], chain_id, registry or where, delta)
        signature, by = dressed(signature, form), signer_of(signer, form)
        if chain_id != CHAIN_ID or (registry or where) != where:
            by = ZERO_ADDRESS  # over another digest it is somebody's, but nobody's here
    data = deltas.encode_publish(delta, signature)
    return world.step(DELTAS, sender, data, lambda c: world.deltas.publish(replace(c, signer=by), delta))


def after(delta: Delta, digest: bytes = b"next") -> Delta:
    """A delta that follows another."""
    return replace(delta, parent=delta.head, digest=keccak(digest))


def test_a_line_grows_from_head_to_head(world: LedgerWorld) -> None:
    read = world.read_deltas
    assert read.head(1, BASES[0]) == NO_HEAD
    first = ok(publish(world, ANNA, FIRST))
    assert events_of(first) == [DeltaPublished(FIRST)]
    assert [int.from_bytes(topic, "big") for topic in first.logs[0].topics[1:]] == [
        1,
        int.from_bytes(BASES[0], "big"),
    ]
    assert read.head(1, BASES[0]) == FIRST.head
    second = after(FIRST)
    ok(publish(world, ANNA, second))
    assert read.head(1, BASES[0]) == second.head
    # Other base models and other agents have lines of their own.
    assert read.head(1, BASES[1]) == read.head(2, BASES[0]) == NO_HEAD
    ok(publish(world, BERT, replace(FIRST, agent_id=2)))
    assert read.head(2, BASES[0]) != FIRST.head  # the same content is another head in another line
    # Whoever knows the head can check the whole line, and no other.
    assert is_line([FIRST, second], second.head)
    assert not is_line([second], second.head)
    assert not is_line([FIRST], second.head)
    assert not is_line([FIRST, replace(second, agent_id=2)], replace(second, agent_id=2).head)


def test_the_head_is_the_eip_712_struct_hash_written_out(world: LedgerWorld) -> None:
    kind = "Delta(uint256 agentId,bytes32 baseModel,bytes32 parent,bytes32 digest,uint64 size,uint8 codec)"
    words = [1, BASES[0], NO_HEAD, FIRST.digest, 4_096, 0x55]
    struct = keccak(
        eth_abi.encode(
            ["bytes32", "uint256", "bytes32", "bytes32", "bytes32", "uint64", "uint8"],
            [keccak(text=kind), *words],
        )
    )
    assert FIRST.head == struct
    domain = keccak(
        eth_abi.encode(
            ["bytes32", "bytes32", "bytes32", "uint256", "address"],
            [
                keccak(
                    text="EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
                ),
                keccak(text="Symphony DeltaRegistry"),
                keccak(text="1"),
                CHAIN_ID,
                world.where[DELTAS],
            ],
        )
    )
    document = deltas.delta_document(CHAIN_ID, world.where[DELTAS], FIRST)
    assert typed_data.digest(document) == keccak(b"\x19\x01" + domain + struct)


def test_two_that_grow_one_head_cannot_both_win(world: LedgerWorld) -> None:
    ok(publish(world, ANNA, FIRST))
    winner, loser = after(FIRST, b"winner"), after(FIRST, b"loser")
    ok(publish(world, ANNA, winner))
    expected = ("StaleParent", {"parent": FIRST.head, "head": winner.head})
    assert error_of(publish(world, ANNA, loser)) == expected
    ok(publish(world, ANNA, replace(loser, parent=winner.head)))


def test_owner_and_wallet_may_publish_and_nobody_else(world: LedgerWorld) -> None:
    world.must(world.set_wallet(ANNA, 1, OTHER, world.now_s + 300))
    refused = ("NotAuthorized", {"caller": STRANGER, "expected": OTHER})
    assert error_of(publish(world, STRANGER, FIRST)) == refused
    ok(publish(world, OTHER, FIRST))
    second = after(FIRST)
    ok(publish(world, ANNA, second))
    # A new owner inherits the line, and not the old operator key.
    world.must(world.transfer(ANNA, ANNA, CARL, 1))
    third = after(second)
    for former in (ANNA, OTHER):
        expected = ("NotAuthorized", {"caller": former, "expected": CARL})
        assert error_of(publish(world, former, third)) == expected
        signed = publish(world, STRANGER, third, signer=former)
        assert error_of(signed) == ("BadSignature", {"expected": CARL})
    ok(publish(world, CARL, third))


def test_anyone_may_carry_a_signed_delta_while_its_parent_is_the_head(world: LedgerWorld) -> None:
    world.must(world.set_wallet(ANNA, 1, OTHER, world.now_s + 300))
    ok(publish(world, STRANGER, FIRST, signer=OTHER))
    second = after(FIRST)
    ok(publish(world, STRANGER, second, signer=ANNA, form="compact"))
    # Neither counts again: no head ever comes back.
    for old in (FIRST, second):
        expected = ("StaleParent", {"parent": old.parent, "head": second.head})
        assert error_of(publish(world, STRANGER, old, signer=ANNA)) == expected


def test_signatures_count_on_one_chain_for_one_contract_and_one_delta(world: LedgerWorld) -> None:
    bad = ("BadSignature", {"expected": ANNA})
    assert error_of(publish(world, STRANGER, FIRST, signer=ANNA, chain_id=1)) == bad
    assert error_of(publish(world, STRANGER, FIRST, signer=ANNA, registry=world.chain.market)) == bad
    signature = deltas.sign_delta(KEY_OF[ANNA], CHAIN_ID, world.where[DELTAS], FIRST)
    changed = [
        replace(FIRST, base_model=BASES[1]),
        replace(FIRST, digest=keccak(b"evil")),
        replace(FIRST, size_bytes=1),
        replace(FIRST, codec=0x70),
    ]
    world.must(world.register(ANNA, 1))  # agent 4 is Anna's too, but she signed for agent 1
    changed.append(replace(FIRST, agent_id=4))
    for delta in changed:
        data = deltas.encode_publish(delta, signature)
        assert error_of(world.chain.evm.send(STRANGER, world.where[DELTAS], data)) == bad, delta


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("owner", [ANNA, CONTRACT])
def test_forms_of_signatures(world: LedgerWorld, owner: str, form: str) -> None:
    if owner == CONTRACT:
        world.must(world.transfer(ANNA, ANNA, CONTRACT, 1))
    outcome = publish(world, STRANGER, FIRST, signer=owner, form=form)
    good = ("plain", "high-s") if owner == CONTRACT else ("plain", "compact")
    assert outcome.ok is (form in good)


@pytest.mark.parametrize(("name", "arguments"), [("GasHog1271", ()), ("ReturnBomb", (1_000_000,))])
def test_a_hostile_owner_costs_no_more_than_its_share(
    world: LedgerWorld, name: str, arguments: tuple[int, ...]
) -> None:
    hostile = Double.deploy(world.chain.evm, STRANGER, name, *arguments).address
    world.must(world.transfer(ANNA, ANNA, hostile, 1))
    data = deltas.encode_publish(FIRST, b"\1" * 65)
    outcome = world.chain.evm.send(STRANGER, world.where[DELTAS], data)
    assert error_of(outcome) == ("BadSignature", {"expected": hostile})
    assert outcome.gas_used < 500_000  # owner and wallet are asked once each
    # What it does is its own line's trouble.
    ok(publish(world, BERT, replace(FIRST, agent_id=2)))


def test_every_error_is_raised_and_agrees_with_the_model(world: LedgerWorld) -> None:
    parent = keccak(b"no head")
    cases: list[tuple[Outcome, str, dict[str, object]]] = [
        (
            publish(world, ANNA, replace(FIRST, parent=parent)),
            "StaleParent",
            {"parent": parent, "head": NO_HEAD},
        ),
        (publish(world, ANNA, replace(FIRST, agent_id=99)), "UnknownAgent", {"agentId": 99}),
        (publish(world, BERT, FIRST), "NotAuthorized", {"caller": BERT, "expected": ANNA}),
        (publish(world, STRANGER, FIRST, signer=BERT), "BadSignature", {"expected": ANNA}),
    ]
    unknown = publish(world, STRANGER, replace(FIRST, agent_id=2**256 - 1), signer=ANNA)
    cases.append((unknown, "UnknownAgent", {"agentId": 2**256 - 1}))
    assert [error_of(outcome) for outcome, _, _ in cases] == [
        (error, arguments) for _, error, arguments in cases
    ]
    assert {error for _, error, _ in cases} == error_names(DELTAS)


def test_gas_of_a_publication_is_flat_and_a_batch_is_cheap(world: LedgerWorld) -> None:
    """A line of any length costs one read and one write; ten deltas of ten base models, less than 32,000 gas each."""
    delta, used = FIRST, []
    for i in range(8):
        used.append(ok(publish(world, ANNA, delta)).gas_used)
        delta = after(delta, bytes([i]))
    assert max(used[1:]) - min(used[1:]) <= 100  # zero bytes of digests
    # Of this, 6,800 are three cold reads that say whose the agent is: the registry's account, owner and wallet.
    assert max(used[1:]) <= 41_000
    assert used[0] <= used[1] + 17_100  # the slot is new
    # Steady: each line has begun.
    lines = [replace(FIRST, base_model=keccak(bytes([i]))) for i in range(10)]
    begin = deltas.encode_multicall([deltas.encode_publish(line) for line in lines])
    grow = deltas.encode_multicall([deltas.encode_publish(after(line)) for line in lines])
    assert world.chain.evm.send(ANNA, world.where[DELTAS], begin).ok
    batch = world.chain.evm.send(ANNA, world.where[DELTAS], grow)
    assert batch.ok and batch.gas_used / 10 < 32_000


# --- everything at once ---

steps = st.lists(
    st.tuples(
        st.sampled_from((1, 1, 2, 99)),
        st.sampled_from(BASES),
        st.sampled_from(("head", "head", "head", "none", "stale")),
        st.sampled_from((None, "owner", "owner", "other")),
        st.sampled_from(("plain", "plain", *FORMS)),
        st.sampled_from((ANNA, ANNA, BERT, STRANGER)),
        st.sampled_from((None, None, None, "sell", "wallet")),
        st.integers(0, 2**64 - 1),
    ),
    max_size=25,
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=steps)
def test_any_steps_agree_with_the_model(
    steps: list[tuple[int, bytes, str, str | None, str, str, str | None, int]],
) -> None:
    """And every line can be checked from its head back to its first delta."""
    world = LedgerWorld()
    for agent_id, base, parent, by, form, sender, change, size in steps:
        owner = world.registry.owner_and_wallet(agent_id)[0]
        if change == "sell" and owner != ZERO_ADDRESS:
            world.must(world.transfer(owner, owner, ANNA if owner == BERT else BERT, agent_id))
        elif change == "wallet" and owner != ZERO_ADDRESS:
            world.must(world.set_wallet(owner, agent_id, OTHER, world.now_s + 60))
        line = world.deltas.lines.get((agent_id, base), [])
        heads = {"head": world.deltas.head(agent_id, base), "none": NO_HEAD}
        heads["stale"] = line[0].head if line else keccak(b"stale")
        delta = Delta(agent_id, base, heads[parent], keccak(size.to_bytes(8, "big")), size, size % 256)
        signer = None
        if by is not None:
            signer = CARL if by == "other" or owner == ZERO_ADDRESS else owner
        publish(world, sender, delta, signer=signer, form=form)
        for (agent, model), grown in world.deltas.lines.items():
            head = world.read_deltas.head(agent, model)
            assert head == grown[-1].head
            assert is_line(grown, head)
            assert all(late.parent == early.head for early, late in pairwise(grown))
