"""Mel-frequency cepstral coefficients: one frame per 10 ms."""

from __future__ import annotations

import json

from jaxtyping import Float
from pydantic import Field, model_validator
from torch import Tensor
from torchaudio.transforms import MFCC

from mer_core.config import PluginConfig
from mer_plugins.encoders.features import FFT, RATE_HZ, SoundFeatures, at_least, mel_options


class Mfcc(SoundFeatures):
    """The cosine transform of log-mel energies, shape (T, coefficients): 40 by default, nothing trained.

        T = 1 + floor(samples / hop); frame t is centred at t hop, the ends mirrored.

    Source: S. Davis, P. Mermelstein, "Comparison of Parametric Representations for Monosyllabic Word Recognition in
    Continuously Spoken Sentences", IEEE Transactions on Acoustics, Speech, and Signal Processing 28(4), 1980; as used
    by MCSAN (Sun et al., ICASSP 2021): 40 coefficients, windows of 25 ms every 10 ms.

    Differs from the paper: torchaudio's filters, window (Hann) and transform; the number of mel bands is ours.
    """

    class Config(PluginConfig):
        """Options of `mfcc`."""

        coefficients: int = Field(default=40, ge=1)
        """Coefficients of a frame (MCSAN: 40)."""
        bands: int = Field(default=64, ge=1)
        """Mel bands from 0 to 8 kHz (ours)."""
        window_ms: float = Field(default=25.0, gt=0.0, le=32.0)
        """Length of a window in milliseconds (MCSAN: 25)."""
        hop_ms: float = Field(default=10.0, gt=0.0)
        """Time from one frame to the next in milliseconds (MCSAN: 10)."""
        standardise: bool = False
        """Scale each coefficient to mean 0 and deviation 1 over the training utterances (MCSAN does not say)."""
        speaker_norm: bool = False
        """Take out the mean and spread of each speaker, over all utterances and without labels; runs say so."""

        @model_validator(mode="after")
        def _coefficients_fit(self) -> Mfcc.Config:
            if self.coefficients > self.bands:
                raise ValueError(f"coefficients: {self.bands} bands give {self.bands} at most")
            return self

    VERSION = 1
    """Raised when the features change for the same options."""

    def __init__(self, config: Config) -> None:
        super().__init__(config.coefficients, speaker_norm=config.speaker_norm, standardise=config.standardise)
        self.config = config
        spectrum = mel_options(config.bands, config.window_ms, config.hop_ms)
        self.transform = MFCC(RATE_HZ, config.coefficients, log_mels=True, melkwargs=spectrum)

    def cache_key(self) -> str:
        """Return a text that changes whenever the result of `prepare` would."""
        options = self.config.model_dump(exclude={"standardise", "speaker_norm"})
        return json.dumps({"encoder": "mfcc", "version": self.VERSION} | options, sort_keys=True)

    def features(self, wave_N: Float[Tensor, " N"]) -> Float[Tensor, "T D"]:
        """Return the coefficients."""
        mfcc_DT: Tensor = self.transform.cpu()(at_least(wave_N, FFT))
        return mfcc_DT.T
