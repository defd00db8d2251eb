"""Names a LoRA adapter by the hash of its bytes: a peft folder or a GGUF file. Imports no model library."""

from __future__ import annotations

from pathlib import Path

from agent_runtime.engines.weights import sha256_of

PEFT_TENSORS = "adapter_model.safetensors"


def adapter_sha256(path: Path) -> str:
    """sha-256 of a GGUF adapter, or of the tensors in a peft folder; ``ModelMissing`` where there is none."""
    return sha256_of(path / PEFT_TENSORS if path.is_dir() else path)
