"""A small model with random weights and a real tokenizer, exported once; no engine test needs the shipped
weights unless it says so.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from agent_runtime.engines.weights import GGUF, sha256_of, shipped_folder
from agent_runtime.model.architecture import ModelShape, build_model
from agent_runtime.model.export import export_model

SHAPE = ModelShape(width=64, layers=2, heads=2, feed_forward=96, context_tokens=256)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder: random weights from seed 3, large enough to make different prompts go different ways."""
    folder = tmp_path_factory.mktemp("tiny")
    model = build_model(SHAPE, 3)
    weights = {
        name: tensor * 4 if tensor.ndim == 2 else tensor for name, tensor in model.state_dict().items()
    }
    export_model(weights, SHAPE, shipped_folder() / "tokenizer.json", folder, {"seed": 3})
    return folder


@pytest.fixture(scope="session")
def tiny_sha256(tiny_folder: Path) -> str:
    """Of the folder's GGUF, which this installation does not pin."""
    return sha256_of(tiny_folder / GGUF)


def pin(path: Path) -> Path:
    """Writes the manifest that vouches for a file, and gives the file back."""
    files = {path.name: {"sha256": sha256_of(path), "bytes": path.stat().st_size}}
    (path.parent / "manifest.json").write_text(json.dumps({"files": files}))
    return path


@pytest.fixture(scope="session")
def save_adapter() -> Callable[[Path, int], Path]:
    """Writes a random peft adapter for the tiny model into a folder."""
    import torch
    from safetensors.torch import save_file

    def save(folder: Path, seed: int) -> Path:
        folder.mkdir()
        generator = torch.Generator().manual_seed(seed)
        tensors = {}
        for layer in range(SHAPE.layers):
            for part, size in (
                ("self_attn.q_proj", SHAPE.width),
                ("self_attn.k_proj", SHAPE.width),
                ("mlp.up_proj", SHAPE.feed_forward),
            ):
                stem = f"base_model.model.model.layers.{layer}.{part}"
                tensors[f"{stem}.lora_A.weight"] = torch.randn(4, SHAPE.width, generator=generator) * 0.3
                tensors[f"{stem}.lora_B.weight"] = torch.randn(size, 4, generator=generator) * 0.3
        save_file(tensors, folder / "adapter_model.safetensors")
        (folder / "adapter_config.json").write_text(
            json.dumps({"peft_type": "LORA", "r": 4, "lora_alpha": 8})
        )
        return folder

    return save
