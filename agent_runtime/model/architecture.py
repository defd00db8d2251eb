"""Shape of the built-in model and how to build it: a Llama decoder with tied embeddings, small enough to be
trained on one CPU core.

Imports transformers only when a model is built. Knows no weights and no task.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM

END_TOKEN, PAD_TOKEN = "<|end|>", "<|pad|>"
END_ID, PAD_ID = 0, 1


@dataclass(frozen=True, slots=True)
class ModelShape:
    """Sizes of the decoder; the defaults are the shipped model's (1.34 million parameters)."""

    vocab: int = 1024
    width: int = 128
    layers: int = 6
    heads: int = 4
    feed_forward: int = 352
    context_tokens: int = 1024

    def as_dict(self) -> dict[str, int]:
        """Plain dictionary, for recipes and manifests."""
        return asdict(self)


def shape_of(config: Any) -> ModelShape:
    """The shape that a transformers configuration describes: the inverse of `llama_config`."""
    return ModelShape(
        vocab=config.vocab_size,
        width=config.hidden_size,
        layers=config.num_hidden_layers,
        heads=config.num_attention_heads,
        feed_forward=config.intermediate_size,
        context_tokens=config.max_position_embeddings,
    )


def llama_config(shape: ModelShape) -> Any:
    """The transformers configuration of a shape."""
    from transformers import LlamaConfig

    return LlamaConfig(
        vocab_size=shape.vocab,
        hidden_size=shape.width,
        intermediate_size=shape.feed_forward,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads,
        max_position_embeddings=shape.context_tokens,
        tie_word_embeddings=True,
        bos_token_id=END_ID,
        eos_token_id=END_ID,
        pad_token_id=PAD_ID,
        initializer_range=0.02,
        rms_norm_eps=1e-5,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
    )


def build_model(shape: ModelShape, seed: int) -> LlamaForCausalLM:
    """A model with random weights drawn from ``seed``; the global random state of torch is left as it was."""
    import torch
    from transformers import LlamaForCausalLM

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LlamaForCausalLM(llama_config(shape))
