"""The life of each kind of task on the real bytecode, told step by step; the reference model must agree with every step."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from eth_utils.crypto import keccak

from symphony_chain import events
from symphony_chain.model.market import OfferedBid
from symphony_chain.model.tally import bond_returned_wei
from symphony_chain.signing import commitment
from symphony_chain.skills import pack_word, unpack_word
from symphony_chain.types import NATIVE, ZERO_ADDRESS, Bid, Kind, Opening, Skip, State, Task
from tests.contract.evm import Outcome
from tests.property.world import ACTORS, CONTRACT, PAGES, POOL, PRICED, Plan, World

REQUESTER, ANNA, BERT, CARL, WALLET, STRANGER = ACTORS
SKILL = pack_word({0: 10_000})


def peopled(world: World) -> World:
    """Three agents of three owners, who say they are good at skill 0; the requester has deposited."""
    for owner in (ANNA, BERT, CARL):
        world.must(world.register(owner, SKILL))
    world.must(world.deposit(REQUESTER, REQUESTER, 10**9))
    return world


@pytest.fixture
def world() -> World:
    return peopled(World())


def new_task(world: World, **changes: object) -> Task:
    now_s = world.now_s
    task = Task(
        requester=REQUESTER, router=ZERO_ADDRESS, token=NATIVE, ceiling_wei=1_000, base_bps=2_000, bond_wei=0,
        kind=Kind.ANSWER, page_id=PAGES[0], requirement=SKILL, min_match_bps=5_000, k=3, min_seats=2, quorum_bps=5_001,
        open=False, bid_end_s=now_s + 20, commit_end_s=now_s + 40, reveal_window_s=20, evaluator=ZERO_ADDRESS,
        evaluation_window_s=0, evaluation_fee_wei=0, shared_bps=0, parent=bytes(32), header=keccak(b"header"),
        salt=keccak(b"salt"),
    )  # fmt: skip
    return replace(task, **changes)  # type: ignore[arg-type]


def opening(answer: bytes, seat: int, evidence: bytes = keccak(b"trace")) -> Opening:
    return Opening(seat, hashlib.sha256(answer).digest(), evidence, keccak(bytes([seat])), answer)


def offers_for(world: World, task: Task, prices: tuple[int, ...] = (700, 900, 800)) -> list[OfferedBid]:
    """Bids of agents 1, 2, …"""
    task_id = world.task_id(task)
    bids = [Bid(i + 1, price, 8_000, task.bid_end_s) for i, price in enumerate(prices)]
    return [world.offer(task_id, bid, ACTORS[bid.agent_id]) for bid in bids]


def awarded(world: World, task: Task, prices: tuple[int, ...] = (700, 900, 800)) -> bytes:
    """Posts and awards a task to agents 1, 2, …"""
    world.must(world.post(task.requester, task))
    world.must(world.award(task.requester, task, offers_for(world, task, prices)))
    return world.task_id(task)


def commit(world: World, task_id: bytes, seat: int, answer: bytes, evidence: bytes = keccak(b"trace")) -> Opening:
    """Seat i is agent i + 1's."""
    opened = opening(answer, seat, evidence)
    digest = commitment(task_id, seat + 1, opened.answer_digest, opened.evidence_digest, opened.salt)
    world.must(world.commit(ACTORS[seat + 1], task_id, seat, digest))
    return opened


def answered(world: World, task: Task, *answers: bytes, prices: tuple[int, ...] = (700, 900, 800)) -> bytes:
    """Awards a task, and brings it to where every seat has revealed."""
    task_id = awarded(world, task, prices)
    opened = [commit(world, task_id, seat, answer) for seat, answer in enumerate(answers)]
    for opening_ in opened:
        world.must(world.reveal(STRANGER, task_id, opening_))
    return task_id


def settled_by(outcome: Outcome) -> events.TaskSettled:
    """The one TaskSettled of a call."""
    (found,) = [event for event in outcome.events if isinstance(event, events.TaskSettled)]
    return found


