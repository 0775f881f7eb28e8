"""BERT (Devlin et al. 2019): one vector per token, special tokens included."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from pydantic import Field
from torch import Tensor
from transformers import AutoTokenizer, BertConfig, BertModel

from mer_core.config import PluginConfig
from mer_core.errors import SpecError
from mer_core.types import Encoded, Inputs, Prepared, Utterance
from mer_plugins.encoders.loading import first_line, load_config, load_model, quiet
from mer_plugins.encoders.packed import pack, unpack
from mer_plugins.encoders.padding import mask_of, pad
from mer_plugins.encoders.pretrained import Freeze, PretrainedEncoder, full_float32


class Bert(PretrainedEncoder):
    """BERT on an utterance's transcript (paper, section 2: bert-base-uncased, fine-tuned).

    The sequence is `[CLS] tokens [SEP]`; both special tokens are kept as frames (ours). Padding is masked in the
    attention, so an utterance's result does not depend on its batch. The pooler is not used.

    Source: J. Devlin, M.-W. Chang, K. Lee, K. Toutanova, "BERT: Pre-training of Deep Bidirectional Transformers for
    Language Understanding", NAACL 2019, arXiv 1810.04805.

    Differs from the paper: the result is one vector per token; the pooler is not used.
    """

    modality = "text"

    class Config(PluginConfig):
        """Options of `bert`."""

        checkpoint: str = "bert-base-uncased"
        """A BERT model: its name on the hub, a local directory, or `embedded:tiny-bert`."""
        freeze: Freeze = "none"
        """What stays as in the checkpoint: `frontend` (the embeddings), `all`, or `none`."""
        layer: int = -1
        """Which hidden state: 0 the embeddings, 1 the first block's, -1 the last. Blocks above it are not loaded."""
        max_tokens: int | None = Field(default=None, ge=2)
        """Longest sequence in tokens, special tokens included; the rest is cut off. Default: all the model takes."""

    def __init__(self, config: Config) -> None:
        super().__init__(config.checkpoint)
        self.config = config
        settings = load_config(BertConfig, self.directory, modality=self.modality)
        settings.num_hidden_layers = self.depth_of(config.layer, settings.num_hidden_layers)
        self.model = load_model(BertModel, self.directory, settings, modality=self.modality, add_pooling_layer=False)
        self.tokenizer = self._tokenizer(settings)
        self.max_tokens = self._max_tokens(settings.max_position_embeddings)
        self.output_dim: int = settings.hidden_size
        if config.freeze != "none":
            self.freeze(self.model if config.freeze == "all" else self.model.embeddings)

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
        """Return T, the number of tokens with `[CLS]` and `[SEP]`."""
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

    def _encode(self, ids_BT: Int[Tensor, "B T"], mask_BT: Bool[Tensor, "B T"]) -> Float[Tensor, "B T D"]:
        if not self.packs(ids_BT):
            padded_BTD: Tensor = self.model(ids_BT, attention_mask=mask_BT).last_hidden_state
            return padded_BTD
        x_1ND = pack(self.model.embeddings(ids_BT), mask_BT)
        return unpack(self.model.encoder(x_1ND, lengths=mask_BT.sum(1).tolist()).last_hidden_state, mask_BT)

    def _ids(self, utterance: Utterance) -> list[int]:
        ids: list[int] = self.tokenizer(utterance.text or "", truncation=True, max_length=self.max_tokens)["input_ids"]
        return ids

    def _tokenizer(self, settings: BertConfig) -> Any:
        if not any((self.directory / name).is_file() for name in ("tokenizer.json", "vocab.txt")):
            raise SpecError(
                f"encoders.text.checkpoint: {self.directory} holds no tokenizer (tokenizer.json or vocab.txt)",
                hint="Save it beside the model: tokenizer.save_pretrained(DIR).",
            )
        try:
            with quiet():
                return AutoTokenizer.from_pretrained(self.directory, config=settings, local_files_only=True)
        except Exception as error:  # the tokenizers library raises bare exceptions
            raise SpecError(
                f"encoders.text.checkpoint: the tokenizer in {self.directory} cannot be loaded: {first_line(error)}",
                hint="Save it again beside the model: tokenizer.save_pretrained(DIR).",
            ) from error

    def _max_tokens(self, longest: int) -> int:
        chosen = self.config.max_tokens or longest
        if chosen > longest:
            raise SpecError(
                f"encoders.text.max_tokens: {chosen} is more than {self.checkpoint} has positions for",
                hint=f"Choose {longest} or less.",
            )
        return chosen
