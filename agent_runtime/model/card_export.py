"""Writes the card of a folder of weights, from its manifest, its curve, and what `symphony eval` measured. Knows no engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any

from safetensors import safe_open

from agent_runtime.engines.weights import CARD, GGUF, SAFETENSORS, read_manifest
from agent_runtime.model.architecture import ModelShape
from agent_runtime.model.export import write_manifest
from agent_runtime.model.families import DRILLS
from symphony_chain.errors import NotFound
from symphony_chain.spec import CardAccuracy, CardPoint, CardTraining, CardWeights, ModelCard

CURVE_POINTS = 64
MODEL_FILES = {"safetensors": SAFETENSORS, "gguf": GGUF}
ADAPTER_FILES = {"safetensors": "adapter_model.safetensors", "gguf": "adapter.gguf"}
SAYS = (
    "A Llama of 1.3 million parameters, trained on generated tasks alone. It works families of algorithmic tasks step by step in "
    "plain text and writes the answer behind ####."
)
LIMITS = (
    "It solves templates, not free English: a question in words that its generators do not use is out of its world, and it "
    "answers anyway, in the same confident voice. Long inputs decay."
)


def write_card(folder: Path, reports: Sequence[Mapping[str, Any]], curve: Sequence[Mapping[str, Any]]) -> ModelCard:
    """Writes ``card.json`` into a folder of ours (a model's, or an adapter's), and pins it in the manifest.

    What training took is counted over all runs that led to the weights.

    Args:
        reports: documents of `symphony eval` (policy ``single``, greedy, one chain, and votes).
        curve: points of the training: ``tokens``, and shares of solved examples by family.
    Raises:
        NotFound: the folder has no manifest.
    """
    manifest = read_manifest(folder)
    if manifest is None:
        raise NotFound(f"{folder} has no manifest", hint="export the model first")
    card = _card(folder, manifest, reports, curve)
    (folder / CARD).write_bytes(card.to_json())
    facts = {key: value for key, value in manifest.items() if key not in ("files", "shape", "licence")}
    write_manifest(folder, ModelShape(**manifest["shape"]), facts)
    return card


def _card(
    folder: Path, manifest: Mapping[str, Any], reports: Sequence[Mapping[str, Any]], curve: Sequence[Mapping[str, Any]]
) -> ModelCard:
    base = manifest.get("base_sha256")
    names = MODEL_FILES if base is None else ADAPTER_FILES
    trained, files = manifest["trained"], manifest["files"]
    families = [name for name in trained["examples"] if name not in DRILLS]
    runs = [*(run["trained"] for run in manifest.get("earlier_runs", [])), trained]
    return ModelCard(
        name=manifest["name"],
        kind="model" if base is None else "adapter",
        base=None if base is None else bytes.fromhex(base),
        weights=tuple(
            CardWeights(kind, bytes.fromhex(files[name]["sha256"]), files[name]["bytes"]) for kind, name in names.items()
        ),
        licence=manifest["licence"],
        description=SAYS if base is None else f"LoRA adapter for {', '.join(families)}.",
        limits=LIMITS,
        parameters=_parameters(folder / names["safetensors"]),
        context_tokens=manifest["shape"]["context_tokens"],
        training=CardTraining(
            seed=manifest["recipe"]["seed"],
            tokens=sum(run["tokens"] for run in runs),
            steps=sum(run["steps"] for run in runs),
            seconds=round(sum(run.get("elapsed_s", 0) for run in runs)),
            examples=sum(sum(run["examples"].values()) for run in runs),
        ),
        curve=_curve(curve),
        accuracy=tuple(entry for report in reports for entry in _accuracy(report)),
        skills=tuple(sorted(families)),
    )


def _accuracy(report: Mapping[str, Any]) -> list[CardAccuracy]:
    votes = report["votes"]
    sizes = [name for name in votes if name not in ("greedy", "1")]
    return [
        CardAccuracy(
            report["suite"],
            family,
            cell["n"],
            _bps(cell["accuracy"]),
            _bps(votes["1"][family]["accuracy"]),
            {int(size): _bps(votes[size][family]["accuracy"]) for size in sizes},
        )
        for family, cell in votes["greedy"].items()
    ]


def _curve(points: Sequence[Mapping[str, Any]]) -> tuple[CardPoint, ...]:
    """At most ``CURVE_POINTS``, the last one among them; each the mean share over the families."""
    step = max(1, -(-len(points) // CURVE_POINTS))
    found = []
    for point in points[::-1][::step][::-1]:
        shares = point["solved_level_3"] if "solved_level_3" in point else point["solved"]
        mine = [share for name, share in shares.items() if name not in DRILLS]
        found.append(CardPoint(point["tokens"], _bps(sum(mine) / len(mine))))
    return tuple(found)


def _parameters(path: Path) -> int:
    with safe_open(path, "numpy") as tensors:
        return sum(prod(tensors.get_slice(name).get_shape()) for name in tensors.keys())  # noqa: SIM118  # it is no mapping


def _bps(share: float) -> int:
    return round(share * 10_000)
