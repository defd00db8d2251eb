"""Engines: what turns prompts into sampled completions. ``open_engine`` gives one by name; heavy libraries
load only then.
"""

from __future__ import annotations

from pathlib import Path

from agent_runtime.engines.protocol import Engine, EngineInfo, Sample
from agent_runtime.engines.weights import GGUF, shipped_folder
from symphony_chain.errors import InvalidInput

__all__ = ["Engine", "EngineInfo", "Sample", "open_engine"]


def open_engine(spec: str, *, weights: Path | None = None, random_weights_seed: int | None = None) -> Engine:
    """An engine by name.

    Args:
        spec: ``torch`` or ``llama_cpp``.
        weights: a model folder (default: the built-in model); for ``llama_cpp`` its GGUF must be one that
            this installation pins.
        random_weights_seed: torch only: a model of the built-in shape with random weights, for control runs.
    Raises:
        InvalidInput: no such engine, or random weights asked of llama.cpp.
        ModelMissing, ModelCorrupt, EngineFailed: see ``agent_runtime.errors``.
    """
    folder = shipped_folder() if weights is None else weights
    if spec == "torch":
        from agent_runtime.engines.torch_engine import TorchEngine

        return TorchEngine(folder, random_weights_seed=random_weights_seed)
    if spec != "llama_cpp":
        raise InvalidInput(f"there is no engine named {spec!r}", hint="use torch or llama_cpp")
    if random_weights_seed is not None:
        raise InvalidInput(
            "the llama_cpp engine has no random weights", hint="use the torch engine for control runs"
        )
    from agent_runtime.engines.llama_engine import LlamaCppEngine

    return LlamaCppEngine(folder / GGUF, folder)
