"""How far a run is and how long it will take, from its events and a clock."""

import pytest

from mer_cli.progress import Progress
from mer_core.events import CellEnded, CellStarted, EpochEnded, Preparing, Stepped


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def progress(clock):
    return Progress(clock)


def cell(number, *, epoch=0):
    return CellStarted(seed=1, fold=str(number), number=number, cells=3, epoch=epoch, epochs=4)


def test_nothing_is_foretold_before_an_epoch_is_done(progress, clock):
    progress.update(Preparing(1, 10))
    progress.update(cell(1))
    clock.now += 7
    progress.update(Stepped(1, 2))
    assert progress.left_s is None
    assert progress.elapsed_s == 7


def test_the_time_left_is_that_of_all_remaining_epochs_of_all_cells(progress, clock):
    clock.now += 50  # preparation does not count as training
    progress.update(cell(1))
    clock.now += 10
    progress.update(EpochEnded(1, {"main": 1.0}))
    assert progress.left_s == pytest.approx(10 * (3 * 4 - 1))


def test_part_of_an_epoch_counts(progress, clock):
    progress.update(cell(1))
    clock.now += 10
    progress.update(EpochEnded(1, {"main": 1.0}))
    clock.now += 5
    progress.update(Stepped(1, 2))
    assert progress.left_s == pytest.approx(10 * (3 * 4 - 1.5))


def test_what_was_done_before_a_resume_costs_nothing(progress, clock):
    progress.update(cell(2, epoch=3))
    clock.now += 10
    progress.update(EpochEnded(4, {"main": 1.0}))
    assert progress.left_s == pytest.approx(10 * 4)


def test_nothing_is_left_at_the_end(progress, clock):
    for number in (1, 2, 3):
        progress.update(cell(number))
        for epoch in (1, 2, 3, 4):
            clock.now += 10
            progress.update(Stepped(2, 2))
            progress.update(EpochEnded(epoch, {"main": 1.0}))
    assert progress.left_s == 0


def test_a_new_cell_starts_without_the_losses_of_the_last(progress):
    progress.update(cell(1))
    progress.update(EpochEnded(4, {"main": 0.5, "aux1": 2.0}, 0.7))
    assert (progress.losses, progress.score, progress.epochs_done) == ({"main": 0.5, "aux1": 2.0}, 0.7, 4)
    progress.update(CellEnded(1, "1", {"wa": 0.5}))
    progress.update(cell(2))
    assert (progress.losses, progress.score, progress.epochs_done) == ({}, None, 0)
    assert [ended.fold for ended in progress.ended] == ["1"]
