"""The contract of an encoder."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from mer_core.protocols import Encoder
from mer_core.testing.contracts.modules import ModuleContract
from mer_core.testing.contracts.tensors import CLOSE, difference, is_finite
from mer_core.testing.contracts.toy_speech import extreme_utterances, toy_utterances
from mer_core.testing.contracts.variations import variations
from mer_core.types import Encoded, Inputs, Prepared, Utterance


class EncoderContract(ModuleContract):
    """What an encoder promises. Name it: `plugin = MyEncoder`, with `options = {"checkpoint": …}` of a small model.

    An encoder of something other than recordings and words overrides `make_utterances` and `make_extremes`.
    """

    kind = "encoder"
    protocol: ClassVar[type] = Encoder
    steps: ClassVar[int] = 2  # each is slow where the model is large
    variants: Mapping[str, Sequence[Any]] = {}
    """Further values to try for options whose other values cannot be guessed, such as a second checkpoint."""

    def make_utterances(self, folder: Path) -> list[Utterance]:
        """Return at least two utterances of unequal lengths; `folder` may be written to."""
        return toy_utterances(folder)

    def make_extremes(self, folder: Path) -> list[Utterance]:
        """Return the shortest and the longest that may come, and what lacks the modality."""
        return extreme_utterances(folder)

    @cached_property
    def utterances(self) -> list[Utterance]:
        """The toy utterances."""
        return self.make_utterances(self.folder)

    def encoder(self, seed: int = 0) -> Any:
        """Return a new encoder in evaluation mode."""
        return self.make_module(seed).eval()

    def outcome(self, module: nn.Module, device: str) -> Tensor:
        """Return the frames of the toy utterances, zeros where they are padded."""
        return _real(module(_to(self._inputs, device)))

    def objective(self, module: nn.Module, number: int) -> Tensor:
        """Return the distance to random targets."""
        x_BTD: Tensor = module(_to(self._inputs, self.device)).x_BTD
        target_BTD = torch.randn(x_BTD.shape, generator=torch.Generator().manual_seed(number))
        return (x_BTD - target_BTD.to(x_BTD.device)).square().mean()

    def test_declared_width(self) -> None:
        """Frames are (B, T, D) floats with D = `output_dim`, and `modality` is a name.

        Mend: set modality and output_dim in the class or in __init__; return Encoded(x_BTD, mask_BT).
        """
        encoder = self.encoder()
        assert isinstance(encoder.modality, str), f"modality is {encoder.modality!r}, not a name"
        assert encoder.modality, "modality is empty"
        encoded = self._encode(encoder, self.utterances)
        shape, width = tuple(encoded.x_BTD.shape), encoder.output_dim
        assert shape[0] == len(self.utterances), f"{len(self.utterances)} utterances give frames of shape {shape}"
        assert shape[2:] == (width,), f"output_dim is {width}, and frames have shape {shape}"
        assert encoded.x_BTD.is_floating_point(), f"frames are {encoded.x_BTD.dtype}"
        self.saw(f"{encoder.modality}, (B, T, {width})")

    def test_prepare_is_deterministic(self) -> None:
        """`prepare` gives the same tensors every time, on the CPU and without gradient, in training mode too.

        Mend: draw nothing in prepare; run frozen parts in evaluation mode under torch.no_grad(), and call .cpu().
        """
        first = [self.encoder().prepare(utterance) for utterance in self.utterances]
        for seed in (1, 2):
            encoder = self.encoder().train()
            with torch.random.fork_rng():
                torch.manual_seed(seed)
                again = [encoder.prepare(utterance) for utterance in self.utterances]
            assert _same(first, again), "the same utterance gives other tensors when it is prepared again"
        for name, tensor in first[0].items():
            assert isinstance(tensor, Tensor), f"{name} is a {type(tensor).__name__}, not a tensor"
            assert tensor.device.type == "cpu", f"{name} is on {tensor.device}"
            assert not tensor.requires_grad, f"{name} asks for a gradient"
        self.saw(", ".join(f"{name} {tuple(tensor.shape)}" for name, tensor in first[0].items()))

    def test_prepare_in_other_processes(self) -> None:
        """Another process that is sent the class and its options prepares the same items, and can send them back.

        Mend: define the class and its Config at the top of a module; prepare may depend on the options and the
        checkpoint alone, not on weights drawn at random, on time, or on earlier calls.
        """
        items = [self.encoder().prepare(utterance) for utterance in self.utterances]
        try:
            plugin, config = pickle.loads(pickle.dumps((self.plugin, self.config())))
            sent = pickle.loads(pickle.dumps(items))
        except Exception as error:  # whatever pickle meets
            raise AssertionError(f"cannot be sent to another process: {type(error).__name__}: {error}") from None
        assert _same(items, sent), "a prepared item changes on its way to another process"
        with torch.random.fork_rng():
            torch.manual_seed(99)
            there = plugin(config).to(self.device).eval()
            again = [there.prepare(utterance) for utterance in self.utterances]
        assert _same(items, again), "an encoder built anew from the same options prepares other tensors"
        self.saw("class, options and items")

    def test_cache_key_follows_prepare(self) -> None:
        """`cache_key` changes with every option that changes what `prepare` gives, and with nothing else random.

        Mend: put every option that prepare reads into cache_key, and what identifies the checkpoint's files.
        """
        encoder = self.encoder()
        key = encoder.cache_key()
        assert isinstance(key, str), f"cache_key() is {key!r}, not a text"
        assert key == self.encoder().cache_key(), "two encoders with the same options have different cache keys"
        first = [encoder.prepare(utterance) for utterance in self._all]
        tried: dict[str, bool] = {}
        for name, config in variations(self.config(), self.variants):
            other = self._with(config)
            if other is None:
                continue
            changed = not _same(first, [other.prepare(utterance) for utterance in self._all])
            tried[name] = tried.get(name, False) or changed
            stale = changed and other.cache_key() == key
            value = getattr(config, name)
            assert not stale, f"{name} = {value!r} changes what prepare gives, and cache_key stays the same"
        matter = [name for name, changed in tried.items() if changed]
        self.saw(f"tried {', '.join(tried) or 'no option'}; prepare depends on {', '.join(matter) or 'none'}")

    def test_context_is_read(self) -> None:
        """An encoder with `context` works at the ends of a dialog too, and what is said around changes its result.

        Mend: read utterance.before and utterance.after, of any length up to context; set context = 0 without them.
        """
        size = getattr(self.encoder(), "context", 0)
        assert isinstance(size, int), f"context is {size!r}, not a number of utterances"
        assert size >= 0, f"context is {size}"
        if not size:
            return self.saw("no context")
        words = [*self.utterances, replace(self.utterances[0], id="another", text="nobody knows why")]
        near = [replace(u, label=None) for u in (words * size)[:size]]
        around = {"before": (near, ()), "after": ((), near), "both": (near, near)}
        first = self.utterances[1]
        alone = self._encode(self.encoder(), [first])
        assert is_finite(alone.x_BTD), "without neighbours the frames hold NaN or infinity"
        for place, (before, after) in around.items():
            found = self._encode(self.encoder(), [replace(first, before=before, after=after)])
            assert is_finite(found.x_BTD), f"with neighbours {place} the frames hold NaN or infinity"
            assert difference(alone.x_BTD, found.x_BTD) > CLOSE, f"neighbours {place} do not change the result"
        return self.saw(f"{size} on either side")

    def test_normalised_by_speaker(self) -> None:
        """What `per_speaker` names are tensors of `prepare`: floats, one row a frame, as wide for every utterance.

        Mend: name the keys of what prepare returns; give features of one vector an axis of one frame.
        """
        encoder = self.encoder()
        names = getattr(encoder, "per_speaker", ())
        items = [encoder.prepare(utterance) for utterance in self.utterances] if names else []
        for name in names:
            lacking = [sorted(item) for item in items if name not in item]
            assert not lacking, f"per_speaker names {name}, and prepare gives {', '.join(lacking[0])}"
            shapes = {tuple(item[name].shape[1:]) for item in items}
            assert all(item[name].is_floating_point() for item in items), f"{name} is {items[0][name].dtype}"
            assert len(shapes) == 1, f"frames of {name} have shapes {sorted(shapes)}"
            assert items[0][name].ndim > 1, f"{name} has no axis of frames"
        self.saw(", ".join(names) or "none")

    def test_fitted_in_any_order(self) -> None:
        """What `fit` finds depends on no order of the utterances, changes none of them, and is stored with the weights.

        Mend: keep it in buffers (register_buffer, then copy_), and compute it over all items, not over the last.
        """
        encoder = self.encoder()
        if not hasattr(encoder, "fit"):
            return self.saw("is not fitted")
        items = [encoder.prepare(utterance) for utterance in self.utterances]
        kept = [{name: tensor.clone() for name, tensor in item.items()} for item in items]
        encoder.fit(iter(items))
        assert _same(items, kept), "fit changes the items it is shown"
        first = self._quiet(encoder)
        other = self.encoder()
        other.fit(reversed(items))
        found = difference(first, self._quiet(other))
        assert found < CLOSE, f"in another order of the utterances the result differs by {found:.2g} of its size"
        loaded = self.encoder(seed=1)
        loaded.load_state_dict(encoder.state_dict())
        found = difference(first, self._quiet(loaded))
        assert found < CLOSE, f"after loading the stored weights the result differs by {found:.2g} of its size"
        return self.saw("in two orders, and loaded")

    def test_mask_matches_length(self) -> None:
        """Each utterance has `num_frames` real frames, at the start, and the batch is as long as the longest.

        Mend: make the mask from the lengths after every convolution; num_frames must count the same way as forward.
        """
        encoder = self.encoder()
        items = [encoder.prepare(utterance) for utterance in self.utterances]
        mask_BT = encoder(_to(encoder.collate(items), self.device)).mask_BT.cpu()
        assert mask_BT.dtype == torch.bool, f"the mask is {mask_BT.dtype}, not bool"
        promised, real = [encoder.num_frames(item) for item in items], mask_BT.sum(1).tolist()
        assert promised == real, f"num_frames gives {promised}, and the mask has {real} real frames"
        in_front = torch.arange(mask_BT.shape[1]) < torch.tensor(real)[:, None]
        assert torch.equal(mask_BT, in_front), "real frames are not all in front of the padding"
        assert mask_BT.shape[1] == max(real), f"the batch has {mask_BT.shape[1]} frames, its longest {max(real)}"
        self.saw(f"{real} frames")

    def test_batch_does_not_matter(self) -> None:
        """An utterance's frames are the same alone as among longer ones.

        Mend: give attention the mask; no normalisation over padded time or over the batch.
        """
        encoder = self.encoder()
        with torch.no_grad():
            together = self._encode(encoder, self.utterances)
            singles = [self._encode(encoder, [utterance]) for utterance in self.utterances]
        rows = [together.x_BTD[i, : single.x_BTD.shape[1]] for i, single in enumerate(singles)]
        found = max(difference(row, single.x_BTD[0]) for row, single in zip(rows, singles, strict=True))
        assert found < CLOSE, f"alone, an utterance's frames differ by {found:.2g} of their size from those in a batch"
        self.saw(f"alone and in a batch differ by {found:.2g}")

    def test_shortest_and_longest(self) -> None:
        """10 ms and 20 s of sound, one word and 700, an empty text and a missing one, a missing recording: all work.

        Mend: pad what is shorter than one frame, cut text to what the model takes, give silence where there is none.
        """
        encoder, counts = self.encoder(), {}
        for utterance in self.make_extremes(self.folder):
            with torch.no_grad():
                encoded = self._encode(encoder, [utterance])
            counts[utterance.id] = int(encoded.mask_BT.sum())
            assert counts[utterance.id] > 0, f"{utterance.id}: gives no frame"
            assert is_finite(encoded.x_BTD), f"{utterance.id}: frames hold NaN or infinity"
        self.saw(", ".join(f"{name}: {count} frames" for name, count in counts.items()))

    @cached_property
    def _inputs(self) -> Inputs:
        """The toy utterances as a batch."""
        encoder = self.encoder()
        inputs: Inputs = encoder.collate([encoder.prepare(utterance) for utterance in self.utterances])
        return inputs

    @cached_property
    def _all(self) -> list[Utterance]:
        """With those that options may cut: long texts (long recordings would take long)."""
        return [*self.utterances, *(replace(u, audio=None) for u in self.make_extremes(self.folder) if u.text)]

    def _with(self, config: Any) -> Any:
        """Return an encoder of another config, or None where it cannot have that value."""
        try:
            with torch.random.fork_rng():
                torch.manual_seed(0)
                return self.plugin(config).to(self.device).eval()
        except Exception:  # a checkpoint or a model may refuse a value in any way; it is then not a variation
            return None

    def _encode(self, module: Any, utterances: Sequence[Utterance]) -> Encoded:
        items = [module.prepare(utterance) for utterance in utterances]
        encoded: Encoded = module(_to(module.collate(items), self.device))
        return encoded


def _to(inputs: Inputs, device: str) -> Inputs:
    return {name: tensor.to(device) for name, tensor in inputs.items()}


def _real(encoded: Encoded) -> Tensor:
    return encoded.x_BTD.masked_fill(~encoded.mask_BT.unsqueeze(-1), 0.0)


def _same(first: Sequence[Prepared], second: Sequence[Prepared]) -> bool:
    return all(
        one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)
        for one, two in zip(first, second, strict=True)
    )
