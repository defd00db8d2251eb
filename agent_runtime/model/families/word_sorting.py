"""Word sorting: ``Sort the following words alphabetically: List: syndrome therefrom``.

Worked so that every step is a copy or a comparison of a few tokens nearby, and no word has to be found by its own
pieces: each word gets a capital as its name.

    A syndrome s y n: y n A;               a word with its name and its first three letters, then the whole bucket of
    B covert c o v: o v B;                   its first letter so far, sorted, each word as its second and third letter
    C covalent c o v B c o v e r t, c o v a: o v C o v B                  and its name
    a b c C B d … s A                      the alphabet, each letter with the last state of its bucket
    C covalent B covert A syndrome         the words behind their names

Where three letters do not tell two words of a bucket apart, the other one is spelled, and then this one up to the first
letter that differs (``.`` stands behind the end of a word).
"""

from __future__ import annotations

import string
from random import Random

from agent_runtime.model.families.base import WORDS, Drawn, Family
from agent_runtime.model.families.templates import LETTERS
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
    return work(OPENING + " ".join(words))


def parse(prompt: str) -> list[str]:
    """The words behind the last ``List:``."""
    return prompt.rsplit("List:", 1)[1].split()


def work(prompt: str) -> Drawn:
    """The worked answer of a question's text, of at most 26 words.

    Raises:
        ValueError: there are more words than names for them.
    """
    words = parse(prompt)
    if len(words) > len(LETTERS):
        raise ValueError(f"{len(words)} words are more than there are names for")
    named = dict(zip(LETTERS, words, strict=False))
    lines = []
    buckets: dict[str, list[str]] = {}
    for name, entry in named.items():
        bucket = buckets.setdefault(entry[0], [])
        spelled, place = [], 0
        while place < len(bucket):
            other = named[bucket[place]]
            if _key(other) == _key(entry):
                spelled.append(f" {bucket[place]}{_compared(other, entry)}")
            if entry < other:
                break
            place += 1
        bucket.insert(place, name)
        state = "".join(f"{_spaced(_key(named[member])[1:])} {member}" for member in bucket)
        lines.append(f" {name} {entry}{_spaced(_key(entry))}{''.join(spelled)}:{state}")
    letters = sorted({*string.ascii_lowercase, *buckets})
    walk = [f" {letter}" + "".join(f" {name}" for name in buckets.get(letter, [])) for letter in letters]
    order = [name for letter in letters for name in buckets.get(letter, [])]
    lines += ["".join(walk), _listed(named, order)]
    return Drawn(prompt, "\n".join(lines), " ".join(named[name] for name in order))


def _listed(named: dict[str, str], order: list[str]) -> str:
    return "".join(f" {name} {named[name]}" for name in order)


def _key(entry: str) -> str:
    """The first three letters; a shorter word is filled with dots."""
    return (entry + "." * KEY_LETTERS)[:KEY_LETTERS]


def _spaced(letters: str) -> str:
    return "".join(f" {letter}" for letter in letters)


def _compared(other: str, entry: str) -> str:
    """The other word spelled, and this one up to the first letter that differs."""
    pairs = zip(other + "." * len(entry), entry + ".", strict=False)
    upto = next((at for at, (left, right) in enumerate(pairs) if left != right), len(entry))
    return f"{_spaced(other)},{_spaced((entry + '.')[: upto + 1])}"


def solve(prompt: str) -> str:
    """The words behind the last ``List:`` in code-point order."""
    return " ".join(sorted(parse(prompt)))


FAMILY = Family(NAME, WORDS, draw, solve, work)
