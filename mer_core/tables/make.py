"""A table as data: its rows, what was published, baselines, tests, and what must be said beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mer_core.baselines import BASELINES, Unavailable
from mer_core.data.folds import Fold
from mer_core.data.protocol import protocol_of, same_protocol
from mer_core.manager import PluginManager
from mer_core.provenance import folds_hash
from mer_core.rundir import RunDir
from mer_core.spec import TableSpec
from mer_core.statistics import System, Trial
from mer_core.tables.figures import pair_figures, system_figures
from mer_core.tables.finished import Finished, finish
from mer_core.tables.rows import Row
from mer_core.types import Utterance

Failures = dict[tuple[str, int, str], str]
"""Why cells could not be done, by name of the run, seed and fold."""


@dataclass(frozen=True, slots=True)
class Member:
    """A row of a table and the name of the run that it stands for, or why it has none."""

    row: Row
    run: str | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class TableMaker:
    """Makes tables of the same runs; what several of them show is computed once.

    Args:
        manager: where evaluators come from.
        runs: the run directories by name.
        folds: the folds of each run, and the utterances that they number.
        members: the rows of all tables.
        failures: the cells that could not be done.
    """

    manager: PluginManager
    runs: Mapping[str, RunDir]
    folds: Mapping[str, tuple[Sequence[Fold], Sequence[Utterance]]]
    members: Sequence[Member]
    failures: Failures
    _finished: dict[str, Finished] = field(default_factory=dict)
    _baselines: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def table(self, name: str, spec: TableSpec) -> dict[str, Any]:
        """Return a table as data.

        Raises:
            RunError: a file of a row is missing, or contradicts itself or the run.
        """
        members = [member for member in self.members if member.row.table == name]
        done = {m.row.name: self._finish(m.run) for m in members if m.run and not self._failed(m.run)}
        systems = {row: replace(one.system, name=spec.rows[row].title) for row, one in done.items()}
        infos = {m.row.spec.title: self.runs[m.run].info() for m in members if m.run}
        warnings = [*same_protocol(infos), *(line for system in systems.values() for line in system.warnings)]
        pairs = [(systems[a], systems[b]) for a, b in spec.pairs if {a, b} <= systems.keys()]
        return {
            "name": name,
            "title": spec.title,
            "published": {"source": spec.source, "protocol": spec.protocol},
            "protocol": next(iter(infos.values()), {}).get("protocol"),
            "notes": next(iter(infos.values()), {}).get("notes", []),
            "rows": [self._row(m, spec) | (done[m.row.name].row() if m.row.name in done else {}) for m in members],
            "baselines": self._guesses(members),
            "pairs": pair_figures(pairs),
            "warnings": warnings,
        }

    def _row(self, member: Member, spec: TableSpec) -> dict[str, Any]:
        row, published = member.row, member.row.spec.published
        shown = published and {
            "wa": published.wa,
            "ua": published.ua,
            "protocol": published.protocol or spec.protocol,
            "source": published.source or spec.source,
        }
        failed = self._failed(member.run) if member.run else [member.reason]
        return {
            "name": row.name,
            "title": row.spec.title,
            "note": row.spec.note,
            "published": shown,
            "failed": failed,
        } | (self._provenance(member.run) if member.run else {})

    def _provenance(self, run: str) -> dict[str, Any]:
        info = self.runs[run].info()
        kept = ["pipeline", "classes", "folds", "folds_hash", "corpus", "ceilings"]
        kept += ["uses_context", "remarks", "provenance"]
        return {"run": run, "protocol": protocol_of(info)} | {key: info[key] for key in kept}

    def _failed(self, run: str) -> list[str]:
        return [f"fold {fold}, seed {seed}: {why}" for (name, seed, fold), why in self.failures.items() if name == run]

    def _finish(self, run: str) -> Finished:
        if run not in self._finished:
            self._finished[run] = finish(self.runs[run], self.manager)
        return self._finished[run]

    def _guesses(self, members: Sequence[Member]) -> list[dict[str, Any]]:
        """Return the baselines on the folds of the first row that has a run."""
        run = next((member.run for member in members if member.run), None)
        if run is None:
            return []
        folds, utterances = self.folds[run]
        key = folds_hash(folds, utterances)
        if key not in self._baselines:
            self._baselines[key] = [_guess(name, utterances, folds) for name in BASELINES]
        return self._baselines[key]


def _guess(name: str, utterances: Sequence[Utterance], folds: Sequence[Fold]) -> dict[str, Any]:
    """Return a baseline's figures, or why it has none."""
    trials = []
    for fold in folds:
        predictions = BASELINES[name](utterances, fold)
        if isinstance(predictions, Unavailable):
            return {"title": name, "reason": predictions.reason}
        trials.append(Trial(None, fold.name, predictions))
    system = System(name=name, trials=tuple(trials), utterances={u.id: u for u in utterances})
    return {"title": name} | system_figures(system)
