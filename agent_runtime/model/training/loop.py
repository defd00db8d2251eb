"""The training loop: Muon for matrices, AdamW for the rest, a schedule by tokens, checkpoints that resume.

The learning rate warms up, stays constant for a share of the run and falls linearly to 2 % at its end: about
half of the final accuracy comes in that fall, so a run must reach its end. What is learned depends on the
recipe alone; the clock, which is passed in, only says when to save. Knows no export format.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer

from agent_runtime.model.architecture import ModelShape, build_model
from agent_runtime.model.families import DRILLS, FAMILIES
from agent_runtime.model.training.fast_forward import completion_loss_function, matrix_dtype
from agent_runtime.model.training.mix import AdaptiveMix
from agent_runtime.model.training.muon import Muon
from agent_runtime.model.training.stream import Batch, ExampleStream

#: What is learned more slowly than its error rate tells gets more, what is learned anyway less.
PRIORS = {
    "word_sorting": 2.0, "penguins_in_a_table": 2.0, "reasoning_about_colored_objects": 1.6, "date_understanding": 1.4,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides a training run, beside the machine's speed."""

    seed: int = 7
    tokens: int = 120_000_000  # of the whole run, prompts and padding included
    batch_tokens: int = 3584
    learning_rate: float = 3e-3
    warmup_steps: int = 100
    constant_share: float = 0.5
    final_factor: float = 0.02
    weight_decay: float = 0.05
    reword: float = 0.3  # share of questions in other words than the benchmark's
    start_sha256: str | None = None  # of the weights that the run starts from; None: random ones
    priors: dict[str, float] = field(default_factory=lambda: dict(PRIORS))
    shape: ModelShape = field(default_factory=ModelShape)


