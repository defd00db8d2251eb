"""The reward pool on real bytecode and real settlements; the reference model goes along and must agree with every step."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest

from symphony_chain import abi, rewards
from symphony_chain.abi import decode_output
from symphony_chain.reward_events import Finalised, Recorded, Shared, decode
from symphony_chain.rpc import BlockId, Rpc
from symphony_chain.types import NATIVE, Receipt
from tests.property.pool_world import STRANGER, TERMS, PoolWorld, gifts_wei, given_wei, ok, pool_error
from tests.property.world import POOL

YEAR_EPOCHS = 365 * 86_400 // TERMS.epoch_s


@pytest.fixture
def world() -> PoolWorld:
    """At the beginning of an epoch, so that a test's settlements fall into one."""
    world = PoolWorld()
    world.wait(1)
    return world


def given(world: PoolWorld, shared_bps: int = 2_000, **task: object) -> Receipt:
    """A settled task, recorded at once."""
    receipt = world.settled(shared_bps, **task)  # type: ignore[arg-type]
    ok(world.record(receipt))
    return receipt


def finalise(world: PoolWorld) -> None:
    """Closes the present epoch for recording and makes it final, in every token."""
    world.wait(2)
    for token in world.tokens:
        ok(world.advance(token=token))


def test_a_pot_comes_back_in_four_parts_to_later_epochs(world: PoolWorld) -> None:
    # Five epochs, in each a lone seat that earns 1,000,002 and gives a fifth of it.
    receipts = []
    for _ in range(6):
        receipts.append(given(world, price_wei=1_000_012))
        world.wait(1)
    assert {given_wei(receipt) for receipt in receipts} == {200_002}
    finalise(world)
    # 200,002 is four parts of 50,000, and 2 that go with the first: each epoch is released one part more, until there are four.
    parts = [0, 50_002, 100_002, 150_002, 200_002, 200_002]
    assert [world.shared(receipt, 0) for receipt in receipts] == parts
    world.compare_pool()


