"""What wav2vec 2.0, HuBERT and WavLM share: convolutions over the waveform, then transformer blocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import pad as pad_tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import Wav2Vec2FeatureExtractor

from mer_core.data.audio import load_audio
from mer_core.types import Encoded, Inputs, Prepared, Utterance
from mer_plugins.encoders.front_end import (
    front_end,
    front_end_of_padded,
    num_frames,
    receptive_field,
    trained_front_end,
)
from mer_plugins.encoders.loading import load_config, load_extractor, load_model
from mer_plugins.encoders.packed_blocks import packed_blocks
from mer_plugins.encoders.padding import mask_of, near_equal, pad
from mer_plugins.encoders.pretrained import PretrainedEncoder, full_float32
from mer_plugins.encoders.spec_augment import spec_augment
from mer_plugins.encoders.waveform_options import WaveformConfig, configure

SAMPLES_AT_ONCE = 2**20
"""Of a batch of recordings on a GPU, padding included: 66 s at 16 kHz; the first convolution of the base model then
holds 430 MB."""
_PREPARED = {"frontend": "features", "all": "hidden", "none": "wave"}


class WaveformEncoder(PretrainedEncoder):
    """Base of these encoders: one vector per 20 ms of speech (320 samples at 16 kHz).

    An utterance's result does not depend on its batch. Checkpoints with a group norm in the front end (wav2vec2-base,
    `return_attention_mask=false`) average over time there, padding included; transformers pads them without a mask and
    lives with the difference. Here their front end sees each utterance alone, and attention is always masked by the
    real lengths, so a batch gives exactly what the checkpoint gives for one unpadded, unmasked utterance.
    """

    modality = "audio"
    config_class: ClassVar[Any]
    model_class: ClassVar[Any]

    def __init__(self, config: WaveformConfig) -> None:
        super().__init__(config.checkpoint)
        self.config = config
        settings = load_config(self.config_class, self.directory, modality=self.modality)
        num_layers: int = settings.num_hidden_layers
        settings.num_hidden_layers = self.depth_of(config.layer, num_layers)
        configure(settings, config, self.checkpoint)
        self.model = load_model(self.model_class, self.directory, settings, modality=self.modality)
        if settings.do_stable_layer_norm and settings.num_hidden_layers < num_layers:
            # The norm after the last block belongs to the last hidden state, not to those below it.
            self.model.encoder.layer_norm = nn.Identity()
        self.feature_extractor = load_extractor(Wav2Vec2FeatureExtractor, self.directory, modality=self.modality)
        self.output_dim: int = settings.hidden_size
        self.min_samples = receptive_field(settings)
        self._freeze_parts()

    def cache_key(self) -> str:
        """Return a text that changes whenever the result of `prepare` would."""
        layer = self.model.config.num_hidden_layers if self.config.freeze == "all" else None
        half = {"half": True} if self.config.half_cache else {}
        return self.key(prepared=_PREPARED[self.config.freeze], layer=layer, **half)

    def prepare(self, utterance: Utterance) -> Prepared:
        """Return what the frozen part makes of the recording, in float32.

        `wave` (samples) where nothing is frozen, `features` (T, width of the convolutions) where the front end is,
        `hidden` (T, D) where all is. A recording shorter than one frame's receptive field (400 samples) is padded with
        silence; a missing one is silence of that length.

        Raises:
            DataError: the recording cannot be read.
        """
        wave_N = self._wave(utterance)
        if self.config.freeze == "none":
            return {"wave": wave_N}
        return self._item(*self._frozen_part([wave_N]))

    def prepare_batch(self, utterances: Sequence[Utterance]) -> Iterator[Prepared]:
        """Yield what `prepare` gives for each, computed in batches of near-equal length on a GPU.

        A CPU is no faster in batches (docs/benchmarks.md), and one by one they need less memory.
        """
        if self._device.type == "cpu" or self.config.freeze == "none":
            yield from map(self.prepare, utterances)
            return
        waves = [self._wave(utterance) for utterance in utterances]
        items: dict[int, Prepared] = {}
        for batch in near_equal(list(map(len, waves)), most=SAMPLES_AT_ONCE):
            items |= zip(batch, map(self._item, self._frozen_part([waves[i] for i in batch])), strict=True)
        yield from (items[i] for i in range(len(waves)))

    def _frozen_part(self, waves: Sequence[Float[Tensor, " _"]]) -> list[Float[Tensor, "_ _"]]:
        """Return the features of each recording, or its hidden states where all is frozen."""
        lengths_B = torch.tensor([len(wave) for wave in waves])
        wave_BN = pad_sequence(list(waves), batch_first=True).to(self._device)
        with torch.no_grad(), full_float32():
            model, alone = self.model, len(waves) == 1
            x_BTD = front_end(model, wave_BN) if alone else front_end_of_padded(model, wave_BN, lengths_B)
            frames_B = self._frames(lengths_B)
            if self.config.freeze == "all":
                x_BTD = self._contextual(x_BTD, mask_of(frames_B, x_BTD))
        return [x_TD[:frames].cpu() for x_TD, frames in zip(x_BTD, frames_B.tolist(), strict=True)]

    def _item(self, x_TD: Float[Tensor, "T D"]) -> Prepared:
        half_TD = x_TD.half() if self.config.half_cache else x_TD
        # What is beyond float16 stays as it is.
        return {_PREPARED[self.config.freeze]: half_TD if half_TD.isfinite().all() else x_TD}

    def num_frames(self, item: Prepared) -> int:
        """Return T, the number of 20 ms frames."""
        if "wave" not in item:
            return len(next(iter(item.values())))
        return int(self._frames(torch.tensor(len(item["wave"]))))

    def collate(self, items: Sequence[Prepared]) -> Inputs:
        """Return the items padded to the longest, and their `lengths` (B), in samples for waves and else in frames."""
        name = _PREPARED[self.config.freeze]
        return pad([{name: item[name].float()} for item in items], name)

    def forward(self, inputs: Inputs) -> Encoded:
        """Encode a batch: x_BTD with one frame per 20 ms."""
        if self.config.freeze == "all":
            return Encoded(inputs["hidden"], mask_of(inputs["lengths"], inputs["hidden"]))
        if self.config.freeze == "frontend":
            features_BTC, lengths_B = inputs["features"], inputs["lengths"]
        else:
            features_BTC = trained_front_end(self.model, inputs["wave"], inputs["lengths"])
            lengths_B = self._frames(inputs["lengths"])
        mask_BT = mask_of(lengths_B, features_BTC)
        return Encoded(self._contextual(features_BTC, mask_BT), mask_BT)

    def _freeze_parts(self) -> None:
        if self.config.freeze == "all":
            self.freeze(self.model)
        elif self.config.freeze == "frontend":
            self.freeze(self.model.feature_extractor)
        if self.config.freeze != "none":
            self.model.feature_extractor._freeze_parameters()
        if not self.config.spec_augment and hasattr(self.model, "masked_spec_embed"):
            self.model.masked_spec_embed.requires_grad_(False)

    @property
    def _device(self) -> torch.device:
        device: torch.device = next(self.model.parameters()).device
        return device

    def _wave(self, utterance: Utterance) -> Float[Tensor, " N"]:
        rate_hz: int = self.feature_extractor.sampling_rate
        raw_N = torch.zeros(self.min_samples) if utterance.audio is None else load_audio(utterance.audio, rate_hz)
        found = self.feature_extractor(raw_N.numpy(), sampling_rate=rate_hz, return_tensors="pt")
        wave_N: Tensor = found["input_values"][0]
        return pad_tensor(wave_N, (0, max(0, self.min_samples - len(wave_N))))

    def _frames(self, samples: Int[Tensor, "..."]) -> Int[Tensor, "..."]:
        return num_frames(samples, self.model.config)

    def packs(self, inputs: Tensor) -> bool:
        """Tell whether a batch is encoded without padding; a norm over the batch is not rebuilt there."""
        return super().packs(inputs) and not getattr(self.model.config, "conv_pos_batch_norm", False)

    def _contextual(self, features_BTC: Float[Tensor, "B T C"], mask_BT: Bool[Tensor, "B T"]) -> Float[Tensor, "B T D"]:
        projected = self.model.feature_projection(features_BTC)
        hidden_BTD: Tensor = projected if isinstance(projected, Tensor) else projected[0]  # HuBERT's is a tensor
        if self.training and self.config.spec_augment:
            hidden_BTD = spec_augment(self.model, hidden_BTD, mask_BT)
        if self.packs(hidden_BTD):
            return packed_blocks(self.model, hidden_BTD, mask_BT)
        out_BTD: Tensor = self.model.encoder(hidden_BTD, attention_mask=mask_BT).last_hidden_state
        return out_BTD
