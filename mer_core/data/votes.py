"""What the raters of an utterance chose, as shares of the classes: soft labels (ours, after Fayek et al. 2016)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mer_core.errors import DataError
from mer_core.types import Utterance

RATERS = "raters"
"""The field with the categories that each rater chose: a rater's are joined by `/`, the raters by `;`."""


def soft_labels(
    utterances: Sequence[Utterance], classes: Sequence[str], class_of: Mapping[str, str]
) -> list[list[float]]:
    """Return the share of each class in the votes for each utterance.

    A rater has one vote, divided equally between the categories chosen; a part that falls on no class is dropped, and
    the rest counts as a whole. Where nothing is left, or an utterance has no raters, its label has share 1.

    Args:
        utterances: labelled.
        classes: in the order of the shares.
        class_of: from a category to the class it counts as; a category that is not there counts as itself.

    Raises:
        DataError: no utterance has raters.
    """
    if not any(RATERS in u.fields for u in utterances):
        raise DataError(
            f'train.soft_labels: no utterance of this corpus has a field "{RATERS}"',
            hint="Use a corpus with the votes of its raters, or train.soft_labels=false.",
        )
    return [_shares(u, classes, class_of) for u in utterances]


def _shares(utterance: Utterance, classes: Sequence[str], class_of: Mapping[str, str]) -> list[float]:
    votes = dict.fromkeys(classes, 0.0)
    for rater in filter(None, utterance.fields.get(RATERS, "").split(";")):
        chosen = [part.strip() for part in rater.split("/")]
        for category in chosen:
            name = class_of.get(category, category)
            if name in votes:
                votes[name] += 1.0 / len(chosen)
    total = sum(votes.values())
    if not total:
        return [float(name == utterance.label) for name in classes]
    return [votes[name] / total for name in classes]
