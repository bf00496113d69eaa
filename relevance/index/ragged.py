"""Many lists of different length in two arrays, so that 200 of them are read without a loop."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from relevance.arrays import Rows, mapped


@dataclass(frozen=True)
class Ragged:
    """n lists of integers, one list after the other."""

    offsets: NDArray[np.int64]
    """Shape (n + 1,): list i is values[offsets[i]:offsets[i + 1]]."""
    values: NDArray[np.integer]
    """Shape (total,)."""

    @classmethod
    def of(cls, lists: Sequence[Sequence[int]], dtype: DTypeLike) -> Self:
        """From Python lists; `dtype` is an integer type that holds every value."""
        lengths = np.fromiter(map(len, lists), dtype=np.int64, count=len(lists))
        values = np.fromiter(chain.from_iterable(lists), dtype=dtype, count=int(lengths.sum()))
        return cls(np.concatenate(([0], np.cumsum(lengths))), values)

    @classmethod
    def open(cls, folder: Path, name: str) -> Self:
        """Memory-mapped, as `save` wrote it."""
        offsets, values = (mapped(folder / f"{name}.{part}.npy") for part in ("offsets", "values"))
        return cls(offsets, values)

    def save(self, folder: Path, name: str) -> None:
        """Two files, `<name>.offsets.npy` and `<name>.values.npy`."""
        np.save(folder / f"{name}.offsets.npy", self.offsets)
        np.save(folder / f"{name}.values.npy", self.values)

    def take(self, which: Rows) -> "Ragged":
        """Some of the lists, in the order asked for."""
        starts = self.offsets[which]
        lengths = self.offsets[which + 1] - starts
        offsets = np.concatenate(([0], np.cumsum(lengths)))
        where = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths)
        return Ragged(offsets, self.values[where])

    def joined(self, *others: "Ragged") -> "Ragged":
        """These lists, then the others'."""
        parts = (self, *others)
        lengths = np.concatenate([part.lengths for part in parts])
        return Ragged(np.concatenate(([0], np.cumsum(lengths))), np.concatenate([part.values for part in parts]))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Shape (n,): how long each list is."""
        return np.diff(self.offsets)

    def owners(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """Shape (len(places),): which list each of some places in `values` belongs to."""
        return np.searchsorted(self.offsets, places, side="right") - 1
