"""Utterances as data for the page."""

import base64
import math

import numpy as np
import pytest
import torch

from mer_cli.page.browser import data, judged
from mer_core.attention import Attention
from mer_core.types import Predictions, Utterance

CLASSES = ("ang", "sad")
LISTING = [Utterance(id=id_, label=label, text=f"text {id_}") for id_, label in (("a", "ang"), ("b", "sad"))]


def predicted(*rows, ids=("a", "b")):
    labels = [{"a": "ang", "b": "sad"}[id_] for id_ in ids]
    return Predictions(list(ids), CLASSES, labels, torch.tensor(rows))


def test_probabilities_are_the_mean_over_seeds_and_the_worst_come_first():
    rows = judged(LISTING, [("1", predicted([0.8, 0.2], [0.9, 0.1])), ("1", predicted([0.6, 0.4], [0.7, 0.3]))])
    assert [row.utterance.id for row in rows] == ["b", "a"]
    assert rows[0].p_C == pytest.approx([0.8, 0.2])
    assert rows[0].loss == pytest.approx(-math.log(0.2))
    assert rows[1].loss == pytest.approx(-math.log(0.7))


def test_a_label_without_any_probability_has_a_finite_loss():
    (row,) = judged(LISTING, [("1", predicted([0.0, 1.0], ids=("a",)))])
    assert 20 < row.loss < 100


def test_a_row_says_what_was_predicted_and_where_its_recording_is():
    rows = judged(LISTING, [("1", predicted([0.4, 0.6], ids=("a",))), ("2", predicted([0.25, 0.75], ids=("b",)))])
    made = data(rows, CLASSES, recordings={"b": "data:x"}, attention={})
    assert made["classes"] == ["ang", "sad"]
    a, b = made["rows"]
    assert (a["id"], a["label"], a["predicted"], a["fold"], a["recording"]) == ("a", 0, 1, "1", None)
    assert (b["id"], b["label"], b["predicted"], b["fold"], b["recording"]) == ("b", 1, 1, "2", "data:x")
    assert b["attention"] is None


def test_weights_are_parts_of_the_largest_of_their_row():
    w_QK = torch.tensor([[0.5, 0.25, 0.25], [0.0, 0.1, 0.9]])
    attention = {"a": Attention({("text", "audio"): w_QK}, {"text": ["so", "what"]})}
    (row,) = data(
        judged(LISTING, [("1", predicted([0.4, 0.6], ids=("a",)))]), CLASSES, recordings={}, attention=attention
    )["rows"]
    (pair,) = row["attention"]["pairs"]
    stored = np.frombuffer(base64.b64decode(pair["weights"]), np.uint8).reshape(pair["shape"])
    assert stored.tolist() == [[255, 128, 128], [0, 28, 255]]
    assert (pair["asks"], pair["asked"]) == ("text", "audio")
    assert row["attention"]["names"] == {"text": ["so", "what"]}
