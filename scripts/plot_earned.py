"""Draws what agents earned over their seats, with and without evaluators that know, beside their share of right answers: an
SVG with a panel for each agent and skill, from documents of `symphony eval` (policy broadcast or routed, one number of votes).

    symphony eval --policy routed --seats 3 --gold 0.2 … --json > with.json      # and without --gold
    python scripts/plot_earned.py "a fifth scored by gold=with.json" "none=without.json" --out docs/earned.svg
"""

from __future__ import annotations

import argparse
import json
from html import escape
from pathlib import Path
from typing import Any

COLORS = ("#1b6ca8", "#c2571a", "#2e7d4f", "#7a4fa3")
COLUMNS, WIDTH, HEIGHT, GAP, HEAD = 3, 230, 110, 34, 44

Lanes = dict[tuple[str, str], dict[str, Any]]


def lanes_of(report: dict[str, Any]) -> Lanes:
    """(agent, skill) → ``{seats, accuracy, earned}``, of the report's last number of votes.

    Raises:
        SystemExit: nobody earned anything there.
    """
    if not report.get("earned"):
        raise SystemExit("a report has no `earned`: measure with --policy broadcast or routed, and --json")
    agents = list(report["earned"].values())[-1]["agents"]
    return {(agent, skill): lane for agent, skills in agents.items() for skill, lane in skills.items()}


def drawing(reports: dict[str, Lanes], most: int) -> str:
    """The SVG: the ``most`` lanes with the most seats in all reports together, by agent and skill."""
    seats: dict[tuple[str, str], int] = {}
    for lanes in reports.values():
        for key, lane in lanes.items():
            seats[key] = seats.get(key, 0) + lane["seats"]
    keys = sorted(sorted(seats, key=lambda key: (-seats[key], key))[:most])
    rows = -(-len(keys) // COLUMNS)
    width, height = COLUMNS * (WIDTH + GAP) + GAP, HEAD + rows * (HEIGHT + 2 * GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    for at, (name, color) in enumerate(zip(reports, COLORS, strict=False)):
        parts.append(f'<text x="{GAP + 240 * at}" y="22" fill="{color}">{escape(name)}</text>')
    for at, key in enumerate(keys):
        left, top = GAP + at % COLUMNS * (WIDTH + GAP), HEAD + GAP // 2 + at // COLUMNS * (HEIGHT + 2 * GAP)
        parts += _panel(left, top, key, [lanes.get(key) for lanes in reports.values()])
    return "\n".join([*parts, "</svg>", ""])


def _panel(left: int, top: int, key: tuple[str, str], lanes: list[dict[str, Any] | None]) -> list[str]:
    agent, skill = map(escape, key)
    longest = max(lane["seats"] for lane in lanes if lane)
    parts = [
        f'<text x="{left}" y="{top - 6}" fill="#222">{agent}: {skill}</text>',
        f'<rect x="{left}" y="{top}" width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="#bbb"/>',
        f'<text x="{left - 4}" y="{top + 8}" text-anchor="end" fill="#666">1</text>',
        f'<text x="{left - 4}" y="{top + HEIGHT}" text-anchor="end" fill="#666">0</text>',
        f'<text x="{left + WIDTH}" y="{top + HEIGHT + 13}" text-anchor="end" fill="#666">{longest} seats</text>',
    ]
    for lane, color in zip(lanes, COLORS, strict=False):
        if lane is None:
            continue
        right = top + HEIGHT * (1 - lane["accuracy"])
        end = left + WIDTH * lane["seats"] / longest
        points = " ".join(
            f"{left + WIDTH * (at + 1) / longest:.1f},{top + HEIGHT * (1 - earned):.1f}"
            for at, earned in enumerate(lane["earned"])
        )
        parts += [
            f'<path d="M{left} {right:.1f}H{end:.1f}" stroke="{color}" stroke-dasharray="3 3" opacity="0.7"/>',
            f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="1.5"/>',
        ]
    return parts


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reports", nargs="+", metavar="NAME=FILE", help="what the drawing calls a report, and its file")
    parser.add_argument("--most", type=int, default=12, help="panels: agents and skills with the most seats")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    if len(args.reports) > len(COLORS):
        parser.error(f"{len(args.reports)} reports are more than there are colors for: give at most {len(COLORS)}")
    named = [report.rpartition("=") for report in args.reports]
    reports = {name: lanes_of(json.loads(Path(file).read_text("utf-8"))) for name, _, file in named}
    args.out.write_text(drawing(reports, args.most), "utf-8")
    print(f"wrote {args.out}")


if __name__ == "__main__":
    main()
