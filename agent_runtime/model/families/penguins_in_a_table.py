"""Penguins in a table: a small table of animals, changed by a line or two, and a question about it.

Worked by what is asked, in short form (``penguins age > 7``), then down the rows that count, each with the cell that
matters, what it is held against and a verdict, a running best, count or sum; then the options are copied up to the one
that says the answer. ``table_of_animals`` reads and writes the table.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from agent_runtime.model.families.base import Drawn, Family
from agent_runtime.model.families.digits import add, divide
from agent_runtime.model.families.table_of_animals import COLUMNS, Animal, Tables, draw_tables, parse
from agent_runtime.model.families.templates import (
    Template,
    choice_format,
    first_reading,
    letter_of,
    scan,
    shuffled_options,
    with_options,
)
from agent_runtime.model.families.words import distinct, person

NAME = "penguins_in_a_table"
LARGEST = {"oldest": "age", "heaviest": "weight", "tallest": "height"}
SMALLEST = {"youngest": "age", "lightest": "weight", "shortest": "height"}
MORE = {"older": "age", "heavier": "weight", "taller": "height"}
LESS = {"younger": "age", "lighter": "weight", "shorter": "height"}
UNITS = {"years old": "age", "cm tall": "height", "kg": "weight"}
WORDS = "zero one two three four five six".split()
_SIGNS: dict[str, Callable[[int, int], bool]] = {">": operator.gt, "<": operator.lt, "=": operator.eq}
_SIGN_OF = {"more": ">", "less": "<"}
SPECIES = ("bears", "crocodiles", "elephants", "seals", "owls", "otters")

_KIND = r"\w+"
_NAME = r"\w+"
_N = r"\d+"
_MOST = "|".join([*LARGEST, *SMALLEST])
_COMPARED = "|".join([*MORE, *LESS])
_COLUMN = "age|height|weight"
QUESTIONS = {
    "most": Template("Which is the {most} {kind}?", most=_MOST, kind=_KIND),
    "second": Template("Which is the second {most} {kind}?", most=_MOST, kind=_KIND),
    "others": Template("Which {kind} is {more} than the other ones?", kind=_KIND, more=_COMPARED),
    "both": Template(
        "How many {kinds} are {age} than {n} years old and weight {weight} than {k} kg?",
        kinds=_KIND, age="more|less", weight="more|less", n=_N, k=_N,
    ),
    "count": Template("How many {kinds} are {age} than {n} years old?", kinds=_KIND, age="more|less", n=_N),
    "all": Template("How many {kinds} are {there} in the {tables}?", kinds=_KIND, there="there|listed", tables="tables?"),
    "under": Template("Which {kind} is {age} than {n} years old?", kind=_KIND, age="more|less", n=_N),
    "than": Template("Which {kind} is {more} than {name}?", kind=_KIND, more=_COMPARED, name=_NAME),
    "but": Template(
        "Which {kind} is {more} but {other} than {name}?", kind=_KIND, more=_COMPARED, other=_COMPARED, name=_NAME
    ),
    "by": Template(
        "Which {kind} is {n} year{s} {more} than {name}?", kind=_KIND, n=r"[a-z]+", s="s?", more="older|younger", name=_NAME
    ),
    "that": Template("What is the name of the {kind} that is {n} {unit}?", kind=_KIND, n=_N, unit="|".join(UNITS)),
    "tall": Template("What is the name of the {n} cm tall {kind}?", kind=_KIND, n=_N),
    "average": Template("What is the average {column} of the {kinds}?", column=_COLUMN, kinds=_KIND),
    "sum": Template("What is the cumulated {column} of the {kinds}?", column=_COLUMN, kinds=r"\w+( and \w+)?"),
    "cell": Template("What is the {column} of {name}?", column=_COLUMN, name=_NAME),
    "sorted": Template(
        "What is the name of the {end} {kind} sorted by alphabetic order?", end="first|fist|last", kind=_KIND
    ),
    "end": Template("What is the name of the {end} {kind}?", end="first|last", kind=_KIND),
    "extreme": Template("What is the {most} {column}?", most="shortest|smallest|lowest|largest|highest|tallest", column=_COLUMN),
    "species": Template("What animals are listed in the {tables}?", tables="tables?"),
    "column": Template(
        "{w}hat is the number of the column with the {column} (1, 2, 3 or 4)?", w="[wW]", column="names|ages|heights|weights"
    ),
}  # fmt: skip
#: About as often as in the public file.
SHARES = {
    "most": 7, "second": 2, "others": 2, "both": 15, "count": 12, "all": 8, "under": 2, "than": 6, "but": 4, "by": 8, "that": 3,
    "tall": 2, "average": 9, "sum": 10, "cell": 4, "sorted": 5, "end": 7, "extreme": 3, "species": 1, "column": 1,
}  # fmt: skip


def draw(rng: Random, level: int) -> Drawn:
    """Tables of the level's size and a question with one right option."""
    while True:
        tables = draw_tables(rng, level)
        kind = rng.choices(list(SHARES), list(SHARES.values()))[0]
        question = _question(rng, kind, tables)
        try:
            answer = _solved(tables, question)
            options = _options(rng, kind, tables, question, answer)
            if kind in ("count", "both", "all") and int(answer) > len(options):
                continue
            if (
                kind in ("sum", "average")
                and len(_rows(tables, first_reading(QUESTIONS, question)[1]["kinds"])) > 9
            ):
                continue  # longer than a model's context
            text = with_options(tables.text + question, options)
            drawn = work(shuffled_options(rng, text) if rng.random() < 0.3 else text)
        except ValueError:  # nobody or more than one, an uneven average, a name that no row has
            continue
        return drawn


