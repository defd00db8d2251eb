"""The task families of the built-in model, by name. ``DRILLS`` are helpers of training, never tasks."""

from __future__ import annotations

from agent_runtime.model.families import (
    arithmetic_word_problems,
    boolean_expressions,
    copying,
    dyck_languages,
    multistep_arithmetic_two,
    navigate,
    object_counting,
    web_of_lies,
    word_sorting,
)
from agent_runtime.model.families.base import LEVELS, Example, Family
from agent_runtime.model.families.tracking_shuffled_objects import FAMILY_BY_SIZE

FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        boolean_expressions.FAMILY,
        multistep_arithmetic_two.FAMILY,
        object_counting.FAMILY,
        navigate.FAMILY,
        web_of_lies.FAMILY,
        *FAMILY_BY_SIZE.values(),
        word_sorting.FAMILY,
        arithmetic_word_problems.FAMILY,
        dyck_languages.FAMILY,
    )
}
DRILLS: dict[str, Family] = {copying.DRILL.name: copying.DRILL}

__all__ = ["DRILLS", "FAMILIES", "LEVELS", "Example", "Family"]
