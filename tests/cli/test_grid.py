"""The grid of rows by folds, and the lines where there is no terminal."""

import io

import pytest
from rich.console import Console

from mer_cli import console, grid
from mer_core.events import (
    CellEnded,
    CellFailed,
    CellStarted,
    EpochEnded,
    InCell,
    Note,
    Planned,
    PlannedRun,
    Preparing,
    Stepped,
)

PLAN = (PlannedRun("a-1", "row A", ("1", "2")), PlannedRun("b-2", "row B", ("1", "2")))


@pytest.fixture
def terminal(monkeypatch):
    screen = Console(file=io.StringIO(), force_terminal=True, width=80, height=30, color_system=None)
    monkeypatch.setattr(console, "screen", lambda *, stderr=False: screen)
    return screen


@pytest.fixture
def view(terminal):
    with grid.GridView("") as view:
        yield view


def tell(view, run, fold, *events, seed=1):
    for event in events:
        view.listen(InCell(seed, fold, 1, 2, event, run))


def drawn(view):
    paper = Console(file=io.StringIO(), width=80, height=30)
    paper.print(view._render())
    return [line.rstrip() for line in paper.file.getvalue().splitlines() if line.strip()]


def test_before_the_plan_it_shows_the_preparation(view):
    view.listen(Preparing(3, 10))
    assert "preparing utterances 3 of 10" in drawn(view)[0]


def test_every_fold_of_every_row_has_its_place(view):
    view.listen(Planned(PLAN, (1,)))
    tell(view, "a-1", "1", CellStarted(0, 4), CellEnded({"wa": 0.5, "ua": 0.25}))
    tell(view, "a-1", "2", CellStarted(0, 4), EpochEnded(1, {"main": 1.0}), Stepped(1, 2))
    tell(view, "b-2", "1", CellStarted(0, 4), CellFailed("no room"))
    lines = drawn(view)
    assert lines[0] == "UA in percent, as far as it is done"
    assert lines[1].split() == ["fold", "1", "fold", "2"]
    assert lines[3].split() == ["row", "A", "25.00", "38", "%"]
    assert lines[4].split() == ["row", "B", "failed", "·"]
    assert lines[5].endswith("2 of 4 folds and seeds")
    assert lines[6].startswith("elapsed ")
    tell(view, "b-2", "1", CellStarted(0, 4), CellEnded({"wa": 1.0, "ua": 1.0}))
    assert drawn(view)[4].split() == ["row", "B", "100.00", "·"]


def test_seeds_of_a_fold_are_shown_together(view):
    view.listen(Planned(PLAN, (1, 2)))
    tell(view, "a-1", "1", CellStarted(0, 4), CellEnded({"wa": 0.5}))
    assert drawn(view)[3].split() == ["row", "A", "50", "%", "·"]
    tell(view, "a-1", "1", CellStarted(0, 4), CellEnded({"wa": 1.0}), seed=2)
    assert drawn(view)[0].startswith("WA")
    assert drawn(view)[3].split() == ["row", "A", "75.00", "·"]


def test_without_a_terminal_each_fold_is_a_line(capsys):
    with grid.watch(remark="selected on test (optimistic)") as listener:
        listener(Note("odd is left out"))
        listener(Planned(PLAN, (1, 2)))
        listener(InCell(2, "1", 1, 2, CellStarted(0, 4), "a-1"))
        listener(InCell(2, "1", 1, 2, CellEnded({"ua": 0.5}), "a-1"))
        listener(InCell(1, "2", 1, 2, CellFailed("no room"), "b-2"))
    assert capsys.readouterr().out.splitlines() == [
        "odd is left out",
        "row A, fold 1, seed 2  UA 50.00  selected on test (optimistic)",
        "row B, fold 2, seed 1  failed: no room",
    ]
