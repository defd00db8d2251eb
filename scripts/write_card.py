"""Writes the card of the built-in model, or of its early self, from what `symphony eval` measured; and docs/model.md's tables.

    symphony eval --suite families --engine llama_cpp --votes greedy,1,3,9 --seeds 1 --limit 100 --json > fresh.json
    symphony eval --suite bbh --data PATH --engine llama_cpp --votes greedy,1,3,9 --seeds 1 --json > bbh.json
    python scripts/write_card.py fresh.json bbh.json
    python scripts/write_card.py --model early fresh-early.json
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from agent_runtime.engines.weights import CURVE, early_folder, shipped_folder
from agent_runtime.model.card_export import write_card

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "model.md"
TITLES = {"families": "Fresh held-out tasks, level 3", "bbh": "The public BIG-Bench-Hard files"}


def table(report: dict[str, Any]) -> str:
    """A report as a table of percentages with standard errors."""
    names = list(report["votes"])
    heads = {"greedy": "greedy", "1": "one chain"}
    lines = [
        f"| family | tasks | {' | '.join(heads.get(name, f'{name} votes') for name in names)} |",
        "|---" * (len(names) + 2) + "|",
    ]

    def cell(found: dict[str, Any]) -> str:
        return f"{100 * found['accuracy']:.1f} ± {100 * found['se']:.1f}"

    for family, first in report["votes"][names[0]].items():
        lines.append(f"| {family} | {first['n']} | {' | '.join(cell(report['votes'][name][family]) for name in names)} |")
    means = (f"**{100 * report['mean'][name]:.1f} ± {100 * report['se'][name]:.1f}**" for name in names)
    return "\n".join([*lines, f"| **mean** | {report['tasks']} | {' | '.join(means)} |"])


def write_tables(reports: list[dict[str, Any]]) -> None:
    """Puts the tables between the page's marks."""
    text = PAGE.read_text("utf-8")
    for report in (r for r in reports if f"<!-- {r['suite']}: begin -->" in text):
        begin, end = (f"<!-- {report['suite']}: {word} -->" for word in ("begin", "end"))
        before, rest = text.split(begin)
        text = f"{before}{begin}\n{TITLES[report['suite']]}:\n\n{table(report)}\n{end}{rest.split(end)[1]}"
    PAGE.write_text(text, "utf-8")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reports", nargs="+", type=Path, help="JSON documents of `symphony eval`")
    parser.add_argument("--model", choices=["shipped", "early"], default="shipped")
    args = parser.parse_args()
    reports = [json.loads(path.read_text("utf-8")) for path in args.reports]
    folder = {"shipped": shipped_folder(), "early": early_folder()}[args.model]
    card = write_card(folder, reports, json.loads((folder / CURVE).read_text("utf-8")))
    if args.model == "shipped":
        write_tables(reports)
    print(f"card {card.digest.hex()} in {folder}: {len(card.to_json())} bytes")


if __name__ == "__main__":
    main()
