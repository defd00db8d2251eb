"""Seeded sampling shared by the engines: one stream of uniform numbers per sample, and the token that a
uniform number picks.

Both engines draw through here, so the same seed gives the same text wherever their logits agree. Knows no
engine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray


def sample_rng(seed: int, prompt_index: int, sample_index: int) -> Random:
    """The random stream of one sample; independent of everything else in the batch."""
    digest = hashlib.sha256(f"symphony.sample/1:{seed}:{prompt_index}:{sample_index}".encode()).digest()
    return Random(int.from_bytes(digest[:16], "big"))


def choose(
    logits: NDArray[Any], temperature: float, uniforms: Sequence[float]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Next tokens and their log-probabilities.

    Args:
        logits: [rows, vocab], any float type; computed on in float64.
        uniforms: [rows] in [0, 1); unused at temperature 0.
    Returns:
        tokens [rows] by inversion of the cumulative distribution at ``temperature`` (0: the first largest
        logit), and their
        log-probabilities [rows] at temperature 1.
    """
    shifted = logits.astype(np.float64)
    shifted -= shifted.max(axis=1, keepdims=True)
    if temperature == 0:
        tokens = shifted.argmax(axis=1)
    else:
        cumulative = np.exp(shifted / temperature).cumsum(axis=1)
        cutoffs = np.asarray(uniforms)[:, None] * cumulative[:, -1:]
        tokens = np.minimum((cumulative <= cutoffs).sum(axis=1), logits.shape[1] - 1)
    rows = np.arange(len(tokens))
    logprobs = shifted[rows, tokens] - np.log(np.exp(shifted).sum(axis=1))
    return tokens.astype(np.int64), logprobs


class StopFinder:
    """Looks for stop strings at the end of a growing completion, decoding only as many tokens as the longest
    could span.
    """

    def __init__(self, stop: Sequence[str], decode: Callable[[list[int]], str]) -> None:
        self._stop = tuple(stop)
        self._decode = decode
        self._window = max((len(text.encode()) for text in self._stop), default=0)

    def reached(self, token_ids: list[int]) -> bool:
        """Whether the newest tokens complete a stop string."""
        if not self._stop:
            return False
        tail = self._decode(token_ids[-self._window :])
        return any(text in tail for text in self._stop)

    def cut(self, text: str) -> str:
        """The text before the first stop string."""
        places = [at for at in (text.find(mark) for mark in self._stop) if at >= 0]
        return text[: min(places)] if places else text
