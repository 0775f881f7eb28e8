"""Promises of every plugin with weights: encoders, fusions and auxiliary tasks."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from mer_core.checkpoint import load_weights, save_weights
from mer_core.testing.contracts.base import Contract, Reported
from mer_core.testing.contracts.devices import NeedsValuesError, on_meta
from mer_core.testing.contracts.tensors import CLOSE, difference


class ModuleContract(Contract):
    """What holds for a `torch.nn.Module` of any kind; the kinds say how one is made, trained and run."""

    steps: ClassVar[int] = 4
    """Training steps before a check that fresh weights could hide from: a gate may be closed at first."""

    def make_module(self, seed: int = 0) -> nn.Module:
        """Return a new module on the device."""
        module: nn.Module = self.seeded(seed)
        return module.to(self.device)

    def objective(self, module: nn.Module, number: int) -> Tensor:
        """Return a scalar that training step `number` lowers."""
        raise NotImplementedError

    def outcome(self, module: nn.Module, device: str) -> Tensor:
        """Return what the module makes of the toy input, which is put on `device`."""
        raise NotImplementedError

    def warmed(self, seed: int = 0) -> nn.Module:
        """Return a module after a few training steps, in evaluation mode."""
        module = self.make_module(seed)
        for _ in self._training(module):
            pass
        return module.eval()

    def test_parameters_are_registered(self) -> None:
        """Every weight is in `parameters()`, so that the optimiser finds it.

        Mend: keep modules in nn.ModuleList or nn.ModuleDict and weights in nn.Parameter or nn.ParameterList, not in
        Python lists or dicts.
        """
        module = self.make_module()
        known = {id(tensor) for tensor in module.parameters()}
        lost = [name for name, tensor in _reachable(module) if tensor.requires_grad and id(tensor) not in known]
        assert not lost, f"{len(lost)} weights are not in parameters() and never train: {_few(lost)}"
        self.saw(f"{len(known)} parameters")

    def test_parameters_train(self) -> None:
        """The gradient reaches every parameter that asks for one.

        Mend: use the parameter in forward, outside torch.no_grad() and before any detach(), or set
        requires_grad=False where it is meant to stay.
        """
        module = self.make_module()
        wanting = {name for name, tensor in module.named_parameters() if tensor.requires_grad}
        untouched = set(wanting)
        for _ in self._training(module):
            untouched -= {n for n, p in module.named_parameters() if p.grad is not None and bool(p.grad.any())}
        assert not untouched, f"no gradient reaches {_few(sorted(untouched))}"
        self.saw(f"{len(wanting)} of {len(wanting)} parameters get a gradient")

    def test_survives_state_dict(self) -> None:
        """A new plugin that loads the trained weights gives the same results.

        Mend: keep what is learned in parameters or registered buffers; a plain attribute is not stored.
        """
        trained, loaded = self.warmed(seed=0), self.make_module(seed=1).eval()
        if trained.state_dict():
            save_weights(self.folder / "weights.safetensors", trained)
            load_weights(self.folder / "weights.safetensors", loaded)
        found = difference(self._quiet(trained), self._quiet(loaded))
        assert found < CLOSE, f"after loading the stored weights the result differs by {found:.2g} of its size"
        self.saw(f"results differ by {found:.2g} of their size")

    def test_pickles_nothing(self) -> None:
        """Nothing is unpickled, and the stored state is tensors only: no code runs when weights are loaded.

        Mend: store weights as safetensors, load with torch.load(weights_only=True), keep get_extra_state away.
        """
        with _unpickled() as names:
            module = self.make_module()
            self._quiet(module.eval())
        assert not names, f"building or running it unpickles {_few(names)}"
        other = [name for name, value in module.state_dict().items() if not isinstance(value, Tensor)]
        assert not other, f"state_dict holds what is not a tensor: {_few(other)}"
        self.saw(f"{len(module.state_dict())} tensors")

    def test_evaluation_is_deterministic(self) -> None:
        """In evaluation mode the same input gives the same result, however often and whatever the random state.

        Mend: use nn.Dropout, or functional.dropout with training=self.training; draw nothing in evaluation; let a
        forward pass change no state that a later one reads.
        """
        module = self.make_module().eval()
        with torch.random.fork_rng():
            torch.manual_seed(1)
            first = self._quiet(module)
            torch.manual_seed(2)
            found = max(difference(first, self._quiet(module)) for _ in range(2))
        assert found < CLOSE, f"the same input gives results that differ by {found:.2g} of their size"
        self.saw(f"three passes differ by {found:.2g}")

    def test_stays_on_the_device(self) -> None:
        """It computes wherever it is put: no device is written into it. Without an accelerator, `meta` stands for one.

        Mend: take the device from the input (torch.zeros(..., device=x.device), x.new_zeros), register constants as
        buffers, and call neither .cuda() nor .cpu() in forward.
        """
        module = self.make_module().eval()
        device = torch.device(self.device)
        first = self._quiet(module)
        assert first.device.type == device.type, f"on {device} the result is on {first.device}"
        if device.type != "cpu":
            found = difference(first, self.outcome(self.make_module().to("cpu").eval(), "cpu"))
            assert found < 1e-2, f"{device} and cpu differ by {found:.2g} of the result's size"
            return self.saw(f"{device} and cpu differ by {found:.2g}")
        try:
            result = on_meta(lambda: self.outcome(module.to("meta"), "meta"))
        except NeedsValuesError as reason:
            raise Reported(f"undecided without an accelerator, use --device: {_first_line(reason)}") from None
        except (RuntimeError, AssertionError) as error:
            raise AssertionError(f"on another device: {_first_line(error)}") from error
        assert result.device.type == "meta", f"on another device the result is on {result.device}"
        return self.saw("same shapes on meta")

    def _training(self, module: nn.Module) -> Iterator[None]:
        """Train for a few steps; yields while the gradients of each are there."""
        module.train()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            trained = [tensor for tensor in module.parameters() if tensor.requires_grad]
            optimizer = torch.optim.Adam(trained, lr=0.01) if trained else None
            for number in range(self.steps):
                loss = self.objective(module, number)
                if loss.requires_grad:
                    loss.backward()  # type: ignore[no-untyped-call]
                yield
                if optimizer:
                    optimizer.step()
                    optimizer.zero_grad()

    def _quiet(self, module: nn.Module) -> Tensor:
        with torch.no_grad():
            return self.outcome(module, self.device)


def _reachable(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Yield every tensor that hangs on the module, with its path, Python containers included."""
    home = type(module).__module__.partition(".")[0]
    seen: set[int] = set()
    waiting: list[tuple[str, object]] = [("", module)]
    while waiting:
        path, thing = waiting.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, Tensor):
            yield path.lstrip("."), thing
        else:
            waiting += [(f"{path}.{name}", child) for name, child in _children(thing, home)]


