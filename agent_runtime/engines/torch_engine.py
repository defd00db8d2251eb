"""The PyTorch engine: any causal language model of transformers, and a batched key-value-cache loop of our own.

Every prompt is decoded once and its cache repeated for its samples. Computes in fp32 whatever the file holds,
so that scores are exact. Weights are safetensors, parsed from the bytes that were hashed; transformers opens no file
itself, so it finds no pickle, no code and no address in a model folder. Knows no task, no answer format.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import torch
import transformers
from safetensors.torch import load
from transformers import CONFIG_MAPPING, MODEL_FOR_CAUSAL_LM_MAPPING, DynamicCache, PreTrainedConfig

from agent_runtime.engines.lora import LoraMerge
from agent_runtime.engines.protocol import EngineInfo, Sample, check_request, check_room, usable_context
from agent_runtime.engines.sampling import StopFinder, choose, sample_rng
from agent_runtime.engines.text import encode, load_tokenizer
from agent_runtime.engines.weights import check_pin, read_safetensors, read_verified
from agent_runtime.errors import ModelCorrupt
from agent_runtime.model.architecture import ModelShape, build_model
from symphony_chain.errors import SymphonyError

MAX_ROWS = 64  # sequences decoded at a time; bounds memory, changes no result
#: Entries of a config.json that would make transformers fetch or run code from elsewhere, or read other files.
_NOT_OURS_TO_FOLLOW = frozenset(
    {
        "auto_map",
        "attn_implementation",
        "_attn_implementation",
        "_attn_implementation_internal",
        "experts_implementation",
        "_experts_implementation",
        "_experts_implementation_internal",
        "custom_pipelines",
        "fusion_config",
        "kernel_config",
        "transformers_weights",
        "use_kernels",
    }
)


class _Row:
    """One sequence while it grows."""

    def __init__(self, prompt_index: int, sample_index: int, rng: Random, room: int) -> None:
        self.prompt_index, self.sample_index, self.rng, self.room = prompt_index, sample_index, rng, room
        self.tokens: list[int] = []
        self.logprobs: list[float] = []


class TorchEngine:
    """See ``protocol.Engine``. One thread by default: results repeat bit by bit on one machine, and other
    agents get their share.

    Args:
        folder: config.json, tokenizer.json and safetensors.
        sha256: what the weights must have; None takes what the folder's manifest pins, or anything.
        context_tokens: use at most so many; None: the model's own context, at most `MOST_CONTEXT_TOKENS`.
    Raises:
        ModelMissing, ModelCorrupt: see `load_causal_lm` and `load_tokenizer`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        random_weights_seed: int | None = None,
        sha256: str | None = None,
        context_tokens: int | None = None,
        device: str | None = None,
        threads: int = 1,
    ) -> None:
        torch.set_num_threads(threads)
        self._device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        self._tokenizer = load_tokenizer(folder)
        if random_weights_seed is None:
            self._model, digest = load_causal_lm(folder, sha256)
        else:
            self._model = build_model(ModelShape(), random_weights_seed)
            # There is no file: the hash of its recipe's name, so that traces and registrations can hold it as they hold any.
            digest = hashlib.sha256(f"random:{random_weights_seed}".encode()).hexdigest()
        self._model.to(self._device).eval()
        self._lora = LoraMerge(self._model)
        self._ends = _end_tokens(self._model.config)
        own = getattr(self._model.config.get_text_config(), "max_position_embeddings", None)
        self.info = EngineInfo(
            "torch",
            digest,
            self._device,
            "float32",
            usable_context(own, context_tokens),
            digest_of="weights" if random_weights_seed is None else "recipe",
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
            going = _extend(live, logits, temperature, finder, self._ends)
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
        ended = row.tokens[-1] in self._ends
        stopped = ended or finder.reached(row.tokens)
        text = finder.cut(self._decode(row.tokens[:-1] if ended else row.tokens))
        return Sample(text, tuple(row.tokens), tuple(row.logprobs), "stop" if stopped else "length")


def _extend(
    rows: list[_Row], logits: torch.Tensor, temperature: float, finder: StopFinder, ends: frozenset[int]
) -> list[int]:
    """Adds one token to every row; returns the places of those that go on."""
    uniforms = [row.rng.random() for row in rows] if temperature else []
    tokens, logprobs = choose(logits.float().cpu().numpy(), temperature, uniforms)
    going = []
    for at, row in enumerate(rows):
        row.tokens.append(int(tokens[at]))
        row.logprobs.append(float(logprobs[at]))
        if row.tokens[-1] not in ends and len(row.tokens) < row.room and not finder.reached(row.tokens):
            going.append(at)
    return going


def _left_padded(rows: list[list[int]], device: str) -> tuple[torch.Tensor, torch.Tensor]:
    width = max(map(len, rows))
    inputs = torch.zeros(len(rows), width, dtype=torch.long)  # which token pads does not matter: it is masked
    mask = torch.zeros(len(rows), width, dtype=torch.long)
    for at, row in enumerate(rows):
        inputs[at, width - len(row) :] = torch.tensor(row, dtype=torch.long)
        mask[at, width - len(row) :] = 1
    return inputs.to(device), mask.to(device)


def load_causal_lm(folder: Path, sha256: str | None = None) -> tuple[Any, str]:
    """The model of a Hugging Face folder in fp32, and the sha-256 of its weights; of weights in several files, that of the
    lines ``name sha256``. Its ``config`` names the end tokens.

    Raises:
        ModelMissing: a file is not there.
        ModelCorrupt: a file is not the pinned one, is cut short, does not fit the configuration, or needs code that
            transformers does not bring.
    """
    tensors: dict[str, torch.Tensor] = {}
    digests: dict[str, str] = {}
    for path, data, digest in read_safetensors(folder):
        digests[path.name] = digest
        try:
            tensors |= load(data)
        except Exception as error:  # the library's own error class, and those of struct and json
            raise _unreadable(str(path), error) from error
    lines = "".join(f"{name} {digest}\n" for name, digest in sorted(digests.items()))
    digest = digest if len(digests) == 1 else hashlib.sha256(lines.encode()).hexdigest()
    check_pin(folder, digest, sha256)
    config = _configuration(folder)
    model_class = MODEL_FOR_CAUSAL_LM_MAPPING[type(config)]
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()  # its tables of tensors: what matters in them is one error here
    try:
        # Without a name, and with the tensors given, the library has nothing to open.
        model, report = model_class.from_pretrained(
            None, config=config, state_dict=tensors, dtype=torch.float32, output_loading_info=True
        )
    except Exception as error:  # shape errors, missing libraries, values that no model can have
        raise _unreadable(str(folder), error) from error
    wrong = sorted(report["missing_keys"] | report["unexpected_keys"] | {str(key) for key in report["mismatched_keys"]})
    if wrong:
        raise ModelCorrupt(
            f"the tensors of {folder} do not fit its config.json: {wrong[0]}", hint="export the model again", path=str(folder)
        )
    return model, digest


def _configuration(folder: Path) -> PreTrainedConfig:
    """What config.json says of a causal language model that the library knows, without anything that would make it look
    elsewhere; end tokens as generation_config.json has them.
    """
    try:
        document = _json_object(folder, "config.json")
        kept = {key: value for key, value in document.items() if key not in _NOT_OURS_TO_FOLLOW}
        if "quantization_config" in kept:
            raise ValueError("its weights are quantised; take the unquantised model, or a GGUF file")
        if document["model_type"] not in CONFIG_MAPPING:
            raise ValueError(f"transformers knows no model of type {document['model_type']!r}")
        config = CONFIG_MAPPING[document["model_type"]].from_dict(kept)
        if type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING:
            raise ValueError(f"a {document['model_type']} is no causal language model")
        if (folder / "generation_config.json").exists():
            ends = _json_object(folder, "generation_config.json").get("eos_token_id")
            config.eos_token_id = config.eos_token_id if ends is None else ends
    except SymphonyError:
        raise
    except KeyError as error:
        raise _unreadable(str(folder / "config.json"), f"it has no {error}") from error
    except Exception as error:  # each configuration class has checks, and errors, of its own
        raise _unreadable(str(folder / "config.json"), error) from error
    return config


def _json_object(folder: Path, name: str) -> dict[str, Any]:
    document = json.loads(read_verified(folder, name))
    if not isinstance(document, dict):
        raise ValueError(f"{name} is no object")
    return document


def _end_tokens(config: PreTrainedConfig) -> frozenset[int]:
    """Tokens that end a text; none where the model has no such token."""
    ids = config.eos_token_id if config.eos_token_id is not None else config.get_text_config().eos_token_id
    return frozenset(() if ids is None else ids if isinstance(ids, list) else [ids])


def _unreadable(place: str, why: object) -> ModelCorrupt:
    reason = " ".join(str(why).split())[:300]
    return ModelCorrupt(
        f"{place} cannot be read as a causal language model: {reason}", hint="export or download the model again", path=place
    )
