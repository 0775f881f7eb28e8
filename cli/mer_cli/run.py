"""`mer run`: train and test every fold, and show the figures."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mer_cli.options import Device, DeviceOption, NoCacheOption, RegistryOption, SkipBadOption, listed
from mer_core.choices import FoldScheme, Precision, Selection

if TYPE_CHECKING:
    from mer_core.experiment import Experiment
    from mer_core.manager import PluginManager
    from mer_core.registry import Registry
    from mer_core.rundir import RunDir
    from mer_core.spec import PipelineSpec

INTERRUPTED = 130


def run(
    ctx: typer.Context,
    pipeline: Annotated[str, typer.Option(help="A pipeline of the registry.")] = "demo",
    data: Annotated[
        str | None, typer.Option(metavar="CORPUS[:PATH]", help="demo, iemocap:DIR or manifest:FILE.csv|jsonl.")
    ] = None,
    protocol: Annotated[
        str | None, typer.Option(metavar="NAME", help="What figures are measured under: mer protocol list.")
    ] = None,
    modalities: Annotated[str | None, typer.Option(metavar="A,B", help="Keep only these, e.g. audio,text.")] = None,
    fusion: Annotated[str | None, typer.Option(metavar="NAME", help="How modalities are fused.")] = None,
    aux: Annotated[str | None, typer.Option(metavar="A,B|none", help="Auxiliary tasks.")] = None,
    folds: Annotated[FoldScheme | None, typer.Option(help="What is left out for testing.")] = None,
    only_fold: Annotated[str | None, typer.Option(metavar="NAME", help="Run one fold only.")] = None,
    seed: Annotated[str, typer.Option(metavar="N,N", help="One seed or several.")] = "1",
    epochs: Annotated[int | None, typer.Option(help="Passes over the training utterances.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Utterances per batch.")] = None,
    device: DeviceOption = Device.auto,
    precision: Annotated[Precision | None, typer.Option(help="Arithmetic of the forward pass.")] = None,
    select: Annotated[
        Selection | None, typer.Option(help="Epoch to score: the last; best held-out (inner); best on test.")
    ] = None,
    sets: Annotated[
        list[str] | None, typer.Option("--set", metavar="A.B=C", help="Set any key, e.g. fusion.layers=3; repeatable.")
    ] = None,
    registry_file: RegistryOption = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Run directory; else a new one under runs/.")] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Folds and seeds at once; else by cores and memory.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was cut off.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the run directory.")] = False,
    skip_bad: SkipBadOption = False,
    no_cache: NoCacheOption = False,
) -> None:
    """Train and test a pipeline, fold by fold."""
    from mer_cli.quiet import quiet_libraries
    from mer_core.registry import load_registry
    from mer_core.resolve import Overrides, resolve

    quiet_libraries()
    seeds = list(dict.fromkeys(listed(seed, int)))
    registry = load_registry(registry_file)
    values = {
        "protocol.folds": folds,
        "train.epochs": epochs,
        "train.batch_size": batch_size,
        "train.precision": precision,
        "protocol.select": select,
    }
    spec = resolve(
        registry,
        pipeline,
        Overrides(
            data=data,
            protocol=protocol,
            modalities=None if modalities is None else listed(modalities),
            fusion=fusion,
            aux=_tasks(aux),
            sets=sets or (),
            values={path: value for path, value in values.items() if value is not None},
        ),
    )
    manager = registry.manager()
    _header(registry, manager, pipeline, spec)
    folder = out or _folder(pipeline, registry, spec, manager, seeds, only_fold, resume=resume)
    try:
        from mer_core.data.store import chosen_store
        from mer_core.experiment import Experiment

        experiment = Experiment(
            name=pipeline,
            spec=spec,
            manager=manager,
            out=folder,
            seeds=seeds,
            only_fold=only_fold,
            device=device.value,
            jobs=jobs,
            resume=resume,
            force=force,
            skip_bad=skip_bad,
            store=chosen_store(no_cache=no_cache),
        )
        finished, report = _watched(experiment)
    except KeyboardInterrupt:
        typer.echo(f"Stopped. Go on with: {go_on(ctx.obj, folder)}")
        raise typer.Exit(INTERRUPTED) from None
    _show(finished, report)


def _tasks(aux: str | None) -> list[str] | None:
    if aux is None:
        return None
    return [] if aux == "none" else listed(aux)


def _header(registry: Registry, manager: PluginManager, name: str, spec: PipelineSpec) -> None:
    from mer_cli import console
    from mer_core.provenance import plugin_origins

    console.names(
        [
            ("registry", ", then ".join(str(file) for file in registry.files)),
            ("pipeline", f"{name}: {spec.summary}" if spec.summary else name),
            ("protocol", _protocol(spec)),
            *plugin_origins(spec, manager).items(),
        ]
    )


def _protocol(spec: PipelineSpec) -> str:
    from mer_core.data.protocol import protocol_hash

    chosen = spec.protocol
    named = f"{chosen.use or 'own'} ({protocol_hash(chosen)[:8]})"
    return f"{named}: {chosen.summary}" if chosen.summary else named


def _folder(
    name: str,
    registry: Registry,
    spec: PipelineSpec,
    manager: PluginManager,
    seeds: Sequence[int],
    only_fold: str | None,
    *,
    resume: bool,
) -> Path:
    from mer_core.rundir import default_folder

    if not resume:
        everything = set(registry.spec.pipelines[name].encoders)
        return default_folder(run_name(name, spec, everything))
    from mer_core.resolve import expand
    from mer_core.rundir import find_run

    return find_run(expand(manager, spec).model_dump(mode="json"), seeds, only_fold)


def run_name(pipeline: str, spec: PipelineSpec, everything: set[str]) -> str:
    """Return what a run is called, for example `demo-cross-attn-aux1-aux2` or `demo-audio-fc`."""
    modalities = [] if set(spec.encoders) == everything else sorted(spec.encoders)
    return "-".join([pipeline, *modalities, spec.fusion.use, *(task.use for task in spec.aux)])


def _watched(experiment: Experiment) -> tuple[RunDir, dict[str, Any]]:
    from dataclasses import replace

    from mer_cli import live
    from mer_core.data.protocol import remark

    told = remark(experiment.spec.protocol)
    with live.watch(several_seeds=len(experiment.seeds) > 1, remark=told) as listener:
        return replace(experiment, listener=listener).run()


def go_on(typed: Sequence[str], folder: Path) -> str:
    """Return the command that resumes what was typed."""
    words = [word for word in typed if word not in ("--resume", "--force")]
    named = any(word == "--out" or word.startswith("--out=") for word in words)
    return shlex.join(["mer", *words, *([] if named else ["--out", str(folder)]), "--resume"])


def _show(run: RunDir, report: Mapping[str, Any]) -> None:
    from mer_cli import console, results

    console.table(results.figures_table(report))
    console.line()
    for text in [*results.changed_lines(report), *results.optimism_lines(report)]:
        console.line(text)
    for matrix in results.confusion_tables(report):
        console.table(matrix)
    if ceilings := results.ceilings_table(report):
        console.table(ceilings)
    console.line()
    for text in [*results.remark_lines(report), *results.left_out_lines(report), *results.padding_lines(report)]:
        console.line(text)
    console.line(f"run directory: {run.path}")
