"""Whether a forward pass stays on the device it was given, seen without an accelerator: tensors of device `meta`.

`meta` computes shapes only. What depends on values cannot be followed there, and torch itself lets some products of
two devices pass on it; the first is undecided, the second is refused here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

_MAY_MIX = ("aten::index", "aten::_index_put", "aten::copy_", "aten::_to_copy", "aten::set_", "aten::_foreach")
_NEEDS_VALUES = ("meta tensor", "data-independent", "meta device type", "data-dependent", "on meta")


class NeedsValuesError(Exception):
    """The pass needs values, which `meta` does not have."""


class SameDevice(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Refuses operations on tensors of two devices; scalars and indices may come from the CPU, as on a real one."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Check the devices of one operation, then do it."""
        given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor) and leaf.dim()]
        devices = {tensor.device.type for tensor in given}
        if len(devices) > 1 and not func.name().startswith(_MAY_MIX):
            raise RuntimeError(f"{func.name()} is given tensors of two devices, {' and '.join(sorted(devices))}")
        return func(*args, **(kwargs or {}))


def on_meta(forward: Callable[[], Tensor]) -> Tensor:
    """Run a pass whose module and inputs are on `meta`.

    Raises:
        NeedsValuesError: the pass needs values.
    """
    try:
        with SameDevice(), torch.no_grad():  # type: ignore[no-untyped-call]
            return forward()
    except NotImplementedError as error:
        raise NeedsValuesError(str(error)) from error
    except (RuntimeError, TypeError) as error:
        if any(words in str(error) for words in _NEEDS_VALUES) and "expected device meta" not in str(error):
            raise NeedsValuesError(str(error)) from error
        raise
