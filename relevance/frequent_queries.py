"""The large model's own vectors of what a shop is asked most often: its quality for these queries, at no cost."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from relevance.arrays import Vector, mapped
from relevance.errors import ReleaseRefused

MOST_FREQUENT: Final = 20_000
ABOUT, KEYS, VECTORS = "frequent_queries.json", "frequent_queries.keys.npy", "frequent_queries.vectors.npy"
FILES = (ABOUT, KEYS, VECTORS)
_LENGTH_TOLERANCE = 1e-3


class AboutFrequentQueries(BaseModel):
    """Whose vectors they are, and how many."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    space: str = Field(min_length=1)
    """The id of the encoder whose vectors these may be compared with."""
    dimension: int = Field(gt=0)
    queries: int = Field(gt=0, le=MOST_FREQUENT)


class FrequentQueries:
    """Vectors by normalised query, memory-mapped.

    A query is known by the first 8 bytes of its sha256: what shoppers typed does not travel in a release, nothing is
    read before it is asked for, and of a thousand million other queries one would find a wrong vector with a
    probability of one in a million.
    """

    def __init__(self, about: AboutFrequentQueries, keys: NDArray[np.uint64], vectors: NDArray[np.float16]) -> None:
        """
        Args:
            about: What `keys` and `vectors` are.
            keys: Shape (n,), increasing.
            vectors: Shape (n, d), rows of length 1.
        """
        self.about = about
        self._keys = keys
        self._vectors = vectors

    @classmethod
    def open(cls, folder: Path) -> Self | None:
        """Map what `write` wrote; None where it wrote nothing.

        Raises:
            ReleaseRefused: If a file is missing or cut, or the arrays are not what the file about them says.
        """
        if not (folder / ABOUT).is_file():
            return None
        try:
            about = AboutFrequentQueries.model_validate_json((folder / ABOUT).read_bytes())
            keys, vectors = mapped(folder / KEYS), mapped(folder / VECTORS)
        except (OSError, ValueError, EOFError, ValidationError) as error:
            raise ReleaseRefused(f"frequent queries in {folder}: {error}") from error
        promised = ((about.queries,), (about.queries, about.dimension))
        right = keys.dtype == np.uint64 and vectors.dtype == np.float16
        if not right or (keys.shape, vectors.shape) != promised:
            raise ReleaseRefused(
                f"frequent queries in {folder}: {KEYS} is {keys.shape} of {keys.dtype} and {VECTORS} {vectors.shape} "
                f"of {vectors.dtype}, {ABOUT} promises {promised[0]} of uint64 and {promised[1]} of float16"
            )
        if not np.all(keys[1:] > keys[:-1]):
            raise ReleaseRefused(f"frequent queries in {folder}: {KEYS} does not increase, so none could be found")
        return cls(about, keys, vectors)

    @staticmethod
    def write(folder: Path, vectors: Mapping[str, Vector], space: str) -> None:
        """Three files, the one about the others last.

        Args:
            folder: Where; it exists.
            vectors: Normalised query -> shape (d,), of length 1; at least one and at most MOST_FREQUENT.
            space: The id of the encoder whose vectors these may be compared with.

        Raises:
            ValueError: If there are too few or too many, or one is not of length 1.
        """
        if not 1 <= len(vectors) <= MOST_FREQUENT:
            raise ValueError(f"{len(vectors):,} frequent queries: expected 1 to {MOST_FREQUENT:,}")
        stacked = np.stack(list(vectors.values()))
        lengths = np.linalg.norm(stacked, axis=1)
        wrong = np.flatnonzero(~(np.abs(lengths - 1) <= _LENGTH_TOLERANCE))  # true for NaN as well
        if len(wrong):
            raise ValueError(f"frequent query {wrong[0]}: its vector has length {lengths[wrong[0]]}, expected 1")
        keys, first = np.unique(np.array([_key(query) for query in vectors], dtype=np.uint64), return_index=True)
        np.save(folder / KEYS, keys)
        np.save(folder / VECTORS, stacked[first].astype(np.float16))
        about = AboutFrequentQueries(space=space, dimension=stacked.shape[1], queries=len(keys))
        (folder / ABOUT).write_text(json.dumps(about.model_dump(), indent=1) + "\n", encoding="utf-8")

    def __len__(self) -> int:
        return self.about.queries

    def vector_of(self, normalised: str) -> Vector | None:
        """Shape (d,), of length 1; None for a query that is not among them.

        Args:
            normalised: As `read_query` normalises it.
        """
        key = _key(normalised)
        place = int(np.searchsorted(self._keys, key))
        if place == len(self._keys) or self._keys[place] != key:
            return None
        return np.asarray(self._vectors[place], dtype=np.float32)


def _key(normalised: str) -> np.uint64:
    return np.uint64(int.from_bytes(hashlib.sha256(normalised.encode()).digest()[:8], "big"))
