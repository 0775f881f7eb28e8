"""The peer of `mer bench --rows scoring`: transformers' own pipelines, one for the recordings and one for the words.

Waves lie in memory, sorted by length; the text pipeline has 16 sentences a batch. `--batch-size` is the audio
pipeline's: on a CPU 1 is its best, since it pads. Weights are random. Prints one JSON line.
"""

from __future__ import annotations

import argparse
import json
import time

import soundfile
import torch
from transformers import (
    AutoTokenizer,
    BertForSequenceClassification,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2ForSequenceClassification,
    pipeline,
)

from mer_plugins.corpora.noise import Noise
from mer_plugins.encoders.untrained import untrained

CLASSES = 4
TEXT_BATCH = 16


def main() -> None:
    """Score the recordings and the words, and say how fast."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", default="base")
    parser.add_argument("--utterances", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=1)
    arguments = parser.parse_args()
    utterances = Noise(Noise.Config(utterances=arguments.utterances)).read()
    waves = sorted((soundfile.read(u.audio.path, dtype="float32")[0] for u in utterances), key=len)
    words = [u.text for u in utterances]
    audio, text = _pipelines(arguments.size, arguments.batch_size)
    started = time.perf_counter()
    heard, read = audio(waves), text(words)
    seconds = time.perf_counter() - started
    assert len(heard) == len(read) == arguments.utterances
    print(json.dumps({"utterances_per_second": arguments.utterances / seconds, "seconds": seconds}))


def _pipelines(size: str, batch_size: int) -> tuple:
    families = {"audio": "wav2vec2", "text": "bert"}
    directory = {modality: untrained(size, family, modality=modality) for modality, family in families.items()}
    audio = pipeline(
        "audio-classification",
        model=Wav2Vec2ForSequenceClassification.from_pretrained(directory["audio"], num_labels=CLASSES),
        feature_extractor=Wav2Vec2FeatureExtractor.from_pretrained(directory["audio"]),
        batch_size=batch_size,
        device="cpu",
    )
    text = pipeline(
        "text-classification",
        model=BertForSequenceClassification.from_pretrained(directory["text"], num_labels=CLASSES),
        tokenizer=AutoTokenizer.from_pretrained(directory["text"]),
        batch_size=TEXT_BATCH,
        device="cpu",
    )
    return audio, text


if __name__ == "__main__":
    with torch.inference_mode():
        main()
