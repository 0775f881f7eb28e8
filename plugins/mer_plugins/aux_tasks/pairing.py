"""What the tasks that re-pair modalities share."""

from __future__ import annotations

from collections.abc import Mapping

from mer_core.errors import SpecError


def require_two(task: str, input_dims: Mapping[str, int]) -> None:
    """Refuse a pipeline with one modality, where there is nothing to re-pair.

    Raises:
        SpecError: there are fewer than two modalities.
    """
    if len(input_dims) < 2:
        raise SpecError(
            f"{task} re-pairs modalities, and this pipeline has only {', '.join(input_dims)}",
            hint="Use --aux none, or add a modality.",
        )
