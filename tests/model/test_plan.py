"""Plans: read, checked, and judged whatever the numbering."""

from __future__ import annotations

from random import Random

import pytest

from agent_runtime.model.families import FAMILIES
from agent_runtime.model.families.plan import BadPlan, Step, read_plan, write_plan

REQUEST = (
    "Split this request into steps: First, count the fruits in a plum and two kiwis. Also, work out (3 + 4) * 2. "
    "Then, add the count and the value."
)
RIGHT = (
    "1 object_counting: count the fruits in a plum and two kiwis; 2 multistep_arithmetic_two: work out (3 + 4) * 2; "
    "3 multistep_arithmetic_two (1, 2): add the count and the value"
)
TURNED = (
    "1 multistep_arithmetic_two: work out (3 + 4) * 2; 2 object_counting: count the fruits in a plum and two kiwis; "
    "3 multistep_arithmetic_two (1, 2): add the count and the value"
)


def test_a_plan_is_right_in_every_order_that_works() -> None:
    family = FAMILIES["plan"]
    assert family.solver(REQUEST) == RIGHT
    assert family.verify(REQUEST, RIGHT)
    assert family.verify(REQUEST, TURNED)


@pytest.mark.parametrize(
    "wrong",
    [
        RIGHT.replace(" (1, 2)", ""),  # a need is missing
        RIGHT.replace(" (1, 2)", " (1)"),
        RIGHT.replace("object_counting", "navigate"),  # another skill
        RIGHT.rsplit("; ", 1)[0],  # a part is not covered
        RIGHT + "; 4 navigate: walk",  # a part nobody asked for
        RIGHT.replace("(3 + 4) * 2", "(3 + 4) * 3"),
        "",
    ],
)
def test_a_plan_that_misses_something_is_wrong(wrong: str) -> None:
    assert not FAMILIES["plan"].verify(REQUEST, wrong)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("1 object_counting", "is not `NUMBER SKILL"),
        ("2 object_counting: a", "bears the number 2"),
        ("1 juggling: a", "unknown skill 'juggling'"),
        ("1 navigate (1): a", "only earlier steps"),
        ("1 navigate (2): a; 2 navigate (1): b", "only earlier steps"),  # a cycle
        ("1 navigate: a; 2 navigate (1, 1): b", "each once"),
        ("1 navigate: a; 2 navigate: a", "repeats"),
    ],
)
def test_a_plan_that_cannot_be_carried_out_says_why(text: str, fault: str) -> None:
    with pytest.raises(BadPlan, match=fault.replace("(", r"\(")):
        read_plan(text)


def test_plans_of_every_level_are_read_as_they_are_written() -> None:
    rng = Random("plans")
    for level in (1, 3, 5):
        steps = read_plan(FAMILIES["plan"].generate(rng, level).answer)
        assert read_plan(write_plan(steps)) == steps
        assert any(step.needs for step in steps)
    assert read_plan("1 pick: a", skills=["pick"]) == [Step(1, "pick", (), "a")]
