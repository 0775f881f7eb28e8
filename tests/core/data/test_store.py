import errno
import multiprocessing
import os
import pickle
import signal
import time
from pathlib import Path

import pytest
import torch

from mer_core.data import packs
from mer_core.data import store as module
from mer_core.data.store import (
    FeatureStore,
    NoStore,
    cache_limit,
    cache_root,
    default_store,
    pack_sizes,
    views,
)
from mer_core.errors import RunError, SpecError

ITEM = {"x": torch.arange(6.0).reshape(2, 3), "n": torch.tensor([4]), "none": torch.zeros(0, 5)}
KEY = "ab" * 20
forked = multiprocessing.get_context("fork")


def key(number):
    return f"{number:040x}"


def filled(number, size=1000):
    """An item that tells which key it belongs to."""
    return {"x": torch.full((size,), float(number))}


def equal(item, other):
    return item is not None and item.keys() == other.keys() and all(torch.equal(item[k], other[k]) for k in other)


def test_an_item_comes_back_to_another_store_of_the_folder(store):
    assert store.get(KEY) is None
    store.put(KEY, ITEM)
    assert equal(store.get(KEY), ITEM)
    store.flush()
    assert equal(FeatureStore(store.folder).get(KEY), ITEM)
    assert equal(pickle.loads(pickle.dumps(store)).get(KEY), ITEM)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.uint8, torch.bool])
def test_every_type_and_an_alias_come_back(store, dtype):
    x = torch.tensor([[1, 0], [2, 3]]).to(dtype)
    store.put(KEY, {"a": x, "same": x, "turned": x.T})
    assert equal(store.get(KEY), {"a": x, "same": x, "turned": x.T})
    assert store.get(KEY)["a"].dtype == dtype


def num_files_open():
    return len(list(Path("/proc/self/fd").iterdir()))


def test_an_item_is_a_view_of_the_file_and_keeps_no_file_open(store):
    for number in range(30):
        store.put(key(number), filled(number))
        store.flush()
    reader = FeatureStore(store.folder)
    before = num_files_open()
    first, again = reader.get(key(7)), reader.get(key(7))
    assert first["x"].data_ptr() == again["x"].data_ptr()
    assert all(equal(reader.get(key(n)), filled(n)) for n in range(30))
    assert num_files_open() == before


def test_many_writers_one_after_the_other_share_a_pack(store):
    for number in range(10):
        other = FeatureStore(store.folder)
        other.put(key(number), filled(number))
        other.flush()
    assert len(pack_sizes(store.folder)) == 1


def test_what_a_store_kept_a_moment_ago_is_seen_by_one_that_is_open(store, monkeypatch):
    monkeypatch.setattr(module, "REFRESH_S", 0.0)
    reader = FeatureStore(store.folder)
    assert reader.get(KEY) is None
    for number in range(3):
        store.put(key(number), filled(number))
        store.flush()
        assert equal(reader.get(key(number)), filled(number))


def writing(folder, numbers, rounds):
    for _ in range(rounds):
        mine = FeatureStore(folder)
        for number in numbers:
            mine.put(key(number), filled(number))
        mine.flush()


def test_two_processes_write_and_one_reads_and_none_sees_another_item(store, monkeypatch):
    monkeypatch.setattr(module, "REFRESH_S", 0.0)
    workers = [forked.Process(target=writing, args=(store.folder, range(40), 5)) for _ in range(2)]
    for worker in workers:
        worker.start()
    seen = 0
    while any(worker.is_alive() for worker in workers):
        reader = FeatureStore(store.folder)
        for number in range(40):
            found = reader.get(key(number))
            assert found is None or equal(found, filled(number))
            seen += found is not None
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert seen > 0
    assert all(equal(FeatureStore(store.folder).get(key(n)), filled(n)) for n in range(40))


def writing_for_ever(folder, first):
    module.FLUSH_S = 0.0
    mine = FeatureStore(folder)
    number = first
    while True:
        mine.put(key(number), filled(number, size=20_000))
        number += 1


