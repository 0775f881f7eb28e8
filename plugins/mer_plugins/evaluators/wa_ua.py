"""The field's figures: weighted and unweighted accuracy, macro F1, recall per class, confusion."""

from __future__ import annotations

import math

import numpy as np

from mer_core.config import PluginConfig
from mer_core.types import Figure, Predictions


class WeightedUnweighted:
    """WA = share of correct utterances; UA = mean of the recalls of the classes that occur (paper, section 4).

    Figures are shares from 0 to 1. The recall of a class that no test utterance has is NaN and not part of UA or
    macro F1; with no utterance at all everything is NaN.

    Source: Sun, He and Han, "Using Auxiliary Tasks In Multimodal Fusion Of Wav2vec 2.0 And BERT For Multimodal
    Emotion Recognition", ICASSP 2023, arXiv 2302.13661, section 4.

    Differs from the paper: macro F1, recall per class and the confusion matrix are added.
    """

    class Config(PluginConfig):
        """`wa-ua` has no options."""

    def __init__(self, config: Config) -> None:
        pass

    def evaluate(self, predictions: Predictions) -> dict[str, Figure]:
        """Return wa, ua, macro_f1, recall (by class) and confusion (rows true, columns predicted)."""
        true, predicted, classes = list(predictions.labels), predictions.predicted, list(predictions.classes)
        if not true:
            recall = dict.fromkeys(classes, math.nan)
            zeros = [[0] * len(classes) for _ in classes]
            return {"wa": math.nan, "ua": math.nan, "macro_f1": math.nan, "recall": recall, "confusion": zeros}
        # Slow to import, and a run reaches its first step without.
        from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, recall_score

        recalls = recall_score(true, predicted, labels=classes, average=None, zero_division=np.nan)
        occurring = sorted(set(true))
        return {
            "wa": float(accuracy_score(true, predicted)),
            "ua": float(np.nanmean(recalls)),
            "macro_f1": float(f1_score(true, predicted, labels=occurring, average="macro", zero_division=0.0)),
            "recall": {name: float(value) for name, value in zip(classes, recalls, strict=True)},
            "confusion": confusion_matrix(true, predicted, labels=classes).tolist(),
        }
