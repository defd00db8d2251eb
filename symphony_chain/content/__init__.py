"""Content addressing: CIDs, UnixFS, CAR, the embedded store. Fetcher and gateway live in ``fetch`` and
``gateway`` (they need HTTP).

Knows nothing of chains, tasks or agents.
"""

from __future__ import annotations

from symphony_chain.content.cid import DAG_PB, RAW, Cid
from symphony_chain.content.store import ContentStore, Stat, Usage
from symphony_chain.content.unixfs import Added

__all__ = ["DAG_PB", "RAW", "Added", "Cid", "ContentStore", "Stat", "Usage"]
