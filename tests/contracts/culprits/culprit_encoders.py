"""A right encoder of words and one of sound, and the same ones with one mistake each."""

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence

from mer_core.config import PluginConfig
from mer_core.data.audio import load_audio
from mer_core.types import Encoded


class Right(nn.Module):
    """One frame per word, and one for the start: an embedding of its length and first letter, then a linear layer."""

    modality = "text"

    class Config(PluginConfig):
        max_words: int = 50
        """Words after that are cut off."""
        reverse: bool = False
        """Read from the end."""
        dropout: float = 0.1
        """In training."""

    def __init__(self, config):
        super().__init__()
        self.config, self.output_dim = config, 8
        self.letters = nn.Embedding(64, 8)
        self.project = nn.Linear(8, 8)
        self.dropout = nn.Dropout(config.dropout)

    def cache_key(self):
        return f"words {self.config.max_words} {self.config.reverse}"

    def words(self, utterance):
        words = ["", *(utterance.text or "").split()[: self.config.max_words]]
        return words[::-1] if self.config.reverse else words

    def prepare(self, utterance):
        return {"ids": torch.tensor([sum(map(ord, word)) % 64 for word in self.words(utterance)])}

    def num_frames(self, item):
        return len(item["ids"])

    def collate(self, items):
        lengths = torch.tensor([len(item["ids"]) for item in items])
        return {"ids": pad_sequence([item["ids"] for item in items], batch_first=True), "lengths": lengths}

    def mask(self, inputs):
        return torch.arange(inputs["ids"].shape[1], device=inputs["ids"].device) < inputs["lengths"][:, None]

    def hidden(self, inputs):
        return self.project(self.letters(inputs["ids"]))

    def forward(self, inputs):
        return Encoded(self.dropout(self.hidden(inputs)), self.mask(inputs))


class RightSound(nn.Module):
    """One frame per 25 ms: its loudness and slope, then a linear layer."""

    modality = "audio"
    Config = Right.Config

    def __init__(self, config):
        super().__init__()
        self.output_dim = 8
        self.project = nn.Linear(2, 8)

    def cache_key(self):
        return "sound"

    def prepare(self, utterance):
        wave = torch.zeros(400) if utterance.audio is None else load_audio(utterance.audio, 16_000)
        frames = nn.functional.pad(wave, (0, -len(wave) % 400)).reshape(-1, 400)
        return {"frames": torch.stack([frames.square().mean(1), frames.diff().abs().mean(1)], -1)}

    def num_frames(self, item):
        return len(item["frames"])

    def collate(self, items):
        lengths = torch.tensor([len(item["frames"]) for item in items])
        return {"frames": pad_sequence([item["frames"] for item in items], batch_first=True), "lengths": lengths}

    def forward(self, inputs):
        frames = inputs["frames"]
        mask_BT = torch.arange(frames.shape[1], device=frames.device) < inputs["lengths"][:, None]
        return Encoded(self.project(frames), mask_BT)


