"""Names and words for the generators: lists of our own, and pseudo-words from a trigram model over them.

Pseudo-words teach the model to copy and spell what it has never seen. Knows no task.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from functools import lru_cache
from importlib import resources
from random import Random

NAMES = tuple(
    "Ann Bob Cara Dan Eve Finn Gina Hugo Iris Jack Kate Leo Mia Ned Olga Paul Rita Sam Tina Victor Adele "
    "Bruno Cecil Doris Elmer Flora Gerald Hattie Ivan Joanna Karl Laura Martin Nadine Oscar Petra Quentin "
    "Roland Stella Thomas Ursula Vincent Wanda Xavier Yvonne Zelda Amelia Benjamin Charlotte Desmond "
    "Eleanor Frederick Georgia Harold Isabella Jonathan Katrina Lorenzo Marcella Nicholas Ophelia "
    "Patricia Reginald Samantha Theodore Valentina Winifred Antonio Bridget Clarence Dominic Estelle "
    "Fernando Giselle Hector Ingrid Julian Kendra Lionel Miranda Nathaniel Octavia Preston Rosalind "
    "Sherman Trisha Wallace Angela Bernard Carmen Darlene Everett Francine Gordon Heather Ismael Jeanette "
    "Kirsten Leonard Melinda Norris Pauline Ramona Shelby Tyrone Velma Wilbur".split()
)
SEVEN_PEOPLE = ("Alice", "Bob", "Claire", "Dave", "Eve", "Fred", "Gertrude")

#: Words by which questions are read: no invented one may be among them.
GRAMMAR = frozenset(
    "a an and are from has in is not of on one or the then there to two was were with".split()
)

Trigrams = dict[str, list[str]]


def person(rng: Random) -> str:
    """A first name: from the list, or (60 %) an invented one."""
    return rng.choice(NAMES) if rng.random() < 0.4 else invented(rng, _name_trigrams(), 2, 11).capitalize()


def word(rng: Random) -> str:
    """A lower-case word for sorting: from the list, invented, or (3 %) with an apostrophe."""
    roll = rng.random()
    if roll < 0.65:
        return rng.choice(word_list())
    if roll < 0.97:
        return invented(rng, word_trigrams(), 2, 13)
    stem = invented(rng, word_trigrams(), 3, 7)
    return rng.choice([f"o'{stem}", f"{stem}n't", f"{stem}'ve"])


def title(rng: Random) -> str:
    """An invented book title."""

    def part() -> str:
        return invented(rng, word_trigrams(), 3, 9).capitalize()

    form = rng.randrange(6)
    if form == 0:
        return part()
    if form == 1:
        return f"The {part()}"
    if form == 2:
        return f"{part()} {part()}"
    if form == 3:
        return f"{part()}-{rng.randint(10, 99)}"
    return f"{'The ' if form == 4 else ''}{part()} of the {part()}"


def distinct(rng: Random, count: int, draw: Callable[[Random], str]) -> list[str]:
    """``count`` draws without a repetition."""
    seen: list[str] = []
    while len(seen) < count:
        item = draw(rng)
        if item not in seen:
            seen.append(item)
    return seen


def invented(rng: Random, trigrams: Trigrams, low: int, high: int) -> str:
    """A pseudo-word of ``low`` to ``high`` letters from a trigram table."""
    while True:
        text = "^^"
        while len(text) < 20:
            letter = rng.choice(trigrams[text[-2:]])
            if letter == "$":
                break
            text += letter
        if low <= len(text) - 2 <= high and text[2:] not in GRAMMAR:
            return text[2:]


@lru_cache(maxsize=1)
def word_list() -> tuple[str, ...]:
    """30,000 English words (``words.txt``, drawn from a dictionary by ``scripts/train_model.py words``)."""
    return tuple(resources.files("agent_runtime.model").joinpath("words.txt").read_text("ascii").split())


@lru_cache(maxsize=1)
def word_trigrams() -> Trigrams:
    """Trigram table of the word list."""
    return _trigrams(word_list())


@lru_cache(maxsize=1)
def _name_trigrams() -> Trigrams:
    return _trigrams(tuple(name.lower() for name in NAMES))


def _trigrams(words: tuple[str, ...]) -> Trigrams:
    table: Trigrams = defaultdict(list)
    for entry in words:
        marked = f"^^{entry}$"
        for at in range(2, len(marked)):
            table[marked[at - 2 : at]].append(marked[at])
    return dict(table)
