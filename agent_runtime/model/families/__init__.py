"""The task families of the built-in model, by name. ``DRILLS`` are helpers of training, never tasks."""

from __future__ import annotations

from agent_runtime.model.families import (
    arithmetic_word_problems,
    boolean_expressions,
    copying,
    date_understanding,
    dyck_languages,
    logical_deduction,
    multi_hop_lookup,
    multistep_arithmetic_two,
    navigate,
    object_counting,
    penguins_in_a_table,
    plan,
    reasoning_about_colored_objects,
    temporal_sequences,
    text2sql,
    tracking_shuffled_objects,
    web_of_lies,
    word_sorting,
)
from agent_runtime.model.families.base import LEVELS, Example, Family

#: Every family. Which of them a model knows, its card says.
FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        boolean_expressions.FAMILY,
        multistep_arithmetic_two.FAMILY,
        object_counting.FAMILY,
        navigate.FAMILY,
        web_of_lies.FAMILY,
        *tracking_shuffled_objects.FAMILY_BY_SIZE.values(),
        word_sorting.FAMILY,
        arithmetic_word_problems.FAMILY,
        dyck_languages.FAMILY,
        date_understanding.FAMILY,
        temporal_sequences.FAMILY,
        *logical_deduction.FAMILY_BY_SIZE.values(),
        reasoning_about_colored_objects.FAMILY,
        penguins_in_a_table.FAMILY,
        text2sql.FAMILY,
        multi_hop_lookup.FAMILY,
        plan.FAMILY,
    )
}
DRILLS: dict[str, Family] = {copying.DRILL.name: copying.DRILL}

__all__ = ["DRILLS", "FAMILIES", "LEVELS", "Example", "Family"]
