"""Options that wav2vec 2.0, HuBERT and WavLM share, and what they set in a checkpoint's configuration."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from mer_core.config import PluginConfig
from mer_core.errors import SpecError
from mer_plugins.encoders.pretrained import Freeze


class WaveformConfig(PluginConfig):
    """Options of an encoder with convolutions over the waveform and transformer blocks."""

    checkpoint: str
    """The model: its name on the hub, a local directory, or `random:tiny`."""
    freeze: Freeze = "frontend"
    """What stays as in the checkpoint: `frontend` (the convolutions), `all`, or `none`."""
    layer: int = -1
    """Which hidden state: 0 the first block's input, 1 its output, -1 the last. Blocks above it are not loaded."""
    layerdrop: float = Field(default=0.0, ge=0.0, le=1.0)
    """Chance of each block to be left out of a training step (wav2vec 2.0, section 4.2); off by default (ours)."""
    spec_augment: bool = False
    """Mask spans of time and feature channels in training (Park et al. 2019; wav2vec 2.0, appendix B)."""
    mask_time_prob: float = Field(default=0.05, ge=0, le=1)
    """Share of the frames to mask, at most (spans may overlap)."""
    mask_time_length: int = Field(default=10, ge=1)
    """Length of a masked span in frames of 20 ms; batches whose longest utterance is shorter are not masked."""
    mask_feature_prob: float = Field(default=0.0, ge=0, le=1)
    """Share of the feature channels to mask, at most."""
    mask_feature_length: int = Field(default=10, ge=1)
    """Width of a masked span in channels; at most the model's width."""
    half_cache: bool = False
    """Keep what is prepared in float16: half the disk, frames within 0.2 % of their size. Not for `none`."""

    @model_validator(mode="after")
    def _spec_augment_is_used(self) -> WaveformConfig:
        if self.spec_augment and self.freeze == "all":
            raise ValueError('spec_augment has no effect with freeze = "all": switch one of them off')
        return self


def configure(settings: Any, options: WaveformConfig, checkpoint: str) -> None:
    """Write the options into a checkpoint's configuration.

    Raises:
        SpecError: a span of channels is wider than the model.
    """
    settings.layerdrop = options.layerdrop
    settings.add_adapter = False
    settings.apply_spec_augment = options.spec_augment
    settings.mask_time_prob, settings.mask_time_length = options.mask_time_prob, options.mask_time_length
    settings.mask_feature_prob, settings.mask_feature_length = options.mask_feature_prob, options.mask_feature_length
    if options.spec_augment and options.mask_feature_prob and options.mask_feature_length > settings.hidden_size:
        raise SpecError(
            f"encoders.audio.mask_feature_length: {options.mask_feature_length} is more than the "
            f"{settings.hidden_size} channels of {checkpoint}",
            hint=f"Choose {settings.hidden_size} or less.",
        )
