"""`mer report`: a run, or the tables of `mer reproduce`, as a page or as text for other programs."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mer_cli.options import Device, DeviceOption, RegistryOption

if TYPE_CHECKING:
    from mer_core.manager import PluginManager


class Format(StrEnum):
    """What a report is written as."""

    html = "html"
    markdown = "markdown"
    latex = "latex"
    csv = "csv"


ENDINGS = {".html": Format.html, ".md": Format.markdown, ".tex": Format.latex, ".csv": Format.csv}


def report(
    place: Annotated[
        Path,
        typer.Argument(metavar="PLACE", help="What `mer run` or `mer reproduce` left: a run, a table, or all tables."),
    ],
    given: Annotated[
        Format | None,
        typer.Option("--format", help="One HTML page, or tables as text; else by the ending of FILE, else html."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write there; else report.html beside the run, text to stdout.")
    ] = None,
    device: DeviceOption = Device.auto,
    registry_file: RegistryOption = None,
) -> None:
    """Write a report, every figure computed anew from the prediction files."""
    from mer_cli.quiet import quiet_libraries
    from mer_core.files import write_text
    from mer_core.registry import load_registry

    form = _form(given, out)
    quiet_libraries()
    manager = load_registry(registry_file).manager()
    if form is Format.html:
        target = out or place / "report.html"
        write_text(target, _page(place, manager, device))
        typer.echo(f"written to: {target}")
        return
    text = _text(form, place, manager)
    if out is None:
        typer.echo(text, nl=False)
    else:
        write_text(out, text)
        typer.echo(f"written to: {out}")


def _form(given: Format | None, out: Path | None) -> Format:
    """Return the form asked for, else the one that the ending of the file names."""
    from mer_core.errors import SpecError

    if given or out is None:
        return given or Format.html
    if out.suffix.lower() not in ENDINGS:
        raise SpecError(
            f"--out {out}: its ending names no form of report",
            hint=f"Let it end in {', '.join(ENDINGS)}, or say --format {'|'.join(Format)}.",
        )
    return ENDINGS[out.suffix.lower()]


def _page(place: Path, manager: PluginManager, device: Device) -> str:
    from mer_cli.page.render import render

    if _is_run(place):
        from mer_cli.page.run_page import run_page
        from mer_core.inference import open_trained

        return render(run_page(open_trained(place, manager, device=device.value)))
    from mer_cli.page.table_page import table_page

    return render(table_page(place, manager))


def _text(form: Format, place: Path, manager: PluginManager) -> str:
    from mer_cli import formats, tidy
    from mer_core.report import write_report
    from mer_core.rundir import RunDir
    from mer_core.statistics import compare, load_system
    from mer_core.tables.stored import read_tables

    write = formats.latex if form is Format.latex else formats.markdown
    if _is_run(place):
        made, comparison = write_report(RunDir(place), manager), compare([load_system(place)])
        if form is Format.csv:
            return tidy.comma_separated(tidy.of_run(made, comparison))
        return write(*formats.of_run(made, comparison))
    tables = read_tables(place, manager)
    return tidy.comma_separated(tidy.of_tables(tables)) if form is Format.csv else write(*formats.of_tables(tables))


def _is_run(place: Path) -> bool:
    """Tell a run from tables. What is neither is told by who reads it as a run."""
    from mer_core.tables.store import TABLE_FILE

    return not (place / TABLE_FILE).exists() and not list(place.glob(f"table-*/{TABLE_FILE}"))