def _question(rng: Random, kind: str, tables: Tables) -> str:
    species = rng.choice(tables.species)
    own = [animal for animal in tables.animals if animal.species == species]
    animal = rng.choice(own)
    animals_too = rng.choice([species, species, "animals"])
    everyone = " and ".join(tables.species)
    plain = "table" if len(tables.species) == 1 else "tables"
    n = rng.choice(own).age + rng.choice([-1, 0, 0, 1])
    gaps: dict[str, object] = {
        "kind": species.removesuffix("s"),
        "kinds": species,
        "most": rng.choice(list(LARGEST) * 2 + list(SMALLEST)),
        "more": rng.choice(list(MORE) + list(LESS)),
        "other": rng.choice(list(MORE) + list(LESS)),
        "age": rng.choice(["more", "less"]),
        "weight": rng.choice(["less", "less", "more"]),
        "n": n,
        "k": rng.choice(own).weight + rng.choice([0, 1]),
        "name": animal.name,
        "column": rng.choice(["age", "age", "height", "weight"]),
        "end": rng.choice(["last", "last", "first"]),
        "there": "there",
        "tables": plain,
    }
    if kind == "all":
        asked = rng.choice([species, "animals", "species"])
        gaps |= {"kinds": asked, "there": "there" if asked == species else "listed"}
    elif kind == "by":
        years = rng.randint(1, 3)
        gaps |= {"n": WORDS[years], "s": "s" if years > 1 else "", "more": rng.choice(["older", "younger"])}
    elif kind == "that":
        unit = rng.choice(["years old", "cm tall", "cm tall"])
        gaps |= {"unit": unit, "n": animal.cell(UNITS[unit])}
    elif kind == "tall":
        gaps |= {"n": animal.height}
    elif kind == "sum":
        gaps |= {"kinds": rng.choice([species, species, "animals", everyone])}
    elif kind == "end":
        gaps |= {"kind": animals_too.removesuffix("s")}
    elif kind == "extreme":
        gaps |= {"most": rng.choice(["shortest", "largest", "smallest", "highest"]), "column": "height"}
    elif kind == "column":
        gaps |= {"w": "w", "column": rng.choice(["names", "ages", "heights", "weights"])}
    return QUESTIONS[kind].fill(**gaps)


