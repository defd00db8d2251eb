"""The shipped specialists, swapped in and out of one running llama.cpp engine: each says what the same adapter says in peft."""

from __future__ import annotations

import pytest
import torch
from peft import PeftModel
from tokenizers import Tokenizer

from agent_runtime.engines import open_engine
from agent_runtime.engines.text import encode, load_tokenizer
from agent_runtime.engines.torch_engine import load_causal_lm
from agent_runtime.engines.weights import adapters_folder, early_folder
from agent_runtime.model.architecture import END_ID, PAD_ID
from agent_runtime.model.datasets import held_out_task
from agent_runtime.model.prompting import format_prompt
from agent_runtime.model.specialists import SPECIALISTS

# peft 0.21 asks transformers 5.23 under the old name.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
MAX_TOKENS = 48
#: Prompts of each specialist in a round; between two rounds every other adapter has been on.
ROUND, ROUNDS = 10, 3
#: Texts that may differ, and how near their two best tokens must then be: rounding decides there, in both engines.
EXCEPTIONS, NARROW_GAP = 2, 0.01


def prompts_of(name: str) -> list[str]:
    """A specialist's own families and, one in five, somebody else's."""
    families, others = SPECIALISTS[name], [f for n, fs in SPECIALISTS.items() if n != name for f in fs]
    chosen = [families[i % len(families)] if i % 5 else others[i % len(others)] for i in range(ROUND * ROUNDS)]
    return [format_prompt(held_out_task(family, 1 + i % 3, 900 + i).prompt) for i, family in enumerate(chosen)]


def written_by_peft(name: str, prompts: list[str], tokenizer: Tokenizer) -> list[list[int]]:
    """Token ids of greedy answers, up to and without the end."""
    model = PeftModel.from_pretrained(load_causal_lm(early_folder())[0], str(adapters_folder() / name)).eval()
    rows = [encode(tokenizer, prompt) for prompt in prompts]
    width = max(map(len, rows))
    ids = torch.tensor([[PAD_ID] * (width - len(row)) + row for row in rows])
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
    with torch.inference_mode():
        out = model.generate(
            input_ids=ids, attention_mask=mask, do_sample=False, max_new_tokens=MAX_TOKENS,
            pad_token_id=PAD_ID, eos_token_id=END_ID,
        )  # fmt: skip
    answers = [row[width:].tolist() for row in out]
    return [row[: row.index(END_ID)] if END_ID in row else row for row in answers]


def gap_of(name: str, tokenizer: Tokenizer, prompt: str, written: list[int]) -> float:
    """How far apart the two best next tokens are."""
    model = PeftModel.from_pretrained(load_causal_lm(early_folder())[0], str(adapters_folder() / name)).eval()
    with torch.inference_mode():
        best = model(input_ids=torch.tensor([encode(tokenizer, prompt) + written])).logits[0, -1].topk(2).values
    return float(best[0] - best[1])


def test_swapping_while_it_runs_changes_who_speaks_and_nothing_else() -> None:
    torch.set_num_threads(1)
    tokenizer = load_tokenizer(early_folder())
    prompts = {name: prompts_of(name) for name in SPECIALISTS}
    assert sum(map(len, prompts.values())) >= 200
    said: dict[str, list[list[int]]] = {name: [] for name in SPECIALISTS}
    engine = open_engine("llama_cpp", weights=early_folder())
    try:
        for start in range(0, ROUND * ROUNDS, ROUND):
            for name, asked in prompts.items():
                engine.load_adapter(adapters_folder() / name / "adapter.gguf")
                rows = engine.generate(asked[start : start + ROUND], n=1, temperature=0.0, seed=0, max_tokens=MAX_TOKENS)
                said[name] += [[token for token in row[0].token_ids if token != END_ID] for row in rows]
        engine.load_adapter(None)
        first = prompts["logic"][:ROUND]
        bare = engine.generate(first, n=1, temperature=0.0, seed=0, max_tokens=MAX_TOKENS)
    finally:
        engine.close()
    assert [list(row[0].token_ids) for row in bare] != [[*ids, END_ID] for ids in said["logic"][:ROUND]], "they are no decoration"
    differing = 0
    for name, asked in prompts.items():
        for prompt, ours, theirs in zip(asked, said[name], written_by_peft(name, asked, tokenizer), strict=True):
            if ours == theirs:
                continue
            differing += 1
            at = next((i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), min(len(ours), len(theirs)))
            assert gap_of(name, tokenizer, prompt, theirs[:at]) < NARROW_GAP, (name, prompt, ours, theirs)
    assert differing <= EXCEPTIONS
