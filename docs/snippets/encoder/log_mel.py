"""Log-mel energies and a recurrent layer: an audio encoder without a checkpoint."""

import torch
from pydantic import Field
from torch import nn
from torch.nn.functional import pad
from torch.nn.utils.rnn import pad_sequence

from mer_core.config import PluginConfig
from mer_core.data.audio import load_audio
from mer_core.hookspec import hookimpl
from mer_core.plugin import Plugin
from mer_core.types import Encoded

RATE_HZ = 16000
WINDOW, HOP = 400, 160  # samples: 25 ms every 10 ms


class LogMel(nn.Module):
    """One frame per 10 ms: log-mel energies, then a GRU that looks back only."""

    modality = "audio"

    class Config(PluginConfig):
        """Options of `log-mel`."""

        num_mels: int = Field(default=40, ge=1)
        """Mel bands from 0 to 8 kHz."""
        dim: int = Field(default=64, ge=1)
        """Width of a frame."""

    def __init__(self, config):
        super().__init__()
        from torchaudio.transforms import MelSpectrogram

        self.output_dim = config.dim
        self.num_mels = config.num_mels
        self.mel = MelSpectrogram(RATE_HZ, n_fft=512, win_length=WINDOW, hop_length=HOP, n_mels=config.num_mels)
        self.recurrent = nn.GRU(config.num_mels, config.dim, batch_first=True)

    def cache_key(self):
        """Every option that `prepare` reads; a number to raise when its code changes."""
        return f"log-mel 1 {self.num_mels}"

    def prepare(self, utterance):
        """Return `mel` (T, bands). A missing recording is a short silence."""
        wave_N = torch.zeros(WINDOW) if utterance.audio is None else load_audio(utterance.audio, RATE_HZ)
        wave_N = pad(wave_N, (0, max(0, WINDOW - len(wave_N))))
        with torch.no_grad():
            mel = self.mel.cpu()(wave_N)
        return {"mel": mel.clamp(min=1e-6).log().T.contiguous()}

    def num_frames(self, item):
        """Return T."""
        return len(item["mel"])

    def collate(self, items):
        """Return `mel` (B, T, bands), zeros where it is padded, and `lengths` (B)."""
        mels = [item["mel"] for item in items]
        return {"mel": pad_sequence(mels, batch_first=True), "lengths": torch.tensor([len(mel) for mel in mels])}

    def forward(self, inputs):
        """Return x_BTD and its mask. The GRU looks back only, so padding at the end changes nothing."""
        x_BTD, _ = self.recurrent(inputs["mel"])
        mask_BT = torch.arange(x_BTD.shape[1], device=x_BTD.device) < inputs["lengths"][:, None]
        return Encoded(x_BTD, mask_BT)


@hookimpl
def mer_encoders():
    yield Plugin("log-mel", "log_mel:LogMel", "log-mel energies and a recurrent layer")
