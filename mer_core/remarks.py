"""What must be said of a pipeline wherever its figures stand: made from its parts, kept in run.json and report.json."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mer_core.data.context import contexts
from mer_core.data.speakers import normalised_names
from mer_core.pipeline import Pipeline
from mer_core.protocols import Remarking


def about(pipeline: Pipeline) -> dict[str, Any]:
    """Return what is told of a composed pipeline.

    `parameters` counts the trained ones and all; `uses_context` has the neighbours on either side of each encoder that
    reads them; `remarks` are sentences, each with the part that it is said of.
    """
    sizes = [(p.numel(), p.requires_grad) for p in pipeline.parameters()]
    return {
        "parameters": {"trained": sum(n for n, trained in sizes if trained), "all": sum(n for n, _ in sizes)},
        "uses_context": contexts(pipeline),
        "remarks": [f"{place}: {text}" for place, text in _remarks(pipeline)],
    }


def _remarks(pipeline: Pipeline) -> Iterator[tuple[str, str]]:
    for key, size in contexts(pipeline).items():
        yield f"encoders.{key}", f"uses context, {size} utterances of the dialog on either side"
    for key in pipeline.encoders:
        if normalised_names(pipeline.encoder(key)):
            yield f"encoders.{key}", "features normalised per speaker, over tested utterances too, without labels"
    parts = {f"encoders.{key}": part for key, part in pipeline.encoders.items()} | {"fusion": pipeline.fusion}
    parts |= {f"aux.{name}": task for name, task in pipeline.tasks.items()}
    for place, part in parts.items():
        if isinstance(part, Remarking):
            yield from ((place, text) for text in part.remarks())
