"""From a registry and the command line's wishes to one resolved pipeline. Imports no torch until plugins are loaded."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ValidationError

from mer_core.config import PluginConfig
from mer_core.data.protocol import protocol_hash
from mer_core.errors import PluginError, SpecError, suggest
from mer_core.manager import PluginManager
from mer_core.plugin import Kind
from mer_core.registry import Registry, Table
from mer_core.spec import (
    AuxSpec,
    ChosenProtocol,
    PartSpec,
    PipelineSpec,
    SingleSpec,
    StageSpec,
    TrainSpec,
    spelled_out,
)
from mer_core.validation import field_names, spec_error

_KEYS = field_names(PipelineSpec, PartSpec, AuxSpec, SingleSpec, StageSpec, TrainSpec, ChosenProtocol)
_SHORT = {"folds": "protocol.folds", "evaluators": "protocol.evaluators", "train.select": "protocol.select"}
"""Paths that stand for keys of the protocol."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """What the command line changes in a pipeline; None leaves it as the registry has it."""

    data: str | None = None
    protocol: str | None = None
    modalities: Sequence[str] | None = None
    fusion: str | None = None
    aux: Sequence[str] | None = None
    sets: Sequence[str] = ()
    values: dict[str, Any] = field(default_factory=dict)
    """Dotted path to value, for flags that stand for a key (`--epochs` for `train.epochs`)."""


def resolve(registry: Registry, name: str, overrides: Overrides) -> PipelineSpec:
    """Lay the overrides over pipeline `name` and check the result.

    Raises:
        SpecError: a name, path or value cannot be; all mistakes at once where they are in one table.
    """
    table = spelled_out(copy.deepcopy(registry.pipeline(name)))
    table["protocol"] = _protocol(registry, table.get("protocol", {}), overrides.protocol)
    if overrides.data is not None:
        table["data"] = parse_data(overrides.data)
    sets = [_set(item) for item in overrides.sets]
    for path, value in sets:
        if path.startswith("single."):  # what a single modality changes must be known before it is laid over
            _assign(table, path, value)
    if overrides.modalities is not None:
        _keep_modalities(table, overrides.modalities)
    if overrides.fusion is not None:
        table["fusion"] = _named(overrides.fusion, [table.get("fusion")])
    if overrides.aux is not None:
        table["aux"] = [_named(task, table.get("aux", [])) for task in overrides.aux]
    for path, value in [*overrides.values.items(), *sets]:
        _assign(table, path, value)
    try:
        spec = PipelineSpec.model_validate(table)
    except ValidationError as error:
        raise spec_error(error, place=f'pipeline "{name}" with the options given', known=_KEYS) from None
    if not spec.evaluators:
        raise SpecError(
            f'pipeline "{name}" has no evaluators, and its protocol names none',
            hint='Say whose figures the report is to hold, for example evaluators = [{ use = "wa-ua" }].',
        )
    return _named_by_content(registry, spec)


def parse_data(text: str) -> Table:
    """Return the corpus part that `NAME` or `NAME:PATH` stands for."""
    name, colon, path = text.partition(":")
    return {"use": name, "path": path} if colon else {"use": name}


def plugin_config(manager: PluginManager, kind: Kind, part: PartSpec, *, path: str) -> tuple[type, PluginConfig]:
    """Load a part's class and check its options.

    Raises:
        PluginError: the class cannot be loaded or has no Config.
        SpecError: an option is unknown or cannot have that value; all at once, with dotted paths below `path`.
    """
    loaded = manager.load(kind, part.use)
    config_class = getattr(loaded, "Config", None)
    if not (isinstance(config_class, type) and issubclass(config_class, PluginConfig)):
        raise PluginError(
            f'{kind} "{part.use}" has no Config of mer',
            hint="Give the class a nested `class Config(PluginConfig)`, with PluginConfig from mer_core.config.",
        )
    try:
        return loaded, config_class.model_validate(part.options)
    except ValidationError as error:
        place = f'{kind} "{part.use}"'
        pathless = kind == "corpus" and any(f["type"] == "missing" and f["loc"] == ("path",) for f in error.errors())
        hint = f"Say where it lies: --data {part.use}:PATH." if pathless else ""
        known = field_names(config_class)
        raise spec_error(error, place=place, prefix=path.split("."), known=known, hint=hint) from None


def expand(manager: PluginManager, spec: PipelineSpec) -> PipelineSpec:
    """Return the spec with every plugin option written out, defaults included, as a run directory keeps it."""

    def full(kind: Kind, part: PartSpec, path: str) -> Table:
        config: BaseModel = plugin_config(manager, kind, part, path=path)[1]
        return part.model_dump(exclude=set(part.options)) | config.model_dump(mode="json")

    table = spec.model_dump(mode="json", exclude={"single"})
    if spec.data is not None:
        table["data"] = full("corpus", spec.data, "data")
    table["encoders"] = {m: full("encoder", part, f"encoders.{m}") for m, part in sorted(spec.encoders.items())}
    table["fusion"] = full("fusion", spec.fusion, "fusion")
    table["aux"] = [full("aux", task, f"aux.{task.use}") for task in spec.aux]
    table["stages"] = [
        stage.model_dump(mode="json")
        | {
            "fusion": full("fusion", stage.fusion, f"stages.{number}.fusion"),
            "aux": [full("aux", task, f"stages.{number}.aux.{task.use}") for task in stage.aux],
            "train": (stage.train or spec.train).model_dump(mode="json"),
        }
        for number, stage in enumerate(spec.stages)
    ]
    table["protocol"]["evaluators"] = [full("evaluator", p, f"evaluators.{p.use}") for p in spec.evaluators]
    return PipelineSpec.model_validate(table)


def _keep_modalities(table: Table, modalities: Sequence[str]) -> None:
    encoders = table.get("encoders", {})
    for modality in modalities:
        if modality not in encoders:
            known = ", ".join(sorted(encoders))
            raise SpecError(f'modality "{modality}" is not known{suggest(modality, encoders)}. Known: {known}.')
    table["encoders"] = {modality: encoders[modality] for modality in modalities}
    if "stages" in table:
        table["stages"] = [stage for stage in table["stages"] if set(stage["encoders"]) <= set(modalities)]
    if len(table["encoders"]) == 1 and len(encoders) > 1 and "single" in table:
        table["aux"] = []
        table.update(copy.deepcopy(table["single"]))


def _protocol(registry: Registry, own: Table, chosen: str | None) -> Table:
    """Return the protocol's table of the registry with what the pipeline changes in it laid over.

    One that the command line chooses takes the place of all that; only evaluators stay where it names none.
    """
    if chosen is not None:
        return {key: own[key] for key in ("evaluators",) if key in own} | registry.protocol(chosen) | {"use": chosen}
    base = registry.protocol(own["use"]) if "use" in own else {}
    return copy.deepcopy(base) | own


def _named_by_content(registry: Registry, spec: PipelineSpec) -> PipelineSpec:
    """Give the protocol the name of the one in the registry that says the same: `folds = "speaker"` is `speaker`."""
    chosen, mine = spec.protocol, protocol_hash(spec.protocol)
    same = [name for name, one in registry.spec.protocols.items() if protocol_hash(one) == mine]
    if chosen.use in same:
        return spec
    name = same[0] if same else f"{chosen.use}, changed" if chosen.use else ""
    summary = registry.spec.protocols[name].summary if same else ""
    return spec.model_copy(update={"protocol": chosen.model_copy(update={"use": name, "summary": summary})})


def _named(name: str, parts: Sequence[Table | None]) -> Table:
    """Return the part of that name with the options it has in the registry, or the bare name."""
    return next((part for part in parts if part and part.get("use") == name), {"use": name})


def _set(item: str) -> tuple[str, object]:
    path, equals, text = item.partition("=")
    if not equals or not path:
        raise SpecError(f"--set {item!r} is not of the form a.b=value", hint="For example --set fusion.layers=3")
    return path, parse_value(text)


def _assign(table: Table, path: str, value: object) -> None:
    for short, whole in _SHORT.items():
        if path == short or path.startswith(f"{short}."):
            path = whole + path.removeprefix(short)
    *parents, last = path.split(".")
    table.setdefault("train", {})
    node: object = table
    for depth, key in enumerate(parents):
        children = _children(node)
        if key not in children:
            raise SpecError(
                f"{path}: there is no {'.'.join(parents[: depth + 1])} in this pipeline{suggest(key, children)}",
                hint="Paths are those of the registry file, for example fusion.layers, train.epochs, aux.aux1.weight.",
            )
        node = children[key]
    if not isinstance(node, dict):
        raise SpecError(f"{path}: cannot be set", hint="Name the part, for example aux.aux1.weight.")
    node[last] = value


def _children(node: object) -> Table:
    """Return a table's entries, or the parts of a list by the plugin that each uses."""
    if isinstance(node, list):
        return {str(part.get("use")): part for part in node if isinstance(part, dict)}
    return node if isinstance(node, dict) else {}


def parse_value(text: str) -> object:
    """Read a value as TOML would, and as plain text where that fails."""
    try:
        return tomllib.loads(f"v = {text}")["v"]
    except tomllib.TOMLDecodeError:
        return text
