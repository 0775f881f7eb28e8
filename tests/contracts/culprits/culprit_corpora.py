"""A right corpus (a wav and a txt file for each utterance, in a folder per class), and ones with one mistake each."""

import os
from pathlib import Path

from mer_core.config import PluginConfig
from mer_core.errors import DataError
from mer_core.types import AudioSpan, Utterance


def write_tree(folder):
    for label in ("ang", "hap"):
        (folder / label).mkdir()
        for number in range(8):
            (folder / label / f"{number}.wav").touch()
            (folder / label / f"{number}.txt").write_text("I am so happy")


class Right:
    class Config(PluginConfig):
        path: Path
        """The folder with one folder per class."""

    def __init__(self, config):
        self.path = config.path

    def texts(self):
        return sorted(self.path.glob("*/*.txt"))

    def utterance(self, text):
        label = text.parent.name
        return Utterance(id=self.name(text), audio=AudioSpan(self.sound(text)), text=text.read_text(), label=label)

    def name(self, text):
        return f"{text.parent.name}-{text.stem}"

    def sound(self, text):
        return text.with_suffix(".wav")

    def check(self, texts):
        if not texts:
            raise DataError(f"{self.path} holds no class/number.txt", hint="Name the folder with one folder per class.")

    def read(self):
        texts = self.texts()
        self.check(texts)
        return [self.utterance(text) for text in texts]


class LacksRead:
    Config = Right.Config

    def __init__(self, config):
        pass


class Generates(Right):
    def read(self):
        return (self.utterance(text) for text in self.texts())


class NeitherSoundNorWords(Right):
    def utterance(self, text):
        return Utterance(id=self.name(text), label=text.parent.name)


class ByTheFileSystem(Right):
    def texts(self):
        return list(self.path.glob("*/*.txt"))


class ByScandir(Right):
    def texts(self):
        folders = [entry.path for entry in os.scandir(self.path)]
        return [Path(entry.path) for folder in folders for entry in os.scandir(folder) if entry.name.endswith("txt")]


class SameIds(Right):
    """The number alone: each class has a 0."""

    def name(self, text):
        return text.stem


class WrongSuffix(Right):
    def sound(self, text):
        return text.with_suffix(".flac")


class SpanBackwards(Right):
    def utterance(self, text):
        return Utterance(id=self.name(text), audio=AudioSpan(self.sound(text), 2.0, 1.0), text="")


class EmptyForAnything(Right):
    def check(self, texts):
        pass


class PlainFileNotFound(Right):
    def read(self):
        if not self.path.exists():
            raise FileNotFoundError(self.path)
        return super().read()


class NamesNoPlace(Right):
    def check(self, texts):
        if not texts:
            raise DataError("no data found")
