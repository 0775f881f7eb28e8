"""What is drawn on a terminal; the plain lines are tested where they are used."""

import io

import pytest
from rich.console import Console

from mer_cli import console, live
from mer_core.events import CellEnded, CellStarted, EpochEnded, InCell, Note, Preparing, Stepped


@pytest.fixture
def terminal(monkeypatch):
    """A terminal of 80 columns that remembers what was drawn, without colours."""
    screen = Console(file=io.StringIO(), force_terminal=True, width=80, height=30, color_system=None)
    monkeypatch.setattr(console, "screen", lambda *, stderr=False: screen)
    return screen


def drawn(view, terminal):
    """Draw on a paper of the terminal's size: the view's own thread is drawing on the terminal."""
    paper = Console(file=io.StringIO(), width=terminal.width, height=terminal.height)
    paper.print(view._render())
    return [line.rstrip() for line in paper.file.getvalue().splitlines() if line.strip()]


def tell(view, fold, *events, cells=4):
    """Tell the view what happened in one fold of seed 1."""
    for event in events:
        view.listen(InCell(seed=1, fold=str(fold), number=int(fold), cells=cells, event=event))


@pytest.fixture
def view(terminal):
    with live.LiveView(several_seeds=True, remark="") as view:
        yield view


def test_preparation_shows_how_many_utterances(view, terminal):
    view.listen(Preparing(3, 10))
    assert drawn(view, terminal)[0].endswith("preparing utterances 3 of 10")
    view.listen(Preparing(10, 10))
    assert drawn(view, terminal)[0].endswith("10 utterances; starting …"), "workers take seconds to start"


def test_training_shows_fold_seed_epoch_step_losses_and_finished_folds(view, terminal):
    tell(view, 1, CellStarted(0, 5), CellEnded({"wa": 0.625, "ua": 0.5}))
    tell(view, 2, CellStarted(0, 5), EpochEnded(1, {"main": 1.25, "aux1": 2.5}), Stepped(7, 20))
    lines = drawn(view, terminal)
    assert lines[0].split() == ["WA", "UA"]
    assert lines[2].split() == ["fold", "1,", "seed", "1", "62.50", "50.00"]
    assert lines[3] == "fold 2, seed 1  (2 of 4)   epoch 2 of 5"
    assert lines[4].endswith("step 7 of 20")
    assert lines[5] == "losses of epoch 1: main 1.250  aux1 2.500"
    assert lines[6].startswith("elapsed 0:00   left ")


def test_two_folds_at_once_stand_one_below_the_other(view, terminal):
    for fold in (1, 2):
        tell(view, fold, CellStarted(0, 5), Stepped(fold, 20))
    tell(view, 1, EpochEnded(1, {"main": 1.25}))
    lines = drawn(view, terminal)
    assert lines[0] == "fold 1, seed 1  (1 of 4)   epoch 2 of 5"
    assert lines[1].endswith("step 0 of 20")
    assert lines[2] == "losses of epoch 1: main 1.250"
    assert lines[3] == "fold 2, seed 1  (2 of 4)   epoch 1 of 5"
    assert lines[4].endswith("step 2 of 20")


def test_many_folds_at_once_take_a_line_each(view, terminal):
    for fold in (1, 2, 3):
        tell(view, fold, CellStarted(0, 10), EpochEnded(8 + fold - 1, {"main": 1.25}), Stepped(10 + fold, 20))
    lines = drawn(view, terminal)
    assert [line.translate(dict.fromkeys(map(ord, "━╺╸"))).split() for line in lines[:2]] == [
        f"fold {fold}, seed 1 epoch {8 + fold} of 10 step 1{fold} of 20 main 1.250".split() for fold in (1, 2)
    ]
    assert lines[2].startswith("fold 3, seed 1  epoch 10 of 10  ━")
    assert lines[2].split()[-3:] == ["testing", "main", "1.250"], "no step is left"
    assert lines[3].startswith("elapsed ")


@pytest.mark.parametrize("running", [0, 1, 2, 5, 100])
def test_neither_finished_folds_nor_those_at_work_fill_the_screen(view, terminal, running):
    for fold in range(100):
        tell(view, fold, CellEnded({"wa": 0.5}))
    for fold in range(100, 100 + running):
        tell(view, fold, CellStarted(0, 5), EpochEnded(1, {"main": 1.25}), cells=200)
    lines = drawn(view, terminal)
    assert len(lines) < terminal.height
    assert any("fold 99, seed 1" in line for line in lines), "the latest"
    assert lines[-1].startswith("elapsed ")
    assert ("… and 85 more" in lines) == (running == 100)


def test_what_was_selected_on_test_is_never_a_bare_figure(terminal):
    with live.LiveView(several_seeds=False, remark="selected on test (optimistic)") as view:
        tell(view, 1, CellStarted(0, 5), EpochEnded(1, {"main": 1.25}, 0.5))
        assert "score 50.00 selected on test (optimistic)" in " ".join(" ".join(drawn(view, terminal)).split())
        for fold in (2, 3):
            tell(view, fold, CellStarted(0, 5), EpochEnded(1, {"main": 1.25}, 0.5))
        assert "50.00" not in " ".join(drawn(view, terminal)), "no room for the remark: no score"
        tell(view, 1, CellEnded({"wa": 0.5}))
        assert drawn(view, terminal)[0].split()[:4] == ["selected", "on", "test", "(optimistic)"]


def test_the_live_view_is_gone_at_the_end(terminal):
    with live.watch(several_seeds=False) as listener:
        listener(Note("run directory: here"))
        listener(Preparing(1, 2))
    text = terminal.file.getvalue()
    assert "run directory: here" in text
    assert text.endswith("\x1b[2K") or "\x1b[1A" in text, "the lines are erased"


def test_an_error_is_a_panel_with_its_remedy(terminal):
    console.error("no such corpus", "Name another.")
    lines = terminal.file.getvalue().splitlines()
    assert lines[0].startswith("╭─ error ")
    assert lines[1].startswith("│ no such corpus ")
    assert lines[2].startswith("│ Name another.")
