"""The parts that requests of the ``plan`` family are made of: a phrase for each skill, what it gives and what it needs.

Knows no plan.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from agent_runtime.model.families.nouns import CLASSES, counted
from agent_runtime.model.families.templates import Template, enumerated
from agent_runtime.model.families.words import distinct, person, word

Gaps = dict[str, str]


@dataclass(frozen=True, slots=True)
class Part:
    """``gives`` is the name of its result, ``sort`` what kind of thing that is; ``needs`` lists the sorts it takes, whose
    names stand in the gaps ``a`` and ``b``.
    """

    skill: str
    gives: str
    sort: str
    template: Template
    fill: Callable[[Random], Gaps]
    needs: tuple[str, ...] = ()

    def draw(self, rng: Random, names: list[str]) -> str:
        """The phrase, with the names of the results it needs."""
        return self.template.fill(**self.fill(rng), **dict(zip("ab", names, strict=False)))

    def read(self, clause: str) -> list[str] | None:
        """The names of the results that a phrase needs, or None where it is not this part's."""
        gaps = self.template.read(clause)
        return None if gaps is None else [gaps[name] for name in "ab"[: len(self.needs)]]


def _nothing(_: Random) -> Gaps:
    return {}


def _number(rng: Random) -> Gaps:
    return {"n": str(rng.randint(2, 99)), "who": person(rng)}


def _expression(rng: Random) -> Gaps:
    a, b, c = (rng.randint(-9, 9) for _ in range(3))
    return {"x": f"({a} {rng.choice('+-*')} {b}) {rng.choice('+-*')} {c}"}


def _boolean(rng: Random) -> Gaps:
    left, right = (rng.choice(["True", "False", "not True", "not False"]) for _ in range(2))
    return {"x": f"{left} {rng.choice(['and', 'or'])} {right}"}


def _basket(rng: Random) -> Gaps:
    kind = rng.choice([name for name in CLASSES if name != "objects"])
    nouns = rng.sample(CLASSES[kind], 2) + [rng.choice(CLASSES["objects"])]
    return {"x": kind, "y": enumerated([counted(noun, rng.randint(1, 4)) for noun in nouns])}


def _walk(rng: Random) -> Gaps:
    steps = [
        rng.choice([f"take {rng.randint(2, 9)} steps", "turn left", "turn right", "turn around"])
        for _ in range(3)
    ]
    return {"x": ", ".join(steps)}


def _liars(rng: Random) -> Gaps:
    a, b = distinct(rng, 2, person)
    return {"who": b, "x": f"{a} {rng.choice(['lies', 'tells the truth'])} and {b} says {a} lies"}


def _swap(rng: Random) -> Gaps:
    a, b = distinct(rng, 2, person)
    return {"x": rng.choice(["red ball", "blue book", "green gift"]), "who": f"{a} and {b}"}


def _words(rng: Random) -> Gaps:
    return {"x": " ".join(distinct(rng, rng.randint(2, 4), word))}


def _story(rng: Random) -> Gaps:
    return {
        "who": person(rng),
        "n": str(rng.randint(5, 60)),
        "m": str(rng.randint(2, 4)),
        "thing": rng.choice(["eggs", "cards", "coins"]),
    }


def _brackets(rng: Random) -> Gaps:
    return {"x": " ".join(rng.choice("([{<") for _ in range(rng.randint(2, 4)))}


def _date(rng: Random) -> Gaps:
    return {
        "n": str(rng.randint(2, 30)),
        "x": f"{rng.randint(1, 12)}/{rng.randint(1, 28)}/{rng.randint(1950, 2030)}",
    }


def _hours(rng: Random) -> Gaps:
    start = rng.randint(6, 9)
    return {"who": person(rng), "x": f"{start}am to {start + 2}am"}


def _order(rng: Random) -> Gaps:
    a, b, c = rng.sample("red blue green white black".split(), 3)
    return {"x": f"the {a} book is left of the {b} one and the {c} one is leftmost"}


def _row(rng: Random) -> Gaps:
    a, b = rng.sample("mug pen jug plate cup".split(), 2)
    return {"x": f"the {rng.choice(['red', 'teal', 'gold'])} {a} next to the {b}"}