class NeedsAFrame(RightSound):
    """Whole frames only: 10 ms give none."""

    def prepare(self, utterance):
        wave = torch.zeros(400) if utterance.audio is None else load_audio(utterance.audio, 16_000)
        frames = wave[: len(wave) // 400 * 400].reshape(-1, 400)
        return {"frames": torch.stack([frames.square().mean(1), frames.diff().abs().mean(1)], -1)}


class LacksNumFrames(Right):
    num_frames = property()


class WrongWidth(Right):
    def __init__(self, config):
        super().__init__(config)
        self.output_dim = 16


class Dithers(Right):
    def prepare(self, utterance):
        ids = super().prepare(utterance)["ids"]
        return {"ids": (ids + torch.randint(3, ids.shape)) % 64}


class PreparesWithGradient(Right):
    def prepare(self, utterance):
        ids = super().prepare(utterance)["ids"]
        return {"ids": ids, "vectors": self.letters(ids)}


class PreparesWithRandomWeights(Right):
    """The result is kept in the cache for every seed, and it is one seed's."""

    def prepare(self, utterance):
        ids = super().prepare(utterance)["ids"]
        return {"ids": (ids + self.letters.weight.argmax()) % 64}


def _make():
    class Local(Right):
        pass

    return Local


Local = _make()


class StaleKey(Right):
    def cache_key(self):
        return f"words {self.config.max_words}"


class RandomKey(Right):
    def cache_key(self):
        return f"{super().cache_key()} {id(self)}"


class MaskOneShort(Right):
    def mask(self, inputs):
        return torch.arange(inputs["ids"].shape[1], device=inputs["ids"].device) < inputs["lengths"][:, None] - 1


class MaskOfOnes(Right):
    def mask(self, inputs):
        return torch.ones_like(inputs["ids"], dtype=torch.bool)


class NormalisesOverPadding(Right):
    def hidden(self, inputs):
        x_BTD = super().hidden(inputs)
        return x_BTD - x_BTD.mean(1, keepdim=True)


class AttentionAcrossTheBatch(Right):
    def __init__(self, config):
        super().__init__(config)
        self.attend = nn.MultiheadAttention(8, 2)

    def hidden(self, inputs):
        x = super().hidden(inputs)
        return self.attend(x, x, x, need_weights=False)[0]


class NoFrameForNoText(Right):
    def words(self, utterance):
        return super().words(utterance)[1:]


class ProjectInAList(Right):
    def __init__(self, config):
        super().__init__(config)
        self.more = [nn.Linear(8, 8)]

    def hidden(self, inputs):
        return self.more[0](super().hidden(inputs))


class UnusedHead(Right):
    def __init__(self, config):
        super().__init__(config)
        self.head = nn.Linear(8, 8)


class CentreAsAttribute(Right):
    centre = 0.0

    def hidden(self, inputs):
        x_BTD = super().hidden(inputs)
        if self.training:
            self.centre = x_BTD.detach().mean((0, 1))
        return x_BTD - self.centre


class ZerosOnTheCpu(Right):
    def hidden(self, inputs):
        x_BTD = super().hidden(inputs)
        return x_BTD + torch.zeros(x_BTD.shape)


class DropsOutInEvaluation(Right):
    def forward(self, inputs):
        return Encoded(nn.functional.dropout(self.hidden(inputs), 0.5), self.mask(inputs))


class ExtraState(Right):
    def get_extra_state(self):
        return {"vocabulary": ["i", "am"]}

    def set_extra_state(self, state):
        pass


class DeafToContext(Right):
    context = 2


class NeedsNeighbours(Right):
    context = 1

    def words(self, utterance):
        return [*super().words(utterance.before[-1]), *super().words(utterance)]


class ReadsContext(Right):
    """Right too: the words around come first and last."""

    context = 2

    def words(self, utterance):
        return [
            word
            for one in (*utterance.before, utterance, *utterance.after)
            for word in super(ReadsContext, self).words(one)
        ]


class NamesNoTensor(Right):
    per_speaker = ("features",)


class RightFitted(RightSound):
    """Takes the mean of the training frames out."""

    def __init__(self, config):
        super().__init__(config)
        self.register_buffer("centre", torch.zeros(2))

    def fit(self, items):
        self.centre.copy_(torch.cat([item["frames"] for item in items]).mean(0))

    def forward(self, inputs):
        return super().forward(inputs | {"frames": inputs["frames"] - self.centre})


class FittedToTheLast(RightFitted):
    def fit(self, items):
        for item in items:
            self.centre.copy_(item["frames"].mean(0))


class FittedAttribute(RightFitted):
    def __init__(self, config):
        super().__init__(config)
        del self.centre
        self.centre = torch.zeros(2)

    def fit(self, items):
        self.centre = torch.cat([item["frames"] for item in items]).mean(0)


class FitsInPlace(RightFitted):
    def fit(self, items):
        for item in items:
            item["frames"] -= 1.0
