"""Names for the arrays that travel between modules; each docstring says the shape."""

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
