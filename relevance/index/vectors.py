"""Product vectors in 8 bits a dimension, memory-mapped, searched by inner product, by faiss."""

import json
import math
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from relevance.arrays import Mask, Matrix, Rows, Vector, mapped

LISTS_FROM = 50_000
"""Products from which on vectors lie in lists of neighbours, of which a search looks at some; below, at all vectors."""
PROBED = 40
"""Lists that a search looks at, of `4 * sqrt(n)`; more of them where a filter leaves few products in each."""
_FEW = 10_000
"""Products that a filter may leave to be compared one by one."""

_LARGEST = 127
_ZERO = 128
"""The byte that faiss keeps for a zero."""
_SAMPLE_PER_LIST = 32
_ROUNDS = 10
_CHUNK = 50_000


class VectorIndex:
    """Vectors of unit length (or all zeros: a product without a vector), so that an inner product is a cosine.

    Each is kept as whole numbers from -127 to 127, in one step for all. faiss multiplies them with a query that is
    rounded in the same way: in a third of the time that it takes with steps of their own in each dimension.
    """

    def __init__(self, index: Any, step: float, codes: NDArray[np.void], places: NDArray[np.int64]) -> None:
        """
        Args:
            index: Of faiss, with lists or without.
            step: What one step of a code stands for.
            codes: Every run of `dimension` bytes of the index's file, by where it begins.
            places: Shape (n,): where the code of each product begins.
        """
        self._index = index
        self._step = step
        self._codes = codes
        self._places = places

    @classmethod
    def open(cls, path: Path) -> Self:
        """Map the files that `build` wrote; nothing is read before it is asked for."""
        import faiss  # 100 ms to import: only where vectors are used

        faiss.omp_set_num_threads(1)  # a function has one core, and a search must not wait for another's threads
        index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
        content = np.memmap(path, mode="r")
        codes: NDArray[np.void] = np.ndarray(
            (len(content) - index.d + 1,), dtype=f"V{index.d}", buffer=content, strides=(1,)
        )
        step = json.loads(path.with_suffix(".json").read_bytes())["step"]
        return cls(index, step, codes, mapped(path.with_suffix(".places.npy")))

    @staticmethod
    def build(vectors: Matrix, path: Path, *, lists_from: int = LISTS_FROM) -> None:
        """Round and write vectors, shape (n, d), n > 0; two small files beside them hold the step and the places."""
        import faiss

        products, dimension = vectors.shape
        step = _step(vectors)
        rounding = faiss.ScalarQuantizer.QT_8bit_direct_signed
        index: Any
        if products < lists_from:
            index = faiss.IndexScalarQuantizer(dimension, rounding, faiss.METRIC_INNER_PRODUCT)
        else:
            centres = _centres(vectors, 4 * math.isqrt(products))
            # The centres are rounded too: looking for the nearest ones would take as long as looking into their lists.
            nearest = faiss.IndexScalarQuantizer(dimension, rounding, faiss.METRIC_INNER_PRODUCT)
            nearest.add(_codes(centres, _step(centres)))
            index = faiss.IndexIVFScalarQuantizer(
                nearest, dimension, len(centres), rounding, faiss.METRIC_INNER_PRODUCT, False
            )
            index.train(centres)  # nothing is left to learn
        for start in range(0, products, _CHUNK):
            index.add(_codes(vectors[start : start + _CHUNK], step))
        faiss.write_index(index, str(path))
        path.with_suffix(".json").write_text(json.dumps({"step": step}))
        np.save(path.with_suffix(".places.npy"), _places(index, path.stat().st_size))

    @property
    def dimension(self) -> int:
        """Length of each vector."""
        return int(self._index.d)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def search(self, vector: Vector, limit: int, *, floor: float, allowed: Mask | None = None) -> Rows:
        """Rows of the products whose cosine with `vector`, shape (d,), is at least `floor`; best first, <= limit.

        Of LISTS_FROM products or more it finds most: decision 0006 says how many.

        Args:
            vector: Of the query, unit length.
            limit: The most rows to return.
            floor: In [-1, 1].
            allowed: Shape (n,): only these products are looked at; None for all.
        """
        lists = getattr(self._index, "nlist", None)
        share = 1.0 if allowed is None else np.count_nonzero(allowed) / len(self)
        if lists is not None and allowed is not None and share * len(self) <= _FEW:
            return self._one_by_one(vector, limit, floor, np.flatnonzero(allowed))
        scale = _LARGEST / max(float(np.abs(vector).max()), 1e-9)
        rounded = np.round(vector * scale).astype(np.float32)
        probed = None if lists is None else min(lists, math.ceil(PROBED / share))
        selected = _parameters(probed, allowed)
        products, rows = self._index.search(rounded[np.newaxis], min(limit, len(self)), params=selected)
        cosines = products[0] * (self._step / scale)
        return np.asarray(rows[0][(cosines >= floor) & (rows[0] >= 0)], dtype=np.int64)

    def take(self, rows: Rows) -> Matrix:
        """Shape (len(rows), d): the vectors of some products, as 8 bits have kept them."""
        return np.asarray((self._bytes(rows) - _ZERO) * self._step, dtype=np.float32)

    def cosines(self, vector: Vector, rows: Rows) -> Vector:
        """Shape (len(rows),), in [-1, 1]: cosine of `vector`, shape (d,), with some products.

        The bytes are multiplied as they are, which is four times as fast as taking the vectors out first.
        """
        return np.asarray((self._bytes(rows) @ vector - _ZERO * vector.sum()) * self._step, dtype=np.float32)

    def _bytes(self, rows: Rows) -> Matrix:
        """Shape (len(rows), d), from 0 to 255."""
        codes = self._codes[self._places[rows]].view(np.uint8)
        return codes.reshape(len(rows), self.dimension).astype(np.float32)

    def _one_by_one(self, vector: Vector, limit: int, floor: float, rows: Rows) -> Rows:
        cosines = self.cosines(vector, rows)
        best = np.argsort(-cosines, kind="stable")[:limit]
        return rows[best[cosines[best] >= floor]]


