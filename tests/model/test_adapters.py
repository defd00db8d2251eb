"""Specialists: an adapter learns, leaves its model alone, and means the same to peft, to our engines and in its manifest."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from tokenizers import Tokenizer

from agent_runtime.engines.lora import LoraMerge
from agent_runtime.engines.text import load_tokenizer
from agent_runtime.engines.torch_engine import load_causal_lm
from agent_runtime.engines.weights import early_folder, read_manifest, sha256_of, verified
from agent_runtime.model.families import FAMILIES
from agent_runtime.model.specialists import SPECIALISTS
from agent_runtime.model.training.adapter import AdapterRecipe, train_adapter

# peft 0.21 asks transformers 5.23 under the old name.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
ROOT = Path(__file__).resolve().parents[2]
RECIPE = AdapterRecipe(("word_sorting",), seed=3, tokens=12_000, batch_tokens=1200)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return load_tokenizer(early_folder())


@pytest.fixture(scope="module")
def trained(tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    folder = tmp_path_factory.mktemp("adapter")
    return folder, train_adapter(load_causal_lm(early_folder())[0], tokenizer, RECIPE, folder)


def test_specialists_cover_every_family_once() -> None:
    assert sorted(name for names in SPECIALISTS.values() for name in names) == sorted(FAMILIES)


def test_an_adapter_learns_and_reports(trained: tuple[Path, dict]) -> None:
    folder, facts = trained
    assert {path.name for path in folder.iterdir()} == {"adapter_config.json", "adapter_model.safetensors"}
    assert facts["tokens"] >= RECIPE.tokens and set(facts["examples"]) == set(RECIPE.families)
    losses = [point["loss"] for point in facts["curve"]]
    assert sum(losses[-3:]) / 3 < 0.8 * losses[0]


def test_merged_into_a_fresh_model_it_says_what_peft_says(trained: tuple[Path, dict]) -> None:
    base, merged, wrapped = (load_causal_lm(early_folder())[0] for _ in range(3))
    LoraMerge(merged).load(trained[0])
    ids = torch.randint(2, 1000, (2, 50), generator=torch.Generator().manual_seed(4))
    with torch.inference_mode():
        ours = merged(input_ids=ids).logits
        theirs = PeftModel.from_pretrained(wrapped, str(trained[0]))(input_ids=ids).logits
        plain = base(input_ids=ids).logits
    assert (ours - theirs).abs().max() < 1e-3 < 0.1 < (ours - plain).abs().max()


def test_a_run_repeats_from_its_seed(trained: tuple[Path, dict], tokenizer: Tokenizer, tmp_path: Path) -> None:
    before = torch.get_rng_state()
    train_adapter(load_causal_lm(early_folder())[0], tokenizer, RECIPE, tmp_path)
    assert sha256_of(tmp_path / "adapter_model.safetensors") == sha256_of(trained[0] / "adapter_model.safetensors")
    assert torch.equal(torch.get_rng_state(), before)


def test_the_script_trains_exports_and_goes_on(tmp_path: Path) -> None:
    command = [sys.executable, "scripts/train_adapters.py", "--base", "early", "--only", "symbols"]
    command += ["--tokens", "0.004", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    manifest = read_manifest(tmp_path / "symbols")
    assert manifest is not None and manifest["base_sha256"] == sha256_of(early_folder() / "model.safetensors")
    assert tuple(manifest["recipe"]["families"]) == SPECIALISTS["symbols"]
    for name in ("adapter_model.safetensors", "adapter.gguf"):
        assert verified(tmp_path / "symbols", name)[0].exists()
    (tmp_path / "symbols" / "adapter.gguf").unlink()
    again = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert again.returncode == 0 and "done before" in again.stdout and not (tmp_path / "symbols" / "adapter.gguf").exists()
    command[command.index("symbols")] = "nonsense"
    wrong = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert wrong.returncode == 2 and "there is no specialist 'nonsense'" in wrong.stderr
    assert json.loads(done.stdout.splitlines()[-1])["specialist"] == "symbols"
