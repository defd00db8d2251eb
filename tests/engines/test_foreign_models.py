"""Models that are not ours: any Hugging Face folder by its path, with its own tokenizer and end tokens; nothing in it runs."""

from __future__ import annotations

import hashlib
import json
import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from agent_runtime.config import WorkerConfig
from agent_runtime.engines import Engine, open_engine
from agent_runtime.engines.config import EngineConfig
from agent_runtime.engines.weights import SAFETENSORS, sha256_of
from agent_runtime.errors import ModelCorrupt, ModelMissing, PromptTooLong
from agent_runtime.own_cards import own_cards
from symphony_chain.errors import InvalidInput
from symphony_chain.spec import CardTraining, CardWeights, ModelCard

PROMPTS = ["the cat sat on the mat", "a dog and a cat, 3 + 4", "on the mat the dog sat still"]
START, END, OTHER_END = 0, 1, 2
VOCAB = 300


def tokenizer(start: bool) -> Tokenizer:
    """Byte-level BPE, trained on the prompts; one that puts <s> in front where the model wants it."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    special = ["<s>", "</s>", "<|im_end|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    made.train_from_iterator(PROMPTS * 3, trainer)
    if start:
        made.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", START)])
    return made


def gpt2() -> Any:
    return GPT2LMHeadModel(
        GPT2Config(vocab_size=VOCAB, n_positions=96, n_embd=32, n_layer=2, n_head=4, bos_token_id=START, eos_token_id=END)
    )


def qwen2() -> Any:
    shape = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
    return Qwen2ForCausalLM(
        Qwen2Config(vocab_size=VOCAB, num_key_value_heads=2, max_position_embeddings=96, eos_token_id=END, **shape)
    )


def llama() -> Any:
    shape = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1, "num_attention_heads": 2}
    return LlamaForCausalLM(
        LlamaConfig(vocab_size=VOCAB, max_position_embeddings=96, bos_token_id=START, eos_token_id=END, **shape)
    )


def saved(folder: Path, build: Callable[[], Any], *, start: bool = False, **options: Any) -> Path:
    """A folder as `save_pretrained` leaves it, with weights from one seed, large enough that prompts go different ways."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        model = build()
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(6 if weight.ndim == 2 else 1)
    model.save_pretrained(folder, **options)
    tokenizer(start).save(str(folder / "tokenizer.json"))
    return folder


def greedy(engine: Engine, prompts: Sequence[str] = PROMPTS, max_tokens: int = 20) -> list[tuple[int, ...]]:
    rows = engine.generate(prompts, n=1, temperature=0.0, seed=0, max_tokens=max_tokens)
    return [row[0].token_ids for row in rows]


@pytest.mark.parametrize(("build", "start"), [(gpt2, False), (qwen2, False), (llama, True)])
def test_any_causal_model_works_and_says_what_the_library_says(
    build: Callable[[], Any], start: bool, tmp_path: Path
) -> None:
    folder = saved(tmp_path / "model", build, start=start)
    engine = open_engine(str(folder))
    assert engine.info.engine == "torch" and engine.info.context_tokens == 96
    assert engine.info.model_sha256 == sha256_of(folder / SAFETENSORS)
    reference = build.__globals__[type(build()).__name__].from_pretrained(folder, dtype=torch.float32)
    for prompt, ours in zip(PROMPTS, greedy(engine), strict=True):
        ids = tokenizer(start).encode(prompt).ids
        assert (ids[0] == START) is start and engine.count_tokens(prompt) == len(ids)
        theirs = reference.generate(torch.tensor([ids]), max_new_tokens=20, do_sample=False, pad_token_id=END)
        assert list(ours) == theirs[0, len(ids) :].tolist()
    assert len(set(greedy(engine))) == len(PROMPTS)
    with pytest.raises(PromptTooLong):
        greedy(engine, ["cat " * 90])
    engine.close()


