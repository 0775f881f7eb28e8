import pytest
import torch

from mer_core.data.cache import CacheInfo, clear, info, verify
from mer_core.data.store import FeatureStore


def key(number):
    return f"{number:040x}"


@pytest.fixture
def filled(store):
    for number in range(6):
        store.put(key(number), {"x": torch.full((100,), float(number))}, of=f"audio of u{number}")
    store.flush()
    return store.folder


def spoil(folder, number):
    """Change one byte of an item's tensor on the disk."""
    (pack,) = folder.glob("*.pack")
    content = bytearray(pack.read_bytes())
    place = FeatureStore(folder)
    place.get(key(number))
    content[place._places[key(number)].offset + 300] ^= 1
    pack.write_bytes(content)


def test_what_is_there_is_told(filled, tmp_path):
    (pack,) = filled.glob("*.pack")
    assert info(filled) == CacheInfo(items=6, packs=1, num_bytes=pack.stat().st_size)
    assert info(tmp_path / "nowhere") == CacheInfo(0, 0, 0)


def test_cleared_it_is_empty_and_usable(filled):
    assert clear(filled).items == 6
    assert list(filled.iterdir()) == []
    again = FeatureStore(filled)
    again.put(key(1), {"x": torch.ones(3)})
    again.flush()
    assert info(filled).items == 1


def test_a_sound_cache_stays_as_it_is(filled):
    told = []
    assert verify(filled, lambda done, total: told.append((done, total))) == (6, [])
    assert told[-1][0] <= told[-1][1]
    assert len(told) == 6
    assert info(filled).items == 6


def test_damaged_items_are_named_and_taken_out(filled):
    spoil(filled, 2)
    spoil(filled, 4)
    open_before = FeatureStore(filled)
    assert open_before.get(key(2)) is not None, "a changed number is seen by verify alone"
    sound, damaged = verify(filled)
    assert sound == 4
    assert [one.of for one in damaged] == ["audio of u2", "audio of u4"]
    assert [one.key for one in damaged] == [key(2), key(4)]
    store = FeatureStore(filled)
    assert [store.get(key(n)) is not None for n in range(6)] == [True, True, False, True, False, True]
    assert (info(filled).items, verify(filled)) == (4, (4, []))
    store.put(key(2), {"x": torch.full((100,), 2.0)})
    store.flush()
    assert FeatureStore(filled).get(key(2))["x"][0] == 2.0
    assert verify(filled) == (5, [])


def test_a_pack_that_was_cut_off_or_has_gone_is_found(filled):
    (pack,) = filled.glob("*.pack")
    pack.write_bytes(pack.read_bytes()[:700])
    sound, damaged = verify(filled)
    assert (sound, len(damaged)) == (1, 5)
    assert verify(filled) == (1, [])
