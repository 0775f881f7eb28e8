"""When each word is said: by a connectionist (CTC) model of letters and torchaudio's forced alignment, or a guess."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torchaudio.functional import forced_align, merge_tokens
from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2ForCTC

from mer_core.errors import SpecError
from mer_plugins.encoders import hub
from mer_plugins.encoders.loading import load_config, load_model, quiet

Unit = Literal["word", "syllable", "letter"]
_SYLLABLE = re.compile(r"[^aeiouy]*[aeiouy]+(?:[^aeiouy]*$|[^aeiouy](?=[^aeiouy]))?")


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of speech, in seconds."""

    text: str
    start_s: float
    end_s: float


def even_spans(words: list[str], duration_s: float) -> list[Span]:
    """Return the words spread over a recording, each as long as it has letters: a guess."""
    total = sum(map(len, words))
    spans, before = [], 0
    for word in words:
        start, before = before, before + len(word)
        spans.append(Span(word, duration_s * start / total, duration_s * before / total))
    return spans


Letters = list[tuple[str, list[Span]]]
"""Each word that could be aligned, with the spans of its letters."""


def joined(letters: Letters, unit: Unit) -> list[Span]:
    """Return spans of a unit, from those of each word's letters. Letters stand for phones (ours)."""
    if unit == "letter":
        return [span for _, spans in letters for span in spans]
    if unit == "word":
        return [Span(word, spans[0].start_s, spans[-1].end_s) for word, spans in letters]
    parts = [part for _, spans in letters for part in _syllables(spans)]
    return [Span("".join(s.text for s in part), part[0].start_s, part[-1].end_s) for part in parts]


class Aligner:
    """A CTC checkpoint of letters with vocab.json, as transformers saves wav2vec 2.0 models of speech recognition.

    Args:
        path: its directory.
        place: the option that names it, for errors.

    Raises:
        SpecError: it is not one.
    """

    def __init__(self, path: Path, *, place: str) -> None:
        directory = path.expanduser()
        try:
            self.numbers: dict[str, int] = json.loads((directory / "vocab.json").read_text("utf-8"))
        except (OSError, ValueError) as cause:
            raise SpecError(
                f"{place}: {path} holds no vocab.json that can be read",
                hint="Give the directory of a wav2vec 2.0 model of speech recognition, such as wav2vec2-base-960h.",
            ) from cause
        settings = load_config(Wav2Vec2Config, directory, modality="audio")
        self.model: Any = load_model(Wav2Vec2ForCTC, directory, settings, modality="audio").eval()
        with quiet():
            self.extractor = Wav2Vec2FeatureExtractor.from_pretrained(directory, local_files_only=True)
        self.blank = settings.pad_token_id
        self.digest = hub.digest(directory)

    def letters(self, wave_N: Float[Tensor, " N"], words: list[str]) -> Letters | None:
        """Return the spans of each word's letters; None where there is too little speech for them, or none of them."""
        capitals = not any(letter.islower() for letter in self.numbers if len(letter) == 1)
        cased = [(word, [c for c in (word.upper() if capitals else word) if c in self.numbers]) for word in words]
        known = [(word, letters) for word, letters in cased if letters]
        ids = [self.numbers[letter] for _, letters in known for letter in letters]
        log_p_1TV = self._emission(wave_N) if ids else None
        if log_p_1TV is None or log_p_1TV.shape[1] < len(ids) + _repeats(ids):
            return None
        path_1T, scores_1T = forced_align(log_p_1TV, torch.tensor([ids], dtype=torch.int32), blank=self.blank)
        found = iter(merge_tokens(path_1T[0], scores_1T[0].exp(), blank=self.blank))
        frame_s = len(wave_N) / self.extractor.sampling_rate / log_p_1TV.shape[1]
        return [(word, [_span(letter, next(found), frame_s) for letter in letters]) for word, letters in known]

    def _emission(self, wave_N: Float[Tensor, " N"]) -> Float[Tensor, "1 T V"]:
        inputs = self.extractor(wave_N.numpy(), sampling_rate=self.extractor.sampling_rate, return_tensors="pt")
        with torch.no_grad():
            logits_1TV: Tensor = self.model(inputs["input_values"]).logits
        return logits_1TV.log_softmax(-1)


def _span(letter: str, token: Any, frame_s: float) -> Span:
    return Span(letter.lower(), frame_s * token.start, frame_s * token.end)


def _repeats(ids: list[int]) -> int:
    """Return how many blanks must stand between equal neighbours."""
    return sum(a == b for a, b in pairwise(ids))


def _syllables(word: list[Span]) -> list[list[Span]]:
    """Return the letters by syllable: a vowel with what goes before it (a rule of thumb for English)."""
    text, parts = "".join(span.text for span in word), []
    for match in _SYLLABLE.finditer(text):
        parts.append(word[match.start() : match.end()])
    return parts or [word]
