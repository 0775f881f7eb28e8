"""A right fusion, and the same one with one mistake each, as they are made in this field."""

import io
import pickle

import torch
from torch import nn
from torch.nn import functional

from mer_core.config import PluginConfig
from mer_core.types import Encoded


class Right(nn.Module):
    """Per modality a recurrent layer, the mean of its real frames, projected; the sum over modalities."""

    class Config(PluginConfig):
        dim: int = 8
        """Width of the fused vector."""

    def __init__(self, config, *, input_dims):
        super().__init__()
        self.output_dim = config.dim
        self.recurrent = nn.ModuleDict(
            {m: nn.GRU(d, config.dim, batch_first=True) for m, d in sorted(input_dims.items())}
        )
        self.project = nn.ModuleDict({m: nn.Linear(config.dim, config.dim) for m in sorted(input_dims)})
        self.dropout = nn.Dropout(0.1)

    def frames(self, name, encoded):
        return Encoded(self.recurrent[name](encoded.x_BTD)[0], encoded.mask_BT)

    def pooled(self, name, encoded):
        return self.project[name](self.frames(name, encoded).mean_BD())

    def combine(self, parts):
        return self.dropout(torch.stack([parts[m] for m in sorted(parts)]).sum(0))

    def forward(self, encoded):
        return self.combine({m: self.pooled(m, encoded[m]) for m in sorted(encoded)})


class NoConfig(nn.Module):
    def __init__(self, config, *, input_dims):
        super().__init__()


class NotAModule:
    Config = Right.Config
    output_dim = 8

    def __init__(self, config, *, input_dims):
        pass

    def forward(self, encoded):
        return next(iter(encoded.values())).mean_BD()


class Silent(Right):
    class Config(PluginConfig):
        dim: int = 8


class LayersInAList(Right):
    def __init__(self, config, *, input_dims):
        super().__init__(config, input_dims=input_dims)
        self.extra = [nn.Linear(config.dim, config.dim)]

    def combine(self, parts):
        return self.extra[0](super().combine(parts))


class FactorsInAList(Right):
    """MultiBench's low-rank fusion: factors are parameters, in a Python list."""

    def __init__(self, config, *, input_dims):
        super().__init__(config, input_dims=input_dims)
        self.factors = [nn.Parameter(torch.randn(config.dim)) for _ in range(3)]

    def combine(self, parts):
        return super().combine(parts) * torch.stack(self.factors).sum(0)


class UnusedHead(Right):
    def __init__(self, config, *, input_dims):
        super().__init__(config, input_dims=input_dims)
        self.head = nn.Linear(config.dim, config.dim)


class FrozenByNoGrad(Right):
    def pooled(self, name, encoded):
        with torch.no_grad():
            frames = self.frames(name, encoded)
        return self.project[name](frames.mean_BD()) + encoded.mean_BD().sum(-1, keepdim=True)


class RunningMeanAsAttribute(Right):
    """State outside state_dict: an attribute that training changes and evaluation reads."""

    mean = 0.0

    def combine(self, parts):
        fused = super().combine(parts)
        if self.training:
            self.mean = 0.9 * self.mean + fused.detach().mean(0)
        return fused - self.mean


class PickledState(Right):
    def get_extra_state(self):
        return pickle.dumps({"kept": torch.ones(2)})

    def set_extra_state(self, state):
        self.kept = pickle.loads(state)["kept"]


class LoadsAPickle(Right):
    def __init__(self, config, *, input_dims):
        super().__init__(config, input_dims=input_dims)
        file = io.BytesIO()
        torch.save({"weight": torch.ones(2)}, file)
        file.seek(0)
        torch.load(file, weights_only=False)


class AlwaysDropsOut(Right):
    def combine(self, parts):
        return functional.dropout(super().combine(parts), 0.5)


class Remembers(Right):
    """A forward pass changes what the next one gives."""

    last = 0.0

    def combine(self, parts):
        fused = super().combine(parts) + self.last
        self.last = fused.detach().mean()
        return fused


