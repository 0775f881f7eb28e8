import pytest

from mer_core.cells import class_weights


def test_class_weights_have_mean_one_over_the_training_set(toys):
    made = toys()
    train = [0, 4, 8, 12, 1, 5, 2]  # 4 angry, 2 happy, 1 neutral, 0 sad
    weight_C = class_weights(made.examples, train)
    assert weight_C.tolist() == pytest.approx([7 / 12, 7 / 6, 7 / 3, 0.0])
    assert sum(weight_C[made.examples.label(i)] for i in train) / len(train) == pytest.approx(1.0)