def _centres(vectors: Matrix, lists: int) -> Matrix:
    """Shape (lists, d): the middles of clusters of vectors, in directions."""
    import faiss

    chosen = np.random.default_rng(0).permutation(len(vectors))[: lists * _SAMPLE_PER_LIST]
    clustering = faiss.Clustering(vectors.shape[1], lists)
    clustering.spherical = True
    clustering.niter = _ROUNDS
    clustering.min_points_per_centroid = 1
    clustering.train(vectors[np.sort(chosen)], faiss.IndexFlatIP(vectors.shape[1]))
    centres: Matrix = faiss.vector_to_array(clustering.centroids).reshape(lists, -1)
    return centres


def _step(vectors: Matrix) -> float:
    return max(float(vectors.max()), -float(vectors.min())) / _LARGEST or 1.0


def _codes(vectors: Matrix, step: float) -> Matrix:
    return np.round(vectors / step).astype(np.float32)


def _parameters(probed: int | None, allowed: Mask | None) -> Any:
    """How faiss is to search: in how many lists (None where there are none), and only the products allowed."""
    import faiss

    given: dict[str, Any] = {} if probed is None else {"nprobe": probed}
    if allowed is not None:
        # faiss wraps these in Python after its stubs were written.
        given["sel"] = faiss.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))  # type: ignore[call-arg, arg-type]
    kind = faiss.SearchParameters if probed is None else faiss.SearchParametersIVF
    return kind(**given) if given else None


def _places(index: Any, size_bytes: int) -> NDArray[np.int64]:
    """Shape (n,): where each product's code begins in the index's file.

    The codes end the file: all of them where there are no lists, else each list's codes with its row numbers behind.
    """
    import faiss

    products, dimension = index.ntotal, index.d
    places = np.empty(products, dtype=np.int64)
    if not hasattr(index, "nlist"):
        places[:] = size_bytes - (products - np.arange(products)) * dimension
        return places
    begin = size_bytes - products * (dimension + 8)
    for number in range(index.nlist):
        length = index.invlists.list_size(number)
        if length:
            rows = faiss.rev_swig_ptr(index.invlists.get_ids(number), length)
            places[rows] = begin + np.arange(length) * dimension
            begin += length * (dimension + 8)
    return places
