"""How far a run is and how long it will take, from its events and a clock."""

import pytest

from mer_cli.progress import Progress
from mer_core.events import (
    CellEnded,
    CellFailed,
    CellStarted,
    EpochEnded,
    InCell,
    Planned,
    PlannedRun,
    Preparing,
    Stepped,
)


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


@pytest.fixture
def tell(progress):
    """Tell what happened in the cell of that number, one of three of four epochs each."""

    def told(number, event):
        progress.update(InCell(seed=1, fold=str(number), number=number, cells=3, event=event))

    return told


def started(epoch=0):
    return CellStarted(epoch=epoch, epochs=4)


def epoch(number):
    return EpochEnded(number, {"main": 1.0})


def test_nothing_is_foretold_before_an_epoch_is_done(progress, clock, tell):
    progress.update(Preparing(1, 10))
    tell(1, started())
    clock.now += 7
    tell(1, Stepped(1, 2))
    assert progress.left_s is None
    assert progress.elapsed_s == 7


def test_the_time_left_is_that_of_all_remaining_epochs_of_all_cells(progress, clock, tell):
    clock.now += 50  # preparation does not count as training
    tell(1, started())
    clock.now += 10
    tell(1, epoch(1))
    assert progress.left_s == pytest.approx(10 * (3 * 4 - 1))


def test_part_of_an_epoch_counts(progress, clock, tell):
    tell(1, started())
    clock.now += 10
    tell(1, epoch(1))
    clock.now += 5
    tell(1, Stepped(1, 2))
    assert progress.left_s == pytest.approx(10 * (3 * 4 - 1.5))


def test_two_cells_at_once_take_half_the_time(progress, clock, tell):
    for number in (1, 2):
        tell(number, started())
    clock.now += 10
    tell(1, epoch(1))
    tell(2, epoch(1))
    assert progress.left_s == pytest.approx(5 * (3 * 4 - 2))
    clock.now += 5
    tell(2, Stepped(1, 2))
    assert progress.left_s == pytest.approx(15 / 2.5 * (3 * 4 - 2.5))
    assert [cell.fold for cell in progress.running] == ["1", "2"]


def test_what_was_done_before_a_resume_costs_nothing(progress, clock, tell):
    tell(1, CellEnded({"wa": 0.5}))
    assert progress.left_s is None
    tell(2, started(epoch=3))
    assert progress.left_s is None
    clock.now += 10
    tell(2, epoch(4))
    assert progress.left_s == pytest.approx(10 * 4)


def test_nothing_is_left_at_the_end(progress, clock, tell):
    for number in (1, 2, 3):
        tell(number, started())
        for done in (1, 2, 3, 4):
            clock.now += 10
            tell(number, Stepped(2, 2))
            tell(number, epoch(done))
        tell(number, CellEnded({"wa": 0.5}))
        assert progress.left_s == 40 * (3 - number)
    assert progress.running == []


def test_the_wait_for_the_first_cell_is_no_training_whatever_the_clock_says(tell, progress, clock):
    clock.now = 0.0
    tell(1, started())
    clock.now += 10
    tell(1, epoch(1))
    tell(2, started())
    assert progress.left_s == pytest.approx(10 * (3 * 4 - 1))


def test_each_cell_has_its_own_losses(progress, tell):
    tell(1, started())
    tell(1, EpochEnded(4, {"main": 0.5, "aux1": 2.0}, 0.7))
    tell(2, started())
    one, two = progress.running
    assert (one.losses, one.score, one.epochs_done) == ({"main": 0.5, "aux1": 2.0}, 0.7, 4)
    assert (two.losses, two.score, two.epochs_done) == ({}, None, 0)


def test_cells_that_ended_stand_in_the_order_in_which_they_did(progress, tell):
    for number in (1, 2, 3):
        tell(number, started())
    tell(2, CellEnded({"wa": 0.25}))
    tell(1, CellEnded({"wa": 0.5}))
    assert [(cell.fold, cell.figures) for cell in progress.ended] == [("2", {"wa": 0.25}), ("1", {"wa": 0.5})]
    assert [cell.fold for cell in progress.running] == ["3"]


def test_one_fold_with_two_seeds_is_two_cells(progress):
    for number, seed in enumerate((1, 5), start=1):
        progress.update(InCell(seed=seed, fold="a", number=number, cells=2, event=CellStarted(0, 4)))
    assert [(cell.seed, cell.number) for cell in progress.running] == [(1, 1), (5, 2)]


def test_rows_of_a_table_are_counted_together(progress, clock):
    plan = (PlannedRun("a", "row A", ("1", "2")), PlannedRun("b", "row B", ("1",)))
    progress.update(Planned(plan, (1, 2)))
    assert progress.num_cells == 6

    def tell(run, fold, event, seed=1):
        progress.update(InCell(seed, fold, 1, 2, event, run))

    tell("a", "1", CellStarted(0, 4))
    tell("b", "1", CellStarted(0, 4))
    assert [cell.run for cell in progress.running] == ["a", "b"]
    clock.now += 10
    tell("a", "1", EpochEnded(2, {}))
    tell("b", "1", CellFailed("no room"))
    assert [cell.run for cell in progress.running] == ["a"]
    assert progress.left_s == pytest.approx(10 / 6 * (4 * 4 + 2)), "six of 24 epochs are over, two of four here"
