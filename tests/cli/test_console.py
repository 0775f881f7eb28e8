"""What is drawn on a terminal; the plain lines are tested where they are used."""

import io

import pytest
from rich.console import Console

from mer_cli import console
from mer_core.events import CellEnded, CellStarted, EpochEnded, Note, Preparing, Stepped


@pytest.fixture
def terminal(monkeypatch):
    """A terminal of 80 columns that remembers what was drawn, without colours."""
    screen = Console(file=io.StringIO(), force_terminal=True, width=80, height=30, color_system=None)
    monkeypatch.setattr(console, "_screen", lambda *, stderr=False: screen)
    return screen


def drawn(view, terminal):
    """Draw on a paper of the terminal's size: the view's own thread is drawing on the terminal."""
    paper = Console(file=io.StringIO(), width=terminal.width, height=terminal.height)
    paper.print(view._render())
    return [line.rstrip() for line in paper.file.getvalue().splitlines() if line.strip()]


@pytest.fixture
def view(terminal):
    with console._LiveView(several_seeds=True, remark="") as view:
        yield view


def test_preparation_shows_how_many_utterances(view, terminal):
    view.listen(Preparing(3, 10))
    assert drawn(view, terminal)[0].endswith("preparing utterances 3 of 10")


def test_training_shows_fold_seed_epoch_batch_losses_and_finished_folds(view, terminal):
    view.listen(CellStarted(seed=1, fold="1", number=1, cells=4, epoch=0, epochs=5))
    view.listen(CellEnded(1, "1", {"wa": 0.625, "ua": 0.5}))
    view.listen(CellStarted(seed=1, fold="2", number=2, cells=4, epoch=0, epochs=5))
    view.listen(EpochEnded(1, {"main": 1.25, "aux1": 2.5}))
    view.listen(Stepped(7, 20))
    lines = drawn(view, terminal)
    assert lines[0].split() == ["WA", "UA"]
    assert lines[2].split() == ["fold", "1,", "seed", "1", "62.50", "50.00"]
    assert lines[3] == "fold 2, seed 1  (2 of 4)   epoch 2 of 5"
    assert lines[4].endswith("batch 7 of 20")
    assert lines[5] == "losses of epoch 1: main 1.250  aux1 2.500"
    assert lines[6].startswith("elapsed 0:00   left ")


def test_finished_folds_never_fill_the_screen(view, terminal):
    for number in range(100):
        view.listen(CellEnded(1, str(number), {"wa": 0.5}))
    lines = drawn(view, terminal)
    assert len(lines) < terminal.height
    assert any("fold 99, seed 1" in line for line in lines)


def test_what_was_selected_on_test_is_never_a_bare_figure(terminal):
    with console._LiveView(several_seeds=False, remark="selected on test (optimistic)") as view:
        view.listen(CellStarted(seed=1, fold="1", number=1, cells=1, epoch=0, epochs=5))
        view.listen(EpochEnded(1, {"main": 1.25}, 0.5))
        assert "score 50.00 selected on test (optimistic)" in " ".join(" ".join(drawn(view, terminal)).split())
        view.listen(CellEnded(1, "1", {"wa": 0.5}))
        assert drawn(view, terminal)[0].split()[:4] == ["selected", "on", "test", "(optimistic)"]


def test_the_live_view_is_gone_at_the_end(terminal):
    with console.watch(several_seeds=False) as listener:
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
