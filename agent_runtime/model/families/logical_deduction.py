"""Logical deduction (three, five, seven objects): statements fix an order; who stands at the asked place?

Worked with one letter per object; then a line per statement, which names its objects with their letters before it says
it in short form (``A<C`` A before C, ``B=2``): read in one step, from the sentence to two letters, statements were never
learned. Then slots that fill, one line per move. A move names the free objects that may take a slot, trying the first
empty slot, the last, those between, and takes the first slot that only one may take (or else the first object that has
only one slot):

     van C > bus A, A<C
     truck B second-newest, B=2
     _ B _ | A<C; 1: A
     A B _ |; 3: C

Pieces that no longer say anything are dropped from the list behind ``|``. All 375 questions of the public files
that we hold give way to these moves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import permutations
from random import Random

from agent_runtime.model.families.base import Drawn, Family
from agent_runtime.model.families.templates import (
    LETTERS,
    Template,
    choice_format,
    enumerated,
    first_reading,
    letter_of,
    scan,
    split_enumeration,
    split_options,
    with_options,
)
from agent_runtime.model.families.words import distinct, invented, person, word_trigrams

SIZES = {"three": 3, "five": 5, "seven": 7}
#: How many statements name a place, at level 3 as often as in the public files; the others compare two objects.
PLACED = {
    3: [0] * 67 + [1] * 50 + [2] * 8,
    5: [0] * 9 + [1] * 48 + [2] * 51 + [3] * 15 + [4] * 2,
    7: [0] * 2 + [1] * 9 + [2] * 32 + [3] * 55 + [4] * 23 + [5] * 4,
}
NTH = ("", "first", "second", "third", "fourth")
INTRODUCTION = Template(
    "The following paragraphs each describe a set of {number} objects arranged in a fixed order. "
    "The statements are logically consistent within each paragraph. {scene}: {objects}. {statements}"
)


@dataclass(frozen=True, slots=True)
class Scene:
    """A kind of order. ``before`` and ``after`` compare; ``low`` and ``high`` name places from either end, ``{nth}`` ≥ 2."""

    openings: tuple[str, ...]
    before: Template
    after: Template
    place: Template
    ends: tuple[str, str]
    low: str
    high: str
    article: bool
    draw_object: Callable[[Random], str]


def _birds(rng: Random) -> str:
    known = "blue jay,quail,falcon,owl,crow,hawk,raven,robin,cardinal,hummingbird,finch,stork,heron,gull"
    return _or_unseen(rng, known)


def _vehicles(rng: Random) -> str:
    known = "bus,convertible,hatchback,limousine,minivan,motorcyle,sedan,station wagon,tractor,truck,coupe,van,jeep"
    return _or_unseen(rng, known)


def _books(rng: Random) -> str:
    return rng.choice("black blue brown gray green purple red white yellow orange pink".split()) + " book"


def _fruits(rng: Random) -> str:
    known = "apples,cantaloupes,kiwis,loquats,mangoes,oranges,peaches,pears,plums,watermelons,lemons,grapes"
    return rng.choice(known.split(",")) if rng.random() < 0.8 else _unseen(rng) + "s"


def _golfers(rng: Random) -> str:
    known = "Ada Amy Ana Dan Eli Eve Joe Mel Mya Rob Ian Kim".split()
    return rng.choice(known) if rng.random() < 0.5 else person(rng)


def _or_unseen(rng: Random, known: str) -> str:
    return rng.choice(known.split(",")) if rng.random() < 0.75 else _unseen(rng)


def _unseen(rng: Random) -> str:
    return invented(rng, word_trigrams(), 3, 9)


_ROW = {
    "before": Template("{x} is to the left of {y}"),
    "after": Template("{x} is to the right of {y}"),
    "place": Template("{x} is the {place}"),
    "ends": ("leftmost", "rightmost"),
    "low": "{nth} from the left",
    "high": "{nth} from the right",
    "article": True,
}
_RACE = {
    "before": Template("{x} finished above {y}"),
    "after": Template("{x} finished below {y}"),
    "place": Template("{x} finished {place}"),
    "ends": ("first", "last"),
    "low": "{nth}",
    "high": "{nth}-to-last",
    "article": False,
}
SCENES = (
    Scene(("On a branch, there are {number} birds",), draw_object=_birds, **_ROW),  # type: ignore[arg-type]
    Scene(("On a shelf, there are {number} books",), draw_object=_books, **_ROW),  # type: ignore[arg-type]
    Scene(
        ("In a golf tournament, there were {number} golfers", "In a race, there were {number} runners"),
        draw_object=_golfers,
        **_RACE,  # type: ignore[arg-type]
    ),
    Scene(
        ("In an antique car show, there are {number} vehicles",),
        Template("{x} is newer than {y}"),
        Template("{x} is older than {y}"),
        Template("{x} is the {place}"),
        ("newest", "oldest"),
        "{nth}-newest",
        "{nth}-oldest",
        True,
        _vehicles,
    ),
    Scene(
        ("A fruit stand sells {number} fruits",),
        Template("{x} are more expensive than {y}"),
        Template("{x} are less expensive than {y}"),
        Template("{x} are the {place}"),
        ("most expensive", "cheapest"),
        "{nth}-most expensive",
        "{nth}-cheapest",
        True,
        _fruits,
    ),
)


@dataclass(frozen=True, slots=True)
class Puzzle:
    """Objects by number in the order of their introduction; ``statements`` as they come: (a, b) a stands before
    b, or (a, place) as a pair with a negative second: (a, -place). ``said`` holds what is said of each: ``<`` where the
    sentence names the first object first, ``>`` where it names the second first, or the place in words.
    """

    objects: list[str]
    statements: list[tuple[int, int]]
    said: list[str] = field(default_factory=list)
    options: list[int] = field(default_factory=list)
    asked: int = 1

    @property
    def pairs(self) -> list[tuple[int, int]]:
        return [(a, b) for a, b in self.statements if b >= 0]

    @property
    def placed(self) -> dict[int, int]:
        return {a: -b for a, b in self.statements if b < 0}


def draw(rng: Random, level: int, size: int) -> Drawn:
    """A puzzle with one solution. Level 3 as in the public files; lower levels name more places, higher ones
    none, with statements to spare.
    """
    scene = rng.choice(SCENES)
    objects = distinct(rng, size, scene.draw_object)
    puzzle = Puzzle(
        objects,
        _statements(rng, level, size),
        options=rng.sample(range(size), size),
        asked=rng.randint(1, size),
    )
    return work(_text(rng, scene, puzzle))


def _statements(rng: Random, level: int, size: int) -> list[tuple[int, int]]:
    """Places of some objects and pairs, as few as decide the order and, at some levels, some to spare. As in the public
    files most pairs are neighbours, and a pair may hold a placed object.
    """
    order = rng.sample(range(size), size)
    fixed = {1: size - 1, 2: size - 2, 3: rng.choice(PLACED[size]), 4: 0, 5: 0}[level]
    spare = {3: rng.random() < 0.03, 4: size // 3, 5: max(2, size // 2 + 1)}.get(level, 0)
    while True:
        pinned = set(rng.sample(range(size), fixed))
        statements = [(order[at], -(at + 1)) for at in pinned]
        pairs = _pairs(rng, size, pinned)
        while len(pairs) < max(0, size - 1 - fixed) + spare:
            pair = _pair(rng, size)
            if pair not in pairs or len(set(pairs)) == size * (size - 1) // 2:  # then one is said twice
                pairs.append(pair)
        statements += [(order[a], order[b]) for a, b in pairs]
        if (level == 5 or len(set(statements)) == len(statements)) and _moves(size, statements) is not None:
            rng.shuffle(statements)
            return statements


def _pairs(rng: Random, size: int, pinned: set[int]) -> list[tuple[int, int]]:
    """The free places as a chain. Where a link passes by a placed object, that one often stands for one of its ends;
    a few links are any pair: whether the rest still decides is for the caller to see.
    """
    free = [at for at in range(size) if at not in pinned]
    pairs = []
    for low, high in zip(free, free[1:], strict=False):
        if high > low + 1 and rng.random() < 0.8:
            pairs.append((low, low + 1) if rng.random() < 0.5 else (high - 1, high))
        elif rng.random() < 0.35:
            pairs.append(_pair(rng, size))
        else:
            pairs.append((low, high))
    return pairs


def _pair(rng: Random, size: int) -> tuple[int, int]:
    first, second = sorted(rng.sample(range(size), 2))
    return first, second


def _text(rng: Random, scene: Scene, puzzle: Puzzle) -> str:
    number = next(word for word, size in SIZES.items() if size == len(puzzle.objects))
    the = "the " if scene.article else ""
    names = [the + thing for thing in puzzle.objects]
    plural = scene.draw_object is _fruits
    listed = [_with_article(thing) if scene.article and not plural else thing for thing in puzzle.objects]
    sentences = []
    for a, b in puzzle.statements:
        if b < 0:
            sentence = scene.place.fill(x=names[a], place=_place_name(scene, -b, len(names)))
        elif rng.random() < 0.5:
            sentence = scene.before.fill(x=names[a], y=names[b])
        else:
            sentence = scene.after.fill(x=names[b], y=names[a])
        sentences.append(_capital(sentence) + ".")
    asked = _place_name(scene, puzzle.asked, len(names))
    question = INTRODUCTION.fill(
        number=number,
        scene=rng.choice(scene.openings).format(number=number),
        objects=enumerated(listed),
        statements=" ".join(sentences),
    )
    return with_options(
        question, [_capital(scene.place.fill(x=names[at], place=asked)) for at in puzzle.options]
    )


def _with_article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _capital(sentence: str) -> str:
    return sentence[0].upper() + sentence[1:]


def _place_name(scene: Scene, place: int, size: int) -> str:
    if place in (1, size):
        return scene.ends[0 if place == 1 else 1]
    if place <= (size + 1) // 2:
        return scene.low.format(nth=NTH[place])
    return scene.high.format(nth=NTH[size + 1 - place])


def _places(scene: Scene, size: int) -> Mapping[str, int]:
    """Every name of every place, from either end."""
    names = {scene.ends[0]: 1, scene.ends[1]: size}
    for nth in range(2, len(NTH)):
        if nth < size:
            names[scene.low.format(nth=NTH[nth])] = nth
            names[scene.high.format(nth=NTH[nth])] = size + 1 - nth
    return names


def parse(prompt: str) -> Puzzle:
    """The puzzle of a question's text.

    Raises:
        ValueError: the text is not such a question.
    """
    question, options = split_options(prompt)
    gaps = INTRODUCTION.read(question)
    if gaps is None:
        raise ValueError("not a question of logical deduction")
    size = SIZES[gaps["number"]]
    objects = [_bare(part) for part in split_enumeration(gaps["objects"])]
    sentences = [sentence.strip() for sentence in gaps["statements"].split(".") if sentence.strip()]
    scene = _scene(gaps["scene"], gaps["number"])
    places = _places(scene, size)
    forms = [("before", scene.before), ("after", scene.after), ("place", scene.place)]
    statements, words = [], []
    for sentence in sentences:
        form, said = first_reading(forms, sentence)
        x = objects.index(_bare(said["x"]))
        if form == "place":
            statements.append((x, -places[said["place"]]))
            words.append(said["place"])
        else:
            y = objects.index(_bare(said["y"]))
            statements.append((x, y) if form == "before" else (y, x))
            words.append("<" if form == "before" else ">")
    said_options = [first_reading([("place", scene.place)], option)[1] for option in options]
    asked = {places[said["place"]] for said in said_options}
    if len(asked) != 1 or len(objects) != size:
        raise ValueError("the options ask for different places, or objects are missing")
    return Puzzle(
        objects, statements, words, [objects.index(_bare(said["x"])) for said in said_options], asked.pop()
    )


def _scene(text: str, number: str) -> Scene:
    for scene in SCENES:
        if text in [opening.format(number=number) for opening in scene.openings]:
            return scene
    raise ValueError(f"unknown scene {text!r}")


def _bare(text: str) -> str:
    first, _, rest = text.partition(" ")
    return rest if first.lower() in ("a", "an", "the") and rest else text


@dataclass(frozen=True, slots=True)
class Move:
    """State before it (slot → object, statements that still say something), what was tried, and what was placed where."""

    slots: dict[int, int]
    live: list[tuple[int, int]]
    tried: list[str]
    object: int
    slot: int


def _moves(size: int, statements: list[tuple[int, int]]) -> list[Move] | None:
    """The moves that fill all slots, or None where they do not suffice."""
    pairs = [(a, b) for a, b in statements if b >= 0]
    slots = {-b: a for a, b in statements if b < 0}
    moves = []
    while len(slots) < size:
        empty = [slot for slot in range(1, size + 1) if slot not in slots]
        free = [thing for thing in range(size) if thing not in slots.values()]
        where = {thing: slot for slot, thing in slots.items()}
        live = [pair for pair in pairs if _says_something(pair, where, empty)]
        tried = []
        found = None
        for slot in dict.fromkeys([empty[0], empty[-1], *empty]):
            fitting = [thing for thing in free if _fits(thing, slot, live, where, empty)]
            tried.append(f" {slot}:{''.join(f' {LETTERS[thing]}' for thing in fitting)}")
            if len(fitting) == 1:
                found = fitting[0], slot
                break
        for thing in free if found is None else []:
            open_to = [slot for slot in empty if _fits(thing, slot, live, where, empty)]
            tried.append(f" {LETTERS[thing]}:{''.join(f' {slot}' for slot in open_to)}")
            if len(open_to) == 1:
                found = thing, open_to[0]
                break
        if found is None:
            return None
        moves.append(Move(dict(slots), live, tried, *found))
        slots[found[1]] = found[0]
    return moves


def _says_something(pair: tuple[int, int], where: dict[int, int], empty: list[int]) -> bool:
    """Whether a pair can still be broken by what comes into the empty slots."""
    first, second = where.get(pair[0]), where.get(pair[1])
    if first is not None and second is not None:
        return False
    if first is not None:
        return any(slot < first for slot in empty)
    return second is None or any(slot > second for slot in empty)


def _fits(
    thing: int, slot: int, live: list[tuple[int, int]], where: dict[int, int], empty: list[int]
) -> bool:
    for first, second in live:
        if thing == first and (slot >= where[second] if second in where else slot == empty[-1]):
            return False
        if thing == second and (slot <= where[first] if first in where else slot == empty[0]):
            return False
    return True


def work(prompt: str) -> Drawn:
    """The worked answer of a question's text."""
    puzzle = parse(prompt)
    size = len(puzzle.objects)
    moves = _moves(size, puzzle.statements)
    if moves is None:
        raise ValueError("the moves do not suffice")
    named = "".join(f" {letter} {thing}" for letter, thing in zip(LETTERS, puzzle.objects, strict=False))
    lines = [named, *(_read_aloud(puzzle, at) for at in range(len(puzzle.statements)))]
    slots = puzzle.placed
    order = {place: thing for thing, place in slots.items()}
    for move in moves:
        live = "".join(f" {_short(pair)}" for pair in move.live)
        lines.append(f"{_row(move.slots, size)} |{live};{','.join(move.tried)}")
        order[move.slot] = move.object
    lines.append(_row(order, size))
    holder = order[puzzle.asked]
    named_options = [puzzle.objects[at] for at in puzzle.options]
    lines.append(
        f" {puzzle.asked} {LETTERS[holder]} {puzzle.objects[holder]}:{scan(named_options, puzzle.objects[holder])}"
    )
    return Drawn(
        prompt, "\n".join(lines), letter_of(named_options, puzzle.objects[holder]), choice_format(size)
    )


