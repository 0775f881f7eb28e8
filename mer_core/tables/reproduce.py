"""Makes tables of systems: every row prepared, every cell of every row through one pool, then the figures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mer_core.cells import CellTask
from mer_core.data.protocol import remark
from mer_core.data.store import Store, default_store
from mer_core.errors import MerError, PluginError, RunError, SpecError
from mer_core.events import CellFailed, Listener, Note, Planned, PlannedRun, silent
from mer_core.experiment import Experiment, Ready, Shared
from mer_core.files import read_json, write_json
from mer_core.manager import PluginManager
from mer_core.registry import Registry
from mer_core.resolve import Overrides
from mer_core.rundir import RunDir
from mer_core.tables.make import Failures, Member, TableMaker
from mer_core.tables.rows import Row, rows_of
from mer_core.tables.runner import CellBusyError, RowsRunner, reason
from mer_core.tables.store import TableStore
from mer_core.workers import in_processes


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A run that rows stand for, ready to be worked on. `title` is that of the first such row."""

    title: str
    experiment: Experiment
    ready: Ready


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduction:
    """Which tables to make, with which pipeline and data, and where.

    What is done is kept and not repeated, however an earlier call ended; any number of calls may work on one place.

    Args:
        registry: which has the tables and pipelines.
        manager: where parts come from.
        tables: names of the tables.
        pipeline: the pipeline that the rows depart from.
        overrides: what every row is changed by.
        out: where the tables and their rows are kept.
        seeds: of every cell.
        device: as `make_accelerator` takes it.
        jobs: how many cells run at once; None chooses.
        skip_bad: leave out utterances that cannot be used.
        listener: is told what happens.
        engine: runs cells, as `in_processes` does.
    """

    registry: Registry
    manager: PluginManager
    tables: Sequence[str]
    pipeline: str
    overrides: Overrides
    out: Path
    seeds: Sequence[int] = (1,)
    device: str = "auto"
    jobs: int | None = None
    skip_bad: bool = False
    listener: Listener = silent
    engine: Callable[..., None] = in_processes
    store: Store = field(default_factory=default_store)

    def run(self) -> list[dict[str, Any]]:
        """Do every cell that is not done, and return each table as data; `table.json` holds the same.

        Raises:
            MerError: nothing can be done, or a stored file of a row is missing or contradicts itself.
        """
        place = TableStore(self.out.absolute())  # workers may be elsewhere
        rows = list(rows_of(self.registry, self.tables, self.pipeline, self.overrides))
        prepared, members = self._prepare(place, rows)
        with place.locked():
            runs = _opened(place, prepared)
        failures = self._work(runs, prepared)
        with place.locked():
            _opened(place, prepared)  # another call may have opened them with other seeds
            folds = {name: (one.ready.folds, one.ready.examples.utterances) for name, one in prepared.items()}
            maker = TableMaker(self.manager, runs, folds, members, failures)
            for name in self.tables:
                write_json(place.table(name), self._table(maker, name))
            return [read_json(place.table(name)) for name in self.tables]

    def remark(self) -> str:
        """Return what must stand beside every figure while the rows are worked on."""
        rows = rows_of(self.registry, self.tables, self.pipeline, self.overrides)
        return "; ".join(dict.fromkeys(filter(None, (remark(row.resolved.protocol) for row in rows))))

    def _table(self, maker: TableMaker, name: str) -> dict[str, Any]:
        with _remedy():
            made = maker.table(name, self.registry.table(name))
        return made | {"pipeline": self.pipeline, "seeds": list(self.seeds)}

    def _prepare(self, place: TableStore, rows: Sequence[Row]) -> tuple[dict[str, _Prepared], list[Member]]:
        """Return the runs to be done by name, and for each row its run or why it has none."""
        shared, runs, members, errors = Shared(), dict[str, _Prepared](), list[Member](), list[MerError]()
        for row in rows:
            experiment = self._experiment(row)
            try:
                ready = experiment.ready(shared)
            except (PluginError, SpecError) as error:  # it is the row's; a corpus that cannot be used is everybody's
                members.append(Member(row, None, error.message))
                errors.append(error)
                self.listener(Note(f"{row.spec.title} is left out: {error.message}"))
                continue
            name = place.folder(ready.info).name
            runs.setdefault(name, _Prepared(row.spec.title, experiment, ready))
            members.append(Member(row, name))
        if errors and not runs:
            raise errors[0]
        return runs, members

    def _experiment(self, row: Row) -> Experiment:
        return Experiment(
            name=row.pipeline,
            spec=row.resolved,
            manager=self.manager,
            out=self.out,
            seeds=self.seeds,
            device=self.device,
            skip_bad=self.skip_bad,
            listener=self.listener,
            store=self.store,
        )

    def _work(self, runs: Mapping[str, RunDir], prepared: Mapping[str, _Prepared]) -> Failures:
        """Do the cells that are not done, and return those that could not be."""
        folds = {name: tuple(fold.name for fold in one.ready.folds) for name, one in prepared.items()}
        planned = tuple(PlannedRun(name, one.title, folds[name]) for name, one in prepared.items())
        self.listener(Planned(planned, tuple(self.seeds)))
        with _remedy():
            todo = [t for name, one in prepared.items() for t in one.experiment.todo(runs[name], one.ready, name=name)]
        runner = RowsRunner({name: one.experiment.runner(runs[name], one.ready) for name, one in prepared.items()})
        failures, busy = self._go(runner, todo, prepared)
        if busy:
            self.listener(Note(f"another call is working on {len(busy)} of the folds: waiting for it"))
            failures |= self._go(replace(runner, wait=True), busy, prepared)[0]
        return failures

    def _go(
        self, runner: RowsRunner, tasks: Sequence[CellTask], prepared: Mapping[str, _Prepared]
    ) -> tuple[Failures, list[CellTask]]:
        """Run cells; return those that failed, and those that another process works on."""
        failures, busy = Failures(), list[CellTask]()

        def failed(task: CellTask, error: Exception) -> None:
            if isinstance(error, CellBusyError):
                busy.append(task)
                return
            failures[task.run, task.seed, task.fold.name] = reason(error)
            self.listener(task.told(CellFailed(reason(error))))

        most = max(one.ready.parameters for one in prepared.values())
        device = next(iter(prepared.values())).ready.device
        self.engine(
            runner, tasks, jobs=self.jobs, parameters=most, device=device, listener=self.listener, failed=failed
        )
        return failures, busy


def _opened(place: TableStore, prepared: Mapping[str, _Prepared]) -> dict[str, RunDir]:
    """Return the run directories; the store must be locked."""
    return {name: place.open_row(one.ready.info, one.ready.examples.utterances) for name, one in prepared.items()}


@contextmanager
def _remedy() -> Iterator[None]:
    """Say of a file that cannot be used what helps here."""
    try:
        yield
    except RunError as error:
        raise RunError(
            error.message,
            hint="Remove that file, or put back what was there: the same command then does what is missing.",
        ) from error
