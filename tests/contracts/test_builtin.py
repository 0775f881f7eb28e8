"""Every plugin that ships keeps its contract."""
# ruff: noqa: RUF012 - options of a contract class are written as a plain dict, as authors do

import wave
from pathlib import Path

import numpy as np
import pytest

from mer_core.testing import AuxTaskContract, CorpusContract, EncoderContract, EvaluatorContract, FusionContract
from mer_plugins.aux_tasks.aux1 import PairPrediction
from mer_plugins.aux_tasks.aux2 import SameEmotionSwap
from mer_plugins.aux_tasks.contrastive import CrossModalContrast
from mer_plugins.aux_tasks.ctc import Transcript
from mer_plugins.aux_tasks.match import EmotionMatch
from mer_plugins.aux_tasks.modality_dropout import ModalityDropout
from mer_plugins.aux_tasks.reconstruct import CrossModalReconstruction
from mer_plugins.corpora.demo import Demo
from mer_plugins.corpora.iemocap import Iemocap
from mer_plugins.corpora.manifest import Manifest
from mer_plugins.corpora.noise import Noise
from mer_plugins.encoders.auto_text import AutoText
from mer_plugins.encoders.bert import Bert
from mer_plugins.encoders.dialog_sentences import DialogSentences
from mer_plugins.encoders.glove import Glove
from mer_plugins.encoders.hubert import Hubert
from mer_plugins.encoders.log_mel import LogMel
from mer_plugins.encoders.mfcc import Mfcc
from mer_plugins.encoders.precomputed import Precomputed
from mer_plugins.encoders.roberta import Roberta
from mer_plugins.encoders.timed_words import TimedWords
from mer_plugins.encoders.wav2vec2 import Wav2vec2
from mer_plugins.encoders.wav2vec2_segments import Wav2vec2Segments
from mer_plugins.encoders.wavlm import WavLm
from mer_plugins.encoders.whisper import Whisper
from mer_plugins.evaluators.wa_ua import WeightedUnweighted
from mer_plugins.fusions.bottleneck import AttentionBottleneck
from mer_plugins.fusions.co_attention import CoAttention
from mer_plugins.fusions.cross_attention import CrossAttention
from mer_plugins.fusions.directional import DirectionalTransformers
from mer_plugins.fusions.fc import FullyConnected
from mer_plugins.fusions.film import Film
from mer_plugins.fusions.late import LateFusion
from mer_plugins.fusions.low_rank import LowRankFusion
from mer_plugins.fusions.mcsan import Mcsan
from mer_plugins.fusions.multi_level import MultiLevel
from mer_plugins.fusions.perceiver import Perceiver
from mer_plugins.fusions.shallow import Shallow
from mer_plugins.fusions.smcn import CalibrationNetwork
from mer_plugins.fusions.tensor import TensorFusion
from mer_plugins.fusions.tsb_tab import TsbTab
from mer_plugins.fusions.two_stage import TwoStage

THREE = {"audio": 16, "text": 24, "video": 8}


class TestFc(FusionContract):
    plugin = FullyConnected


class TestFcWithHiddenLayer(FusionContract):
    plugin = FullyConnected
    options = {"hidden_dim": 32}
    input_dims = THREE


class TestFcOfOneModality(FusionContract):
    plugin = FullyConnected
    input_dims = {"audio": 16}


class TestCrossAttention(FusionContract):
    plugin = CrossAttention


class TestCrossAttentionOfThree(FusionContract):
    plugin = CrossAttention
    options = {"layers": 1, "heads": 4, "ffn": True}
    input_dims = THREE


class TestTensorFusion(FusionContract):
    plugin = TensorFusion
    options = {"text_dim": 16, "layers": 1}


class TestTensorFusionOfThree(FusionContract):
    plugin = TensorFusion
    options = {"dim": 4, "text_dim": 6, "hidden_dim": 16}
    input_dims = THREE


class TestLowRankFusion(FusionContract):
    plugin = LowRankFusion


class TestLowRankFusionOfThree(FusionContract):
    plugin = LowRankFusion
    options = {"dim": 8, "rank": 3}
    input_dims = THREE


class TestDirectionalTransformers(FusionContract):
    plugin = DirectionalTransformers
    options = {"dim": 8, "heads": 2, "layers": 2, "self_layers": 1}


class TestDirectionalTransformersOfThree(FusionContract):
    plugin = DirectionalTransformers
    options = {"dim": 8, "heads": 4, "layers": 1, "self_layers": 1, "kernel": 1}
    input_dims = THREE


class TestFilm(FusionContract):
    plugin = Film
    options = {"dim": 16, "gru_dim": 16, "pool_dim": 32, "hidden_dim": 32}


