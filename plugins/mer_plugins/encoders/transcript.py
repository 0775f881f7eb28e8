"""What the encoders of transcripts share: tokens, special ones included, then a transformers model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float, Int
from pydantic import Field
from torch import Tensor

from mer_core.config import PluginConfig
from mer_core.errors import SpecError
from mer_core.types import Encoded, Inputs, Prepared, Utterance
from mer_plugins.encoders.loading import load_config, load_model
from mer_plugins.encoders.packed import pack, unpack
from mer_plugins.encoders.padding import mask_of, pad
from mer_plugins.encoders.pretrained import Freeze, PretrainedEncoder, full_float32
from mer_plugins.encoders.tokens import load_tokenizer, num_positions


class TranscriptConfig(PluginConfig):
    """Options of an encoder of transcripts."""

    checkpoint: str
    """The model: its name on the hub, a local directory, or `random:tiny`."""
    freeze: Freeze = "none"
    """What stays as in the checkpoint: `frontend` (the embeddings), `all`, or `none`."""
    layer: int = -1
    """Which hidden state: 0 the embeddings, 1 the first block's, -1 the last. Blocks above it are not loaded."""
    max_tokens: int | None = Field(default=None, ge=2)
    """Longest sequence in tokens, special tokens included; the rest is cut off. Default: all the model takes."""


class TranscriptEncoder(PretrainedEncoder):
    """Base of these encoders: one vector per token.

    The tokenizer's special tokens are kept as frames (ours). Padding is masked in the attention, so an utterance's
    result does not depend on its batch. A pooler is not used.
    """

    modality = "text"
    config_class: ClassVar[Any]
    model_class: ClassVar[Any]
    vocabulary: ClassVar[tuple[str, ...]]
    """Files of which one must be there for the tokenizer to be loaded."""

    def __init__(self, config: TranscriptConfig) -> None:
        super().__init__(config.checkpoint)
        self.config = config
        self.model = self._loaded()
        self.tokenizer = load_tokenizer(self.directory, self.model.config, self.vocabulary)
        self.max_tokens = self._max_tokens(num_positions(self.model))
        self.output_dim: int = self.model.config.hidden_size
        if config.freeze != "none":
            self.freeze(self.model if config.freeze == "all" else self._embeddings)

    def cache_key(self) -> str:
        """Return a text that changes whenever the result of `prepare` would."""
        layer = self.model.config.num_hidden_layers if self.config.freeze == "all" else None
        return self.key(whole=self.config.freeze == "all", layer=layer, max_tokens=self.max_tokens)

    def frame_names(self, utterance: Utterance) -> list[str]:
        """Return the tokens."""
        names: list[str] = self.tokenizer.convert_ids_to_tokens(self._ids(utterance))
        return names

    def prepare(self, utterance: Utterance) -> Prepared:
        """Return `input_ids` (T), or `hidden` (T, D) where the whole encoder is frozen. No text is an empty text."""
        item = {"input_ids": torch.tensor(self._ids(utterance))}
        if self.config.freeze != "all":
            return item
        device = next(self.model.parameters()).device
        with torch.no_grad(), full_float32():
            ids_1T = item["input_ids"][None].to(device)
            hidden_1TD = self._encode(ids_1T, torch.ones_like(ids_1T, dtype=torch.bool))
        return {"hidden": hidden_1TD[0].cpu()}

    def num_frames(self, item: Prepared) -> int:
        """Return T, the number of tokens with the special ones."""
        return len(next(iter(item.values())))

    def collate(self, items: Sequence[Prepared]) -> Inputs:
        """Return the items padded to the longest, and their `lengths` (B) in tokens."""
        return pad(items, "hidden" if self.config.freeze == "all" else "input_ids")

    def forward(self, inputs: Inputs) -> Encoded:
        """Encode a batch: x_BTD with one frame per token."""
        if self.config.freeze == "all":
            return Encoded(inputs["hidden"], mask_of(inputs["lengths"], inputs["hidden"]))
        mask_BT = mask_of(inputs["lengths"], inputs["input_ids"])
        return Encoded(self._encode(inputs["input_ids"], mask_BT), mask_BT)

    def _loaded(self) -> Any:
        """Return the model with the blocks up to the chosen layer."""
        settings = load_config(self.config_class, self.directory, modality=self.modality)
        settings.num_hidden_layers = self.depth_of(self.config.layer, settings.num_hidden_layers)
        return load_model(self.model_class, self.directory, settings, modality=self.modality, add_pooling_layer=False)

    @property
    def _embeddings(self) -> Any:
        return self.model.embeddings

    def _encode(self, ids_BT: Int[Tensor, "B T"], mask_BT: Bool[Tensor, "B T"]) -> Float[Tensor, "B T D"]:
        if not self.packs(ids_BT):
            padded_BTD: Tensor = self.model(ids_BT, attention_mask=mask_BT).last_hidden_state
            return padded_BTD
        x_1ND = pack(self.model.embeddings(ids_BT), mask_BT)
        return unpack(self.model.encoder(x_1ND, lengths=mask_BT.sum(1).tolist()).last_hidden_state, mask_BT)

    def _ids(self, utterance: Utterance) -> list[int]:
        ids: list[int] = self.tokenizer(utterance.text or "", truncation=True, max_length=self.max_tokens)["input_ids"]
        return ids

    def _max_tokens(self, longest: int) -> int:
        chosen = self.config.max_tokens or longest
        if chosen > longest:
            raise SpecError(
                f"encoders.text.max_tokens: {chosen} is more than {self.checkpoint} has positions for",
                hint=f"Choose {longest} or less.",
            )
        return chosen