def test_seats_of_one_epoch_share_by_what_they_gave(world: PoolWorld) -> None:
    given(world, price_wei=5_000_000)
    world.wait(1)
    receipt = given(world, price_wei=1_000_000, agents=(1, 2, 3), dissent=True)
    half = given(world, 1_000, price_wei=1_000_000, agents=(4,))
    finalise(world)
    # Tasks that share at one rate: in proportion to pay; one that shares at half the rate weighs half.
    assert [r.pay_wei for r in receipt.results] == [1_000_000, 1_000_000, 200_000]
    assert gifts_wei(receipt) == [200_000, 200_000, 40_000]
    assert gifts_wei(half) == [100_000]
    # Released: a quarter of the million that the first epoch gave.
    got = [world.shared(receipt, seat) for seat in range(3)] + [world.shared(half, 0)]
    assert got[:3] == [250_000 * gift // 540_000 for gift in (200_000, 200_000, 40_000)]
    assert sum(got) == 250_000  # the last seat takes the wei that rounding kept
    before_wei = world.chain.read("accountOf", 1, NATIVE)[0]
    assert before_wei == 5_000_000 * 8 // 10 + 1_000_000 * 8 // 10 + got[0]
    world.compare_pool()


def test_events_say_everything(world: PoolWorld) -> None:
    market = world.chain.market
    epoch = world.epoch
    receipt = world.settled()
    task_id = world.task_id(receipt.task)
    assert [decode(log) for log in ok(world.record(receipt)).logs] == [
        Recorded(market, NATIVE, task_id, epoch, 200_000, True)
    ]
    world.wait(1)
    second = given(world, price_wei=100)
    world.wait(2)
    assert [decode(log) for log in ok(world.advance()).logs] == [
        Finalised(market, NATIVE, epoch, 0, 200_000, 0),
        Finalised(market, NATIVE, epoch + 1, 50_000, 20, 20),
    ]
    logs = ok(world.share(second, 0)).logs
    assert decode(logs[0]) == Shared(market, world.task_id(second.task), 1, NATIVE, 0, 20, 20)


def test_dust_pot(world: PoolWorld) -> None:
    """Dust seats, and seats of a huge pay that give next to nothing, can neither drain nor dilute a pot."""
    given(world, price_wei=10**9, agents=(1,))
    world.wait(1)
    honest = given(world, price_wei=10**6, agents=(1,))
    # Seats whose gift rounds to nothing have no share; a task of only such seats cannot even be recorded.
    dust = [world.settled(2_000, price_wei=4, agents=(2, 3, 4)) for _ in range(3)]
    free = world.settled(0, price_wei=10**20, agents=(2, 3, 4))
    for receipt in (*dust, free):
        assert given_wei(receipt) == 0
        assert pool_error(world.record(receipt)) == ("NothingGiven", {"taskId": world.task_id(receipt.task)})
    # Two seats of three give a wei: they may get back a wei, their neighbour nothing.
    wei = given(world, 2_000, price_wei=5, agents=(2, 3, 4), dissent=True)
    assert gifts_wei(wei) == [1, 1, 0]
    finalise(world)
    assert world.shared(honest, 0) == given_wei(honest)  # in full: plenty was released
    assert world.shared(wei, 0) == 1
    assert pool_error(world.share(wei, 2)) == ("NothingToShare", {"taskId": world.task_id(wei.task), "seat": 2})

    # The pot runs low, and a requester hires itself at 10²⁰ to share one basis point: it weighs what it gave, not what it earned.
    world.wait(20)
    finalise(world)
    held = world.pool.books[NATIVE].carry_wei
    given(world, 10_000, price_wei=held * 2)
    ok(world.advance())
    world.wait(1)
    victim = given(world, 10_000, price_wei=10**12)
    attacker = given(world, 1, price_wei=10**15, agents=(2,))
    finalise(world)
    released = world.pool.books[NATIVE].epochs[world.epoch - 2].reserve_wei
    gift, theirs = given_wei(victim), given_wei(attacker)
    assert (gift, theirs) == (10**12, 10**11)
    assert world.shared(victim, 0) == released * gift // (gift + theirs)  # by pay it would be a thousandth
    assert world.shared(attacker, 0) <= theirs
    world.compare_pool()


def test_quiet_epoch_sweep(world: PoolWorld) -> None:
    """A lone seat in a quiet epoch cannot sweep what is released there: it gets back its own gift at most."""
    given(world, price_wei=10**12, agents=(1, 2, 3))
    pot = 3 * 10**12 // 5
    world.wait(3)
    sweeper = given(world, price_wei=100, agents=(4,))
    finalise(world)
    epoch = world.pool.books[NATIVE].epochs[world.epoch - 2]
    assert (epoch.reserve_wei, epoch.given_wei) == (20, 20)
    assert world.shared(sweeper, 0) == 20
    assert pool_error(world.share(sweeper, 0)) is not None  # and only once
    # All the rest goes to later epochs: with enough seats there, they get all of it.
    world.wait(10)
    heirs = given(world, 10_000, price_wei=10**12, agents=(1, 2, 3))
    finalise(world)
    assert sum(world.shared(heirs, seat) for seat in range(3)) == pot
    world.compare_pool()


def test_recorded_late_joins_the_present_pot_and_shares_in_nothing(world: PoolWorld) -> None:
    given(world)
    world.wait(1)
    in_time, late = world.settled(), world.settled()
    closed = world.epoch
    world.chain.evm.at((closed + 2) * TERMS.epoch_s - 1)  # the last second
    ok(world.record(in_time))
    world.wait(1)
    (event,) = [decode(log) for log in ok(world.record(late)).logs]
    assert event == Recorded(
        world.chain.market, NATIVE, world.task_id(late.task), closed + 2, 200_000, sharing=False
    )
    finalise(world)
    assert world.shared(in_time, 0) == 50_000
    assert pool_error(world.share(late, 0)) == (
        "NothingToShare",
        {"taskId": world.task_id(late.task), "seat": 0},
    )
    # Nothing is lost: its pot is released from closed + 3 on, as any other of that epoch; three parts by now.
    world.wait(1)
    heir = given(world, 10_000, price_wei=10**9)
    finalise(world)
    assert world.shared(heir, 0) == 2 * 200_000 + 3 * 50_000 - 50_000
    world.compare_pool()


def test_epochs_may_be_recorded_out_of_order(world: PoolWorld) -> None:
    early = world.settled(agents=(1,))
    world.wait(1)
    given(world, agents=(2,))
    ok(world.record(early))  # an older epoch, after a younger one
    assert [decode(log) for log in ok(world.advance()).logs] == []
    world.wait(1)
    third = given(world, agents=(3,))
    finalise(world)
    assert world.shared(third, 0) == 100_000  # a part of each
    world.compare_pool()


def test_once_a_task_and_once_a_seat(world: PoolWorld) -> None:
    given(world)
    world.wait(1)
    receipt = given(world, agents=(1, 2))
    task_id = world.task_id(receipt.task)
    assert pool_error(world.record(receipt)) == ("AlreadyRecorded", {"taskId": task_id})
    epoch = world.epoch
    assert pool_error(world.share(receipt, 0)) == ("NotFinal", {"epoch": epoch, "next": 0})
    world.wait(1)
    ok(world.advance())  # up to this epoch, which may still be recorded into
    assert pool_error(world.share(receipt, 0)) == ("NotFinal", {"epoch": epoch, "next": epoch})
    finalise(world)
    world.shared(receipt, 0)
    for seat in (0, 2, 16, 255, 2**255):
        assert pool_error(world.share(receipt, seat)) == ("NothingToShare", {"taskId": task_id, "seat": seat})
    world.shared(receipt, 1)
    world.compare_pool()


def test_only_what_the_market_says_is_recorded(world: PoolWorld) -> None:
    receipt = world.settled(agents=(1, 2))
    more = replace(receipt.results[0], pay_wei=receipt.results[0].pay_wei + 1)
    for forged in (
        replace(receipt, results=(more, receipt.results[1])),
        replace(receipt, results=receipt.results[:1]),
        replace(receipt, winner=b"\x01" * 26),
        replace(receipt, task=replace(receipt.task, shared_bps=10_000)),
        replace(receipt, task=replace(receipt.task, salt=b"\xff" * 32)),
    ):
        wanted = ("NoSuchReceipt", {"taskId": world.task_id(forged.task)})
        assert pool_error(world.record(forged)) == wanted
        assert pool_error(world.share(forged, 0)) == wanted
    ok(world.record(receipt))


def test_a_year_of_quiet_costs_three_steps(world: PoolWorld) -> None:
    given(world, price_wei=10**9)
    world.wait(YEAR_EPOCHS)
    heir = given(world, 10_000, price_wei=10**9)
    world.chain.evm.at(world.now_s + 2 * TERMS.epoch_s)
    # The model walks epoch by epoch, half a million of them; so the contract alone, and what it must come to.
    data = rewards.encode_advance(world.chain.market, 1_000)
    outcome = world.chain.evm.send(STRANGER, POOL, data)
    assert decode_output(abi.POOL, "advance", outcome.output) == (4,)  # gave, begun, ended; then the heir's epoch
    assert outcome.gas_used < 200_000
    paid = world.chain.evm.send(STRANGER, POOL, rewards.encode_share(world.chain.market, heir, 0))
    assert decode_output(abi.POOL, "share", paid.output) == (10**9 // 5,)


def test_advance_takes_bounded_steps_from_anyone_and_ends_where_one_call_would(world: PoolWorld) -> None:
    for _ in range(5):
        given(world)
        world.wait(1)
    world.wait(10)
    steps = 0
    while decode_output(abi.POOL, "advance", ok(world.advance(1)).output) == (1,):
        steps += 1
        world.compare_pool()
    assert steps == 10  # five epochs with seats, whose parts begin among them; five ends, two of them apart
    assert decode_output(abi.POOL, "advance", ok(world.advance(0)).output) == (0,)


def test_tokens_are_kept_apart_and_one_with_a_fee_pays_it_alone(world: PoolWorld) -> None:
    plain, fee = world.tokens[1:]
    for token in (NATIVE, plain, fee):
        given(world, token=token, price_wei=10**6 + len(token))
    world.wait(1)
    receipts = {token: given(world, token=token) for token in (plain, fee)}
    finalise(world)
    for token, lost in ((plain, 0), (fee, 500 + 495)):
        before_wei = world.chain.read("accountOf", 1, token)[0]
        assert world.shared(receipts[token], 0) == 50_002
        assert world.chain.read("accountOf", 1, token)[0] == before_wei + 50_002 - lost
    world.compare_pool()
    world.compare_money()


def test_the_typed_client_reads_what_the_model_has(world: PoolWorld) -> None:
    class Node:
        """The one method of `Rpc` that the client needs."""

        def eth_call(self, to: str, data: bytes, block: BlockId = "latest") -> bytes:
            return world.chain.evm.call(to, data)

    client = rewards.RewardPoolClient(cast(Rpc, Node()), POOL)
    market = world.chain.market
    assert client.terms() == TERMS
    first, epoch = given(world), world.epoch
    world.wait(1)
    receipt = given(world, agents=(1, 3))
    assert TERMS.final_at_s(epoch) == (epoch + 2) * TERMS.epoch_s
    assert client.record(market, world.task_id(receipt.task)) == rewards.TaskRecord(True, (0, 1))
    finalise(world)
    world.shared(receipt, 1)
    assert client.record(market, world.task_id(receipt.task)) == rewards.TaskRecord(True, (0,))
    assert client.record(market, bytes(32)) == rewards.TaskRecord(False, ())
    assert client.owed(market) == given_wei(first) + given_wei(receipt) - 25_000
    assert client.book(market) == rewards.Book(epoch + 2, 0, 50_000)
    assert client.epoch(market, epoch + 1) == rewards.PoolEpoch(400_000, 400_000, 25_000, 200_000)
