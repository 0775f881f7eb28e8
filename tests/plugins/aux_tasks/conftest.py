import pytest
import torch

from mer_core.types import Encoded, Step, Utterance

NUMBER = {"audio": 0, "text": 1}


class Recorder:
    """Stands for the pipeline's fusion and classifier; notes which utterances' modalities were put together.

    The first feature of utterance i is i, in every modality, so what was fused can be read back.
    """

    def __init__(self, width=2, num_classes=3):
        self.width, self.num_classes = width, num_classes
        self.pairs = []
        self.classified = 0

    def fuse(self, encoded):
        self.pairs.append({m: e.x_BTD[:, 0, 0].long().tolist() for m, e in encoded.items()})
        assert all(torch.equal(e.mask_BT.sum(1), e.x_BTD[:, 0, 0].long() % 3 + 1) for e in encoded.values())
        return torch.cat([encoded[m].mean_BD() for m in sorted(encoded)], dim=-1)

    def classify(self, fused_BF):
        self.classified += 1
        return fused_BF[:, : self.num_classes] * torch.linspace(-1, 1, self.num_classes)


@pytest.fixture
def make_step():
    """A step whose encodings tell which utterance they come from: `make_step(labels, seed=0)` gives step, recorder."""

    def make(labels, *, seed=0, modalities=("audio", "text"), num_classes=3):
        recorder = Recorder(num_classes=num_classes)
        labels_B = torch.tensor(labels)
        number_B = torch.arange(len(labels))
        mask_BT = torch.arange(3) < (number_B % 3 + 1)[:, None]
        x_BTD = number_B[:, None, None].expand(-1, 3, 2).float().clone()
        encoded = {m: Encoded(x_BTD.clone().requires_grad_(), mask_BT.clone()) for m in modalities}
        fused_BF = torch.cat([encoded[m].mean_BD() for m in sorted(encoded)], dim=-1)
        step = Step(
            encoded=encoded,
            fused_BF=fused_BF,
            logits_BC=recorder.classify(fused_BF),
            labels_B=labels_B,
            utterances=[Utterance(id=str(i)) for i in range(len(labels))],
            inputs={},
            generator=torch.Generator().manual_seed(seed),
            fuse=recorder.fuse,
            classify=recorder.classify,
        )
        recorder.classified = 0
        return step, recorder

    return make
