"""One task's life on the real bytecode, told step by step; the reference model goes along and must agree with every step."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from eth_utils.crypto import keccak

from symphony_chain import events
from symphony_chain.signing import commitment
from symphony_chain.skills import pack_word, unpack_word
from symphony_chain.types import NATIVE, ZERO_ADDRESS, Bid, Skip, State, Task
from tests.property.world import ACTORS, PAGES, Opening, World

REQUESTER, ANNA, BERT, CARL, WALLET, STRANGER = ACTORS
SKILL = pack_word({0: 10_000})


@pytest.fixture
def world() -> World:
    """Three agents of three owners, who say they are good at skill 0; the requester has deposited."""
    world = World()
    for owner in (ANNA, BERT, CARL):
        world.must(world.register(owner, SKILL))
    world.must(world.deposit(REQUESTER, REQUESTER, 10**9))
    return world


def new_task(world: World, **changes: object) -> Task:
    now_s = world.now_s
    task = Task(
        requester=REQUESTER, router=ZERO_ADDRESS, token=NATIVE, ceiling_wei=1_000, base_bps=2_000, bond_wei=0, kind=0,
        page_id=PAGES[0], requirement=SKILL, min_match_bps=5_000, k=3, min_seats=2, quorum_bps=5_001,
        bid_end_s=now_s + 20, commit_end_s=now_s + 40, reveal_window_s=20, evaluator=ZERO_ADDRESS, evaluation_window_s=0,
        evaluation_fee_wei=0, shared_bps=0, parent=bytes(32), header=keccak(b"header"), salt=keccak(b"salt"),
    )  # fmt: skip
    return replace(task, **changes)  # type: ignore[arg-type]


def opening(answer: bytes, seat: int) -> Opening:
    return Opening(answer, hashlib.sha256(answer).digest(), keccak(b"trace"), keccak(bytes([seat])))


def awarded(world: World, task: Task, prices: tuple[int, ...] = (700, 900, 800)) -> bytes:
    """Posts and awards a task to agents 1, 2, …"""
    world.must(world.post(task.requester, task))
    task_id = world.task_id(task)
    offers = [
        world.offer(task_id, Bid(i + 1, price, 8_000, task.bid_end_s), ACTORS[i + 1])
        for i, price in enumerate(prices)
    ]
    world.must(world.award(task.requester, task, offers))
    return task_id


def commit(world: World, task_id: bytes, seat: int, answer: bytes) -> Opening:
    opened = opening(answer, seat)
    digest = commitment(task_id, seat + 1, opened.answer_digest, opened.evidence, opened.salt)
    world.must(world.commit(ACTORS[seat + 1], task_id, seat, digest))
    return opened


def test_a_task_from_post_to_claim(world: World) -> None:
    task = new_task(world)
    task_id = world.task_id(task)

    # The requester posts: the whole ceiling of three seats leaves its balance.
    posted = world.must(world.post(REQUESTER, task))
    assert posted.events == [events.TaskPosted(task_id, REQUESTER, task)]
    assert posted.output == task_id
    assert world.chain.read("balanceOf", REQUESTER, NATIVE) == 10**9 - 3_000

    # Three agents bid; anyone may carry a bid to the chain.
    offers = [
        world.offer(task_id, Bid(i + 1, price, 8_000, task.bid_end_s), ACTORS[i + 1])
        for i, price in enumerate((700, 900, 800))
    ]
    for offer in offers:
        world.must(world.bid(STRANGER, task_id, offer))

    # Award: every seat is paid the highest seated ask, the rest of the ceiling returns at once. Nobody has earned anything,
    # so every seat weighs max(1, 500² / 10000) = 25.
    done = world.must(world.award(REQUESTER, task, offers))
    (award,) = done.events
    assert isinstance(award, events.TaskAwarded)
    assert (award.price_wei, award.returned_wei) == (900, 3 * 100)
    assert [seat.weight for seat in award.seats] == [25, 25, 25]

    # Commits; once all are there, reveals open before commitEnd.
    opened = [commit(world, task_id, seat, answer) for seat, answer in enumerate((b"42", b"42", b"41"))]
    assert world.chain.read("stateOf", task_id) == State.AWARDED
    for seat in range(3):
        world.must(world.reveal(STRANGER, task_id, seat, opened[seat], opened[seat].answer))
    assert world.chain.read("stateOf", task_id) == State.REVEALING

    # Anyone settles. Two of three agree: they get the price, the third its base of 20 %, the requester the rest.
    (settled,) = world.must(world.settle(STRANGER, task)).events
    assert isinstance(settled, events.TaskSettled)
    assert settled.outcome is State.SETTLED
    assert settled.winner == hashlib.sha256(b"42").digest()[:26]
    assert (settled.winner_weight, settled.total_weight) == (50, 75)
    assert [r.pay_wei for r in settled.results] == [900, 900, 180]
    assert settled.refund_wei == 2_700 - 1_980
    # Winners' earned skill moves a sixteenth of the way to 1; the loser had none to lose.
    assert [unpack_word(r.earned)[0] for r in settled.results] == [625, 625, 0]

    # Pay is claimed by the owner, to wherever it likes.
    before_wei = world.chain.evm.coins(STRANGER)
    world.must(world.claim(ANNA, 1, STRANGER))
    assert world.chain.evm.coins(STRANGER) == before_wei + 900
    assert world.chain.read("accountOf", 1, NATIVE) == (0, 1, 1, 0)
    world.compare_views()
    world.drain(STRANGER)


def test_k_1_earns_money_but_no_reputation(world: World) -> None:
    task = new_task(world, k=1, min_seats=1)
    task_id = awarded(world, task, (1_000,))
    world.must(world.reveal(STRANGER, task_id, 0, commit(world, task_id, 0, b"42")))
    (settled,) = world.must(world.settle(STRANGER, task)).events
    (result,) = settled.results
    assert (result.pay_wei, result.score_bps, result.scored, result.earned) == (1_000, 10_000, False, 0)


def test_inconclusive_pays_the_base_and_scores_nobody(world: World) -> None:
    task = new_task(world)
    task_id = awarded(world, task)
    opened = [commit(world, task_id, seat, answer) for seat, answer in enumerate((b"1", b"2", b"3"))]
    for seat in range(3):
        world.must(world.reveal(STRANGER, task_id, seat, opened[seat]))
    (settled,) = world.must(world.settle(STRANGER, task)).events
    assert (settled.outcome, settled.winner) == (State.INCONCLUSIVE, b"")
    assert [r.pay_wei for r in settled.results] == [180, 180, 180]
    assert not any(r.scored for r in settled.results)


def test_a_no_show_loses_its_bond_and_counts_in_the_quorum(world: World) -> None:
    for agent_id in (1, 2, 3):
        world.must(world.fund_agent(STRANGER, agent_id, 50))
    task = new_task(world, bond_wei=50, quorum_bps=6_667)
    task_id = awarded(world, task)
    opened = [commit(world, task_id, seat, b"42") for seat in range(2)]
    assert world.do(world.settle(STRANGER, task)).error == (
        "RevealsPending",
        {"taskId": task_id, "until": task.reveal_end_s},
    )
    world.chain.evm.at(task.commit_end_s + 1)
    for seat in range(2):
        world.must(world.reveal(STRANGER, task_id, seat, opened[seat]))
    (settled,) = world.must(world.settle(STRANGER, task)).events
    # Two of three seats are 66.66 %, under the quorum of 66.67 %: no-shows weigh.
    assert settled.outcome is State.INCONCLUSIVE
    assert settled.burnt_wei == 50
    assert [r.bond_returned_wei for r in settled.results] == [50, 50, 0]
    assert [r.scored for r in settled.results] == [False, False, True]
    world.drain(STRANGER)
    assert world.chain.evm.coins(world.chain.market) == 50


def test_void_when_nobody_reveals_and_expired_when_nobody_was_awarded(world: World) -> None:
    task = new_task(world)
    task_id = awarded(world, task)
    world.chain.evm.at(task.commit_end_s + 1)
    (settled,) = world.must(world.settle(STRANGER, task)).events
    assert (settled.outcome, settled.refund_wei) == (State.VOID, 2_700)
    assert world.chain.read("stateOf", task_id) == State.VOID

    second = new_task(world, salt=keccak(b"second"))
    world.must(world.post(REQUESTER, second))
    world.chain.evm.at(second.bid_end_s)
    assert not world.do(world.settle(STRANGER, second)).ok
    world.chain.evm.at(second.bid_end_s + 1)
    (settled,) = world.must(world.settle(STRANGER, second)).events
    assert (settled.outcome, settled.refund_wei) == (State.EXPIRED, 3_000)


def test_award_says_why_it_passed_over_a_bid(world: World) -> None:
    world.must(world.register(ANNA, SKILL))  # agent 4: Anna again
    world.must(world.register(STRANGER, pack_word({1: 10_000})))  # agent 5: another skill
    for agent_id in (1, 2):
        world.must(world.fund_agent(STRANGER, agent_id, 7))
    task = new_task(world, bond_wei=7, k=16)
    task_id = world.task_id(task)
    world.must(world.post(REQUESTER, task))
    end_s = task.bid_end_s
    world.chain.evm.at(end_s)
    flawed = [
        (world.offer(task_id, Bid(1, 1_000, 1, end_s), ANNA, "compact"), Skip.NONE),
        (world.offer(task_id, Bid(99, 1, 1, end_s), ANNA), Skip.UNKNOWN_AGENT),
        (world.offer(task_id, Bid(2, 1, 1, end_s - 1), BERT), Skip.BID_EXPIRED),
        (world.offer(task_id, Bid(2, 1_001, 1, end_s), BERT), Skip.PRICE_ABOVE_CEILING),
        (world.offer(task_id, Bid(4, 1, 1, end_s), ANNA), Skip.OWNER_SEATED),
        (world.offer(task_id, Bid(5, 1, 1, end_s), STRANGER), Skip.MATCH_TOO_LOW),
        (world.offer(task_id, Bid(2, 1, 1, end_s), STRANGER), Skip.BAD_SIGNATURE),
        (world.offer(task_id, Bid(2, 1, 1, end_s), BERT, "high-s"), Skip.BAD_SIGNATURE),
        (world.offer(task_id, Bid(3, 1, 1, end_s), CARL), Skip.BOND_UNFUNDED),
        (world.offer(task_id, Bid(2, 900, 1, end_s), BERT), Skip.NONE),
    ]
    done = world.must(world.award(REQUESTER, task, [offer for offer, _ in flawed]))
    *skipped, award = done.events
    assert [event.reason for event in skipped] == [reason for _, reason in flawed if reason]
    assert [seat.agent_id for seat in award.seats] == [1, 2]
    assert award.price_wei == 1_000


def test_the_router_awards_by_signature_and_nobody_else_may(world: World) -> None:
    task = new_task(world, router=WALLET)
    task_id = world.task_id(task)
    world.must(world.post(REQUESTER, task))
    offers = [world.offer(task_id, Bid(i, 500, 1, task.bid_end_s), ACTORS[i]) for i in (1, 2)]
    assert world.do(world.award(STRANGER, task, offers)).error is not None
    assert world.do(world.award(STRANGER, task, offers, signer=STRANGER)).error == (
        "BadSignature",
        {"expected": REQUESTER},
    )
    world.must(world.award(STRANGER, task, offers, signer=WALLET))


def test_a_whole_task_by_signatures_in_three_multicalls(world: World) -> None:
    """Agents and requesters need no gas of their own: a relayer carries everything."""
    task = new_task(world)
    task_id = world.task_id(task)
    offers = [world.offer(task_id, Bid(i, 500, 1, task.bid_end_s), ACTORS[i]) for i in (1, 2, 3)]
    first = [
        world.post(STRANGER, task, signer=REQUESTER),
        world.bid(STRANGER, task_id, offers[0]),
        world.award(STRANGER, task, offers, signer=REQUESTER),
    ]
    world.must(world.multicall(STRANGER, first))
    opened = [opening(b"42", seat) for seat in range(3)]
    digests = [
        commitment(task_id, seat + 1, o.answer_digest, o.evidence, o.salt) for seat, o in enumerate(opened)
    ]
    commits = [
        world.commit(STRANGER, task_id, seat, digest, signer=ACTORS[seat + 1], form="compact")
        for seat, digest in enumerate(digests)
    ]
    world.must(world.multicall(STRANGER, commits))
    last = [world.reveal(STRANGER, task_id, seat, o, b"42") for seat, o in enumerate(opened)]
    world.must(world.multicall(STRANGER, [*last, world.settle(STRANGER, task)]))
    assert world.chain.read("stateOf", task_id) == State.SETTLED
    world.compare_views()


def test_multicall_is_all_or_nothing_and_takes_no_coins(world: World) -> None:
    task = new_task(world)
    acts = [world.post(REQUESTER, task), world.post(REQUESTER, task)]
    assert world.do(world.multicall(REQUESTER, acts)).error == ("TaskExists", {"taskId": world.task_id(task)})
    world.compare_views()
    act = world.multicall(REQUESTER, acts[:1])
    assert not world.chain.evm.send(REQUESTER, act.to, act.data, 1).ok


def test_a_transferred_agent_leaves_its_operator_key_behind(world: World) -> None:
    world.must(world.set_wallet(ANNA, 1, WALLET, world.now_s + 300))
    world.must(world.fund_agent(STRANGER, 1, 10))
    refused = world.do(world.claim(WALLET, 1, WALLET))
    assert refused.error == ("WalletMayOnlyPayOwner", {"agentId": 1, "owner": ANNA})
    world.must(world.transfer(ANNA, ANNA, BERT, 1))
    assert world.do(world.claim(WALLET, 1, BERT)).error == (
        "NotAuthorized",
        {"caller": WALLET, "expected": BERT},
    )
    world.must(world.claim(BERT, 1, BERT))
    world.compare_registry()


@pytest.mark.parametrize("deadline", ["bid_end_s", "commit_end_s", "reveal_end_s"])
def test_a_deadline_second_still_counts(world: World, deadline: str) -> None:
    """At the deadline the step is in time; one second later it is not."""
    task = new_task(world)
    task_id = world.task_id(task)
    step = {"bid_end_s": State.OPEN, "commit_end_s": State.AWARDED, "reveal_end_s": State.REVEALING}[deadline]
    after = {"bid_end_s": State.UNAWARDED, "commit_end_s": State.REVEALING, "reveal_end_s": State.CLOSING}[
        deadline
    ]
    if deadline == "bid_end_s":
        world.must(world.post(REQUESTER, task))
    else:
        awarded(world, task)
    world.chain.evm.at(getattr(task, deadline))
    assert world.chain.read("stateOf", task_id) == step
    world.chain.evm.at(getattr(task, deadline) + 1)
    assert world.chain.read("stateOf", task_id) == after
