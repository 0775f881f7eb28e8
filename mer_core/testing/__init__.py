"""For tests of plugins: a contract class per kind, and toy parts that train in milliseconds (`mer_core.testing.toys`).

from mer_core.testing import FusionContract

class TestGated(FusionContract):
    plugin = Gated
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mer_core.testing.contracts.aux_task import AuxTaskContract
    from mer_core.testing.contracts.check import CheckResult, check_plugin
    from mer_core.testing.contracts.corpus import CorpusContract
    from mer_core.testing.contracts.encoder import EncoderContract
    from mer_core.testing.contracts.evaluator import EvaluatorContract
    from mer_core.testing.contracts.fusion import FusionContract

__all__ = [
    "AuxTaskContract",
    "CheckResult",
    "CorpusContract",
    "EncoderContract",
    "EvaluatorContract",
    "FusionContract",
    "check_plugin",
]

_HOMES = {
    "AuxTaskContract": "aux_task",
    "CheckResult": "check",
    "CorpusContract": "corpus",
    "EncoderContract": "encoder",
    "EvaluatorContract": "evaluator",
    "FusionContract": "fusion",
    "check_plugin": "check",
}

if "pytest" in sys.modules:  # a failed check then shows the values as well; without pytest nothing needs it
    sys.modules["pytest"].register_assert_rewrite("mer_core.testing.contracts")


def __getattr__(name: str) -> Any:
    """Import a contract when it is asked for: toy parts are used without them, and scikit-learn is slow to import."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"mer_core.testing.contracts.{_HOMES[name]}"), name)
