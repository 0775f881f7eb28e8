import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from mer_core.data.audio import audio_digest, decode, load_audio
from mer_core.errors import DataError
from mer_core.types import AudioSpan

SKIP_BAD = "continue without it: --skip-bad"


def tone(rate_hz: int, duration_s: float, pitch_hz: float = 220.0) -> np.ndarray:
    times = np.arange(round(rate_hz * duration_s)) / rate_hz
    return 0.5 * np.sin(2 * np.pi * pitch_hz * times)


def write(path: Path, samples: np.ndarray, rate_hz: int = 16000, subtype: str | None = None) -> Path:
    soundfile.write(path, samples, rate_hz, subtype=subtype)
    return path


def refused(path: Path, fact: str, start_s: float = 0.0, end_s: float | None = None) -> None:
    """Assert that the recording is refused with the fact, the file and the remedy."""
    with pytest.raises(DataError, match=re.escape(f"{path} {fact}")) as caught:
        load_audio(AudioSpan(path, start_s, end_s), 16000)
    assert SKIP_BAD in caught.value.hint


@pytest.mark.parametrize(
    ("name", "subtype", "tolerance"),
    [
        ("a.wav", "PCM_16", 1e-4),
        ("a.wav", "PCM_24", 1e-6),
        ("a.wav", "FLOAT", 1e-7),
        ("a.flac", "PCM_16", 1e-4),
        ("a.ogg", "VORBIS", 0.05),
    ],
)
def test_every_format_gives_the_same_float32_wave(tmp_path, name, subtype, tolerance):
    samples = tone(16000, 0.5)
    wave_T = load_audio(AudioSpan(write(tmp_path / name, samples, subtype=subtype)), 16000)
    assert wave_T.dtype == torch.float32
    assert wave_T.shape == (8000,)
    assert np.abs(wave_T.numpy() - samples).max() < tolerance


@pytest.mark.parametrize("rate_hz", [8000, 44100, 48000])
def test_another_sample_rate_is_resampled_to_the_same_sound(tmp_path, rate_hz):
    path = write(tmp_path / "a.wav", tone(rate_hz, 1.0), rate_hz)
    wave_T = load_audio(AudioSpan(path), 16000)
    assert wave_T.shape == (16000,)
    middle = slice(1000, -1000)
    assert np.abs(wave_T.numpy()[middle] - tone(16000, 1.0)[middle]).max() < 0.01
    assert torch.equal(wave_T, load_audio(AudioSpan(path), 16000))


def test_stereo_is_averaged(tmp_path):
    left, right = tone(44100, 0.3), np.zeros(13230)
    wave_T = load_audio(AudioSpan(write(tmp_path / "a.wav", np.stack([left, right], 1), 44100)), 44100)
    assert np.abs(wave_T.numpy() - left / 2).max() < 1e-4


def test_decoded_samples_keep_their_channels_and_rate(tmp_path):
    left, right = tone(44100, 0.3), np.zeros(13230)
    path = write(tmp_path / "a.wav", np.stack([left, right], 1), 44100)
    samples_TK, rate_hz = decode(AudioSpan(path, 0.1, 0.2))
    assert (samples_TK.shape, samples_TK.dtype, rate_hz) == ((4410, 2), np.float32, 44100)
    assert np.abs(samples_TK[:, 0] - left[4410:8820]).max() < 1e-4
    assert not samples_TK[:, 1].any()


@pytest.mark.parametrize("duration_s", [0.02, 60.0])
def test_very_short_and_very_long_clips_keep_their_length(tmp_path, duration_s):
    path = write(tmp_path / "a.wav", tone(8000, duration_s), 8000)
    assert len(load_audio(AudioSpan(path), 16000)) == round(16000 * duration_s)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg"])
def test_a_span_is_cut_out_of_the_whole(tmp_path, name):
    path = write(tmp_path / name, tone(16000, 2.0))
    whole_T = load_audio(AudioSpan(path), 16000)
    assert torch.allclose(load_audio(AudioSpan(path, 0.5, 1.25), 16000), whole_T[8000:20000], atol=1e-6)
    assert torch.allclose(load_audio(AudioSpan(path, 1.5), 16000), whole_T[24000:], atol=1e-6)


def test_of_a_long_recording_only_the_span_is_read(tmp_path, monkeypatch):
    path = write(tmp_path / "a.wav", tone(16000, 30.0))
    asked: list[int] = []
    read = soundfile.SoundFile.read

    def spy(self, frames=-1, **options):
        asked.append(frames)
        return read(self, frames, **options)

    monkeypatch.setattr(soundfile.SoundFile, "read", spy)
    load_audio(AudioSpan(path, 10.0, 10.5), 16000)
    assert asked == [8000]


