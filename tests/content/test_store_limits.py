"""Full disks, size limits and many processes: nothing half-written, nothing lost, one clear error."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from content_samples import sample_bytes

from symphony_chain.content import Cid, ContentStore
from symphony_chain.content.errors import StoreFull, StoreUnusable

MIB = 1 << 20
ROOT = Path(__file__).parents[2]


def files_below(path: Path) -> list[Path]:
    return [found for found in path.rglob("*") if found.is_file()]


def test_store_limit_refuses_and_keeps_nothing(tmp_path: Path) -> None:
    with ContentStore(tmp_path, max_bytes=2 * MIB) as store:
        kept = store.add(sample_bytes(MIB), "delta").cid
        with pytest.raises(StoreFull) as caught:
            store.add(sample_bytes(3 * MIB, 1), "delta")
        assert caught.value.code == "content.full" and caught.value.hint and caught.value.exit_code == 1
        assert store.usage().used_bytes == MIB and store.usage().roots == 1
        assert len(files_below(tmp_path / "blocks")) == 1
        with pytest.raises(StoreFull):
            store.put_block(Cid.of(bytes(MIB + 1)), bytes(MIB + 1))
        assert store.get(kept, MIB) == sample_bytes(MIB)
        store.add(sample_bytes(MIB), "again")  # known content costs nothing
        store.add(b"small", "header")


LIMITED = """
import resource, sys
from pathlib import Path
from symphony_chain.content import ContentStore
from symphony_chain.content.errors import StoreFull
store = ContentStore(Path(sys.argv[1]), max_bytes=1 << 30)
store.add(b"before", "header")
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
try:
    store.add(bytes(1_000_000), "delta")
except StoreFull as exc:
    print(exc.code, bool(exc.hint))
store.close()
"""


def run(script: str, *args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", script, *args]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)


def test_file_size_limit_of_the_process_is_a_clear_error(tmp_path: Path) -> None:
    done = run(LIMITED, str(tmp_path))
    assert (done.returncode, done.stdout) == (0, "content.full True\n"), done.stderr
    with ContentStore(tmp_path, max_bytes=1 << 30) as store:
        assert store.get(Cid.of(b"before"), 10) == b"before"
        assert len(files_below(tmp_path / "blocks")) == 1
        store.add(bytes(1_000_000), "delta")  # a second run repairs everything


METADATA_LIMITED = """
import resource, sys
from pathlib import Path
from symphony_chain.content import Cid, ContentStore
from symphony_chain.content.errors import StoreFull
store = ContentStore(Path(sys.argv[1]), max_bytes=1 << 30)
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
for index in range(1000):
    try:
        store.add(b"%d" % index, "header")
    except StoreFull as exc:
        print(exc.code, "meta.sqlite" in exc.message, store.has(Cid.of(b"%d" % index)))
        break
store.close()
"""


def test_full_metadata_is_a_clear_error_too(tmp_path: Path) -> None:
    done = run(METADATA_LIMITED, str(tmp_path))
    assert (done.returncode, done.stdout) == (0, "content.full True False\n"), done.stderr
    with ContentStore(tmp_path, max_bytes=1 << 30) as store:
        assert store.usage().blocks == store.usage().roots == len(files_below(tmp_path / "blocks"))
        store.add(b"afterwards", "header")


WRITER = """
import hashlib, sys
from pathlib import Path
from symphony_chain.content import ContentStore
with ContentStore(Path(sys.argv[1]), max_bytes=1 << 28) as store:
    for index in range(40):
        store.add(b"common %d" % index, "body")
        store.pin(store.add(f"{sys.argv[2]} {index}".encode(), "trace").cid)
        store.gc(min_age_s=3600)
"""


def test_processes_share_a_store(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", WRITER, str(tmp_path)]
    writers = [
        subprocess.Popen([*command, name], cwd=ROOT, stderr=subprocess.PIPE, text=True)
        for name in ("a", "b", "c")
    ]
    for writer in writers:
        _, errors = writer.communicate(timeout=120)
        assert writer.returncode == 0, errors
    with ContentStore(tmp_path, max_bytes=1 << 28) as store:
        assert store.usage().roots == 40 * 4 and store.usage().pins == 40 * 3
        files = files_below(tmp_path / "blocks")
        assert store.usage().used_bytes == sum(path.stat().st_size for path in files)
        for name in ("a", "b", "c"):
            text = f"{name} 39".encode()
            assert store.get(Cid.of(text), 100) == text


KILLED = """
import os, signal, sys
from pathlib import Path
from symphony_chain.content import ContentStore
from symphony_chain.content.blockstore import FlatFs
plain, count = FlatFs.put, 0
def put(self, cid, block):
    global count
    count += 1
    if count == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return plain(self, cid, block)
FlatFs.put = put
with ContentStore(Path(sys.argv[1]), max_bytes=1 << 28) as store:
    store.add(bytes(3_000_000), "delta")
"""


def test_killed_in_the_middle_of_an_add(tmp_path: Path) -> None:
    assert run(KILLED, str(tmp_path)).returncode == -signal.SIGKILL
    with ContentStore(tmp_path, max_bytes=1 << 28) as store:
        assert store.usage().roots == 0
        added = store.add(bytes(3_000_000), "delta")
        assert store.get(added.cid, 3_000_000) == bytes(3_000_000)


def test_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("not a folder")
    with pytest.raises(StoreUnusable) as caught:
        ContentStore(tmp_path / "taken", max_bytes=1)
    assert caught.value.hint


def test_metadata_that_is_not_a_database(tmp_path: Path) -> None:
    (tmp_path / "blocks").mkdir()
    (tmp_path / "meta.sqlite").write_bytes(os.urandom(4096))
    with pytest.raises(StoreUnusable, match="cannot use"):
        ContentStore(tmp_path, max_bytes=1)
