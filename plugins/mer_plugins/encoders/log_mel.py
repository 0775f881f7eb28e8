"""Log-mel energies: one frame per 10 ms."""

from __future__ import annotations

import json

from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torchaudio.transforms import MelSpectrogram

from mer_core.config import PluginConfig
from mer_plugins.encoders.features import RATE_HZ, SoundFeatures, log_mel, mel_options


class LogMel(SoundFeatures):
    """The natural logarithm of mel-band energies, shape (T, bands): 64 by default, nothing trained.

        T = 1 + floor(samples / hop); frame t is centred at t hop, the ends mirrored.

    Source: S. Davis, P. Mermelstein, "Comparison of Parametric Representations for Monosyllabic Word Recognition in
    Continuously Spoken Sentences", IEEE Transactions on Acoustics, Speech, and Signal Processing 28(4), 1980 (the
    energies before the cosine transform).

    Differs from the paper: no cosine transform follows; torchaudio's filters and window (Hann); the number of bands,
    window and hop are those in use today.
    """

    class Config(PluginConfig):
        """Options of `logmel`."""

        bands: int = Field(default=64, ge=1)
        """Mel bands from 0 to 8 kHz (ours)."""
        window_ms: float = Field(default=25.0, gt=0.0, le=32.0)
        """Length of a window in milliseconds."""
        hop_ms: float = Field(default=10.0, gt=0.0)
        """Time from one frame to the next in milliseconds."""
        standardise: bool = True
        """Scale each band to mean 0 and deviation 1 over the training utterances."""
        speaker_norm: bool = False
        """Take out the mean and spread of each speaker, over all utterances and without labels; runs say so."""

    VERSION = 1
    """Raised when the features change for the same options."""

    def __init__(self, config: Config) -> None:
        super().__init__(config.bands, speaker_norm=config.speaker_norm, standardise=config.standardise)
        self.config = config
        self.mel = MelSpectrogram(RATE_HZ, **mel_options(config.bands, config.window_ms, config.hop_ms))

    def cache_key(self) -> str:
        """Return a text that changes whenever the result of `prepare` would."""
        options = self.config.model_dump(exclude={"standardise", "speaker_norm"})
        return json.dumps({"encoder": "logmel", "version": self.VERSION} | options, sort_keys=True)

    def features(self, wave_N: Float[Tensor, " N"]) -> Float[Tensor, "T D"]:
        """Return the log energies."""
        return log_mel(self.mel, wave_N)
