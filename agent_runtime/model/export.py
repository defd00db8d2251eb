"""Writes a trained model as a Hugging Face folder (fp16 safetensors), as GGUF, and the manifest that pins
every file.

GGUF facts: tokenizer ``gpt2`` with pre-tokenizer ``smollm`` (single digits, then the GPT-2 expression); rows
of the query and key projections are permuted to llama.cpp's rotary order; a tied output head is left out.
Knows no training.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from agent_runtime.engines.lora import read_adapter
from agent_runtime.engines.weights import CURVE, GGUF, MANIFEST, SAFETENSORS
from agent_runtime.model.architecture import END_ID, END_TOKEN, PAD_ID, PAD_TOKEN, ModelShape, llama_config

MODEL_NAME = "symphony-tiny"
_PARTS = {
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}  # fmt: skip
_TOP = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}

Weights = dict[str, torch.Tensor]


def export_model(
    weights: Weights, shape: ModelShape, tokenizer_json: Path, folder: Path, facts: dict[str, Any]
) -> None:
    """Write folder: config, tokenizer, ``model.safetensors``, the GGUF and ``manifest.json`` with ``facts``
    (recipe, seed, tokens).
    """
    folder.mkdir(parents=True, exist_ok=True)
    half = {
        name: tensor.detach().cpu().to(torch.float16).contiguous()
        for name, tensor in weights.items()
        if name != "lm_head.weight"
    }
    config = llama_config(shape)
    config.dtype = torch.float16
    config.architectures = ["LlamaForCausalLM"]
    config.save_pretrained(folder)
    if (folder / "tokenizer.json").resolve() != tokenizer_json.resolve():
        shutil.copyfile(tokenizer_json, folder / "tokenizer.json")
    _write_json(
        folder / "generation_config.json",
        {"bos_token_id": END_ID, "eos_token_id": END_ID, "pad_token_id": PAD_ID},
    )
    _write_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": END_TOKEN, "eos_token": END_TOKEN, "pad_token": PAD_TOKEN,
            "model_max_length": shape.context_tokens, "padding_side": "left", "clean_up_tokenization_spaces": False,
        },
    )  # fmt: skip
    save_file(half, folder / SAFETENSORS, metadata={"format": "pt"})
    (folder / SAFETENSORS).chmod(0o644)  # the library leaves it private
    write_model_gguf(half, shape, folder / "tokenizer.json", folder / GGUF)
    write_manifest(folder, shape, facts)


def write_curve(folder: Path, earlier: list[dict[str, Any]], points: list[dict[str, Any]]) -> None:
    """The curve of all runs that led to these weights, a point a line: ``minutes`` and ``tokens`` go on where the earlier
    runs' last point ends.
    """
    offset = {key: earlier[-1][key] if earlier else 0 for key in ("minutes", "tokens")}
    whole = [*earlier, *({**point, **{key: round(point[key] + offset[key], 2) for key in offset}} for point in points)]
    folder.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(json.dumps(point) for point in whole)
    (folder / CURVE).write_text(f"[\n{lines}\n]\n", "utf-8")


def write_manifest(folder: Path, shape: ModelShape, facts: dict[str, Any]) -> None:
    """Pin every file of a model folder by size and sha-256."""
    files = {
        path.name: {"bytes": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        for path in sorted(folder.iterdir())
        if path.name != MANIFEST and path.is_file()
    }
    _write_json(
        folder / MANIFEST,
        {"name": MODEL_NAME, "shape": shape.as_dict(), "licence": "Apache-2.0", **facts, "files": files},
    )


def write_model_gguf(weights: Weights, shape: ModelShape, tokenizer_json: Path, out: Path) -> None:
    """Matrices in f16, norms in f32."""
    writer = gguf.GGUFWriter(str(out), "llama")
    writer.add_name(MODEL_NAME)
    writer.add_context_length(shape.context_tokens)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_rope_dimension_count(shape.width // shape.heads)
    writer.add_vocab_size(shape.vocab)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    _add_tokenizer(writer, json.loads(tokenizer_json.read_text("utf-8")))
    for name, tensor in weights.items():
        array = _llama_order(name, tensor.float().numpy(), shape.heads)
        writer.add_tensor(_gguf_name(name), array if array.ndim == 1 else array.astype(np.float16))
    _close(writer)


def write_adapter_gguf(adapter: Path, shape: ModelShape, out: Path) -> None:
    """A peft LoRA folder as a GGUF adapter in f32."""
    tensors, scale = read_adapter(adapter)
    rank = next(tensor.shape[0] for name, tensor in tensors.items() if name.endswith("lora_A.weight"))
    writer = gguf.GGUFWriter(str(out), "llama")
    writer.add_string("general.type", "adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", scale * rank)
    for name, tensor in tensors.items():
        base, _, side = name.removesuffix(".weight").rpartition(".")
        array = tensor.float().numpy()
        if side == "lora_B":
            array = _llama_order(f"{base}.weight", array, shape.heads)
        writer.add_tensor(f"{_gguf_name(f'{base}.weight')}.{side.lower()}", np.ascontiguousarray(array))
    _close(writer)


def _add_tokenizer(writer: gguf.GGUFWriter, tokenizer: dict[str, Any]) -> None:
    tokens = [token for token, _ in sorted(tokenizer["model"]["vocab"].items(), key=lambda entry: entry[1])]
    control = {token["content"] for token in tokenizer["added_tokens"]}
    types = [gguf.TokenType.CONTROL if token in control else gguf.TokenType.NORMAL for token in tokens]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges(
        [" ".join(pair) if isinstance(pair, list) else pair for pair in tokenizer["model"]["merges"]]
    )
    writer.add_bos_token_id(END_ID)
    writer.add_eos_token_id(END_ID)
    writer.add_pad_token_id(PAD_ID)
    writer.add_add_bos_token(False)
    writer.add_add_space_prefix(False)


def _gguf_name(name: str) -> str:
    stem = name.removesuffix(".weight")
    if stem in _TOP:
        return f"{_TOP[stem]}.weight"
    _, _, layer, part = stem.split(".", 3)
    return f"blk.{layer}.{_PARTS[part]}.weight"


def _llama_order(name: str, array: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Rows of q and k in llama.cpp's rotary order: [heads, 2, half, …] → [heads, half, 2, …]."""
    if "q_proj" not in name and "k_proj" not in name:
        return array
    rows = array.shape[0]
    return array.reshape(heads, 2, rows // heads // 2, *array.shape[1:]).swapaxes(1, 2).reshape(array.shape)


def _close(writer: gguf.GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _write_json(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n", "utf-8")
