"""A table of systems on the console: from the data of table.json to rows of text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mer_cli.console import Table
from mer_cli.results import corpus_name
from mer_cli.words import MISSING, percent
from mer_core.data.protocol import protocol_lines

Data = Mapping[str, Any]
FIGURES = ("wa", "ua")


def shown(table: Data) -> Iterator[Table]:
    """Yield the table itself, the same for each kind of utterance, the paired tests, and the optimism meter."""
    yield _systems(table)
    for kind in _kinds(table):
        yield _part(table, kind)
    if table["pairs"]:
        yield _pairs(table)
    if any(row.get("optimism") for row in table["rows"]):
        yield _optimism(table)


def lines(table: Data) -> Iterator[str]:
    """Yield what the tests say in words, and what must be said beside the figures."""
    for pair in table["pairs"]:
        yield from pair.get("sentences", [])
    for unit, groups in dict.fromkeys((row["unit"], row["groups"]) for row in table["rows"] if "unit" in row):
        yield (
            f"intervals and p: {groups} {unit}s, resampled within their folds; they are about other {unit}s, not about "
            "other trainings or sessions: see sd folds, and the folds ahead and behind"
        )
    if runs := [row for row in table["rows"] if "run" in row]:
        yield from protocol_lines({row["title"]: row["protocol"] for row in runs})
        yield f"corpus: {'; '.join(dict.fromkeys(map(corpus_name, runs)))}"
    yield from table["notes"]
    ceilings: Mapping[str, float] = next((row["ceilings"] for row in table["rows"] if row.get("ceilings")), {})
    if ceilings:
        told = ", ".join(f"{name} {percent(share)}" for name, share in ceilings.items())
        yield f"best reachable on this corpus, by what is used: {told}"
    for row in table["rows"]:
        for text in filter(None, (row["note"], *row.get("remarks", []))):
            yield f"{row['title']}: {text}"
    if table["published"]["source"]:
        yield f"published: {table['published']['source']}; {table['published']['protocol']}"
    for row in table["rows"]:
        source = (row["published"] or {}).get("source")
        if source not in (None, "", table["published"]["source"]):
            yield f"{row['title']}, published: {source}"
    for guess in table["baselines"]:
        if "reason" in guess:
            yield f"{guess['title']}: not here, {guess['reason']}"
    for row in table["rows"]:
        for why in row["failed"]:
            yield f"{row['title']}: {why}"


def _systems(table: Data) -> Table:
    seeds = len(table["seeds"])
    several = f", mean of {seeds} seeds" if seeds > 1 else ""
    rows = [*table["rows"], *(guess for guess in table["baselines"] if "reason" not in guess)]
    deviations = ["sd_folds"] + (["sd_seeds"] if seeds > 1 else [])
    names = {"sd_folds": "sd folds", "sd_seeds": "sd seeds"}
    columns = ["", *(c for f in FIGURES for c in (f.upper(), *(names[d] for d in deviations), "95 %", "published"))]
    cells = [[_title(row), *(text for figure in FIGURES for text in _cells(row, figure, deviations))] for row in rows]
    under = [str((row.get("published") or {}).get("protocol") or "") for row in rows]
    if set(under) - {"", table["published"]["protocol"]}:  # what holds for all stands below the table
        columns, cells = [*columns, "published under"], [[*line, told] for line, told in zip(cells, under, strict=True)]
    return Table(
        columns=columns,
        rows=cells,
        title=f"{table['title']}: percent{several}",
    )


def _title(row: Data) -> str:
    """Return a row's title with what must stand at its figures."""
    return " ".join(
        [
            row["title"],
            *(["(uses context)"] if row.get("uses_context") else []),
            *([f"({row['remark']})"] if row.get("remark") else []),
        ]
    )


def _cells(row: Data, figure: str, deviations: Sequence[str]) -> list[str]:
    published = (row.get("published") or {}).get(figure)
    found = row.get(figure)
    measured = [MISSING] * (len(deviations) + 2)
    if found is not None:
        measured = [percent(found["estimate"]), *(percent(found[key]) for key in deviations), _ends(found)]
    return [*measured, "" if published is None else percent(published)]


def _ends(found: Data) -> str:
    return MISSING if percent(found["low"]) == MISSING else f"{percent(found['low'])} to {percent(found['high'])}"


def _kinds(table: Data) -> list[str]:
    return sorted({kind for row in table["rows"] for kind in row.get("parts", {})})


def _part(table: Data, kind: str) -> Table:
    rows = [row for row in [*table["rows"], *table["baselines"]] if kind in row.get("parts", {})]
    counts = {row["parts"][kind]["utterances"] for row in rows}
    return Table(
        columns=["", *(column for figure in FIGURES for column in (figure.upper(), "95 %"))],
        rows=[[_title(row), *_figures(row["parts"][kind])] for row in rows],
        title=f"{kind} utterances alone ({', '.join(map(str, sorted(counts)))}): percent",
    )


def _figures(measured: Data) -> list[str]:
    return [text for figure in FIGURES for text in (percent(measured[figure]["estimate"]), _ends(measured[figure]))]


def _pairs(table: Data) -> Table:
    return Table(
        columns=["", "", "first - second", "95 %", "p", "p, Holm", "smallest"],
        rows=[row for pair in table["pairs"] for row in _pair(pair)],
        num_names=2,
        title="differences: points; smallest: the true difference that is found four times in five",
    )


def _pair(pair: Data) -> list[list[str]]:
    name = f"{pair['a']} - {pair['b']}"
    if "reason" in pair:
        return [[name, "", pair["reason"], *[""] * 4]]
    return [
        [
            name,
            figure.upper(),
            percent(pair[figure]["estimate"]),
            _ends(pair[figure]),
            _p(pair[figure]["p"]),
            _p(pair[figure]["p_holm"]),
            percent(pair[figure]["smallest"]),
        ]
        for figure in reversed(FIGURES)
    ]


def _optimism(table: Data) -> Table:
    """Return what selecting the epoch on test would have claimed for each row, and how much more that is."""
    rows = [row for row in table["rows"] if row.get("optimism")]
    return Table(
        columns=["", *(column for figure in FIGURES for column in (figure.upper(), "more"))],
        rows=[[_title(row), *(text for figure in FIGURES for text in _claim(row, figure))] for row in rows],
        title="optimism: what selecting the epoch on test would have claimed, percent, and how many points more",
    )


def _claim(row: Data, figure: str) -> list[str]:
    claim = row["optimism"].get(figure)
    return [MISSING, MISSING] if claim is None else [percent(claim["claimed"]), f"{100 * claim['difference']:+.2f}"]


def _p(value: float | None) -> str:
    return MISSING if value is None else "< 0.001" if value < 0.001 else f"{value:.3f}"
