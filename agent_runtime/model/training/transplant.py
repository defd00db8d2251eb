"""Gives a trained model another tokenizer, so that a longer run can start from what a shorter one has learned.

A token that both tokenizers know keeps its embedding; a new one gets the mean of the embeddings of the pieces that the old
tokenizer cuts it into. Everything else stays as it was. Knows no training loop.
"""

from __future__ import annotations

import torch
from tokenizers import Tokenizer

EMBEDDING = "model.embed_tokens.weight"


def transplant(weights: dict[str, torch.Tensor], old: Tokenizer, new: Tokenizer) -> dict[str, torch.Tensor]:
    """Weights with an embedding [tokens of ``new``, width] in place of [tokens of ``old``, width].

    Both tokenizers are byte-level with the same single bytes. A tied output head follows the embedding.
    """
    embedding = weights[EMBEDDING].float()
    pieces = old.get_vocab()
    rows = torch.empty(new.get_vocab_size(), embedding.shape[1])
    for token, place in new.get_vocab().items():
        known = pieces.get(token)
        if known is None:
            text = new.decode([place])
            ids = old.encode(text, add_special_tokens=False).ids
            rows[place] = embedding[ids].mean(0)
        else:
            rows[place] = embedding[known]
    moved = {name: tensor.float() for name, tensor in weights.items()} | {EMBEDDING: rows}
    if "lm_head.weight" in moved:
        moved["lm_head.weight"] = rows
    return moved
