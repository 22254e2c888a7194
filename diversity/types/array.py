"""Arrays of numbers, and the width of an interval."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
else:
    Array = Any  # so that listing tasks need not load numpy


Z95 = 1.959963984540054  # standard errors on either side of a 95 % interval
