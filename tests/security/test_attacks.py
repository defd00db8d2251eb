"""The attacks of the threat model, each under its name: a test shows that it fails, or what it costs.

On the real bytecode with the reference model beside it, unless a hostile contract takes part. Prices are printed (`pytest -s`).
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from eth_account import Account
from eth_utils.crypto import keccak

from symphony_chain import events, market, signing
from symphony_chain.abi import MARKET, decode_error, encode
from symphony_chain.model.tally import step_word
from symphony_chain.signing import commitment
from symphony_chain.skills import pack_word, unpack_word
from symphony_chain.types import NATIVE, Bid, Kind, Opening, Skip, State, Task
from tests.contract.doubles import Double
from tests.contract.evm import market_code
from tests.contract.test_cells import POINTS, Life
from tests.contract.test_task_life import (
    ANNA,
    BERT,
    CARL,
    REQUESTER,
    SKILL,
    STRANGER,
    WALLET,
    answered,
    awarded,
    commit,
    new_task,
    offers_for,
    opening,
    peopled,
    planned,
    settled_by,
)
from tests.property.world import CONTRACT, FORMS, KEY_OF, PRICED, Plan, World

#: Owners by the dozen: a Sybil's registrations cost it gas and nothing else.
CROWD = [Account.from_key(keccak(text=f"crowd {i}")) for i in range(16)]
KEY_OF.update({key.address: key for key in CROWD})


@pytest.fixture
def world() -> World:
    return peopled(World())


def crowd(world: World, count: int, word: int = SKILL) -> list[int]:
    """So many agents of so many owners; their ids."""
    first = len(world.registry.agents) + 1
    for key in CROWD[:count]:
        world.must(world.register(key.address, word))
    return list(range(first, first + count))


def voted(world: World, task: Task, answers: dict[int, bytes], price_wei: int = 1_000) -> events.TaskSettled:
    """A whole task hired from the requester's balance: agent → its answer."""
    task_id = world.task_id(task)
    wallets = {agent_id: world.registry.owner_and_wallet(agent_id)[1] for agent_id in answers}
    offers = [world.offer(task_id, Bid(a, price_wei, 1, task.bid_end_s), wallet) for a, wallet in wallets.items()]
    world.must(world.hire(task.requester, task, offers))
    opened = []
    for seat, (agent_id, answer) in enumerate(answers.items()):
        opened.append(opening(answer, seat))
        digest = commitment(task_id, agent_id, opened[-1].answer_digest, opened[-1].evidence_digest, opened[-1].salt)
        world.must(world.commit(wallets[agent_id], task_id, seat, digest))
    return settled_by(world.must(world.reveal_and_settle(STRANGER, task, opened)))


# --- votes and reputation ---


def test_planted_majority(world: World) -> None:
    """Fifteen fresh Sybils do not outvote one seat that has earned .80: each weighs 25, it weighs 6,400."""
    world.earn(1, pack_word({0: 8_000}))
    planted = crowd(world, 15)
    task = new_task(world, k=16, min_seats=16)
    settled = voted(world, task, {1: b"true", **dict.fromkeys(planted, b"planted")})
    assert settled.outcome is State.SETTLED
    assert [r.won for r in settled.results] == [True] + [False] * 15
    assert (settled.winner_weight, settled.total_weight) == (6_400, 6_400 + 15 * 25)
    print(f"planted_majority: {6_400 // 25 + 1} fresh agents against one seat of .80; a task has 16 seats")


def test_lone_winner_score(world: World) -> None:
    """A winner whom nobody agreed with earns money, never reputation: alone, evaluated, or under a quorum of nothing."""
    alone = voted(world, new_task(world, k=1, min_seats=1), {1: b"x"})
    under = voted(world, new_task(world, quorum_bps=1, salt=keccak(b"2")), {1: b"x", 2: b"y", 3: b"z"})
    for settled in (alone, under):
        (winner,) = [r for r in settled.results if r.won]
        assert winner.pay_wei == 1_000 and not winner.scored and winner.earned == 0
        assert not any(r.scored for r in settled.results), "nor are its rivals lowered by it"
    task = new_task(world, k=1, min_seats=1, evaluator=WALLET, evaluation_window_s=20, salt=keccak(b"3"))
    answered(world, task, b"x", prices=(1_000,))
    (result,) = settled_by(world.must(world.evaluate(WALLET, task, [10_000]))).results
    assert result.pay_wei == 1_000 and not result.scored and result.earned == 0


