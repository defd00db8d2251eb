"""The task families: worked answers agree with independent solvers, questions are seeded, split and screened."""

from __future__ import annotations

import re
from collections import Counter
from random import Random

import pytest

from agent_runtime.engines.weights import early_folder, read_manifest, shipped_folder
from agent_runtime.model.families import DRILLS, FAMILIES, LEVELS, base, logical_deduction
from agent_runtime.model.families.calendar_steps import move_days, move_years
from agent_runtime.model.families.reasoning_about_colored_objects import COLORS, NUMERALS
from agent_runtime.model.families.templates import split_options, with_options
from agent_runtime.model.families.words import invented
from agent_runtime.model.prompting import extract_answer, format_completion, format_prompt
from symphony_chain.errors import InvalidInput
from symphony_chain.spec import canonical

ALL = {**FAMILIES, **DRILLS}
# Written by hand after the phrasing of the public set; none of them is in it.
BY_HAND = {
    "boolean_expressions": ("not ( True or False ) or ( not not False ) is", "false"),
    "multistep_arithmetic_two": ("((-3 + 4 * -2) * (7 - -5 - 1 * 4)) =", "-88"),
    "object_counting": ("I have a plum, two yams, three kiwis, and a drum. How many fruits do I have?", "4"),
    "navigate": (
        "If you follow these instructions, do you return to the starting point? Take 3 steps. Turn around. Take 1 step. "
        "Take 2 steps. Turn left.\nOptions:\n- Yes\n- No",
        "YES",
    ),
    "web_of_lies": ("Question: Zed lies. Amy says Zed tells the truth. Kim says Amy lies. Does Kim tell the truth?", "YES"),
    "tracking_shuffled_objects_three_objects": (
        "Alice, Bob, and Claire are playing a game. At the start of the game, they are each holding a ball: Alice has a red "
        "ball, Bob has a blue ball, and Claire has a pink ball.\nAs the game progresses, pairs of players "
        "trade balls. First, Bob and "
        "Alice swap balls. Finally, Claire and Alice swap balls. At the end of the game, Claire has the\nOptions:\n(A) pink "
        "ball\n(B) red ball\n(C) blue ball",
        "C",
    ),
    "word_sorting": ("Sort the following words alphabetically: List: zebra o'neil apple applet", "apple applet o'neil zebra"),
    "arithmetic_word_problems": (
        "Ann has 12 eggs. Then Ann gives a third of them away. Later Ann buys 3 boxes with 4 in each. Next Ann doubles the "
        "number. How many eggs does Ann have now?",
        "40",
    ),
    "dyck_languages": (
        "Complete the rest of the sequence, making sure that the parentheses are closed properly. Input: < { ( ) [", "] } >"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("reword", [0.0, 0.5])
def test_the_worked_answer_is_what_an_independent_solver_finds(
    name: str, level: int, reword: float
) -> None:
    rng = Random(f"solver/{name}/{level}")
    for _ in range(15 if "seven" in name or name == "text2sql" else 40):
        example = FAMILIES[name].generate(rng, level, reword=reword)
        assert FAMILIES[name].verify(example.prompt, example.answer), example
        assert canonical(example.answer, example.answer_format).decode() == example.answer
        assert extract_answer(format_completion(example.reasoning, example.answer)) == example.answer


@pytest.mark.parametrize("name", BY_HAND)
def test_solvers_know_the_public_phrasing(name: str) -> None:
    prompt, answer = BY_HAND[name]
    assert FAMILIES[name].solver(prompt) == answer


def test_a_wrong_answer_does_not_verify() -> None:
    example = FAMILIES["object_counting"].generate(Random(1), 3)
    assert not FAMILIES["object_counting"].verify(example.prompt, str(int(example.answer) + 1))


@pytest.mark.parametrize("name", FAMILIES)
def test_the_answer_of_another_question_is_mostly_wrong(name: str) -> None:
    """A verifier that says yes to everything would pass the tests above."""
    rng = Random(f"others/{name}")
    examples = [FAMILIES[name].generate(rng, 3) for _ in range(12)]
    shifted = [*examples[1:], examples[0]]
    right = sum(
        FAMILIES[name].verify(example.prompt, other.answer)
        for example, other in zip(examples, shifted, strict=True)
    )
    assert right <= 9


@pytest.mark.parametrize("name", FAMILIES)
def test_questions_are_worked_from_their_text_alone(name: str) -> None:
    family, rng = FAMILIES[name], Random(f"work/{name}")
    assert family.work is not None
    for level in LEVELS:
        example = family.generate(rng, level, reword=0.0)
        worked = family.work(example.prompt)
        assert (worked.reasoning, worked.answer) == (example.reasoning, example.answer)


def test_the_weights_were_trained_on_families_that_there_are() -> None:
    for folder in (shipped_folder(), early_folder()):
        manifest = read_manifest(folder)
        assert manifest is not None
        assert set(manifest["trained"]["examples"]) - set(DRILLS) <= set(FAMILIES)


@pytest.mark.parametrize("name", ALL)
def test_the_same_seed_gives_the_same_question(name: str) -> None:
    first, second = (ALL[name].generate(Random(5), 3) for _ in range(2))
    assert first == second
    assert ALL[name].generate(Random(6), 3) != first


@pytest.mark.parametrize("name", FAMILIES)
def test_every_level_takes_more_work_than_the_one_below(name: str) -> None:
    means = []
    for level in LEVELS:
        rng = Random(f"length/{name}/{level}")
        lengths = [len(FAMILIES[name].generate(rng, level, reword=0.0).reasoning) for _ in range(250)]
        means.append(sum(lengths) / len(lengths))
    assert means == sorted(means), means
    assert means[-1] > 1.5 * means[0]


def test_levels_outside_the_dial_are_refused() -> None:
    with pytest.raises(InvalidInput, match="level 6"):
        FAMILIES["navigate"].generate(Random(0), 6)


@pytest.mark.parametrize("held_out", [True, False])
def test_the_split_is_by_hash_of_the_question(held_out: bool) -> None:
    rng = Random(3)
    for name in FAMILIES:
        for _ in range(5):
            example = FAMILIES[name].generate(rng, 3, held_out=held_out)
            assert base.is_held_out(base.question_hash(example.prompt)) is held_out


def test_banned_questions_are_thrown_away_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    family = FAMILIES["navigate"]
    first = family.generate(Random(8), 3)
    # Case and white space do not hide a question.
    hidden = first.prompt.upper().replace(" ", "  ")
    monkeypatch.setattr(base, "banned_hashes", lambda: frozenset({base.question_hash(hidden)}))
    rejected: Counter[str] = Counter()
    assert family.generate(Random(8), 3, rejected=rejected).prompt != first.prompt
    assert rejected == {"navigate": 1}


def test_a_public_question_is_known_whatever_its_options_are(monkeypatch: pytest.MonkeyPatch) -> None:
    example = FAMILIES["date_understanding"].generate(Random(8), 3)
    question, options = split_options(example.prompt)
    monkeypatch.setattr(base, "banned_hashes", lambda: frozenset({base.question_hash(question)}))
    assert base.is_public(example.prompt)
    assert base.is_public(with_options(question, options[::-1]))
    assert not base.is_public(with_options(question.replace("What", "Which"), options))


@pytest.mark.parametrize("name", FAMILIES)
def test_no_question_is_a_public_one(name: str) -> None:
    rng = Random(f"public/{name}")
    assert not any(
        base.is_public(FAMILIES[name].generate(rng, level, reword=0.0).prompt) for level in LEVELS * 8
    )


def test_the_ban_list_is_shipped_and_holds_whole_hashes() -> None:
    hashes = base.banned_hashes()
    assert len(hashes) > 3000
    assert all(re.fullmatch("[0-9a-f]{16}", digest) for digest in hashes)


def test_returning_walks_are_as_long_as_the_others() -> None:
    rng, lengths = Random(4), {"YES": [0, 0], "NO": [0, 0]}
    for _ in range(600):
        example = FAMILIES["navigate"].generate(rng, 3)
        tally = lengths[example.answer]
        tally[0] += example.reasoning.count(",")
        tally[1] += 1
    means = {answer: total / count for answer, (total, count) in lengths.items()}
    assert means["YES"] >= means["NO"] - 0.5
    assert 0.4 < lengths["YES"][1] / 600 < 0.6


def test_options_stand_in_any_order_in_half_of_the_stories_and_beyond_level_three_in_all() -> None:
    def in_order(prompt: str) -> bool:
        objects = re.findall(r"\([A-G]\) (.*)", prompt)
        places = [prompt.index(f" {thing}") for thing in objects]
        return places == sorted(places)

    family, rng = FAMILIES["tracking_shuffled_objects_five_objects"], Random(2)
    shares = {
        level: sum(in_order(family.generate(rng, level).prompt) for _ in range(80)) / 80 for level in (3, 4)
    }
    assert 0.3 < shares[3] < 0.65 and shares[4] < 0.3


def test_the_template_ends_where_completions_begin() -> None:
    assert format_prompt("  2 + 2 =\n") == "Q: 2 + 2 =\nA:"
    assert extract_answer("no answer here") is None
    assert extract_answer(" 1\n#### 2\n#### 3") == "2"


def test_no_invented_word_is_one_by_which_questions_are_read() -> None:
    """`and` as the name of a thing would end a list in its midst."""
    table = {"^^": list("ab"), "^a": ["n"], "^b": ["a"], "ba": ["n"], "an": ["d"], "nd": ["$"]}
    assert {invented(Random(seed), table, 2, 4) for seed in range(30)} == {"band"}


def test_pairs_of_logical_deduction_hold_placed_objects_as_in_the_public_files() -> None:
    """Measured on the file of seven objects: 1.07 such pairs a puzzle, and 1.2 places for which two objects or more fit."""
    puzzles = [logical_deduction.parse(logical_deduction.draw(Random(seed), 3, 7).prompt) for seed in range(200)]
    held = sum((a in puzzle.placed) != (b in puzzle.placed) for puzzle in puzzles for a, b in puzzle.pairs)
    moves = [move for puzzle in puzzles for move in logical_deduction._moves(7, puzzle.statements) or []]
    unsure = sum(tried.count(" ") > 2 for move in moves for tried in move.tried)
    assert 0.7 < held / len(puzzles) < 1.4 and 0.7 < unsure / len(puzzles) < 1.7


@pytest.mark.parametrize(
    ("asked", "worked"),
    [
        ("What is the color of the thing directly to the left of the jug?", "pink cup cup ? jug n, red jug jug ? jug y = pink"),
        ("How many things are neither red nor teal?", "neither red teal: pink cup pink ? red n pink ? teal n one"),
        ("How many non-pink things do you see to the left of the red thing?", "zero, pink cup pink ? red n pink ? pink y zero"),
    ],
)
def test_a_verdict_stands_right_behind_the_two_words_that_it_compares(asked: str, worked: str) -> None:
    text = f"On the desk, you see several things arranged in a row: a pink cup, a red jug, and a teal pen. {asked}"
    options = COLORS if "color" in asked else NUMERALS[:7]
    if "neither" in asked:
        text = f"On the desk, there is a pink cup, a red jug, and a teal pen. {asked}"
    assert worked in FAMILIES["reasoning_about_colored_objects"].work(with_options(text, options)).reasoning


def test_sums_of_dates_are_by_heart_or_digit_by_digit() -> None:
    assert move_days((2020, 3, 20), 7)[0] == " +7: 20+7=27; 03/27/2020"
    assert move_days((2020, 3, 1), 26)[0] == " +26: 1+26=(1+26):1+6=7,0+2=2=27; 03/27/2020"
    assert move_years((1958, 1, 2), 5) == (" y+5: 1958+5=(1958+5):8+5=13,5+0+1=6,9+0=9,1+0=1=1963; 01/02/1963", (1963, 1, 2))
