"""The training forward pass of a Llama, written out so that one CPU core is used well: about twice the speed
of the library's on this size.

Works on the parameters of a transformers ``LlamaForCausalLM`` (a test holds it equal to the library's own
forward). Attention is two plain batched products: the fused CPU kernel spends most of a step in its backward
pass at a head size of 32. Knows no optimiser.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

from agent_runtime.model.training.stream import IGNORED

LossFunction = Callable[[Any, torch.Tensor, torch.Tensor], tuple[torch.Tensor, list[bool]]]
#: (model, inputs [rows, tokens], dtype) to last hidden states [rows, tokens, width] in that dtype.
Forward = Callable[[Any, torch.Tensor, torch.dtype], torch.Tensor]


def matrix_dtype(device: str) -> torch.dtype:
    """The number format in which matrices multiply fastest: bfloat16 where the hardware has it (1.6 times as fast), else
    float32 (a CPU without AVX512-BF16 emulates bfloat16, forty times as slow).
    """
    native = device.startswith("cuda") or torch.cpu.get_capabilities()["avx512_bf16"]
    return torch.bfloat16 if native else torch.float32


def completion_loss_function(
    *, compiled: bool, dtype: torch.dtype = torch.bfloat16, forward: Forward | None = None
) -> LossFunction:
    """A function of (model, inputs, targets), both int64 [rows, tokens], that returns the mean cross-entropy
    over the completion tokens and, per row, whether the model's first choice was right at every one of them.

    Args:
        compiled: let torch compile the pass (needs a C++ compiler; minutes at the first call).
        forward: what computes the hidden states; None: `hidden_states`.
    """
    inner: Callable[..., tuple[torch.Tensor, torch.Tensor]] = torch.compile(_loss, dynamic=True) if compiled else _loss
    chosen_forward = hidden_states if forward is None else forward

    def loss(model: Any, inputs: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, list[bool]]:
        shifted = targets[:, 1:]
        wanted = shifted != IGNORED
        rows, columns = wanted.nonzero(as_tuple=True)
        value, missed = inner(model, inputs, rows * inputs.shape[1] + columns, shifted[wanted], dtype, chosen_forward)
        failures = torch.zeros(inputs.shape[0], dtype=torch.long, device=inputs.device)
        failures.index_add_(0, rows, missed.long())
        return value, (failures == 0).tolist()

    return loss


def _loss(
    model: Any, inputs: torch.Tensor, positions: torch.Tensor, labels: torch.Tensor, dtype: torch.dtype, forward: Forward
) -> tuple[torch.Tensor, torch.Tensor]:
    hidden = forward(model, inputs, dtype)
    chosen = hidden.reshape(-1, hidden.shape[-1])[positions]
    logits = functional.linear(chosen, model.model.embed_tokens.weight.to(dtype)).float()
    return functional.cross_entropy(logits, labels), logits.detach().argmax(-1) != labels


def hidden_states(model: Any, inputs: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Last hidden states [rows, tokens, width] in ``dtype``; matrices are cast, the residual stream stays in
    fp32.
    """
    decoder, config = model.model, model.config
    rows, tokens = inputs.shape
    heads, width, eps = config.num_attention_heads, config.hidden_size, config.rms_norm_eps
    stream = decoder.embed_tokens(inputs)
    cosine, sine = decoder.rotary_emb(stream, torch.arange(tokens, device=inputs.device)[None])
    cosine, sine = cosine.to(dtype)[:, None], sine.to(dtype)[:, None]
    mask = torch.full((tokens, tokens), float("-inf"), dtype=dtype, device=inputs.device).triu(1)[None]
    for layer in decoder.layers:
        attention, mlp = layer.self_attn, layer.mlp
        normed = functional.rms_norm(stream, (width,), layer.input_layernorm.weight, eps).to(dtype)
        packed = torch.cat((attention.q_proj.weight, attention.k_proj.weight, attention.v_proj.weight)).to(
            dtype
        )
        parts = functional.linear(normed, packed).view(rows, tokens, 3, heads, width // heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        mixed = _attend(_rotate(query, cosine, sine), _rotate(key, cosine, sine), value, mask)
        mixed = mixed.transpose(1, 2).reshape(rows, tokens, width)
        stream = stream + functional.linear(mixed, attention.o_proj.weight.to(dtype))
        normed = functional.rms_norm(stream, (width,), layer.post_attention_layernorm.weight, eps).to(dtype)
        gates = torch.cat((mlp.gate_proj.weight, mlp.up_proj.weight)).to(dtype)
        gate, up = functional.linear(normed, gates).chunk(2, -1)
        stream = stream + functional.linear(functional.silu(gate) * up, mlp.down_proj.weight.to(dtype))
    return functional.rms_norm(stream, (width,), decoder.norm.weight, eps).to(dtype)


def _rotate(x: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor) -> torch.Tensor:
    first, second = x.chunk(2, -1)
    return x * cosine + torch.cat((-second, first), -1) * sine


def _attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """[rows, heads, tokens, size] each; mask [1, tokens, tokens]."""
    rows, heads, tokens, size = query.shape
    flat = (rows * heads, tokens, size)
    scaled = (query * size**-0.5).reshape(flat)
    scores = torch.baddbmm(
        mask.expand(rows * heads, tokens, tokens), scaled, key.reshape(flat).transpose(1, 2)
    )
    return torch.bmm(scores.softmax(-1), value.reshape(flat)).view(rows, heads, tokens, size)
