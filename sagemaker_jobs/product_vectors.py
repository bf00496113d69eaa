"""The vectors of a catalogue's products as `embed` writes them: `vectors.npy`, and `vectors.json` beside it."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from relevance.arrays import Matrix
from relevance.contracts.models import Sha256
from relevance.errors import VitrineError
from sagemaker_jobs.job import replace_file

VECTORS, ABOUT = "vectors.npy", "vectors.json"
_LENGTH_TOLERANCE = 1e-3


class VectorsManifest(BaseModel):
    """Who made the vectors, and of which products."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    encoder_id: str = Field(min_length=1)
    space: str = Field(min_length=1)
    """The id of the encoder whose vectors these may be compared with."""
    dimension: int = Field(gt=0)
    products: int = Field(gt=0)
    data_sha256: Sha256
    """Of the data set whose products they are, in its order."""


@dataclass(frozen=True)
class ProductVectors:
    """Vectors of length 1, one for each product, and where they come from."""

    manifest: VectorsManifest
    vectors: Matrix
    """Shape (n, d), float32."""

    @classmethod
    def read(cls, folder: Path) -> Self:
        """What lies in a folder.

        Raises:
            VitrineError: If a file is missing or cut, or the array is not what `vectors.json` says: shape, kind of
                number, rows of length 1.
        """
        try:
            manifest = VectorsManifest.model_validate_json((folder / ABOUT).read_bytes())
            vectors = np.load(folder / VECTORS)
        except (OSError, ValueError, EOFError, ValidationError) as error:
            raise VitrineError(f"vectors in {folder}: {error}") from error
        return cls(manifest, _checked(vectors, manifest, folder))

    def write(self, folder: Path) -> None:
        """Both files, the manifest last."""
        content = io.BytesIO()
        np.save(content, _checked(self.vectors, self.manifest, folder))
        replace_file(folder / VECTORS, content.getvalue())
        replace_file(folder / ABOUT, self.manifest.model_dump_json(indent=1).encode() + b"\n")


def _checked(vectors: Matrix, manifest: VectorsManifest, folder: Path) -> Matrix:
    promised = (manifest.products, manifest.dimension)
    if vectors.shape != promised or vectors.dtype != np.float32:
        raise VitrineError(f"vectors in {folder}: {VECTORS} is {vectors.shape} of {vectors.dtype}, expected {promised}")
    lengths = np.linalg.norm(vectors, axis=1)
    wrong = np.flatnonzero(~(np.abs(lengths - 1) <= _LENGTH_TOLERANCE))  # true for NaN as well
    if len(wrong):
        raise VitrineError(
            f"vectors in {folder}: {len(wrong):,} rows are not of length 1, such as row {wrong[0]}, {lengths[wrong[0]]}"
        )
    return vectors