def test_a_task_from_post_to_claim(world: World) -> None:
    task = new_task(world)
    task_id = world.task_id(task)

    # The requester posts: the whole ceiling of three seats leaves its balance.
    posted = world.must(world.post(REQUESTER, task))
    assert posted.events == [events.TaskPosted(task_id, REQUESTER, 0, task)]
    assert posted.output == task_id
    assert world.chain.read("balanceOf", REQUESTER, NATIVE) == 10**9 - 3_000

    # Three agents bid; anyone may carry a bid to the chain.
    offers = offers_for(world, task)
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
    for opening_ in opened:
        world.must(world.reveal(STRANGER, task_id, opening_))
    assert world.chain.read("stateOf", task_id) == State.REVEALING

    # Anyone settles. Two of three agree: they get the price, the third its base of 20 %, the requester the rest.
    settled = settled_by(world.must(world.settle(STRANGER, task)))
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
    answered(world, task, b"42", prices=(1_000,))
    settled = settled_by(world.must(world.settle(STRANGER, task)))
    (result,) = settled.results
    assert (result.pay_wei, result.score_bps, result.scored, result.earned) == (1_000, 10_000, False, 0)


def test_inconclusive_pays_the_base_and_scores_nobody(world: World) -> None:
    task = new_task(world)
    answered(world, task, b"1", b"2", b"3")
    settled = settled_by(world.must(world.settle(STRANGER, task)))
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
        "Pending",
        {"taskId": task_id, "until": task.reveal_end_s},
    )
    world.chain.evm.at(task.commit_end_s + 1)
    for opening_ in opened:
        world.must(world.reveal(STRANGER, task_id, opening_))
    (settled,) = world.must(world.settle(STRANGER, task)).events
    # Two of three seats are 66.66 %, under the quorum of 66.67 %: no-shows weigh.
    assert settled.outcome is State.INCONCLUSIVE
    assert settled.burnt_wei == 50
    assert [bond_returned_wei(task, r) for r in settled.results] == [50, 50, 0]
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


def test_a_whole_task_by_signatures_in_three_calls(world: World) -> None:
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
        commitment(task_id, seat + 1, o.answer_digest, o.evidence_digest, o.salt) for seat, o in enumerate(opened)
    ]
    commits = [
        world.commit(STRANGER, task_id, seat, digest, signer=ACTORS[seat + 1], form="compact")
        for seat, digest in enumerate(digests)
    ]
    world.must(world.multicall(STRANGER, commits))
    world.must(world.reveal_and_settle(STRANGER, task, opened))
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


@pytest.mark.parametrize(
    ("deadline", "at", "after"),
    [
        ("bid_end_s", State.OPEN, State.UNAWARDED),
        ("commit_end_s", State.AWARDED, State.REVEALING),
        ("reveal_end_s", State.REVEALING, State.EVALUATING),
        ("evaluation_end_s", State.EVALUATING, State.CLOSING),
    ],
)
def test_a_deadline_second_still_counts(world: World, deadline: str, at: State, after: State) -> None:
    """At the deadline the step is in time; one second later it is not."""
    task = new_task(world, evaluator=WALLET, evaluation_window_s=20)
    task_id = world.task_id(task)
    if deadline == "bid_end_s":
        world.must(world.post(REQUESTER, task))
    else:
        awarded(world, task)
    world.chain.evm.at(getattr(task, deadline))
    assert world.chain.read("stateOf", task_id) == at
    world.chain.evm.at(getattr(task, deadline) + 1)
    assert world.chain.read("stateOf", task_id) == after


def test_hire_is_post_and_award_and_takes_only_the_price(world: World) -> None:
    task = new_task(world)
    before_wei = world.chain.read("balanceOf", REQUESTER, NATIVE)
    posted, award = world.must(world.hire(REQUESTER, task, offers_for(world, task), 2_000)).events
    assert isinstance(posted, events.TaskPosted) and isinstance(award, events.TaskAwarded)
    assert (posted.value_wei, award.price_wei, award.returned_wei) == (2_000, 900, 300)
    # Of 2,700 due, 2,000 came along.
    assert world.chain.read("balanceOf", REQUESTER, NATIVE) == before_wei - 700
    second = new_task(world, salt=keccak(b"second"))
    world.must(world.hire(STRANGER, second, offers_for(world, second), 5_000, signer=REQUESTER))
    assert world.chain.read("balanceOf", REQUESTER, NATIVE) == before_wei - 700 + 5_000 - 2_700