def test_harsh_evaluator() -> None:
    """A requester who is its own evaluator and scores everybody zero gets back no more than the vote gave it; the rest burns."""
    refunds = {}
    for harsh in (False, True):
        world = peopled(World())
        task = new_task(world, evaluator=REQUESTER, evaluation_window_s=20)
        answered(world, task, b"42", b"42", b"41", prices=(1_000, 1_000, 1_000))
        if harsh:
            act = world.evaluate(REQUESTER, task, [0] * 16)
        else:
            world.chain.evm.at(task.evaluation_end_s + 1)
            act = world.settle(REQUESTER, task)
        settled = settled_by(world.must(act))
        refunds[harsh] = settled.refund_wei
        assert settled.burnt_wei == (1_600 if harsh else 0)
    assert refunds[True] == refunds[False] == 800


def test_child_weight_inflation(world: World) -> None:
    """Children only lower a plan's weight: heavy winners, own seats and strangers' children change nothing."""
    world.earn(2, pack_word({0: 9_000}))
    world.earn(3, pack_word({0: 9_000}))
    plan, sub, bound, opened = planned(world)  # the child was won by agents 2 and 3, far heavier than the planner
    before = world.market.tasks[world.task_id(plan)].seats[0].weight
    assert all(r.weight > 50 * before for r in world.receipts[world.task_id(sub)].results)
    world.chain.evm.at(plan.commit_end_s + 1)
    *_, revealed = world.must(world.reveal_plan(STRANGER, plan, opened, bound)).events
    assert isinstance(revealed, events.PlanRevealed) and revealed.weight == before


def test_child_that_the_planner_won_itself_does_not_count(world: World) -> None:
    world.earn(1, pack_word({0: 4_000}))
    plan = new_task(world, kind=Kind.PLAN, k=1, min_seats=1)
    plan_id = awarded(world, plan, (10,))
    world.must(world.deposit(ANNA, ANNA, 10**6))
    light = new_task(world, requester=ANNA, parent=plan_id, k=2, salt=keccak(b"sub"))
    assert voted(world, light, {1: b"x", 2: b"x"}).results[1].weight == 25  # it would have pulled the mean down
    bound = Plan(bytes(32), (world.task_id(light),))
    opened = commit(world, plan_id, 0, b"plan", bound.evidence)
    *_, revealed = world.must(world.reveal_plan(STRANGER, plan, opened, bound)).events
    assert isinstance(revealed, events.PlanRevealed) and revealed.weight == 1_600


def test_capability_inflation(world: World) -> None:
    """Declaring everything buys entry, not weight: an unproven agent weighs 25 whatever it says."""
    world.must(world.register(CARL, pack_word(dict.fromkeys(range(16), 10_000))))
    task = new_task(world, k=1, min_seats=1)
    bid = world.offer(world.task_id(task), Bid(4, 1, 10_000, task.bid_end_s), CARL)
    *_, award = world.must(world.hire(REQUESTER, task, [bid])).events
    assert isinstance(award, events.TaskAwarded)
    assert award.seats[0].weight == 25


def test_weight_change_between_award_and_settle(world: World) -> None:
    """Weights are those of the award, whatever is declared or earned, and whoever owns the agent, afterwards."""
    task = new_task(world)
    task_id = awarded(world, task)
    world.must(world.declare(ANNA, 1, task.page_id, 0))
    world.earn(2, pack_word({0: 10_000}))
    opened = [commit(world, task_id, i, answer) for i, answer in enumerate((b"42", b"41", b"42"))]
    world.must(world.transfer(CARL, CARL, STRANGER, 3))
    settled = settled_by(world.must(world.reveal_and_settle(STRANGER, task, opened)))
    assert [r.weight for r in settled.results] == [25, 25, 25]
    assert [r.won for r in settled.results] == [True, False, True]


