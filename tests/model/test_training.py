"""The training code: the fast forward pass equals the library's, a run learns, a stopped run goes on."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest
import torch
from tokenizers import Tokenizer

from agent_runtime.engines.weights import shipped_folder
from agent_runtime.model.architecture import END_ID, PAD_ID, ModelShape, build_model
from agent_runtime.model.families import FAMILIES
from agent_runtime.model.training.fast_forward import completion_loss_function, hidden_states
from agent_runtime.model.training.loop import Recipe, Trainer
from agent_runtime.model.training.mix import AdaptiveMix
from agent_runtime.model.training.muon import Muon
from agent_runtime.model.training.stream import IGNORED, ExampleStream, Row, pad
from agent_runtime.model.training.tokenizer import train_tokenizer
from agent_runtime.model.training.transplant import EMBEDDING, transplant

SHAPE = ModelShape(width=32, layers=2, heads=2, feed_forward=64, context_tokens=256)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_file(str(shipped_folder() / "tokenizer.json"))


def trainer(folder: Path, tokenizer: Tokenizer, tokens: int) -> Trainer:
    recipe = Recipe(
        seed=1, tokens=tokens, batch_tokens=600, learning_rate=5e-3, warmup_steps=4, shape=SHAPE
    )
    return Trainer(
        recipe, tokenizer, folder, device="cpu", clock=lambda: 0.0, log=lambda line: None, compiled=False,
        checkpoint_s=1e9, snapshot_tokens=10_000,
    )  # fmt: skip


def test_the_fast_forward_pass_equals_the_librarys() -> None:
    model = build_model(SHAPE, 5)
    for parameter in model.parameters():
        parameter.data.mul_(3.0)
    inputs = torch.randint(2, 1024, (3, 40), generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected = model.model(input_ids=inputs).last_hidden_state
        found = hidden_states(model, inputs, torch.float32)
    assert torch.allclose(found, expected, atol=1e-4)


def test_the_loss_covers_completions_only_and_marks_solved_rows() -> None:
    model = build_model(SHAPE, 5)
    rows = [Row("a", 1, [5, 6, 7], [8, 9, END_ID]), Row("b", 1, [5], [6, END_ID])]
    batch = pad(rows)
    assert batch.inputs.tolist()[1] == [5, 6, END_ID, PAD_ID, PAD_ID, PAD_ID]
    assert batch.targets.tolist()[0] == [IGNORED, IGNORED, IGNORED, 8, 9, END_ID]
    with torch.inference_mode():
        loss, solved = completion_loss_function(compiled=False, dtype=torch.float32)(
            model, batch.inputs, batch.targets
        )
        logits = model(input_ids=batch.inputs).logits[:, :-1]
    labels = batch.targets[:, 1:]
    expected = torch.nn.functional.cross_entropy(logits[labels != IGNORED], labels[labels != IGNORED])
    assert loss.item() == pytest.approx(expected.item(), abs=1e-5)
    assert solved == [False, False]
    greedy = logits[1, 0].argmax().item()
    right = pad([Row("b", 1, [5], [int(greedy)])])
    assert completion_loss_function(compiled=False, dtype=torch.float32)(model, right.inputs, right.targets)[
        1
    ] == [True]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_muon_steps_as_the_librarys_does(dtype: torch.dtype) -> None:
    rng = torch.Generator().manual_seed(3)
    starts = [torch.randn(shape, generator=rng) for shape in ((12, 20), (20, 12), (12, 20))]
    ours, theirs = ([torch.nn.Parameter(start.clone()) for start in starts] for _ in range(2))
    settings = {"lr": 0.02, "weight_decay": 0.05, "momentum": 0.95}
    optimizer = Muon(ours, dtype=dtype, **settings)
    library = torch.optim.Muon(theirs, adjust_lr_fn="match_rms_adamw", **settings)  # type: ignore[arg-type]
    for _ in range(3):
        for one, other in zip(ours, theirs, strict=True):
            one.grad = torch.randn(one.shape, generator=rng)
            other.grad = one.grad.clone()
        optimizer.step()
        library.step()
    moved = max((one - start).abs().max().item() for one, start in zip(ours, starts, strict=True))
    apart = max((one - other).abs().max().item() for one, other in zip(ours, theirs, strict=True))
    assert apart < 0.02 * moved, "as far as bfloat16 goes"


def test_a_run_learns_and_reports(tmp_path: Path, tokenizer: Tokenizer) -> None:
    run = trainer(tmp_path, tokenizer, tokens=22_000)
    first = run.loss_of(run.model, *_one_batch(tokenizer))[0].item()
    run.run()
    assert run.loss_of(run.model, *_one_batch(tokenizer))[0].item() < 0.8 * first
    report = json.loads((tmp_path / "curve.json").read_text())
    assert report["steps"] == run.step >= 30
    assert report["curve"][-1]["tokens"] == report["tokens"] > 10_000
    assert (tmp_path / "final.pt").exists()
    assert [path.name for path in sorted(tmp_path.glob("snapshot-*.pt"))] == ["snapshot-000.pt"], "named by millions"
    snapshot = torch.load(tmp_path / "snapshot-000.pt")
    assert snapshot["summary"]["recipe"] == report["recipe"] and set(snapshot["model"]) == set(run.model.state_dict())
    assert 20_000 <= snapshot["summary"]["tokens"] <= report["tokens"]
    assert run.learning_rate() == pytest.approx(0.02 * 5e-3)


def test_a_trained_model_keeps_what_it_knows_under_another_tokenizer(tokenizer: Tokenizer) -> None:
    """Old tokens keep their rows; a new one means what its pieces meant."""
    other = train_tokenizer(700, 3, samples=1_500)
    weights = build_model(SHAPE, 5).state_dict()
    moved = transplant(weights, tokenizer, other)
    before, after = weights[EMBEDDING], moved[EMBEDDING]
    assert after.shape == (700, SHAPE.width) and torch.equal(moved["lm_head.weight"], after)
    assert torch.equal(after[END_ID], before[END_ID]) and torch.equal(after[PAD_ID], before[PAD_ID])
    shared = set(other.get_vocab()) & set(tokenizer.get_vocab())
    new = set(other.get_vocab()) - shared
    assert len(shared) > 300 and new
    for token in shared:
        assert torch.equal(after[other.token_to_id(token)], before[tokenizer.token_to_id(token)])
    token = min(new)
    pieces = tokenizer.encode(other.decode([other.token_to_id(token)])).ids
    assert len(pieces) > 1 and torch.allclose(after[other.token_to_id(token)], before[pieces].mean(0))
    assert torch.equal(weights["model.norm.weight"], moved["model.norm.weight"])


def test_a_run_starts_from_given_weights(tmp_path: Path, tokenizer: Tokenizer) -> None:
    weights = build_model(SHAPE, 99).state_dict()
    run = Trainer(
        Recipe(shape=SHAPE), tokenizer, tmp_path, device="cpu", clock=lambda: 0.0, compiled=False, start=weights
    )
    for name, tensor in run.model.state_dict().items():
        assert torch.equal(tensor, weights[name])


def test_a_stopped_run_goes_on_from_its_checkpoint(tmp_path: Path, tokenizer: Tokenizer) -> None:
    first = trainer(tmp_path, tokenizer, tokens=4_000)
    first.run()
    resumed = trainer(tmp_path, tokenizer, tokens=8_000)
    assert resumed.resume()
    assert (resumed.step, resumed.tokens, resumed.elapsed_s) == (first.step, first.tokens, first.elapsed_s)
    assert resumed.stream.rng.getstate() == first.stream.rng.getstate()
    assert resumed.mix.shares() == first.mix.shares()
    for ours, theirs in zip(resumed.model.parameters(), first.model.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    resumed.run()
    assert resumed.step > first.step
    assert not trainer(tmp_path / "elsewhere", tokenizer, tokens=1_000).resume()


def test_shares_follow_the_error_rates() -> None:
    mix = AdaptiveMix(["easy", "hard"], ["drill"])
    before = mix.shares()
    assert before["drill"] == pytest.approx(0.18)
    for _ in range(600):
        mix.observe("easy", 3, True, 100)
        mix.observe("hard", 3, False, 100)
        mix.observe("drill", 3, True, 100)
    after = mix.shares()
    assert sum(after.values()) == pytest.approx(1)
    assert after["hard"] > 8 * after["easy"] > 0
    assert after["drill"] == pytest.approx(0.02, abs=0.005)


def test_the_stream_is_seeded_and_within_its_bounds(tokenizer: Tokenizer) -> None:
    def batches() -> list[torch.Tensor]:
        stream = ExampleStream(tokenizer, AdaptiveMix(list(FAMILIES), []), 4, 2000, 400)
        return [stream.next().inputs for _ in range(6)]

    first, second = batches(), batches()
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert all(batch.numel() <= 2000 and batch.shape[1] <= 400 for batch in first)


def test_the_shipped_tokenizer_keeps_every_text_and_splits_digits(tokenizer: Tokenizer) -> None:
    for text in ["Q: (12 + -345) =\nA:", "naïve Ünïcode ☃ 漢字\t½²", " o'neil   x", ""]:
        assert tokenizer.decode(tokenizer.encode(text).ids) == text
    assert len(tokenizer.encode("1234567").ids) == 7
    assert tokenizer.token_to_id("<|end|>") == END_ID
    assert tokenizer.token_to_id("<|pad|>") == PAD_ID


@pytest.mark.slow
def test_the_tokenizer_can_be_made_again_from_its_seed() -> None:
    """By the generators of the day: the shipped one was made by earlier ones, and is kept because weights depend on it."""
    assert train_tokenizer(1024, 7).to_str() == train_tokenizer(1024, 7).to_str() != train_tokenizer(1024, 8).to_str()


def _one_batch(tokenizer: Tokenizer) -> tuple[torch.Tensor, torch.Tensor]:
    stream = ExampleStream(tokenizer, AdaptiveMix(["boolean_expressions", "navigate"], []), 99, 1200, 256)
    stream.rng = Random(99)
    batch = stream.next()
    return batch.inputs, batch.targets