class CallsCuda(Right):
    def combine(self, parts):
        return super().combine(parts).cuda()


class ZerosOnTheCpu(Right):
    def combine(self, parts):
        fused = super().combine(parts)
        return fused + torch.zeros(fused.shape, dtype=fused.dtype)


class ConstantNotABuffer(Right):
    def __init__(self, config, *, input_dims):
        super().__init__(config, input_dims=input_dims)
        self.mix = torch.eye(config.dim)

    def combine(self, parts):
        fused = super().combine(parts)
        return fused @ self.mix.to(fused.dtype)


class WrongWidth(Right):
    def __init__(self, config, *, input_dims):
        super().__init__(config, input_dims=input_dims)
        self.output_dim = config.dim * len(input_dims)


class PadsIntoTheMean(Right):
    """autrainer, MemoCMT: the mean over all frames."""

    def pooled(self, name, encoded):
        return self.project[name](self.frames(name, encoded).x_BTD.mean(1))


class AttendsToPadding(Right):
    def pooled(self, name, encoded):
        frames = self.frames(name, encoded)
        weight = frames.x_BTD.sum(-1).softmax(1).unsqueeze(-1)
        return self.project[name]((weight * frames.x_BTD).sum(1))


class BackwardOverPadding(Right):
    """A recurrent layer that reads from the end reads the padding first."""

    def frames(self, name, encoded):
        return Encoded(self.recurrent[name](encoded.x_BTD.flip(1))[0].flip(1), encoded.mask_BT)


class GradientOfPadding(Right):
    """The value is right, its gradient goes to the padding as well."""

    def pooled(self, name, encoded):
        every = encoded.x_BTD.mean((1, 2))[:, None]
        return super().pooled(name, encoded) + every - every.detach()


class AttentionAcrossTheBatch(Right):
    """nn.MultiheadAttention without batch_first=True takes the batch for time."""

    def __init__(self, config, *, input_dims):
        super().__init__(config, input_dims=input_dims)
        self.attend = nn.MultiheadAttention(config.dim, 2)

    def pooled(self, name, encoded):
        x = super().pooled(name, encoded).unsqueeze(1)
        return self.attend(x, x, x, need_weights=False)[0].squeeze(1)


class CentresTheBatch(Right):
    def combine(self, parts):
        fused = super().combine(parts)
        return fused - fused.mean(0)


class NumbersTheBatch(Right):
    def combine(self, parts):
        fused = super().combine(parts)
        return fused + torch.arange(len(fused), device=fused.device, dtype=fused.dtype)[:, None]


class BatchNorm(Right):
    def __init__(self, config, *, input_dims):
        super().__init__(config, input_dims=input_dims)
        self.norm = nn.BatchNorm1d(config.dim)

    def combine(self, parts):
        return self.norm(super().combine(parts))


class ByPosition(Right):
    """The first modality that comes is taken for the first in the alphabet."""

    def forward(self, encoded):
        parts = [self.pooled(m, e) for m, e in encoded.items()]
        return self.dropout(parts[0] + 0.5 * parts[1])


class BuiltByPosition(Right):
    def __init__(self, config, *, input_dims):
        super().__init__(config, input_dims=input_dims)
        self.gate = nn.ModuleList(nn.Linear(d, config.dim) for d in input_dims.values())
        self.names = list(input_dims)

    def forward(self, encoded):
        gates = [gate(encoded[m].mean_BD()).sigmoid() for m, gate in zip(self.names, self.gate, strict=True)]
        return super().forward(encoded) * gates[0] * gates[1]


class ForgetsOneModality(Right):
    def combine(self, parts):
        first, *others = sorted(parts)
        return super().combine({first: parts[first], **{m: parts[m].detach() for m in others}})


