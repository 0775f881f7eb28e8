"""A contract outside pytest: every check of a plugin, with its verdict, what was seen and how to mend it."""

from __future__ import annotations

import importlib
import inspect
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from mer_core.errors import MerError, PluginError
from mer_core.manager import PluginManager
from mer_core.plugin import KINDS, Kind
from mer_core.testing.contracts.aux_task import AuxTaskContract
from mer_core.testing.contracts.base import Contract, Relaxed, Reported
from mer_core.testing.contracts.corpus import CorpusContract
from mer_core.testing.contracts.encoder import EncoderContract
from mer_core.testing.contracts.evaluator import EvaluatorContract
from mer_core.testing.contracts.fusion import FusionContract

CONTRACTS: dict[Kind, type[Contract]] = {
    "encoder": EncoderContract,
    "fusion": FusionContract,
    "aux": AuxTaskContract,
    "evaluator": EvaluatorContract,
    "corpus": CorpusContract,
}
Verdict = Literal["ok", "FAILED", "reported", "relaxed"]
_FIRST = "test_builds"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check of one plugin."""

    check: str
    """Its name, for example `padding-values-do-not-matter`."""
    verdict: Verdict
    promise: str
    """What is promised, in a sentence."""
    seen: str
    """What was found."""
    mend: str
    """What usually breaks the promise, and what to write instead."""


def check_plugin(
    target: str | type,
    *,
    manager: PluginManager | None = None,
    kind: Kind | None = None,
    options: Mapping[str, Any] | None = None,
    device: str = "cpu",
) -> list[CheckResult]:
    """Run the contract of a plugin's kind.

    Args:
        target: an installed name, `pkg.mod:Class`, `file.py:Class`, or the class.
        manager: where names are looked up; by default everything that is installed.
        kind: needed only where it cannot be told from the name or the class.
        options: the plugin's options, for those that have no default.
        device: where modules and tensors are put.

    Raises:
        PluginError: there is no such plugin, it cannot be imported, or its kind cannot be told.
    """
    plugin, kind = find_class(target, manager=manager, kind=kind)
    return run_contract(CONTRACTS[kind], plugin, options=options or {}, device=device)


def run_contract(
    contract: type[Contract], plugin: type, *, options: Mapping[str, Any], device: str = "cpu"
) -> list[CheckResult]:
    """Run every check of a contract class on a plugin class; where it cannot be built, that check alone."""
    results = []
    for name in check_names(contract):
        results.append(run_check(contract, name, plugin, options=options, device=device))
        if name == _FIRST and results[-1].verdict == "FAILED":
            break
    return results


def run_check(
    contract: type[Contract], name: str, plugin: type, *, options: Mapping[str, Any], device: str = "cpu"
) -> CheckResult:
    """Run one check, by the name of its method, on a plugin class."""
    case = contract()
    case.plugin, case.options, case.device = plugin, options, device
    verdict, seen = _verdict(case, name)
    promise, _, mend = (inspect.getdoc(getattr(case, name)) or "").partition("Mend:")
    return CheckResult(check_name(name), verdict, *(" ".join(text.split()) for text in (promise, seen, mend)))


def check_name(method: str) -> str:
    """Return a check's name for people: `test_output_width` is `output-width`."""
    return method.removeprefix("test_").replace("_", "-")


def check_names(contract: type[Contract]) -> list[str]:
    """Return the names of a contract's methods that are checks, the most general first."""
    names = (name for base in reversed(contract.__mro__) for name in vars(base) if name.startswith("test_"))
    return sorted(dict.fromkeys(names), key=lambda name: name != _FIRST)


def find_class(target: str | type, *, manager: PluginManager | None, kind: Kind | None) -> tuple[type, Kind]:
    """Return the class that a target names, and its kind.

    Raises:
        PluginError: there is none, it cannot be imported, or its kind cannot be told.
    """
    if isinstance(target, type):
        return target, kind or _kind_of(target)
    place, colon, name = target.rpartition(":")
    if not colon and target.endswith(".py"):
        raise PluginError(f"{target} is a file, not a plugin", hint=f"Name its class: {target}:Class")
    if not colon:
        manager = manager or PluginManager()
        found = manager.find(target, kind)
        return manager.load(found.kind, target), found.kind
    plugin = getattr(_module(place), name, None)
    if not isinstance(plugin, type):
        raise PluginError(f"{place} has no class {name}", hint="Write it as pkg.mod:Class or file.py:Class.")
    return plugin, kind or _kind_of(plugin)


def _module(place: str) -> Any:
    if place.endswith(".py"):
        path = Path(place)
        PluginManager(discover=False, files=[path])  # imports it under its own stem, or says what is wrong with it
        return importlib.import_module(path.stem)
    try:
        return importlib.import_module(place)
    except Exception as cause:
        raise PluginError(f"{place} cannot be imported: {type(cause).__name__}: {cause}") from cause


def _kind_of(plugin: type) -> Kind:
    """Tell the kind from the members of a class; a fusion and an auxiliary task differ in what they are built with."""
    asked = inspect.signature(plugin).parameters
    marks: dict[Kind, bool] = {
        "encoder": hasattr(plugin, "collate") and hasattr(plugin, "prepare"),
        "evaluator": hasattr(plugin, "evaluate"),
        "corpus": hasattr(plugin, "read"),
        "aux": hasattr(plugin, "forward") and "fused_dim" in asked,
        "fusion": hasattr(plugin, "forward") and "input_dims" in asked and "fused_dim" not in asked,
    }
    kinds = [kind for kind, is_it in marks.items() if is_it]
    if len(kinds) != 1:
        raise PluginError(
            f"the kind of {plugin.__name__} cannot be told from its members",
            hint=f"Add --kind, one of {', '.join(KINDS)}.",
        )
    return kinds[0]


def _verdict(case: Contract, name: str) -> tuple[Verdict, str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            getattr(case, name)()
    except Relaxed as reason:
        return "relaxed", str(reason)
    except Reported as reason:
        return "reported", str(reason)
    except AssertionError as failure:
        # Under pytest an assertion's text goes on with the values that its rewriting found.
        return "FAILED", str(failure).partition("\nassert ")[0] or "an assertion of the plugin itself fails"
    except MerError as error:
        return "FAILED", " ".join(f"raises {type(error).__name__}: {error}".split())
    except (Exception, SystemExit) as error:  # a plugin may raise anything, and every check is to be run
        return "FAILED", f"raises {type(error).__name__}: {error}"
    return "ok", case.seen
