"""Makes spoken batches rougher, so that real recordings are not foreign: speed, colour, room, noise.

Shape letters: B utterances, L samples, K bins of the real Fourier transform.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from scripts.tiny_encoders.speech import SAMPLE_RATE_HZ, Spoken


def crop(spoken: Spoken, length: int, rng: np.random.Generator) -> tuple[Tensor, float]:
    """Return `length` samples of the utterance and the speed factor (0.8 to 1.25) they were resampled by."""
    speed = float(2.0 ** rng.uniform(-0.32, 0.32))
    needed = int(length * speed)
    wave = torch.from_numpy(spoken.wave.astype(np.float32) / 20_000)
    if len(wave) < needed:
        before = int(rng.integers(0, needed - len(wave) + 1))
        wave = functional.pad(wave, (before, needed - len(wave) - before))
    start = int(rng.integers(0, len(wave) - needed + 1))
    cut = wave[start : start + needed]
    return functional.interpolate(cut[None, None], size=length, mode="linear")[0, 0], speed


def _colour(num_bins: int, rng: np.random.Generator) -> Tensor:
    """Return the amplitude response of a random microphone: a tilt, two bumps, a high pass and at times a low pass."""
    hz = np.linspace(0.0, SAMPLE_RATE_HZ / 2, num_bins)
    octaves = np.log2(np.maximum(hz, 30.0) / 1000.0)
    db = rng.normal(0.0, 2.5) * octaves
    for _ in range(2):
        db = db + rng.normal(0.0, 4.0) * np.exp(-0.5 * ((octaves - rng.uniform(-3, 3)) / rng.uniform(0.3, 1.0)) ** 2)
    db = db - 10 * np.log10(1 + (rng.uniform(20, 160) / np.maximum(hz, 1.0)) ** 4)
    if rng.random() < 0.25:
        db = db - 10 * np.log10(1 + (hz / rng.uniform(3000, 8000)) ** 8)
    return torch.from_numpy(10 ** (db / 20)).float()


def _room(length: int, rng: np.random.Generator) -> Tensor:
    """Return the response of a random small room: the direct sound and a decaying noise after it."""
    decay_s = rng.uniform(0.05, 0.4)
    time_s = np.arange(length) / SAMPLE_RATE_HZ
    tail = rng.standard_normal(length) * np.exp(-6.9 * time_s / decay_s)
    tail *= rng.uniform(0.05, 0.6) / np.sqrt((tail**2).sum())
    tail[0] = 1.0
    return torch.from_numpy(tail).float()


def roughen(clean_BL: Tensor, rng: np.random.Generator) -> Tensor:
    """Return the waveforms as random microphones in random rooms would record them."""
    num, length = clean_BL.shape
    padded = length + SAMPLE_RATE_HZ // 2
    spectrum_BK = torch.fft.rfft(clean_BL, n=padded)
    num_bins = spectrum_BK.shape[1]
    spectrum_BK = spectrum_BK * torch.stack([_colour(num_bins, rng) for _ in range(num)])
    rooms = [_room(SAMPLE_RATE_HZ // 2, rng) if rng.random() < 0.4 else torch.tensor([1.0]) for _ in range(num)]
    response_BL = torch.stack([functional.pad(room, (0, SAMPLE_RATE_HZ // 2 - len(room))) for room in rooms])
    wave_BL = torch.fft.irfft(spectrum_BK * torch.fft.rfft(response_BL, n=padded), n=padded)[:, :length]
    noisy_BL: Tensor = wave_BL + _noise(wave_BL, rng)
    return noisy_BL


def _noise(wave_BL: Tensor, rng: np.random.Generator) -> Tensor:
    """Return coloured noise 8 to 60 dB below each waveform."""
    num, length = wave_BL.shape
    white_BL = torch.from_numpy(rng.standard_normal((num, length))).float()
    slope_B1 = torch.from_numpy(rng.uniform(0.0, 1.0, (num, 1))).float()
    spectrum_BK = torch.fft.rfft(white_BL)
    bins_K = torch.arange(spectrum_BK.shape[1]).clamp(min=1).float()
    noise_BL = torch.fft.irfft(spectrum_BK * bins_K**-slope_B1, n=length)
    snr_db_B1 = torch.from_numpy(rng.uniform(8.0, 60.0, (num, 1))).float()
    scale_B1 = wave_BL.std(1, keepdim=True) / noise_BL.std(1, keepdim=True) * 10 ** (-snr_db_B1 / 20)
    scaled_BL: Tensor = noise_BL * scale_B1
    return scaled_BL


def normalise(wave_BL: Tensor) -> Tensor:
    """Return each waveform with zero mean and unit variance, as the feature extractor's `do_normalize` does."""
    centred_BL = wave_BL - wave_BL.mean(1, keepdim=True)
    return centred_BL / (centred_BL.var(1, keepdim=True, correction=0) + 1e-7).sqrt()
