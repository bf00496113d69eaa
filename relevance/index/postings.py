"""Which products hold a token: a query's whole result set, where the lexical index gives its best."""

from collections.abc import Iterable
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from relevance.arrays import Mask, mapped
from relevance.index.ragged import Ragged
from relevance.index.tokens import token_hash

_PARTS = 16
_ROWS_PER_BYTE = 8


class Postings:
    """The products of each token: as a list of rows, or as a bit for every product where that is smaller."""

    def __init__(
        self,
        products: int,
        rare: NDArray[np.uint32],
        rows: Ragged,
        common: NDArray[np.uint32],
        bits: NDArray[np.uint8],
    ) -> None:
        """
        Args:
            products: n.
            rare: Shape (r,): hashes, increasing.
            rows: r lists of rows.
            common: Shape (c,): hashes, increasing.
            bits: Shape (c, n / 8, rounded up): a bit for each product, the lowest first.
        """
        self._products = products
        self._rare = rare
        self._rows = rows
        self._common = common
        self._bits = bits

    @classmethod
    def open(cls, folder: Path, products: int) -> Self:
        """Memory-mapped, as `build` wrote it."""
        rare, common, bits = (mapped(folder / f"postings.{part}.npy") for part in ("rare", "common", "bits"))
        return cls(products, rare, Ragged.open(folder, "postings"), common, bits)

    @staticmethod
    def build(texts: Ragged, products: int, folder: Path) -> None:
        """Turn the token hashes of products' texts, as many texts of each product, into the products of each token."""
        owners = np.repeat(
            np.arange(products, dtype=np.uint32), texts.lengths.reshape(products, -1).sum(axis=1, dtype=np.int64)
        )
        rare, lengths, rows, common, bits = [], [], [], [], []
        # A sixteenth of the hashes at a time: sorting takes five times the room of its input.
        for part in range(_PARTS):
            chosen = texts.values >> np.uint32(28) == part
            pairs = np.unique(texts.values[chosen].astype(np.uint64) << np.uint64(32) | owners[chosen])
            hashes, starts, counts = np.unique(pairs >> np.uint64(32), return_index=True, return_counts=True)
            held = pairs.astype(np.uint32)  # the lower half: the row
            often = counts * (4 * _ROWS_PER_BYTE) > products
            for start, count in zip(starts[often].tolist(), counts[often].tolist(), strict=True):
                mask = np.zeros(products, dtype=bool)
                mask[held[start : start + count]] = True
                bits.append(np.packbits(mask, bitorder="little"))
            common.append(hashes[often].astype(np.uint32))
            rare.append(hashes[~often].astype(np.uint32))
            lengths.append(counts[~often])
            rows.append(held[np.repeat(~often, counts)])
        width = -(-products // _ROWS_PER_BYTE)
        np.save(folder / "postings.rare.npy", np.concatenate(rare))
        np.save(folder / "postings.common.npy", np.concatenate(common))
        np.save(folder / "postings.bits.npy", np.array(bits, dtype=np.uint8).reshape(-1, width))
        offsets = np.concatenate(([0], np.cumsum(np.concatenate(lengths), dtype=np.int64)))
        Ragged(offsets, np.concatenate(rows)).save(folder, "postings")

    def holding(self, tokens: Iterable[str]) -> Mask:
        """Shape (n,): which products hold any of some tokens."""
        bits = np.zeros(self._bits.shape[1], dtype=np.uint8)
        lists = []
        for wanted in map(token_hash, tokens):
            place = _place(self._common, wanted)
            if place is not None:
                bits |= self._bits[place]
                continue
            place = _place(self._rare, wanted)
            if place is not None:
                lists.append(self._rows.values[self._rows.offsets[place] : self._rows.offsets[place + 1]])
        mask: Mask = np.unpackbits(bits, count=self._products, bitorder="little").view(bool)
        for rows in lists:
            mask[rows] = True
        return mask


def _place(hashes: NDArray[np.uint32], wanted: int) -> int | None:
    place = int(np.searchsorted(hashes, np.uint32(wanted)))
    return place if place < len(hashes) and hashes[place] == wanted else None
