"""The demo's figures as one JSON document, its verdict, and its words for a person. Pure: knows how to count, not how to run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from symphony.demo.measure import Clock, StepGas
from symphony.demo.run import Run
from symphony_chain.types import State
from symphony_chain.units import format_wei

LEAST_ACCURACY = 0.60
#: What one task's life costs: bids and claims are counted apart, as they are the agents' own affair.
TASK_STEPS = ("post", "award", "take", "commit", "reveal", "revealAndSettle", "settle", "evaluate", "cancel")
GOOD_ENDS = (State.SETTLED, State.INCONCLUSIVE)


def document(run: Run, gas: dict[str, StepGas], clock: Clock, *, devnet: str) -> dict[str, Any]:
    """The content of demo-report.json. Money is in wei as decimal strings, times in seconds."""
    tasks = len(run.results)
    ends = Counter(result.outcome.state for result in run.results)
    seats = [right for result in run.results for right in result.seats_right]
    correct = sum(result.correct for result in run.results)
    on_tasks = sum(step.total for name, step in gas.items() if name in TASK_STEPS)
    money = _money(run)
    report: dict[str, Any] = {
        "tasks": tasks,
        "settled": ends[State.SETTLED],
        "inconclusive": ends[State.INCONCLUSIVE],
        "void": ends[State.VOID],
        "expired": ends[State.EXPIRED] + ends[State.CANCELLED],
        "correct": correct,
        "vote_accuracy": correct / tasks,
        "seat_accuracy": sum(seats) / len(seats) if seats else 0.0,
        "seats_revealed": len(seats),
        "families": _families(run),
        "gas_per_task": round(on_tasks / tasks),
        "gas_per_step": {name: {"calls": step.calls, "mean": round(step.mean)} for name, step in gas.items()},
        "wall_s": round(clock.wall_s, 3),
        "thinking_s": round(clock.thinking_s, 3),
        "chain_s": round(clock.chain_s, 3),
        "orchestration_s": round(clock.orchestration_s, 3),
        "overhead_fraction": round(clock.overhead_fraction, 4),
        "first_answer_s": None if run.first_answer_s is None else round(run.first_answer_s - run.started_s, 3),
        "payouts_wei": {str(agent): str(wei) for agent, wei in sorted(_payouts(run).items())},
        "money": money,
        "audit_ok": run.audit.ok,
        "audit": {"rows": run.audit.checked_rows, "cells": run.audit.checked_cells, "block": run.audit.block},
        "devnet": devnet,
    }
    report["failures"] = failures(run, report)
    return report


def failures(run: Run, report: dict[str, Any]) -> list[str]:
    """Why the run does not count as a success; empty if it does."""
    found = []
    bad = report["tasks"] - report["settled"] - report["inconclusive"]
    if bad:
        found.append(f"{bad} tasks ended without a vote (expired, cancelled or void)")
    silent = sum(1 for r in run.results if r.outcome.state is State.INCONCLUSIVE and not all(s.revealed for s in r.outcome.seats))
    if silent:
        found.append(f"{silent} inconclusive tasks were split by silence, not by honest disagreement")
    if report["vote_accuracy"] < LEAST_ACCURACY:
        found.append(f"the vote was right on {report['vote_accuracy']:.0%}, less than {LEAST_ACCURACY:.0%}")
    if not run.audit.ok:
        found.append(f"the audit found {len(run.audit.differences)} differences")
    if not report["money"]["balanced"]:
        found.append("the money does not add up")
    return found


def _money(run: Run) -> dict[str, Any]:
    """Escrow in = pay + refund + fee + burnt, task by task; refunds came back; what the contract holds = what the audit says it
    owes and has burnt.
    """
    paid = sum(r.outcome.paid_wei for r in run.results)
    refunded = sum(r.outcome.refund_wei for r in run.results)
    burnt = sum(r.outcome.burnt_wei for r in run.results)
    balanced = all(r.outcome.spent_wei == run.escrow_wei for r in run.results)
    return {
        "escrowed_wei": str(run.escrow_wei * len(run.results)),
        "paid_wei": str(paid),
        "refunded_wei": str(refunded),
        "burnt_wei": str(burnt),
        "withdrawn_wei": str(run.withdrawn_wei),
        "held_wei": str(run.audit.held_wei),
        "owed_wei": str(run.audit.owed_wei),
        "balanced": balanced and run.withdrawn_wei == refunded and run.audit.held_wei == run.audit.owed_wei,
    }


def lines(report: dict[str, Any]) -> list[str]:
    """The report for a person: one fact a line, then tables of families, gas and money."""
    money = report["money"]
    accounted = "every wei accounted for" if money["balanced"] else "DOES NOT ADD UP"
    ends = ", ".join(f"{report[end]} {end}" for end in ("settled", "inconclusive", "void", "expired") if report[end])
    audit = report["audit"]
    out = [
        "",
        *_facts(
            ("tasks", f"{report['tasks']}: {ends}"),
            ("vote", f"{report['vote_accuracy']:.1%} right ({report['correct']} of {report['tasks']})"),
            ("single seats", f"{report['seat_accuracy']:.1%} right on average ({report['seats_revealed']} answers)"),
            ("time", _time(report)),
            ("money", f"paid {_wei(money['paid_wei'])}, back {_wei(money['refunded_wei'])}, burnt {_wei(money['burnt_wei'])}"),
            ("", accounted),
            ("gas", f"{report['gas_per_task']:,} per task"),
            (
                "audit",
                f"{'holds' if report['audit_ok'] else 'FAILED'}: {audit['cells']:,} cells of {audit['rows']:,} rows "
                "recomputed from the chain",
            ),
        ),
        "",
        *_columns(
            ("family", "tasks", "vote", "seats"),
            [(name, f["tasks"], f"{f['vote']:.0%}", f"{f['seat']:.0%}") for name, f in report["families"].items()],
        ),
        "",
        *_columns(
            ("step", "calls", "gas each"),
            [(name, step["calls"], f"{step['mean']:,}") for name, step in report["gas_per_step"].items()],
        ),
        "",
        *_columns(("agent", "paid"), [(agent, _wei(wei)) for agent, wei in report["payouts_wei"].items()]),
        "",
    ]
    return out + [f"NOT OK: {reason}" for reason in report["failures"]]


def _time(report: dict[str, Any]) -> str:
    return (
        f"{report['wall_s']:.1f} s = {report['thinking_s']:.1f} thinking + {report['chain_s']:.1f} waiting for blocks "
        f"+ {report['orchestration_s']:.1f} ours ({report['overhead_fraction']:.1%})"
    )


def _wei(text: str) -> str:
    return format_wei(int(text))


def _facts(*facts: tuple[str, str]) -> list[str]:
    return [f"{name:<14}{value}" for name, value in facts]


def _columns(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """A table whose first column is words and whose others are numbers, set flush right."""
    cells = [list(headers), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(headers))]
    return [
        "  ".join([row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))])
        for row in cells
    ]


def _families(run: Run) -> dict[str, dict[str, float]]:
    out = {}
    for family in sorted({result.item.family for result in run.results}):
        some = [result for result in run.results if result.item.family == family]
        seats = [right for result in some for right in result.seats_right]
        out[family] = {
            "tasks": len(some),
            "vote": round(sum(result.correct for result in some) / len(some), 4),
            "seat": round(sum(seats) / len(seats), 4) if seats else 0.0,
        }
    return out


def _payouts(run: Run) -> Counter[int]:
    out: Counter[int] = Counter()
    for result in run.results:
        for seat in result.outcome.seats:
            out[seat.agent_id] += seat.pay_wei
    return out
