"""Trains the tokenizer: byte-level BPE with single digits, on samples of our own generators.

The words of the sorting family stay out of its samples, so that unseen words fall into short pieces that can
be copied and spelled. llama.cpp knows this scheme as ``gpt2`` BPE with the pre-tokenizer ``smollm``. Knows no
model.
"""

from __future__ import annotations

import string
from collections.abc import Iterator
from random import Random

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from agent_runtime.model.architecture import END_TOKEN, PAD_TOKEN
from agent_runtime.model.families import DRILLS, FAMILIES
from agent_runtime.model.prompting import format_completion, format_prompt

SAMPLES = 16_000
REWORD = 0.3  # share of questions in other words, as in training
SPELLED_OUT = ("word_sorting",)
RARE = (
    "web_of_lies",
    "copying",
)  # full of names and words that should not become tokens: one sample in three


def train_tokenizer(vocab: int, seed: int, samples: int = SAMPLES) -> Tokenizer:
    """A tokenizer of exactly ``vocab`` tokens with the end token at 0 and the padding token at 1, from samples of
    all families and the drills.
    """
    tokenizer = Tokenizer(models.BPE(unk_token=None))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab,
        special_tokens=[END_TOKEN, PAD_TOKEN],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
        min_frequency=10,
    )
    tokenizer.train_from_iterator(_texts(seed, samples), trainer)
    if tokenizer.get_vocab_size() != vocab:
        raise ValueError(f"the samples gave {tokenizer.get_vocab_size()} tokens, {vocab} were asked for")
    return tokenizer


def _texts(seed: int, samples: int) -> Iterator[str]:
    rng = Random(seed)
    families = [
        *(family for name, family in FAMILIES.items() if name not in SPELLED_OUT),
        *DRILLS.values(),
    ]
    for index in range(samples):
        family = families[index % len(families)]
        if family.name in RARE and rng.random() > 1 / 3:
            continue
        example = family.generate(rng, rng.choice([2, 3, 3, 3, 4]), held_out=False, reword=REWORD)
        yield format_prompt(example.prompt) + format_completion(example.reasoning, example.answer)
    for _ in range(1000):
        yield "Q: Sort the following words alphabetically: List:\n####"
    for _ in range(3000):
        yield "".join(f" {letter}" for letter in string.ascii_lowercase)
        yield "".join(f" {letter}" for letter in string.ascii_uppercase)  # the names of words in word_sorting