def _options(rng: Random, kind: str, tables: Tables, question: str, answer: str) -> list[str]:
    """Five options of the answer's sort, numbers in order and names in the order of the table, as in the public file."""
    names = [
        animal.name for animal in tables.ever if not tables.one_species or animal.species == tables.species[0]
    ]
    if kind in ("count", "both", "all", "column"):
        return [str(number) for number in range(1, max(5, len(tables.ever)) + 1)]
    if kind == "species":
        return (
            sorted({*tables.species, *rng.sample(SPECIES, 5)})[:5]
            if answer not in SPECIES
            else list(SPECIES[:5])
        )
    if answer in [animal.name for animal in tables.ever]:
        if answer not in names or len(names) > 7:
            asked = next(animal.species for animal in tables.ever if animal.name == answer)
            names = [animal.name for animal in tables.ever if animal.species == asked]
        while len(names) < 5:
            names.append(distinct(rng, 1, person)[0])
        return names
    numbers = {int(answer)}
    column = (first_reading(QUESTIONS, question)[1] or {}).get("column", "")
    while len(numbers) < 5:
        pool = [animal.cell(column) for animal in tables.ever] if kind in ("cell", "extreme") else []
        spread = 5 * rng.randint(-4, 4) if kind == "average" else rng.randint(-15, 15)
        number = rng.choice(pool) if pool and rng.random() < 0.8 else int(answer) + spread
        if number > 0:
            numbers.add(number)
    return [str(number) for number in sorted(numbers)]


def _rows(tables: Tables, asked: str) -> list[Animal]:
    """The rows of ``penguin``, ``giraffes``, ``animals``, or ``penguins and giraffes``."""
    if asked.removesuffix("s") == "animal" or " and " in asked:
        return tables.animals
    rows = [
        animal for animal in tables.animals if animal.species.removesuffix("s") == asked.removesuffix("s")
    ]
    if not rows:
        raise ValueError(f"no table holds {asked}")
    return rows


def _comparison(word: str) -> tuple[str, int]:
    """Column and sign: ``older`` and ``oldest`` look for more (+1), ``younger`` for less (-1)."""
    for table, sign in ((LARGEST, 1), (MORE, 1), (SMALLEST, -1), (LESS, -1)):
        if word in table:
            return table[word], sign
    raise ValueError(f"unknown comparison {word!r}")


def _only(names: list[str]) -> str:
    if len(names) != 1:
        raise ValueError(f"{len(names)} animals fit")
    return names[0]


def _find(tables: Tables, name: str) -> Animal:
    for animal in tables.animals:
        if animal.name == name:
            return animal
    raise ValueError(f"no row has the name {name}")


@dataclass(frozen=True, slots=True)
class Condition:
    """A column's cell against a number: ``age > 7``."""

    column: str
    sign: str
    number: int

    def holds(self, animal: Animal) -> bool:
        """Whether the animal's cell is so."""
        return _SIGNS[self.sign](animal.cell(self.column), self.number)

    def shown(self) -> str:
        """In short form."""
        return f" {self.column} {self.sign} {self.number}"


def _conditions(kind: str, gaps: dict[str, str], tables: Tables) -> tuple[str, list[Condition]]:
    """What opens the working, and the conditions that an animal must meet."""
    if kind in ("count", "both", "under"):
        asked = [Condition("age", _SIGN_OF[gaps["age"]], int(gaps["n"]))]
        if kind == "both":
            asked.append(Condition("weight", _SIGN_OF[gaps["weight"]], int(gaps["k"])))
        return "", asked
    if kind in ("that", "tall"):
        return "", [Condition("height" if kind == "tall" else UNITS[gaps["unit"]], "=", int(gaps["n"]))]
    base = _find(tables, gaps["name"])
    if kind == "by":
        wanted = base.age + WORDS.index(gaps["n"]) * (1 if gaps["more"] == "older" else -1)
        return f" {base.name} {base.age} {gaps['n']} {gaps['more']} {wanted};", [
            Condition("age", "=", wanted)
        ]
    words = [gaps[word] for word in (["more", "other"] if kind == "but" else ["more"])]
    compared = [(word, *_comparison(word)) for word in words]
    shown = ",".join(f" {word} {base.name} {base.cell(column)}" for word, column, _ in compared)
    return f"{shown};", [
        Condition(column, ">" if sign > 0 else "<", base.cell(column)) for _, column, sign in compared
    ]


def work(prompt: str) -> Drawn:
    """The worked answer of a question's text."""
    tables, options = parse(prompt)
    kind, gaps = first_reading(QUESTIONS, tables.question)
    steps, answer = _worked(kind, gaps, tables)
    return Drawn(
        prompt, f"{steps}:{scan(options, answer)}", letter_of(options, answer), choice_format(len(options))
    )


