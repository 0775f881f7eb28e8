"""`mer audit`: what would make figures on a corpus look better than they are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from mer_cli.options import RegistryOption
from mer_core.choices import FoldScheme

SEVERE = 1
MOST_SHOWN = 3


def audit(
    data: Annotated[
        str | None, typer.Option(metavar="CORPUS[:PATH]", help="demo, iemocap:DIR or manifest:FILE.csv|jsonl.")
    ] = None,
    protocol: Annotated[
        str | None, typer.Option(metavar="NAME", help="What figures are measured under: mer protocol list.")
    ] = None,
    pipeline: Annotated[str, typer.Option(help="A pipeline of the registry, for its data and protocol.")] = "demo",
    folds: Annotated[FoldScheme | None, typer.Option(help="What is left out for testing.")] = None,
    sets: Annotated[
        list[str] | None, typer.Option("--set", metavar="A.B=C", help="Set any key, e.g. data.keep_tags=true.")
    ] = None,
    registry_file: RegistryOption = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 where something severe is found.")] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the findings there, for programs.")
    ] = None,
) -> None:
    """Look for leaks between training and test, for cues that are no emotion, and for damaged data."""
    from mer_cli import console
    from mer_cli.quiet import quiet_libraries
    from mer_core.registry import load_registry
    from mer_core.resolve import Overrides, resolve

    quiet_libraries()
    registry = load_registry(registry_file)
    values = {} if folds is None else {"protocol.folds": folds}
    spec = resolve(registry, pipeline, Overrides(data=data, protocol=protocol, sets=sets or (), values=values))

    from mer_core import audit as auditing
    from mer_core.audit.opening import open_subject
    from mer_core.audit.report import report
    from mer_core.files import write_json

    with console.preparing("measuring recordings") as progress:
        subject = open_subject(spec, registry.manager(), progress)
    with console.preparing("checks") as progress:
        made = report(spec, subject, auditing.audit(subject, progress))
    if json_file is not None:
        write_json(json_file, made)
    _show(made, json_file)
    if strict and made["severities"]["severe"]:
        raise typer.Exit(SEVERE)


def _show(report: Mapping[str, Any], json_file: Path | None) -> None:
    from mer_cli import console

    labels = ", ".join(f"{label} {count}" for label, count in report["labels"].items())
    console.names(
        [
            ("data", report["data"]["use"]),
            ("utterances", f"{report['utterances']}: {labels}"),
            ("protocol", f"{report['protocol']['name']}, {len(report['folds'])} folds"),
        ]
    )
    for finding in report["findings"]:
        console.line()
        counted = f"{finding['count']} of {finding['total']} {finding['unit']}"
        console.heading(f"{finding['severity']}: {finding['check']}", counted)
        console.line(f"  {finding['message']}")
        if finding["examples"]:
            more = ", …" if finding["num_examples"] > MOST_SHOWN else ""
            console.line(f"  for example {', '.join(finding['examples'][:MOST_SHOWN])}{more}", faint=True)
    graded = ", ".join(f"{count} {severity}" for severity, count in report["severities"].items())
    console.line(f"\n{graded}")
    if json_file is not None:
        console.line(f"written to: {json_file}")