def test_an_open_task_that_nobody_awarded_fills_itself(world: World) -> None:
    """After bidEnd any agent that matches takes a free seat at the ceiling; the seats that stay free go back at settle."""
    task = new_task(world, open=True, bond_wei=7, min_seats=2)
    task_id = world.task_id(task)
    for agent_id in (1, 2):
        world.must(world.fund_agent(STRANGER, agent_id, 7))
    world.must(world.post(REQUESTER, task))
    assert world.do(world.take(ANNA, task, 1)).error == (
        "WrongState", {"taskId": task_id, "have": State.OPEN, "want": State.FREE}
    )  # fmt: skip
    world.chain.evm.at(task.bid_end_s + 1)
    assert world.chain.read("stateOf", task_id) == State.FREE
    (taken,) = world.must(world.take(ANNA, task, 1)).events
    assert isinstance(taken, events.SeatTaken) and taken.award.weight == 25
    assert world.do(world.take(CARL, task, 3)).error == ("SeatRefused", {"agentId": 3, "reason": Skip.BOND_UNFUNDED})
    assert world.do(world.take(ANNA, task, 1)).error == ("SeatRefused", {"agentId": 1, "reason": Skip.OWNER_SEATED})
    world.must(world.take(STRANGER, task, 2, signer=BERT))
    opened = [commit(world, task_id, seat, b"42") for seat in range(2)]
    # A third might still come: nothing is revealed before commitEnd.
    assert world.do(world.reveal(STRANGER, task_id, opened[0])).error == (
        "WrongState", {"taskId": task_id, "have": State.AWARDED, "want": State.REVEALING}
    )  # fmt: skip
    world.chain.evm.at(task.commit_end_s + 1)
    settled = settled_by(world.must(world.reveal_and_settle(STRANGER, task, opened)))
    assert (settled.outcome, settled.refund_wei) == (State.SETTLED, 1_000)
    assert [r.pay_wei for r in settled.results] == [1_000, 1_000]
    world.drain(STRANGER)


def test_an_open_task_with_too_few_seats_pays_the_base(world: World) -> None:
    task = new_task(world, open=True)
    world.must(world.post(REQUESTER, task))
    world.chain.evm.at(task.bid_end_s + 1)
    world.must(world.take(ANNA, task, 1))
    opened = commit(world, world.task_id(task), 0, b"42")
    world.chain.evm.at(task.commit_end_s + 1)
    settled = settled_by(world.must(world.reveal_and_settle(STRANGER, task, [opened])))
    assert (settled.outcome, settled.refund_wei) == (State.INCONCLUSIVE, 2_000 + 800)
    assert [r.pay_wei for r in settled.results] == [200]


def test_an_evaluator_scores_and_what_it_takes_is_burnt(world: World) -> None:
    task = new_task(world, evaluator=WALLET, evaluation_window_s=20, evaluation_fee_wei=50)
    task_id = answered(world, task, b"42", b"42", b"41", prices=(1_000, 1_000, 1_000))
    # Until the evaluator's window is past, only the evaluator settles.
    assert world.do(world.settle(STRANGER, task)).error == ("Pending", {"taskId": task_id, "until": task.evaluation_end_s})
    assert world.do(world.evaluate(STRANGER, task, [10_000] * 16)).error == (
        "NotAuthorized", {"caller": STRANGER, "expected": WALLET}
    )  # fmt: skip
    settled = settled_by(world.must(world.evaluate(STRANGER, task, [10_000, 2_500, 5_000] + [0] * 13, signer=WALLET)))
    assert settled.evaluated and settled.outcome is State.SETTLED
    assert [r.pay_wei for r in settled.results] == [1_000, 400, 600]
    # The vote would have paid 1,000, 1,000 and 200: of the second seat 600 are burnt; the third is paid from the refund.
    assert (settled.burnt_wei, settled.refund_wei, settled.fee_wei) == (600, 400, 50)
    assert world.chain.read("balanceOf", WALLET, NATIVE) == 50
    assert [unpack_word(r.earned)[0] for r in settled.results] == [625, 156, 312]
    world.drain(STRANGER)