def _worked(kind: str, gaps: dict[str, str], tables: Tables) -> tuple[str, str]:
    if kind in ("most", "others", "extreme"):
        return _work_best(kind, gaps, tables)
    if kind == "second":
        return _work_second(gaps, tables)
    if kind in ("sum", "average"):
        return _work_sum(kind, gaps, tables)
    if kind == "cell":
        animal = _find(tables, gaps["name"])
        cells = "".join(f" {name} {animal.cell(name)}" for name in COLUMNS)
        return f" cell {gaps['column']}: {animal.name}{cells} = {animal.cell(gaps['column'])}", str(
            animal.cell(gaps["column"])
        )
    if kind == "all":
        return _work_all(gaps, tables)
    if kind in ("sorted", "end"):
        return _work_end(kind, gaps, tables)
    if kind == "species":
        return f" species: {tables.species[0]}", tables.species[0]
    if kind == "column":
        names = ["names", *(f"{name}s" for name in COLUMNS)]
        upto = names[: names.index(gaps["column"]) + 1]
        return " columns:" + ",".join(f" {name} {at}" for at, name in enumerate(upto, 1)), str(len(upto))
    opening, conditions = _conditions(kind, gaps, tables)
    asked = gaps.get("kinds") or gaps["kind"]
    counting = kind in ("count", "both")
    steps, found = [], []
    for animal in _rows(tables, asked):
        step = f" {animal.name}"
        for condition in conditions:  # up to the first that does not hold
            verdict = "y" if condition.holds(animal) else "n"
            step += f" {animal.cell(condition.column)} {condition.sign} {condition.number} {verdict}"
            if verdict == "n":
                break
        else:
            found.append(animal.name)
        steps.append(step + (f" {len(found)}" if counting else ""))
    answer = str(len(found)) if counting else _only(found)
    header = f"{opening} {asked}{','.join(condition.shown() for condition in conditions)}:"
    return header + ",".join(steps) + ("" if counting else f" = {answer}"), answer


def _work_best(kind: str, gaps: dict[str, str], tables: Tables) -> tuple[str, str]:
    """Running best down the rows."""
    if kind == "extreme":
        column, sign = gaps["column"], (1 if gaps["most"] in ("largest", "highest", "tallest") else -1)
        asked = tables.species[0]
    else:
        column, sign = _comparison(gaps["most" if kind == "most" else "more"])
        asked = gaps["kind"]
    rows = _rows(tables, asked)
    best, steps = rows[0], [f" {rows[0].name} {rows[0].cell(column)}"]
    for animal in rows[1:]:
        better = sign * (animal.cell(column) - best.cell(column)) > 0
        held = (
            f"{animal.cell(column)} {'>' if sign > 0 else '<'} {best.cell(column)} {'y' if better else 'n'}"
        )
        best = animal if better else best
        steps.append(f" {animal.name} {held} {best.name} {best.cell(column)}")
    shown = f" {asked} {'most' if sign > 0 else 'least'} {column}:{','.join(steps)}"
    if kind == "extreme":
        return shown, str(best.cell(column))
    _only([animal.name for animal in rows if animal.cell(column) == best.cell(column)])
    return shown, best.name


def _work_second(gaps: dict[str, str], tables: Tables) -> tuple[str, str]:
    """The two best so far down the rows."""
    column, sign = _comparison(gaps["most"])
    rows, steps = _rows(tables, gaps["kind"]), []
    two: list[Animal] = []
    for animal in rows:
        two = sorted([*two, animal], key=lambda entry: -sign * entry.cell(column))[:2]
        best = "".join(f" {entry.name} {entry.cell(column)}" for entry in two)
        steps.append(f" {animal.name} {animal.cell(column)} best{best}")
    if len(two) < 2:
        raise ValueError("there is no second")
    for entry in two:
        _only([animal.name for animal in rows if animal.cell(column) == entry.cell(column)])
    header = f" {gaps['kind']} second {'most' if sign > 0 else 'least'} {column}:"
    return header + ",".join(steps) + f" = {two[1].name}", two[1].name


