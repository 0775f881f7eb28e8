"""A vector per word, from a file of word vectors or learned."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from pydantic import Field
from torch import nn

from mer_core.config import PluginConfig
from mer_core.types import Encoded, Inputs, Prepared, Utterance
from mer_plugins.encoders.padding import mask_of, pad
from mer_plugins.encoders.vectors import WordVectors, bucket, words_of


class Glove(nn.Module):
    """One frame per word of the transcript, shape (T, dim); an utterance without words is one frame of zeros.

    With a file, its vectors are used as they are and a word that it lacks is zeros. Without one, vectors are learned:
    a word's place in the table is a hash of it, so no vocabulary is needed.

    Source: J. Pennington, R. Socher, C. D. Manning, "GloVe: Global Vectors for Word Representation", EMNLP 2014.

    Differs from the paper: words are runs of letters and digits in lower case; vectors are not fine-tuned; learned
    vectors without a file are ours.
    """

    modality = "text"

    class Config(PluginConfig):
        """Options of `glove`."""

        path: Path | None = None
        """A file of word vectors in text form, such as glove.6B.300d.txt; without one, vectors are learned."""
        dim: int = Field(default=300, ge=1)
        """Numbers in a vector (paper: 50 to 300)."""
        buckets: int = Field(default=10_000, ge=1)
        """Learned vectors, where no file is given; words whose hashes meet share one (ours)."""

    VERSION = 1
    """Raised when the result of `prepare` changes for the same options."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config, self.output_dim = config, config.dim
        self.vectors = self.table = None
        if config.path is not None:
            self.vectors = WordVectors(config.path, config.dim, place="encoders.text.path")
        else:
            self.table = nn.Embedding(1 + config.buckets, config.dim, padding_idx=0)

    def remarks(self) -> list[str]:
        """Say where vectors are learned."""
        return [] if self.vectors else ["word vectors are learned: no file of them was given"]

    def cache_key(self) -> str:
        """Return a text that changes whenever the result of `prepare` would."""
        read = self.vectors.digest if self.vectors else self.config.buckets
        return json.dumps(["glove", self.VERSION, read])

    def prepare(self, utterance: Utterance) -> Prepared:
        """Return `vectors` (T, dim), or `ids` (T) where they are learned."""
        words = words_of(utterance.text)
        if self.vectors is not None:
            return {"vectors": torch.stack([self.vectors(word) for word in words] or [torch.zeros(self.config.dim)])}
        return {"ids": torch.tensor([bucket(word, self.config.buckets) for word in words] or [0])}

    def num_frames(self, item: Prepared) -> int:
        """Return T, the number of words, at least 1."""
        return len(next(iter(item.values())))

    def collate(self, items: Sequence[Prepared]) -> Inputs:
        """Return the items padded to the longest, and `lengths` (B) in words."""
        return pad(items, "vectors" if self.vectors else "ids")

    def forward(self, inputs: Inputs) -> Encoded:
        """Return a vector per word."""
        name = "vectors" if self.vectors else "ids"
        x_BTD = inputs[name] if self.table is None else self.table(inputs[name])
        return Encoded(x_BTD, mask_of(inputs["lengths"], inputs[name]))
