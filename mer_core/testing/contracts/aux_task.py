"""The contract of an auxiliary task."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_pre_hook

from mer_core.protocols import AuxTask, Encoder
from mer_core.testing.contracts.modules import ModuleContract
from mer_core.testing.contracts.tensors import CLOSE, difference, dirty, is_finite
from mer_core.testing.contracts.toy_step import FUSED_DIM, NUM_CLASSES, ToyPath
from mer_core.types import Step

LABELS = (0, 1, 2, 0, 1, 2)
TRAINING_STEPS = 60
SHARE = 0.95
"""Training has lowered a loss that ends below this share of where it began (negative ones: by as much)."""


class AuxTaskContract(ModuleContract):
    """What an auxiliary task promises. Name it: `plugin = MyTask`, and where need be `options` and `input_dims`."""

    kind = "aux"
    protocol: ClassVar[type] = AuxTask
    input_dims: Mapping[str, int] = {"audio": 16, "text": 24}
    """Width D of each modality that the task is built with."""

    def make_one(self) -> nn.Module:
        """Return a task of `input_dims`."""
        return self.make_module()

    def make_module(self, seed: int = 0) -> nn.Module:
        """Return a new task on the device."""
        widths = {"fused_dim": FUSED_DIM, "num_classes": NUM_CLASSES, "input_dims": self.input_dims}
        module: nn.Module = self.seeded(seed, **widths)
        return module.to(self.device)

    def path(self, size: int = len(LABELS), device: str | None = None) -> ToyPath:
        """Return the rest of a pipeline, for `size` utterances; the same at every call."""
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return ToyPath(self.input_dims, size).to(device or self.device)

    def outcome(self, module: nn.Module, device: str) -> Tensor:
        """Return the loss of the toy step."""
        loss: Tensor = module(self.path(device=device).step(LABELS))
        return loss

    def objective(self, module: nn.Module, number: int) -> Tensor:
        """Return the loss of the toy step, drawn anew."""
        loss: Tensor = module(self.path().step(LABELS, seed=number))
        return loss

    def test_finite_scalar(self) -> None:
        """The loss is one finite number with a gradient.

        Mend: return the mean over the utterances as a tensor of shape (), not .item() and not one loss each.
        """
        self._check_loss(LABELS)

    def test_gradient_reaches_the_path(self) -> None:
        """The gradient goes into the encodings, the fusion or both: the task trains more than its own head.

        Mend: work on step.encoded, step.fused_BF or step.fuse(...) without detach() or torch.no_grad().
        """
        path, task = self.path(), self.make_module()
        _backward(task(path.step(LABELS)))
        reached = [m for m, frames in path.frames.items() if frames.grad is not None and bool(frames.grad.any())]
        assert reached, "no gradient reaches the encodings of any modality"
        self.saw(f"reaches {', '.join(reached)}")

    def test_leaves_the_main_loss_alone(self) -> None:
        """The task changes nothing of what the main loss and other tasks see, and no gradient of its own accord.

        Mend: build new tensors (no in-place operation on step.…, no assignment into step.encoded), leave modules in
        the mode they are in, and never call backward().
        """
        path, task = self.path(), self.make_module()
        step = path.step(LABELS)
        before, modes = _snapshot(step), [module.training for module in path.modules()]
        task(step)
        changed = _changed(before, _snapshot(step))
        assert not changed, f"the task changes {', '.join(changed)}"
        assert modes == [module.training for module in path.modules()], "the task switches training or evaluation mode"
        filled = [name for name, tensor in path.named_parameters() if tensor.grad is not None]
        assert not filled, f"the task calls backward() itself: {', '.join(filled)} have a gradient"
        self.saw("unchanged")

    def test_deterministic_under_its_generator(self) -> None:
        """With step.generator in the same state the loss is the same, whatever the global random state.

        Mend: pass generator=step.generator to every draw (torch.randperm, torch.randint, torch.rand); it lives on the
        CPU, so draw there and move the result.
        """
        losses = []
        for seed in range(4):
            task = self.make_module().eval()
            with torch.random.fork_rng():
                torch.manual_seed(seed)
                losses.append(self._quiet(task))
        found = max(difference(losses[0], loss) for loss in losses)
        assert found < CLOSE, f"with the same generator the loss differs by {found:.2g} of its size"
        self.saw(f"four global seeds: {found:.2g}")

    def test_batch_of_one(self) -> None:
        """One utterance alone gives a finite loss.

        Mend: no squeeze() without an axis, no division by (B - 1), no mean over an empty selection.
        """
        self._check_loss((1,))

    def test_single_class(self) -> None:
        """A batch of one class gives a finite loss.

        Mend: where no pair of different classes exists, leave that part of the sum out instead of dividing by 0.
        """
        self._check_loss((1, 1, 1, 1))

    def test_absent_class(self) -> None:
        """A batch without some class gives a finite loss, of the same form.

        Mend: take the number of classes from num_classes, not from the labels of the batch.
        """
        self._check_loss((0, 2, 0, 2, 2))

    def test_padding_does_not_matter(self) -> None:
        """What stands in the padding does not change the loss.

        Mend: use the mask: step.encoded[m].mean_BD() for means, masked_fill before max or softmax.
        """
        path, task = self.path(), self.warmed()
        with torch.no_grad():
            spoilt = {m: dirty(e) for m, e in path.encoded().items()}
            found = difference(task(path.step(LABELS)), task(path.step(LABELS, encoded=spoilt)))
        assert found < CLOSE, f"the padding changes the loss by {found:.2g} of its size"
        self.saw(f"changes the loss by {found:.2g}")

    def test_never_calls_an_encoder(self) -> None:
        """The task re-uses step.encoded: it holds no encoder and runs none.

        Mend: re-pair with step.encoded[m].take(index_B) and fuse again with step.fuse(...).
        """
        task = self.make_module()
        held = sorted({type(module).__name__ for module in task.modules() if _is_encoder(module)})
        assert not held, f"the task holds an encoder: {', '.join(held)}"
        with _called() as called:
            task(self.path().step(LABELS))
        ran = sorted({type(module).__name__ for module in called if _is_encoder(module)})
        assert not ran, f"the task runs an encoder: {', '.join(ran)}"
        self.saw(f"{len(called)} module calls, none an encoder")

    def test_training_lowers_it(self) -> None:
        """Training on the loss alone lowers it.

        Mend: check the sign, and that what is to be predicted depends on what the task is given.
        """
        path, task = self.path(), self.make_module()
        before = self._mean_loss(path, task)
        weights = [tensor for tensor in (*path.parameters(), *task.parameters()) if tensor.requires_grad]
        optimizer = torch.optim.Adam(weights, lr=0.02)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            for number in range(TRAINING_STEPS):
                _backward(task.train()(path.step(LABELS, seed=number)))
                optimizer.step()
                optimizer.zero_grad()
        after = self._mean_loss(path, task)
        text = f"{TRAINING_STEPS} steps take the loss from {before:.3g} to {after:.3g}"
        assert after < before - (1 - SHARE) * abs(before), text
        self.saw(text)

    def _check_loss(self, labels: Sequence[int]) -> None:
        path = self.path(len(labels))
        for mode in (True, False):
            loss = self.make_module().train(mode)(path.step(labels))
            assert isinstance(loss, Tensor), f"the loss is a {type(loss).__name__}, not a tensor"
            assert loss.shape == (), f"the loss has shape {tuple(loss.shape)}, not ()"
            assert is_finite(loss), f"the loss is {float(loss)}"
            assert loss.requires_grad, "the loss has no gradient"
            _backward(loss)
        bad = [name for name, p in path.named_parameters() if p.grad is not None and not is_finite(p.grad)]
        assert not bad, f"the gradient holds NaN or infinity in {', '.join(bad)}"
        self.saw(f"{loss.item():.3g} with {len(labels)} utterances of {len(set(labels))} classes")

    def _mean_loss(self, path: ToyPath, task: nn.Module) -> float:
        with torch.no_grad():
            return sum(float(task.eval()(path.step(LABELS, seed=1000 + i))) for i in range(8)) / 8


def _backward(loss: Tensor) -> None:
    if loss.requires_grad:
        loss.backward()  # type: ignore[no-untyped-call]


def _is_encoder(module: nn.Module) -> bool:
    """Return whether a module is an encoder of mer, or a model of transformers (which is not imported here)."""
    return isinstance(module, Encoder) or any(base.__name__ == "PreTrainedModel" for base in type(module).__mro__)


@contextmanager
def _called() -> Iterator[list[nn.Module]]:
    """Collect the modules that are called, wherever they come from."""
    found: list[nn.Module] = []

    def note(module: nn.Module, args: Any) -> None:
        found.append(module)

    handle = register_module_forward_pre_hook(note)
    try:
        yield found
    finally:
        handle.remove()


def _snapshot(step: Step) -> dict[str, Tensor]:
    tensors = {"fused_BF": step.fused_BF, "logits_BC": step.logits_BC, "labels_B": step.labels_B}
    for m, encoded in step.encoded.items():
        tensors |= {f"encoded[{m!r}]": encoded.x_BTD, f"the mask of {m}": encoded.mask_BT}
    for m, inputs in step.inputs.items():
        tensors |= {f"inputs[{m!r}][{name!r}]": tensor for name, tensor in inputs.items()}
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}


def _changed(before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> list[str]:
    names = sorted({*before, *after})
    return [n for n in names if n not in before or n not in after or not torch.equal(before[n], after[n])]
