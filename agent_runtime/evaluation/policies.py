"""Four ways to have a task answered: one model, a random agent, all agents, or the agents that the market would seat.

Each gives trials[number of votes][task][seed]; a seat's own chains vote as they do in a worker. Draws come from `Engines`, so
that all policies judge the same chains. Knows no command line and no files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

from agent_runtime.bidding import BidPolicy
from agent_runtime.evaluation.earned import EarnedStep
from agent_runtime.evaluation.market import OfflineMarket, Weighting, task_id_of
from agent_runtime.evaluation.pool import Agent, Engines
from agent_runtime.evaluation.samples import Draw, Sampling
from agent_runtime.evaluation.score import Trial
from agent_runtime.model.datasets import TaskItem, is_right
from agent_runtime.model.skills import skill_of
from agent_runtime.reasoning.vote import Ballot, self_consistency
from agent_runtime.routing.screen import ScreenRouter

Policy = Literal["single", "random", "broadcast", "routed"]
POLICIES: tuple[Policy, ...] = ("single", "random", "broadcast", "routed")
#: Number of votes → trials of each task and seed.
Trials = dict[int, list[list[Trial]]]
#: Number of votes → what the seats of each seed's market earned, in the order of its tasks.
Histories = dict[int, list[list[EarnedStep]]]
#: So many votes mean one greedy chain.
GREEDY = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked, and how.

    Attributes:
        sizes: numbers of votes of one seat; 0 is one greedy chain.
        seeds: how often each task is asked, each time with chains of its own.
        sampling: of the chains that are not greedy.
        seats: how many agents the routed market seats.
        gold: share of tasks whose evaluator knows the answer, where agents earn.
        wei_per_token: price of a token read or generated.
    """

    tasks: Sequence[TaskItem]
    sizes: Sequence[int] = (1, 3, 5, 9)
    seeds: int = 3
    sampling: Sampling = Sampling(0.8, 512)
    seats: int = 1
    gold: float = 0.0
    wei_per_token: int = BidPolicy().wei_per_token


@dataclass(frozen=True, slots=True)
class Thought:
    """One seat's answer (None: no chain came to one), whether it is right, the evidence for it, and what it took: tokens
    generated, wei for these and for those read, seconds.
    """

    answer: bytes | None
    right: bool
    evidence: float
    tokens: int
    cost_wei: int
    seconds: float


class Seats:
    """What an agent would answer to a task: looked up, or thought now."""

    def __init__(self, engines: Engines, plan: Plan) -> None:
        self._engines = engines
        self._plan = plan
        self._most = max(plan.sizes)
        self._ballots: dict[tuple[object, ...], list[Ballot]] = {}
        self._thoughts: dict[tuple[object, ...], Thought] = {}

    def think(self, agent: Agent, task: TaskItem, size: int, seed: int) -> Thought:
        """The vote among the first ``size`` chains. A draw's time is shared out by tokens: its chains were made side by side."""
        key = (agent.name, task.id, task.prompt, size, seed)
        if key not in self._thoughts:
            self._thoughts[key] = self._think(task, size, self.draw(agent, task, size, seed))
        return self._thoughts[key]

    def ballots(self, task: TaskItem, draw: Draw) -> list[Ballot]:
        """The draw's chains as votes, each text read once."""
        key = (*draw.key, task.id)
        if key not in self._ballots:
            self._ballots[key] = draw.ballots(task)
        return self._ballots[key]

    def _think(self, task: TaskItem, size: int, draw: Draw) -> Thought:
        ballots = self.ballots(task, draw)[: max(1, size)]
        consensus = self_consistency(task_id_of(task), ballots)
        made = sum(chain.tokens for chain in draw.chains[: max(1, size)])
        share = made / max(1, sum(chain.tokens for chain in draw.chains))
        cost_wei = (draw.prompt_tokens + made) * self._plan.wei_per_token
        if consensus is None:
            return Thought(None, False, 0.0, made, cost_wei, draw.seconds * share)
        right = is_right(task, consensus.answer.decode())
        return Thought(consensus.answer, right, consensus.evidence, made, cost_wei, draw.seconds * share)

    def draw(self, agent: Agent, task: TaskItem, size: int, seed: int) -> Draw:
        """The chains of which that vote takes the first ones."""
        if size == GREEDY:
            greedy = Sampling(0.0, self._plan.sampling.max_tokens)
            return self._engines.draw(agent, task, seed=0, sampling=greedy, n=1)
        return self._engines.draw(agent, task, seed=seed, sampling=self._plan.sampling, n=self._most)


