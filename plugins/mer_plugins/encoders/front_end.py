"""The convolutions by which wav2vec 2.0, HuBERT and WavLM make frames of a waveform.

Letters: B recordings, N samples, T frames, C channels.
"""

from __future__ import annotations

from typing import Any

from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from mer_plugins.encoders.padding import masked_group_norm


def receptive_field(config: Any) -> int:
    """Return the samples that one frame sees: 400 for the published models."""
    samples = 1
    for kernel, stride in zip(reversed(config.conv_kernel), reversed(config.conv_stride), strict=True):
        samples = (samples - 1) * stride + kernel
    return samples


def num_frames(samples: Int[Tensor, "..."], config: Any) -> Int[Tensor, "..."]:
    """Return the frames of recordings of that many samples."""
    for kernel, stride in zip(config.conv_kernel, config.conv_stride, strict=True):
        samples = (samples - kernel) // stride + 1
    return samples


def front_end(model: Any, wave_BN: Float[Tensor, "B N"]) -> Float[Tensor, "B T C"]:
    """Run it as transformers does: a group norm averages over padding too."""
    features_BTC: Tensor = model.feature_extractor(wave_BN).transpose(1, 2)
    return features_BTC


def front_end_of_padded(
    model: Any, wave_BN: Float[Tensor, "B N"], lengths_B: Int[Tensor, " B"]
) -> Float[Tensor, "B T C"]:
    """Run it without gradient so that a group norm sees the real frames of each recording alone."""
    x_BCT, frames_B = wave_BN[:, None], lengths_B.to(wave_BN.device)
    for layer in model.feature_extractor.conv_layers:
        frames_B = (frames_B - layer.conv.kernel_size[0]) // layer.conv.stride[0] + 1
        norm = getattr(layer, "layer_norm", None)
        if isinstance(norm, nn.GroupNorm):
            x_BCT = layer.activation(masked_group_norm(norm, layer.conv(x_BCT), frames_B))
        else:
            x_BCT = layer(x_BCT)
    return x_BCT.transpose(1, 2)


def trained_front_end(
    model: Any, wave_BN: Float[Tensor, "B N"], lengths_B: Int[Tensor, " B"]
) -> Float[Tensor, "B T C"]:
    """Run it in training; a frame of a layer-norm one sees no padding, a group norm would: one by one then."""
    if model.config.feat_extract_norm == "layer":
        return front_end(model, wave_BN)
    waves = [wave_N[:length] for wave_N, length in zip(wave_BN, lengths_B.tolist(), strict=True)]
    return pad_sequence([front_end(model, wave_N[None])[0] for wave_N in waves], batch_first=True)
