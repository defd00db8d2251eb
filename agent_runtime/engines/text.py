"""The tokenizer as engines use it. Knows no model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from agent_runtime.engines.weights import read_verified
from agent_runtime.errors import ModelCorrupt

if TYPE_CHECKING:
    from tokenizers import Tokenizer


def load_tokenizer(folder: Path) -> Tokenizer:
    """``tokenizer.json`` of a model folder; ``ModelMissing`` or ``ModelCorrupt`` where it cannot be had."""
    from tokenizers import Tokenizer

    path, data = folder / "tokenizer.json", read_verified(folder, "tokenizer.json")
    try:
        tokenizer = Tokenizer.from_buffer(data)
    except Exception as error:  # the library raises a bare Exception
        raise ModelCorrupt(
            f"{path} is no tokenizer: {error}", hint="export the model again", path=str(path)
        ) from error
    tokenizer.no_truncation()  # some files carry their training's settings
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = (
        True  # a task's text is data: "<|end|>" in it is seven characters, not the end token
    )
    return tokenizer


def encode(tokenizer: Tokenizer, text: str) -> list[int]:
    """Token ids of a text, behind the start token where the model was trained with one."""
    ids: list[int] = tokenizer.encode(text).ids
    return ids
