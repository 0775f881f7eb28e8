"""What figures with a known name must be, by scikit-learn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn import metrics

from mer_core.types import Predictions

Truth = Callable[[list[str], list[str], list[str], Any], Any]
"""From true and predicted labels, the classes and the probabilities (N x C) to the figure."""


def _score(name: str, **options: Any) -> Truth:
    def truth(true: list[str], predicted: list[str], classes: list[str], p_NC: Any) -> Any:
        return float(getattr(metrics, name)(true, predicted, **options))

    return truth


def _by_class(name: str) -> Truth:
    def truth(true: list[str], predicted: list[str], classes: list[str], p_NC: Any) -> Any:
        values = getattr(metrics, name)(true, predicted, labels=classes, average=None, zero_division=np.nan)
        return dict(zip(classes, values.tolist(), strict=True))

    return truth


def _with_classes(name: str, **options: Any) -> Truth:
    """A score of scikit-learn that sorts the classes itself: probabilities must be in that order."""

    def truth(true: list[str], predicted: list[str], classes: list[str], p_NC: Any) -> Any:
        order = np.argsort(classes)
        return float(getattr(metrics, name)(true, p_NC[:, order], labels=sorted(classes), **options))

    return truth


def _confusion(true: list[str], predicted: list[str], classes: list[str], p_NC: Any) -> Any:
    return metrics.confusion_matrix(true, predicted, labels=classes).tolist()


KNOWN: dict[str, Truth] = {
    "accuracy": _score("accuracy_score"),
    "balanced_accuracy": _score("balanced_accuracy_score"),
    "macro_f1": _score("f1_score", average="macro", zero_division=0.0),
    "weighted_f1": _score("f1_score", average="weighted", zero_division=0.0),
    "micro_f1": _score("f1_score", average="micro"),
    "macro_precision": _score("precision_score", average="macro", zero_division=0.0),
    "macro_recall": _score("recall_score", average="macro", zero_division=0.0),
    "mcc": _score("matthews_corrcoef"),
    "kappa": _score("cohen_kappa_score"),
    "recall": _by_class("recall_score"),
    "precision": _by_class("precision_score"),
    "f1": _by_class("f1_score"),
    "confusion": _confusion,
    "log_loss": _with_classes("log_loss"),
    "auroc": _with_classes("roc_auc_score", multi_class="ovr", average="macro"),
}
ALIASES = {
    "wa": "accuracy",
    "acc": "accuracy",
    "weighted_accuracy": "accuracy",
    "ua": "balanced_accuracy",
    "uar": "balanced_accuracy",
    "unweighted_accuracy": "balanced_accuracy",
    "f1_macro": "macro_f1",
    "f1_weighted": "weighted_f1",
    "f1_micro": "micro_f1",
    "matthews": "mcc",
    "cohen_kappa": "kappa",
    "confusion_matrix": "confusion",
    "nll": "log_loss",
    "cross_entropy": "log_loss",
    "roc_auc": "auroc",
}
UNDEFINED_WHEN_ABSENT = ("recall",)
"""Figures by class that have no value for a class that no utterance has."""


def canonical(name: str) -> str:
    """Return the name under which a figure is known here, or the name itself."""
    plain = name.lower().replace("-", "_")
    return ALIASES.get(plain, plain)


def truth_of(name: str, predictions: Predictions) -> Any:
    """Return what scikit-learn makes of the predictions under a known name."""
    true: Sequence[str] = list(predictions.labels)
    p_NC = predictions.p_NC.double().numpy()
    return KNOWN[canonical(name)](list(true), predictions.predicted, list(predictions.classes), p_NC)
