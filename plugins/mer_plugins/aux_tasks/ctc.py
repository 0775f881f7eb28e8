"""Spell the transcript from the frames of the recording."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from itertools import pairwise

import torch
from jaxtyping import Float
from pydantic import Field, field_validator
from torch import Tensor, nn
from torch.nn import functional

from mer_core.config import PluginConfig
from mer_core.errors import SpecError
from mer_core.transfer import send
from mer_core.types import Step

_BLANK = 0


class Transcript(nn.Module):
    """A linear layer on every frame of the recording names a character or nothing; CTC compares with the transcript.

        L = mean over utterances of -log p(transcript | frames) / its number of characters

    where the layer gives scores of shape (B, T, characters + 1) and p sums over all ways to spread the characters, with
    blanks between them, over the frames. The transcript is brought to small letters without accents, other characters
    are left out. An utterance is not counted where it has no text, or fewer frames than its characters need (one each,
    and a blank between equal neighbours); where none is counted the loss is 0.

    Source: X. Cai, J. Yuan, R. Zheng, L. Huang, K. Church, "Speech Emotion Recognition with Multi-task Learning",
    Interspeech 2021, section 2; the loss: A. Graves, S. Fernández, F. Gomez, J. Schmidhuber, "Connectionist Temporal
    Classification", ICML 2006. The first gives this loss a weight of 0.1.

    Differs from the paper: an utterance's loss is divided by its length in characters, so that long transcripts do not
    outweigh short ones.
    """

    class Config(PluginConfig):
        """Options of `ctc`."""

        modality: str = "audio"
        """The encoder whose frames are read."""
        characters: str = Field(default=" 'abcdefghijklmnopqrstuvwxyz", min_length=1)
        """What can be spelled, each once; the blank is added."""

        @field_validator("characters")
        @classmethod
        def _each_once(cls, value: str) -> str:
            twice = sorted({c for c in value if value.count(c) > 1})
            if twice:
                raise ValueError(f"each character may stand once; {''.join(twice)!r} stands more often")
            return value

    def __init__(self, config: Config, *, fused_dim: int, num_classes: int, input_dims: Mapping[str, int]) -> None:
        super().__init__()
        if config.modality not in input_dims:
            raise SpecError(
                f"ctc spells from {config.modality}, and this pipeline has only {', '.join(sorted(input_dims))}",
                hint="Use --aux none, or set modality to one that it has.",
            )
        self.modality = config.modality
        self.number = {character: n for n, character in enumerate(config.characters, start=_BLANK + 1)}
        self.head = nn.Linear(input_dims[config.modality], len(self.number) + 1)

    def forward(self, step: Step) -> Float[Tensor, ""]:
        """Return the mean over the utterances that are counted."""
        encoded = step.encoded[self.modality]
        # CTC needs the lengths on the CPU: a GPU is waited for here, once a step.
        frames_B = encoded.mask_BT.sum(1).tolist()
        spelled = [self.spell(utterance.text or "") for utterance in step.utterances]
        counted = [i for i, text in enumerate(spelled) if text and frames_needed(text) <= frames_B[i]]
        if not counted:
            nothing: Tensor = 0.0 * self.head(encoded.mean_BD()).sum()
            return nothing
        device = encoded.x_BTD.device
        log_p_BTV = self.head(encoded.take(send(torch.tensor(counted), device)).x_BTD).float().log_softmax(-1)
        lengths_B = torch.tensor([len(spelled[i]) for i in counted])
        loss_B = functional.ctc_loss(
            log_p_BTV.transpose(0, 1),
            send(torch.tensor([number for i in counted for number in spelled[i]]), device),
            torch.tensor([frames_B[i] for i in counted]),
            lengths_B,
            blank=_BLANK,
            reduction="none",
        )
        return (loss_B / send(lengths_B, device)).mean()

    def spell(self, text: str) -> list[int]:
        """Return the numbers of a transcript's characters."""
        plain = unicodedata.normalize("NFKD", text.casefold())
        known = "".join(c if c in self.number else " " if c.isspace() else "" for c in plain)
        return [self.number[c] for c in " ".join(known.split()) if c in self.number]


def frames_needed(spelled: list[int]) -> int:
    """Return how many frames a transcript needs at least."""
    return len(spelled) + sum(a == b for a, b in pairwise(spelled))
