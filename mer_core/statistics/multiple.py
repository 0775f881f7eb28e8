"""Several tests at once."""

from __future__ import annotations

import math
from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected so that in 95 % of cases not one of equal pairs is called different (Holm, 1979).

    What is NaN stays so and is not counted.
    """
    known = [p for p in p_values if not math.isnan(p)]
    if len(known) < 2:
        return list(p_values)
    from statsmodels.stats.multitest import multipletests

    corrected = iter(multipletests(known, method="holm")[1])
    return [p if math.isnan(p) else float(next(corrected)) for p in p_values]
