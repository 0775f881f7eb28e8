"""An encoder whose prepared items are as long as speech, for measuring what grows with a corpus: see growth.py."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from pydantic import Field
from torch import nn
from torch.nn.utils.rnn import pad_sequence

from mer_core.config import PluginConfig
from mer_core.hookspec import hookimpl
from mer_core.plugin import Plugin
from mer_core.types import Encoded, Inputs, Prepared, Utterance


class Frames(nn.Module):
    """A linear layer on frames made from the utterance's number; as many frames as its field `frames` says."""

    class Config(PluginConfig):
        """Options of `frames`."""

        modality: str = "audio"
        """Which modality it stands for."""
        width: int = Field(default=16, ge=1)
        """Numbers per frame."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.modality, self.output_dim, self.width = config.modality, 8, config.width
        self.layer = nn.Linear(config.width, 8)

    def cache_key(self) -> str:
        """Return the width."""
        return f"frames {self.modality} {self.width}"

    def prepare(self, utterance: Utterance) -> Prepared:
        """Return `x` (T, width)."""
        return {"x": torch.full((int(utterance.fields["frames"]), self.width), int(utterance.id) % 7 / 7)}

    def num_frames(self, item: Prepared) -> int:
        """Return T."""
        return len(item["x"])

    def collate(self, items: Sequence[Prepared]) -> Inputs:
        """Return `x` (B, T, width) and `mask` (B, T)."""
        lengths_B = torch.tensor([len(item["x"]) for item in items])
        x_BTW = pad_sequence([item["x"] for item in items], batch_first=True)
        return {"x": x_BTW, "mask": torch.arange(x_BTW.shape[1]) < lengths_B[:, None]}

    def forward(self, inputs: Inputs) -> Encoded:
        """Encode a batch."""
        return Encoded(self.layer(inputs["x"]), inputs["mask"])


@hookimpl
def mer_encoders() -> Iterable[Plugin]:
    """Yield the encoder."""
    yield Plugin("frames", f"{__name__}:Frames", "a linear layer on frames made from a number")