def _animals(rng: Random) -> Gaps:
    a, b = distinct(rng, 2, person)
    return {
        "x": rng.choice(["oldest", "tallest", "heaviest"]),
        "y": f"{a} {rng.randint(1, 12)} and {b} {rng.randint(13, 20)}",
    }


def _table(rng: Random) -> Gaps:
    return {
        "x": rng.choice(["staff", "books", "shops"]),
        "y": rng.choice(["age", "price", "sales"]),
        "n": str(rng.randint(2, 99)),
    }


def _facts(rng: Random) -> Gaps:
    a, b = distinct(rng, 2, person)
    return {"who": a, "x": rng.choice(["manager", "sister", "doctor"]), "y": f"{b} knows {a}"}


PARTS: tuple[Part, ...] = (
    Part(
        "boolean_expressions",
        "the truth value",
        "truth",
        Template("evaluate {x}", x=r"(?:not )?(?:True|False).*"),
        _boolean,
    ),
    Part("multistep_arithmetic_two", "the value", "number", Template("work out {x}", x=r"\(.+"), _expression),
    Part("object_counting", "the count", "number", Template("count the {x} in {y}"), _basket),
    Part(
        "navigate",
        "the verdict on the walk",
        "truth",
        Template("tell whether this walk comes back: {x}"),
        _walk,
    ),
    Part(
        "web_of_lies", "the verdict", "truth", Template("decide whether {who} tells the truth if {x}"), _liars
    ),
    Part(
        "tracking_shuffled_objects",
        "the holder",
        "name",
        Template("say who holds the {x} after {who} swap"),
        _swap,
    ),
    Part("word_sorting", "the sorted list", "list", Template("sort the words {x}"), _words),
    Part(
        "arithmetic_word_problems",
        "the amount",
        "number",
        Template("find how many {thing} {who} has with {n} at first and {m} times as many later"),
        _story,
    ),
    Part("dyck_languages", "the closing brackets", "text", Template("close the brackets {x}"), _brackets),
    Part(
        "date_understanding",
        "the date",
        "date",
        Template("find the date {n} days after {x}", n=r"\d+"),
        _date,
    ),
    Part(
        "temporal_sequences",
        "the free time",
        "text",
        Template("find when {who} was free besides {x}"),
        _hours,
    ),
    Part("logical_deduction", "the order", "list", Template("put the books in order if {x}"), _order),
    Part("reasoning_about_colored_objects", "the color", "text", Template("name the color of {x}"), _row),
    Part("penguins_in_a_table", "the animal", "name", Template("name the {x} of the penguins {y}"), _animals),
    Part(
        "text2sql",
        "the query",
        "text",
        Template("write a query for the {x} with {y} above {n}", n=r"\d+"),
        _table,
    ),
    Part(
        "multi_hop_lookup", "the person", "name", Template("look up the {x} of {who} in the text {y}"), _facts
    ),
    Part(
        "multistep_arithmetic_two",
        "the sum",
        "number",
        Template("add {a} and {b}"),
        _nothing,
        ("number", "number"),
    ),
    Part(
        "multistep_arithmetic_two",
        "the product",
        "number",
        Template("multiply {a} by {n}", n=r"\d+"),
        _number,
        ("number",),
    ),
    Part(
        "arithmetic_word_problems",
        "the rest",
        "number",
        Template("find what {who} has left of {n} coins after giving away {a}", n=r"\d+"),
        _number,
        ("number",),
    ),
    Part(
        "boolean_expressions",
        "the joint truth",
        "truth",
        Template("combine {a} with {b} by and"),
        _nothing,
        ("truth", "truth"),
    ),
    Part(
        "word_sorting",
        "the longer list",
        "list",
        Template("sort {a} together with the words {x}"),
        _words,
        ("list",),
    ),
    Part(
        "date_understanding",
        "the later date",
        "date",
        Template("find the date {a} days after {b}"),
        _nothing,
        ("number", "date"),
    ),
    Part(
        "object_counting",
        "the length",
        "number",
        Template("count how many words {a} holds"),
        _nothing,
        ("list",),
    ),
    Part(
        "text2sql",
        "the narrow query",
        "text",
        Template("write a query for the {x} whose {y} is above {a}"),
        _table,
        ("number",),
    ),
    Part(
        "multi_hop_lookup",
        "the friend",
        "name",
        Template("look up the friend of {a} in the text"),
        _nothing,
        ("name",),
    ),
)