class TestFilmOfThree(FusionContract):
    plugin = Film
    options = {"condition": "video", "dim": 8, "blocks": 2, "gru_dim": 8, "pool_dim": 8, "hidden_dim": 16}
    input_dims = THREE


class TestLate(FusionContract):
    plugin = LateFusion


class TestLateOfThree(FusionContract):
    plugin = LateFusion
    input_dims = THREE


class TestBottleneck(FusionContract):
    plugin = AttentionBottleneck
    options = {"dim": 16, "layers": 2, "fusion_layer": 1}


class TestBottleneckOfThree(FusionContract):
    plugin = AttentionBottleneck
    options = {"dim": 8, "heads": 2, "layers": 1, "fusion_layer": 0, "bottlenecks": 2}
    input_dims = THREE


class TestPerceiver(FusionContract):
    plugin = Perceiver
    options = {"dim": 16, "latents": 4, "layers": 1}


class TestPerceiverOfThreeWithItsOwnWeights(FusionContract):
    plugin = Perceiver
    options = {"dim": 8, "heads": 2, "latents": 4, "repeats": 3, "layers": 1, "share": False}
    input_dims = THREE


class TestShallow(FusionContract):
    plugin = Shallow


class TestShallowOfOneModality(FusionContract):
    plugin = Shallow
    input_dims = {"text": 24}


class TestCoAttention(FusionContract):
    plugin = CoAttention


class TestTwoStage(FusionContract):
    plugin = TwoStage


class TestMultiLevel(FusionContract):
    plugin = MultiLevel
    options = {"hidden_dim": 16}


class TestMultiLevelOfThree(FusionContract):
    plugin = MultiLevel
    options = {"hidden_dim": 16, "early_weight": 0.6}
    input_dims = THREE


class TestMcsan(FusionContract):
    plugin = Mcsan
    options = {"dim": 16, "channels": 12, "pool": 2}


class TestMcsanOfThree(FusionContract):
    plugin = Mcsan
    options = {"dim": 8, "channels": 12, "convolutions": 1, "heads": 2}
    input_dims = THREE


class TestTsbTab(FusionContract):
    plugin = TsbTab
    options = {"dim": 16, "embed_dim": 8, "context_dim": 8}


class TestTsbTabOfThree(FusionContract):
    plugin = TsbTab
    options = {"synchronous": "video", "dim": 8, "embed_dim": 8, "context_dim": 4, "heads": 2}
    input_dims = THREE


class TestSmcn(FusionContract):
    plugin = CalibrationNetwork
    options = {"dim": 16, "hidden_dim": 8}


class TestPairPrediction(AuxTaskContract):
    plugin = PairPrediction


class TestPairMatch(AuxTaskContract):
    plugin = PairPrediction
    options = {"label": "match"}
    input_dims = THREE


class TestSameEmotionSwap(AuxTaskContract):
    plugin = SameEmotionSwap


class TestEmotionMatch(AuxTaskContract):
    plugin = EmotionMatch


class TestEmotionMatchOfThree(AuxTaskContract):
    plugin = EmotionMatch
    input_dims = THREE


class TestContrast(AuxTaskContract):
    plugin = CrossModalContrast


class TestContrastOfThree(AuxTaskContract):
    plugin = CrossModalContrast
    options = {"dim": 8, "temperature": 0.5}
    input_dims = THREE


class TestTranscript(AuxTaskContract):
    plugin = Transcript


class TestReconstruction(AuxTaskContract):
    plugin = CrossModalReconstruction


class TestReconstructionOfThree(AuxTaskContract):
    plugin = CrossModalReconstruction
    options = {"hidden_dim": 8}
    input_dims = THREE


class TestModalityDropout(AuxTaskContract):
    plugin = ModalityDropout


class TestModalityDropoutOfThree(AuxTaskContract):
    plugin = ModalityDropout
    options = {"probability": 0.2}
    input_dims = THREE


class TestWeightedUnweighted(EvaluatorContract):
    plugin = WeightedUnweighted


class TestBert(EncoderContract):
    plugin = Bert
    options = {"checkpoint": "embedded:tiny-bert"}


class TestFrozenBert(EncoderContract):
    plugin = Bert
    options = {"checkpoint": "embedded:tiny-bert", "freeze": "all"}


class TestWav2vec2(EncoderContract):
    plugin = Wav2vec2
    options = {"checkpoint": "embedded:tiny-wav2vec2"}


class TestWav2vec2WithTrainedFrontEnd(EncoderContract):
    plugin = Wav2vec2
    options = {"checkpoint": "embedded:tiny-wav2vec2", "freeze": "none"}


