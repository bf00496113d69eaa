"""Product vectors in 8 bits a dimension, searched by inner product, by faiss."""

import json
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from relevance.arrays import Mask, Matrix, Rows, Vector

_LARGEST = 127
_ZERO = 128
"""The byte that faiss keeps for a zero."""


class VectorIndex:
    """Vectors of unit length (or all zeros: a product without a vector), so that an inner product is a cosine.

    Each is kept as whole numbers from -127 to 127, in one step for all. faiss multiplies them with a query that is
    rounded in the same way: in a third of the time that it takes with steps of their own in each dimension.
    """

    def __init__(self, index: Any, step: float) -> None:
        """Of codes in an index, and what one of their steps stands for."""
        import faiss

        self._index = index
        self._step = step
        codes: NDArray[np.uint8] = faiss.rev_swig_ptr(index.codes.data(), len(self) * self.dimension)
        self._codes = codes.reshape(-1, self.dimension)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the files that `build` wrote."""
        import faiss  # 100 ms to import: only where vectors are used

        faiss.omp_set_num_threads(1)  # a function has one core, and a search must not wait for another's threads
        return cls(faiss.read_index(str(path)), json.loads(path.with_suffix(".json").read_bytes())["step"])

    @staticmethod
    def build(vectors: Matrix, path: Path) -> None:
        """Round and write vectors, shape (n, d), n > 0; a small file beside them holds the step."""
        import faiss

        step = float(np.abs(vectors).max()) / _LARGEST or 1.0
        index = faiss.IndexScalarQuantizer(
            vectors.shape[1], faiss.ScalarQuantizer.QT_8bit_direct_signed, faiss.METRIC_INNER_PRODUCT
        )
        index.add(np.round(vectors / step).astype(np.float32))
        faiss.write_index(index, str(path))
        path.with_suffix(".json").write_text(json.dumps({"step": step}))

    @property
    def dimension(self) -> int:
        """Length of each vector."""
        return int(self._index.d)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def search(self, vector: Vector, limit: int, *, floor: float, allowed: Mask | None = None) -> Rows:
        """Rows of the products whose cosine with `vector`, shape (d,), is at least `floor`; best first, <= limit.

        Args:
            vector: Of the query, unit length.
            limit: The most rows to return.
            floor: In [-1, 1].
            allowed: Shape (n,): only these products are looked at; None for all.
        """
        import faiss

        selected = None
        if allowed is not None:
            bits = np.packbits(allowed, bitorder="little")
            # faiss wraps these two in Python after its stubs were written.
            selector = faiss.IDSelectorBitmap(bits)  # type: ignore[call-arg, arg-type]
            selected = faiss.SearchParameters(sel=selector)  # type: ignore[call-arg]
        scale = _LARGEST / max(float(np.abs(vector).max()), 1e-9)
        rounded = np.round(vector * scale).astype(np.float32)
        products, rows = self._index.search(rounded[np.newaxis], min(limit, len(self)), params=selected)
        cosines = products[0] * (self._step / scale)
        return np.asarray(rows[0][(cosines >= floor) & (rows[0] >= 0)], dtype=np.int64)

    def take(self, rows: Rows) -> Matrix:
        """Shape (len(rows), d): the vectors of some products, as 8 bits have kept them."""
        codes = np.take(self._codes, rows, axis=0).astype(np.float32)
        return np.asarray((codes - _ZERO) * self._step, dtype=np.float32)

    def cosines(self, vector: Vector, rows: Rows) -> Vector:
        """Shape (len(rows),), in [-1, 1]: cosine of `vector`, shape (d,), with some products.

        The bytes are multiplied as they are, which is four times as fast as taking the vectors out first.
        """
        codes = np.take(self._codes, rows, axis=0).astype(np.float32)
        return np.asarray((codes @ vector - _ZERO * vector.sum()) * self._step, dtype=np.float32)
