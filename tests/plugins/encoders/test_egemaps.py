"""eGeMAPS against openSMILE's own call, and its promises. Skipped without the extra."""
# ruff: noqa: RUF012 - options of a contract class are written as a plain dict, as authors do

import pytest
import soundfile
import torch

from mer_core.testing import EncoderContract
from mer_core.types import Utterance

opensmile = pytest.importorskip("opensmile", reason="the extra `egemaps` is not installed")
from mer_plugins.encoders.egemaps import Egemaps  # noqa: E402 - imports opensmile

LEVELS = {
    "functionals": (88, opensmile.FeatureLevel.Functionals),
    "lld": (25, opensmile.FeatureLevel.LowLevelDescriptors),
}


class TestEgemaps(EncoderContract):
    plugin = Egemaps


class TestDescriptorsByTheFrame(EncoderContract):
    plugin = Egemaps
    options = {"level": "lld", "speaker_norm": True}


@pytest.mark.parametrize("level", LEVELS)
def test_numbers_are_opensmiles(spoken, level):
    dim, of_level = LEVELS[level]
    encoder = Egemaps(Egemaps.Config(level=level))
    found = encoder.prepare(spoken[1])["features"]
    smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, of_level)
    wave_N, rate_hz = soundfile.read(spoken[1].audio.path, dtype="float32")
    assert torch.equal(found, torch.from_numpy(smile.process_signal(wave_N, rate_hz).to_numpy()))
    assert encoder.output_dim == found.shape[1] == dim


@pytest.mark.parametrize("level", LEVELS)
def test_what_is_too_short_for_opensmile_has_silence_after_it(spoken, level):
    encoder = Egemaps(Egemaps.Config(level=level))
    for utterance in (spoken[3], Utterance(id="silent")):
        assert encoder.prepare(utterance)["features"].isfinite().all()