def test_an_end_rounded_up_by_the_annotator_is_the_end_of_the_file(tmp_path):
    path = write(tmp_path / "a.wav", tone(16000, 1.0))
    assert len(load_audio(AudioSpan(path, 0.5, 1.01), 16000)) == 8000


@pytest.mark.parametrize(
    ("start_s", "end_s", "fact"),
    [
        (0.0, 1.5, "lasts 1.000 s, the utterance is from 0.000 s to 1.500 s"),
        (2.0, None, "lasts 1.000 s, the utterance is from 2.000 s to 1.000 s"),
        (-0.5, 0.5, "lasts 1.000 s, the utterance is from -0.500 s to 0.500 s"),
        (0.0, float("nan"), "lasts 1.000 s, the utterance is from 0.000 s to nan s"),
        (0.0, float("inf"), "lasts 1.000 s, the utterance is from 0.000 s to inf s"),
        (0.5, 0.5, "has nothing between 0.500 s (start) and 0.500 s (end)"),
        (0.6, 0.5, "has nothing between 0.600 s (start) and 0.500 s (end)"),
    ],
)
def test_a_span_the_file_does_not_hold_is_refused(tmp_path, start_s, end_s, fact):
    refused(write(tmp_path / "a.wav", tone(16000, 1.0)), fact, start_s, end_s)


def test_a_missing_file_is_refused(tmp_path):
    refused(tmp_path / "a.wav", "does not exist")


def test_a_directory_is_refused(tmp_path):
    refused(tmp_path, "is a directory")


@pytest.mark.parametrize("name", ["a.wav", "a.raw"])
def test_what_is_not_audio_is_refused(tmp_path, name):
    (tmp_path / name).write_text("words, no sound")
    refused(tmp_path / name, "is not audio that can be read: ")


def test_an_empty_file_is_refused(tmp_path):
    (tmp_path / "a.wav").touch()
    refused(tmp_path / "a.wav", "is empty (0 bytes)")


@pytest.mark.parametrize("name", ["a.wav", "a.aiff"])
def test_a_file_without_frames_is_refused(tmp_path, name):
    refused(write(tmp_path / name, np.zeros(0)), "is empty (0 frames)")


def cut(path: Path, num_bytes: int) -> Path:
    path.write_bytes(path.read_bytes()[:num_bytes])
    return path


def test_a_truncated_wav_is_refused_though_libsndfile_reads_on(tmp_path):
    path = cut(write(tmp_path / "a.wav", tone(16000, 1.0), subtype="PCM_16"), 16044)
    refused(path, "is truncated: 32000 bytes of sound expected, ")


def test_a_wav_of_which_only_the_header_is_left_is_truncated(tmp_path):
    path = cut(write(tmp_path / "a.wav", tone(16000, 1.0), subtype="PCM_16"), 44)
    refused(path, "is truncated: 32000 bytes of sound expected, 0 found")


def test_a_truncated_flac_is_refused(tmp_path):
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 16000)
    refused(cut(write(tmp_path / "a.flac", noise), 14000), "cannot be decoded: ")


def test_a_wav_that_was_written_to_a_pipe_is_whole(tmp_path):
    path = write(tmp_path / "a.wav", tone(16000, 0.5), subtype="PCM_16")
    content = bytearray(path.read_bytes())
    content[4:8] = content[40:44] = b"\xff\xff\xff\xff"
    path.write_bytes(content)
    assert len(load_audio(AudioSpan(path), 16000)) == 8000


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers_are_refused(tmp_path, value):
    samples = tone(16000, 0.5)
    samples[77] = value
    refused(write(tmp_path / "a.wav", samples, subtype="FLOAT"), "holds NaN or infinite samples")


def test_the_digest_follows_the_content_and_not_the_name(tmp_path):
    first = write(tmp_path / "a.wav", tone(16000, 0.1))
    same = write(tmp_path / "b.wav", tone(16000, 0.1))
    other = write(tmp_path / "c.wav", tone(16000, 0.1, pitch_hz=221.0))
    assert audio_digest(first) == audio_digest(same) != audio_digest(other)
    assert re.fullmatch("[0-9a-f]{32}", audio_digest(first))


def test_the_digest_notices_that_a_file_changed(tmp_path):
    path = write(tmp_path / "a.wav", tone(16000, 0.1))
    before = audio_digest(path)
    write(path, tone(16000, 0.2))
    assert audio_digest(path) != before


def test_an_unchanged_file_is_hashed_once(tmp_path, monkeypatch):
    path = write(tmp_path / "a.wav", tone(16000, 0.1))
    before = audio_digest(path)
    monkeypatch.setattr(Path, "open", lambda *_: pytest.fail("the file was read again"))
    assert audio_digest(path) == before


def test_the_digest_of_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"a\.wav cannot be read: No such file or directory"):
        audio_digest(tmp_path / "a.wav")
