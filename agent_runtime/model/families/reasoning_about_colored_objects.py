"""Reasoning about colored objects: things on a table, in a row or in numbers; a question about color, place or count.

Worked by what is asked, in short form (``left of jug``, ``neither red teal``), then by copying the things in order as
far as the question needs, each with what it is held against (``red pen pen ? jug n``, ``red pen red ? red y``) and, where
things are counted, with the count so far; then the options are copied up to the one that says the answer. A verdict
stands right behind the two words that it compares. A color is one of eighteen; the things may be unknown.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from agent_runtime.model.families.base import Drawn, Family
from agent_runtime.model.families.nouns import NUMERALS as TO_TEN
from agent_runtime.model.families.nouns import plural
from agent_runtime.model.families.templates import (
    Template,
    choice_format,
    enumerated,
    first_reading,
    letter_of,
    scan,
    shuffled_options,
    split_enumeration,
    split_options,
    with_options,
)
from agent_runtime.model.families.words import invented, word_trigrams

NAME = "reasoning_about_colored_objects"
COLORS = (
    "red orange yellow green blue brown magenta fuchsia mauve teal turquoise burgundy silver gold black grey purple pink"
).split()
NUMERALS = [*TO_TEN, "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen"]
THINGS = (
    "plate,stress ball,notebook,bracelet,jug,fidget spinner,pair of sunglasses,pen,crayon,cat toy,dog leash,mug,keychain,"
    "scrunchiephone charger,necklace,sheet of paper,textbook,puzzle,teddy bear,booklet,pencil,cup,paperclip,envelope,"
    "bottle,candle,spoon,ribbon,stapler,bar of soap"
).split(",")
SURFACES = ("floor", "nightstand", "desk", "table", "shelf", "bench")
NOUNS = ("items", "objects", "things")
#: Things per level for singles, and kinds for groups (a kind stands several times).
SINGLES = {1: [2, 3], 2: [3, 4], 3: [2, 3, 3, 3, 4, 4, 4, 5, 5, 5, 6, 6, 6], 4: [7, 8, 9], 5: [10, 11, 12]}
GROUPS = {1: [2, 3], 2: [3, 4, 5], 3: [2, 3, 3, 4, 5, 6, 6, 7, 7, 8, 9, 14], 4: [12, 14, 16], 5: [16, 18, 20]}

ROW = Template(
    "On the {surface}, you see {a} {noun} arranged in a row: {listed}. {question}",
    noun="items|objects|things",
)
HEAP = Template("On the {surface}, {see} {listed}. {question}", see="there is|there are|I see|you see")
ROW_WORDS = ("a set of", "a bunch of", "several", "the following")

_ONE = "item|object|thing"
_MANY = "items|objects|things"
_KINDS = {*_ONE.split("|"), *_MANY.split("|")}
_COLOR = "|".join(COLORS)
QUESTIONS = {
    "color": Template("What color is the {x}?"),
    "is": Template("Is the {x} {color}?", color=_COLOR),
    "neither": Template(
        "How many {many} are neither {color} nor {other}?", many=_MANY, color=_COLOR, other=_COLOR
    ),
    "end": Template("What is the color of the {end}-most {one}?", end="left|right", one=_ONE),
    "next": Template(
        "What is the color of the {one} directly to the {side} of the {x}?", side="left|right", one=_ONE
    ),
    "far": Template("What is the color of the {one} furthest from the {x}?", one=_ONE),
    "beside": Template(
        "How many non-{color} {many} do you see to the {side} of the {x}?",
        color=_COLOR,
        side="left|right",
        many=_MANY,
    ),
    "left": Template("If I remove all the {x} from the {surface}, how many {y} remain on it?"),
}


@dataclass(frozen=True, slots=True)
class Scene:
    """Things as (count, color, noun as it stands) in order, the kind of question, its gaps, and the options."""

    things: list[tuple[int, str, str]]
    kind: str
    gaps: dict[str, str]
    options: list[str]


def draw(rng: Random, level: int) -> Drawn:
    """A scene of the level's size; questions as often as in the public file."""
    kind = rng.choices(list(QUESTIONS), [16, 8, 8, 12, 24, 14, 20, 33])[0]
    size = rng.choice((GROUPS if kind == "left" else SINGLES)[level])
    things = _groups(rng, size) if kind == "left" else _singles(rng, size)
    surface, noun = rng.choice(SURFACES), rng.choice(NOUNS)
    question, options = _question(rng, kind, things, surface, noun)
    one = "one" if kind == "left" else ""
    listed = enumerated([_phrase(*thing, one=one) for thing in things])
    if kind in ("end", "next", "far", "beside"):
        text = ROW.fill(surface=surface, a=rng.choice(ROW_WORDS), noun=noun, listed=listed, question=question)
    else:
        there = "there is" if things[0][0] == 1 else "there are"
        text = HEAP.fill(
            surface=surface, see=rng.choice([there, "I see", "you see"]), listed=listed, question=question
        )
    asked = with_options(text, options)
    return work(shuffled_options(rng, asked) if rng.random() < 0.3 else asked)


