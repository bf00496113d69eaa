"""Names for the arrays that travel between modules; each docstring says the shape."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]
"""Shape (n,)."""

Matrix = NDArray[np.float32]
"""Shape (n, f)."""

Rows = NDArray[np.int64]
"""Shape (n,): row numbers of products in one release, 0 to count - 1, in the order of its product records."""

Mask = NDArray[np.bool_]
"""Shape (n,): one yes or no for each product of a release."""


def mapped(path: Path) -> NDArray[Any]:
    """The array in a .npy file, memory-mapped.

    As a plain array over the map: numpy's own class for it costs 10 µs more whenever rows are taken.
    """
    return np.asarray(np.load(path, mmap_mode="r"))