def test_self_dealing() -> None:
    """One person pays its own agents to agree with each other. Nothing forbids it: it costs the burn, task by task."""
    world = peopled(World(PRICED))
    price_wei, burn_bps = PRICED.terms.score_min_wei, PRICED.terms.score_burn_bps
    burn_wei = 2 * (price_wei * burn_bps // 10_000)
    for i in range(3):
        task = new_task(world, k=2, ceiling_wei=price_wei, salt=keccak(bytes([i])))
        settled = voted(world, task, {1: b"x", 2: b"x"}, price_wei)
        assert settled.burnt_wei == burn_wei
    earned = world.chain.read("earnedOf", 1, task.page_id)
    assert unpack_word(earned)[0] == 1_759
    word, tasks = 0, 0
    while unpack_word(word)[0] < 8_000:
        word, tasks = step_word(word, SKILL, 10_000), tasks + 1
    assert tasks == 25
    # Below the least price, and alone, there is no reputation to be had at all.
    cheap = new_task(world, k=2, ceiling_wei=price_wei - 1, salt=keccak(b"cheap"))
    assert not any(r.scored for r in voted(world, cheap, {1: b"x", 2: b"x"}, price_wei - 1).results)
    print(f"self_dealing: two agents of .80 cost {tasks} tasks and {tasks * burn_wei} wei burnt at {price_wei} wei a seat")


# --- commitments ---


def test_commit_copying(world: World) -> None:
    """Whoever copies another's commitment cannot open it: the agent is part of it."""
    task = new_task(world, k=2)
    task_id = awarded(world, task, (700, 900))
    opened = commit(world, task_id, 0, b"42")
    copied = commitment(task_id, 1, opened.answer_digest, opened.evidence_digest, opened.salt)
    world.must(world.commit(BERT, task_id, 1, copied))
    world.must(world.reveal(STRANGER, task_id, opened))  # now everything is public
    stolen = world.do(world.reveal(BERT, task_id, replace(opened, seat=1)))
    assert stolen.error == ("CommitmentMismatch", {"taskId": task_id, "seat": 1})


def test_early_reveal(world: World) -> None:
    """While a seat may still commit, nobody can show it an answer."""
    task = new_task(world)
    task_id = awarded(world, task)
    opened = [commit(world, task_id, seat, b"42") for seat in (0, 1)]
    for when_s in (world.now_s, task.commit_end_s):
        world.chain.evm.at(when_s)
        early = world.do(world.reveal(ANNA, task_id, opened[0]))
        assert early.error == ("WrongState", {"taskId": task_id, "have": State.AWARDED, "want": State.REVEALING})
    world.chain.evm.at(task.commit_end_s + 1)
    world.must(world.reveal(ANNA, task_id, opened[0]))
    late = commitment(task_id, 3, opened[0].answer_digest, opened[0].evidence_digest, opened[0].salt)
    assert not world.do(world.commit(CARL, task_id, 2, late)).ok


def test_double_commit(world: World) -> None:
    """One commitment a seat, one opening a commitment: no choosing between two answers later."""
    task = new_task(world, k=1, min_seats=1)
    task_id = awarded(world, task, (700,))
    first = commit(world, task_id, 0, b"42")
    other = opening(b"41", 0)
    second = commitment(task_id, 1, other.answer_digest, other.evidence_digest, other.salt)
    taken = ("AlreadyCommitted", {"taskId": task_id, "seat": 0})
    assert world.do(world.commit(ANNA, task_id, 0, second)).error == taken
    assert world.do(world.reveal(ANNA, task_id, other)).error == ("CommitmentMismatch", {"taskId": task_id, "seat": 0})
    world.must(world.reveal(ANNA, task_id, first))
    assert world.do(world.commit(ANNA, task_id, 0, second)).error == taken
    assert world.do(world.reveal(ANNA, task_id, first)).error == ("AlreadyRevealed", {"taskId": task_id, "seat": 0})


def test_withheld_reveal_void(world: World) -> None:
    """Who withholds a reveal loses its bond to nobody; a task that all withhold costs its requester nothing but time."""
    for agent_id in (1, 2, 3):
        world.must(world.fund_agent(STRANGER, agent_id, 50))
    before_wei = world.chain.read("balanceOf", REQUESTER, NATIVE)
    task = new_task(world, bond_wei=50)
    task_id = awarded(world, task)
    for seat in range(3):
        commit(world, task_id, seat, b"42")
    world.chain.evm.at(task.reveal_end_s + 1)
    settled = settled_by(world.must(world.settle(STRANGER, task)))
    assert (settled.outcome, settled.burnt_wei) == (State.VOID, 150)
    assert world.chain.read("balanceOf", REQUESTER, NATIVE) == before_wei
    assert [world.chain.read("accountOf", i, NATIVE) for i in (1, 2, 3)] == [(0, 1, 0, 1)] * 3
    assert [r.earned for r in settled.results] == [0, 0, 0] and all(r.scored for r in settled.results)


# --- seats, bids and bonds ---


def test_one_owner_in_many_seats(world: World) -> None:
    """Award, hire and take look at owners: an owner gets one seat, by whatever agent and wallet."""
    for _ in range(2):
        world.must(world.register(ANNA, SKILL))  # agents 4 and 5
    world.must(world.set_wallet(ANNA, 5, WALLET, world.now_s + 300))
    task = new_task(world, open=True, min_seats=1)
    task_id = world.task_id(task)
    wallets = {1: ANNA, 4: ANNA, 5: WALLET}
    offers = [world.offer(task_id, Bid(a, 1, 1, task.bid_end_s), wallet) for a, wallet in wallets.items()]
    *skipped, award = world.must(world.hire(REQUESTER, task, offers)).events[1:]
    assert [(e.agent_id, e.reason) for e in skipped] == [(4, Skip.OWNER_SEATED), (5, Skip.OWNER_SEATED)]
    assert isinstance(award, events.TaskAwarded) and len(award.seats) == 1
    second = replace(task, salt=keccak(b"second"))
    world.must(world.post(REQUESTER, second))
    world.chain.evm.at(task.bid_end_s + 1)
    world.must(world.take(ANNA, second, 1))
    refused = world.do(world.take(WALLET, second, 5))
    assert refused.error == ("SeatRefused", {"agentId": 5, "reason": Skip.OWNER_SEATED})


def test_bid_balance_drain(world: World) -> None:
    """A bid is worth one seat of one task: no requester locks more of an agent's money with it, nor keeps any by failing."""
    world.must(world.fund_agent(STRANGER, 1, 500))
    task = new_task(world, bond_wei=50, min_seats=1)
    task_id = world.task_id(task)
    bid = world.offer(task_id, Bid(1, 900, 1, task.bid_end_s), ANNA)
    greedy = replace(task, min_seats=2)  # awarding too few seats reverts, and locks nothing
    world.must(world.post(REQUESTER, greedy))
    theirs = world.offer(world.task_id(greedy), Bid(1, 900, 1, task.bid_end_s), ANNA)
    assert not world.do(world.award(REQUESTER, greedy, [theirs] * 32)).ok
    assert world.chain.read("accountOf", 1, NATIVE)[0] == 500
    *_, award = world.must(world.hire(REQUESTER, task, [bid] * 32)).events
    assert isinstance(award, events.TaskAwarded) and len(award.seats) == 1
    assert world.chain.read("accountOf", 1, NATIVE)[0] == 450
    for i in range(3):  # the same bid for other tasks
        copy = replace(task, salt=keccak(bytes([i])))
        world.must(world.post(REQUESTER, copy))
        foreign = replace(bid, signer=CARL)  # whom the signature would name there is not Anna
        refused = world.chain.evm.send(REQUESTER, world.chain.market, market.encode_award(copy, [foreign.bid]))
        assert refused.error == ("TooFewSeats", {"seated": 0, "minSeats": 1})
    assert world.chain.read("accountOf", 1, NATIVE)[0] == 450


def test_unfetchable_spec_bonds(world: World) -> None:
    """A task whose specification nobody can fetch bonds nobody: no agent is seated that did not sign for this very task."""
    world.must(world.fund_agent(STRANGER, 1, 500))
    task = new_task(world, header=keccak(b"there is no such file"), bond_wei=500, k=1, min_seats=1, open=True)
    task_id = world.task_id(task)
    unsigned = world.offer(task_id, Bid(1, 900, 1, task.bid_end_s), REQUESTER)
    assert not world.do(world.hire(REQUESTER, task, [unsigned])).ok
    world.must(world.post(REQUESTER, task))
    assert not world.do(world.award(REQUESTER, task, [unsigned])).ok
    world.chain.evm.at(task.bid_end_s + 1)
    for signer in (None, REQUESTER):
        assert not world.do(world.take(REQUESTER, task, 1, signer)).ok
    world.chain.evm.at(task.commit_end_s + 1)
    assert settled_by(world.must(world.settle(STRANGER, task))).outcome is State.EXPIRED
    assert world.chain.read("accountOf", 1, NATIVE) == (500, 0, 0, 0)


# --- money ---


def test_requester_that_never_awards(world: World) -> None:
    """Bids lock nothing, and once bidEnd is past anyone sends the escrow home."""
    world.must(world.fund_agent(STRANGER, 1, 50))
    task = new_task(world, bond_wei=50)
    world.must(world.post(REQUESTER, task))
    for offer in offers_for(world, task):
        world.must(world.bid(STRANGER, world.task_id(task), offer))
    assert world.chain.read("accountOf", 1, NATIVE)[0] == 50
    world.chain.evm.at(task.bid_end_s + 1)
    settled = settled_by(world.must(world.settle(STRANGER, task)))
    assert (settled.outcome, settled.refund_wei) == (State.EXPIRED, 3_000)


@pytest.mark.parametrize("name", [name for name, point in POINTS.items() if point.posted and point.outcome is None])
@pytest.mark.parametrize("evaluated", [False, True])
def test_stuck_escrow(name: str, evaluated: bool) -> None:
    """From every point of a task's life, time and one call of a stranger end it, and every coin is somebody's."""
    life = Life(POINTS[name], evaluated)
    life.go()
    life.world.drain(STRANGER)
    assert life.world.chain.evm.coins(life.world.chain.market) == life.world.market.burnt_wei[NATIVE]


def test_drain(world: World) -> None:
    """Nothing is paid twice, by any way out."""
    task = new_task(world)
    task_id = answered(world, task, b"42", b"42", b"41")
    world.must(world.settle(STRANGER, task))
    for act in (
        world.settle(STRANGER, task),
        world.reveal_and_settle(STRANGER, task, []),
        world.cancel(REQUESTER, task),
        world.post(REQUESTER, task, task.escrow_wei),
        world.hire(REQUESTER, task, offers_for(world, task), task.escrow_wei),
        world.reveal(STRANGER, task_id, opening(b"42", 0)),
        world.commit(ANNA, task_id, 0, bytes(32)),
    ):
        assert not world.do(act).ok
    world.must(world.claim(ANNA, 1, ANNA))
    assert world.do(world.claim(ANNA, 1, ANNA)).error == ("NothingToClaim", {"agentId": 1, "token": NATIVE})
    left_wei = world.chain.read("balanceOf", REQUESTER, NATIVE)
    assert not world.do(world.withdraw(REQUESTER, REQUESTER, REQUESTER, left_wei + 1)).ok
    twice = world.withdraw(REQUESTER, REQUESTER, REQUESTER, left_wei)
    assert not world.do(world.multicall(REQUESTER, [twice, twice])).ok
    world.compare_storage(task_id)
    world.drain(STRANGER)


def test_multicall_value_reuse(world: World) -> None:
    """A batch sees no coins: none are counted twice, and none are lost."""
    address, evm = world.chain.market, world.chain.evm
    deposits = [market.encode_deposit(STRANGER, 1_000)] * 2
    before_wei = evm.coins(STRANGER)
    for value_wei in (0, 1_000, 2_000):
        assert not evm.send(STRANGER, address, market.encode_multicall(deposits), value_wei).ok
    posts = [market.encode_post(new_task(world, salt=keccak(bytes([i])))) for i in range(2)]
    assert not evm.send(REQUESTER, address, market.encode_multicall(posts), 3_000).ok
    nested = market.encode_multicall([market.encode_multicall(deposits[:1])])
    assert not evm.send(STRANGER, address, nested, 1_000).ok
    assert evm.coins(STRANGER) == before_wei and world.chain.read("balanceOf", STRANGER, NATIVE) == 0
    assert evm.send(REQUESTER, address, market.encode_multicall(posts)).ok, "from the balance it works"


def test_reentrancy(world: World) -> None:
    """Whoever is called while money goes out or comes in finds the door closed, and the books already written."""
    evm, vault = world.chain.evm, world.chain.market
    receiver = Double.deploy(evm, STRANGER, "ReenteringReceiver")
    world.must(world.deposit(STRANGER, STRANGER, 10**6))
    assert evm.send(STRANGER, vault, market.encode_deposit(receiver.address, 500), 500).ok
    doors = (
        market.encode_withdraw(receiver.address, receiver.address, 500),
        market.encode_claim(1, receiver.address),
        market.encode_deposit(STRANGER, 0),
        market.encode_fund_agent(1, 0),
        market.encode_multicall([market.encode_withdraw(receiver.address, receiver.address, 500)]),
    )
    for i, again in enumerate(doors, start=1):
        receiver.must(STRANGER, "arm", vault, again)
        assert evm.send(STRANGER, vault, market.encode_withdraw(STRANGER, receiver.address, 7)).ok
        assert evm.coins(receiver.address) == 7 * i
        assert receiver.read("called") and not receiver.read("succeeded")
        inner = decode_error(receiver.read("result"))
        assert inner is not None and inner.name == "Reentrancy"
    assert world.chain.read("balanceOf", receiver.address, NATIVE) == 500
    token = Double.deploy(evm, STRANGER, "ReenteringToken")
    token.must(STRANGER, "mint", STRANGER, 100)
    token.must(STRANGER, "approve", vault, 100)
    token.must(STRANGER, "arm", vault, market.encode_deposit(STRANGER, 10, token.address))
    assert evm.send(STRANGER, vault, market.encode_deposit(STRANGER, 10, token.address)).ok
    assert token.read("called") and not token.read("succeeded")
    assert world.chain.read("balanceOf", STRANGER, token.address) == 10 == token.read("balanceOf", vault)


def test_reentrancy_into_settle_finds_a_closed_task(world: World) -> None:
    """Settling is behind no lock and needs none: it calls nobody, and what is paid is written before it is paid."""
    evm, vault = world.chain.evm, world.chain.market
    task = new_task(world)
    answered(world, task, b"42", b"42", b"41")
    receiver = Double.deploy(evm, STRANGER, "ReenteringReceiver")
    receiver.must(STRANGER, "arm", vault, market.encode_settle(task))
    before_wei = world.chain.read("balanceOf", REQUESTER, NATIVE)
    assert evm.send(REQUESTER, vault, market.encode_withdraw(REQUESTER, receiver.address, 5)).ok
    assert receiver.read("succeeded"), "anyone may settle, also now"
    assert world.chain.read("balanceOf", REQUESTER, NATIVE) == before_wei - 5 + 720
    owed_wei = world.chain.read("balanceOf", REQUESTER, NATIVE) + sum(
        world.chain.read("accountOf", i, NATIVE)[0] for i in (1, 2, 3)
    )
    assert evm.coins(vault) == owed_wei


def test_return_bombs(world: World) -> None:
    """Answers of a megabyte, and signers that eat their gas, hurt the one who asked for them."""
    evm, vault = world.chain.evm, world.chain.market
    small, large = (Double.deploy(evm, STRANGER, "ReturnBomb", size).address for size in (0, 1_000_000))
    world.must(world.deposit(STRANGER, STRANGER, 10**6))
    gas = [evm.send(STRANGER, vault, market.encode_withdraw(STRANGER, to, 5)).gas_used for to in (small, large)]
    # The bomb pays for a megabyte of its own memory (3 gas a word and words² / 512); nobody copies it a second time.
    words = 1_000_000 // 32
    assert gas[1] - gas[0] < 1.01 * (3 * words + words**2 // 512)

    hog = Double.deploy(evm, STRANGER, "GasHog1271").address
    for index, signer in enumerate((large, hog), start=1):
        task = new_task(world, requester=signer, salt=keccak(bytes([index])))
        tried = evm.send(STRANGER, vault, market.encode_post(task, b"anything"), task.escrow_wei)
        assert tried.error == ("BadSignature", {"expected": signer})
        print(f"return_bombs: a post signed by {('a return bomb', 'a gas hog')[index - 1]} costs {tried.gas_used} gas")
        assert tried.gas_used < 200_000 * 64 // 63 + 100_000


@pytest.mark.parametrize("name", ["PausingToken", "BlacklistToken", "RebasingToken", "FeeToken"])
def test_hostile_tokens(world: World, name: str) -> None:
    """A token that stops, lists, shrinks or skims hurts claims in itself alone: its task settles, other money goes out."""
    evm, vault = world.chain.evm, world.chain.market
    token = Double.deploy(evm, STRANGER, name)
    token.must(REQUESTER, "mint", REQUESTER, 10_000)
    token.must(REQUESTER, "approve", vault, 10_000)
    assert evm.send(REQUESTER, vault, market.encode_deposit(REQUESTER, 10_000, token.address)).ok
    arrived = 9_900 if name == "FeeToken" else 10_000
    assert world.chain.read("balanceOf", REQUESTER, token.address) == arrived == token.read("balanceOf", vault)

    task = new_task(world, token=token.address, k=1, min_seats=1)
    native = new_task(world, k=1, min_seats=1)
    for each in (task, native):
        (bid,) = offers_for(world, each, (1_000,))
        assert evm.send(REQUESTER, vault, market.encode_hire(each, [bid.bid])).ok
    if name == "PausingToken":
        token.must(STRANGER, "pause", True)
    elif name == "BlacklistToken":
        token.must(STRANGER, "setBlocked", vault, True)
    elif name == "RebasingToken":
        token.must(STRANGER, "rebase", 100)  # a hundredth is left
    for each in (task, native):
        task_id, opened = world.task_id(each), opening(b"42", 0)
        digest = commitment(task_id, 1, opened.answer_digest, opened.evidence_digest, opened.salt)
        assert evm.send(ANNA, vault, market.encode_commit(task_id, 0, digest)).ok
        assert evm.send(STRANGER, vault, market.encode_reveal_and_settle(each, [opened])).ok
        assert world.chain.read("stateOf", task_id) == State.SETTLED
    out = evm.send(ANNA, vault, market.encode_claim(1, ANNA, token.address))
    assert out.ok if name == "FeeToken" else out.error == ("TransferFailed", {})
    assert evm.send(ANNA, vault, market.encode_claim(1, ANNA)).ok, "native pay is as good as ever"


# --- signatures ---


def test_replay(world: World) -> None:
    """A signature counts for one task, once, on one market, on one chain, on one side of a fork."""
    evm, task = world.chain.evm, new_task(world)
    signed = world.post(STRANGER, task, signer=REQUESTER)
    # Another task, another step of the same task.
    other = replace(task, salt=keccak(b"other"))
    signature = signing.sign_task(KEY_OF[REQUESTER], world.domain, task)
    bad = ("BadSignature", {"expected": REQUESTER})
    assert evm.dry(STRANGER, world.chain.market, market.encode_post(other, signature)).error == bad
    assert evm.dry(STRANGER, world.chain.market, market.encode_cancel(task, signature)).error == bad
    assert evm.dry(STRANGER, world.chain.market, market.encode_hire(task, [], signature)).error == bad
    # Another contract of the same code on the same chain.
    twin = evm.create(STRANGER, market_code(world.chain.registry, world.chain.plans, world.base.terms, world.base.pool))
    assert evm.dry(STRANGER, twin, signed.data, task.escrow_wei).error == bad
    # The same contract on the other side of a fork: not only the signature, the task itself has another name there.
    task_id = world.chain.read("taskIdOf", task.words())
    evm.split(1)
    assert evm.dry(STRANGER, world.chain.market, signed.data).error == bad
    assert world.chain.read("taskIdOf", task.words()) != task_id == world.task_id(task)
    evm.split(31337)
    # The same again.
    world.must(signed)
    assert world.do(signed).error == ("TaskExists", {"taskId": task_id})
    world.must(world.cancel(STRANGER, task, signer=REQUESTER))
    assert world.do(signed).error == ("TaskExists", {"taskId": task_id}), "a cancelled task is not posted again"
    # Money: by nonce and deadline.
    out = world.withdraw_signed(STRANGER, REQUESTER, REQUESTER, 5, world.now_s, REQUESTER)
    world.must(out)
    assert world.do(out).error == bad
    late = world.withdraw_signed(STRANGER, REQUESTER, REQUESTER, 5, world.now_s, REQUESTER)
    evm.at(world.now_s + 1)
    assert world.do(late).error == ("SignatureExpired", {"deadline": world.now_s - 1})


def test_bent_choice(world: World) -> None:
    """Whoever relays a signed choice can drop no bid from it by spoiling the bid's signature, nor change or reorder any."""
    task = new_task(world, k=2)
    first, second, third = offers_for(world, task)
    spoilt = replace(first, bid=replace(first.bid, signature=second.bid.signature), signer=BERT)
    world.must(world.post(REQUESTER, task))
    relayed = world.do(world.award(STRANGER, task, [spoilt, second, third], signer=REQUESTER))
    assert relayed.error == ("SeatRefused", {"agentId": 1, "reason": Skip.BAD_SIGNATURE})
    signature = signing.sign_award(KEY_OF[REQUESTER], world.domain, world.task_id(task), [first.bid, second.bid, third.bid])
    for bent in ([second, third], [second, first, third], [first, second]):
        data = market.encode_award(task, [offer.bid for offer in bent], signature)
        tried = world.chain.evm.dry(STRANGER, world.chain.market, data)
        assert tried.error == ("BadSignature", {"expected": REQUESTER})
    # The requester itself may: then it is only a bid that it passes over.
    *skipped, award = world.must(world.award(REQUESTER, task, [spoilt, second, third])).events
    assert [e.reason for e in skipped] == [Skip.BAD_SIGNATURE]
    assert isinstance(award, events.TaskAwarded) and [seat.agent_id for seat in award.seats] == [2, 3]


def test_stale_take(world: World) -> None:
    """A signed take that somebody kept back until it is too late to commit is worth nothing: the bond stays where it is."""
    world.must(world.fund_agent(STRANGER, 1, 50))
    task = new_task(world, open=True, bond_wei=50)
    world.must(world.post(REQUESTER, task))
    world.chain.evm.at(task.bid_end_s + 1)
    kept = world.take(STRANGER, task, 1, signer=ANNA, ahead_s=5)
    world.chain.evm.at(task.bid_end_s + 7)
    assert world.do(kept).error == ("SignatureExpired", {"deadline": task.bid_end_s + 6})
    assert world.chain.read("accountOf", 1, NATIVE) == (50, 0, 0, 0)


@pytest.mark.parametrize("form", FORMS)
def test_malleable_and_64_byte_signatures(world: World, form: str) -> None:
    """65 bytes with a low s, or 64 by ERC-2098; the high-s twin, v = 0/1 and anything shorter are nobody's."""
    good = form in ("plain", "compact")
    task = new_task(world, k=1, min_seats=1)
    assert world.do(world.post(STRANGER, task, signer=REQUESTER, form=form)).ok is good
    if not good:
        world.must(world.post(REQUESTER, task))
    task_id = world.task_id(task)
    bid = world.offer(task_id, Bid(1, 1, 1, task.bid_end_s), ANNA, form)
    assert world.do(world.bid(STRANGER, task_id, bid)).ok is good
    assert world.do(world.award(REQUESTER, task, [bid])).ok is good
    out = world.withdraw_signed(STRANGER, REQUESTER, REQUESTER, 5, world.now_s, REQUESTER, form=form)
    assert world.do(out).ok is good
    if good:  # a second dress of a used signature is as used as the first
        again = world.withdraw_signed(
            STRANGER, REQUESTER, REQUESTER, 5, world.now_s, REQUESTER, form="compact", nonce=0
        )
        assert world.do(again).error == ("BadSignature", {"expected": REQUESTER})


def test_a_wallet_contract_is_no_hole(world: World) -> None:
    """ERC-1271: nobody but its key signs for a wallet contract, nor does it sign for others."""
    task = new_task(world, requester=CONTRACT)
    for signer in (STRANGER, REQUESTER):
        assert world.do(world.post(STRANGER, task, task.escrow_wei, signer=signer)).error == (
            "BadSignature", {"expected": CONTRACT}
        )  # fmt: skip
    assert not world.do(world.post(STRANGER, new_task(world), signer=CONTRACT)).ok
    world.must(world.post(STRANGER, task, task.escrow_wei, signer=CONTRACT))


def test_id_squatting(world: World) -> None:
    """An id is its requester's: nobody can take it first, and another's equal order has another id."""
    task = new_task(world)
    for act in (world.post(STRANGER, task, task.escrow_wei), world.post(STRANGER, task, task.escrow_wei, signer=STRANGER)):
        assert not world.do(act).ok
    theirs = replace(task, requester=STRANGER)
    world.must(world.post(STRANGER, theirs, task.escrow_wei))
    assert world.task_id(theirs) != world.task_id(task)
    world.must(world.post(REQUESTER, task))


# --- gas ---


def test_block_gas_denial(world: World) -> None:
    """Bids are logs: whatever number of them leaves no trace in the state, so none can make a later step dearer."""
    task = new_task(world)
    world.must(world.post(REQUESTER, task))
    spam = encode(MARKET, "bid", world.task_id(task), offers_for(world, task)[0].bid.words())
    evm, roots = world.chain.evm, set()
    for _ in range(200):
        assert evm.send(STRANGER, world.chain.market, spam).ok
        roots.add(evm.root())
    assert len(roots) == 1


def test_desk_squatting(world: World) -> None:
    """Sitting at the desk that another's task asked for makes its award dearer by fresh slots, and stops nothing."""

    def award(name: str, desk: int, requester: str = REQUESTER) -> tuple[Task, int]:
        salt = keccak(text=name)[:27] + desk.to_bytes(5, "big")
        task = new_task(world, requester=requester, salt=salt)
        world.must(world.post(requester, task))
        return task, world.must(world.award(requester, task, offers_for(world, task))).gas_used

    def left(name: str) -> int:
        task, gas = award(name, 7)
        world.chain.evm.at(task.evaluation_end_s + 1)
        world.must(world.settle(STRANGER, task))
        return gas

    world.must(world.deposit(STRANGER, STRANGER, 10_000))
    fresh, used = left("first"), left("second")
    award("squatter's", 7, STRANGER)
    _, taken = award("third", 7)
    print(f"award of three seats: {fresh} gas at a fresh desk, {used} at a used one, {taken} where somebody sits")
    assert used < fresh < taken < fresh + 30_000


def test_settle_of_sixteen_seats(world: World) -> None:
    """The dearest settle there is: sixteen seats with sixteen answers."""
    ids = crowd(world, 16)
    gas = {}
    for answers in (1, 16):
        task = new_task(world, k=16, min_seats=16, quorum_bps=1, salt=keccak(bytes([answers])))
        task_id = world.task_id(task)
        offers = [world.offer(task_id, Bid(a, 1, 1, task.bid_end_s), key.address) for a, key in zip(ids, CROWD, strict=True)]
        award = world.must(world.hire(REQUESTER, task, offers)).gas_used
        opened: list[Opening] = []
        for seat, (agent_id, key) in enumerate(zip(ids, CROWD, strict=True)):
            opened.append(opening(bytes([seat % answers]), seat))
            o = opened[-1]
            digest = commitment(task_id, agent_id, o.answer_digest, o.evidence_digest, o.salt)
            world.must(world.commit(key.address, task_id, seat, digest))
        for o in opened:
            world.must(world.reveal(STRANGER, task_id, o))
        gas[answers] = world.must(world.settle(STRANGER, task)).gas_used
        print(f"sixteen seats, {answers} answers: hire {award} gas, settle {gas[answers]} gas")
    assert max(gas.values()) < 30_000_000 // 30, "a thirtieth of a block of 30 million"
