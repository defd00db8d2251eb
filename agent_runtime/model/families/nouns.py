"""Nouns of the counting tasks by class, with their plurals. A closed class: what is a fruit is knowledge, not
reasoning.

Written from general knowledge; knows no task.
"""

from __future__ import annotations

CLASSES: dict[str, tuple[str, ...]] = {
    "fruits": tuple(
        "apple banana grape plum peach orange lemon mango pear cherry strawberry raspberry blackberry blueberry nectarine kiwi "
        "melon apricot fig lime pineapple grapefruit papaya watermelon cranberry date".split()
    ),
    "vegetables": tuple(
        "carrot,onion,potato,leek,cabbage,garlic,lettuce head,head of broccoli,stalk of celery,cauliflower,yam,"
        "cucumber,radish,turnip,pepper,tomato,pumpkin,zucchini,eggplant,beet,artichoke,bean,"
        "spinach leaf,bunch of kale,sweet potato,parsnip".split(",")
    ),
    "animals": tuple(
        "cat dog cow goat duck rabbit snail frog pig bear mouse fish donkey chicken snake horse sheep lion tiger monkey elephant "
        "turtle lizard hamster crab goose bird wolf".split()
    ),
    "musical instruments": tuple(
        "drum flute piano violin trumpet clarinet trombone accordion guitar cello harp saxophone oboe banjo tuba harmonica "
        "bassoon viola ukulele mandolin".split()
    ),
    "objects": tuple(
        "fridge chair microwave couch oven stove table lamp bed toaster car desk bookshelf television sofa phone clock mirror "
        "bike truck computer dresser kettle blender fan radio carpet shelf bench stool".split()
    ),
}
NUMERALS = "zero one two three four five six seven eight nine ten".split()
_IRREGULAR = {
    "mouse": "mice", "fish": "fish", "goose": "geese", "sheep": "sheep", "wolf": "wolves", "shelf": "shelves",
    "bookshelf": "bookshelves", "spinach leaf": "spinach leaves", "potato": "potatoes", "tomato": "tomatoes",
    "sweet potato": "sweet potatoes", "mango": "mangoes",
}  # fmt: skip


def plural(noun: str) -> str:
    """``head of broccoli`` → ``heads of broccoli``, ``berry`` → ``berries``."""
    if noun in _IRREGULAR:
        return _IRREGULAR[noun]
    if " of " in noun:
        head, tail = noun.split(" of ")
        return f"{plural(head)} of {tail}"
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + ("es" if noun.endswith(("ch", "sh", "s", "x")) else "s")


def counted(noun: str, count: int) -> str:
    """``a drum``, ``an oven``, ``two lamps``."""
    if count > 1:
        return f"{NUMERALS[count]} {plural(noun)}"
    return ("an " if noun[0] in "aeiou" and not noun.startswith("uku") else "a ") + noun


def class_of(text: str) -> str:
    """The class of a counted phrase; raises ``ValueError`` for a noun that no class holds."""
    body = text.split(" ", 1)[1]
    for name, nouns in CLASSES.items():
        for noun in nouns:
            if body in (noun, plural(noun), noun + "s"):
                return name
    raise ValueError(f"no class holds the noun {body!r}")
