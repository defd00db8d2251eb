"""Other words for the same question, and noise around it: what users write is not what benchmarks print.

``reworded`` swaps fixed phrases for others (some of them misspelt), writes the options in another style, doubles a
blank, and puts a greeting before or a line behind. Names, words, numbers and symbols of the task are never touched,
and ``plain`` undoes it all, so that a reworded question is judged as exactly as the plain one. Knows no solver.
"""

from __future__ import annotations

import re
from random import Random

from agent_runtime.model.families.templates import OPTIONS_MARK, Template

_LOGIC = r"(?:True|False|not|and|or|[()\s])+"
_SUM = r"[-+*()\d\s]+"
#: The phrase of the families, and others that mean the same; all gaps stand in each.
PHRASES: tuple[tuple[Template, tuple[Template, ...]], ...] = tuple(
    (Template(known, **gaps), tuple(Template(other, **gaps) for other in others))
    for known, others, gaps in (
        (
            "{x} is",
            ("Evaluate {x}.", "What is the truth value of {x}?", "Is this true or false: {x}"),
            {"x": _LOGIC},
        ),
        ("{x} =", ("Compute {x}.", "What is {x}?", "Work out the value of {x}."), {"x": _SUM}),
        (
            "I have {x}. How many {y} do I have?",
            (
                "How many {y} are there if I own {x}?",
                "Count the {y} among these: {x}.",
                "In my bag are {x}. How mny {y} is that?",
            ),
            {"y": r"[a-z ]+"},
        ),
        (
            "If you follow these instructions, do you return to the starting point?",
            (
                "Do these steps lead back to where they began?",
                "Following these instructons, do you end up where you started?",
            ),
            {},
        ),
        (
            "Question: {x} Does {who} tell the truth?",
            ("{x} Is {who} telling the truth?", "Somebody told me: {x} Is it true what {who} says?"),
            {"who": r"\w+", "x": r"\w.+"},
        ),
        (
            "At the start of the {what}, they",
            ("When the {what} begins, they", "In the beginning of the {what}, they"),
            {"what": r"[a-z]+"},
        ),
        (
            "Sort the following words alphabetically: List:",
            (
                "Put these words into alphabetical order. List:",
                "Sort the folowing words alphabeticaly: List:",
                "Order from a to z. List:",
            ),
            {},
        ),
        (
            "Complete the rest of the sequence, making sure that the parentheses are closed properly. Input:",
            (
                "Close all brackets that are still open. Input:",
                "Complete the sequence so that every bracket is closd. Input:",
            ),
            {},
        ),
        (
            "What is the date {when} in MM/DD/YYYY?",
            ("Which date is it {when}, written MM/DD/YYYY?", "Give the date {when} as MM/DD/YYYY."),
            {"when": r"[\w ]+"},
        ),
        ("We know that:", ("Here is what is known:", "These are the facts:"), {}),
        (
            "The following paragraphs each describe a set of {n} objects arranged in a fixed order. "
            "The statements are logically consistent within each paragraph.",
            (
                "Here are {n} objects in a fixed order; the statements do not contradict each other.",
                "The folowing paragraph describes {n} objects in a fixed order. Its statements are consistent.",
            ),
            {"n": r"\w+"},
        ),
        (
            "If I remove all the {gone} from the {place}, how many {kept} remain on it?",
            (
                "How many {kept} are left on the {place} once all the {gone} are gone?",
                "I take all the {gone} off the {place}. How many {kept} stay?",
            ),
            {"place": r"\w+", "gone": r"[\w ]+", "kept": r"[\w ]+"},
        ),
        ("arranged in a row:", ("lined up from left to right:", "aranged in one row:"), {}),
        (
            "Here is a table where the first line is a header and each subsequent line is",
            (
                "The first line of this table is a header, and every other line is",
                "Here is a table with a header line; each futher line is",
            ),
            {},
        ),
        (
            "Write one SQL query for the question.",
            ("Answer the question with a single SQL query.", "Which SQL query answers the question?"),
            {},
        ),
        (
            "Read the text and answer the question.",
            ("Answer from the text alone.", "Read this and anwser."),
            {},
        ),
        (
            "Split this request into steps:",
            ("Plan this request step by step:", "Which steps does this request need?"),
            {},
        ),
    )
)
BEFORE = (
    "Please help me with this. ",
    "Hello! ",
    "Solve this: ",
    "Can you work this out?\n",
    "I need an answer.\n",
)
BEHIND = ("\nThanks!", "\nThink step by step.", "\nPlease answer.", "\n\n")
HEADINGS = (OPTIONS_MARK, "\nChoices:\n", "\nAnswer choices:\n")
STYLES = ("{}) ", "{}. ", "[{}] ")
_STYLED = re.compile(r"^(?:([A-Z])\) |([A-Z])\. |\[([A-Z])\] )", re.MULTILINE)


def reworded(rng: Random, prompt: str) -> str:
    """The same question in other words; at least one thing differs."""
    text = prompt
    while text == prompt:
        if rng.random() < 0.6:
            text = _other_phrases(rng, text)
        if OPTIONS_MARK in text and rng.random() < 0.4:
            text = _other_options(rng, text)
        if rng.random() < 0.3:
            text = _doubled_blank(rng, text)
        if rng.random() < 0.35:
            text = rng.choice(BEFORE) + text
        if rng.random() < 0.3:
            text += rng.choice(BEHIND)
    return text


def plain(prompt: str) -> str:
    """The question in the families' own words, with single blanks."""
    text = prompt
    for phrase in BEHIND:
        text = text.removesuffix(phrase)
    for phrase in BEFORE:
        text = text.removeprefix(phrase)
    text = re.sub(r"[ \t]+", " ", text).strip()
    for heading in HEADINGS[1:]:
        text = text.replace(heading, OPTIONS_MARK)
    body, mark, options = text.partition(OPTIONS_MARK)
    options = _STYLED.sub(lambda match: f"({match[1] or match[2] or match[3]}) ", options)
    for known, others in PHRASES:
        for other in others:
            body = _swapped(body, other, known)
    return body + mark + options


def _other_phrases(rng: Random, text: str) -> str:
    body, mark, options = text.partition(OPTIONS_MARK)
    for known, others in PHRASES:
        if rng.random() < 0.8:
            body = _swapped(body, known, rng.choice(others))
    return body + mark + options


def _swapped(text: str, found: Template, put: Template) -> str:
    """The text with one phrase for another; a phrase with the gap ``x`` must be the whole text."""
    match = found.pattern.fullmatch(text) if "{x}" in found.text else found.pattern.search(text)
    if match is None:
        return text
    return text[: match.start()] + put.fill(**match.groupdict()) + text[match.end() :]


def _other_options(rng: Random, text: str) -> str:
    body, _, options = text.partition(OPTIONS_MARK)
    style = rng.choice(STYLES)
    if rng.random() < 0.6:
        options = re.sub(r"^\(([A-Z])\) ", lambda match: style.format(match[1]), options, flags=re.MULTILINE)
    return body + rng.choice(HEADINGS) + options


def _doubled_blank(rng: Random, text: str) -> str:
    places = [match.start() for match in re.finditer(r"(?<=\S) (?=\S)", text)]
    if not places:
        return text
    at = rng.choice(places)
    return f"{text[:at]} {text[at:]}"
