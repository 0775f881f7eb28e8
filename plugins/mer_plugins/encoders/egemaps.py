"""The extended Geneva minimalistic acoustic parameter set (eGeMAPS), computed by openSMILE (the extra `egemaps`)."""

from __future__ import annotations

import json
from typing import Any, Literal

import opensmile
import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from mer_core.config import PluginConfig
from mer_plugins.encoders.features import RATE_HZ, SoundFeatures, at_least

_SHORTEST = RATE_HZ // 10  # samples: openSMILE gives nothing below its window of 60 ms
_LEVELS = {
    "functionals": opensmile.FeatureLevel.Functionals,
    "lld": opensmile.FeatureLevel.LowLevelDescriptors,
}


class Egemaps(SoundFeatures):
    """Acoustic parameters of an utterance: pitch, loudness, voice quality, spectrum, formants; nothing trained.

        functionals: one frame of 88 numbers, shape (1, 88)
        lld: one frame of 25 numbers per 10 ms, shape (T, 25)

    The numbers have very different scales: without `standardise` or `speaker_norm` little can be learned from them.
    openSMILE's licence allows research and personal use, and no commercial product.

    Source: F. Eyben et al., "The Geneva Minimalistic Acoustic Parameter Set (GeMAPS) for Voice Research and Affective
    Computing", IEEE Transactions on Affective Computing 7(2), 2016; by openSMILE's own configuration eGeMAPSv02.

    Differs from the paper: version 02 of the set, whose descriptors are 25; a recording shorter than 0.1 s has silence
    after it.
    """

    class Config(PluginConfig):
        """Options of `egemaps`."""

        level: Literal["functionals", "lld"] = "functionals"
        """Statistics over the whole utterance (`functionals`), or the low-level descriptors themselves (`lld`)."""
        standardise: bool = True
        """Scale each number to mean 0 and deviation 1 over the training utterances."""
        limit: float = Field(default=3.0, gt=0.0)
        """Scaled numbers further from 0, in deviations, are set to it: a new voice has some (ours)."""
        speaker_norm: bool = False
        """Take out the mean and spread of each speaker, over all utterances and without labels; runs say so."""

    VERSION = 1
    """Raised when the features change for the same options."""

    def __init__(self, config: Config) -> None:
        self.smile: Any = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, _LEVELS[config.level])
        dim = len(self.smile.feature_names)
        norms = {"speaker_norm": config.speaker_norm, "standardise": config.standardise}
        super().__init__(dim, limit=config.limit, **norms)
        self.config = config

    def cache_key(self) -> str:
        """Return a text that changes whenever the result of `prepare` would."""
        return json.dumps(["egemaps", self.VERSION, opensmile.__version__, self.config.level])

    def features(self, wave_N: Float[Tensor, " N"]) -> Float[Tensor, "T D"]:
        """Return the parameters."""
        found = self.smile.process_signal(at_least(wave_N, _SHORTEST).numpy(), RATE_HZ)
        return torch.tensor(found.to_numpy(dtype="float32"))
