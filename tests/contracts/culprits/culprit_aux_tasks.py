"""A right auxiliary task, and the same one with one mistake each."""

import torch
from torch import nn
from torch.nn import functional

from mer_core.config import PluginConfig
from mer_core.types import Encoded


class Right(nn.Module):
    """Shuffles the first modality and asks a head for the class of what took its place."""

    class Config(PluginConfig):
        scale: float = 1.0
        """Multiplies the scores."""

    def __init__(self, config, *, fused_dim, num_classes, input_dims):
        super().__init__()
        self.scale = config.scale
        self.head = nn.Linear(fused_dim, num_classes)

    def draw(self, step):
        return torch.randperm(len(step.labels_B), generator=step.generator).to(step.labels_B.device)

    def fused(self, step, order_B):
        first, *others = sorted(step.encoded)
        return step.fuse({first: step.encoded[first].take(order_B), **{m: step.encoded[m] for m in others}})

    def scores(self, step, order_B):
        return self.head(self.fused(step, order_B)) * self.scale

    def targets(self, step, order_B):
        return step.labels_B[order_B]

    def forward(self, step):
        order_B = self.draw(step)
        return functional.cross_entropy(self.scores(step, order_B), self.targets(step, order_B))


class HeadInAList(Right):
    def __init__(self, config, *, fused_dim, num_classes, input_dims):
        super().__init__(config, fused_dim=fused_dim, num_classes=num_classes, input_dims=input_dims)
        self.heads = [nn.Linear(fused_dim, num_classes)]

    def scores(self, step, order_B):
        return super().scores(step, order_B) + self.heads[0](self.fused(step, order_B))


class UnusedHead(Right):
    def __init__(self, config, *, fused_dim, num_classes, input_dims):
        super().__init__(config, fused_dim=fused_dim, num_classes=num_classes, input_dims=input_dims)
        self.unused = nn.Linear(fused_dim, num_classes)


class MemoryAsAttribute(Right):
    """Prototypes of the classes, kept as a plain tensor."""

    bank = None

    def scores(self, step, order_B):
        fused_BF = self.fused(step, order_B)
        if self.training:
            self.bank = fused_BF.detach().mean(0)
        return self.head(fused_BF if self.bank is None else fused_BF - self.bank)


class ExtraState(Right):
    def get_extra_state(self):
        return {"steps": 3}

    def set_extra_state(self, state):
        pass


class ForgetsTheMode(Right):
    def scores(self, step, order_B):
        return functional.dropout(super().scores(step, order_B), 0.5)


class TargetsOnTheCpu(Right):
    def targets(self, step, order_B):
        return torch.zeros(len(order_B), dtype=torch.long)


class LossPerUtterance(Right):
    def forward(self, step):
        order_B = self.draw(step)
        return functional.cross_entropy(self.scores(step, order_B), self.targets(step, order_B), reduction="none")


class PlainNumber(Right):
    def forward(self, step):
        return super().forward(step).item()


class TrainsItsHeadOnly(Right):
    def fused(self, step, order_B):
        return super().fused(step, order_B).detach()


class ScalesTheEncodings(Right):
    """Alters step.encoded in place: normalises what the main loss has still to go back through."""

    def forward(self, step):
        for encoded in step.encoded.values():
            encoded.x_BTD.data.div_(encoded.x_BTD.norm(dim=-1, keepdim=True).clamp(min=1.0))
        return super().forward(step)


class ReplacesAModality(Right):
    def forward(self, step):
        first = min(step.encoded)
        step.encoded[first] = step.encoded[first].take(self.draw(step))
        return super().forward(step)


class CallsBackward(Right):
    def forward(self, step):
        loss = super().forward(step)
        loss.backward(retain_graph=True)
        return loss


class SwitchesToEvaluation(Right):
    def forward(self, step):
        step.classify.eval()
        return super().forward(step)


class GlobalRandomness(Right):
    def draw(self, step):
        return torch.randperm(len(step.labels_B)).to(step.labels_B.device)


class SqueezesTheBatch(Right):
    def targets(self, step, order_B):
        return super().targets(step, order_B).squeeze()


class DividesByOtherPairs(Right):
    """The mean distance of pairs of different classes: there may be none."""

    def forward(self, step):
        other_BB = step.labels_B[:, None] != step.labels_B[None, :]
        distance_BB = (step.fused_BF[:, None] - step.fused_BF[None]).square().mean(-1)
        return super().forward(step) - 1e-3 * (distance_BB * other_BB).sum() / other_BB.sum()


class CountsTheLabelsItSees(Right):
    def forward(self, step):
        classes = step.labels_B.unique()
        one_hot = functional.one_hot(step.labels_B, len(classes)).float()
        return -(one_hot * self.scores(step, self.draw(step))[:, : len(classes)].log_softmax(-1)).sum(-1).mean()


class PadsIntoTheMean(Right):
    def fused(self, step, order_B):
        means = {m: e.x_BTD.mean(1, keepdim=True) for m, e in step.encoded.items()}
        return step.fuse({m: Encoded(x, torch.ones_like(x[..., 0], dtype=torch.bool)) for m, x in means.items()})


class ToyEncoder(nn.Module):
    modality, output_dim = "audio", 16

    def __init__(self):
        super().__init__()
        self.project = nn.Linear(16, 16)

    def cache_key(self):
        return "toy"

    def prepare(self, utterance):
        return {"values": torch.zeros(1, 16)}

    def num_frames(self, item):
        return 1

    def collate(self, items):
        return {"values": torch.stack([item["values"] for item in items])}

    def forward(self, inputs):
        return Encoded(self.project(inputs["values"]), torch.ones(inputs["values"].shape[:2], dtype=torch.bool))


class HoldsAnEncoder(Right):
    def __init__(self, config, *, fused_dim, num_classes, input_dims):
        super().__init__(config, fused_dim=fused_dim, num_classes=num_classes, input_dims=input_dims)
        self.encoder = ToyEncoder()


class CallsAnEncoder(Right):
    """A second pass through an encoder that is hidden from modules()."""

    hidden = (ToyEncoder(),)

    def forward(self, step):
        return super().forward(step) + self.hidden[0](step.inputs["audio"]).mean_BD().square().mean()


class RandomTargets(Right):
    """Nothing to learn: what is asked for has nothing to do with what is given."""

    def targets(self, step, order_B):
        return torch.randint(3, step.labels_B.shape, generator=step.generator).to(step.labels_B.device)
