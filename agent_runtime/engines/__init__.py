"""Engines: what turns prompts into sampled completions. ``open_engine`` is the one way to have one; heavy libraries load only
then.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from agent_runtime.engines.config import NAMES, EngineConfig, kind_of
from agent_runtime.engines.protocol import Engine, EngineInfo, Sample
from agent_runtime.engines.weights import GGUF, shipped_folder
from agent_runtime.errors import ConfigInvalid

__all__ = ["Engine", "EngineConfig", "EngineInfo", "Sample", "open_engine"]


def open_engine(engine: str | EngineConfig, **options: Any) -> Engine:
    """The engine that one line describes.

    Args:
        engine: ``torch`` or ``llama_cpp`` for the built-in model, a Hugging Face folder, a GGUF file, the URL of an
            OpenAI-compatible server, or ``module:function``; or a whole `EngineConfig`.
        options: further fields of `EngineConfig`, where ``engine`` is a text.
    Raises:
        InvalidInput: no such engine, or an option that it does not have.
        ConfigInvalid: ``module:function`` leads nowhere, or a key cannot be used.
        ModelMissing, ModelCorrupt, EngineFailed and its kinds: see ``agent_runtime.errors``.
    """
    config = EngineConfig(engine, **options) if isinstance(engine, str) else engine
    kind = kind_of(config)
    place = (config.weights or shipped_folder()) if config.spec in NAMES else Path(config.spec)
    if kind == "torch":
        from agent_runtime.engines.torch_engine import TorchEngine

        return TorchEngine(
            place,
            random_weights_seed=config.random_weights_seed,
            sha256=config.sha256,
            context_tokens=config.context_tokens,
        )
    if kind == "llama_cpp":
        from agent_runtime.engines.llama_engine import LlamaCppEngine

        return LlamaCppEngine(
            place / GGUF if config.spec in NAMES else place,
            sha256=config.sha256,
            context_tokens=config.context_tokens,
            memory_limit_bytes=config.memory_limit_bytes,
        )
    if kind == "openai":
        from agent_runtime.engines.openai_engine import OpenAIEngine

        return OpenAIEngine(config)
    module, _, name = config.spec.partition(":")
    try:
        opened: Engine = getattr(importlib.import_module(module), name)()
    except (ImportError, AttributeError) as error:
        raise ConfigInvalid(
            f"engine {config.spec!r} cannot be imported: {error}", hint="give torch, llama_cpp or module:function"
        ) from error
    return opened
