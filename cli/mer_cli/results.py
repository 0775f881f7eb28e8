"""The tables of a report: from the figures of report.json to rows of text."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from mer_cli.console import Table
from mer_cli.words import figure_name, figures_line, percent
from mer_core.data.protocol import named

Report = Mapping[str, Any]
Row = Mapping[str, Any]


def figures_table(report: Report) -> Table:
    """Return one row per fold (its mean over seeds), then the mean and the standard deviations."""
    cells: Sequence[Row] = report["cells"]
    summary: Mapping[str, Mapping[str, float | None]] = report["summary"]
    seeds = sorted({cell["seed"] for cell in cells})
    folds = list(dict.fromkeys(cell["fold"] for cell in cells))
    several = f", mean of {len(seeds)} seeds" if len(seeds) > 1 else ""
    closing = [["mean", "", *(percent(summary[name]["mean"]) for name in summary)]]
    for key, label in (("sd_folds", "sd over folds"), ("sd_seeds", "sd over seeds")):
        if any(summary[name][key] is not None for name in summary):
            closing.append([label, "", *(percent(summary[name][key]) for name in summary)])
    if "together" in report:
        closing.append([f"{len(cells)} models together", "", *(percent(report["together"][name]) for name in summary)])
    return Table(
        columns=["fold", "utterances", *map(figure_name, summary)],
        rows=[_fold_row(fold, cells, list(summary)) for fold in folds],
        closing=closing if len(cells) > 1 else [],
        title=f"{report['pipeline']}: percent{several}{measured_under(report)}",
    )


def measured_under(report: Report) -> str:
    """Return what stands beside every figure: what must be said of it, then the protocol with its hashes."""
    protocol = report.get("protocol")  # figures of a trained run on other data have none, nor has an older run
    told = protocol and f"protocol {named(protocol)}"
    return "".join(f", {text}" for text in (report.get("remark"), told) if text)


def corpus_name(report: Report) -> str:
    """Return the corpus of a report, or of a row of a table, with eight digits of the hash of its utterances."""
    told = report["provenance"]
    hash_ = (told | report)["corpus"]  # a report keeps it with what produced it, a row beside that
    return f"{told.get('plugins', {}).get('data', 'not named')}, hash {hash_[:8]}"


def optimism_lines(report: Report) -> list[str]:
    """Return what selecting the epoch on the test fold would have claimed, and the difference to what is reported."""
    told = dict[str, Mapping[str, float]](report["optimism"])
    if not told:
        return []
    last = told.pop("last_epoch")
    if report["select"] == "test":
        return [f"{report['selection']}: these figures claim too much; the last epoch has {figures_line(last)}"]
    claims = ", ".join(
        f"{figure_name(name)} {percent(one['claimed'])} ({100 * one['difference']:+.2f} points)"
        for name, one in told.items()
    )
    return [f"selecting the epoch on test would have claimed {claims}"]


def changed_lines(report: Report) -> list[str]:
    """Return a warning for each prediction file that is not the one that the run wrote."""
    return [f"warning: {name} was changed after the run wrote it; the figures follow it" for name in report["changed"]]


def warning_lines(report: Report) -> list[str]:
    """Return what must be read before any figure of a run."""
    return [*changed_lines(report), *remark_lines(report)]


def beside_lines(report: Report) -> list[str]:
    """Return what stands beside the figures of a run: the corpus, optimism, what was left out, padding."""
    corpus = f"corpus: {corpus_name(report)}"
    return [corpus, *optimism_lines(report), *left_out_lines(report), *padding_lines(report)]


def confusion_tables(report: Report) -> list[Table]:
    """Return each matrix of counts, pooled over folds and seeds: rows true, percent of the row and count."""
    return [
        Table(
            columns=["true \\ predicted", *report["classes"]],
            rows=[[name, *_shares(counts, matrix)] for name, counts in zip(report["classes"], matrix, strict=True)],
            title=f"{name}: percent of the true class (utterances){measured_under(report)}",
        )
        for name, matrix in report["confusion"].items()
    ]


def ceilings_table(report: Report) -> Table | None:
    """Return the best reachable accuracies beside what was measured, or None where the corpus knows none."""
    ceilings: Mapping[str, float] = report["ceilings"]
    if not ceilings:
        return None
    measured = report["summary"].get("wa", {}).get("mean")
    return Table(
        columns=["", *ceilings, "this run"],
        rows=[["accuracy", *map(percent, ceilings.values()), percent(measured)]],
        title=f"best reachable on this corpus, by what is used: percent{measured_under(report)}",
    )


def padding_lines(report: Report) -> list[str]:
    """Return how much of the batches was padding."""
    padded = report.get("padding")
    return [] if padded is None else [f"padding of the training batches: {percent(padded)} % of the real frames"]


def left_out_lines(report: Report, *, most: int = 10) -> list[str]:
    """Return the utterances left out, with the reason of each."""
    left_out: Mapping[str, str] = report["left_out"]
    if not left_out:
        return []
    lines = [f"left out: {len(left_out)} utterances that cannot be used"]
    lines += [f"  {id_}: {reason}" for id_, reason in list(left_out.items())[:most]]
    return lines + ([f"  … and {len(left_out) - most} more, in report.json"] if len(left_out) > most else [])


def remark_lines(report: Report) -> list[str]:
    """Return what must be said beside the figures."""
    return [f"remark: {text}" for text in report["remarks"]]


def _fold_row(fold: str, cells: Sequence[Row], figures: Sequence[str]) -> list[str]:
    own = [cell for cell in cells if cell["fold"] == fold]
    means = [statistics.fmean(cell["figures"][name] for cell in own) for name in figures]
    return [fold, str(own[0]["utterances"]), *map(percent, means)]


def _shares(counts: Sequence[int], matrix: Sequence[Sequence[int]]) -> list[str]:
    """Return percent and count, the counts as wide as the widest so that both line up."""
    total, width = sum(counts), len(str(max(map(max, matrix)))) + 2
    return [f"{percent(count / total if total else None)} {f'({count})':>{width}}" for count in counts]
