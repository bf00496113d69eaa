"""The product records that hits show, memory-mapped: a hit needs no database."""

import hashlib
import json
import mmap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic_core import from_json

from relevance.arrays import Rows, mapped
from relevance.contracts.products import Product


def _id_hash(product_id: str) -> int:
    return int.from_bytes(hashlib.blake2b(product_id.encode(errors="surrogatepass"), digest_size=8).digest(), "little")


class ProductRecords:
    """JSON objects by row, and the row of each product id."""

    def __init__(
        self, data: bytes | mmap.mmap, offsets: NDArray[np.int64], ids: NDArray[np.uint64], rows: Rows
    ) -> None:
        self._data = data
        self._offsets = offsets
        self._ids = ids
        self._rows = rows

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Map the files that `write` wrote; nothing is read before it is asked for."""
        path = folder / "products.jsonl"
        if path.stat().st_size:
            with path.open("rb") as file:
                data: bytes | mmap.mmap = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        else:
            data = b""  # an empty file cannot be mapped
        ids, rows = (mapped(folder / name) for name in ("ids.npy", "id_rows.npy"))
        return cls(data, mapped(folder / "offsets.npy"), ids, rows)

    @staticmethod
    def write(products: Iterable[Product], folder: Path) -> None:
        """`products.jsonl` in row order, where each line starts, and the sorted 64-bit hashes of the ids."""
        offsets = [0]
        hashes = []
        with (folder / "products.jsonl").open("wb") as file:
            for product in products:
                line = json.dumps(product.record(), ensure_ascii=False, separators=(",", ":"))
                file.write(line.encode() + b"\n")
                offsets.append(file.tell())
                hashes.append(_id_hash(product.product_id))
        ids = np.array(hashes, dtype=np.uint64)
        order = np.argsort(ids)
        np.save(folder / "offsets.npy", np.array(offsets, dtype=np.int64))
        np.save(folder / "ids.npy", ids[order])
        np.save(folder / "id_rows.npy", order.astype(np.int64))

    def __len__(self) -> int:
        return len(self._ids)

    def read(self, rows: Rows) -> list[dict[str, Any]]:
        """The records of some rows, in that order."""
        spans = zip(self._offsets[rows].tolist(), self._offsets[rows + 1].tolist(), strict=True)
        return [from_json(self._data[start:end], cache_strings="keys") for start, end in spans]

    def rows(self, product_ids: Sequence[str]) -> Rows:
        """Shape (len(product_ids),): the row of each id, -1 where this release has no such product."""
        if not len(self._ids):
            return np.full(len(product_ids), -1, dtype=np.int64)
        wanted = np.array([_id_hash(product_id) for product_id in product_ids], dtype=np.uint64)
        places = np.minimum(np.searchsorted(self._ids, wanted), len(self._ids) - 1)
        return np.where(self._ids[places] == wanted, self._rows[places], -1)
