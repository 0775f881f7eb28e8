"""The checkpoints that ship with the package, as `scripts/tiny_encoders` wrote them."""

import random
import tomllib
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from transformers import AutoFeatureExtractor, AutoModel, AutoTokenizer

CHECKPOINTS = Path(str(files("mer_plugins") / "checkpoints"))
BERT, WAV2VEC2 = CHECKPOINTS / "tiny-bert", CHECKPOINTS / "tiny-wav2vec2"
SAMPLE_RATE_HZ = 16_000


def load(folder):
    model, info = AutoModel.from_pretrained(folder, local_files_only=True, output_loading_info=True)
    return model.eval(), info


@pytest.fixture(scope="module")
def bert():
    return load(BERT)[0], AutoTokenizer.from_pretrained(BERT, local_files_only=True)


@pytest.fixture(scope="module")
def wav2vec2():
    return load(WAV2VEC2)[0], AutoFeatureExtractor.from_pretrained(WAV2VEC2, local_files_only=True)


@pytest.mark.parametrize("folder", [BERT, WAV2VEC2], ids=lambda folder: folder.name)
def test_every_weight_is_in_the_checkpoint_and_none_besides(folder):
    _, info = load(folder)
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]


def test_both_together_are_small():
    assert sum(path.stat().st_size for path in CHECKPOINTS.rglob("*")) < 10e6


@pytest.mark.parametrize("folder", [BERT, WAV2VEC2], ids=lambda folder: folder.name)
def test_the_card_says_that_it_is_no_encoder_of_the_paper(folder):
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "**not** an\nencoder of the paper" in card
    assert "python -m scripts.tiny_encoders.train_" in card


# --- text


def lexicon():
    return tomllib.loads((files("mer_plugins") / "corpora/demo_lexicon.toml").read_text(encoding="utf-8"))


def embed(bert, texts):
    model, tokenizer = bert
    encoded = tokenizer(texts, padding=True, return_tensors="pt")
    with torch.no_grad():
        x_BSD = model(**encoded).last_hidden_state
    mask_BS1 = encoded["attention_mask"].unsqueeze(-1)
    return ((x_BSD * mask_BS1).sum(1) / mask_BS1.sum(1)).numpy()


def test_cue_words_are_whole_words(bert):
    cues = [cue for sessions in lexicon()["groups"].values() for session in sessions for cue in session]
    assert [cue for cue in cues if len(bert[1].tokenize(cue)) != 1] == []


@pytest.mark.parametrize(
    "text", ["Über größere Häuser.", "déjà-vu: 25 % & “naïve” señoritas!", "zxqy", "[LAUGHTER] mm"]
)
def test_no_latin_text_is_unknown(bert, text):
    assert bert[1].unk_token not in bert[1].tokenize(text)


def sentences(seed):
    """Yield (sentence, group or none, session), two for each cue word."""
    words, rng = lexicon(), random.Random(seed)

    def fill(kind, cue):
        slots = {slot: rng.choice(choices) for slot, choices in words["fillers"].items()}
        return rng.choice(words["templates"][kind]).format(**slots, cue=cue)

    for group, sessions in words["groups"].items():
        kind = "adverb" if group in ("sincere", "ironic") else "adjective"
        yield from ((fill(kind, cue), group, number) for number, cues in enumerate(sessions) for cue in cues * 2)
    yield from ((fill("filler", ""), "none", number) for number in range(5) for _ in range(12))


def test_it_knows_what_words_mean_that_a_probe_was_not_fitted_on(bert):
    texts, groups, sessions = (np.array(column) for column in zip(*sentences(3), strict=True))
    x_BD = embed(bert, texts.tolist())
    for held_out in range(5):
        fitted = sessions != held_out
        probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(x_BD[fitted], groups[fitted])
        assert probe.score(x_BD[~fitted], groups[~fitted]) >= 0.97


# --- audio


def voiced(f0_hz, rng, duration_s=0.6):
    """Return a vowel-like sound: a comb of harmonics below a random spectral tilt, with a little noise."""
    time_s = np.arange(int(duration_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    harmonics = np.arange(1, int(4000 / f0_hz))
    levels = harmonics ** -rng.uniform(0.6, 1.4)
    wave = (levels[:, None] * np.sin(2 * np.pi * f0_hz * harmonics[:, None] * time_s + rng.uniform(0, 6.28))).sum(0)
    return (wave + 0.01 * rng.standard_normal(len(wave))).astype(np.float32)


def states(wav2vec2, wave):
    model, extractor = wav2vec2
    inputs = extractor(wave, sampling_rate=SAMPLE_RATE_HZ, return_tensors="pt")
    with torch.no_grad():
        return model(inputs["input_values"]).last_hidden_state[0]


def test_frames_are_20_ms_as_in_wav2vec2_base(wav2vec2):
    model, extractor = wav2vec2
    assert (model.config.conv_kernel, model.config.conv_stride) == ([10, 3, 3, 3, 3, 2, 2], [5, 2, 2, 2, 2, 2, 2])
    assert states(wav2vec2, np.random.default_rng(0).standard_normal(SAMPLE_RATE_HZ)).shape == (49, 128)
    assert extractor.do_normalize
    assert model.config.mask_time_prob == 0


def test_loudness_of_the_recording_does_not_matter(wav2vec2):
    wave = voiced(150, np.random.default_rng(0))
    torch.testing.assert_close(states(wav2vec2, wave), states(wav2vec2, 0.1 * wave), atol=1e-3, rtol=1e-3)


def test_it_hears_pitch(wav2vec2):
    rng = np.random.default_rng(1)
    octaves = rng.uniform(-1, 1, 60)
    x_ND = np.stack([states(wav2vec2, voiced(150 * 2**octave, rng)).mean(0).numpy() for octave in octaves])
    probe = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-2, 3, 6))).fit(x_ND[:40], octaves[:40])
    assert probe.score(x_ND[40:], octaves[40:]) > 0.8
