"""wav2vec 2.0 (Baevski et al. 2020): one vector per 20 ms of speech (320 samples at 16 kHz)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn.functional import pad as pad_tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2Model

from mer_core.config import PluginConfig
from mer_core.data.audio import load_audio
from mer_core.errors import SpecError
from mer_core.types import Encoded, Inputs, Prepared, Utterance
from mer_plugins.encoders.loading import load_config, load_model, quiet
from mer_plugins.encoders.packed import pack, unpack
from mer_plugins.encoders.padding import mask_of, masked_group_norm, near_equal, pad
from mer_plugins.encoders.positions import grouped_conv
from mer_plugins.encoders.pretrained import Freeze, PretrainedEncoder, full_float32

SAMPLES_AT_ONCE = 2**20
"""Of a batch of recordings on a GPU, padding included: 66 s at 16 kHz; the first convolution of the base model then
holds 430 MB."""
_PREPARED = {"frontend": "features", "all": "hidden", "none": "wave"}


class Wav2vec2(PretrainedEncoder):
    """wav2vec 2.0 on an utterance's recording (paper, section 2: wav2vec2-base, fine-tuned).

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

    modality = "audio"

    class Config(PluginConfig):
        """Options of `wav2vec2`."""

        checkpoint: str = "facebook/wav2vec2-base"
        """A wav2vec 2.0 model: its name on the hub, a local directory, or `embedded:tiny-wav2vec2`."""
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
        def _spec_augment_is_used(self) -> Wav2vec2.Config:
            if self.spec_augment and self.freeze == "all":
                raise ValueError('spec_augment has no effect with freeze = "all": switch one of them off')
            return self

    def __init__(self, config: Config) -> None:
        super().__init__(config.checkpoint)
        self.config = config
        settings = load_config(Wav2Vec2Config, self.directory, modality=self.modality)
        num_layers: int = settings.num_hidden_layers
        self._configure(settings)
        self.model = load_model(Wav2Vec2Model, self.directory, settings, modality=self.modality)
        if settings.do_stable_layer_norm and settings.num_hidden_layers < num_layers:
            # The norm after the last block belongs to the last hidden state, not to those below it.
            self.model.encoder.layer_norm = nn.Identity()
        self.feature_extractor = self._feature_extractor()
        self.output_dim: int = settings.hidden_size
        self.min_samples = _receptive_field(settings.conv_kernel, settings.conv_stride)
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
            x_BTD = self._front_end(wave_BN) if len(waves) == 1 else self._front_end_of_padded(wave_BN, lengths_B)
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
            features_BTC, lengths_B = self._features(inputs["wave"], inputs["lengths"])
        mask_BT = mask_of(lengths_B, features_BTC)
        return Encoded(self._contextual(features_BTC, mask_BT), mask_BT)

    def _configure(self, settings: Wav2Vec2Config) -> None:
        options = self.config
        settings.num_hidden_layers = self.depth_of(options.layer, settings.num_hidden_layers)
        settings.layerdrop = options.layerdrop
        settings.add_adapter = False
        settings.apply_spec_augment = options.spec_augment
        settings.mask_time_prob, settings.mask_time_length = options.mask_time_prob, options.mask_time_length
        settings.mask_feature_prob, settings.mask_feature_length = (
            options.mask_feature_prob,
            options.mask_feature_length,
        )
        if options.spec_augment and options.mask_feature_prob and options.mask_feature_length > settings.hidden_size:
            raise SpecError(
                f"encoders.audio.mask_feature_length: {options.mask_feature_length} is more than the "
                f"{settings.hidden_size} channels of {self.checkpoint}",
                hint=f"Choose {settings.hidden_size} or less.",
            )

    def _feature_extractor(self) -> Wav2Vec2FeatureExtractor:
        try:
            with quiet():
                return Wav2Vec2FeatureExtractor.from_pretrained(self.directory, local_files_only=True)
        except (OSError, ValueError) as error:
            raise SpecError(
                f"encoders.audio.checkpoint: {self.directory} holds no readable preprocessor_config.json",
                hint="It says how the waveform is normalised. Save it beside the model: "
                "Wav2Vec2FeatureExtractor(...).save_pretrained(DIR).",
            ) from error

    def _freeze_parts(self) -> None:
        if self.config.freeze == "all":
            self.freeze(self.model)
        elif self.config.freeze == "frontend":
            self.freeze(self.model.feature_extractor)
        if self.config.freeze != "none":
            self.model.freeze_feature_encoder()
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
        frames: Tensor = self.model._get_feat_extract_output_lengths(samples, add_adapter=False)
        return frames

    def _front_end(self, wave_BN: Float[Tensor, "B N"]) -> Float[Tensor, "B T C"]:
        features_BTC: Tensor = self.model.feature_extractor(wave_BN).transpose(1, 2)
        return features_BTC

    def _front_end_of_padded(
        self, wave_BN: Float[Tensor, "B N"], lengths_B: Int[Tensor, " B"]
    ) -> Float[Tensor, "B T C"]:
        """Run the front end so that a group norm sees the real frames of each recording alone."""
        x_BCT, frames_B = wave_BN[:, None], lengths_B.to(wave_BN.device)
        for layer in self.model.feature_extractor.conv_layers:
            frames_B = (frames_B - layer.conv.kernel_size[0]) // layer.conv.stride[0] + 1
            norm = getattr(layer, "layer_norm", None)
            if isinstance(norm, nn.GroupNorm):
                x_BCT = layer.activation(masked_group_norm(norm, layer.conv(x_BCT), frames_B))
            else:
                x_BCT = layer(x_BCT)
        return x_BCT.transpose(1, 2)

    def _features(
        self, wave_BN: Float[Tensor, "B N"], lengths_B: Int[Tensor, " B"]
    ) -> tuple[Float[Tensor, "B T C"], Int[Tensor, " B"]]:
        """Run the trained front end; a frame of a layer-norm one sees no padding, a group norm would."""
        if self.model.config.feat_extract_norm == "layer":
            return self._front_end(wave_BN), self._frames(lengths_B)
        waves = [wave_N[:length] for wave_N, length in zip(wave_BN, lengths_B.tolist(), strict=True)]
        features = [self._front_end(wave_N[None])[0] for wave_N in waves]
        return pad_sequence(features, batch_first=True), self._frames(lengths_B)

    def _contextual(self, features_BTC: Float[Tensor, "B T C"], mask_BT: Bool[Tensor, "B T"]) -> Float[Tensor, "B T D"]:
        hidden_BTD, _ = self.model.feature_projection(features_BTC)
        if self.training and self.config.spec_augment:
            hidden_BTD = self._masked(hidden_BTD, mask_BT)
        if self.packs(hidden_BTD):
            return self._packed(hidden_BTD, mask_BT)
        out_BTD: Tensor = self.model.encoder(hidden_BTD, attention_mask=mask_BT).last_hidden_state
        return out_BTD

    def _packed(self, hidden_BTD: Float[Tensor, "B T D"], mask_BT: Bool[Tensor, "B T"]) -> Float[Tensor, "B T D"]:
        """Do what `self.model.encoder` does, without padding and with the positional convolution by frequencies."""
        encoder = self.model.encoder
        hidden_BTD = hidden_BTD.masked_fill(~mask_BT[..., None], 0.0)
        convolved_BTD = grouped_conv(hidden_BTD, encoder.pos_conv_embed.conv.weight, encoder.pos_conv_embed.conv.bias)
        x_1ND = pack(hidden_BTD + encoder.pos_conv_embed.activation(convolved_BTD), mask_BT)
        stable = self.model.config.do_stable_layer_norm  # the norm then follows the last block
        x_1ND = encoder.dropout(x_1ND if stable else encoder.layer_norm(x_1ND))
        lengths = mask_BT.sum(1).tolist()
        for layer in encoder.layers:
            if not (self.training and torch.rand(()) < self.model.config.layerdrop):
                x_1ND = layer(x_1ND, lengths=lengths)
        return unpack(encoder.layer_norm(x_1ND) if stable else x_1ND, mask_BT)

    def _masked(self, hidden_BTD: Float[Tensor, "B T D"], mask_BT: Bool[Tensor, "B T"]) -> Float[Tensor, "B T D"]:
        """Apply transformers' SpecAugment. It refuses spans longer than the batch: then no time is masked."""
        too_short = mask_BT.shape[1] < self.config.mask_time_length
        no_time_BT = torch.zeros_like(mask_BT) if too_short else None
        with _numpy_seeded_by_torch():
            masked_BTD: Tensor = self.model._mask_hidden_states(
                hidden_BTD, mask_time_indices=no_time_BT, attention_mask=mask_BT
            )
        return masked_BTD


@contextmanager
def _numpy_seeded_by_torch() -> Iterator[None]:
    """Let torch's generator decide: transformers draws the spans from numpy's, which a resumed run does not restore."""
    state = np.random.get_state()
    np.random.seed(int(torch.randint(2**31 - 1, ())))
    try:
        yield
    finally:
        np.random.set_state(state)


def _receptive_field(kernels: Sequence[int], strides: Sequence[int]) -> int:
    """Return the samples that one frame sees: 400 for wav2vec2-base."""
    samples = 1
    for kernel, stride in zip(reversed(kernels), reversed(strides), strict=True):
        samples = (samples - 1) * stride + kernel
    return samples
