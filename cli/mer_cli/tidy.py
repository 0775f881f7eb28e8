"""Figures as one CSV table that a program can read: a line per figure, each with what it was measured under."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mer_cli.tables import FIGURES

if TYPE_CHECKING:
    from mer_core.statistics import Comparison

Data = Mapping[str, Any]

COLUMNS = ["table", "row", "part", "fold", "seed", "figure", "unit", "estimate", "low", "high", "sd_folds", "sd_seeds"]
COLUMNS += ["published", "published_source", "selected_on_test", "p", "p_holm", "smallest", "utterances"]
COLUMNS += ["protocol", "protocol_hash", "folds_hash", "corpus", "remark", "changed"]
SHARES = ("estimate", "low", "high", "sd_folds", "sd_seeds", "selected_on_test", "smallest")
DECIMALS = 4  # of a percent: means can be computed from it and still be right in the second


def comma_separated(lines: Iterable[Data]) -> str:
    """Return the lines as CSV below `COLUMNS`; what a line does not have is empty."""
    file = io.StringIO()
    rows = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\n")
    rows.writeheader()
    rows.writerows(lines)
    return file.getvalue()


def of_run(report: Data, comparison: Comparison) -> Iterator[Data]:
    """Yield each figure of a run: the mean, then that of every fold and seed.

    Args:
        report: as `write_report` gives it.
        comparison: of this run alone, for the intervals.
    """
    base = {"row": report["pipeline"]} | _measured_under(report)
    (system,) = comparison.systems
    for name, mean in report["summary"].items():
        interval = getattr(system, name, None)  # of WA and UA
        ends = {"low": interval.low, "high": interval.high} if interval else {}
        claim = _claim(report["optimism"], name)
        measured = {"estimate": mean["mean"], "utterances": comparison.utterances} | mean | ends
        yield base | {"figure": name} | _percent(measured | claim)
    for cell in report["cells"]:
        own = {key: cell[key] for key in ("fold", "seed")} | {"changed": "; ".join(cell["changed"])}
        for name in report["summary"]:
            found = {"estimate": cell["figures"][name], "utterances": cell["utterances"]}
            claimed = {"selected_on_test": cell["on_test"]["figures"][name]} if cell["on_test"] else {}
            yield base | own | {"figure": name} | _percent(found | claimed)


def of_tables(tables: Sequence[Data]) -> Iterator[Data]:
    """Yield each figure of each row, on all utterances and on each kind, of the baselines, and of the paired tests."""
    for table in tables:
        first: Data = next((row for row in table["rows"] if "run" in row), {})
        under = {key: first[key] for key in ("protocol", "corpus") if key in first} | {"remark": "baseline"}
        guesses = [guess | under for guess in table["baselines"] if "reason" not in guess]
        for row in [*table["rows"], *guesses]:
            yield from _of_row({"table": table["name"], "row": row["title"]} | _measured_under(row), row)
        measured = {row["title"]: _measured_under(row) for row in table["rows"]}
        for pair in table["pairs"]:
            both = _both(measured[pair["a"]], measured[pair["b"]])
            yield from _of_pair({"table": table["name"], "row": f"{pair['a']} - {pair['b']}"} | both, pair)


def _of_row(base: Data, row: Data) -> Iterator[Data]:
    for figure in FIGURES:
        claim = _claim(row.get("optimism") or {}, figure)
        measured = {**_found(row, figure), **claim}
        yield {**base, "figure": figure, **_percent(measured), **_published(row.get("published") or {}, figure)}
    for part, measured in row.get("parts", {}).items():
        for figure in FIGURES:
            yield {**base, "part": part, "figure": figure, **_percent(_found(measured, figure))}


def _of_pair(base: Data, pair: Data) -> Iterator[Data]:
    if "reason" in pair:
        yield {**base, "remark": "; ".join(filter(None, (base["remark"], pair["reason"])))}
        return
    for figure in FIGURES:
        tests = {key: _plain(pair[figure][key]) for key in ("p", "p_holm")}
        yield {**base, "figure": figure, **_percent(pair[figure]), **tests, "unit": "points"}


def _found(measured: Data, figure: str) -> dict[str, Any]:
    return dict(measured.get(figure) or {}) | {"utterances": measured.get("utterances")}


def _published(told: Data, figure: str) -> dict[str, Any]:
    if told.get(figure) is None:
        return {}
    source = "; ".join(filter(None, (told.get("source"), told.get("protocol"))))
    return {"published": _plain(100 * told[figure]), "published_source": source}


def _claim(optimism: Data, figure: str) -> dict[str, float]:
    """Return what selecting the epoch on test would have claimed."""
    return {"selected_on_test": optimism[figure]["claimed"]} if figure in optimism else {}


def _measured_under(told: Data) -> dict[str, str]:
    """Return what every line of a run, or of a row of a table, says of its figures."""
    protocol = told.get("protocol") or {}
    context = ["uses context"] if told.get("uses_context") else []
    remarks = [*context, told.get("remark"), *told.get("failed", [])]
    return {
        "protocol": protocol.get("name", ""),
        "protocol_hash": protocol.get("hash", ""),
        "folds_hash": protocol.get("folds_hash", ""),
        "corpus": told.get("corpus") or told.get("provenance", {}).get("corpus", ""),
        "remark": ", ".join(filter(None, remarks)),
        "changed": "; ".join(told.get("changed", [])),
    }


def _both(a: Data, b: Data) -> dict[str, str]:
    """Return what is said of two rows, once where it is the same."""
    return {key: "; ".join(filter(None, dict.fromkeys((a[key], b[key])))) for key in a}


def _percent(found: Data) -> dict[str, Any]:
    """Return the shares of a figure in percent, and how many utterances it is of."""
    shares = {key: found[key] for key in SHARES if found.get(key) is not None}
    numbers = {key: _plain(100 * share) for key, share in shares.items()}
    return {"unit": "percent", "utterances": found.get("utterances", ""), **numbers}


def _plain(value: float | None) -> float | str:
    """Return a number for a cell; empty where it is undefined."""
    return "" if value is None or math.isnan(value) else round(value, DECIMALS)
