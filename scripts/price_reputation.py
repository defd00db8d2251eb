"""What reputation costs somebody who deals with himself: a score of .80, and out-voting honest seats that have one.

Recomputed from the reference model and a deployment's constants. A Sybil posts tasks to his own agents, all of whom agree; the
pay comes back to him. Gone are the burnt share of every scored seat's pay, and gas. `--markdown` is the table of docs/threats.md.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from symphony_chain.deploy import DEFAULT_TERMS, Terms
from symphony_chain.model.tally import seat_weight, step_word
from symphony_chain.units import format_wei, parse_ether

FULL_BPS = 10_000
MAX_SEATS = 16
HONEST_BPS = 8_000
#: A deployment whose reputation is worth something; devnets keep it all but free.
EXAMPLE_TERMS = Terms(score_min_wei=parse_ether("0.001 ether"), score_burn_bps=500)
#: Gas as `scripts/bench_gas.py` measures it, rounded: to register an agent; a task of a large batch, its seats apart; a seat.
REGISTER_GAS, TASK_GAS, SEAT_GAS = 133_000, 63_000, 63_000
#: honest seats of .80 against so many seats of one attacker
CASES = ((1, 1), (1, 2), (1, 4), (1, 8), (1, 15), (2, 1), (2, 3), (3, 2), (6, 10), (8, 8), (15, 1))


@dataclass(frozen=True, slots=True)
class Price:
    """What an attacker pays for `agents` agents of one score.

    `tasks` and the rest are None where no score is high enough. `capital_wei` comes back: it is the pay of one task.
    """

    what: str
    agents: int
    score_bps: int | None
    tasks: int | None
    burnt_wei: int | None
    gas: int | None
    gas_wei: int | None
    capital_wei: int | None


def tasks_to(score_bps: int) -> int | None:
    """Scored tasks, every one won, from nothing to at least this score; None if it is never reached."""
    word, tasks = 0, 0
    while word < score_bps:
        after = step_word(word, FULL_BPS, FULL_BPS)
        if after == word:
            return None
        word, tasks = after, tasks + 1
    return tasks


def score_to_outvote(honest: int, seats: int, quorum_bps: int) -> int | None:
    """Least score of each of an attacker's seats that beats the honest ones and reaches the quorum; None: there is none."""
    against = honest * seat_weight(FULL_BPS, HONEST_BPS, FULL_BPS)
    for score_bps in range(FULL_BPS + 1):
        weight = seats * seat_weight(FULL_BPS, score_bps, FULL_BPS)
        if weight > against and weight * FULL_BPS >= quorum_bps * (weight + against):
            return score_bps
    return None


def price(what: str, agents: int, score_bps: int | None, terms: Terms, gas_price_wei: int) -> Price:
    """Cheapest way there: the agents sit together in every task, at the least price that is scored."""
    tasks = None if score_bps is None else tasks_to(score_bps)
    if tasks is None:
        return Price(what, agents, score_bps, None, None, None, None, None)
    seats = max(2, agents)  # a seat that nobody agrees with is never raised
    burnt_wei = tasks * seats * (terms.score_min_wei * terms.score_burn_bps // FULL_BPS)
    gas = seats * REGISTER_GAS + tasks * (TASK_GAS + seats * SEAT_GAS)
    return Price(what, agents, score_bps, tasks, burnt_wei, gas, gas * gas_price_wei, seats * terms.score_min_wei)


def prices(terms: Terms, gas_price_wei: int, quorum_bps: int) -> list[Price]:
    """A score of .80 first, then every case of CASES."""
    found = [price("a score of .80", 1, HONEST_BPS, terms, gas_price_wei)]
    for honest, seats in CASES:
        what = f"out-voting {honest} honest seat{'s' if honest > 1 else ''} of .80 with {seats} (k = {honest + seats})"
        found.append(price(what, seats, score_to_outvote(honest, seats, quorum_bps), terms, gas_price_wei))
    return found


def markdown(gas_price_wei: int, quorum_bps: int) -> str:
    """The table of docs/threats.md: two deployments side by side."""
    columns = [prices(terms, gas_price_wei, quorum_bps) for terms in (DEFAULT_TERMS, EXAMPLE_TERMS)]
    lines = [
        f"Quorum {quorum_bps / 100:.2f} %, gas at {format_wei(gas_price_wei)}. Devnet: {_terms(DEFAULT_TERMS)}; "
        f"example: {_terms(EXAMPLE_TERMS)}.",
        "",
        "| what | agents | score each | tasks | burnt, devnet | burnt, example | gas | gas in coin |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for devnet, example in zip(*columns, strict=True):
        head = f"| {devnet.what} | {devnet.agents} |"
        if devnet.burnt_wei is None or example.burnt_wei is None or devnet.gas_wei is None or devnet.score_bps is None:
            lines.append(f"{head} impossible | | | | | |")
            continue
        burnt = f"{format_wei(devnet.burnt_wei)} | {format_wei(example.burnt_wei)}"
        gas = f"{devnet.gas:,} | {format_wei(devnet.gas_wei)}"
        lines.append(f"{head} {devnet.score_bps / FULL_BPS:.4f} | {devnet.tasks} | {burnt} | {gas} |")
    return "\n".join(lines)


def _terms(terms: Terms) -> str:
    return f"{format_wei(terms.score_min_wei)} a seat at least, {terms.score_burn_bps / 100:g} % burnt"


def table(found: Sequence[Price]) -> str:
    lines = [f"{'':58} {'agents':>6} {'score':>6} {'tasks':>5} {'burnt':>20} {'gas':>11} {'gas in coin':>18}"]
    for p in found:
        if p.burnt_wei is None or p.gas_wei is None or p.score_bps is None:
            lines.append(f"{p.what:58} {p.agents:6} impossible")
        else:
            money = f"{format_wei(p.burnt_wei):>20} {p.gas:11,} {format_wei(p.gas_wei):>18}"
            lines.append(f"{p.what:58} {p.agents:6} {p.score_bps / FULL_BPS:6.4f} {p.tasks:5} {money}")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--score-min", default=str(DEFAULT_TERMS.score_min_wei), help='SCORE_MIN, as "0.001 ether" or in wei')
    parser.add_argument("--burn-bps", type=int, default=DEFAULT_TERMS.score_burn_bps, help="SCORE_BURN_BPS")
    parser.add_argument("--gas-price", default="1 gwei")
    parser.add_argument("--quorum-bps", type=int, default=5_001)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--markdown", action="store_true", help="the table of docs/threats.md, of two deployments")
    args = parser.parse_args()
    gas_price_wei = parse_ether(args.gas_price)
    if args.markdown:
        print(markdown(gas_price_wei, args.quorum_bps))
        return 0
    score_min_wei = int(args.score_min) if args.score_min.isdigit() else parse_ether(args.score_min)
    terms = Terms(score_min_wei=score_min_wei, score_burn_bps=args.burn_bps)
    found = prices(terms, gas_price_wei, args.quorum_bps)
    print(json.dumps([asdict(p) for p in found], indent=1) if args.json else table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
