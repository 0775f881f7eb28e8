"""BERT (Devlin et al. 2019): one vector per token, special tokens included."""

from __future__ import annotations

from transformers import BertConfig, BertModel

from mer_plugins.encoders.transcript import TranscriptConfig, TranscriptEncoder


class Bert(TranscriptEncoder):
    """BERT on an utterance's transcript, shape (T, D) (paper, section 2: bert-base-uncased, fine-tuned, D = 768).

    The sequence is `[CLS] tokens [SEP]`; both special tokens are kept as frames (ours). Padding is masked in the
    attention, so an utterance's result does not depend on its batch. The pooler is not used.

    Source: J. Devlin, M.-W. Chang, K. Lee, K. Toutanova, "BERT: Pre-training of Deep Bidirectional Transformers for
    Language Understanding", NAACL 2019, arXiv 1810.04805.

    Differs from the paper: the result is one vector per token; the pooler is not used.
    """

    family = "bert"
    config_class = BertConfig
    model_class = BertModel
    vocabulary = ("tokenizer.json", "vocab.txt")

    class Config(TranscriptConfig):
        """Options of `bert`."""

        checkpoint: str = "bert-base-uncased"
        """A BERT model: its name on the hub, a local directory, or `embedded:tiny-bert`."""
