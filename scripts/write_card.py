"""Writes the built-in model's card, and the tables of docs/model.md, from manifest, curve and what `symphony eval` measured.

    symphony eval --suite families --engine llama_cpp --votes greedy,1,3,9 --seeds 1 --limit 100 --json > fresh.json
    symphony eval --suite bbh --data PATH --engine llama_cpp --votes greedy,1,3,9 --seeds 1 --json > bbh.json
    python scripts/write_card.py fresh.json bbh.json
    python scripts/write_card.py --model early fresh-early.json
    python scripts/write_card.py --adapter PATH fresh-adapter.json
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from safetensors import safe_open

from agent_runtime.engines.weights import GGUF, SAFETENSORS, early_folder, read_manifest, shipped_folder
from agent_runtime.model.architecture import ModelShape
from agent_runtime.model.card import CARD
from agent_runtime.model.export import write_manifest
from symphony_chain.spec import CardAccuracy, CardPoint, CardTraining, CardWeights, ModelCard

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "model.md"
CURVE = ROOT / "agent_runtime" / "model" / "curve.json"
CURVE_POINTS = 64
TITLES = {"families": "Fresh held-out tasks, level 3", "bbh": "The public BIG-Bench-Hard files"}
ADAPTER_FILES = {"safetensors": "adapter_model.safetensors", "gguf": "adapter.gguf"}
MODEL_FILES = {"safetensors": SAFETENSORS, "gguf": GGUF}
SAYS = (
    "A Llama of 1.3 million parameters, trained on generated tasks alone. It works families of algorithmic tasks step by step in "
    "plain text and writes the answer behind ####."
)
LIMITS = (
    "It solves templates, not free English: a question in words that its generators do not use is out of its world, and it "
    "answers anyway, in the same confident voice. Long inputs decay."
)


def bps(share: float) -> int:
    """Basis points of a share."""
    return round(share * 10_000)


def accuracy_of(report: dict[str, Any]) -> list[CardAccuracy]:
    """One entry a family of a report of `symphony eval`."""
    votes = report["votes"]
    counts = [name for name in votes if name not in ("greedy", "1")]
    return [
        CardAccuracy(
            report["suite"],
            family,
            cell["n"],
            bps(votes["greedy"][family]["accuracy"]),
            bps(votes["1"][family]["accuracy"]),
            {int(name): bps(votes[name][family]["accuracy"]) for name in counts},
        )
        for family, cell in votes["greedy"].items()
    ]


def curve_of(points: list[dict[str, Any]]) -> tuple[CardPoint, ...]:
    """At most ``CURVE_POINTS`` of a curve: tokens, and the mean share over what it tells of."""
    step = -(-len(points) // CURVE_POINTS)
    chosen = points[::-1][::step][::-1]
    means = [(point["tokens"], point.get("solved_level_3") or point["solved"]) for point in chosen]
    return tuple(CardPoint(tokens, bps(sum(found.values()) / len(found))) for tokens, found in means)


def parameters_of(path: Path) -> int:
    """Numbers in a file of tensors."""
    with safe_open(path, "numpy") as tensors:
        shapes = [tensors.get_slice(name).get_shape() for name in tensors.keys()]  # noqa: SIM118  # no mapping
    total = 0
    for shape in shapes:
        size = 1
        for length in shape:
            size *= length
        total += size
    return total


def card_of(folder: Path, curve: list[dict[str, Any]], reports: list[dict[str, Any]], *, adapter: bool) -> ModelCard:
    """The card of a folder of weights."""
    manifest = read_manifest(folder)
    assert manifest is not None, f"{folder} has no manifest"
    trained, names = manifest["trained"], ADAPTER_FILES if adapter else MODEL_FILES
    files = manifest["files"]
    families = manifest["recipe"].get("families") or [name for name in trained["examples"] if name != "copying"]
    return ModelCard(
        name=manifest["name"],
        kind="adapter" if adapter else "model",
        base=bytes.fromhex(manifest["base_sha256"]) if adapter else None,
        weights=tuple(
            CardWeights(kind, bytes.fromhex(files[name]["sha256"]), files[name]["bytes"]) for kind, name in names.items()
        ),
        licence=manifest["licence"],
        description=f"LoRA adapter: {', '.join(families)}." if adapter else SAYS,
        limits=LIMITS,
        parameters=parameters_of(folder / names["safetensors"]),
        context_tokens=manifest["shape"]["context_tokens"],
        training=CardTraining(
            seed=manifest["recipe"]["seed"],
            tokens=trained["tokens"],
            steps=trained["steps"],
            seconds=round(trained.get("elapsed_s", 0)),
            examples=sum(trained["examples"].values()),
        ),
        curve=curve_of(curve),
        accuracy=tuple(entry for report in reports for entry in accuracy_of(report)),
        skills=tuple(families),
    )


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
    for report in reports:
        begin, end = (f"<!-- {report['suite']}: {word} -->" for word in ("begin", "end"))
        before, rest = text.split(begin)
        text = f"{before}{begin}\n{TITLES[report['suite']]}:\n\n{table(report)}\n{end}{rest.split(end)[1]}"
    PAGE.write_text(text, "utf-8")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reports", nargs="+", type=Path, help="JSON documents of `symphony eval`")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--model", choices=["shipped", "early"], default="shipped")
    which.add_argument("--adapter", type=Path, help="folder of an adapter")
    args = parser.parse_args()
    reports = [json.loads(path.read_text("utf-8")) for path in args.reports]
    folder = args.adapter or {"shipped": shipped_folder(), "early": early_folder()}[args.model]
    manifest = read_manifest(folder)
    assert manifest is not None, f"{folder} has no manifest"
    whole = json.loads(CURVE.read_text("utf-8"))
    curve = manifest["trained"]["curve"] if args.adapter else [p for p in whole if p["tokens"] <= manifest["trained"]["tokens"]]
    card = card_of(folder, curve, reports, adapter=args.adapter is not None)
    (folder / CARD).write_text(json.dumps(json.loads(card.to_json()), indent=1) + "\n", "utf-8")
    facts = {key: value for key, value in manifest.items() if key not in ("files", "shape", "licence")}
    write_manifest(folder, ModelShape(**manifest["shape"]), facts)
    if folder == shipped_folder():
        write_tables(reports)
    print(f"{folder / CARD}: {len(card.to_json())} bytes, digest {card.digest.hex()}")


if __name__ == "__main__":
    main()
