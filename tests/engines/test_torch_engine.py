"""The PyTorch engine: reproducible, independent of its batch, honest about its scores, and clear about bad
files.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from agent_runtime.engines import open_engine
from agent_runtime.engines.torch_engine import TorchEngine, load_causal_lm
from agent_runtime.engines.weights import MANIFEST, SAFETENSORS
from agent_runtime.errors import ModelCorrupt, ModelMissing, PromptTooLong
from agent_runtime.model.architecture import END_ID
from symphony_chain.errors import InvalidInput

PROMPTS = [
    "Q: not True is\nA:",
    "Q: ((1 + 2) * (3 - 4)) =\nA:",
    "Q: I have a drum, and a flute. How many objects do I have?\nA:",
]


@pytest.fixture(scope="module")
def engine(tiny_folder: Path) -> Iterator[TorchEngine]:
    opened = TorchEngine(tiny_folder, device="cpu")
    yield opened
    opened.close()


def test_sampling_is_seeded(engine: TorchEngine) -> None:
    first = engine.generate(PROMPTS, n=3, temperature=1.0, seed=5, max_tokens=24)
    assert engine.generate(PROMPTS, n=3, temperature=1.0, seed=5, max_tokens=24) == first
    assert engine.generate(PROMPTS, n=3, temperature=1.0, seed=6, max_tokens=24) != first
    assert len({sample.text for sample in first[0]}) > 1


def test_a_sample_does_not_depend_on_what_else_is_in_the_batch(engine: TorchEngine) -> None:
    together = engine.generate(PROMPTS, n=4, temperature=1.0, seed=5, max_tokens=24)
    alone = engine.generate(PROMPTS[:1], n=2, temperature=1.0, seed=5, max_tokens=24)
    assert [sample.token_ids for sample in alone[0]] == [sample.token_ids for sample in together[0][:2]]


def test_greedy_text_and_scores_are_those_of_a_plain_forward_pass(
    engine: TorchEngine, tiny_folder: Path
) -> None:
    model, _ = load_causal_lm(tiny_folder)
    for prompt, (sample,) in zip(
        PROMPTS, engine.generate(PROMPTS, n=1, temperature=0.0, seed=0, max_tokens=20), strict=True
    ):
        ids = engine._tokenizer.encode(prompt, add_special_tokens=False).ids
        full = torch.tensor([ids + list(sample.token_ids)])
        with torch.inference_mode():
            scores = model(full).logits[0].log_softmax(-1)
        for at, (token, logprob) in enumerate(zip(sample.token_ids, sample.logprobs, strict=True)):
            row = scores[len(ids) - 1 + at]
            assert row.argmax() == token
            assert row[token].item() == pytest.approx(logprob, abs=1e-3)


def test_a_completion_ends_by_token_length_or_stop_string(engine: TorchEngine) -> None:
    (long,) = engine.generate(PROMPTS[:1], n=1, temperature=0.0, seed=0, max_tokens=12)[0]
    assert len(long.token_ids) == 12 if long.finish == "length" else long.token_ids[-1] == END_ID
    mark = long.text[3:5]
    (cut,) = engine.generate(PROMPTS[:1], n=1, temperature=0.0, seed=0, max_tokens=12, stop=[mark])[0]
    assert cut.finish == "stop"
    assert cut.text == long.text[: long.text.index(mark)]
    assert cut.token_ids == long.token_ids[: len(cut.token_ids)]


def test_generation_stops_at_the_end_of_the_context(engine: TorchEngine) -> None:
    prompt = "Q: " + "1" * 210 + "\nA:"
    (sample,) = engine.generate([prompt], n=1, temperature=1.0, seed=1, max_tokens=10_000)[0]
    assert engine.count_tokens(prompt) + len(sample.token_ids) <= engine.info.context_tokens


def test_control_tokens_are_not_read_out_of_text(engine: TorchEngine) -> None:
    ids = engine._tokenizer.encode("1<|end|>1").ids
    assert END_ID not in ids
    assert engine.count_tokens("1<|end|>1") == len(ids) > 3


def test_a_prompt_without_room_for_an_answer_is_refused(engine: TorchEngine) -> None:
    with pytest.raises(PromptTooLong) as caught:
        engine.generate(["7" * 225], n=1, temperature=0.0, seed=0, max_tokens=4)
    assert caught.value.code == "engine.prompt_too_long"
    assert caught.value.hint
    assert caught.value.context == {"prompt_tokens": 225, "longest_tokens": 224}


@pytest.mark.parametrize(
    "wrong", [{"n": 0}, {"max_tokens": 0}, {"temperature": -1.0}, {"temperature": float("nan")}]
)
def test_impossible_requests_are_refused(engine: TorchEngine, wrong: dict[str, float]) -> None:
    request = {"n": 1, "temperature": 0.0, "seed": 0, "max_tokens": 4} | wrong
    with pytest.raises(InvalidInput, match="cannot sample"):
        engine.generate(PROMPTS, **request)  # type: ignore[arg-type]


def test_an_adapter_changes_the_model_and_comes_out_without_a_trace(
    engine: TorchEngine, tmp_path: Path, save_adapter: Callable[[Path, int], Path]
) -> None:
    def greedy() -> list[tuple[float, ...]]:
        samples = engine.generate(PROMPTS, n=1, temperature=0.0, seed=0, max_tokens=16)
        return [row[0].logprobs for row in samples]

    base = greedy()
    engine.load_adapter(save_adapter(tmp_path / "a", 1))
    first = greedy()
    engine.load_adapter(save_adapter(tmp_path / "b", 2))
    assert len({tuple(base), tuple(first), tuple(greedy())}) == 3
    engine.load_adapter(tmp_path / "a")
    assert greedy() == first
    engine.load_adapter(None)
    assert greedy() == base


def test_a_broken_adapter_is_named_and_leaves_the_model_alone(
    engine: TorchEngine, tmp_path: Path, save_adapter: Callable[[Path, int], Path]
) -> None:
    before = engine.generate(PROMPTS, n=1, temperature=0.0, seed=0, max_tokens=8)
    with pytest.raises(ModelMissing, match="adapter_config"):
        engine.load_adapter(tmp_path)
    folder = save_adapter(tmp_path / "a", 1)
    payload = folder / "adapter_model.safetensors"
    payload.write_bytes(payload.read_bytes()[:-100])
    with pytest.raises(ModelCorrupt, match="no LoRA adapter"):
        engine.load_adapter(folder)
    assert engine.generate(PROMPTS, n=1, temperature=0.0, seed=0, max_tokens=8) == before


@pytest.mark.parametrize(
    "setting", [{"use_dora": True}, {"use_rslora": True}, {"rank_pattern": {"q_proj": 8}}, {"fan_in_fan_out": True}]
)
def test_an_adapter_of_another_kind_is_refused(
    setting: dict[str, object], engine: TorchEngine, tmp_path: Path, save_adapter: Callable[[Path, int], Path]
) -> None:
    folder = save_adapter(tmp_path / "a", 1)
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps(config | setting))
    with pytest.raises(ModelCorrupt, match="only plain LoRA"):
        engine.load_adapter(folder)


@pytest.fixture
def copied(tiny_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_folder, tmp_path / "model"))


def test_a_missing_weights_file_is_one_clear_error(copied: Path) -> None:
    (copied / SAFETENSORS).unlink()
    with pytest.raises(ModelMissing, match="no model file") as caught:
        open_engine("torch", weights=copied)
    assert caught.value.hint
    assert caught.value.exit_code == 3


def test_changed_weights_are_refused_by_their_hash(copied: Path) -> None:
    data = bytearray((copied / SAFETENSORS).read_bytes())
    data[-1] ^= 1
    (copied / SAFETENSORS).write_bytes(bytes(data))
    with pytest.raises(ModelCorrupt, match="manifest pins"):
        open_engine("torch", weights=copied)


@pytest.mark.parametrize("keep", [0, 4, 200, 50_000])
def test_truncated_weights_are_refused_even_without_a_manifest(copied: Path, keep: int) -> None:
    (copied / MANIFEST).unlink()
    (copied / SAFETENSORS).write_bytes((copied / SAFETENSORS).read_bytes()[:keep])
    with pytest.raises(ModelCorrupt, match="cannot be read"):
        open_engine("torch", weights=copied)


def test_a_damaged_tokenizer_config_or_manifest_is_refused(copied: Path) -> None:
    (copied / MANIFEST).write_text("{}")
    with pytest.raises(ModelCorrupt, match="no manifest"):
        open_engine("torch", weights=copied)
    (copied / MANIFEST).unlink()
    (copied / "config.json").write_text(json.dumps({"hidden_size": 32}))
    with pytest.raises(ModelCorrupt, match="cannot be read"):
        open_engine("torch", weights=copied)
    (copied / "tokenizer.json").write_text("[]")
    with pytest.raises(ModelCorrupt, match="no tokenizer"):
        open_engine("torch", weights=copied)


def test_random_weights_have_the_shape_of_the_shipped_model() -> None:
    control = open_engine("torch", random_weights_seed=1)
    assert control.info.model_sha256 == hashlib.sha256(b"random:1").hexdigest()
    first = control.generate(PROMPTS[:1], n=1, temperature=0.0, seed=0, max_tokens=8)
    control.close()
    again = open_engine("torch", random_weights_seed=1)
    assert again.generate(PROMPTS[:1], n=1, temperature=0.0, seed=0, max_tokens=8) == first
    again.close()


def test_unknown_engines_are_refused() -> None:
    with pytest.raises(InvalidInput, match="no engine named 'gpt'"):
        open_engine("gpt")
    with pytest.raises(InvalidInput, match="no random weights"):
        open_engine("llama_cpp", random_weights_seed=1)


def test_importing_the_engines_and_task_files_loads_no_model_library() -> None:
    code = (
        "import sys, agent_runtime.engines, agent_runtime.model.datasets, agent_runtime.model.prompting;"
        "assert not {'torch', 'transformers', 'llama_cpp'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