def _thing(rng: Random) -> str:
    return rng.choice(THINGS) if rng.random() < 0.8 else invented(rng, word_trigrams(), 3, 8)


def _singles(rng: Random, size: int) -> list[tuple[int, str, str]]:
    nouns: list[str] = []
    while len(nouns) < size:
        noun = _thing(rng)
        if noun not in nouns:
            nouns.append(noun)
    return [(1, color, noun) for color, noun in zip(rng.sample(COLORS, size), nouns, strict=True)]


def _groups(rng: Random, size: int) -> list[tuple[int, str, str]]:
    """Groups of a few colors and nouns, each pair once, at most sixteen of what may be asked for."""
    while True:
        side = 2
        while side * side < size + 1:
            side += 1
        nouns = sorted({_thing(rng) for _ in range(side + rng.randint(0, 1))})
        colors = rng.sample(COLORS, side)
        pairs = [(color, noun) for color in colors for noun in nouns]
        if len(nouns) < 2 or len(pairs) < size:
            continue
        things = [(rng.randint(1, 3), color, noun) for color, noun in rng.sample(pairs, size)]
        most = max(sum(count for count, *thing in things if value in thing) for value in [*nouns, *colors])
        if most < len(NUMERALS):
            return things


def _question(
    rng: Random, kind: str, things: list[tuple[int, str, str]], surface: str, noun: str
) -> tuple[str, list[str]]:
    one = noun.removesuffix("s")
    _, color, thing = rng.choice(things)
    side = rng.choice(["left", "right"])
    template = QUESTIONS[kind]
    if kind == "color":
        return template.fill(x=thing), COLORS
    if kind == "is":
        return template.fill(x=thing, color=color if rng.random() < 0.5 else rng.choice(COLORS)), [
            "yes",
            "no",
        ]
    if kind == "neither":
        other = rng.choice([c for _, c, _ in things if c != color])
        return template.fill(many=noun, color=color, other=other), NUMERALS[: max(7, len(things) + 1)]
    pointed = thing if rng.random() < 0.5 else f"{color} {one}"
    if kind == "end":
        return template.fill(end=side, one=one), COLORS
    if kind == "next":
        at = rng.randrange(1, len(things)) if side == "left" else rng.randrange(len(things) - 1)
        _, color, thing = things[at]
        pointed = thing if pointed != f"{color} {one}" and rng.random() < 0.5 else f"{color} {one}"
        return template.fill(one=one, side=side, x=pointed), COLORS
    if kind == "far":
        at = rng.choice([at for at in range(len(things)) if 2 * at != len(things) - 1])
        _, color, thing = things[at]
        pointed = thing if rng.random() < 0.5 else f"{color} {one}"
        return template.fill(one=one, x=pointed), COLORS
    if kind == "beside":
        wanted = rng.choice([c for _, c, _ in things] if rng.random() < 0.5 else COLORS)
        return (
            template.fill(color=wanted, many=noun, side=side, x=pointed),
            NUMERALS[: max(7, len(things) + 1)],
        )
    if rng.random() < 0.5:  # remove a kind of thing, ask for a color
        asked = color if rng.random() < 0.85 else rng.choice(COLORS)
        _, _, gone = rng.choice(things)
        return template.fill(x=plural_of(gone), surface=surface, y=f"{asked} {noun}"), NUMERALS
    _, gone, _ = rng.choice(things)
    return template.fill(x=f"{gone} {noun}", surface=surface, y=plural_of(thing)), NUMERALS


