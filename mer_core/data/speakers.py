"""Features with the mean and the spread of their speaker taken out, for encoders whose features are fixed.

The statistics are those of all the speaker's utterances in the corpus, tested ones included, as is usual; no label is
used. Runs say so. Shape letters: T frames, `...` what one frame holds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from mer_core.protocols import Encoder, NormalisingEncoder
from mer_core.types import Prepared


@dataclass(frozen=True, slots=True)
class Spread:
    """Mean and standard deviation over all frames of a speaker; a deviation of 0 counts as 1."""

    mean: Float[Tensor, "..."]
    sd: Float[Tensor, "..."]

    def apply(self, x: Float[Tensor, "T ..."]) -> Float[Tensor, "T ..."]:
        """Return the frames with mean 0 and deviation 1 over the speaker's utterances."""
        return ((x.double() - self.mean) / self.sd).to(x.dtype)


Spreads = Mapping[str, Mapping[str, Spread]]
"""By speaker, then by the name of the prepared tensor."""


def normalised_names(encoder: Encoder) -> Sequence[str]:
    """Return the names of an encoder's prepared tensors that are to be normalised."""
    return encoder.per_speaker if isinstance(encoder, NormalisingEncoder) else ()


def normalised(item: Prepared, of_speaker: Mapping[str, Spread]) -> Prepared:
    """Return a prepared item with what its encoder wants normalised."""
    return {name: of_speaker[name].apply(x) if name in of_speaker else x for name, x in item.items()}


def spreads(items: Iterable[tuple[str, Prepared]], names: Iterable[str]) -> dict[str, dict[str, Spread]]:
    """Return the statistics of each speaker.

    Args:
        items: the speaker and the prepared item of each utterance; they are read once, and none is kept.
        names: the prepared tensors to be normalised, (T, ...) each.
    """
    names = tuple(names)
    sums: dict[tuple[str, str], tuple[int, Tensor, Tensor]] = defaultdict(lambda: (0, torch.zeros(()), torch.zeros(())))
    for speaker, item in items:
        for name in names:
            count, total, squares = sums[speaker, name]
            x = item[name].double()
            sums[speaker, name] = count + len(x), total + x.sum(0), squares + x.square().sum(0)
    found: dict[str, dict[str, Spread]] = defaultdict(dict)
    for (speaker, name), (count, total, squares) in sums.items():
        mean = total / count
        variance = (squares / count - mean.square()).clamp(min=0.0)
        # What is constant but for rounding has no spread.
        flat = variance <= 1e-12 * mean.square()
        found[speaker][name] = Spread(mean, variance.sqrt().masked_fill(flat, 1.0))
    return dict(found)
