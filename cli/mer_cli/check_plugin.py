"""`mer check-plugin`: the contract of a plugin's kind, outside pytest."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mer_cli.options import Device, JsonOption, KindOption, RegistryOption
from mer_cli.plugins import say_registry

if TYPE_CHECKING:
    from mer_core.testing.contracts.check import CheckResult

FAILED = "FAILED"
BROKEN_PROMISE = 1


def check_plugin(
    plugin: Annotated[str, typer.Argument(metavar="PLUGIN", help="A name, pkg.mod:Class, or file.py:Class.")],
    kind: KindOption = None,
    sets: Annotated[
        list[str] | None, typer.Option("--set", metavar="OPTION=VALUE", help="An option of the plugin; repeatable.")
    ] = None,
    device: Annotated[Device, typer.Option("--device", help="Where to compute.")] = Device.cpu,
    registry_file: RegistryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check that a plugin keeps the promises of its kind; exit 1 where it breaks one."""
    from mer_cli.quiet import quiet_libraries
    from mer_core.registry import load_registry

    quiet_libraries()
    options = dict(map(_option, sets or []))
    manager = load_registry(registry_file).manager()
    say_registry(manager)

    import torch

    from mer_core.testing.contracts.check import CONTRACTS, find_class, run_contract

    torch.set_num_threads(1)  # on toy tensors threads only wait for each other, six times as long on two busy cores
    found, kind = find_class(plugin, manager=manager, kind=kind)
    _check_needed(found, options)
    results = run_contract(CONTRACTS[kind], found, options=options, device=_there(device))
    if as_json:
        print(json.dumps(_data(plugin, kind, results), indent=1, ensure_ascii=False))
    else:
        _show(f"{kind} {plugin}", f"{found.__module__}:{found.__qualname__}", results)
    if any(row.verdict == FAILED for row in results):
        raise typer.Exit(BROKEN_PROMISE)


def _check_needed(plugin: type, options: dict[str, Any]) -> None:
    """Refuse to check a plugin that cannot be built for want of an option: that is no broken promise."""
    from mer_core.config import PluginConfig
    from mer_core.errors import SpecError

    config = getattr(plugin, "Config", None)
    if not (isinstance(config, type) and issubclass(config, PluginConfig)):
        return
    lacking = [name for name, field in config.model_fields.items() if field.is_required() and name not in options]
    if lacking:
        raise SpecError(
            f"{plugin.__name__} cannot be built without {', '.join(lacking)}",
            hint=f"Add {' '.join(f'--set {name}=VALUE' for name in lacking)}",
        )


def _option(text: str) -> tuple[str, Any]:
    """Return an option's name and value, read as TOML would, and as plain text where that fails."""
    from mer_core.errors import SpecError
    from mer_core.resolve import parse_value

    name, equals, value = text.partition("=")
    if not equals or not name:
        raise SpecError(f"--set {text!r} is not of the form option=value", hint="For example --set heads=4")
    return name, parse_value(value)


def _there(device: Device) -> str:
    """Return the device's name once it is known to be there; `auto` is an accelerator where there is one."""
    import torch

    from mer_core.errors import SpecError

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if device is Device.auto:
        return next(name for name, is_there in there.items() if is_there)
    if not there[device.value]:
        available = ", ".join(name for name, is_there in there.items() if is_there)
        raise SpecError(f'device "{device.value}" is not available here. Available: {available}.')
    return device.value


def _data(plugin: str, kind: str, results: Sequence[CheckResult]) -> dict[str, Any]:
    passed = all(row.verdict != FAILED for row in results)
    return {"plugin": plugin, "kind": kind, "passed": passed, "checks": [asdict(row) for row in results]}


def _show(name: str, place: str, results: Sequence[CheckResult]) -> None:
    from mer_cli import console

    console.heading(name, place)
    # What was kept needs no mending: the column stays empty there, and the eye finds the rest.
    rows = [[row.check, row.verdict, row.seen, row.mend if row.verdict == FAILED else ""] for row in results]
    console.table(console.Table(["check", "verdict", "seen", "how to mend it"], rows, num_names=4))
    counts = Counter(row.verdict for row in results)
    console.line(f"\n{len(results)} checks: {', '.join(f'{count} {verdict}' for verdict, count in counts.items())}")
