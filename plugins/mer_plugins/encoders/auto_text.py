"""Any text encoder that transformers knows: one vector per token, special tokens included."""

from __future__ import annotations

import inspect
from typing import Any

from torch import Tensor
from transformers import AutoConfig
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.auto.modeling_auto import MODEL_MAPPING

from mer_core.errors import SpecError
from mer_plugins.encoders.loading import load_model, other_encoder, quiet, read_config
from mer_plugins.encoders.transcript import TranscriptConfig, TranscriptEncoder

_PLACE = "encoders.text.checkpoint"


class AutoText(TranscriptEncoder):
    """A text encoder on an utterance's transcript, shape (T, D): DistilBERT, ELECTRA, ALBERT, DeBERTa, MPNet,
    XLM-RoBERTa and whatever else transformers' AutoModel loads.

    Code that a checkpoint brings is never run. Models with a decoder are refused. The tokenizer's special tokens are
    kept as frames; padding is masked, so an utterance's result does not depend on its batch. A pooler is not used.

    Source: T. Wolf et al., "Transformers: State-of-the-Art Natural Language Processing", EMNLP 2020 (system
    demonstrations), arXiv 1910.03771; the model is that of the checkpoint's own paper.

    Differs from the paper: where `layer` is not the last, a norm that a model has after its last block follows the
    chosen one.
    """

    family = "bert"
    vocabulary = (
        "tokenizer.json",
        "vocab.txt",
        "vocab.json",
        "sentencepiece.bpe.model",
        "spiece.model",
        "spm.model",
    )

    class Config(TranscriptConfig):
        """Options of `auto-text`."""

        layer: int = -1
        """Which hidden state: 1 the first block's output, -1 the last. Blocks above it are not loaded."""
        checkpoint: str = "distilbert-base-uncased"
        """A text encoder: its name on the hub, a local directory, or `embedded:tiny-bert`."""

    def packs(self, inputs: Tensor) -> bool:
        """Never encode a batch as one row: not every model could."""
        return False

    def _loaded(self) -> Any:
        family = str(read_config(self.directory, place=_PLACE).get("model_type"))
        if family not in CONFIG_MAPPING:
            raise SpecError(
                f"{_PLACE}: {self.directory} is of a family that transformers does not know: {family}",
                hint='Code that a checkpoint brings is not run. If it is an old BERT without model_type, use "bert".',
            )
        with quiet():
            settings = AutoConfig.from_pretrained(self.directory, trust_remote_code=False)
        model_class = _model_class(settings)
        if model_class is None or model_class.main_input_name != "input_ids" or settings.is_encoder_decoder:
            raise SpecError(
                f'{_PLACE}: {self.directory} is a "{family}" model, which is no text encoder',
                hint=f"Choose one such as distilbert-base-uncased.{other_encoder(family, modality='')}",
            )
        settings.num_hidden_layers = self.depth_of(self.config.layer, settings.num_hidden_layers)
        if settings.num_hidden_layers == 0:  # some models cannot do without a block
            raise SpecError(
                f'encoders.text.layer: "auto-text" gives the output of a block, and {self.config.layer} is none',
                hint="Choose 1 (the first block) or more.",
            )
        pooling = "add_pooling_layer" in inspect.signature(model_class).parameters
        options = {"add_pooling_layer": False} if pooling else {}
        return load_model(model_class, self.directory, settings, modality=self.modality, **options)

    @property
    def _embeddings(self) -> Any:
        return getattr(self.model, "embeddings", self.model.get_input_embeddings())


def _model_class(settings: Any) -> Any:
    """Return the class that AutoModel would take, or None."""
    found = MODEL_MAPPING.get(type(settings), None)
    return found[0] if isinstance(found, tuple) else found
