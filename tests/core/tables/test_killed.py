"""Processes that are killed anywhere, and two that work on one store at once. They are forked, so torch is there."""

import json
import multiprocessing
import random
import signal
import time

import pytest

from mer_core.events import CellStarted, InCell

KILLS = 5

pytestmark = pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="this system cannot fork")


def work(reproduction, started, path):
    """Make the tables, note which cells were trained, and keep the result."""

    def listen(event):
        if isinstance(event, InCell) and isinstance(event.event, CellStarted):
            with started.open("a") as file:
                file.write(f"{event.run} {event.fold} {event.event.epoch}\n")

    path.write_text(json.dumps(reproduction(listener=listen).run()))


@pytest.fixture
def process(reproduction, tmp_path):
    """Start a process that makes the tables; its result is in `tmp_path/NAME.json`."""
    processes = []

    def start(name):
        arguments = (reproduction, tmp_path / "started", tmp_path / f"{name}.json")
        processes.append(multiprocessing.get_context("fork").Process(target=work, args=arguments))
        processes[-1].start()
        return processes[-1]

    yield start
    for one in processes:
        one.kill()


def result(tmp_path, name):
    return json.loads((tmp_path / f"{name}.json").read_text())


def left(out):
    """Return what the cells left, and whatever half a file there is."""
    files = [p for p in sorted(out.rglob("*")) if p.is_file() and not p.name.endswith(".lock")]
    return {str(p.relative_to(out)): p.read_bytes() for p in files if "fold-" in str(p)}


def test_killed_anywhere_it_ends_with_the_table_of_an_undisturbed_one(process, whole, tmp_path):
    rng, killed = random.Random(5), 0
    begun = time.monotonic()
    assert process("undisturbed").join(120) is None
    whole_s = time.monotonic() - begun
    undisturbed = result(tmp_path, "undisturbed")
    assert undisturbed == whole.tables
    (tmp_path / "out").rename(tmp_path / "undisturbed")
    for number in range(KILLS):
        one = process(f"killed-{number}")
        time.sleep(rng.uniform(0.0, 2 * whole_s / KILLS))
        one.kill()
        one.join()
        killed += one.exitcode == -signal.SIGKILL
    assert killed, "not one was still at work"
    last = process("last")
    last.join(120)
    assert last.exitcode == 0
    assert result(tmp_path, "last") == undisturbed
    assert left(tmp_path / "out") == left(tmp_path / "undisturbed")


def test_two_at_once_share_the_work_and_end_with_the_same_tables(process, whole, tmp_path):
    both = [process("one"), process("other")]
    for one in both:
        one.join(120)
        assert one.exitcode == 0
    assert result(tmp_path, "one") == result(tmp_path, "other") == whole.tables
    assert left(tmp_path / "out") == left(whole.out)
    trained = (tmp_path / "started").read_text().splitlines()
    assert len(trained) == len(set(trained)) == 8, "no cell twice"
