"""From the tables of a registry to the pipelines of their rows. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from mer_core.errors import SpecError
from mer_core.registry import Registry
from mer_core.resolve import Overrides, resolve
from mer_core.spec import PipelineSpec, RowSpec


@dataclass(frozen=True, slots=True)
class Row:
    """One row of one table and the pipeline that it stands for, of that name in the registry."""

    table: str
    name: str
    spec: RowSpec
    pipeline: str
    resolved: PipelineSpec


def default_tables(registry: Registry) -> list[str]:
    """Return the tables that are made where none is named."""
    return [name for name, table in registry.spec.tables.items() if table.by_default]


def rows_of(registry: Registry, tables: Sequence[str], pipeline: str, common: Overrides) -> Iterator[Row]:
    """Yield the rows of tables.

    Args:
        registry: which has the tables.
        tables: their names.
        pipeline: the name of the pipeline that they are made with.
        common: what every row is changed by: data and settings, laid over those of the row.

    Raises:
        SpecError: a table is not known, or a row cannot be resolved.
    """
    for table in tables:
        for name, row in registry.table(table).rows.items():
            own = _pipeline(table, name, row, pipeline)
            overrides = replace(
                common,
                modalities=row.modalities,
                fusion=row.fusion,
                aux=row.aux,
                values=row.set | common.values,
            )
            yield Row(table, name, row, own, resolve(registry, own, overrides))


def _pipeline(table: str, name: str, row: RowSpec, pipeline: str) -> str:
    if row.pipelines and pipeline not in row.pipelines:
        raise SpecError(
            f'row "{name}" of table {table} has no pipeline for "{pipeline}", only for {", ".join(row.pipelines)}',
            hint=f"Name one in [tables.{table}.rows.{name}.pipelines] of your registry file, or make another table.",
        )
    return row.pipelines.get(pipeline, pipeline)