def plural_of(noun: str) -> str:
    """``pair of sunglasses`` → ``pairs of sunglasses``, ``booklet`` → ``booklets``."""
    return plural(noun)


def _phrase(count: int, color: str, noun: str, one: str) -> str:
    if count > 1:
        return f"{NUMERALS[count]} {color} {plural_of(noun)}"
    return f"{one or ('an' if color[0] in 'aeiou' else 'a')} {color} {noun}"


def parse(prompt: str) -> Scene:
    """The scene of a question's text.

    Raises:
        ValueError: the text is not such a question.
    """
    text, options = split_options(prompt)
    _, said = first_reading([("row", ROW), ("heap", HEAP)], text)
    things = [_read_thing(part) for part in split_enumeration(said["listed"])]
    kind, gaps = first_reading(QUESTIONS, said["question"])
    return Scene(things, kind, gaps, options)


def _read_thing(text: str) -> tuple[int, str, str]:
    number, color, noun = text.split(" ", 2)
    if color not in COLORS:
        raise ValueError(f"{color!r} is no color of this family")
    count = NUMERALS.index(number) if number in NUMERALS else 1
    return count, color, noun


def _shown(thing: tuple[int, str, str]) -> str:
    count, color, noun = thing
    return f" {color} {noun}" if count == 1 else f" {NUMERALS[count]} {color} {noun}"


def _color_of(pointed: str) -> str | None:
    """The color of ``red object`` or ``grey things``; None where a noun is meant."""
    words = pointed.split()
    return words[0] if len(words) == 2 and words[0] in COLORS and words[1] in _KINDS else None


def _colored(color: str) -> str:
    return f"{color} things"


def _held(thing: tuple[int, str, str], pointed: str) -> tuple[str, bool]:
    """A thing held against ``jug``, ``notebooks`` or ``red object``: what it is, what it should be, and the verdict."""
    _, color, noun = thing
    wanted = _color_of(pointed)
    if wanted is not None:
        return f" {color} ? {wanted} {_verdict(color == wanted)}", color == wanted
    return f" {noun} ? {pointed} {_verdict(_same(noun, pointed))}", _same(noun, pointed)


def _verdict(holds: bool) -> str:
    return "y" if holds else "n"


def _same(one: str, other: str) -> bool:
    """Whether two nouns are the same in number or but for it."""
    return one == other or plural_of(one) == other or plural_of(other) == one


def work(prompt: str) -> Drawn:
    """The worked answer of a question's text."""
    scene = parse(prompt)
    steps, answer = _WORKERS[scene.kind](scene)
    asked = _ASKED[scene.kind].format(**scene.gaps)
    reasoning = f" {asked}:{','.join(steps)} = {answer}:{scan(scene.options, answer)}"
    return Drawn(prompt, reasoning, letter_of(scene.options, answer), choice_format(len(scene.options)))


_ASKED = {
    "color": "color of {x}",
    "is": "is {x} {color}",
    "neither": "neither {color} {other}",
    "end": "{end} end",
    "next": "{side} of {x}",
    "far": "far from {x}",
    "beside": "not {color} {side} of {x}",
    "left": "without {x}, {y}",
}


Worked = tuple[list[str], str]


def _upto(scene: Scene) -> tuple[list[str], int]:
    """The things up to the one that the question points at, each held against it, and that one's place."""
    pointed = scene.gaps["x"]
    places = [at for at, thing in enumerate(scene.things) if _held(thing, pointed)[1]]
    if len(places) != 1:
        raise ValueError(f"{len(places)} things are {pointed!r}")
    upto = scene.things[: places[0] + 1]
    return [_shown(thing) + _held(thing, pointed)[0] for thing in upto], places[0]


def _work_color(scene: Scene) -> Worked:
    steps, at = _upto(scene)
    color = scene.things[at][1]
    if scene.kind == "color":
        return steps, color
    shown, right = _held(scene.things[at], _colored(scene.gaps["color"]))
    return [*steps, shown], "yes" if right else "no"


