"""The PyTorch engine: a transformers Llama and a batched key-value-cache loop of our own.

Every prompt is decoded once and its cache repeated for its samples. Computes in fp32 whatever the file holds,
so that scores are exact. Knows no task, no answer format.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import torch
from safetensors.torch import load_file
from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM

from agent_runtime.engines.lora import LoraMerge
from agent_runtime.engines.protocol import EngineInfo, Sample, check_request, check_room
from agent_runtime.engines.sampling import StopFinder, choose, sample_rng
from agent_runtime.engines.text import encode, load_tokenizer
from agent_runtime.engines.weights import SAFETENSORS, verified
from agent_runtime.errors import ModelCorrupt
from agent_runtime.model.architecture import END_ID, PAD_ID, ModelShape, build_model

MAX_ROWS = 64  # sequences decoded at a time; bounds memory, changes no result


class _Row:
    """One sequence while it grows."""

    def __init__(self, prompt_index: int, sample_index: int, rng: Random, room: int) -> None:
        self.prompt_index, self.sample_index, self.rng, self.room = prompt_index, sample_index, rng, room
        self.tokens: list[int] = []
        self.logprobs: list[float] = []


class TorchEngine:
    """See ``protocol.Engine``. One thread by default: results repeat bit by bit on one machine, and other
    agents get their share.
    """

    def __init__(
        self,
        folder: Path,
        *,
        random_weights_seed: int | None = None,
        device: str | None = None,
        threads: int = 1,
    ) -> None:
        torch.set_num_threads(threads)
        self._device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        self._tokenizer = load_tokenizer(folder)
        if random_weights_seed is None:
            self._model, digest = load_llama(folder)
        else:
            self._model = build_model(ModelShape(), random_weights_seed)
            # There is no file: the hash of its recipe's name, so that traces and registrations can hold it as they hold any.
            digest = hashlib.sha256(f"random:{random_weights_seed}".encode()).hexdigest()
        self._model.to(self._device).eval()
        self._lora = LoraMerge(self._model)
        self.info = EngineInfo(
            "torch", digest, self._device, "float32", int(self._model.config.max_position_embeddings)
        )

    def count_tokens(self, prompt: str) -> int:
        """Number of tokens of a text."""
        return len(encode(self._tokenizer, prompt))

    def load_adapter(self, path: Path | None) -> None:
        """Merge a peft LoRA folder into the weights, after taking the one before out again; None leaves the
        base model.
        """
        self._lora.load(path)

    def close(self) -> None:
        """Let go of the weights."""
        del self._model, self._lora

    @torch.inference_mode()
    def generate(
        self,
        prompts: Sequence[str],
        *,
        n: int,
        temperature: float,
        seed: int,
        max_tokens: int,
        stop: Sequence[str] = (),
    ) -> list[list[Sample]]:
        """See ``protocol.Engine.generate``."""
        check_request(n, temperature, max_tokens)
        ids = [encode(self._tokenizer, prompt) for prompt in prompts]
        for row in ids:
            check_room(len(row), self.info.context_tokens)
        finder = StopFinder(stop, self._decode)
        work = [(p, s) for p in sorted(range(len(ids)), key=lambda p: len(ids[p])) for s in range(n)]
        samples: dict[tuple[int, int], Sample] = {}
        for start in range(0, len(work), MAX_ROWS):
            rows = [
                _Row(p, s, sample_rng(seed, p, s), min(max_tokens, self.info.context_tokens - len(ids[p])))
                for p, s in work[start : start + MAX_ROWS]
            ]
            self._decode_rows(rows, ids, temperature, finder)
            samples.update({(r.prompt_index, r.sample_index): self._finished(r, finder) for r in rows})
        return [[samples[p, s] for s in range(n)] for p in range(len(ids))]

    def _decode(self, ids: list[int]) -> str:
        text: str = self._tokenizer.decode(ids)
        return text

    def _decode_rows(
        self, rows: list[_Row], ids: list[list[int]], temperature: float, finder: StopFinder
    ) -> None:
        distinct = sorted({r.prompt_index for r in rows})
        inputs, mask = _left_padded([ids[p] for p in distinct], self._device)
        positions = (mask.cumsum(1) - 1).clamp(min=0)
        cache = DynamicCache()
        logits = self._forward(inputs, mask, positions, cache)
        spread = torch.tensor([distinct.index(r.prompt_index) for r in rows], device=self._device)
        cache.batch_select_indices(spread)
        logits, mask, positions = logits[spread], mask[spread], positions[spread][:, -1:]
        live = rows
        while True:
            going = _extend(live, logits, temperature, finder)
            if not going:
                return
            if len(going) < len(live):
                kept = torch.tensor(going, device=self._device)
                cache.batch_select_indices(kept)
                mask, positions = mask[kept], positions[kept]
                live = [live[at] for at in going]
            inputs = torch.tensor([[r.tokens[-1]] for r in live], device=self._device)
            mask = torch.cat([mask, mask.new_ones(len(live), 1)], 1)
            positions = positions + 1
            logits = self._forward(inputs, mask, positions, cache)

    def _forward(
        self, inputs: torch.Tensor, mask: torch.Tensor, positions: torch.Tensor, cache: Any
    ) -> torch.Tensor:
        out = self._model(
            input_ids=inputs,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        logits: torch.Tensor = out.logits[:, -1]
        return logits

    def _finished(self, row: _Row, finder: StopFinder) -> Sample:
        ended = row.tokens[-1] == END_ID
        stopped = ended or finder.reached(row.tokens)
        text = finder.cut(self._decode(row.tokens[:-1] if ended else row.tokens))
        return Sample(text, tuple(row.tokens), tuple(row.logprobs), "stop" if stopped else "length")


def _extend(rows: list[_Row], logits: torch.Tensor, temperature: float, finder: StopFinder) -> list[int]:
    """Adds one token to every row; returns the places of those that go on."""
    uniforms = [row.rng.random() for row in rows] if temperature else []
    tokens, logprobs = choose(logits.float().cpu().numpy(), temperature, uniforms)
    going = []
    for at, row in enumerate(rows):
        row.tokens.append(int(tokens[at]))
        row.logprobs.append(float(logprobs[at]))
        if row.tokens[-1] != END_ID and len(row.tokens) < row.room and not finder.reached(row.tokens):
            going.append(at)
    return going


def _left_padded(rows: list[list[int]], device: str) -> tuple[torch.Tensor, torch.Tensor]:
    width = max(map(len, rows))
    inputs = torch.full((len(rows), width), PAD_ID, dtype=torch.long)
    mask = torch.zeros(len(rows), width, dtype=torch.long)
    for at, row in enumerate(rows):
        inputs[at, width - len(row) :] = torch.tensor(row, dtype=torch.long)
        mask[at, width - len(row) :] = 1
    return inputs.to(device), mask.to(device)


def load_llama(folder: Path) -> tuple[LlamaForCausalLM, str]:
    """The model of a Hugging Face folder in fp32, and the sha-256 of its weights.

    Raises:
        ModelMissing: a file is not there.
        ModelCorrupt: a file is not the pinned one, is cut short, or does not fit the configuration.
    """
    path, digest = verified(folder, SAFETENSORS)
    config_path, _ = verified(folder, "config.json")
    try:
        model = LlamaForCausalLM(LlamaConfig.from_dict(json.loads(config_path.read_text("utf-8"))))
        missing, unexpected = model.load_state_dict(load_file(path), strict=False)
    except Exception as error:  # safetensors, json, key and shape errors, by what is wrong
        raise ModelCorrupt(
            f"{path} cannot be read as a Llama model: {error}",
            hint="export or download the model again",
            path=str(path),
        ) from error
    tied = ["lm_head.weight"] if model.config.tie_word_embeddings else []
    if unexpected or [name for name in missing if name not in tied]:
        raise ModelCorrupt(
            f"the tensors of {path} do not fit {config_path}", hint="export the model again", path=str(path)
        )
    return model.float(), digest
