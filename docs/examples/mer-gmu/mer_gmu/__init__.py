"""Names the fusion `gmu`. Imports no torch: the class is loaded when a pipeline uses it."""

from collections.abc import Iterable

from mer_core.hookspec import hookimpl
from mer_core.plugin import Plugin

MER_API = ">=1,<2"


@hookimpl
def mer_fusions() -> Iterable[Plugin]:
    """Return the fusions of this package."""
    yield Plugin("gmu", "mer_gmu.fusion:GatedMultimodalUnit", "gated multimodal unit (Arevalo et al. 2017)")