@pytest.mark.parametrize("after_s", [0.05, 0.15, 0.3])
def test_a_writer_that_is_killed_leaves_a_store_that_reads_and_writes(store, after_s):
    worker = forked.Process(target=writing_for_ever, args=(store.folder, 0))
    worker.start()
    while not FeatureStore(store.folder).get(key(0)):
        time.sleep(0.01)
    time.sleep(after_s)
    os.kill(worker.pid, signal.SIGKILL)
    worker.join()
    reader, number = FeatureStore(store.folder), 0
    while (found := reader.get(key(number))) is not None:
        assert equal(found, filled(number, size=20_000))
        number += 1
    assert number > 0
    writing(store.folder, range(number, number + 5), 1)
    assert all(equal(FeatureStore(store.folder).get(key(n)), filled(n)) for n in range(number, number + 5))


@pytest.mark.parametrize("torn", ["ab12", "ab12 0 5", KEY + " 0 9999999999 d", KEY + " x y z", "\0\0\0"])
def test_a_torn_end_of_an_index_is_passed_over_and_gone_on_with(store, torn):
    store.put(key(1), filled(1))
    store.flush()
    (index,) = store.folder.glob("*.index")
    index.write_text(index.read_text() + torn)
    other = FeatureStore(store.folder)
    assert equal(other.get(key(1)), filled(1))
    assert other.get(KEY) is None
    other.put(KEY, ITEM)
    other.flush()
    assert len(pack_sizes(store.folder)) == 1
    assert equal(FeatureStore(store.folder).get(KEY), ITEM)


@pytest.mark.parametrize("content", [b"", b"abc", b"\xff" * 2000, b"\0" * 2000])
def test_a_damaged_pack_counts_as_absent_and_is_mended_by_the_next_put(store, content):
    store.put(KEY, ITEM)
    store.flush()
    (path,) = store.folder.glob("*.pack")
    path.write_bytes(content)
    other = FeatureStore(store.folder)
    assert other.get(KEY) is None
    other.put(KEY, ITEM)
    assert equal(other.get(KEY), ITEM)


@pytest.mark.parametrize("data", [b"", b"1234567", b"\x05" + b"\0" * 7 + b"[1,2]", b"\x02" + b"\0" * 7 + b"{}"[:1]])
def test_what_is_no_safetensors_is_refused(data):
    with pytest.raises(ValueError, match=r"header|Expecting"):
        views(torch.frombuffer(bytearray(data), dtype=torch.uint8) if data else torch.zeros(0, dtype=torch.uint8))


@pytest.fixture
def full_disk(monkeypatch):
    """After `budget` bytes a disk is full: what fits of a write is written, as the system does it."""

    def fill(budget):
        left, real = [budget], os.write

        def write(descriptor, data):
            if left[0] <= 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            done = real(descriptor, bytes(data[: left[0]]))
            left[0] -= done
            return done

        monkeypatch.setattr(packs.os, "write", write)

    return fill


@pytest.mark.parametrize("budget", [0, 100, 4300])
def test_a_full_disk_is_told_with_the_remedy_and_leaves_the_store_usable(store, full_disk, monkeypatch, budget):
    store.put(key(1), filled(1))
    store.flush()
    full_disk(budget)
    expected = (
        r"the cache .*store could not be written: No space left on device\n"
        r"Make room \(mer cache clear\), set MER_CACHE to another place, or run with --no-cache\."
    )
    with pytest.raises(RunError, match=expected):
        writing(store.folder, [2, 3], 1)
    monkeypatch.undo()
    assert equal(store.get(key(1)), filled(1))
    other = FeatureStore(store.folder)
    other.put(KEY, ITEM)
    other.flush()
    again = FeatureStore(store.folder)
    assert equal(again.get(key(1)), filled(1))
    assert equal(again.get(KEY), ITEM)
    assert again.get(key(3)) is None


