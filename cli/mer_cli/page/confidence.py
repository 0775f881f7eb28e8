"""How far the probabilities of a run can be believed, as pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mer_cli.console import Table
from mer_cli.page.content import Plot, Section
from mer_cli.page.svg import FAINT, MARKERS, SERIES, Drawing
from mer_cli.words import percent
from mer_core.diagnosis.calibration import Calibration, RiskCoverage, calibration, risk_coverage
from mer_core.types import Predictions


def section(predictions: Sequence[Predictions]) -> Section:
    """Return reliability and risk-coverage of predictions, all folds and seeds together."""
    confidence_N = np.concatenate([p.p_NC.double().numpy().max(1) for p in predictions])
    right_N = np.concatenate([np.array(p.predicted) == np.array(p.labels) for p in predictions])
    found, risk = calibration(confidence_N, right_N), risk_coverage(confidence_N, right_N)
    words = [
        f"Expected calibration error: {percent(found.ece)} points. Mean share of errors over all coverages (AURC): "
        f"{percent(risk.aurc)} %. All folds and seeds together."
    ]
    return Section("confidence", "Confidence", words=words, plots=[_reliability(found), _coverage(risk)])


def _reliability(found: Calibration) -> Plot:
    label = "Accuracy by confidence; the table below holds the numbers"
    with Drawing("reliability", label, width=4.2, height=3.6) as drawing:
        (axes,) = drawing.axes
        axes.plot([0, 100], [0, 100], color=FAINT, linestyle="--", linewidth=1)
        points = [(100 * one.confidence, 100 * one.accuracy) for one in found.bins]
        axes.plot(*zip(*points, strict=True), color=SERIES[0], marker=MARKERS[0])
        axes.set(xlim=(0, 100), ylim=(0, 100), xlabel="confidence, percent", ylabel="accuracy, percent")
    rows = [
        [f"{one.low:.2f} to {one.high:.2f}", str(one.utterances), percent(one.confidence), percent(one.accuracy)]
        for one in found.bins
    ]
    numbers = Table(columns=["confidence", "utterances", "mean confidence", "accuracy"], rows=rows)
    return Plot(drawing.svg, "Reliability: on the dashed line, what is said with 70 % is right in 70 %.", numbers)


def _coverage(risk: RiskCoverage) -> Plot:
    label = "Share of errors by the share of utterances answered; the table below holds the numbers"
    with Drawing("coverage", label, width=4.2, height=3.0) as drawing:
        (axes,) = drawing.axes
        axes.plot([100 * c for c in risk.coverage], [100 * r for r in risk.risk], color=SERIES[0], marker=MARKERS[0])
        axes.set(xlim=(0, 102), ylim=(0, None), xlabel="answered, percent", ylabel="errors among them, percent")
    rows = [[percent(c), percent(r)] for c, r in zip(risk.coverage, risk.risk, strict=True)]
    caption = "Risk and coverage: errors that are left when the least confident are not answered."
    return Plot(drawing.svg, caption, Table(columns=["answered", "errors among them"], rows=rows))
