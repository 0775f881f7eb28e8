"""HuBERT (Hsu et al. 2021): one vector per 20 ms of speech (320 samples at 16 kHz)."""

from __future__ import annotations

from transformers import HubertConfig, HubertModel

from mer_plugins.encoders.waveform import WaveformEncoder
from mer_plugins.encoders.waveform_options import WaveformConfig


class Hubert(WaveformEncoder):
    """HuBERT on an utterance's recording, shape (T, D): D is 768 of the base model, 1024 of the large one.

    Network, options and what is said of batches are those of `wav2vec2`; the models differ in how they were trained.
    DistilHuBERT checkpoints are of this family too.

    Source: W.-N. Hsu et al., "HuBERT: Self-Supervised Speech Representation Learning by Masked Prediction of Hidden
    Units", IEEE/ACM Transactions on Audio, Speech, and Language Processing 29, 2021, arXiv 2106.07447.

    Differs from the paper: no LayerDrop and, by default, no masking in fine-tuning; the front end is frozen (in the
    paper's fine-tuning too).
    """

    family = "hubert"
    config_class = HubertConfig
    model_class = HubertModel

    class Config(WaveformConfig):
        """Options of `hubert`."""

        checkpoint: str = "facebook/hubert-base-ls960"
        """A HuBERT model: its name on the hub, a local directory, or `random:tiny` (to try things out)."""