def _children(thing: object, home: str) -> list[tuple[str, object]]:
    if isinstance(thing, dict):
        return [(str(name), child) for name, child in thing.items()]
    if isinstance(thing, list | tuple | set | frozenset):
        return [(str(number), child) for number, child in enumerate(thing)]
    if isinstance(thing, nn.Module):
        inner = {**thing._parameters, **thing._buffers, **thing._modules}
        return [*inner.items(), *((n, v) for n, v in vars(thing).items() if not n.startswith(("_param", "_buff")))]
    if type(thing).__module__.partition(".")[0] == home and hasattr(thing, "__dict__"):
        return list(vars(thing).items())
    return []


_watched: list[list[str]] = []


def _audit(event: str, args: tuple[Any, ...]) -> None:
    if event == "pickle.find_class" and _watched:
        _watched[-1].append(f"{args[0]}.{args[1]}")


@contextmanager
def _unpickled() -> Iterator[list[str]]:
    """Collect the names that unpickling looks up; Python cannot take an audit hook away, so one serves all."""
    if not hasattr(_unpickled, "hooked"):
        sys.addaudithook(_audit)
        _unpickled.hooked = True  # type: ignore[attr-defined]
    _watched.append([])
    try:
        yield _watched[-1]
    finally:
        _watched.pop()


def _few(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
