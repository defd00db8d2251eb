"""Names of positions in the event stream: `<block>-<log index>-<first 8 hex digits of the block's hash>`. Pure.

The hash tells a client's position on an orphaned block from one on the canonical chain.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from api.errors import BadCursor
from api.reader import EventCursor

_ID = re.compile(r"([0-9]{1,15})-([0-9]{1,9})-([0-9a-f]{8})")


@dataclass(frozen=True)
class Position:
    """An event id taken apart."""

    cursor: EventCursor
    hash_prefix: str

    def is_on(self, block_hash: str | None) -> bool:
        """Whether the canonical block at this height is the one that the id was given out for."""
        return block_hash is not None and block_hash.removeprefix("0x").startswith(self.hash_prefix)


def event_id(block_number: int, log_index: int, block_hash: str) -> str:
    """The id of an event."""
    return f"{block_number}-{log_index}-{block_hash.removeprefix('0x')[:8]}"


def parse_event_id(text: str) -> Position:
    """A `Last-Event-ID`; BadCursor for anything that this API did not give out."""
    match = _ID.fullmatch(text)
    if match is None:
        raise BadCursor(
            "this is not an event id of this stream", hint="send the `id` of the last event, or none to start at the head"
        )
    return Position(EventCursor(int(match[1]), int(match[2])), match[3])