class WithoutPositions(Right):
    """MMSA's and MERBench's cross-modal transformer: attention, and no positions, without saying so."""

    def __init__(self, config, *, input_dims):
        super().__init__(config, input_dims=input_dims)
        self.recurrent = nn.ModuleDict({m: nn.Linear(d, config.dim) for m, d in sorted(input_dims.items())})
        self.attend = nn.MultiheadAttention(config.dim, 2, batch_first=True)

    def frames(self, name, encoded):
        x = self.recurrent[name](encoded.x_BTD)
        return Encoded(self.attend(x, x, x, key_padding_mask=~encoded.mask_BT, need_weights=False)[0], encoded.mask_BT)


class OrderFree(WithoutPositions):
    order_free = True


class HiddenSingle(Right):
    def combine(self, parts):
        return super().combine({m: part.float() for m, part in parts.items()})


class HiddenZeros(Right):
    def pooled(self, name, encoded):
        state = torch.zeros(1, len(encoded.x_BTD), self.output_dim, device=encoded.x_BTD.device)
        frames = Encoded(self.recurrent[name](encoded.x_BTD, state)[0], encoded.mask_BT)
        return self.project[name](frames.mean_BD())


class NeedsThreeFrames(Right):
    def __init__(self, config, *, input_dims):
        super().__init__(config, input_dims=input_dims)
        self.convolve = nn.Conv1d(config.dim, config.dim, 3)

    def frames(self, name, encoded):
        x_BTD = super().frames(name, encoded).x_BTD
        mixed = self.convolve(x_BTD.transpose(1, 2)).transpose(1, 2)
        return Encoded(functional.pad(mixed, (0, 0, 2, 0)), encoded.mask_BT)


class StandardDeviation(Right):
    """One frame has no deviation: 0 / 0."""

    def pooled(self, name, encoded):
        frames = self.frames(name, encoded)
        mean_BD, mask = frames.mean_BD(), encoded.mask_BT.unsqueeze(-1)
        squares = ((frames.x_BTD - mean_BD[:, None]).square() * mask).sum(1)
        return super().pooled(name, encoded) + (squares / (mask.sum(1) - 1)).sqrt()


class SoftmaxByHand(Right):
    def pooled(self, name, encoded):
        score = encoded.x_BTD.mean(-1, keepdim=True).masked_fill(~encoded.mask_BT.unsqueeze(-1), -torch.inf).exp()
        return self.project[name]((score / score.sum(1, keepdim=True) * self.frames(name, encoded).x_BTD).sum(1))


class InPlace(Right):
    """Cleans the padding in the encodings that everyone shares."""

    def forward(self, encoded):
        for one in encoded.values():
            one.x_BTD.data[~one.mask_BT] = 0.0
        return super().forward(encoded)


class BranchesOnValues(Right):
    def combine(self, parts):
        fused = super().combine(parts)
        if fused.isnan().any().item():
            raise ValueError("NaN")
        return fused


class Scores(Right):
    """Right too: it scores the classes itself."""

    def __init__(self, config, *, input_dims, num_classes):
        super().__init__(config, input_dims=input_dims)
        self.head = nn.Linear(config.dim, num_classes)

    def classify(self, fused_BF):
        return self.head(fused_BF).log_softmax(-1)


class ScoresOneTooFew(Scores):
    def classify(self, fused_BF):
        return super().classify(fused_BF)[:, 1:]


class ScoresCentredOverTheBatch(Scores):
    def classify(self, fused_BF):
        return super().classify(fused_BF - fused_BF.mean(0))


class LogOfSoftmax(Scores):
    def classify(self, fused_BF):
        return self.head(fused_BF).softmax(-1).log()


class UnusedScores(Scores):
    def classify(self, fused_BF):
        return fused_BF[:, : self.head.out_features]


class Teaches(Right):
    """Right too: it has a loss of its own."""

    def loss(self, step):
        return step.fused_BF.square().mean()


class LossOfEach(Teaches):
    def loss(self, step):
        return step.fused_BF.square().mean(-1)


class DrawsItsLoss(Teaches):
    def loss(self, step):
        return (step.fused_BF * torch.rand(len(step.fused_BF), 1)).square().mean()