class Trainer:
    """One resumable run in ``folder``: ``state.pt``, ``curve.json`` and, every ``snapshot_tokens``, a snapshot of the weights and
    of what ``curve.json`` would say then, named by its millions of tokens.

    Args:
        start: weights to begin with, those that the recipe names (`transplant` fits them to the tokenizer); None: random ones.
    """

    def __init__(
        self, recipe: Recipe, tokenizer: Tokenizer, folder: Path, *, device: str, clock: Callable[[], float],
        log: Callable[[str], None] = print, compiled: bool = True, checkpoint_s: float = 120.0,
        snapshot_tokens: int = 5_000_000, start: dict[str, torch.Tensor] | None = None,
    ) -> None:  # fmt: skip
        self.recipe, self.folder, self.device, self.clock, self.log = recipe, folder, device, clock, log
        self.checkpoint_s, self.snapshot_tokens = checkpoint_s, snapshot_tokens
        self.model = build_model(recipe.shape, recipe.seed).to(device)
        if start is not None:
            self.model.load_state_dict(start, strict=False)  # a tied head is not in the file
        self.mix = AdaptiveMix(list(FAMILIES), list(DRILLS), recipe.priors)
        self.stream = ExampleStream(
            tokenizer, self.mix, recipe.seed, recipe.batch_tokens, recipe.shape.context_tokens, recipe.reword
        )
        dtype = matrix_dtype(device)
        self.optimizers = make_optimizers(self.model, recipe, dtype)
        self.loss_of = completion_loss_function(compiled=compiled, dtype=dtype)
        self.step, self.tokens, self.elapsed_s, self.loss = 0, 0, 0.0, 0.0
        self.curve: list[dict[str, Any]] = []

    def resume(self) -> bool:
        """Load ``state.pt`` if there is one; returns whether there was."""
        path = self.folder / "state.pt"
        if not path.exists():
            return False
        state = torch.load(path, map_location=self.device, weights_only=False)
        self.model.load_state_dict(state["model"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.stream.rng.setstate(state["rng"])
        self.stream.drawn, self.stream.rejected = state["drawn"], state["rejected"]
        self.mix.solved, self.mix.solved_at, self.mix.tokens = (
            state["solved"],
            state["solved_at"],
            state["row_tokens"],
        )
        self.step, self.tokens, self.elapsed_s = state["step"], state["tokens"], state["elapsed_s"]
        self.loss, self.curve = state["loss"], state["curve"]
        return True

    def run(self) -> None:
        """Train until the recipe's tokens are used up, counting those of earlier runs of the same folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        started = self.clock() - self.elapsed_s
        next_save = self.elapsed_s + self.checkpoint_s
        while self.tokens < self.recipe.tokens:
            before = self.tokens // self.snapshot_tokens
            self._train_step(self.stream.next())
            self.elapsed_s = self.clock() - started
            if self.elapsed_s >= next_save:
                next_save = self.elapsed_s + self.checkpoint_s
                self.save()
            if self.tokens // self.snapshot_tokens > before:
                name = f"snapshot-{self.tokens // 1_000_000:03d}.pt"
                torch.save({"model": self.model.state_dict(), "summary": self._summary()}, self.folder / name)
        self.save()
        torch.save(self.model.state_dict(), self.folder / "final.pt")

    def learning_rate(self) -> float:
        """The rate at this step."""
        recipe, done = self.recipe, self.tokens / self.recipe.tokens
        warm = min(1.0, (self.step + 1) / recipe.warmup_steps)
        fall = (
            1.0
            if done < recipe.constant_share
            else max(recipe.final_factor, (1 - done) / (1 - recipe.constant_share))
        )
        return recipe.learning_rate * warm * fall

    def _train_step(self, batch: Batch) -> None:
        rate = self.learning_rate()
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
        self.model.train()
        loss, right = self.loss_of(self.model, batch.inputs.to(self.device), batch.targets.to(self.device))
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        for row, solved in zip(batch.rows, right, strict=True):
            self.mix.observe(row.family, row.level, solved, len(row))
        self.step += 1
        self.tokens += batch.inputs.numel()
        self.loss = loss.item() if self.step == 1 else 0.98 * self.loss + 0.02 * loss.item()

    def save(self) -> None:
        """Checkpoint and curve, each by an atomic rename."""
        self._record()
        state = {
            "model": self.model.state_dict(), "optimizers": [o.state_dict() for o in self.optimizers],
            "rng": self.stream.rng.getstate(), "drawn": self.stream.drawn, "rejected": self.stream.rejected,
            "solved": self.mix.solved, "solved_at": self.mix.solved_at, "row_tokens": self.mix.tokens, "step": self.step,
            "tokens": self.tokens, "elapsed_s": self.elapsed_s, "loss": self.loss, "curve": self.curve,
        }  # fmt: skip
        scratch = self.folder / "state.tmp"
        torch.save(state, scratch)
        os.replace(scratch, self.folder / "state.pt")
        scratch = self.folder / "curve.tmp"
        scratch.write_text(json.dumps(self._summary(), indent=1))
        os.replace(scratch, self.folder / "curve.json")

    def _summary(self) -> dict[str, Any]:
        return {
            "recipe": asdict(self.recipe), "steps": self.step, "tokens": self.tokens, "elapsed_s": round(self.elapsed_s, 1),
            "examples": dict(self.stream.drawn), "rejected_as_public": dict(self.stream.rejected), "curve": self.curve,
        }  # fmt: skip

    def _record(self) -> None:
        level3 = {name: round(self.mix.solved_at.get(f"{name}/3", 0.0), 3) for name in [*FAMILIES, *DRILLS]}
        point = {
            "minutes": round(self.elapsed_s / 60, 2), "tokens": self.tokens, "loss": round(self.loss, 4),
            "solved_level_3": level3, "solved_all": {k: round(v, 3) for k, v in self.mix.solved.items()},
            "shares": {k: round(v, 3) for k, v in self.mix.shares().items()},
        }  # fmt: skip
        self.curve.append(point)
        speed = self.tokens / max(1e-9, self.elapsed_s)
        short = " ".join(f"{''.join(w[0] for w in k.split('_'))}={v:.2f}" for k, v in level3.items())
        self.log(
            f"{point['minutes']} min step {self.step} {self.tokens / 1e6:.2f}M {speed:.0f} tok/s loss {self.loss:.4f} {short}"
        )


def make_optimizers(model: torch.nn.Module, recipe: Recipe, dtype: torch.dtype) -> list[torch.optim.Optimizer]:
    """Muon on the hidden matrices, AdamW on the embedding and the norms."""
    matrices: list[torch.nn.Parameter] = []
    others: list[torch.nn.Parameter] = []
    for name, parameter in model.named_parameters():
        (matrices if parameter.ndim == 2 and "embed" not in name else others).append(parameter)
    muon = Muon(matrices, lr=recipe.learning_rate, weight_decay=recipe.weight_decay, momentum=0.95, dtype=dtype)
    return [muon, torch.optim.AdamW(others, lr=recipe.learning_rate, betas=(0.9, 0.98), weight_decay=0.0)]
