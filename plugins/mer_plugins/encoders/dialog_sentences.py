"""One vector for the utterance and for each one around it: the time-asynchronous input of TSB-TAB."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from mer_core.config import PluginConfig
from mer_core.types import Encoded, Inputs, Prepared, Utterance
from mer_plugins.encoders.bert import Bert
from mer_plugins.encoders.padding import mask_of, pad


class DialogSentences(nn.Module):
    """BERT's sentence vectors of an utterance and of its neighbours, in the order in which they are said, (T, D).

    A sentence's vector is the mean over the tokens of its last hidden state, plus a learned vector for its place: the
    utterance itself, one before, one after, and so on. T is 1 to 2 context + 1: at the ends of a dialog there are
    fewer. BERT is not trained.

    Source: W. Wu, C. Zhang, P. C. Woodland, "Emotion Recognition by Fusing Time Synchronous and Time Asynchronous
    Representations", ICASSP 2021, arXiv 2010.14102 (input of the time-asynchronous branch: three utterances either
    side).

    Differs from the paper: which vector stands for a sentence and the learned vector of its place are ours; neighbours
    are those that the corpus lists, which may leave utterances out.
    """

    modality = "text"

    class Config(PluginConfig):
        """Options of `dialog-sentences`."""

        checkpoint: str = "bert-base-uncased"
        """A BERT model: its name on the hub, a local directory, or `embedded:tiny-bert`."""
        context: int = Field(default=3, ge=0)
        """Utterances on either side (paper: 3)."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.context = config.context
        self.bert = Bert(Bert.Config(checkpoint=config.checkpoint, freeze="all"))
        self.output_dim = self.bert.output_dim
        self.places = nn.Embedding(2 * config.context + 1, self.output_dim)
        nn.init.normal_(self.places.weight, std=0.02)  # as BERT's own embeddings begin
        self._vector = lru_cache(maxsize=4 * config.context + 2)(self._encoded)

    def cache_key(self) -> str:
        """Return a text that changes whenever the result of `prepare` would."""
        return f"dialog-sentences 1 {self.context} {self.bert.cache_key()}"

    def prepare(self, utterance: Utterance) -> Prepared:
        """Return `sentences` (T, D) and their `places` (T); `context` is the utterance itself."""
        near = (*utterance.before, utterance, *utterance.after)
        first = self.context - len(utterance.before)
        return {
            "sentences": torch.stack([self._vector(one.text or "") for one in near]),
            "places": torch.arange(first, first + len(near)),
        }

    def num_frames(self, item: Prepared) -> int:
        """Return T, the number of utterances."""
        return len(item["sentences"])

    def collate(self, items: Sequence[Prepared]) -> Inputs:
        """Return `sentences` and `places` padded to the longest, and `lengths` (B) in utterances."""
        return pad(items, "sentences") | pad(items, "places")

    def forward(self, inputs: Inputs) -> Encoded:
        """Return a vector per utterance."""
        x_BTD = inputs["sentences"] + self.places(inputs["places"])
        return Encoded(x_BTD, mask_of(inputs["lengths"], x_BTD))

    def _encoded(self, text: str) -> Float[Tensor, " D"]:
        return self.bert.prepare(Utterance(id="", text=text))["hidden"].mean(0)
