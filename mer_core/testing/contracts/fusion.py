"""The contract of a fusion."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from mer_core.protocols import Fusion, ScoringFusion, TeachingFusion
from mer_core.testing.contracts.base import Relaxed, Reported
from mer_core.testing.contracts.modules import ModuleContract
from mer_core.testing.contracts.tensors import (
    CLOSE,
    Batch,
    alone,
    difference,
    dirty,
    is_finite,
    leaves,
    reversed_frames,
    take,
    to,
    toy_batch,
    with_x,
)
from mer_core.testing.contracts.toy_step import NUM_CLASSES
from mer_core.testing.contracts.tracing import trace
from mer_core.types import Step, Utterance

LENGTHS = {0: (7, 3, 5, 1), 1: (4, 6, 2, 3)}
"""Frames of four utterances, for modalities by turns: all unequal, one of a single frame."""


class FusionContract(ModuleContract):
    """What a fusion promises. Name it: `plugin = Gated`, and where need be `options` and `input_dims`.

    A fusion that scores the classes itself (`classify`) is built with `num_classes` too, and its scores are checked.
    A fusion that has no notion of the order of frames says so with `order_free = True` in its class body (means and
    attention without positions; the encoders of this framework put positions into the frames themselves).
    """

    kind = "fusion"
    protocol: ClassVar[type] = Fusion
    input_dims: Mapping[str, int] = {"audio": 16, "text": 24}
    """Width D of each modality that the fusion is built with."""

    def make_one(self) -> nn.Module:
        """Return a fusion of `input_dims`."""
        return self.make_module()

    def make_module(self, seed: int = 0) -> nn.Module:
        """Return a new fusion on the device."""
        module: nn.Module = self.seeded(seed, **self.widths(self.input_dims))
        return module.to(self.device)

    def widths(self, input_dims: Mapping[str, int]) -> dict[str, object]:
        """Return what a pipeline builds the fusion with."""
        scores = {"num_classes": NUM_CLASSES} if hasattr(self.plugin, "classify") else {}
        return {"input_dims": dict(input_dims), **scores}

    def batch(self, seed: int = 0) -> Batch:
        """Return four toy utterances of unequal lengths."""
        lengths = {modality: LENGTHS[number % 2] for number, modality in enumerate(self.input_dims)}
        return to(toy_batch(lengths, self.input_dims, seed=seed), self.device)

    def outcome(self, module: nn.Module, device: str) -> Tensor:
        """Return the fused vectors of the toy batch, with the class scores of a fusion that has them."""
        return _with_scores(module, to(self.batch(), device))

    def objective(self, module: nn.Module, number: int) -> Tensor:
        """Return the distance to random targets."""
        fused_BF = _with_scores(module, self.batch(seed=number))
        target_BF = torch.randn(fused_BF.shape, generator=torch.Generator().manual_seed(number))
        loss: Tensor = (fused_BF - target_BF.to(fused_BF.device)).square().mean()
        return loss + module.loss(self._step(module)) if isinstance(module, TeachingFusion) else loss

    def _step(self, fusion: Any) -> Step:
        batch = self.batch()
        fused_BF = fusion(batch)
        classify = getattr(fusion, "classify", lambda x_BF: x_BF[:, :NUM_CLASSES])
        labels_B = torch.arange(len(fused_BF), device=fused_BF.device) % NUM_CLASSES
        return Step(
            encoded=batch,
            fused_BF=fused_BF,
            logits_BC=classify(fused_BF),
            labels_B=labels_B,
            utterances=[Utterance(id=str(number)) for number in range(len(fused_BF))],
            inputs={},
            generator=torch.Generator().manual_seed(0),
            fuse=fusion,
            classify=classify,
        )

    def test_output_width(self) -> None:
        """The result is (B, F) floats with F = `output_dim`.

        Mend: set self.output_dim to the width that forward returns, and return one vector per utterance.
        """
        fusion = self.make_module().eval()
        fused_BF, width = fusion(self.batch()), fusion.output_dim
        assert isinstance(width, int), f"output_dim is {width!r}, not an int"
        shape = tuple(fused_BF.shape)
        assert shape == (4, width), f"output_dim is {width}, and four utterances give a result of shape {shape}"
        assert fused_BF.is_floating_point(), f"the result is {fused_BF.dtype}"
        self.saw(f"(4, {width})")

    def test_class_scores(self) -> None:
        """A fusion with `classify` gives one finite score for each class, each row from its own fused vector alone.

        Mend: return (B, num_classes) logits or log-probabilities; add a small number before a logarithm of a sum.
        """
        if not hasattr(self.plugin, "classify"):
            return self.saw("none: the pipeline adds a classifier")
        fusion: Any = self.warmed()
        fused_BF = fusion(self.batch()).detach().requires_grad_()
        logits_BC = fusion.classify(fused_BF)
        shape = tuple(logits_BC.shape)
        assert shape == (4, NUM_CLASSES), f"four utterances and {NUM_CLASSES} classes give scores of shape {shape}"
        assert is_finite(fusion.classify(1e4 * fused_BF)), "of large fused vectors the scores hold NaN or infinity"
        logits_BC[0].logsumexp(-1).backward(retain_graph=True)
        (logits_BC[0] * torch.arange(NUM_CLASSES, device=logits_BC.device)).sum().backward()
        gradient_BF = _gradient(fused_BF)
        assert gradient_BF[0].abs().max() > 0, "no gradient goes from the scores to the fused vector"
        assert gradient_BF[1:].abs().max() == 0, "an utterance's scores depend on the fused vectors of others"
        return self.saw(f"(4, {NUM_CLASSES})")

    def test_own_loss(self) -> None:
        """A fusion with `loss` gives one finite number with a gradient, and the same for the same step.

        Mend: return the mean over the utterances as a tensor of shape (), and draw with step.generator if at all.
        """
        if not hasattr(self.plugin, "loss"):
            return self.saw("none")
        fusion: Any = self.warmed()
        losses = [fusion.loss(self._step(fusion)) for _ in range(2)]
        assert losses[0].shape == (), f"the loss has shape {tuple(losses[0].shape)}, not ()"
        assert is_finite(losses[0]), f"the loss is {float(losses[0])}"
        assert losses[0].requires_grad, "the loss has no gradient"
        found = difference(*losses)
        assert found < CLOSE, f"for the same step the loss differs by {found:.2g} of its size"
        return self.saw(f"{losses[0].item():.3g}")

    def test_padding_values_do_not_matter(self) -> None:
        """What stands in the padding, and how much of it there is, does not change the result.

        Mend: use the mask: Encoded.mean_BD() for means, key_padding_mask=~mask_BT in attention, masked_fill with -inf
        before max or softmax.
        """
        fusion, batch = self.warmed(), self.batch()
        clean = fusion(batch)
        found = {m: difference(clean, fusion({**batch, m: dirty(e)})) for m, e in batch.items()}
        self._all_small(found, "the padding of {name} changes the result by {value:.2g} of its size")

    def test_padding_gets_no_gradient(self) -> None:
        """The gradient at padded frames is zero, and what stands there does not change it elsewhere.

        Mend: leave padded frames out of every sum with masked_fill or the mask; a product with 0 is not enough where
        the padding may be large.
        """
        fusion, batch = self.warmed(), self.batch()
        clean, spoilt = self._gradients(fusion, batch), {}
        for m, encoded in batch.items():
            leak = clean[m][~encoded.mask_BT].abs().max()
            assert leak == 0, f"the gradient at padded frames of {m} is {leak:.2g}, not 0"
            with_dirt = self._gradients(fusion, {**batch, m: dirty(encoded)})
            real = with_dirt[m][:, : encoded.x_BTD.shape[1]][encoded.mask_BT]
            spoilt[m] = difference(clean[m][encoded.mask_BT], real)
        self._all_small(spoilt, "the padding of {name} changes the gradient of real frames by {value:.2g} of its size")

    def test_batch_does_not_matter(self) -> None:
        """An utterance's result is the same alone as among others.

        Mend: attend, normalise and pool within an utterance, never along the first axis; check batch_first=True.
        """
        fusion, batch = self.warmed(), self.batch()
        together = fusion(batch)
        found = max(difference(together[i : i + 1], fusion(alone(batch, i))) for i in range(len(together)))
        assert found < CLOSE, f"alone, an utterance's result differs by {found:.2g} of its size from that in a batch"
        self.saw(f"alone and in a batch differ by {found:.2g}")

    def test_batch_order_does_not_matter(self) -> None:
        """Utterances in another order give the same results in that order.

        Mend: nothing may depend on an utterance's place in the batch (positions belong on the time axis).
        """
        fusion, batch = self.warmed(), self.batch()
        order = torch.tensor([2, 0, 3, 1])
        found = difference(fusion(batch)[order.to(self.device)], fusion(take(batch, order)))
        assert found < CLOSE, f"in another order the results differ by {found:.2g} of their size"
        self.saw(f"in another order they differ by {found:.2g}")

    def test_batch_does_not_matter_in_training(self) -> None:
        """In training too an utterance's result is its own (reported, not required: batch norm is a choice).

        Mend: LayerNorm instead of BatchNorm; then splitting a batch (train.accumulate) changes nothing either.
        """
        fusion, batch = self.make_module().train(), leaves(self.batch())
        fusion(batch)[0].square().sum().backward()
        others = max(float(_gradient(e.x_BTD)[1:].abs().max()) for e in batch.values())
        if others:
            raise Reported(f"in training an utterance's result depends on the others (gradient {others:.2g})")
        self.saw("no gradient between utterances")

    def test_modality_order_does_not_matter(self) -> None:
        """Modalities in another order, when built and when called, give the same result.

        Mend: go through sorted(encoded) and sorted(input_dims), or look modalities up by name; never by position.
        """
        fusion, batch = self.warmed(), self.batch()
        turned = dict(reversed(batch.items()))
        found = difference(fusion(batch), fusion(turned))
        assert found < CLOSE, f"called in another order of modalities the result differs by {found:.2g} of its size"
        other: nn.Module = self.seeded(1, **self.widths({m: self.input_dims[m] for m in turned})).to(self.device).eval()
        try:
            other.load_state_dict(fusion.state_dict())
        except RuntimeError as error:
            raise AssertionError(f"built in another order of modalities its weights do not fit: {error}") from None
        found = difference(fusion(batch), other(turned))
        assert found < CLOSE, f"built in another order of modalities the result differs by {found:.2g} of its size"
        self.saw(f"{', '.join(turned)}: differs by {found:.2g}")

    def test_every_modality_is_reached(self) -> None:
        """The gradient reaches every modality of every utterance.

        Mend: use all modalities in the result, without detach() or torch.no_grad().
        """
        batch = self.batch()
        for m, gradient in self._gradients(self.warmed(), batch).items():
            reached = gradient.flatten(1).abs().amax(1) > 0
            assert reached.all(), f"no gradient reaches {m} in {int((~reached).sum())} of {len(reached)} utterances"
        self.saw(", ".join(batch))

    def test_frame_order_matters(self) -> None:
        """Frames in another order give another result, unless the class says `order_free = True`.

        Mend: add positions, or a recurrent or convolutional layer; or declare order_free = True in the class body.
        """
        fusion, batch = self.warmed(), self.batch()
        plain = fusion(batch)
        found = {m: difference(plain, fusion({**batch, m: reversed_frames(e)})) for m, e in batch.items()}
        text = ", ".join(f"reversing {m} changes the result by {value:.2g}" for m, value in found.items())
        if getattr(fusion, "order_free", False):
            raise Relaxed(f"declared order_free; {text}")
        deaf = [m for m, value in found.items() if value < CLOSE]
        assert not deaf, f"the order of frames of {', '.join(deaf)} does not matter, and order_free is not declared"
        self.saw(text)

    def test_any_precision(self) -> None:
        """It computes in float64 and bfloat16 when it is put there, and under autocast.

        Mend: take the dtype from the input (dtype=x.dtype, x.new_zeros); no .float(), no torch.zeros without dtype.
        """
        single = self._quiet(self.make_module().eval())
        for dtype, close in ((torch.float64, CLOSE), (torch.bfloat16, 0.1)):
            name = str(dtype).removeprefix("torch.")
            result = self._in_precision(dtype)
            assert result.dtype == dtype, f"in {name} the result is {str(result.dtype).removeprefix('torch.')}"
            found = difference(single, result)
            assert found < close, f"in {name} the result differs by {found:.2g} of its size"
        with torch.autocast(torch.device(self.device).type, dtype=torch.bfloat16):
            found = difference(single, self._quiet(self.make_module().eval()))
        assert found < 0.1, f"under autocast the result differs by {found:.2g} of its size"
        self.saw("float64, bfloat16, autocast")

    def test_extreme_lengths(self) -> None:
        """One frame, and one frame beside three hundred, give finite results and gradients.

        Mend: no division by (T - 1), no convolution or pooling wider than one frame without padding.
        """
        fusion = self.warmed()
        for lengths in ((1, 1), (1, 300), (300, 1)):
            batch = to(toy_batch(dict.fromkeys(self.input_dims, lengths), self.input_dims), self.device)
            self._check_finite(fusion, batch, f"with {lengths[0]} and {lengths[1]} frames")
            found = max(difference(fusion(batch)[i : i + 1], fusion(alone(batch, i))) for i in range(2))
            assert found < CLOSE, f"beside {max(lengths)} frames, an utterance's result differs by {found:.2g}"
        self.saw("1 and 300 frames")

    def test_large_inputs(self) -> None:
        """Inputs of size 10,000 give no NaN and no infinity, in value or gradient.

        Mend: torch.softmax and torch.logsumexp instead of exp and log by hand; normalise before products.
        """
        batch = {m: with_x(e, 1e4 * e.x_BTD) for m, e in self.batch().items()}
        self._check_finite(self.warmed(), batch, "with inputs of size 10,000")
        self.saw("finite")

    def test_leaves_its_inputs_alone(self) -> None:
        """The encodings are not changed: auxiliary tasks use the same ones.

        Mend: x = x + y instead of x += y; masked_fill instead of masked_fill_ or assignment to x[...].
        """
        fusion, batch = self.make_module().eval(), {m: dirty(e) for m, e in self.batch().items()}
        before = {m: e.x_BTD.clone() for m, e in batch.items()}
        with torch.no_grad():
            fusion(batch)
        changed = [m for m in before if m not in batch or not torch.equal(before[m], batch[m].x_BTD)]
        assert not changed, f"the encodings of {', '.join(changed)} are not what they were"
        self.saw("unchanged")

    def test_can_be_traced(self) -> None:
        """torch.export traces it (reported, not required).

        Mend: no Python branches on values of tensors, no .item().
        """
        self.saw(trace(self.make_module().eval(), self.batch()))

    def _in_precision(self, dtype: torch.dtype) -> Tensor:
        name = str(dtype).removeprefix("torch.")
        fusion = self.make_module().to(dtype).eval()
        try:
            with torch.no_grad():
                fused_BF: Tensor = _with_scores(fusion, to(self.batch(), self.device, dtype))
        except RuntimeError as error:
            raise AssertionError(f"in {name}: {error}") from error
        return fused_BF

    def _check_finite(self, fusion: nn.Module, batch: Batch, when: str) -> None:
        assert is_finite(fusion(batch)), f"{when} the result holds NaN or infinity"
        bad = [m for m, gradient in self._gradients(fusion, batch).items() if not is_finite(gradient)]
        assert not bad, f"{when} the gradient of {', '.join(bad)} holds NaN or infinity"

    def _gradients(self, fusion: Callable[[Batch], Tensor], batch: Batch) -> dict[str, Tensor]:
        """Return the gradient of a random sum of the result at every frame."""
        batch = leaves(batch)
        fused_BF = fusion(batch)
        weight_BF = torch.randn(fused_BF.shape, generator=torch.Generator().manual_seed(0)).to(fused_BF.device)
        if fused_BF.requires_grad:
            (fused_BF * weight_BF).sum().backward()  # type: ignore[no-untyped-call]
        return {m: _gradient(e.x_BTD) for m, e in batch.items()}

    def _all_small(self, found: Mapping[str, float], message: str) -> None:
        name = max(found, key=lambda m: found[m])
        assert found[name] < CLOSE, message.format(name=name, value=found[name])
        self.saw(f"largest change {found[name]:.2g}")


def _with_scores(fusion: Callable[[Batch], Tensor], batch: Batch) -> Tensor:
    fused_BF = fusion(batch)
    return torch.cat([fused_BF, fusion.classify(fused_BF)], -1) if isinstance(fusion, ScoringFusion) else fused_BF


def _gradient(x: Tensor) -> Tensor:
    return torch.zeros_like(x) if x.grad is None else x.grad
