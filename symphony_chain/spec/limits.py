"""Size limits of the off-chain formats, in bytes of UTF-8. Knows nothing of the formats themselves."""

from __future__ import annotations

MAX_HEADER_BYTES = 16 * 1024
MAX_PROMPT_BYTES = 32 * 1024
MAX_BODY_BYTES = 256 * 1024
MAX_ANSWER_BYTES = 32 * 1024
MAX_TRACE_BYTES = 4 * 1024 * 1024
MAX_REGISTRATION_BYTES = 64 * 1024
MAX_COT_COUNT = 64
