"""WavLM (Chen et al. 2022): one vector per 20 ms of speech (320 samples at 16 kHz)."""

from __future__ import annotations

import warnings

from jaxtyping import Bool, Float
from torch import Tensor
from transformers import WavLMConfig, WavLMModel

from mer_plugins.encoders.waveform import WaveformEncoder
from mer_plugins.encoders.waveform_options import WaveformConfig


class WavLm(WaveformEncoder):
    """WavLM on an utterance's recording, shape (T, D): D is 768 of the base models, 1024 of the large one.

    As `wav2vec2`, with a gated bias for the distance of two frames in every block's attention. Options and what is said
    of batches are those of `wav2vec2`. Batches are padded on a CPU too, so wide models are slower there than
    `wav2vec2` and `hubert`.

    Source: S. Chen et al., "WavLM: Large-Scale Self-Supervised Pre-Training for Full Stack Speech Processing", IEEE
    Journal of Selected Topics in Signal Processing 16(6), 2022, arXiv 2110.13900.

    Differs from the paper: no LayerDrop and, by default, no masking in fine-tuning; the front end is frozen; the last
    hidden state is used, not a weighted sum of all.
    """

    family = "wavlm"
    config_class = WavLMConfig
    model_class = WavLMModel

    class Config(WaveformConfig):
        """Options of `wavlm`."""

        checkpoint: str = "microsoft/wavlm-base-plus"
        """A WavLM model: its name on the hub, a local directory, or `random:tiny` (to try things out)."""

    def packs(self, inputs: Tensor) -> bool:
        """Never encode a batch as one row: the bias is for distances within an utterance."""
        return False

    def _contextual(self, features_BTC: Float[Tensor, "B T C"], mask_BT: Bool[Tensor, "B T"]) -> Float[Tensor, "B T D"]:
        with warnings.catch_warnings():
            # transformers hands torch a mask of booleans beside a bias of floats; torch means to stop taking that.
            warnings.filterwarnings("ignore", "Support for mismatched key_padding_mask")
            return super()._contextual(features_BTC, mask_BT)
