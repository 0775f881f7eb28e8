"""The `mer` command: one file per sub-command, errors of the user shown without a traceback. Imports no torch."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from mer_cli import (
    audit,
    bench,
    cache,
    check_plugin,
    compare,
    diagnose,
    evaluate,
    list_plugins,
    new_plugin,
    predict,
    protocol,
    report,
    reproduce,
    run,
    show_plugin,
)
from mer_core.errors import MerError

USER_ERROR = 2


class Commands(TyperGroup):
    """The group of commands. It keeps the arguments as typed in `ctx.obj`, and turns a MerError into exit 2."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Remember what was typed, so that a command can say how to go on."""
        ctx.obj = list(args)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; show a user's mistake as fact and remedy."""
        try:
            return super().invoke(ctx)
        except MerError as error:
            from mer_cli import console

            console.error(error.message, error.hint)
            raise typer.Exit(USER_ERROR) from None


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # typer's panels cost 0.1 s of imports
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _mer() -> None:
    """Multimodal emotion recognition from speech and its words."""


app.command("run")(run.run)
app.command("reproduce")(reproduce.reproduce)
app.command("predict")(predict.predict)
app.command("evaluate")(evaluate.evaluate)
app.command("report")(report.report)
app.command("audit")(audit.audit)
app.command("cache")(cache.cache)
app.command("protocol")(protocol.protocol)
app.command("compare")(compare.compare)
app.command("diagnose")(diagnose.diagnose)
app.command("list-plugins")(list_plugins.list_plugins)
app.command("show-plugin")(show_plugin.show_plugin)
app.command("new-plugin")(new_plugin.new_plugin)
app.command("check-plugin")(check_plugin.check_plugin)
app.command("bench")(bench.bench)


def main() -> None:
    """Run the command line. Of several processes that torchrun started, the first alone prints."""
    if os.environ.get("RANK", "0") != "0":
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - until the process ends
    app(prog_name="mer")