def order_of(plan: Plan, seed: int) -> list[int]:
    """Places of the tasks in the order in which the market of that seed gets them."""
    order = list(range(len(plan.tasks)))
    Random(f"order/{seed}").shuffle(order)
    return order


def single(plan: Plan, agent: Agent, seats: Seats) -> Trials:
    """One agent answers everything."""
    return {
        size: [[_trial(seats.think(agent, task, size, seed)) for seed in range(plan.seeds)] for task in plan.tasks]
        for size in plan.sizes
    }


def at_random(plan: Plan, pool: Sequence[Agent], seats: Seats) -> Trials:
    """An agent drawn by task and seed answers, the same one for every number of votes."""
    chosen = [
        [Random(f"random/{task.id}/{seed}").choice(pool) for seed in range(plan.seeds)] for task in plan.tasks
    ]
    return {
        size: [
            [_trial(seats.think(agent, task, size, seed)) for seed, agent in enumerate(agents)]
            for task, agents in zip(plan.tasks, chosen, strict=True)
        ]
        for size in plan.sizes
    }


def broadcast(plan: Plan, pool: Sequence[Agent], seats: Seats, weighting: Weighting) -> tuple[Trials, Histories]:
    """Every agent answers, and the answers vote. Agents earn as the tasks go by, in an order drawn by the seed."""
    return _history(plan, pool, seats, weighting, routed=False)


def routed(plan: Plan, pool: Sequence[Agent], seats: Seats, weighting: Weighting) -> tuple[Trials, Histories]:
    """The market seats the agents whose bids its screen ranks first, and their answers vote."""
    return _history(plan, pool, seats, weighting, routed=True)


def _history(
    plan: Plan, pool: Sequence[Agent], seats: Seats, weighting: Weighting, *, routed: bool
) -> tuple[Trials, Histories]:
    lives = {
        size: [_market_life(plan, pool, seats, weighting, size, seed, routed) for seed in range(plan.seeds)]
        for size in plan.sizes
    }
    trials = {size: _by_task([trials for trials, _ in found]) for size, found in lives.items()}
    return trials, {size: [steps for _, steps in found] for size, found in lives.items()}


def _market_life(
    plan: Plan, pool: Sequence[Agent], seats: Seats, weighting: Weighting, size: int, seed: int, routed: bool
) -> tuple[list[Trial], list[EarnedStep]]:
    """One market from its first task to its last: the trials in the plan's order, and what its seats earned."""
    market = OfflineMarket(
        pool,
        weighting=weighting,
        gold=plan.gold,
        seed=seed,
        router=ScreenRouter(),
        policy=BidPolicy(wei_per_token=plan.wei_per_token),
        tokens=max(1, size) * plan.sampling.max_tokens / 2,
    )
    trials: dict[int, Trial] = {}
    steps: list[EarnedStep] = []
    for number, at in enumerate(order_of(plan, seed)):
        task = plan.tasks[at]
        places = market.seat(task, plan.seats) if routed else range(len(pool))
        thoughts = {place: seats.think(pool[place], task, size, seed) for place in places}
        used = {place: thought.cost_wei // plan.wei_per_token for place, thought in thoughts.items()}
        end = market.close(task, {place: thought.answer for place, thought in thoughts.items()}, used)
        trials[at] = Trial(
            right=end.answer is not None and is_right(task, end.answer.decode()),
            tokens=sum(thought.tokens for thought in thoughts.values()),
            cost_wei=sum(thought.cost_wei for thought in thoughts.values()),
            seconds=max((thought.seconds for thought in thoughts.values()), default=0.0),
        )
        skill = skill_of(task.family)
        if skill is not None:
            steps += [
                EarnedStep(number, pool[place].name, skill, market.earned_bps(place, task), thought.right)
                for place, thought in thoughts.items()
            ]
    return [trials[at] for at in range(len(plan.tasks))], steps


def _by_task(by_seed: Sequence[Sequence[Trial]]) -> list[list[Trial]]:
    return [list(trials) for trials in zip(*by_seed, strict=True)]


def _trial(thought: Thought) -> Trial:
    return Trial(thought.right, thought.tokens, thought.cost_wei, thought.seconds)
