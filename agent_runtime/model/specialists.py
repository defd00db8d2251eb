"""The specialists: which families each LoRA adapter is trained for. Together they cover every family, each one once."""

from __future__ import annotations

SPECIALISTS: dict[str, tuple[str, ...]] = {
    "arithmetic": ("multistep_arithmetic_two", "arithmetic_word_problems", "object_counting"),
    "logic": (
        "boolean_expressions",
        "web_of_lies",
        "logical_deduction_three_objects",
        "logical_deduction_five_objects",
        "logical_deduction_seven_objects",
    ),
    "tracking": (
        "navigate",
        "tracking_shuffled_objects_three_objects",
        "tracking_shuffled_objects_five_objects",
        "tracking_shuffled_objects_seven_objects",
    ),
    "symbols": ("word_sorting", "dyck_languages"),
    "tables": ("penguins_in_a_table", "reasoning_about_colored_objects", "text2sql"),
    "time": ("date_understanding", "temporal_sequences"),
    "planning": ("multi_hop_lookup", "plan"),
}
