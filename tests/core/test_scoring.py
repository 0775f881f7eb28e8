import pytest
import torch

from mer_core.errors import RunError
from mer_core.scoring import predict, read_predictions, write_predictions
from mer_core.types import Predictions

CLASSES = ["ang", "sad"]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "fold" / "predictions.csv"
    p_NC = torch.tensor([[0.9, 0.1], [1 / 3, 2 / 3], [0.5, 0.5]])
    write_predictions(path, Predictions(["a,1", 'b"2', "ü"], CLASSES, ["ang", "ang", "sad"], p_NC))
    return path


def test_the_file_has_the_documented_columns(path):
    assert path.read_text(encoding="utf-8").splitlines()[:2] == [
        "id,label,predicted,p_ang,p_sad",
        '"a,1",ang,ang,0.899999976,0.100000001',
    ]


def test_what_was_written_is_read_back_to_the_last_bit(tmp_path):
    p_NC = torch.rand(50, 4, generator=torch.Generator().manual_seed(0)).softmax(-1)
    given = Predictions([f"u{i}" for i in range(50)], list("abcd"), list("abcd") * 12 + ["a", "b"], p_NC)
    write_predictions(tmp_path / "p.csv", given)
    read = read_predictions(tmp_path / "p.csv")
    assert (read.ids, read.classes, read.labels) == (given.ids, given.classes, given.labels)
    assert torch.equal(read.p_NC, given.p_NC)
    assert read.predicted == given.predicted


def test_ties_are_read_as_they_were_written(path):
    assert read_predictions(path).predicted == ["ang", "sad", "ang"]


TAMPERED = {
    "prediction": (",ang,ang,0.8", ",ang,sad,0.8", "line 2: predicted is 'sad', but another class is more probable"),
    "unknown prediction": (",ang,ang,", ",ang,joy,", "line 2: predicted is 'joy', but another class is more probable"),
    "probability": (",0.899999976,", ",0.8,", r"line 2: the probabilities add up to 0\.9000, not 1"),
    "label": ('b""2",ang', 'b""2",joy', "line 3: label 'joy' is none of the classes ang, sad"),
    "id": ('"a,1"', "ü", "line 4: ü has come before"),
    "no number": ("0.899999976", "much", 'line 2: p_ang is "much", not a number'),
    "row cut off": (",0.5,0.5", ",0.5", "line 4: 4 values for 5 columns"),
    "NaN": ("0.899999976,0.100000001", "nan,nan", "line 2: the probabilities add up to nan, not 1"),
    "header": ("id,label,predicted", "id,predicted,label", r"is not a file of predictions\nIts columns are id, label"),
    "no classes": (",p_ang,p_sad", "", "is not a file of predictions"),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "message"), TAMPERED.values(), ids=TAMPERED)
def test_a_file_that_was_tampered_with_is_refused(path, old, new, message):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(RunError, match=rf"predictions\.csv.*{message}"):
        read_predictions(path)


@pytest.mark.parametrize("columns", [1, 3])
def test_another_number_of_probabilities_in_every_row_is_refused(path, columns):
    rows = ["id,label,predicted,p_ang,p_sad", *(f"{i},ang,ang" + ",1.0" * columns for i in range(3))]
    path.write_text("\n".join(rows))
    with pytest.raises(RunError, match=f"line 2: {3 + columns} values for 5 columns"):
        read_predictions(path)


@pytest.mark.parametrize("content", ["", "id,label,predicted,p_a\n", "\n"])
def test_an_empty_file_is_refused(path, content):
    path.write_text(content)
    with pytest.raises(RunError, match="is not a file of predictions"):
        read_predictions(path)


def test_a_file_that_is_not_text_is_refused(path):
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RunError, match=r"predictions\.csv, line 1: not UTF-8\nRun the fold again"):
        read_predictions(path)


def test_a_missing_file_is_told_with_the_remedy(tmp_path):
    with pytest.raises(
        RunError, match=r"predictions\.csv is missing\nGo on with mer run --resume: the fold is trained"
    ):
        read_predictions(tmp_path / "predictions.csv")


def test_predictions_come_in_the_order_asked_for_and_add_up_to_one(toys):
    made = toys(fusion={"use": "cross-attn"}, train={"dropout": 0.5})
    indices = [40, 3, 17, 0, 5, *range(6, 16)]
    together = predict(made.pipeline, made.examples, indices)
    alone = [predict(made.pipeline, made.examples, [i]) for i in indices]
    assert together.ids == [f"u{i:04d}" for i in indices]
    assert together.labels == [made.examples.utterances[i].label for i in indices]
    torch.testing.assert_close(together.p_NC, torch.cat([one.p_NC for one in alone]), atol=1e-6, rtol=0)
    torch.testing.assert_close(together.p_NC.sum(-1), torch.ones(len(indices)))


@pytest.mark.parametrize("training", [True, False])
def test_predicting_leaves_the_mode_and_the_weights_alone(toys, training):
    made = toys()
    made.pipeline.train(training)
    before = {name: tensor.clone() for name, tensor in made.pipeline.state_dict().items()}
    predict(made.pipeline, made.examples, [0, 1])
    assert made.pipeline.training is training
    assert all(torch.equal(tensor, before[name]) for name, tensor in made.pipeline.state_dict().items())
