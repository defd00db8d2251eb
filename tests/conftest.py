"""Whole suite: the files that take longest begin first, so that no worker is left alone with one of them at the end, and torch
gets one thread a process: several processes with a thread a core each spend most of their time waiting for one another.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before anything imports torch
#: Minutes each, longest first.
LONGEST = (
    "contract/test_forge.py",
    "docs/test_docs.py",
    "property/test_market_machine.py",
    "contract/test_slither.py",
    "chain/test_devnet_hardhat_build.py",
    "demo/test_demo.py",
    "cli/test_docs.py",
    "runtime/test_crash_matrix.py",
    "contract/test_halmos.py",
    "evaluation/test_command.py",
    "demo/test_measure.py",
    "model/test_families_page.py",
)
_ROOT = Path(__file__).parent
_PLACES = {_ROOT / name: place for place, name in enumerate(LONGEST)}
assert all(path.exists() for path in _PLACES), "a file of LONGEST was renamed"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A stable order: within a file nothing moves."""
    items.sort(key=lambda item: _PLACES.get(item.path, len(LONGEST)))
