"""Trains a LoRA adapter on a frozen model: a specialist. peft holds and saves the matrices; the examples and the loss are
those of the model's own training.

Knows no group of families and no export format.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from tokenizers import Tokenizer

from agent_runtime.model.training.fast_forward import completion_loss_function, matrix_dtype
from agent_runtime.model.training.mix import AdaptiveMix
from agent_runtime.model.training.stream import ExampleStream


@dataclass(frozen=True, slots=True)
class AdapterRecipe:
    """Everything that decides an adapter, beside the model it sits on. The scale alpha / rank is 2."""

    families: tuple[str, ...]
    seed: int = 7
    tokens: int = 600_000  # prompts and padding included
    batch_tokens: int = 2048
    rank: int = 8
    learning_rate: float = 5e-3
    reword: float = 0.3  # as for ``Family.generate``


def train_adapter(
    model: Any, tokenizer: Tokenizer, recipe: AdapterRecipe, folder: Path, *, device: str = "cpu",
    log: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:  # fmt: skip
    """Train an adapter of every linear layer and save it as peft's folder; returns what the run came to.

    Args:
        model: a transformers Llama; it is changed in place and must not be used afterwards.
    Returns:
        steps, tokens, examples per family, rejected public questions, and the curve: tokens, mean loss and solved shares
        at every tenth of the run.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        config = LoraConfig(
            r=recipe.rank, lora_alpha=2 * recipe.rank, target_modules="all-linear", task_type="CAUSAL_LM"
        )
        adapted = get_peft_model(model.to(device), config)
    dtype = matrix_dtype(device)
    loss_of = completion_loss_function(compiled=False, dtype=dtype, forward=_library_forward)
    mix = AdaptiveMix(list(recipe.families), [])
    stream = ExampleStream(
        tokenizer, mix, recipe.seed, recipe.batch_tokens, model.config.max_position_embeddings, recipe.reword
    )
    trained = [parameter for parameter in adapted.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=recipe.learning_rate, betas=(0.9, 0.98), weight_decay=0.0)
    steps, tokens = 0, 0
    losses: list[float] = []
    curve: list[dict[str, Any]] = []
    while tokens < recipe.tokens:
        batch = stream.next()
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate * (1 - tokens / recipe.tokens)
        loss, right = loss_of(adapted.base_model.model, batch.inputs.to(device), batch.targets.to(device))
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        for row, solved in zip(batch.rows, right, strict=True):
            mix.observe(row.family, row.level, solved, len(row))
        steps, tokens, losses = steps + 1, tokens + batch.inputs.numel(), [*losses, loss.item()]
        if tokens * 10 // recipe.tokens > len(curve):
            solved_share = {name: round(share, 3) for name, share in mix.solved.items()}
            curve.append({"tokens": tokens, "loss": round(sum(losses) / len(losses), 4), "solved": solved_share})
            losses = []
            log(f"{tokens / 1e6:.2f}M step {steps} loss {curve[-1]['loss']:.4f} {solved_share}")
    # Told that no embedding was trained, peft does not ask a model hub about it.
    adapted.save_pretrained(folder, save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)  # peft's empty form; ours is written with the manifest
    return {
        "steps": steps, "tokens": tokens, "examples": dict(stream.drawn), "rejected_as_public": dict(stream.rejected),
        "curve": curve,
    }  # fmt: skip


def _library_forward(model: Any, inputs: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Last hidden states by the library, whose layers peft has wrapped."""
    with torch.autocast(inputs.device.type, dtype=dtype, enabled=dtype != torch.float32):
        hidden: torch.Tensor = model.model(input_ids=inputs, use_cache=False).last_hidden_state
    return hidden.to(dtype)
