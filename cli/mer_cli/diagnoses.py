"""The tables of a diagnosis: from its figures to rows of text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mer_cli.console import Table
from mer_cli.words import percent

if TYPE_CHECKING:
    from mer_core.diagnosis.diagnose import Diagnosis


def scores_table(diagnosis: Diagnosis) -> Table:
    """Return WA and UA with each modality removed or exchanged."""
    return Table(
        columns=["", "WA", "UA"],
        rows=[[score.condition, percent(score.wa), percent(score.ua)] for score in diagnosis.scores],
        title="with a modality taken away or exchanged: percent, mean over folds and seeds",
    )


def slices_table(diagnosis: Diagnosis) -> Table:
    """Return figures and credit by slice."""
    several = len(diagnosis.modalities) > 1
    columns = ["", "", "utterances", "WA", "UA", *(["unseen", *diagnosis.modalities] if several else [])]
    rows = [
        [
            name if number == 0 else "",
            one.group,
            str(one.utterances),
            percent(one.wa),
            percent(one.ua),
            *([percent(one.baseline), *(percent(one.credit[m]) for m in diagnosis.modalities)] if several else []),
        ]
        for name, own in diagnosis.slices.items()
        for number, one in enumerate(own)
    ]
    credit = "; probability of the true class: unseen, and what each modality adds" if several else ""
    return Table(columns, rows, num_names=2, title=f"by slice: percent, all folds and seeds together{credit}")


def gradients_table(diagnosis: Diagnosis) -> Table:
    """Return how far each auxiliary loss pulls with the main loss, by epoch."""
    tasks = list(diagnosis.gradients)
    rows = [
        [str(epoch), *(f"{cosine:.2f}" for cosine in several)]
        for epoch, several in enumerate(zip(*diagnosis.gradients.values(), strict=True), start=1)
    ]
    return Table(
        ["epoch", *tasks], rows, title="cosine of each task's gradient with the main loss's: mean over folds and seeds"
    )


def reliability_table(diagnosis: Diagnosis) -> Table:
    """Return confidence and accuracy by confidence."""
    found = diagnosis.calibration
    rows = [
        [f"{one.low:.2f} to {one.high:.2f}", str(one.utterances), percent(one.confidence), percent(one.accuracy)]
        for one in found.bins
    ]
    title = f"calibration: expected error {percent(found.ece)} points, all folds and seeds together"
    return Table(["confidence", "utterances", "mean confidence", "accuracy"], rows, title=title)


def coverage_table(diagnosis: Diagnosis) -> Table:
    """Return the errors among those answered when the least confident are not."""
    found = diagnosis.risk_coverage
    shown = [i for i, share in enumerate(found.coverage) if round(share * 20) % 4 == 0]
    return Table(
        columns=["answered", *(percent(found.coverage[i]) for i in shown)],
        rows=[["errors among them", *(percent(found.risk[i]) for i in shown)]],
        title=f"abstention: percent; area under the curve {percent(found.aurc)}",
    )