def test_a_silent_evaluator_is_not_paid_and_blocks_nobody(world: World) -> None:
    task = new_task(world, evaluator=WALLET, evaluation_window_s=20, evaluation_fee_wei=50)
    task_id = answered(world, task, b"42", b"42", b"41")
    world.chain.evm.at(task.evaluation_end_s + 1)
    late = world.do(world.evaluate(WALLET, task, [0] * 16))
    assert late.error == ("WrongState", {"taskId": task_id, "have": State.CLOSING, "want": State.EVALUATING})
    settled = settled_by(world.must(world.settle(STRANGER, task)))
    assert not settled.evaluated
    assert [r.pay_wei for r in settled.results] == [900, 900, 180]
    assert (settled.fee_wei, settled.burnt_wei, settled.refund_wei) == (0, 0, 720 + 50)


def test_the_shared_part_of_pay_is_the_pools(world: World) -> None:
    task = new_task(world, shared_bps=1_500)
    answered(world, task, b"42", b"42", b"41")
    settled = settled_by(world.must(world.settle(STRANGER, task)))
    assert [r.pay_wei for r in settled.results] == [900, 900, 180]
    assert [world.market.accounts[i, NATIVE].accrued_wei for i in (1, 2, 3)] == [765, 765, 153]
    assert world.chain.read("balanceOf", POOL, NATIVE) == 135 + 135 + 27


def test_reputation_has_a_price() -> None:
    """A deployment may burn part of a scored seat's pay, and score nobody who earns too little."""
    world = peopled(World(PRICED))
    dear, cheap = new_task(world), new_task(world, salt=keccak(b"cheap"))
    answered(world, dear, b"42", b"42", b"41")
    settled = settled_by(world.must(world.settle(STRANGER, dear)))
    assert [(r.scored, r.pay_wei) for r in settled.results] == [(True, 873), (True, 873), (True, 175)]
    assert settled.burnt_wei == 27 + 27 + 5
    answered(world, cheap, b"42", b"42", b"41", prices=(499, 499, 499))
    settled = settled_by(world.must(world.settle(STRANGER, cheap)))
    assert [(r.scored, r.pay_wei) for r in settled.results] == [(False, 499), (False, 499), (False, 99)]
    assert settled.burnt_wei == 0
    world.drain(STRANGER)


def planned(world: World, **child: object) -> tuple[Task, Task, Plan, Opening]:
    """A plan task whose first seat (Anna's agent 1) has posted a child, settled by agents 2 and 3, and committed.

    Agents 1 and 2 have earned 1,210 of skill 0, agent 3 nothing: the plan's seats weigh 146, 146 and 25, and the child's winners
    146 and 25, a mean of 85.
    """
    for i in range(2):  # agents 1 and 2 earn a name
        task = new_task(world, k=2, salt=keccak(bytes([i])))
        answered(world, task, b"42", b"42", prices=(900, 900))
        world.must(world.settle(STRANGER, task))
    plan = new_task(world, kind=Kind.PLAN)
    plan_id = awarded(world, plan)
    world.must(world.deposit(ANNA, ANNA, 10**6))
    sub = new_task(world, **{"requester": ANNA, "parent": plan_id, "k": 2, "salt": keccak(b"sub"), **child})
    sub_id, bids = world.task_id(sub), []
    for agent_id in (2, 3):
        bids.append(world.offer(sub_id, Bid(agent_id, 10, 1, sub.bid_end_s), ACTORS[agent_id]))
    world.must(world.hire(sub.requester, sub, bids, sub.escrow_wei))
    opened = []
    for seat, agent_id in enumerate((2, 3)):
        opened.append(opening(b"part", seat))
        digest = commitment(sub_id, agent_id, opened[-1].answer_digest, opened[-1].evidence_digest, opened[-1].salt)
        world.must(world.commit(ACTORS[agent_id], sub_id, seat, digest))
    world.must(world.reveal_and_settle(STRANGER, sub, opened))
    bound = Plan(keccak(b"trace"), (sub_id,))
    return plan, sub, bound, commit(world, plan_id, 0, b"plan", bound.evidence)