def _work_sum(kind: str, gaps: dict[str, str], tables: Tables) -> tuple[str, str]:
    rows = _rows(tables, gaps["kinds"])
    total = rows[0].cell(gaps["column"])
    steps = [f" {rows[0].name} {total}"]
    for animal in rows[1:]:
        value = animal.cell(gaps["column"])
        steps.append(f" {animal.name} {value} {add(total, value)}")
        total += value
    header = f" {gaps['kinds']} {'sum' if kind == 'sum' else 'mean'} {gaps['column']}:"
    if kind == "sum":
        return header + ";".join(steps), str(total)
    if not 2 <= len(rows) <= 9:
        raise ValueError("an average over so many is not worked")
    return header + ";".join(steps) + f"; n {len(rows)} {divide(total, len(rows))}", str(total // len(rows))


def _work_all(gaps: dict[str, str], tables: Tables) -> tuple[str, str]:
    asked = gaps["kinds"]
    listed = tables.species if asked == "species" else [animal.name for animal in _rows(tables, asked)]
    steps = ",".join(f" {name} {number}" for number, name in enumerate(listed, 1))
    return f" {asked} all:{steps}", str(len(listed))


def _work_end(kind: str, gaps: dict[str, str], tables: Tables) -> tuple[str, str]:
    names = [animal.name for animal in _rows(tables, gaps["kind"])]
    last = gaps["end"] == "last"
    if kind == "end":
        answer = names[-1 if last else 0]
        shown = ",".join(f" {name}" for name in (names if last else names[:1]))
        return f" {gaps['kind']} {'last' if last else 'first'}:{shown} = {answer}", answer
    best, steps = names[0], []
    for name in names:
        best = max(best, name) if last else min(best, name)
        steps.append(f" {name} best {best}")
    return f" {gaps['kind']} sorted {'last' if last else 'first'}:{','.join(steps)}", best


def _solved(tables: Tables, question: str) -> str:
    """The answer by sorting, filtering and summing at once; independent of the running steps."""
    kind, gaps = first_reading(QUESTIONS, question)
    rows = _rows(tables, gaps["kind"]) if "kind" in gaps else []
    match kind:
        case "most" | "second" | "others":
            column, sign = _comparison(gaps.get("most") or gaps["more"])
            ranked = sorted(-sign * animal.cell(column) for animal in rows)
            wanted = ranked[1 if kind == "second" else 0]
            return _only([animal.name for animal in rows if -sign * animal.cell(column) == wanted])
        case "all" if gaps["kinds"] == "species":
            return str(len({animal.species for animal in tables.animals}))
        case "all":
            return str(len(_rows(tables, gaps["kinds"])))
        case "sum" | "average":
            cells = [animal.cell(gaps["column"]) for animal in _rows(tables, gaps["kinds"])]
            if kind == "average" and sum(cells) % len(cells):
                raise ValueError("the average is not whole")
            return str(sum(cells) if kind == "sum" else sum(cells) // len(cells))
        case "cell":
            return str(_find(tables, gaps["name"]).cell(gaps["column"]))
        case "sorted" | "end":
            names = [animal.name for animal in rows]
            return (sorted(names) if kind == "sorted" else names)[-1 if gaps["end"] == "last" else 0]
        case "extreme" | "species" if not tables.one_species:
            raise ValueError("which table is meant is not said")
        case "extreme":
            cells = [animal.cell(gaps["column"]) for animal in _rows(tables, tables.species[0])]
            return str(max(cells) if gaps["most"] in ("largest", "highest", "tallest") else min(cells))
        case "species":
            return tables.species[0]
        case "column":
            return str(["names", *(f"{name}s" for name in COLUMNS)].index(gaps["column"]) + 1)
    rows = _rows(tables, gaps.get("kinds") or gaps["kind"])
    _, conditions = _conditions(kind, gaps, tables)
    found = [animal.name for animal in rows if all(condition.holds(animal) for condition in conditions)]
    return str(len(found)) if kind in ("count", "both") else _only(found)


def solve(prompt: str) -> str:
    """The letter of the option that says the answer."""
    tables, options = parse(prompt)
    return letter_of(options, _solved(tables, tables.question))


FAMILY = Family(NAME, choice_format(5), draw, solve, work)
