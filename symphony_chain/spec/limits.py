"""Size limits of the off-chain formats, in bytes of UTF-8. Knows nothing of the formats themselves."""

from __future__ import annotations

MAX_HEADER_BYTES = 16 * 1024
MAX_PROMPT_BYTES = 32 * 1024
MAX_BODY_BYTES = 256 * 1024
MAX_ANSWER_BYTES = 32 * 1024
MAX_TRACE_BYTES = 4 * 1024 * 1024
MAX_REGISTRATION_BYTES = 64 * 1024
MAX_COT_COUNT = 64
MAX_CARD_BYTES = 64 * 1024
MAX_CARD_NAME_BYTES = 128
MAX_CARD_LICENCE_BYTES = 128
MAX_CARD_TEXT_BYTES = 4096
#: Of a tag, a family or a suite in a card.
MAX_CARD_TAG_BYTES = 64
MAX_CARD_WEIGHTS = 64
MAX_CARD_CURVE_POINTS = 512
MAX_CARD_ACCURACIES = 256
MAX_CARD_VOTES = 8
MAX_CARD_SKILLS = 64
#: Counts in a card: what JSON carries exactly.
MAX_CARD_COUNT = 2**53 - 1
