"""`mer predict`: emotions of recordings, words or a whole manifest, by the models of a run."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mer_cli.options import (
    Device,
    DeviceOption,
    FoldOption,
    JsonOption,
    NoCacheOption,
    RegistryOption,
    RunArgument,
    SkipBadOption,
)
from mer_cli.words import percent

if TYPE_CHECKING:
    from mer_core.inference import TrainedRun
    from mer_core.manager import PluginManager
    from mer_core.types import Predictions, Utterance


def predict(
    run: RunArgument,
    files: Annotated[list[Path] | None, typer.Argument(metavar="FILE", help="Recordings.")] = None,
    text: Annotated[str | None, typer.Option(metavar="WORDS", help="What is said, for one recording or none.")] = None,
    data: Annotated[str | None, typer.Option(metavar="CORPUS:PATH", help="Utterances of a manifest:FILE.")] = None,
    fold: FoldOption = None,
    as_json: JsonOption = False,
    csv_file: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write a table of them too.")] = None,
    device: DeviceOption = Device.auto,
    registry_file: RegistryOption = None,
    skip_bad: SkipBadOption = False,
    no_cache: NoCacheOption = False,
) -> None:
    """Predict emotions with a trained run: the mean of the probabilities of all its models."""
    from mer_cli import console
    from mer_cli.quiet import quiet_libraries
    from mer_core.registry import load_registry

    quiet_libraries()
    _check(files or [], text, data)
    manager = load_registry(registry_file).manager()

    from mer_core.data.store import chosen_store
    from mer_core.inference import mean_predictions, open_trained

    trained = open_trained(run, manager, device=device.value, fold=fold, store=chosen_store(no_cache=no_cache))
    utterances = _utterances(files or [], text, data, manager)
    _notes(trained, utterances, skip_bad=skip_bad)
    with console.preparing() as progress:
        each, left_out = trained.predict_each(utterances, skip_bad=skip_bad, progress=progress)
    for id_, reason in left_out.items():
        console.note(f"left out: {id_}: {reason}")
    predictions = mean_predictions(list(each.values()))
    if csv_file is not None:
        _write_csv(csv_file, predictions)
    if as_json:
        print(json.dumps(_data(predictions, utterances), indent=1, ensure_ascii=False))
    else:
        _show(predictions, num_models=len(each))


def _check(files: Sequence[Path], text: str | None, data: str | None) -> None:
    if data is not None and (files or text is not None):
        raise typer.BadParameter("--data stands alone: give files and --text, or --data")
    if data is None and not files and text is None:
        raise typer.BadParameter('nothing to predict: give recordings, --text "…" or --data manifest:FILE')
    if text is not None and len(files) > 1:
        raise typer.BadParameter("--text is for one recording; list several with their words in a manifest: --data")


def _utterances(files: Sequence[Path], text: str | None, data: str | None, manager: PluginManager) -> list[Utterance]:
    from dataclasses import replace

    from mer_core.inference import read_utterances
    from mer_core.types import AudioSpan, Utterance

    if data is not None:
        return [replace(utterance, label=None) for utterance in read_utterances(manager, data)]
    if not files:
        return [Utterance(id="text", text=text)]
    return [Utterance(id=str(file), audio=AudioSpan(file), text=text) for file in dict.fromkeys(files)]


def _notes(trained: TrainedRun, utterances: Sequence[Utterance], *, skip_bad: bool) -> None:
    """Say what is missing and what is given but not used."""
    from mer_cli import console
    from mer_core.data.prepare import lacks

    for modality, count in trained.lacking(utterances, skip_bad=skip_bad).items():
        console.note(f"{count} of {len(utterances)} utterances have no {modality}: predicted without it")
    for modality in {"audio", "text"} - {key.partition("-")[0] for key in trained.spec.encoders}:
        if not all(lacks(utterance, modality) for utterance in utterances):
            console.note(f"this run does not use {modality}: it is ignored")


def _data(predictions: Predictions, utterances: Sequence[Utterance]) -> list[dict[str, Any]]:
    by_id: Mapping[str, Utterance] = {utterance.id: utterance for utterance in utterances}
    rows = zip(predictions.ids, predictions.predicted, predictions.p_NC.tolist(), strict=True)
    return [
        {
            "id": id_,
            "audio": str(span.path) if (span := by_id[id_].audio) else None,
            "text": by_id[id_].text,
            "predicted": predicted,
            "probabilities": dict(zip(predictions.classes, p_C, strict=True)),
        }
        for id_, predicted, p_C in rows
    ]


def _write_csv(path: Path, predictions: Predictions) -> None:
    """Write the columns of a run's predictions.csv, without the label."""
    from mer_core.files import written_aside

    with written_aside(path) as aside, aside.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "predicted", *(f"p_{name}" for name in predictions.classes)])
        for id_, predicted, p_C in zip(predictions.ids, predictions.predicted, predictions.p_NC.tolist(), strict=True):
            rows.writerow([id_, predicted, *(f"{p:.9g}" for p in p_C)])


def _show(predictions: Predictions, *, num_models: int) -> None:
    from mer_cli import console

    rows = [
        [id_, predicted, *map(percent, p_C)]
        for id_, predicted, p_C in zip(predictions.ids, predictions.predicted, predictions.p_NC.tolist(), strict=True)
    ]
    models = f"mean of {num_models} models" if num_models > 1 else "one model"
    console.table(
        console.Table(["utterance", "predicted", *predictions.classes], rows, f"percent, {models}", num_names=2)
    )
