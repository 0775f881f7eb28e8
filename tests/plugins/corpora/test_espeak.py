"""The eSpeak NG binding: the same call gives the same samples, in any order and in any process."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mer_core.errors import PluginError
from mer_plugins.corpora import espeak
from mer_plugins.corpora.espeak import VOICES, Voice, speak

pytest.importorskip("espeakng_loader", reason="the extra demo is not installed")
SENTENCE = "The quiet man walked to the garden."


def digest(wave: np.ndarray) -> str:
    return hashlib.sha256(wave.tobytes()).hexdigest()


def test_speaks_a_sentence_of_plausible_length():
    wave, rate_hz = speak(SENTENCE, voice=VOICES[0])
    assert wave.dtype == np.float32
    assert wave.ndim == 1
    assert rate_hz == 22050
    assert 1.0 < len(wave) / rate_hz < 3.0
    assert 0.1 < np.abs(wave).max() < 1.0


def test_does_not_depend_on_what_was_spoken_before():
    alone = [digest(speak(SENTENCE, voice=voice)[0]) for voice in VOICES]
    speak("Something else, and longer.", voice=VOICES[7], rate_wpm=311, pitch=90)
    again = [digest(speak(SENTENCE, voice=voice)[0]) for voice in reversed(VOICES)]
    assert again[::-1] == alone
    assert len(set(alone)) == len(VOICES)


def test_another_process_speaks_the_same_and_imports_espeak_only_to_speak():
    program = f"""
import hashlib, sys
from mer_plugins.corpora.espeak import VOICES, speak
assert "espeakng_loader" not in sys.modules
print(hashlib.sha256(speak({SENTENCE!r}, voice=VOICES[3])[0].tobytes()).hexdigest())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == digest(speak(SENTENCE, voice=VOICES[3])[0])


def test_settings_act():
    slow, fast = (speak(SENTENCE, voice=VOICES[1], rate_wpm=rate)[0] for rate in (120, 300))
    assert len(slow) > 1.8 * len(fast)
    soft, loud = (speak(SENTENCE, voice=VOICES[1], volume=volume)[0] for volume in (30, 90))
    assert np.std(loud) == pytest.approx(3 * np.std(soft), rel=0.1)


def test_voices_are_five_of_each_gender():
    assert sorted(voice.gender for voice in VOICES) == ["F"] * 5 + ["M"] * 5
    assert len({voice.name for voice in VOICES}) == len(VOICES)


def test_a_voice_of_ones_own():
    assert len(speak("Hello.", voice=Voice("child", "F", 250, 350, 125))[0]) > 0


def test_missing_extra_names_the_remedy(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    monkeypatch.setattr(espeak, "_engine", espeak._Engine)
    with pytest.raises(PluginError, match=r"eSpeak NG is not installed.*\nRun: pip install 'mer-core\[demo\]'"):
        speak("Hello.", voice=VOICES[0])


def test_path_that_espeak_would_cut_off_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(espeak, "_installed", lambda: ("libespeak-ng.so", "/" + "x" * 150))
    monkeypatch.setattr(espeak, "_engine", espeak._Engine)
    with pytest.raises(PluginError, match=r"path is too long for it\nInstall in a folder with a shorter path"):
        speak("Hello.", voice=VOICES[0])


def test_refused_voice_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(espeak._Engine, "_file", lambda self, voice: Path("/no/such/voice"))
    with pytest.raises(PluginError, match=r"eSpeak NG refused voice f1 \(status \d+\)"):
        speak("Hello.", voice=VOICES[0])
