"""How far the probabilities can be trusted."""

import math

from mer_core.config import PluginConfig
from mer_core.hookspec import hookimpl
from mer_core.plugin import Plugin


class Trust:
    """The mean probability of the predicted class, and by how much it exceeds the share of correct utterances."""

    class Config(PluginConfig):
        """`trust` has no options."""

    def __init__(self, config):
        pass

    def evaluate(self, predictions):
        """Return `confidence` (0 to 1) and `overconfidence` (-1 to 1); NaN where there is no utterance."""
        if not predictions.labels:
            return {"confidence": math.nan, "overconfidence": math.nan}
        confidence = float(predictions.p_NC.amax(-1).mean())
        pairs = zip(predictions.labels, predictions.predicted, strict=True)
        correct = sum(label == predicted for label, predicted in pairs)
        return {"confidence": confidence, "overconfidence": confidence - correct / len(predictions.labels)}


@hookimpl
def mer_evaluators():
    yield Plugin("trust", "trust:Trust", "confidence, and confidence minus accuracy")