def _counted(
    things: list[tuple[int, str, str]], spared: list[str], wanted: str | None = None
) -> tuple[list[str], int]:
    """Every thing held against what is not counted, up to the first that it is, then against what is (None: the rest),
    with the count so far.
    """
    steps, total = [], 0
    for thing in things:
        step, counts = _shown(thing), True
        for pointed in spared:
            shown, hit = _held(thing, pointed)
            step += shown
            if hit:
                counts = False
                break
        if counts and wanted is not None:
            shown, counts = _held(thing, wanted)
            step += shown
        total += thing[0] if counts else 0
        steps.append(f"{step} {NUMERALS[total]}")
    return steps, total


def _work_neither(scene: Scene) -> Worked:
    steps, total = _counted(scene.things, [_colored(scene.gaps["color"]), _colored(scene.gaps["other"])])
    return steps, NUMERALS[total]


def _work_end(scene: Scene) -> Worked:
    upto = scene.things[:1] if scene.gaps["end"] == "left" else scene.things
    return [_shown(thing) for thing in upto], upto[-1][1]


def _work_next(scene: Scene) -> Worked:
    steps, at = _upto(scene)
    if scene.gaps["side"] == "left":
        return steps, scene.things[at - 1][1]
    return [*steps, _shown(scene.things[at + 1])], scene.things[at + 1][1]


def _work_far(scene: Scene) -> Worked:
    steps, at = _upto(scene)
    steps += [_shown(thing) for thing in scene.things[at + 1 :]]
    last = len(scene.things) - 1
    end = "first" if at > last - at else "last"
    wanted = scene.things[0 if end == "first" else last]
    numbered = [f"{step} {number}" for number, step in enumerate(steps)]
    return [*numbered, f" {at} {last - at} {end}{_shown(wanted)}"], wanted[1]


def _work_beside(scene: Scene) -> Worked:
    searched, at = _upto(scene)
    color = _colored(scene.gaps["color"])
    if scene.gaps["side"] == "left":
        steps, total = _counted(scene.things[:at], [scene.gaps["x"], color])
        return [" zero", *steps, searched[at]], NUMERALS[total]
    steps, total = _counted(scene.things[at + 1 :], [color])
    return [*searched, " zero", *steps], NUMERALS[total]


def _work_left(scene: Scene) -> Worked:
    steps, total = _counted(scene.things, [scene.gaps["x"]], scene.gaps["y"])
    return steps, NUMERALS[total]


_WORKERS: dict[str, Callable[[Scene], Worked]] = {
    "color": _work_color,
    "is": _work_color,
    "neither": _work_neither,
    "end": _work_end,
    "next": _work_next,
    "far": _work_far,
    "beside": _work_beside,
    "left": _work_left,
}


def solve(prompt: str) -> str:
    """The letter, by listing single things and asking them."""
    scene = parse(prompt)
    singles = [(color, noun) for count, color, noun in scene.things for _ in range(count)]
    pointed = scene.gaps.get("x", "")
    words = pointed.split()
    hit = [
        at
        for at, (color, noun) in enumerate(singles)
        if words
        and (_same(pointed, noun) or (words[0] == color and words[-1].rstrip("s") in _ONE.split("|")))
    ]
    answer: str
    match scene.kind:
        case "color":
            answer = singles[hit[0]][0]
        case "is":
            answer = "yes" if singles[hit[0]][0] == scene.gaps["color"] else "no"
        case "neither":
            answer = NUMERALS[
                sum(color not in (scene.gaps["color"], scene.gaps["other"]) for color, _ in singles)
            ]
        case "end":
            answer = singles[0 if scene.gaps["end"] == "left" else -1][0]
        case "next":
            answer = singles[hit[0] + (1 if scene.gaps["side"] == "right" else -1)][0]
        case "far":
            answer = max(enumerate(singles), key=lambda entry: abs(entry[0] - hit[0]))[1][0]
        case "beside":
            part = singles[: hit[0]] if scene.gaps["side"] == "left" else singles[hit[0] + 1 :]
            answer = NUMERALS[sum(color != scene.gaps["color"] for color, _ in part)]
        case _:
            asked = scene.gaps["y"]
            rest = [single for at, single in enumerate(singles) if at not in hit]
            answer = NUMERALS[sum(_same(asked, noun) or asked.split()[0] == color for color, noun in rest)]
    return letter_of(scene.options, answer)


FAMILY = Family(NAME, choice_format(len(COLORS)), draw, solve, work)