def _read_aloud(puzzle: Puzzle, at: int) -> str:
    """A statement with the letters of its objects, in the order of its sentence, and in short form."""
    a, b = puzzle.statements[at]
    first, second = (b, a) if puzzle.said[at] == ">" else (a, b)
    other = f" {puzzle.objects[second]} {LETTERS[second]}" if b >= 0 else ""
    return f" {puzzle.objects[first]} {LETTERS[first]} {puzzle.said[at]}{other}, {_short((a, b))}"


def _row(slots: Mapping[int, int], size: int) -> str:
    return "".join(f" {LETTERS[slots[slot]] if slot in slots else '_'}" for slot in range(1, size + 1))


def _short(statement: tuple[int, int]) -> str:
    a, b = statement
    return f"{LETTERS[a]}={-b}" if b < 0 else f"{LETTERS[a]}<{LETTERS[b]}"


def solve(prompt: str) -> str:
    """The letter by trying all orders of the objects."""
    puzzle = parse(prompt)
    size = len(puzzle.objects)
    holders = set()
    for places in permutations(range(1, size + 1)):  # object → place
        if all(places[a] < places[b] for a, b in puzzle.pairs) and all(
            places[a] == place for a, place in puzzle.placed.items()
        ):
            holders.add(places.index(puzzle.asked))
    if len(holders) != 1:
        raise ValueError(f"{len(holders)} objects can stand there")
    return LETTERS[puzzle.options.index(holders.pop())]


def _family(word: str, size: int) -> Family:
    return Family(
        f"logical_deduction_{word}_objects",
        choice_format(size),
        lambda rng, level: draw(rng, level, size),
        solve,
        work,
    )


FAMILY_BY_SIZE = {word: _family(word, size) for word, size in SIZES.items()}
