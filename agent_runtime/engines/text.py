"""The tokenizer as engines use it. Knows no model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from agent_runtime.engines.weights import verified
from agent_runtime.errors import ModelCorrupt

if TYPE_CHECKING:
    from tokenizers import Tokenizer


def load_tokenizer(folder: Path) -> Tokenizer:
    """``tokenizer.json`` of a model folder; ``ModelMissing`` or ``ModelCorrupt`` where it cannot be had."""
    from tokenizers import Tokenizer

    path, _ = verified(folder, "tokenizer.json")
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises a bare Exception
        raise ModelCorrupt(
            f"{path} is no tokenizer: {error}", hint="export the model again", path=str(path)
        ) from error
    tokenizer.encode_special_tokens = (
        True  # a task's text is data: "<|end|>" in it is seven characters, not the end token
    )
    return tokenizer


def encode(tokenizer: Tokenizer, text: str) -> list[int]:
    """Token ids of a text."""
    ids: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
    return ids
