"""The built-in plugins, by the same hooks that anybody's package uses. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable

from mer_core.hookspec import hookimpl
from mer_core.plugin import Plugin

_HERE = "mer_plugins"


@hookimpl
def mer_encoders() -> Iterable[Plugin]:
    """Encoders that ship."""
    yield Plugin("wav2vec2", f"{_HERE}.encoders.wav2vec2:Wav2vec2", "wav2vec 2.0 from any checkpoint of that family")
    yield Plugin("hubert", f"{_HERE}.encoders.hubert:Hubert", "HuBERT from any checkpoint of that family")
    yield Plugin("wavlm", f"{_HERE}.encoders.wavlm:WavLm", "WavLM from any checkpoint of that family")
    yield Plugin("whisper", f"{_HERE}.encoders.whisper:Whisper", "the encoder of Whisper, from any checkpoint of it")
    yield Plugin("bert", f"{_HERE}.encoders.bert:Bert", "BERT from any checkpoint of that family")
    yield Plugin("roberta", f"{_HERE}.encoders.roberta:Roberta", "RoBERTa from any checkpoint of that family")
    yield Plugin("auto-text", f"{_HERE}.encoders.auto_text:AutoText", "any text encoder that transformers knows")
    yield Plugin(
        "wav2vec2-segments",
        f"{_HERE}.encoders.wav2vec2_segments:Wav2vec2Segments",
        "wav2vec 2.0 with means over words, syllables, letters or windows",
    )
    yield Plugin("mfcc", f"{_HERE}.encoders.mfcc:Mfcc", "mel-frequency cepstral coefficients")
    yield Plugin("logmel", f"{_HERE}.encoders.log_mel:LogMel", "log-mel energies")
    yield Plugin(
        "egemaps", f"{_HERE}.encoders.egemaps:Egemaps", "the 88 acoustic parameters of eGeMAPS", extra="egemaps"
    )
    yield Plugin("glove", f"{_HERE}.encoders.glove:Glove", "a vector per word, from a file or learned")
    yield Plugin("precomputed", f"{_HERE}.encoders.precomputed:Precomputed", "arrays from a file, one per utterance")
    yield Plugin("timed-words", f"{_HERE}.encoders.timed_words:TimedWords", "log-mel energies with the word said then")
    yield Plugin(
        "dialog-sentences",
        f"{_HERE}.encoders.dialog_sentences:DialogSentences",
        "sentence vectors of a dialog",
    )


@hookimpl
def mer_fusions() -> Iterable[Plugin]:
    """Fusions that ship."""
    yield Plugin("fc", f"{_HERE}.fusions.fc:FullyConnected", "means over time, concatenated (the paper's FC row)")
    yield Plugin(
        "cross-attn", f"{_HERE}.fusions.cross_attention:CrossAttention", "K layers of multi-head cross attention"
    )
    yield Plugin("tfn", f"{_HERE}.fusions.tensor:TensorFusion", "outer product of the modalities' embeddings")
    yield Plugin("lmf", f"{_HERE}.fusions.low_rank:LowRankFusion", "tensor fusion with low-rank weights")
    yield Plugin(
        "mult", f"{_HERE}.fusions.directional:DirectionalTransformers", "a cross-modal transformer per direction"
    )
    yield Plugin("film", f"{_HERE}.fusions.film:Film", "one modality scales and shifts the features of the others")
    yield Plugin("late", f"{_HERE}.fusions.late:LateFusion", "learned weights over the modalities' posteriors")
    yield Plugin(
        "bottleneck", f"{_HERE}.fusions.bottleneck:AttentionBottleneck", "transformers that share a few tokens"
    )
    yield Plugin(
        "perceiver", f"{_HERE}.fusions.perceiver:Perceiver", "latent queries over the frames of all modalities"
    )
    yield Plugin("shallow", f"{_HERE}.fusions.shallow:Shallow", "one vector per modality, side by side")
    yield Plugin("co-attention", f"{_HERE}.fusions.co_attention:CoAttention", "co-attentional transformer layers")
    yield Plugin("two-stage", f"{_HERE}.fusions.two_stage:TwoStage", "sequence vectors ask the other modality's frames")
    yield Plugin("multi-level", f"{_HERE}.fusions.multi_level:MultiLevel", "early fusion mixed with single posteriors")
    yield Plugin("mcsan", f"{_HERE}.fusions.mcsan:Mcsan", "cross- and self-attention side by side, over LSTMs")
    yield Plugin("tsb-tab", f"{_HERE}.fusions.tsb_tab:TsbTab", "frames in time, and sentences around")
    yield Plugin("smcn", f"{_HERE}.fusions.smcn:CalibrationNetwork", "an approximation of SMCN's calibration branches")


@hookimpl
def mer_aux_tasks() -> Iterable[Plugin]:
    """Auxiliary tasks that ship."""
    yield Plugin("aux1", f"{_HERE}.aux_tasks.aux1:PairPrediction", "name the emotions of scrambled pairs")
    yield Plugin("aux2", f"{_HERE}.aux_tasks.aux2:SameEmotionSwap", "one modality replaced by one of the same emotion")
    yield Plugin("match", f"{_HERE}.aux_tasks.match:EmotionMatch", "same or different emotion in the two modalities")
    yield Plugin(
        "contrastive",
        f"{_HERE}.aux_tasks.contrastive:CrossModalContrast",
        "one emotion close together across modalities",
    )
    yield Plugin("ctc", f"{_HERE}.aux_tasks.ctc:Transcript", "spell the transcript from the recording's frames")
    yield Plugin(
        "reconstruct",
        f"{_HERE}.aux_tasks.reconstruct:CrossModalReconstruction",
        "one modality's embedding from another's",
    )
    yield Plugin(
        "modality-dropout", f"{_HERE}.aux_tasks.modality_dropout:ModalityDropout", "name the class without a modality"
    )


@hookimpl
def mer_evaluators() -> Iterable[Plugin]:
    """Evaluators that ship."""
    yield Plugin("wa-ua", f"{_HERE}.evaluators.wa_ua:WeightedUnweighted", "WA, UA, macro F1, recall, confusion")


@hookimpl
def mer_corpora() -> Iterable[Plugin]:
    """Corpora that ship."""
    yield Plugin("demo", f"{_HERE}.corpora.demo:Demo", "synthetic speech with known ceilings", extra="demo")
    yield Plugin("iemocap", f"{_HERE}.corpora.iemocap:Iemocap", "IEMOCAP from the release as it ships")
    yield Plugin("manifest", f"{_HERE}.corpora.manifest:Manifest", "your own recordings, listed in a CSV or JSONL file")
    yield Plugin("noise", f"{_HERE}.corpora.noise:Noise", "noise in IEMOCAP's lengths, to measure speed on")
