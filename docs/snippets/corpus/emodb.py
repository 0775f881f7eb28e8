"""EMO-DB (Burkhardt et al. 2005, Interspeech): 535 acted German utterances whose file names say everything."""

from pathlib import Path

from mer_core.config import PluginConfig
from mer_core.errors import DataError
from mer_core.hookspec import hookimpl
from mer_core.plugin import Plugin
from mer_core.types import AudioSpan, Utterance

EMOTIONS = {"W": "anger", "L": "boredom", "E": "disgust", "A": "fear", "F": "happiness", "T": "sadness", "N": "neutral"}
"""The sixth letter of a file name, as in `03a01Fa.wav`: speaker 03, sentence a01, F, version a."""


class Emodb:
    """The recordings of EMO-DB without their words; `fields` holds the sentence's code."""

    class Config(PluginConfig):
        """Options of `emodb`."""

        path: Path
        """The folder `wav` of the release."""

    def __init__(self, config):
        self.path = config.path.expanduser()

    def read(self):
        """Return the utterances, sorted by file name.

        Raises:
            DataError: the folder does not exist, or holds no file with such a name.
        """
        files = [f for f in sorted(self.path.glob("*.wav")) if len(f.stem) == 7 and f.stem[5] in EMOTIONS]
        if not files:
            raise DataError(f"{self.path} holds no recording of EMO-DB", hint="Name the folder wav of the release.")
        return [
            Utterance(
                id=file.stem,
                audio=AudioSpan(file),
                label=EMOTIONS[file.stem[5]],
                speaker=file.stem[:2],
                fields={"sentence": file.stem[2:5]},
            )
            for file in files
        ]


@hookimpl
def mer_corpora():
    yield Plugin("emodb", "emodb:Emodb", "535 acted German utterances")
