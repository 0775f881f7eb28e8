"""One hook per kind of plugin. A plugin module implements those it has parts for. Imports no torch.

from mer_core.hookspec import hookimpl
from mer_core.plugin import Plugin

@hookimpl
def mer_fusions():
    yield Plugin("gated", "mer_gated.fusion:Gated", "gated multimodal unit")
"""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from mer_core.plugin import Kind, Plugin

PROJECT = "mer"
ENTRY_POINT_GROUP = "mer"
hookimpl = pluggy.HookimplMarker(PROJECT)
_hookspec = pluggy.HookspecMarker(PROJECT)

HOOKS: dict[Kind, str] = {
    "encoder": "mer_encoders",
    "fusion": "mer_fusions",
    "aux": "mer_aux_tasks",
    "evaluator": "mer_evaluators",
    "corpus": "mer_corpora",
}


@_hookspec
def mer_encoders() -> Iterable[Plugin]:
    """Encoders: from one modality of an utterance to a sequence of vectors."""
    return ()


@_hookspec
def mer_fusions() -> Iterable[Plugin]:
    """Fusions: from the encoded modalities to one vector per utterance."""
    return ()


@_hookspec
def mer_aux_tasks() -> Iterable[Plugin]:
    """Auxiliary tasks: extra losses on the encodings of the step."""
    return ()


@_hookspec
def mer_evaluators() -> Iterable[Plugin]:
    """Evaluators: from predictions to named figures."""
    return ()


@_hookspec
def mer_corpora() -> Iterable[Plugin]:
    """Corpora: readers that list utterances."""
    return ()
