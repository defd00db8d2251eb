"""Multi-hop lookup: facts about people in a text; a question that takes several of them, one after the other.

Worked with one line per fact that is used, each in the words ``sister of Ann is Cara``, so that a step is found in the
text by the words that the step before has just said.
"""

from __future__ import annotations

import re
from random import Random

from agent_runtime.model.families.base import Drawn, Family
from agent_runtime.model.families.templates import Template, first_reading
from agent_runtime.model.families.words import distinct, invented, person, word_trigrams

NAME = "multi_hop_lookup"
#: Hops and people per level.
HOPS = {1: (1, 1), 2: (2, 2), 3: (2, 3), 4: (4, 4), 5: (5, 6)}
PEOPLE = {1: (3, 4), 2: (4, 5), 3: (4, 7), 4: (6, 8), 5: (8, 10)}
BONDS = (
    "manager",
    "sister",
    "neighbor",
    "teacher",
    "best friend",
    "doctor",
    "landlord",
    "coach",
    "cousin",
    "tailor",
)
TRAITS = ("home city", "favorite color", "job", "pet", "lucky number", "street")
VALUES = {
    "favorite color": "red blue green yellow orange purple pink brown black white".split(),
    "job": "baker pilot nurse farmer painter judge singer plumber sailor clerk".split(),
    "pet": "cat dog parrot rabbit turtle hamster pony canary goldfish lizard".split(),
}
#: Three ways to say a fact; the third turns it round.
FACTS = {
    "of": Template("The {bond} of {who} is {value}."),
    "has": Template("{who}'s {bond} is {value}."),
    "turned": Template("{value} is the {bond} of {who}."),
}
ASKED = Template("What is the {chain} of {who}?", who=r"\w+")
WHO = Template("Who is the {chain} of {who}?", who=r"\w+")
OPENING = Template("Read the text and answer the question.\nText: {text}\nQuestion: {question}")

Facts = dict[tuple[str, str], str]


def draw(rng: Random, level: int) -> Drawn:
    """A text of the level's size and a chain through it that meets nobody twice."""
    hops = rng.randint(*HOPS[level])
    people = distinct(rng, max(rng.randint(*PEOPLE[level]), hops + 1), person)
    chain: list[str] = rng.sample(people, hops + 1)
    ends_in_trait = rng.random() < 0.6
    bonds = [rng.choice(BONDS) for _ in range(hops)]
    if ends_in_trait:
        bonds[-1] = rng.choice(TRAITS)
        chain[-1] = _value(rng, bonds[-1])
    facts: Facts = {(who, bond): other for bond, who, other in zip(bonds, chain, chain[1:], strict=False)}
    _distract(rng, facts, people, set(bonds), level)
    said = [_said(rng, level, who, bond, value) for (who, bond), value in facts.items()]
    rng.shuffle(said)
    path = " of the ".join(reversed(bonds))
    question = (ASKED if ends_in_trait else WHO).fill(chain=path, who=chain[0])
    return work(OPENING.fill(text=" ".join(said), question=question))


def _value(rng: Random, trait: str) -> str:
    if trait in VALUES:
        return rng.choice(VALUES[trait])
    if trait == "lucky number":
        return str(rng.randint(2, 99))
    return invented(rng, word_trigrams(), 4, 9).capitalize()


def _distract(rng: Random, facts: Facts, people: list[str], used: set[str], level: int) -> None:
    """Facts that look alike: the same bonds of other people, other bonds of the same."""
    wanted = len(facts) + {1: 2, 2: 3, 3: rng.randint(3, 7), 4: 8, 5: 10}[level]
    while len(facts) < wanted:
        who = rng.choice(people)
        kind = rng.choice(sorted(used)) if rng.random() < 0.7 else rng.choice([*BONDS, *TRAITS])
        if (who, kind) in facts:
            continue
        facts[who, kind] = (
            _value(rng, kind) if kind in TRAITS else rng.choice([other for other in people if other != who])
        )


def _said(rng: Random, level: int, who: str, bond: str, value: str) -> str:
    form = "of" if level == 1 else rng.choices(["of", "has", "turned"], [5, 3, 2])[0]
    if form == "turned" and bond in TRAITS:
        form = "has"
    return FACTS[form].fill(who=who, bond=bond, value=value)


def parse(prompt: str) -> tuple[Facts, list[str], str]:
    """The facts, the bonds to follow in order, and whom to begin with.

    Raises:
        ValueError: the text is not such a question.
    """
    gaps = OPENING.read(prompt.strip())
    if gaps is None:
        raise ValueError("not a question about a text")
    facts: Facts = {}
    for sentence in re.findall(r"[^.]+\.", gaps["text"]):
        _, said = first_reading(FACTS, sentence.strip())
        facts[said["who"], said["bond"]] = said["value"]
    _, asked = first_reading([("what", ASKED), ("who", WHO)], gaps["question"])
    return facts, asked["chain"].split(" of the ")[::-1], asked["who"]


def work(prompt: str) -> Drawn:
    """The worked answer of a question's text."""
    facts, bonds, at = parse(prompt)
    lines = []
    for bond in bonds:
        if (at, bond) not in facts:
            raise ValueError(f"the text does not say who is the {bond} of {at}")
        lines.append(f" {bond} of {at} is {facts[at, bond]}")
        at = facts[at, bond]
    return Drawn(prompt, "\n".join(lines), at)


def solve(prompt: str) -> str:
    """The answer by rewriting the question from its end: ``the sister of Ann`` becomes ``Cara``."""
    facts, bonds, who = parse(prompt)
    question = " of ".join([*reversed(bonds), who])
    while " of " in question:
        before = question
        for (owner, bond), value in facts.items():
            if question == f"{bond} of {owner}" or question.endswith(f" of {bond} of {owner}"):
                question = question.removesuffix(f"{bond} of {owner}") + value
                break
        if question == before:
            raise ValueError(f"the text says nothing of {question!r}")
    return question


FAMILY = Family(NAME, {"type": "text"}, draw, solve, work)
