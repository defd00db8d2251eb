"""LoRA adapters in peft's folder form, merged into a torch model in place: W + (alpha / r) · B·A, and taken
out again.

Reads ``adapter_config.json`` and ``adapter_model.safetensors``; never pickle. Knows no sampling.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import load_file

from agent_runtime.engines.adapters import PEFT_TENSORS
from agent_runtime.errors import ModelCorrupt, ModelMissing

PREFIX = "base_model.model."
CONFIG = "adapter_config.json"
#: Settings of peft under which a merge is another sum than ours; refused, lest it be silently wrong.
_OTHER_KINDS = ("use_dora", "use_rslora", "alpha_pattern", "rank_pattern", "fan_in_fan_out")


class LoraMerge:
    """Keeps the untouched matrices of a model, so that an adapter can be swapped without drift."""

    def __init__(self, model: torch.nn.Module) -> None:
        self._weights = dict(model.named_parameters())
        self._originals: dict[str, torch.Tensor] = {}

    @torch.no_grad()
    def load(self, path: Path | None) -> None:
        """Replace the merged adapter by the one in folder ``path`` (None: by nothing); on an error the model
        is unchanged.
        """
        updates = {} if path is None else self._updates(path)
        for name, original in self._originals.items():
            self._weights[name].copy_(original)
        self._originals = {name: self._weights[name].detach().clone() for name in updates}
        for name, update in updates.items():
            self._weights[name].add_(update)

    def _updates(self, path: Path) -> dict[str, torch.Tensor]:
        tensors, scale = read_adapter(path)
        updates = {}
        for name in sorted({key.rsplit(".lora_", 1)[0] for key in tensors}):
            down, up = tensors.get(f"{name}.lora_A.weight"), tensors.get(f"{name}.lora_B.weight")
            target = self._weights.get(f"{name}.weight")
            if (
                down is None
                or up is None
                or target is None
                or (up.shape[0], down.shape[1]) != tuple(target.shape)
            ):
                raise ModelCorrupt(
                    f"adapter {path} does not fit this model at {name}",
                    hint="use an adapter that was trained on this base model",
                )
            updates[f"{name}.weight"] = (scale * up.float() @ down.float()).to(target.device)
        return updates


def read_adapter(path: Path) -> tuple[dict[str, torch.Tensor], float]:
    """Tensors of a peft adapter folder (names without peft's prefix; A is [r, in], B is [out, r]) and its
    scale alpha / r.
    """
    for name in (CONFIG, PEFT_TENSORS):
        if not (path / name).exists():
            raise ModelMissing(
                f"there is no adapter file at {path / name}",
                hint="name a folder that peft saved",
                path=str(path),
            )
    try:
        config = json.loads((path / CONFIG).read_text("utf-8"))
        for name in _OTHER_KINDS:
            if config.get(name):
                raise ValueError(f"it has {name}, and only plain LoRA on linear layers is merged")
        tensors = {name.removeprefix(PREFIX): tensor for name, tensor in load_file(path / PEFT_TENSORS).items()}
        return tensors, float(config["lora_alpha"]) / int(config["r"])
    except Exception as error:  # json, safetensors and key errors alike: the folder is no adapter
        raise ModelCorrupt(
            f"{path} is no LoRA adapter: {error}", hint="save the adapter again", path=str(path)
        ) from error
