"""The skill page: sixteen tags that give the sixteen lanes of a capability word their meaning (DESIGN 3.2).

Knows nothing of who has a skill; the contracts keep the words, the event ``SkillPagePublished`` the tags.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from eth_utils.crypto import keccak

LANES = 16
FULL_SCALE = 10_000  # a lane of 10000 is 1.0

#: The page that Symphony publishes for its own task families (lane 0 first).
DEFAULT_TAGS: tuple[str, ...] = (
    "boolean_expressions",
    "multistep_arithmetic_two",
    "object_counting",
    "navigate",
    "web_of_lies",
    "tracking_shuffled_objects",
    "word_sorting",
    "arithmetic_word_problems",
    "dyck_languages",
    "date_understanding",
    "temporal_sequences",
    "logical_deduction",
    "reasoning_about_colored_objects",
    "penguins_in_a_table",
    "text2sql",
    "multi_hop_lookup",
)


def page_json(tags: Sequence[str]) -> str:
    """Canonical JSON (RFC 8785) of a page, as `publishPage` takes it."""
    if len(tags) != LANES:
        raise ValueError(f"a skill page has {LANES} tags, not {len(tags)}")
    return json.dumps(list(tags), separators=(",", ":"), ensure_ascii=False)


def page_id(tags: Sequence[str]) -> bytes:
    """32-byte id of a page: keccak256 of its canonical JSON."""
    return keccak(text=page_json(tags))


DEFAULT_PAGE_ID: bytes = page_id(DEFAULT_TAGS)


def pack_word(values: Mapping[int, int]) -> int:
    """Capability word (uint256) of lane → basis points 0…10000; lane 0 in the lowest 16 bits."""
    word = 0
    for lane, value in values.items():
        if not 0 <= lane < LANES or not 0 <= value <= FULL_SCALE:
            raise ValueError(f"lane {lane} = {value}: lanes are 0…15 and values 0…10000")
        word |= value << (16 * lane)
    return word


def unpack_word(word: int) -> tuple[int, ...]:
    """The sixteen lanes of a word in basis points, lane 0 first."""
    return tuple((word >> (16 * lane)) & 0xFFFF for lane in range(LANES))


def word_of_tags(values: Mapping[str, int], tags: Sequence[str] = DEFAULT_TAGS) -> int:
    """Capability word of tag → basis points on a page."""
    unknown = sorted(set(values) - set(tags))
    if unknown:
        raise ValueError(f"unknown skill {unknown[0]!r}; the page has: {', '.join(tags)}")
    return pack_word({tags.index(tag): value for tag, value in values.items()})
