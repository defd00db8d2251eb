"""Word sorting: ``Sort the following words alphabetically: List: syndrome therefrom``.

Worked in two passes. First every word behind the first three letters of it, so that every later look-up has a
short key of its own. Then buckets in the order of the first letter, each bucket listed as it came and, where
it has several words, sorted behind ``>``.
"""

from __future__ import annotations

from random import Random

from agent_runtime.model.families.base import WORDS, Drawn, Family
from agent_runtime.model.families.words import distinct, invented, word, word_trigrams

NAME = "word_sorting"
OPENING = "Sort the following words alphabetically: List: "
SIZES = {1: (2, 4), 2: (4, 8), 3: (2, 20), 4: (15, 20), 5: (20, 24)}
KEY_LETTERS = 3


def draw(rng: Random, level: int) -> Drawn:
    """A list of the level's length; now and then two words share a prefix."""
    words = distinct(rng, rng.randint(*SIZES[level]), word)
    if rng.random() < 0.15 and len(words) > 2:
        prefix = rng.choice(words)[:3]
        for at in rng.sample(range(len(words)), 2):
            cousin = prefix + invented(rng, word_trigrams(), 2, 6)
            if cousin not in words:
                words[at] = cousin
    ordered = sorted(words)
    first_pass = ",".join(_keyed(entry, KEY_LETTERS) for entry in words)
    buckets = [_bucket([w for w in words if w[0] == letter]) for letter in sorted({w[0] for w in words})]
    return Drawn(OPENING + " ".join(words), f"{first_pass}\n{';'.join(buckets)}", " ".join(ordered))


def _keyed(entry: str, letters: int) -> str:
    """`` s y n syndrome``; a word shorter than the key is filled with dots, which sort before letters."""
    key = (entry + "." * letters)[:letters]
    return "".join(f" {letter}" for letter in key) + f" {entry}"


def _bucket(words: list[str]) -> str:
    letters = KEY_LETTERS
    while len({(w + "." * letters)[:letters] for w in words}) < len(words):
        letters += 1
    listed = ",".join(_keyed(w, letters) for w in words)
    return listed if len(words) == 1 else f"{listed} >" + "".join(f" {w}" for w in sorted(words))


def solve(prompt: str) -> str:
    """The words behind the last ``List:`` in code-point order."""
    return " ".join(sorted(prompt.rsplit("List: ", 1)[1].split()))


FAMILY = Family(NAME, WORDS, draw, solve)
