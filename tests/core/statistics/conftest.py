"""Systems made of numbers: what they predict is drawn, nothing is trained."""

from collections import defaultdict
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mer_core.statistics.systems import System, Trial
from mer_core.types import Predictions, Utterance

CLASSES = ("ang", "hap", "neu", "sad")


@pytest.fixture(scope="session")
def made():
    return SimpleNamespace(corpus=make_corpus, system=make_system, drawn=drawn)


def make_corpus(rng, *, dialogs=30, folds=5, each=8, classes=4, **fields):
    """Utterances of `dialogs` dialogs, which take turns in `folds` sessions of two speakers."""
    return [
        Utterance(
            id=f"d{dialog:03d}-{turn:02d}",
            label=CLASSES[rng.integers(classes)],
            session=str(dialog % folds + 1),
            speaker=f"{dialog % folds + 1}{'FM'[turn % 2]}",
            fields={"dialog": f"d{dialog:03d}", **fields},
        )
        for dialog in range(dialogs)
        for turn in range(each)
    ]


def make_system(name, utterances, predicted_KN, *, fold=lambda u: u.session, classes=CLASSES, known=True):
    """A system whose k-th seed (1, 2, ...) predicts these classes; `known`: with what is known of the utterances."""
    trials = []
    for seed, predicted_N in enumerate(predicted_KN, start=1):
        rows = defaultdict(list)
        for row, utterance in enumerate(utterances):
            rows[fold(utterance)].append(row)
        for name_, own in sorted(rows.items()):
            p_NC = torch.eye(len(classes))[[classes.index(predicted_N[i]) for i in own]]
            chosen = [utterances[i] for i in own]
            predictions = Predictions([u.id for u in chosen], classes, [u.label for u in chosen], p_NC)
            trials.append(Trial(seed, name_, predictions))
    by_id = {u.id: u for u in utterances} if known else {}
    return System(name=name, trials=tuple(trials), utterances=by_id)


def drawn(rng, utterances, accuracy, *, spread=0.0):
    """Return predictions that are right with a probability that varies from dialog to dialog."""
    shift = defaultdict(lambda: rng.normal(0, spread))
    chosen = []
    for u in utterances:
        right = rng.random() < np.clip(accuracy + shift[u.fields["dialog"]], 0.02, 0.98)
        chosen.append(u.label if right else CLASSES[(CLASSES.index(u.label) + rng.integers(1, 4)) % 4])
    return chosen