def test_weights_in_several_files_are_one_model(tmp_path: Path) -> None:
    whole, parts = saved(tmp_path / "whole", qwen2), saved(tmp_path / "parts", qwen2, max_shard_size="40KB")
    assert not (parts / SAFETENSORS).exists() and len(list(parts.glob("*.safetensors"))) > 2
    one, many = open_engine(str(whole)), open_engine(str(parts))
    assert greedy(one) == greedy(many) and one.info.model_sha256 != many.info.model_sha256
    pin = many.info.model_sha256
    for engine in (one, many):
        engine.close()
    open_engine(str(parts), sha256=pin).close()
    lines = "".join(f"{path.name} {sha256_of(path)}\n" for path in sorted(parts.glob("*.safetensors")))
    assert hashlib.sha256(lines.encode()).hexdigest() == pin, "as docs/formats.md says"
    for listed, found in ((pin, 1), (sha256_of(next(parts.glob("*.safetensors"))), 0)):
        weights = (CardWeights("safetensors", bytes.fromhex(listed), 5),)
        card = ModelCard("parts", "model", weights, "MIT", "", "", 7, 64, CardTraining(*range(5)))
        (parts / "card.json").write_bytes(card.to_json())
        nowhere = (Path("nowhere"),) * 3
        config = WorkerConfig("ada", "http://127.0.0.1:1", *nowhere, "o", "o", {}, engine=EngineConfig(str(parts)))
        assert own_cards(config, many.info, ()) == (card,) * found, "one hash for all files"
    index = json.loads((parts / "model.safetensors.index.json").read_text())
    outside = {name: "../whole/model.safetensors" for name in index["weight_map"]}
    (parts / "model.safetensors.index.json").write_text(json.dumps({**index, "weight_map": outside}))
    with pytest.raises(ModelCorrupt, match="names"):
        open_engine(str(parts))


@pytest.mark.parametrize("ends", [OTHER_END, [END, OTHER_END]])
def test_the_end_tokens_are_the_models_own(ends: int | list[int], tmp_path: Path) -> None:
    """The head is made to favour one of them: a text then ends with it, and without it in the text."""
    folder = saved(tmp_path / "model", gpt2)
    engine = open_engine(str(folder))
    assert all(len(ids) == 20 for ids in greedy(engine)), "no end token by itself, or this proves nothing"
    token = greedy(engine)[0][5]
    engine.close()
    wanted = ends if isinstance(ends, int) else [token, *ends]
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": token if isinstance(wanted, int) else wanted}))
    engine = open_engine(str(folder))
    (sample,) = engine.generate(PROMPTS[:1], n=1, temperature=0.0, seed=0, max_tokens=20)[0]
    assert sample.token_ids[-1] == token and len(sample.token_ids) <= 6 and sample.finish == "stop"
    engine.close()


def test_a_pin_holds(tmp_path: Path) -> None:
    folder = saved(tmp_path / "model", qwen2)
    open_engine(str(folder), sha256=sha256_of(folder / SAFETENSORS)).close()
    with pytest.raises(ModelCorrupt, match="is pinned"):
        open_engine(str(folder), sha256="ab" * 32)


def test_less_context_may_be_asked_for(tmp_path: Path) -> None:
    folder = saved(tmp_path / "model", qwen2)
    engine = open_engine(str(folder), context_tokens=64)
    (sample,) = engine.generate(PROMPTS[:1], n=1, temperature=0.0, seed=0, max_tokens=500)[0]
    assert engine.count_tokens(PROMPTS[0]) + len(sample.token_ids) <= 64
    engine.close()
    with pytest.raises(InvalidInput, match="96 tokens, not 97"):
        open_engine(str(folder), context_tokens=97)


# --- nothing in a folder runs ---


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return (Path.touch, (self.marker,))


def test_the_bomb_goes_off(tmp_path: Path) -> None:
    """Or the next test would prove nothing."""
    pickle.loads(pickle.dumps(Bomb(tmp_path / "marker")))
    assert (tmp_path / "marker").exists()


@pytest.mark.parametrize("beside", [False, True])
def test_pickled_weights_are_never_opened(beside: bool, tmp_path: Path) -> None:
    folder = saved(tmp_path / "model", qwen2)
    bomb = pickle.dumps(Bomb(tmp_path / "marker"))
    for name in ("pytorch_model.bin", "training_args.bin", "adapter_model.bin", "optimizer.pt"):
        (folder / name).write_bytes(bomb)
    if beside:
        open_engine(str(folder)).close()
    else:
        (folder / SAFETENSORS).unlink()
        with pytest.raises(InvalidInput, match="pickled weights"):
            open_engine(str(folder))
        with pytest.raises(InvalidInput, match="pickled weights"):
            open_engine(str(folder / "pytorch_model.bin"))
    assert not (tmp_path / "marker").exists()