def test_a_childs_winners_lower_a_plans_weight(world: World) -> None:
    plan, sub, bound, opened = planned(world)
    plan_id = world.task_id(plan)
    world.chain.evm.at(plan.commit_end_s + 1)
    assert world.do(world.reveal(STRANGER, plan_id, opened)).error == ("WrongKind", {"taskId": plan_id})
    forged = Plan(bound.trace_digest, ())
    assert world.do(world.reveal_plan(STRANGER, plan, opened, forged)).error == (
        "EvidenceMismatch", {"evidenceDigest": opened.evidence_digest}
    )  # fmt: skip
    *_, revealed = world.must(world.reveal_plan(STRANGER, plan, opened, bound)).events
    assert isinstance(revealed, events.PlanRevealed)
    assert [r.weight for r in world.receipts[world.task_id(sub)].results] == [146, 25]
    assert [seat.weight for seat in world.market.tasks[plan_id].seats] == [85, 146, 25]
    assert revealed.weight == 85
    # The other two never commit: the plan alone has not half of all weight.
    world.chain.evm.at(plan.reveal_end_s + 1)
    assert settled_by(world.must(world.settle(STRANGER, plan))).outcome is State.INCONCLUSIVE


def test_a_strangers_child_does_not_count(world: World) -> None:
    world.must(world.deposit(BERT, BERT, 10**6))
    plan, _, bound, opened = planned(world, requester=BERT)
    world.chain.evm.at(plan.commit_end_s + 1)
    *_, revealed = world.must(world.reveal_plan(STRANGER, plan, opened, bound)).events
    assert isinstance(revealed, events.PlanRevealed) and revealed.weight == 146


def test_a_child_of_another_plan_does_not_count(world: World) -> None:
    plan, _, bound, opened = planned(world, parent=keccak(b"another plan"))
    world.chain.evm.at(plan.commit_end_s + 1)
    *_, revealed = world.must(world.reveal_plan(STRANGER, plan, opened, bound)).events
    assert isinstance(revealed, events.PlanRevealed) and revealed.weight == 146


def test_tokens_are_counted_by_what_arrives(world: World) -> None:
    """A token that keeps a part of each transfer: only what came is credited, and only that goes out again."""
    plain, fee = world.tokens[1:]
    (deposited,) = world.must(world.deposit(REQUESTER, REQUESTER, 10_000, fee)).events
    assert deposited.amount_wei == 9_900
    world.must(world.deposit(REQUESTER, REQUESTER, 10_000, plain))
    for i, token in enumerate((plain, fee)):
        task = new_task(world, token=token, salt=keccak(bytes([i])))
        answered(world, task, b"42", b"42", b"41")
        settled = settled_by(world.must(world.settle(STRANGER, task)))
        assert [r.pay_wei for r in settled.results] == [900, 900, 180]
        assert not any(r.scored for r in settled.results), "reputation costs native coins here"
        world.must(world.claim(ANNA, 1, ANNA, token))
    world.compare_money()
    world.drain(STRANGER)


def test_a_wallet_contract_signs_like_anyone(world: World) -> None:
    """ERC-1271: the requester and an agent's wallet are contracts."""
    world.must(world.set_wallet(ANNA, 1, CONTRACT, world.now_s + 300))
    world.must(world.deposit(STRANGER, CONTRACT, 10**6))
    task = new_task(world, requester=CONTRACT, k=1, min_seats=1)
    task_id = world.task_id(task)
    bid = world.offer(task_id, Bid(1, 900, 1, task.bid_end_s), CONTRACT)
    wrong = world.do(world.hire(STRANGER, task, [bid], signer=STRANGER))
    assert wrong.error == ("BadSignature", {"expected": CONTRACT})
    world.must(world.hire(STRANGER, task, [bid], signer=CONTRACT))
    opened = opening(b"42", 0)
    digest = commitment(task_id, 1, opened.answer_digest, opened.evidence_digest, opened.salt)
    world.must(world.commit(STRANGER, task_id, 0, digest, signer=CONTRACT))
    settled = settled_by(world.must(world.reveal_and_settle(STRANGER, task, [opened])))
    assert settled.outcome is State.SETTLED
    world.must(world.claim(CONTRACT, 1, ANNA))
    world.drain(STRANGER)
