"""The encoder of Whisper (Radford et al. 2023): one vector per 20 ms of speech."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.functional import pad as pad_tensor
from transformers import WhisperConfig, WhisperFeatureExtractor
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from mer_core.config import PluginConfig
from mer_core.data.audio import load_audio
from mer_core.types import Encoded, Inputs, Prepared, Utterance
from mer_plugins.encoders.loading import load_config, load_extractor, load_model
from mer_plugins.encoders.padding import mask_of, pad
from mer_plugins.encoders.pretrained import Freeze, PretrainedEncoder, full_float32

_ENCODER = {r"^(model\.)?encoder\.": ""}
"""How a whole Whisper names the weights of its encoder."""
_PREPARED = {"frontend": "features", "all": "hidden", "none": "mel"}


class Whisper(PretrainedEncoder):
    """Whisper's encoder on an utterance's recording, shape (T, D); its decoder is not used.

    Log-mel energies every 10 ms, two convolutions (the front end), positions, then transformer blocks. An utterance is
    encoded at its own length, so short ones are cheap, and its result does not depend on its batch. A recording of
    more than 30 s is encoded in windows of 30 s, each with positions of its own, whose frames follow one another.

    Source: A. Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", ICML 2023, arXiv
    2212.04356.

    Differs from the paper: recordings are not padded to 30 s with silence, which every frame would attend to; frames
    differ from those of padded recordings for that reason.
    """

    modality = "audio"
    family = "whisper"

    class Config(PluginConfig):
        """Options of `whisper`."""

        checkpoint: str = "openai/whisper-base"
        """A Whisper model: its name on the hub, a local directory, or `random:tiny` (to try things out)."""
        freeze: Freeze = "frontend"
        """What stays as in the checkpoint: `frontend` (the convolutions), `all`, or `none`."""
        layer: int = -1
        """Which hidden state: 0 the first block's input, 1 its output, -1 the last. Blocks above it are not loaded."""

    def __init__(self, config: Config) -> None:
        super().__init__(config.checkpoint)
        self.config = config
        settings = load_config(WhisperConfig, self.directory, modality=self.modality)
        num_layers: int = settings.encoder_layers
        settings.encoder_layers = self.depth_of(config.layer, num_layers)
        self.model = load_model(WhisperEncoder, self.directory, settings, modality=self.modality, key_mapping=_ENCODER)
        if settings.encoder_layers < num_layers:
            # The norm after the last block belongs to the last hidden state, not to those below it.
            self.model.layer_norm = nn.Identity()
        self.extractor = load_extractor(WhisperFeatureExtractor, self.directory, modality=self.modality)
        self.model.embed_positions.requires_grad_(False)  # sinusoids; loading forgets that they are fixed
        self.output_dim: int = settings.d_model
        if config.freeze == "all":
            self.freeze(self.model)
        elif config.freeze == "frontend":
            self.freeze(self.model.conv1)
            self.freeze(self.model.conv2)

    def cache_key(self) -> str:
        """Return a text that changes whenever the result of `prepare` would."""
        layer = self.model.config.encoder_layers if self.config.freeze == "all" else None
        return self.key(prepared=_PREPARED[self.config.freeze], layer=layer)

    def prepare(self, utterance: Utterance) -> Prepared:
        """Return what the frozen part makes of the recording, in float32.

        `mel` (2 T, bands) where nothing is frozen, `features` (T, D) where the front end is, `hidden` (T, D) where all
        is. A recording shorter than 25 ms has silence after it; a missing one is silence of that length.

        Raises:
            DataError: the recording cannot be read.
        """
        mel_MC = self._mel(utterance)
        if self.config.freeze == "none":
            return {"mel": mel_MC}
        device = next(self.model.parameters()).device
        with torch.no_grad(), full_float32():
            mask_1M = torch.ones(1, len(mel_MC), dtype=torch.bool, device=device)
            x_1TD = self._front_end(mel_MC[None].to(device), mask_1M)
            if self.config.freeze == "all":
                x_1TD = self._contextual(x_1TD, mask_1M[:, ::2])
        return {_PREPARED[self.config.freeze]: x_1TD[0].cpu()}

    def num_frames(self, item: Prepared) -> int:
        """Return T, the number of 20 ms frames."""
        (x,) = item.values()
        return (len(x) + 1) // 2 if "mel" in item else len(x)

    def collate(self, items: Sequence[Prepared]) -> Inputs:
        """Return the items padded to the longest, and their `lengths` (B): `mel` in steps of 10 ms, else in frames."""
        return pad(items, _PREPARED[self.config.freeze])

    def forward(self, inputs: Inputs) -> Encoded:
        """Encode a batch: x_BTD with one frame per 20 ms."""
        x = inputs[_PREPARED[self.config.freeze]]
        mask = mask_of(inputs["lengths"], x)
        if self.config.freeze == "all":
            return Encoded(x, mask)
        if self.config.freeze == "none":
            x, mask = self._front_end(x, mask), mask[:, ::2]
        return Encoded(self._contextual(x, mask), mask)

    def _mel(self, utterance: Utterance) -> Float[Tensor, "M C"]:
        rate_hz: int = self.extractor.sampling_rate
        wave_N = torch.zeros(0) if utterance.audio is None else load_audio(utterance.audio, rate_hz)
        wave_N = pad_tensor(wave_N, (0, max(0, self.extractor.n_fft - len(wave_N))))
        options = {"padding": "do_not_pad", "truncation": False, "return_tensors": "pt"}
        found: Tensor = self.extractor(wave_N.numpy(), sampling_rate=rate_hz, **options)["input_features"]
        return found[0].T.contiguous()

    def _front_end(self, mel_BMC: Float[Tensor, "B M C"], mask_BM: Bool[Tensor, "B M"]) -> Float[Tensor, "B T D"]:
        """Run the convolutions; what is after an utterance's end is zero for both, as when it is alone."""
        mask_B1M = mask_BM[:, None]
        x_BDM = functional.gelu(self.model.conv1(mel_BMC.transpose(1, 2) * mask_B1M))
        return functional.gelu(self.model.conv2(x_BDM * mask_B1M)).transpose(1, 2)

    def _contextual(self, x_BTD: Float[Tensor, "B T D"], mask_BT: Bool[Tensor, "B T"]) -> Float[Tensor, "B T D"]:
        """Run the blocks over windows of as many frames as there are positions."""
        size: int = self.model.max_source_positions
        parts = zip(torch.split(x_BTD, size, 1), torch.split(mask_BT, size, 1), strict=True)
        windows = [self._window(*part) for part in parts]
        return torch.cat(windows, dim=1)

    def _window(self, x_BTD: Float[Tensor, "B T D"], mask_BT: Bool[Tensor, "B T"]) -> Float[Tensor, "B T D"]:
        model, settings = self.model, self.model.config
        x_BTD = x_BTD + model.embed_positions.weight[: x_BTD.shape[1]]
        x_BTD = functional.dropout(x_BTD, settings.dropout, self.training)
        # An utterance that ended in an earlier window attends to its padding: to nothing would be no number.
        attended_BT = mask_BT | ~mask_BT.any(1, keepdim=True)
        for layer in model.layers:
            x_BTD = layer(x_BTD, attended_BT[:, None, None, :])
        normed_BTD: Tensor = model.layer_norm(x_BTD)
        return normed_BTD
