"""From a resolved spec and a plugin manager to a Pipeline, with every part's contract checked where parts meet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mer_core.errors import MerError, PluginError, SpecError
from mer_core.manager import PluginManager
from mer_core.pipeline import FUSION_LOSS, MAIN_LOSS, Pipeline
from mer_core.plugin import Kind
from mer_core.protocols import AuxTask, Corpus, Encoder, Evaluator, Fusion
from mer_core.resolve import plugin_config
from mer_core.spec import PartSpec, PipelineSpec

CONTRACTS: dict[Kind, type] = {
    "encoder": Encoder,
    "fusion": Fusion,
    "aux": AuxTask,
    "evaluator": Evaluator,
    "corpus": Corpus,
}
MODULE_KINDS: tuple[Kind, ...] = ("encoder", "fusion", "aux")


def build(manager: PluginManager, kind: Kind, part: PartSpec, *, path: str, **widths: object) -> Any:
    """Load a part, check its options, construct it and check that it keeps the contract of its kind.

    Raises:
        PluginError: it cannot be loaded, or does not have what its contract asks for.
        SpecError: its options cannot be.
    """
    loaded, config = plugin_config(manager, kind, part, path=path)
    try:
        made = loaded(config, **widths)
    except MerError:
        raise
    except TypeError as cause:
        asked = ", ".join(["config", *(f"{name}=…" for name in widths)])
        raise PluginError(f'{kind} "{part.use}" cannot be built as {loaded.__name__}({asked}): {cause}') from cause
    contract = CONTRACTS[kind]
    lacking = [name for name in members(contract) if not _has(made, name)]
    if lacking or (kind in MODULE_KINDS and not isinstance(made, nn.Module)):
        what = f"lacks {', '.join(lacking)}" if lacking else "is not a torch.nn.Module"
        raise PluginError(
            f'{kind} "{part.use}" ({loaded.__name__}) {what}',
            hint=f"The contract is {contract.__name__} in mer_core.protocols.",
        )
    return made


def compose(
    spec: PipelineSpec, manager: PluginManager, *, num_classes: int, class_weight_C: Tensor | None = None
) -> Pipeline:
    """Build the model of a pipeline.

    Args:
        spec: the resolved pipeline.
        manager: where the parts come from.
        num_classes: C.
        class_weight_C: weights of the main loss, ones by default.

    Raises:
        PluginError, SpecError: a part cannot be built, or two parts do not fit.
    """
    _check_names(spec)
    encoders = {m: build(manager, "encoder", part, path=f"encoders.{m}") for m, part in sorted(spec.encoders.items())}
    for key, encoder in encoders.items():
        if key != encoder.modality and not key.startswith(f"{encoder.modality}-"):
            raise SpecError(
                f'encoders.{key}: "{spec.encoders[key].use}" encodes {encoder.modality}, not {key}',
                hint=f"Call it encoders.{encoder.modality}; a second one encoders.{encoder.modality}-NAME.",
            )
    input_dims = {modality: int(encoder.output_dim) for modality, encoder in encoders.items()}
    scores = hasattr(manager.load("fusion", spec.fusion.use), "classify")
    widths = {"input_dims": input_dims} | ({"num_classes": num_classes} if scores else {})
    fusion = build(manager, "fusion", spec.fusion, path="fusion", **widths)
    fused_dim = int(fusion.output_dim)
    tasks = {
        task.use: build(
            manager,
            "aux",
            PartSpec(use=task.use, **task.options),
            path=f"aux.{task.use}",
            fused_dim=fused_dim,
            num_classes=num_classes,
            input_dims=input_dims,
        )
        for task in spec.aux
    }
    # After the tasks: the order decides which random numbers a part starts from, and with them every stored figure.
    classifier = [nn.Dropout(spec.train.dropout)] + ([] if scores else [nn.Linear(fused_dim, num_classes)])
    return Pipeline(
        encoders=encoders,
        fusion=fusion,
        classifier=nn.Sequential(*classifier),
        tasks=tasks,
        task_weights={task.use: task.weight for task in spec.aux},
        class_weight_C=torch.ones(num_classes) if class_weight_C is None else class_weight_C,
        focal_gamma=spec.train.focal_gamma,
        label_smoothing=spec.train.label_smoothing,
    )


def _check_names(spec: PipelineSpec) -> None:
    names: Sequence[str] = [task.use for task in spec.aux]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SpecError(f"aux: {', '.join(twice)} is named twice", hint="Name each auxiliary task once.")
    for taken in {MAIN_LOSS, FUSION_LOSS}.intersection(names):
        raise SpecError(f'aux: no task may be called "{taken}"', hint="That is the name of the pipeline's own loss.")


def _has(made: object, name: str) -> bool:
    """Tell whether a part has a member; every nn.Module has a `forward`, one that only raises."""
    return hasattr(made, name) and getattr(type(made), name, None) is not nn.Module.forward


def members(contract: type) -> list[str]:
    """Return what a contract asks for: its methods and values."""
    return sorted(name for name in {*contract.__annotations__, *vars(contract)} if not name.startswith("_"))
