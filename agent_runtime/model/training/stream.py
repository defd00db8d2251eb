"""An endless stream of training batches: examples drawn by the mix, tokenised, bucketed by length, padded.

Prompt and completion are tokenised apart, as every engine does at run time. Knows no model.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from random import Random

import torch
from tokenizers import Tokenizer

from agent_runtime.model.architecture import END_ID, PAD_ID
from agent_runtime.model.families import DRILLS, FAMILIES
from agent_runtime.model.prompting import format_completion, format_prompt
from agent_runtime.model.training.mix import AdaptiveMix

IGNORED = -100
CHUNK = 256  # examples drawn at a time, so that lengths within a batch are near each other


@dataclass(frozen=True, slots=True)
class Row:
    """One tokenised example."""

    family: str
    level: int
    prompt: list[int]
    completion: list[int]

    def __len__(self) -> int:
        return len(self.prompt) + len(self.completion)


@dataclass(frozen=True, slots=True)
class Batch:
    """inputs and targets: int64 [rows, tokens]; a target is ``IGNORED`` on the prompt and on padding."""

    rows: list[Row]
    inputs: torch.Tensor
    targets: torch.Tensor


class ExampleStream:
    """Batches of at most ``batch_tokens`` padded tokens; fully determined by the seed and by what the mix
    observes.

    Args:
        reword: as for ``Family.generate``.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        mix: AdaptiveMix,
        seed: int,
        batch_tokens: int,
        context_tokens: int,
        reword: float = 0.0,
    ) -> None:
        self.rng = Random(seed)
        self.drawn: Counter[str] = Counter()
        self.rejected: Counter[str] = Counter()
        self._tokenizer, self._mix = tokenizer, mix
        self._batch_tokens, self._context_tokens = batch_tokens, context_tokens
        self._reword = reword
        self._pending: list[list[Row]] = []

    def next(self) -> Batch:
        """The next batch."""
        while not self._pending:
            self._pending = self._bucket(self._draw_rows())
        return pad(self._pending.pop())

    def _draw_rows(self) -> list[Row]:
        families = {**FAMILIES, **DRILLS}
        plan = self._mix.draw(self.rng, CHUNK)
        examples = [
            families[name].generate(
                self.rng, level, held_out=False, rejected=self.rejected, reword=self._reword
            )
            for name, level in plan
        ]
        self.drawn.update(name for name, _ in plan)
        prompts = self._tokenizer.encode_batch([format_prompt(e.prompt) for e in examples])
        completions = self._tokenizer.encode_batch(
            [format_completion(e.reasoning, e.answer) for e in examples]
        )
        rows = [
            Row(e.family, e.level, p.ids, [*c.ids, END_ID])
            for e, p, c in zip(examples, prompts, completions, strict=True)
        ]
        return [row for row in rows if len(row) <= self._context_tokens]

    def _bucket(self, rows: list[Row]) -> list[list[Row]]:
        rows.sort(key=lambda row: len(row) + self.rng.random() * 8)
        buckets: list[list[Row]] = []
        current: list[Row] = []
        widest = 0
        for row in rows:
            if current and max(widest, len(row)) * (len(current) + 1) > self._batch_tokens:
                buckets.append(current)
                current, widest = [], 0
            current.append(row)
            widest = max(widest, len(row))
        if current:
            buckets.append(current)
        self.rng.shuffle(buckets)
        return buckets


def pad(rows: list[Row]) -> Batch:
    """Right-padded tensors of some rows."""
    width = max(map(len, rows))
    inputs = torch.full((len(rows), width), PAD_ID, dtype=torch.long)
    targets = torch.full((len(rows), width), IGNORED, dtype=torch.long)
    for at, row in enumerate(rows):
        start, end = len(row.prompt), len(row)
        inputs[at, :end] = torch.tensor(row.prompt + row.completion)
        targets[at, start:end] = torch.tensor(row.completion)
    return Batch(rows, inputs, targets)
