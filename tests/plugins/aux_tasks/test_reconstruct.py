import numpy as np
import pytest
import torch

from mer_core.errors import SpecError
from mer_core.types import Encoded, Step
from mer_plugins.aux_tasks.reconstruct import CrossModalReconstruction

DIMS = {"audio": 4, "text": 3, "video": 5}


def build(modalities, **options):
    torch.manual_seed(1)
    config = CrossModalReconstruction.Config(**{"hidden_dim": 6} | options)
    input_dims = {m: DIMS[m] for m in modalities}
    return CrossModalReconstruction(config, fused_dim=4, num_classes=3, input_dims=input_dims)


def with_frames(step, frames):
    mask_BT = torch.ones(frames["audio"].shape[:2], dtype=torch.bool)
    encoded = {m: Encoded(x_BTD, mask_BT) for m, x_BTD in frames.items()}
    return Step(**{name: getattr(step, name) for name in Step.__slots__} | {"encoded": encoded})


@pytest.mark.parametrize("modalities", [("audio", "text"), ("audio", "text", "video")], ids=len)
def test_it_is_the_mean_squared_distance_to_the_normalised_mean_frame(make_step, modalities):
    task = build(modalities).double()
    step, _ = make_step([0, 1, 2, 0], modalities=modalities)
    source = np.random.default_rng(0)
    x = {m: source.normal(size=(4, 3, DIMS[m])) for m in modalities}
    weights = {name: tensor.numpy() for name, tensor in task.state_dict().items()}
    distances = []
    for m in modalities:
        for s in sorted(set(modalities) - {m}):
            target = x[s].mean(1)
            target = target - target.mean(-1, keepdims=True)
            target = target / np.sqrt(target.var(-1, keepdims=True) + 1e-5)
            name = f"predict.{m}.{s}"
            hidden = np.maximum(x[m].mean(1) @ weights[f"{name}.0.weight"].T + weights[f"{name}.0.bias"], 0)
            distances.append(
                np.mean((hidden @ weights[f"{name}.2.weight"].T + weights[f"{name}.2.bias"] - target) ** 2)
            )
    loss = task(with_frames(step, {m: torch.from_numpy(frames) for m, frames in x.items()}))
    assert float(loss) == pytest.approx(np.mean(distances), abs=1e-6)


def test_the_target_is_not_trained(make_step):
    """Only what predicts gets a gradient: with one direction switched off, its source gets none."""
    task = build(("audio", "text"))
    step, _ = make_step([0, 1, 2])
    frames = {m: torch.randn(3, 2, DIMS[m], requires_grad=True) for m in ("audio", "text")}
    torch.nn.init.zeros_(task.predict["text"]["audio"][0].weight)
    task(with_frames(step, frames)).backward()
    assert not frames["text"].grad.any()
    assert frames["audio"].grad.any()


def test_one_modality_is_refused():
    expected = r"^reconstruct predicts one modality from another, and this pipeline has only text\nUse --aux none"
    with pytest.raises(SpecError, match=expected):
        build(("text",))
