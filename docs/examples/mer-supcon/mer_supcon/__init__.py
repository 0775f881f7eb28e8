"""Names the auxiliary task `supcon`. Imports no torch: the class is loaded when a pipeline uses it."""

from collections.abc import Iterable

from mer_core.hookspec import hookimpl
from mer_core.plugin import Plugin

MER_API = ">=1,<2"


@hookimpl
def mer_aux_tasks() -> Iterable[Plugin]:
    """Return the auxiliary tasks of this package."""
    yield Plugin("supcon", "mer_supcon.task:CrossModalSupCon", "supervised contrastive alignment across modalities")
