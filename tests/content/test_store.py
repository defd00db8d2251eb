"""The content store: add, read back, pins, garbage, damage, and what a caller is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from content_samples import sample_bytes

from symphony_chain.content import RAW, Cid, ContentStore
from symphony_chain.content.errors import HashMismatch, MissingContent, TooLarge
from symphony_chain.errors import InvalidInput, NotFound

BIG = 3 * (1 << 20) + 5


def test_add_and_get_small(store: ContentStore) -> None:
    added = store.add(b"a task", "body")
    assert added.cid == Cid.of(b"a task") and added.size_bytes == 6
    assert store.get(added.cid, 6) == b"a task"
    assert store.has(added.cid)
    found = store.stat(added.cid)
    assert (found.kind, found.size_bytes, found.pin_owners) == ("body", 6, ())


def test_add_file_and_add_agree(store: ContentStore, tmp_path: Path) -> None:
    path = tmp_path / "delta"
    path.write_bytes(sample_bytes(BIG))
    added = store.add_file(path, "delta")
    assert added.cid.codec != RAW
    assert store.get(added.cid, BIG) == sample_bytes(BIG)
    assert store.add(sample_bytes(BIG), "delta") == added
    assert store.usage().blocks == 5 and store.usage().roots == 1


def test_get_refuses_more_than_asked_for(store: ContentStore) -> None:
    added = store.add(sample_bytes(BIG), "delta")
    with pytest.raises(TooLarge) as caught:
        store.get(added.cid, BIG - 1)
    assert caught.value.code == "content.too_large"


def test_missing_content(store: ContentStore, tmp_path: Path) -> None:
    cid = Cid.of(b"never added")
    assert not store.has(cid)
    for action in (lambda: store.get(cid, 10), lambda: store.stat(cid), lambda: store.pin(cid)):
        with pytest.raises(MissingContent) as caught:
            action()
        assert caught.value.code == "content.not_found" and caught.value.exit_code == 3
    with pytest.raises(NotFound):
        store.add_file(tmp_path / "nothing")


def test_bad_arguments(store: ContentStore, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        store.add(b"x", "Not A Kind")
    with pytest.raises(InvalidInput):
        ContentStore(tmp_path / "zero", max_bytes=0)


def test_damage_is_found_dropped_and_healed(store: ContentStore) -> None:
    added = store.add(b"precious", "trace")
    store.blocks.path(added.cid).write_bytes(b"prexious")
    with pytest.raises(HashMismatch):
        store.get(added.cid, 100)
    assert not store.has(added.cid)
    store.add(b"precious", "trace")
    assert store.get(added.cid, 100) == b"precious"
    store.blocks.path(added.cid).write_bytes(b"")  # what a power cut leaves
    store.add(b"precious", "trace")
    assert store.get(added.cid, 100) == b"precious"


def test_reopened_store_has_everything(tmp_path: Path) -> None:
    with ContentStore(tmp_path, max_bytes=1 << 20) as first:
        cid = first.add(b"kept", "header").cid
        first.pin(cid, "task-7")
    with ContentStore(tmp_path, max_bytes=1 << 20) as second:
        assert second.get(cid, 4) == b"kept"
        assert second.stat(cid).pin_owners == ("task-7",)


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.now_s = 1e9

    def __call__(self) -> float:
        return self.now_s


def test_gc_keeps_pins_and_the_young_and_stops_at_the_target(tmp_path: Path) -> None:
    clock = Clock()
    with ContentStore(tmp_path, max_bytes=1 << 24, clock=clock) as store:
        pinned = store.add(sample_bytes(BIG, 1), "delta").cid
        store.pin(pinned)
        clock.now_s += 1
        oldest = store.add(bytes(1000), "trace").cid
        clock.now_s += 1
        older = store.add(bytes(2000), "trace").cid
        clock.now_s += 7200
        young = store.add(bytes(500), "trace").cid
        used = store.usage().used_bytes
        assert store.gc(target_bytes=used - 1000) == 1000
        assert not store.has(oldest) and store.has(older)
        assert store.gc() == 2000
        assert store.has(pinned) and store.has(young) and not store.has(older)
        assert store.get(pinned, BIG) == sample_bytes(BIG, 1)
        with pytest.raises(MissingContent):
            store.stat(older)
        store.unpin(pinned)
        clock.now_s += 7200
        assert store.gc() > BIG
        assert store.usage().used_bytes == 0 and store.usage().blocks == 0


def test_a_full_store_makes_room(tmp_path: Path) -> None:
    """What is old and unpinned goes, until a quarter is free; what was added again is not old. One sweep a minute."""
    clock = Clock()
    with ContentStore(tmp_path, max_bytes=8000, clock=clock) as store:
        cids = [store.add(bytes([i]) * 1000, "trace").cid for i in range(8)]
        store.pin(cids[0])
        store.make_room()
        assert store.usage().blocks == 8, "all are young"
        clock.now_s += 3600
        store.add(bytes([1]) * 1000, "trace")
        store.make_room()
        assert [store.has(cid) for cid in cids].count(False) == 2 and store.has(cids[0]) and store.has(cids[1])
        kept = [store.add(bytes([i]) * 1000, "trace").cid for i in (8, 9)]
        clock.now_s += 59
        store.make_room()
        assert store.usage().used_bytes == 8000
        clock.now_s += 1
        store.make_room()
        assert store.usage().used_bytes == 6000 and all(map(store.has, kept))


def test_two_owners_of_a_pin(store: ContentStore) -> None:
    cid = store.add(b"shared", "body").cid
    store.pin(cid, "a")
    store.pin(cid, "b")
    store.pin(cid, "b")
    store.unpin(cid, "a")
    assert store.stat(cid).pin_owners == ("b",)
    store.gc(min_age_s=-1)
    assert store.has(cid)


def test_gc_counts_blocks_that_a_killed_writer_left(tmp_path: Path) -> None:
    with ContentStore(tmp_path, max_bytes=1 << 20) as store:
        store.blocks.put(Cid.of(b"orphan"), b"orphan")  # written, its row never committed
        stray = store.blocks.path(Cid.of(b"orphan")).with_name(".tmp-1-2")
        stray.write_bytes(b"half")
        assert store.gc(min_age_s=-1e9) == len(b"orphan")
        assert not store.blocks.has(Cid.of(b"orphan")) and not stray.exists()


def test_put_block_checks_the_hash(store: ContentStore) -> None:
    with pytest.raises(HashMismatch):
        store.put_block(Cid.of(b"good"), b"evil")
    assert store.usage().blocks == 0 and not store.blocks.has(Cid.of(b"good"))


def test_adopt_needs_the_whole_file(store: ContentStore, other_store: ContentStore) -> None:
    root = store.add(sample_bytes(BIG), "delta").cid
    other_store.put_block(root, store.blocks.get(root))
    with pytest.raises(MissingContent):
        other_store.adopt(root, "delta")
    assert len(other_store.missing(root)) == 4
    for cid in other_store.missing(root):
        other_store.put_block(cid, store.blocks.get(cid))
    other_store.adopt(root, "delta")
    assert other_store.stat(root).size_bytes == BIG
