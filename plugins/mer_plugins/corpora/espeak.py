"""Speech from text by eSpeak NG, called inside this process. It never plays a sound.

eSpeak NG (GPL-3.0) comes with the package `espeakng-loader`, an optional extra that is imported only when something is
spoken. The voices are our own: eSpeak's built-in ones carry flutter, roughness and breath from one call to the next,
so the same words would come out differently depending on what was spoken before.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import tempfile
import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mer_core.errors import PluginError

# speak_lib.h of eSpeak NG 1.52
_AUDIO_OUTPUT_SYNCHRONOUS = 2
_INITIALIZE_DONT_EXIT = 0x8000
_CHARS_UTF8 = 1
_RATE, _VOLUME, _PITCH, _RANGE = 1, 2, 3, 4
_MAX_PATH_BYTES = 140  # eSpeak keeps its data path in 160 bytes and adds file names to it
_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


@dataclass(frozen=True, slots=True)
class Voice:
    """A speaker of American English (ours).

    Args:
        name: how it is called in tables and file names.
        gender: "F" or "M".
        pitch_low_hz: fundamental frequency at the end of a sentence, at pitch 50.
        pitch_high_hz: fundamental frequency at its top, at pitch 50.
        formants_percent: length of the vocal tract, as the formants' frequencies in percent of eSpeak's own.
    """

    name: str
    gender: str
    pitch_low_hz: int
    pitch_high_hz: int
    formants_percent: int = 100

    def definition(self) -> str:
        """Return the voice in the form of eSpeak's voice files, with everything that has a memory switched off."""
        lines = [f"name {self.name}", "language en-us", "phonemes en-us", "dictrules 3 6", "intonation 3"]
        lines += ["stressLength 140 120 190 170 0 0 255 300", "stressAmp 17 16 19 19 19 19 21 19"]
        lines += [f"gender {'female' if self.gender == 'F' else 'male'}"]
        lines += [f"pitch {self.pitch_low_hz} {self.pitch_high_hz}", "flutter 0", "roughness 0"]
        lines += [f"formant {i} {self.formants_percent} 100 100" for i in range(9)]
        return "\n".join(lines) + "\n"


VOICES = (
    Voice("f1", "F", 142, 203, 112),
    Voice("m1", "M", 80, 116, 98),
    Voice("f2", "F", 152, 218, 115),
    Voice("m2", "M", 85, 124, 100),
    Voice("f3", "F", 137, 197, 111),
    Voice("m3", "M", 90, 130, 101),
    Voice("f4", "F", 158, 226, 117),
    Voice("m4", "M", 76, 112, 97),
    Voice("f5", "F", 147, 210, 114),
    Voice("m5", "M", 88, 127, 99),
)
"""Five women and five men: those of the demo corpus, two per session."""


def speak(
    text: str,
    *,
    voice: Voice,
    rate_wpm: int = 175,
    pitch: int = 50,
    pitch_range: int = 50,
    volume: int = 60,
) -> tuple[npt.NDArray[np.float32], int]:
    """Speak `text`; the same arguments give the same samples, whatever was spoken before.

    Args:
        text: words and punctuation; mark-up is spoken as it stands.
        voice: who speaks.
        rate_wpm: words per minute, 80 to 450.
        pitch: 0 to 99; 50 is the voice's own, 0 half and 99 twice its frequency.
        pitch_range: 0 (monotone) to 99 (about twice the voice's own range, at 50).
        volume: 0 to 120, proportional to the amplitude; above that, loud vowels clip.

    Returns:
        wave: [samples] mono in -1..1; empty when the text holds nothing to say.
        sample_rate_hz: 22050.

    Raises:
        PluginError: the extra `demo` is not installed, or eSpeak NG cannot be started.
    """
    engine = _engine()
    settings = {_RATE: rate_wpm, _VOLUME: volume, _PITCH: pitch, _RANGE: pitch_range}
    return engine.speak(text, voice, settings), engine.sample_rate_hz


@cache
def _engine() -> _Engine:
    """Start eSpeak once per process: its state is global."""
    return _Engine()


class _Engine:
    def __init__(self) -> None:
        library, data = _installed()
        if len(os.fsencode(data)) > _MAX_PATH_BYTES:
            raise PluginError(
                f"eSpeak NG cannot use its data in {data}: the path is too long for it",
                hint=f"Install in a folder with a shorter path (at most {_MAX_PATH_BYTES} bytes in all).",
            )
        self._library = ctypes.CDLL(library)
        self._lock = threading.Lock()
        self._chunks: list[bytes] = []
        # Kept as an attribute: ctypes does not hold on to a callback that C still points to.
        self._callback = _Callback(self._receive)
        self._voices = tempfile.TemporaryDirectory(prefix="mer-voices-")
        self.sample_rate_hz: int = self._library.espeak_Initialize(
            _AUDIO_OUTPUT_SYNCHRONOUS, 0, os.fsencode(data), _INITIALIZE_DONT_EXIT
        )
        if self.sample_rate_hz <= 0:
            raise PluginError(
                f"eSpeak NG could not be started with the data in {data}",
                hint="Install it again: pip install --force-reinstall espeakng-loader",
            )
        self._library.espeak_SetSynthCallback(self._callback)

    def _receive(self, samples: Any, num_samples: int, _events: Any) -> int:
        if samples and num_samples > 0:
            self._chunks.append(ctypes.string_at(samples, 2 * num_samples))
        return 0

    def speak(self, text: str, voice: Voice, settings: dict[int, int]) -> npt.NDArray[np.float32]:
        encoded = text.encode()
        with self._lock:
            self._chunks.clear()
            self._check(self._library.espeak_ng_SetVoiceByFile(os.fsencode(self._file(voice))), f"voice {voice.name}")
            for parameter, value in settings.items():
                self._check(self._library.espeak_SetParameter(parameter, value, 0), f"parameter {parameter}={value}")
            status = self._library.espeak_Synth(encoded, len(encoded) + 1, 0, 0, 0, _CHARS_UTF8, None, None)
            self._check(status, repr(text))
            pcm = b"".join(self._chunks)
        return np.frombuffer(pcm, np.int16).astype(np.float32) / 32768.0

    def _file(self, voice: Voice) -> Path:
        definition = voice.definition()
        path = Path(self._voices.name) / hashlib.sha256(definition.encode()).hexdigest()[:16]
        if not path.exists():
            path.write_text(definition, encoding="utf-8")
        return path

    @staticmethod
    def _check(status: int, what: str) -> None:
        if status != 0:
            raise PluginError(f"eSpeak NG refused {what} (status {status})")


def _installed() -> tuple[str, str]:
    """Return where eSpeak NG's library and data are."""
    try:
        import espeakng_loader
    except ImportError as error:
        raise PluginError(
            "eSpeak NG is not installed: it speaks the demo corpus", hint="Run: pip install 'mer-core[demo]'"
        ) from error
    return espeakng_loader.get_library_path(), espeakng_loader.get_data_path()
