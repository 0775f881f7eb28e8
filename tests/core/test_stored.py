import re

import pytest
import torch

from mer_core.errors import RunError
from mer_core.files import write_json
from mer_core.rundir import RunDir
from mer_core.scoring import digest_of, predictions_text, write_predictions
from mer_core.stored import read_cell
from mer_core.types import Predictions, Utterance

LISTING = [Utterance(id=id_, label=label) for id_, label in (("a", "sad"), ("b", "ang"), ("c", "ang"))]


@pytest.fixture
def cell(tmp_path):
    """A stored cell that predicts two of the three utterances."""
    made = RunDir(tmp_path).cell(1, "1")
    predictions = Predictions(["a", "b"], ["ang", "sad"], ["sad", "ang"], torch.tensor([[0.25, 0.75], [0.5, 0.5]]))
    write_predictions(made.predictions, predictions)
    write_json(made.history, {"predictions_digest": digest_of(predictions_text(predictions))})
    return made


def rewrite(cell, old, new):
    text = cell.predictions.read_text()
    assert old in text
    cell.predictions.write_text(text.replace(old, new))


def test_what_was_written_is_read_and_not_called_changed(cell):
    stored = read_cell(cell, LISTING)
    assert list(stored.predictions.ids) == ["a", "b"]
    assert not stored.changed


def test_a_change_that_makes_sense_is_followed_and_told(cell):
    rewrite(cell, "0.25,0.75", "0.125,0.875")
    stored = read_cell(cell, LISTING)
    assert stored.changed
    assert stored.predictions.p_NC[0].tolist() == [0.125, 0.875]


@pytest.mark.parametrize(
    ("old", "new", "fact"),
    [
        ("a,sad,", "z,sad,", "z is no utterance of the run"),
        ("b,ang,", "b,sad,", "b is labelled sad, in the run ang"),
        ("a,sad,sad", "a,sad,ang", "line 2: predicted is 'ang', but another class is more probable"),
    ],
)
def test_a_change_that_cannot_be_is_refused_with_its_place(cell, old, new, fact):
    rewrite(cell, old, new)
    with pytest.raises(RunError, match=re.escape(str(cell.predictions)) + f".*{fact}"):
        read_cell(cell, LISTING)


def test_a_missing_file_is_named(cell):
    cell.predictions.unlink()
    with pytest.raises(RunError, match=re.escape(f"{cell.predictions} is missing")):
        read_cell(cell, LISTING)