class TestWav2vec2Segments(EncoderContract):
    plugin = Wav2vec2Segments
    options = {"checkpoint": "embedded:tiny-wav2vec2", "layer": 1}


class TestHubert(EncoderContract):
    plugin = Hubert
    options = {"checkpoint": "random:tiny"}


class TestWavLm(EncoderContract):
    plugin = WavLm
    options = {"checkpoint": "random:tiny"}


class TestWhisper(EncoderContract):
    plugin = Whisper
    options = {"checkpoint": "random:tiny"}


class TestWhisperWithTrainedFrontEnd(EncoderContract):
    plugin = Whisper
    options = {"checkpoint": "random:tiny", "freeze": "none", "layer": 1}


class TestRoberta(EncoderContract):
    plugin = Roberta
    options = {"checkpoint": "random:tiny"}


class TestAutoText(EncoderContract):
    plugin = AutoText
    options = {"checkpoint": "embedded:tiny-bert"}


class TestMfcc(EncoderContract):
    plugin = Mfcc
    options = {"coefficients": 13, "bands": 20, "speaker_norm": True}


class TestLogMel(EncoderContract):
    plugin = LogMel
    options = {"bands": 20, "speaker_norm": True}


class TestGlove(EncoderContract):
    plugin = Glove
    options = {"dim": 6}


class TestGloveFromAFile(EncoderContract):
    plugin = Glove

    def make_options(self, folder):
        (folder / "vectors.txt").write_text("i 0.1 0.2\nso 1.0 -1.0\nhappy 0.5 0.25\n")
        return {"path": folder / "vectors.txt", "dim": 2}


class TestPrecomputed(EncoderContract):
    plugin = Precomputed

    def make_options(self, folder):
        ids = ["toy-1", "toy-2", "toy-4", "shortest", "longest", "nothing", "empty text"]
        frames = np.random.default_rng(0).normal(size=(30, 5))
        np.savez(folder / "features.npz", **{id_: frames[: 1 + 4 * n] for n, id_ in enumerate(ids)})
        return {"path": folder / "features.npz", "speaker_norm": True}


class TestTimedWords(EncoderContract):
    plugin = TimedWords
    options = {"bands": 20, "dim": 6, "speaker_norm": True}


class TestDialogSentences(EncoderContract):
    plugin = DialogSentences
    options = {"checkpoint": "embedded:tiny-bert", "context": 2}


class TestDemo(CorpusContract):
    plugin = Demo

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _tree(cls, tmp_path_factory):
        cls.options = {"path": tmp_path_factory.mktemp("demo") / "tree"}


class TestIemocap(CorpusContract):
    plugin = Iemocap

    @pytest.fixture(autouse=True)
    def _tree(self, tmp_path):
        write_iemocap(tmp_path)
        self.options = {"path": tmp_path}


class TestNoise(CorpusContract):
    plugin = Noise
    options = {"utterances": 6}


class TestManifest(CorpusContract):
    plugin = Manifest

    def make_options(self, folder):
        rows = [f"u{n},u{n}.wav,I am so happy,hap" for n in range(4)]
        for n in range(4):
            write_wav(folder / f"u{n}.wav")
        (folder / "data.csv").write_text("\n".join(["id,audio,text,label", *rows]))
        return {"path": folder / "data.csv"}


def write_wav(path: Path) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(bytes(3200))


def write_iemocap(root: Path) -> None:
    """Two sessions of two dialogs of three turns, with words of our own, in IEMOCAP's format."""
    for session, dialog in ((s, d) for s in (1, 2) for d in ("impro01", "script01_1")):
        name, home = f"Ses0{session}F_{dialog}", root / f"Session{session}"
        ids = [f"{name}_{speaker}00{turn}" for turn, speaker in enumerate("FMF")]
        wavs = home / "sentences" / "wav" / name
        for folder in (home / "dialog/EmoEvaluation", home / "dialog/transcriptions", wavs):
            folder.mkdir(parents=True, exist_ok=True)
        turns = [
            f"[{n}.0 - {n}.9]\t{id_}\t{label}\t[2.0, 3.0, 3.0]\n"
            for n, (id_, label) in enumerate(zip(ids, LABELS, strict=True))
        ]
        (home / f"dialog/EmoEvaluation/{name}.txt").write_text("\n".join(turns))
        (home / f"dialog/transcriptions/{name}.txt").write_text("\n".join(f"{i} [0.0-0.9]: a lamp" for i in ids))
        for id_ in ids:
            write_wav(wavs / f"{id_}.wav")


LABELS = ("ang", "hap", "neu")
