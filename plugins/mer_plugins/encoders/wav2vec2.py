"""wav2vec 2.0 (Baevski et al. 2020): one vector per 20 ms of speech (320 samples at 16 kHz)."""

from __future__ import annotations

from transformers import Wav2Vec2Config, Wav2Vec2Model

from mer_plugins.encoders.waveform import WaveformEncoder
from mer_plugins.encoders.waveform_options import WaveformConfig


class Wav2vec2(WaveformEncoder):
    """wav2vec 2.0 on an utterance's recording, shape (T, D) (paper, section 2: wav2vec2-base, fine-tuned, D = 768).

    The convolutional front end is frozen by default (ours; it is common practice): its features are then computed once
    per utterance in `prepare` and may be cached. An adapter on top of the blocks, which few checkpoints have, is not
    used.

    An utterance's result does not depend on its batch. Checkpoints with a group norm in the front end (wav2vec2-base,
    `return_attention_mask=false`) average over time there, padding included; transformers pads them without a mask and
    lives with the difference. Here their front end sees each utterance alone, and attention is always masked by the
    real lengths, so a batch gives exactly what the checkpoint gives for one unpadded, unmasked utterance.

    Source: A. Baevski, H. Zhou, A. Mohamed, M. Auli, "wav2vec 2.0: A Framework for Self-Supervised Learning of Speech
    Representations", NeurIPS 2020, arXiv 2006.11477.

    Differs from the paper: no LayerDrop and, by default, no masking in fine-tuning; the front end is frozen.
    """

    family = "wav2vec2"
    config_class = Wav2Vec2Config
    model_class = Wav2Vec2Model

    class Config(WaveformConfig):
        """Options of `wav2vec2`."""

        checkpoint: str = "facebook/wav2vec2-base"
        """A wav2vec 2.0 model: its name on the hub, a local directory, or `embedded:tiny-wav2vec2`."""
