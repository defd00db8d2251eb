"""The tables of ``penguins_in_a_table``: rows of animals, a row added, a row deleted, a second table; written as
BIG-Bench-Hard writes them and read back. Knows no question.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random

from agent_runtime.model.families.templates import split_options
from agent_runtime.model.families.words import NAMES, distinct, person

COLUMNS = ("age", "height", "weight")
HEADER = "name, age, height (cm), weight (kg)"
#: Rows of the first table, further rows added, deleted, and the chance of a second table, per level (3: public file).
ROWS = {1: (2, 3), 2: (3, 4), 3: (4, 4), 4: (5, 6), 5: (6, 7)}
CHANGES = {1: 0.0, 2: 0.3, 3: 0.45, 4: 0.8, 5: 1.0}
SECOND = {1: 0.0, 2: 0.15, 3: 0.3, 4: 0.5, 5: 0.7}
FIRST_SPECIES = ("penguins", "penguins", "penguins", "seals", "owls", "otters")
SECOND_SPECIES = ("giraffes", "giraffes", "camels", "bears", "elephants")
_ROW = r"[^\W\d]\w*, \d+, \d+, \d+"
_TABLE = re.compile(
    r"Here is a table where the first line is a header and each subsequent line is an? (?P<kind>\w+):\s+"
    + re.escape(HEADER).replace(r"\ ", r"\s+")
    + rf"\s+(?P<rows>(?:{_ROW}\s+)+)For example: [^.]*\.\s+(?P<rest>.*)",
    re.DOTALL,
)
_ADD = re.compile(rf"We now add an? \w+ to the table:\s+(?P<row>{_ROW})\s+(?P<rest>.*)", re.DOTALL)
_DELETE = re.compile(r"We then delete the \w+ named (?P<name>\w+) from the table\.\s+(?P<rest>.*)", re.DOTALL)
_SECOND = re.compile(
    r"And here is a similar table, but listing (?P<kinds>\w+):\s+"
    + re.escape(HEADER).replace(r"\ ", r"\s+")
    + rf"\s+(?P<rows>(?:{_ROW}\s+)+)(?P<rest>.*)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Animal:
    """One row; age in years, height in cm, weight in kg."""

    species: str
    name: str
    age: int
    height: int
    weight: int

    def cell(self, column: str) -> int:
        """The value of ``age``, ``height`` or ``weight``."""
        return {"age": self.age, "height": self.height, "weight": self.weight}[column]


@dataclass(frozen=True, slots=True)
class Tables:
    """``animals``: the rows after all changes, in order; ``ever``: with those deleted; ``species``: of one or two tables."""

    text: str
    animals: list[Animal]
    ever: list[Animal]
    species: list[str]
    question: str = ""

    @property
    def one_species(self) -> bool:
        """Whether there is one table only."""
        return len(self.species) == 1


def draw_tables(rng: Random, level: int) -> Tables:
    """Tables of the level's size with their text; ages and heights differ within a table."""
    kinds = rng.choice(FIRST_SPECIES)
    kind = kinds.removesuffix("s")
    size = rng.randint(*ROWS[level])
    more = size if rng.random() < SECOND[level] else 0
    names = distinct(
        rng, size + 1 + more, lambda rng: rng.choice(NAMES) if rng.random() < 0.6 else person(rng)
    )
    first = _animals(rng, kinds, names[: size + 1], (40, 100), (9, 20))
    *rows, extra = first
    a, b, c = (rng.choice(rows) for _ in range(3))
    text = (
        f"Here is a table where the first line is a header and each subsequent line is {_a(kind)}:  {HEADER} "
        + " ".join(_shown(row) for row in rows)
        + f"  For example: the age of {a.name} is {a.age}, the weight of {b.name} is {b.weight} kg, "
        f"the height of {c.name} is {c.height} cm.  "
    )
    ever = list(rows)
    if rng.random() < CHANGES[level]:
        text += f"We now add {_a(kind)} to the table:\n{_shown(extra)}\n"
        rows.append(extra)
        ever.append(extra)
    if rng.random() < CHANGES[level] * 0.7 and len(rows) > 2:
        gone = rng.choice(rows[:-1])
        text += f"We then delete the {kind} named {gone.name} from the table.\n"
        rows.remove(gone)
    species = [kinds]
    if more:
        species.append(rng.choice(SECOND_SPECIES))
        others = _animals(rng, species[1], names[size + 1 :], (200, 440), (300, 700))
        text += f"And here is a similar table, but listing {species[1]}:\n{HEADER}\n"
        text += "".join(f"{_shown(row)}\n" for row in others)
        rows, ever = rows + others, ever + others
    return Tables(text, rows, ever, species)


def _animals(
    rng: Random, species: str, names: list[str], heights: tuple[int, int], weights: tuple[int, int]
) -> list[Animal]:
    count = len(names)
    ages = rng.sample(range(1, 9 + count), count)
    low, high = heights[0] // 10, max(heights[1] // 10, heights[0] // 10 + count)
    tall = rng.sample(range(low, high + 1), count)
    step = 10 if weights[1] > 100 else 1
    heavy = [step * rng.randint(weights[0] // step, weights[1] // step) for _ in range(count)]
    return [
        Animal(species, name, age, 10 * height, weight)
        for name, age, height, weight in zip(names, ages, tall, heavy, strict=True)
    ]


def _a(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _shown(animal: Animal) -> str:
    return f"{animal.name}, {animal.age}, {animal.height}, {animal.weight}"


def parse(prompt: str) -> tuple[Tables, list[str]]:
    """The tables with their question, and the options.

    Raises:
        ValueError: the text is not such a question.
    """
    question, options = split_options(prompt)
    match = _TABLE.fullmatch(question)
    if match is None:
        raise ValueError("not a question about a table of animals")
    kinds = match["kind"] + "s"
    rows = _read(kinds, match["rows"])
    ever, species, rest = list(rows), [kinds], match["rest"]
    while True:
        if added := _ADD.fullmatch(rest):
            rows += _read(kinds, added["row"])
            ever += _read(kinds, added["row"])
            rest = added["rest"]
        elif deleted := _DELETE.fullmatch(rest):
            rows = [row for row in rows if row.name != deleted["name"]]
            rest = deleted["rest"]
        elif second := _SECOND.fullmatch(rest):
            species.append(second["kinds"])
            others = _read(second["kinds"], second["rows"])
            rows, ever, rest = rows + others, ever + others, second["rest"]
        else:
            break
    return Tables(question[: len(question) - len(rest)], rows, ever, species, rest.strip()), options


def _read(species: str, text: str) -> list[Animal]:
    rows = re.findall(r"(\w+), (\d+), (\d+), (\d+)", text)
    return [Animal(species, name, int(age), int(height), int(weight)) for name, age, height, weight in rows]
