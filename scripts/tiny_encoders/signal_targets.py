"""What `tiny-wav2vec2` learns to tell from a waveform, frame by frame: log-mel energies, voicing and pitch.

Frames are the encoder's own: frame t covers samples 320 t to 320 t + 400 at 16 kHz (one per 20 ms).
Shape letters: B utterances, L samples, T frames, M mel bands.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional
from torchaudio.transforms import MelSpectrogram

SAMPLE_RATE_HZ = 16_000
HOP = 320
WINDOW = 400
NUM_MELS = 40
PITCH_WINDOW = 960
LOWEST_HZ, HIGHEST_HZ = 60.0, 480.0
VOICED_FROM = 0.6

_mel = MelSpectrogram(SAMPLE_RATE_HZ, n_fft=512, win_length=WINDOW, hop_length=HOP, n_mels=NUM_MELS, center=False)


def log_mel(wave_BL: Tensor) -> Tensor:
    """Return log_mel_BTM of unit-variance waveforms, about zero mean and unit variance over speech."""
    margin = (512 - WINDOW) // 2
    mel_BMT: Tensor = _mel(functional.pad(wave_BL, (margin, 512 - WINDOW - margin)))
    return ((mel_BMT + 1e-2).log().transpose(1, 2) - 0.5) / 3.0


def pitch(wave_BL: Tensor) -> tuple[Tensor, Tensor]:
    """Return log2_f0_BT (octaves above 55 Hz) and periodicity_BT (0 to 1) by normalised autocorrelation.

    Long lags are held back a little against octave errors; the pitch is meant where periodicity is high.
    """
    margin = (PITCH_WINDOW - WINDOW) // 2
    frames_BTW = functional.pad(wave_BL, (margin, PITCH_WINDOW - WINDOW - margin)).unfold(1, PITCH_WINDOW, HOP)
    window_W = torch.hann_window(PITCH_WINDOW)
    spectrum = torch.fft.rfft((frames_BTW - frames_BTW.mean(-1, keepdim=True)) * window_W, n=2 * PITCH_WINDOW)
    acf_BTW = torch.fft.irfft(spectrum.abs().square())[..., :PITCH_WINDOW]
    window_acf_W = torch.fft.irfft(torch.fft.rfft(window_W, n=2 * PITCH_WINDOW).abs().square())[:PITCH_WINDOW]
    shortest, longest = int(SAMPLE_RATE_HZ / HIGHEST_HZ), int(SAMPLE_RATE_HZ / LOWEST_HZ)
    lags = torch.arange(shortest, longest)
    energy_BT1 = acf_BTW[..., :1].clamp(min=1e-3)
    score_BTG = acf_BTW[..., shortest:longest] / energy_BT1 * (window_acf_W[0] / window_acf_W[shortest:longest])
    best_BT = (score_BTG - 0.03 * (lags / shortest).log2()).argmax(-1)
    periodicity_BT = score_BTG.gather(-1, best_BT.unsqueeze(-1)).squeeze(-1).clamp(0.0, 1.0)
    return (SAMPLE_RATE_HZ / lags[best_BT] / 55.0).log2(), periodicity_BT
