"""RoBERTa (Liu et al. 2019): one vector per token, special tokens included."""

from __future__ import annotations

from transformers import RobertaConfig, RobertaModel

from mer_plugins.encoders.transcript import TranscriptConfig, TranscriptEncoder


class Roberta(TranscriptEncoder):
    """RoBERTa on an utterance's transcript, shape (T, D): D is 768 of the base model, 1024 of the large one.

    The sequence is `<s> tokens </s>`; both special tokens are kept as frames (ours). Case is kept. Padding is masked in
    the attention, so an utterance's result does not depend on its batch. The pooler is not used.

    Source: Y. Liu et al., "RoBERTa: A Robustly Optimized BERT Pretraining Approach", 2019, arXiv 1907.11692.

    Differs from the paper: the result is one vector per token, not that of `<s>`.
    """

    family = "roberta"
    config_class = RobertaConfig
    model_class = RobertaModel
    vocabulary = ("tokenizer.json", "vocab.json")

    class Config(TranscriptConfig):
        """Options of `roberta`."""

        checkpoint: str = "FacebookAI/roberta-base"
        """A RoBERTa model: its name on the hub, a local directory, or `random:tiny` (to try things out)."""