def test_a_full_disk_while_lines_are_written_loses_only_those(store, full_disk, monkeypatch):
    store.put(key(1), filled(1))
    full_disk(20)
    with pytest.raises(RunError, match="No space left"):
        store.flush()
    monkeypatch.undo()
    other = FeatureStore(store.folder)
    assert other.get(key(1)) is None
    other.put(key(1), filled(1))
    other.flush()
    assert equal(FeatureStore(store.folder).get(key(1)), filled(1))


def test_a_folder_that_cannot_be_written_to_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"the cache .*file could not be written: "):
        FeatureStore(tmp_path / "file").put(KEY, ITEM)


# The limit

SMALL = 4 * 1000 + 200  # an item of 1000 numbers with its header, and a little


def keep(folder, numbers, *, limit):
    kept = FeatureStore(folder, limit_bytes=limit)
    for number in numbers:
        kept.put(key(number), filled(number))
    kept.flush()
    return kept


def test_the_least_recently_used_give_way_and_what_is_in_use_does_not(store):
    limit = 80 * SMALL
    keep(store.folder, range(60), limit=limit)
    for number, name in enumerate(pack_sizes(store.folder)):
        os.utime(packs.index_file(store.folder, name), (number, number))
        os.utime(packs.pack_file(store.folder, name), (number, number))
    kept = FeatureStore(store.folder, limit_bytes=limit)
    assert kept.get(key(0)) is not None  # the oldest: now in use
    for number in range(100, 150):
        kept.put(key(number), filled(number))
    kept.flush()
    after = FeatureStore(store.folder)
    there = {n for n in [*range(60), *range(100, 150)] if after.get(key(n)) is not None}
    assert sum(pack_sizes(store.folder).values()) <= limit
    assert kept.refused == 0
    assert 0 in there
    assert set(range(100, 150)) <= there
    assert 20 not in there
    assert 59 in there


def test_what_alone_passes_the_limit_is_not_kept_and_counted(store):
    kept = keep(store.folder, range(50), limit=20 * SMALL)
    assert sum(pack_sizes(store.folder).values()) <= 20 * SMALL
    there = sum(FeatureStore(store.folder).get(key(n)) is not None for n in range(50))
    assert kept.refused == 50 - there
    assert 15 <= there <= 20


def test_what_was_evicted_by_another_stays_readable_where_it_is_mapped(store):
    keep(store.folder, range(5), limit=None)
    reader = FeatureStore(store.folder)
    item = reader.get(key(3))
    for name in pack_sizes(store.folder):
        module.remove_pack(store.folder, name)
    assert equal(item, filled(3))
    assert equal(reader.get(key(4)), filled(4))
    assert FeatureStore(store.folder).get(key(4)) is None


@pytest.mark.parametrize(("text", "limit"), [("3MB", 3_000_000), ("1GiB", 2**30), ("", 50 * 10**9), ("12", 12)])
def test_the_limit_is_what_the_variable_says(monkeypatch, text, limit):
    monkeypatch.setenv("MER_CACHE_LIMIT", text)
    assert cache_limit() == limit
    assert default_store().limit_bytes == limit


def test_a_limit_that_is_no_size_is_told(monkeypatch):
    monkeypatch.setenv("MER_CACHE_LIMIT", "much")
    with pytest.raises(SpecError, match=r"MER_CACHE_LIMIT is 'much', which is no size\nWrite it as 200GB or 800MB\."):
        default_store()


def test_the_cache_is_where_the_variable_says(monkeypatch, tmp_path):
    monkeypatch.setenv("MER_CACHE", str(tmp_path))
    assert cache_root() == tmp_path
    assert default_store().folder == tmp_path / "prepared"
    monkeypatch.delenv("MER_CACHE")
    assert cache_root().name == "mer"


def test_no_store_keeps_nothing():
    nothing = NoStore()
    nothing.put(KEY, ITEM)
    nothing.flush()
    assert nothing.get(KEY) is None
