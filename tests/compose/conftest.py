"""Tiny forms of what is registered. A plugin that is not named here is built with its defaults."""

import sys
import wave
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from mer_core.compose import compose
from mer_core.data.prepare import prepare
from mer_core.seeds import seed_everything
from mer_core.spec import PipelineSpec
from mer_core.testing.toys import toy_manager, toy_table
from mer_core.types import AudioSpan, Utterance

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
TINY = {
    ("encoder", "wav2vec2"): {"checkpoint": "embedded:tiny-wav2vec2", "layer": 1},
    ("encoder", "bert"): {"checkpoint": "embedded:tiny-bert", "layer": 1},
    ("encoder", "hubert"): {"checkpoint": "random:tiny", "layer": 1},
    ("encoder", "wavlm"): {"checkpoint": "random:tiny", "layer": 1},
    ("encoder", "whisper"): {"checkpoint": "random:tiny", "layer": 1},
    ("encoder", "roberta"): {"checkpoint": "random:tiny", "layer": 1},
    ("encoder", "auto-text"): {"checkpoint": "embedded:tiny-bert", "layer": 1},
    ("encoder", "wav2vec2-segments"): {"checkpoint": "embedded:tiny-wav2vec2", "layer": 1},
    ("encoder", "dialog-sentences"): {"checkpoint": "embedded:tiny-bert"},
    ("encoder", "glove"): {"dim": 6},
    ("fusion", "cross-attn"): {"layers": 1, "heads": 2},
    ("fusion", "tfn"): {"dim": 16, "text_dim": 16, "layers": 1, "hidden_dim": 32},
    ("fusion", "lmf"): {"dim": 8, "embed_dim": 16, "text_embed_dim": 16, "layers": 1},
    ("fusion", "mult"): {"dim": 8, "heads": 2, "layers": 1, "self_layers": 1},
    ("fusion", "film"): {"dim": 16, "blocks": 1, "gru_dim": 8, "pool_dim": 16, "hidden_dim": 32},
    ("fusion", "bottleneck"): {"dim": 8, "heads": 2, "layers": 2, "fusion_layer": 0},
    ("fusion", "perceiver"): {"dim": 8, "heads": 2, "latents": 2, "repeats": 1, "layers": 1},
    ("fusion", "gmu"): {"dim": 8},
    ("fusion", "two-stage"): {"heads": 2},
    ("fusion", "multi-level"): {"heads": 2, "hidden_dim": 16},
    ("fusion", "mcsan"): {"dim": 8, "channels": 8, "heads": 2},
    ("fusion", "tsb-tab"): {"dim": 16, "embed_dim": 8, "context_dim": 8, "heads": 2, "hidden_dim": 8},
    ("fusion", "smcn"): {"dim": 16, "hidden_dim": 16},
    ("aux", "contrastive"): {"dim": 8},
    ("aux", "supcon"): {"dim": 8},
    ("aux", "reconstruct"): {"hidden_dim": 8},
}


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """Options of a plugin: `tiny("fusion", "mult")`."""
    path = tmp_path_factory.mktemp("features") / "features.npz"
    np.savez(path, **{f"u{number}": np.random.default_rng(number).normal(size=(3 - number, 6)) for number in range(3)})
    made = TINY | {("encoder", "precomputed"): {"path": path}}
    return lambda kind, name: made.get((kind, name), {})


@pytest.fixture(scope="session")
def everything():
    """A manager of what ships, the example packages and the toys."""
    folders = [str(EXAMPLES / name) for name in ("mer-gmu", "mer-supcon")]
    sys.path[:0] = folders
    yield toy_manager(modules=["mer_plugins.hooks", "mer_gmu", "mer_supcon"])
    for folder in folders:
        sys.path.remove(folder)


@pytest.fixture(scope="session")
def utterances(tmp_path_factory):
    """Three utterances of a second or less, of two classes, one dialog; one has no words."""
    folder, made = tmp_path_factory.mktemp("sound"), []
    for number, text in enumerate(("oh no", "I am so happy", None)):
        samples_N = np.sin(np.arange(8000 + 4000 * number) * 0.05 * (number + 1)) * 8000
        with wave.open(str(folder / f"{number}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(16_000)
            file.writeframes(samples_N.astype("<i2").tobytes())
        made.append(
            Utterance(
                id=f"u{number}",
                audio=AudioSpan(folder / f"{number}.wav"),
                text=text,
                label=("ang", "sad")[number % 2],
                speaker=f"s{number % 2}",
                session="1",
                fields={"audio": "0.5 -1 0.25", "text": "1 -0.5", "dialog": "d", "start_s": str(number)},
            )
        )
    return made


@pytest.fixture
def main_job(everything, utterances, tiny, store):
    """wav2vec 2.0, BERT, cross attention, tasks: `main_job(batch_size=2)` gives spec, pipeline and examples."""

    def make(*, store=store, aux=("aux1", "aux2"), **train):
        names = {"audio": "wav2vec2", "text": "bert"}
        table = toy_table(
            encoders={m: {"use": name} | tiny("encoder", name) for m, name in names.items()},
            fusion={"use": "cross-attn"} | tiny("fusion", "cross-attn"),
            aux=[{"use": name} for name in aux],
            train={"epochs": 1, "learning_rate": 1e-3} | train,
        )
        spec = PipelineSpec.model_validate(table)
        seed_everything(0)
        pipeline = compose(spec, everything, num_classes=2, class_weight_C=None)
        examples, _ = prepare(pipeline, utterances, store, classes=("ang", "sad"), may_lack=spec.may_lack)
        return SimpleNamespace(spec=spec, pipeline=pipeline, examples=examples)

    return make
