"""`mer cache`, and runs that do without it."""

import json
import re

import pytest

RUN = ("run", "--pipeline", "toy", "--jobs", 1, "--epochs", 1)


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """A cache that only this test uses."""
    monkeypatch.setenv("MER_CACHE", str(tmp_path / "own"))
    return tmp_path / "own" / "prepared"


def predictions(out):
    return [(out / f"seed-1/fold-{fold}/predictions.csv").read_bytes() for fold in "123"]


def test_what_a_run_prepared_is_shown_checked_and_cleared(mer, own_cache):
    assert mer(*RUN, "--out", "out").exit_code == 0
    there = json.loads(mer("cache", "info", "--json", registry=None).stdout)
    assert there == {
        "folder": str(own_cache),
        "limit_bytes": 50 * 10**9,
        "items": 2 * 24,
        "packs": 1,
        "num_bytes": sum(path.stat().st_size for path in own_cache.glob("*.pack")),
    }
    shown = mer("cache", "info", registry=None).stdout
    assert re.search(r"items +48\nsize +\d+\.\d KB of 50\.0 GB, 1 packs\n", shown)
    checked = mer("cache", "verify", registry=None)
    assert (checked.exit_code, checked.stdout) == (0, "48 items are sound, 0 were damaged\n")
    assert mer("cache", "clear", registry=None).stdout.startswith("48 items removed, ")
    assert json.loads(mer("cache", "info", "--json", registry=None).stdout)["items"] == 0


def test_damage_is_named_ends_with_1_and_is_mended_by_the_next_run(mer, own_cache, workplace):
    mer(*RUN, "--out", "out")
    (pack,) = own_cache.glob("*.pack")
    pack.write_bytes(pack.read_bytes()[:-4] + b"\xff" * 4)
    checked = mer("cache", "verify", registry=None)
    assert checked.exit_code == 1
    assert re.match(
        r"damaged, removed: text of s3-7, in .*\.pack\n47 items are sound, 1 were damaged\n", checked.stdout
    )
    mer(*RUN, "--out", "again")
    assert mer("cache", "verify", registry=None).exit_code == 0
    assert predictions(workplace / "again") == predictions(workplace / "out")


@pytest.mark.parametrize("how", [["--no-cache"], []])
def test_a_run_without_the_cache_or_with_a_full_one_gives_the_same(mer, own_cache, workplace, monkeypatch, how):
    mer(*RUN, "--out", "out")
    before = own_cache.stat().st_mtime_ns
    if not how:
        monkeypatch.setenv("MER_CACHE", str(workplace / "small"))
        monkeypatch.setenv("MER_CACHE_LIMIT", "5KB")
    other = mer(*RUN, "--out", "other", *how)
    assert other.exit_code == 0
    assert predictions(workplace / "other") == predictions(workplace / "out")
    assert own_cache.stat().st_mtime_ns == before
    told = re.search(
        r"\n(\d+) prepared items are more than the cache may hold, and are prepared again in", other.stdout
    )
    assert bool(told) == (not how)
    for command in ("predict", "evaluate"):
        data = ("--data", "toy") if command == "evaluate" else ("--text", "1 2")
        with_cache, without = (mer(command, "out", *data, *no).stdout for no in ([], ["--no-cache"]))
        assert with_cache == without
