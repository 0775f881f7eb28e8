"""A right evaluator, and the same one with one mistake each."""

import math

import numpy as np
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, recall_score

from mer_core.config import PluginConfig


class Right:
    """Accuracy, the share of errors of the most frequent class, recall by class, counts."""

    class Config(PluginConfig):
        pass

    def __init__(self, config):
        pass

    def evaluate(self, predictions):
        true, guess, classes = list(predictions.labels), predictions.predicted, list(predictions.classes)
        if not true:
            return self.nothing(classes)
        recall = recall_score(true, guess, labels=classes, average=None, zero_division=np.nan)
        return {
            "accuracy": float(accuracy_score(true, guess)),
            "num_utterances": len(true),
            "recall": dict(zip(classes, recall.tolist(), strict=True)),
            "confusion": confusion_matrix(true, guess, labels=classes).tolist(),
        }

    def nothing(self, classes):
        counts = [[0] * len(classes) for _ in classes]
        recall = dict.fromkeys(classes, math.nan)
        return {"accuracy": math.nan, "num_utterances": 0, "recall": recall, "confusion": counts}


class LacksEvaluate:
    Config = Right.Config

    def __init__(self, config):
        pass


class Text(Right):
    """nkululeko: a metric that must be parsed back out of a formatted string."""

    def evaluate(self, predictions):
        figures = super().evaluate(predictions)
        return {**figures, "accuracy": f"{figures['accuracy']:.3f}"}


class NumpyFloats(Right):
    def evaluate(self, predictions):
        return {**super().evaluate(predictions), "spread": np.float32(0.5)}


class PerError(Right):
    """Certainty per error: perfect predictions have none."""

    def evaluate(self, predictions):
        wrong = [a != b for a, b in zip(predictions.labels, predictions.predicted, strict=True)]
        value = float(predictions.p_NC.amax(-1).sum()) / sum(wrong) if any(wrong) else math.nan
        return {**super().evaluate(predictions), "certainty_per_error": value}


class Constant:
    Config = Right.Config

    def __init__(self, config):
        pass

    def evaluate(self, predictions):
        return {"score": 0.5 if len(predictions.labels) else math.nan}


class NeedsEveryClass(Right):
    def evaluate(self, predictions):
        figures = super().evaluate(predictions)
        counts = {name: list(predictions.labels).count(name) for name in predictions.classes}
        return {**figures, "imbalance": max(counts.values()) / min(counts.values())}


class ClassesThatOccur(Right):
    """Other figures for other test sets."""

    def evaluate(self, predictions):
        figures = super().evaluate(predictions)
        return {**figures, **{f"recall_{name}": 1.0 for name in set(predictions.labels)}}


class DependsOnOrder(Right):
    def evaluate(self, predictions):
        half = len(predictions.labels) // 2
        first = [a == b for a, b in zip(predictions.labels[:half], predictions.predicted[:half], strict=True)]
        return {**super().evaluate(predictions), "early": sum(first) / half if half else math.nan}


class MicroCalledMacro(Right):
    def evaluate(self, predictions):
        true = list(predictions.labels)
        value = float(f1_score(true, predictions.predicted, average="micro")) if true else math.nan
        return {**super().evaluate(predictions), "macro_f1": value}


class SortedConfusion(Right):
    """Rows in alphabetical order, while predictions.classes is in another."""

    def evaluate(self, predictions):
        true, classes = list(predictions.labels), sorted(predictions.classes)
        counts = confusion_matrix(true, predictions.predicted, labels=classes).tolist() if true else [[0] * 4] * 4
        return {**super().evaluate(predictions), "confusion": counts}


class PredictedByTrue(Right):
    """Rows predicted, columns true."""

    def evaluate(self, predictions):
        figures = super().evaluate(predictions)
        return {**figures, "confusion": [list(row) for row in zip(*figures["confusion"], strict=True)]}


class ZeroForUndefined(Right):
    """autrainer: a failed metric is replaced by a default."""

    def evaluate(self, predictions):
        figures = super().evaluate(predictions)
        return {**figures, "recall": {name: 0.0 if v != v else v for name, v in figures["recall"].items()}}


class ZeroForNothing(Right):
    def nothing(self, classes):
        return {**super().nothing(classes), "accuracy": 0.0}


class SharpensInPlace(Right):
    def evaluate(self, predictions):
        predictions.p_NC.pow_(2)
        return super().evaluate(predictions)


class Bootstraps(Right):
    """Draws from a global source: other figures every time."""

    def evaluate(self, predictions):
        noise = float(np.random.random()) if len(predictions.labels) else math.nan
        return {**super().evaluate(predictions), "interval": noise}