def test_code_in_a_folder_does_not_run_and_leads_nowhere(tmp_path: Path) -> None:
    folder = saved(tmp_path / "model", qwen2)
    before = open_engine(str(folder))
    expected = greedy(before)
    before.close()
    (folder / "modeling_evil.py").write_text(f"open({str(tmp_path / 'marker')!r}, 'w')\n")
    document = json.loads((folder / "config.json").read_text())
    document |= {
        "auto_map": {"AutoConfig": "modeling_evil.Config", "AutoModelForCausalLM": "modeling_evil.Model"},
        "attn_implementation": "somebody/kernel",
        "_attn_implementation": "somebody/kernel",
        "transformers_weights": "pytorch_model.bin",
        "fusion_config": {"everything": True},
    }
    (folder / "config.json").write_text(json.dumps(document))
    engine = open_engine(str(folder))
    assert greedy(engine) == expected
    engine.close()
    (folder / "config.json").write_text(json.dumps({**document, "model_type": "evil"}))
    with pytest.raises(ModelCorrupt, match="no model of type 'evil'"):
        open_engine(str(folder))
    assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"quantization_config": {"quant_method": "bitsandbytes"}}, "quantised"),
        ({"model_type": "bert"}, "do not fit"),
        ({"model_type": "clip"}, "no causal language model"),
        ({"model_type": None}, "no model of type None"),
        ({"hidden_size": 48}, "cannot be read|do not fit"),
        ({"num_hidden_layers": 3}, "cannot be read|do not fit"),
        ({"num_hidden_layers": 1}, "cannot be read|do not fit"),
        ({"num_attention_heads": "four"}, "cannot be read"),
        ({"num_key_value_heads": 0}, "cannot be read"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_named(change: dict[str, Any], words: str, tmp_path: Path) -> None:
    folder = saved(tmp_path / "model", qwen2)
    document = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(document | change))
    with pytest.raises(ModelCorrupt, match=words) as caught:
        open_engine(str(folder))
    assert caught.value.hint and str(folder) in caught.value.message


def test_tensors_of_another_model_do_not_fit(tmp_path: Path) -> None:
    folder = saved(tmp_path / "model", qwen2)
    save_file({"strange.weight": torch.zeros(2)}, folder / SAFETENSORS)
    with pytest.raises(ModelCorrupt, match="do not fit"):
        open_engine(str(folder))


# --- what lies at a path ---


def test_what_is_found_at_a_path_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    with pytest.raises(ModelMissing, match="nothing at"):
        open_engine(str(folder))
    folder.mkdir()
    with pytest.raises(ModelMissing, match="lacks model.safetensors, config.json, tokenizer.json and holds nothing"):
        open_engine(str(folder))
    (folder / "config.json").write_text("{}")
    (folder / "README.md").write_text("hello")
    with pytest.raises(ModelMissing, match="lacks model.safetensors, tokenizer.json and holds README.md, config.json"):
        open_engine(str(folder))
    (folder / "model-q4.gguf").write_bytes(b"GGUF")
    with pytest.raises(InvalidInput, match="model-q4.gguf") as caught:
        open_engine(str(folder))
    assert str(folder / "model-q4.gguf") in caught.value.hint
    (folder / "adapter_config.json").write_text("{}")
    with pytest.raises(InvalidInput, match="LoRA adapter"):
        open_engine(str(folder))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.gguf", b"PK\x03\x04", "begins with b'PK"),
        ("a.gguf", b"", "begins with b''"),
        ("model.safetensors", b"\x08\0\0\0", "file of a model folder"),
        ("model.pt", b"PK\x03\x04", "pickled"),
    ],
)
def test_what_kind_of_file_it_is_is_said(name: str, content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidInput, match=words):
        open_engine(str(tmp_path / name))


@pytest.mark.parametrize(
    ("spec", "options", "words"),
    [
        ("torch", {"chat": True}, "torch engine has no chat"),
        ("torch", {"memory_limit_bytes": 1}, "no memory limit"),
        ("llama_cpp", {"random_weights_seed": 1}, "no random weights"),
        ("http://127.0.0.1:9", {"weights": Path("x")}, "openai engine has no weights"),
        ("http://127.0.0.1:9", {"sha256": "ab" * 32}, "no sha256"),
        ("tests.engines.x:y", {"model": "m"}, "function engine has no model"),
        ("torch", {"sha256": "AB" * 32}, "no sha-256"),
        ("torch", {"context_tokens": 5}, "no task"),
        ("http://127.0.0.1:9", {"deadline_s": 0.0}, "deadline_s"),
        ("http://127.0.0.1:9", {"request_interval_s": float("nan")}, "request_interval_s"),
    ],
)
def test_options_of_another_engine_are_a_mistake(spec: str, options: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        open_engine(spec, **options)
