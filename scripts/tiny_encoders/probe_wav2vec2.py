"""Linear probes of a frozen wav2vec 2.0 checkpoint: the demo corpus' four voice types, and real speech (EMO-DB).

`python -m scripts.tiny_encoders.probe_wav2vec2 --emodb DIR/manifest.csv`. Nothing here is ever trained on.
Shape letters: B utterances, T frames, D width.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from transformers import Wav2Vec2FeatureExtractor, Wav2Vec2Model

from mer_plugins.corpora import espeak
from mer_plugins.corpora.demo_script import Line, script
from scripts.tiny_encoders.speech import CHECKPOINT, to_16_khz

Wave = NDArray[np.float32]
"""Samples at 16 kHz."""


def pooled(folder: Path, waves: list[Wave]) -> list[NDArray[np.float32]]:
    """Return, for every layer from the projected front end up, the mean and spread over time: [num_waves, 2 D]."""
    model = Wav2Vec2Model.from_pretrained(folder).train(False)
    extractor = Wav2Vec2FeatureExtractor.from_pretrained(folder)
    rows = []
    with torch.no_grad():
        for wave in waves:
            inputs = extractor(wave, sampling_rate=16_000, return_tensors="pt")
            out = model(inputs["input_values"], output_hidden_states=True)
            layers = [*out.hidden_states[:-1], out.last_hidden_state]
            rows.append([torch.cat([x[0].mean(0), x[0].std(0)]).numpy() for x in layers])
    return [np.stack(column) for column in zip(*rows, strict=True)]


def leave_one_out(x: NDArray[np.float32], labels: list[str], groups: list[str]) -> float:
    """Return the unweighted accuracy of a logistic regression, one speaker left out at a time."""
    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.05, max_iter=2000))
    predicted = cross_val_predict(classifier, x, labels, groups=groups, cv=LeaveOneGroupOut())
    return float(balanced_accuracy_score(labels, predicted))


def demo() -> tuple[list[Wave], list[str], list[str]]:
    """Return the demo corpus' 640 utterances, the voice type of each (not its label), and who speaks."""
    lines = [line for line in script(seed=0) if line.cell.stratum != "other"]
    waves = [demo_wave(line) for line in lines]
    return waves, [line.cell.voice for line in lines], [line.speaker.name for line in lines]


def demo_wave(line: Line) -> Wave:
    """Return a line of the demo corpus as it is spoken."""
    how = line.prosody
    wave, rate_hz = espeak.speak(
        line.spoken,
        voice=line.speaker,
        rate_wpm=how.rate_wpm,
        pitch=how.pitch,
        pitch_range=how.pitch_range,
        volume=how.volume,
    )
    return to_16_khz(wave, rate_hz)


def emodb(manifest: Path) -> tuple[list[Wave], list[str], list[str]]:
    """Return the recordings of a manifest with their labels and speakers."""
    with manifest.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    waves = [soundfile.read(manifest.parent / row["audio"], dtype="float32")[0] for row in rows]
    return waves, [row["label"] for row in rows], [row["speaker"] for row in rows]


def probe(folder: Path, manifest: Path | None) -> dict[str, Any]:
    """Return the unweighted accuracies by layer; the first is the projected front end, the last the output."""
    figures: dict[str, Any] = {}
    waves, labels, groups = demo()
    figures["demo_voice_type_ua_by_layer"] = [round(leave_one_out(x, labels, groups), 3) for x in pooled(folder, waves)]
    if manifest is not None:
        waves, labels, groups = emodb(manifest)
        figures["emodb_ua_by_layer"] = [round(leave_one_out(x, labels, groups), 3) for x in pooled(folder, waves)]
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=CHECKPOINT)
    parser.add_argument("--emodb", type=Path)
    arguments = parser.parse_args()
    print(probe(arguments.folder, arguments.emodb))
