"""Trains the specialists: one LoRA adapter for each group of families, on a finished model. Goes on where it stopped: an
adapter that has its manifest is done.

    python scripts/train_adapters.py --out /tmp/adapters
    python scripts/train_adapters.py --base early --only logic,time --tokens 0.6 --out /tmp/adapters

Writes for each: peft's folder (``adapter_config.json``, ``adapter_model.safetensors``), ``adapter.gguf`` for llama.cpp, and
``manifest.json``: the base model's hash, recipe, tokens, curve, licence.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from agent_runtime.model.specialists import SPECIALISTS


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", default="shipped", help="shipped, early, or a model folder")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", help=f"comma-separated, of {', '.join(SPECIALISTS)}")
    parser.add_argument("--tokens", type=float, default=0.6, help="millions for each adapter")
    parser.add_argument("--rank", type=int, default=8)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="auto", help="cpu, cuda or auto")
    args = parser.parse_args()
    names = args.only.split(",") if args.only else list(SPECIALISTS)
    unknown = [name for name in names if name not in SPECIALISTS]
    if unknown:
        parser.error(f"there is no specialist {unknown[0]!r}; there are {', '.join(SPECIALISTS)}")
    done = [name for name in names if (args.out / name / "manifest.json").exists()]
    for name in done:
        print(f"{name}: done before", flush=True)
    if len(done) == len(names):
        return

    import torch

    from agent_runtime.engines.text import load_tokenizer
    from agent_runtime.engines.torch_engine import load_causal_lm
    from agent_runtime.engines.weights import early_folder, shipped_folder
    from agent_runtime.model.architecture import shape_of
    from agent_runtime.model.export import write_adapter_gguf, write_manifest
    from agent_runtime.model.training.adapter import AdapterRecipe, train_adapter

    torch.set_num_threads(args.threads)
    device = args.device if args.device != "auto" else ("cuda" if torch.cuda.is_available() else "cpu")
    base = {"shipped": shipped_folder(), "early": early_folder()}.get(args.base) or Path(args.base)
    for name in (name for name in names if name not in done):
        folder = args.out / name
        print(f"{name}: {', '.join(SPECIALISTS[name])}", flush=True)
        model, digest = load_causal_lm(base)
        shape = shape_of(model.config)
        recipe = AdapterRecipe(SPECIALISTS[name], seed=args.seed, tokens=round(args.tokens * 1e6), rank=args.rank)
        folder.mkdir(parents=True, exist_ok=True)
        facts = train_adapter(
            model, load_tokenizer(base), recipe, folder, device=device, log=lambda line: print(line, flush=True)
        )
        write_adapter_gguf(folder, shape, folder / "adapter.gguf")
        write_manifest(
            folder, shape,
            {"name": f"symphony-tiny-{name}", "base_sha256": digest, "recipe": asdict(recipe), "trained": facts},
        )  # fmt: skip
        print(json.dumps({"specialist": name, "tokens": facts["tokens"], "curve_end": facts["curve"][-1]}), flush=True)


if __name__ == "__main__":
    main()
