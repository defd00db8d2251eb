"""Sample files of the content tests. Knows nothing of what is tested with them."""

from __future__ import annotations

import hashlib


def sample_bytes(size: int, seed: int = 0) -> bytes:
    """``size`` reproducible bytes, the same that ``tests/js/unixfs_cids.mjs`` makes."""
    return hashlib.shake_256(f"symphony:{seed}".encode()).digest(size)
