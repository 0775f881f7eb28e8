"""Finds, reads and layers registry files. Imports no torch."""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mer_core.errors import SpecError, suggest
from mer_core.manager import PluginManager
from mer_core.spec import (
    AuxSpec,
    PartSpec,
    PipelineSpec,
    PluginsSpec,
    ProtocolSpec,
    PublishedSpec,
    RegistrySpec,
    RowSpec,
    SingleSpec,
    TableSpec,
    TrainSpec,
)
from mer_core.validation import field_names, spec_error

FILE_NAME = "registry.toml"
_PIPELINE = (PipelineSpec, PartSpec, AuxSpec, SingleSpec, TrainSpec, ProtocolSpec)
_KEYS = field_names(RegistrySpec, PluginsSpec, *_PIPELINE, TableSpec, RowSpec, PublishedSpec)
Table = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Registry:
    """The layered registry: its tables as written, checked as a whole, and its files in the order they were laid."""

    tables: Table
    spec: RegistrySpec
    files: tuple[Path, ...]

    def pipeline(self, name: str) -> Table:
        """Return a pipeline's table as written, for overrides to be laid on.

        Raises:
            SpecError: there is no pipeline of that name.
        """
        self._check_known("pipeline", name, self.spec.pipelines)
        table: Table = self.tables["pipelines"][name]
        return table

    def protocol(self, name: str) -> Table:
        """Return a protocol's table as written, for what a pipeline changes to be laid on.

        Raises:
            SpecError: there is no protocol of that name.
        """
        self._check_known("protocol", name, self.spec.protocols)
        table: Table = self.tables["protocols"][name]
        return table

    def table(self, name: str) -> TableSpec:
        """Return a table of systems.

        Raises:
            SpecError: there is none of that name.
        """
        self._check_known("table", name, self.spec.tables)
        return self.spec.tables[name]

    def _check_known(self, kind: str, name: str, known: Collection[str]) -> None:
        if name not in known:
            raise SpecError(
                f'{kind} "{name}" is not known{suggest(name, known)}. Known: {", ".join(sorted(known))}.',
                hint=f"Each {kind} is a table [{kind}s.NAME] in {' or '.join(str(f) for f in self.files)}.",
            )

    def manager(self) -> PluginManager:
        """Return a plugin manager that also knows the files and modules that the registry names."""
        plugins = self.spec.plugins
        return PluginManager(files=plugins.files, modules=plugins.modules, registry=self.files[-1])


def shipped_file() -> Path:
    """Return the registry file that ships: beside the package when installed, in the project's root when editable."""
    here = Path(__file__).parent
    return next(path for path in (here / FILE_NAME, here.parent / FILE_NAME) if path.is_file())


def load_registry(file: Path | None = None, *, folder: Path | None = None) -> Registry:
    """Read the shipped registry and lay the user's over it: `file`, else `registry.toml` in `folder`.

    Raises:
        SpecError: a file is missing, is not TOML, or says something that cannot be; all mistakes at once.
    """
    own = file or (folder or Path.cwd()) / FILE_NAME
    if file is not None and not file.is_file():
        raise SpecError(f"registry file {file} does not exist", hint="Give an existing file to --registry.")
    files = [shipped_file()]
    if own.is_file() and not own.samefile(files[0]):
        files.append(own)
    tables: Table = {}
    for path in files:
        tables = overlay(tables, _read(path))
    return Registry(tables, _check(tables, files[-1]), tuple(files))


def overlay(below: Table, above: Table) -> Table:
    """Lay one table over another, key by key; a table that names a plugin (`use`) replaces the one below it."""
    result = dict(below)
    for key, value in above.items():
        mergeable = isinstance(value, dict) and isinstance(result.get(key), dict) and "use" not in value
        result[key] = overlay(result[key], value) if mergeable else value
    return result


def _read(path: Path) -> Table:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as cause:
        raise SpecError(f"{path} is not valid TOML: {cause}") from cause
    files = table.get("plugins", {}).get("files") if isinstance(table.get("plugins"), dict) else None
    if isinstance(files, list):
        table["plugins"]["files"] = [
            str((path.parent / name).resolve()) if isinstance(name, str) else name for name in files
        ]
    return table


def _check(table: Table, place: Path) -> RegistrySpec:
    """Check the layered tables. The shipped file is right, so a mistake is the last file's."""
    try:
        return RegistrySpec.model_validate(table)
    except ValidationError as error:
        raise spec_error(error, place=str(place), known=_KEYS) from None
