"""Which category a text belongs to: of a product that has none, and of what a shopper asks for.

A linear model over the text's vector, made by `sagemaker_jobs.categorise`; it needs numpy alone. Categories are paths,
broad to narrow; what is not sure of the narrowest may still be sure of one that holds it.

No search uses it yet: knowing the kind of product that a query asks for did not order products better
(docs/decisions/0014-categories.md).
"""

import io
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
from pydantic import ValidationError

from relevance.arrays import Matrix, Vector
from relevance.contracts.models import ClassifierManifest
from relevance.errors import ReleaseRefused
from relevance.release_files import MANIFEST, file_entry

CategoryPath = tuple[str, ...]
"""Broad to narrow, as `Product.categories`."""

WEIGHTS = "classifier.npz"


@dataclass(frozen=True)
class CategoryClassifier:
    """Weights for c categories over vectors of length d."""

    manifest: ClassifierManifest
    weights: Matrix
    """Shape (d, c)."""
    bias: Vector
    """Shape (c,)."""

    @classmethod
    def load(cls, folder: Path) -> Self:
        """What `categorise` wrote.

        Raises:
            ReleaseRefused: If a file is missing or damaged, or the weights are not for the manifest's categories.
        """
        try:
            manifest = ClassifierManifest.model_validate_json((folder / MANIFEST).read_bytes())
            if file_entry(folder / WEIGHTS) != manifest.files.get(WEIGHTS):
                raise ReleaseRefused(f"classifier in {folder}: {WEIGHTS} is not the one of its {MANIFEST}")
            with np.load(folder / WEIGHTS) as held:
                weights, bias = held["weights"].astype(np.float32), held["bias"].astype(np.float32)
        except (OSError, ValidationError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise ReleaseRefused(f"classifier in {folder}: {error}") from error
        expected = (manifest.dimension, len(manifest.categories))
        if weights.shape != expected or bias.shape != expected[1:]:
            raise ReleaseRefused(f"classifier in {folder}: {WEIGHTS} has {weights.shape}, its manifest {expected}")
        return cls(manifest, weights, bias)

    def packed(self) -> bytes:
        """The content of `classifier.npz`, without the manifest that belongs beside it."""
        content = io.BytesIO()
        np.savez(content, weights=self.weights, bias=self.bias)
        return content.getvalue()

    def probabilities(self, vectors: Matrix) -> Matrix:
        """How likely each category is for each text.

        Args:
            vectors: Shape (n, d), of length 1, in the space that the manifest names.

        Returns:
            Shape (n, c), rows that add up to 1, in the order of the manifest's categories.
        """
        return softmax((vectors @ self.weights + self.bias) / self.manifest.temperature)

    def surely(self, vectors: Matrix) -> list[tuple[CategoryPath, float] | None]:
        """Of each text, a product's or a query's, the narrowest category that is believed, with its probability.

        Args:
            vectors: As for `probabilities`.

        Returns:
            n times: a category and its probability; None where none reaches the manifest's threshold.
        """
        return self.narrowest(self.probabilities(vectors))

    def narrowest(self, probabilities: Matrix) -> list[tuple[CategoryPath, float] | None]:
        """As `surely`, of probabilities, shape (n, c). A broad category is as likely as all those in it together."""
        found: list[tuple[CategoryPath, float] | None] = [None] * len(probabilities)
        if self.manifest.threshold is None:
            return found
        open_rows = np.arange(len(probabilities))
        for paths, within in self._levels:
            likely = probabilities[open_rows] @ within
            best = likely.argmax(axis=1)
            sure = likely[np.arange(len(open_rows)), best]
            for row, place, share in zip(open_rows.tolist(), best.tolist(), sure.tolist(), strict=True):
                if share >= self.manifest.threshold:
                    found[row] = paths[place], min(share, 1.0)
            open_rows = open_rows[sure < self.manifest.threshold]
        return found

    @cached_property
    def _levels(self) -> list[tuple[list[CategoryPath], Matrix]]:
        """What may be said, the narrowest first: categories, and which of the c they hold, shape (c, categories).

        First the c themselves, then for each depth, from the deepest up, all that is that broad.
        """
        known = self.manifest.categories
        levels = [(list(known), np.eye(len(known), dtype=np.float32))]
        for depth in range(max(map(len, known)), 0, -1):
            paths = sorted({path[:depth] for path in known if len(path) >= depth})
            within = [[path[:depth] == broad for broad in paths] for path in known]
            levels.append((paths, np.array(within, dtype=np.float32)))
        return levels


def softmax(scores: Matrix) -> Matrix:
    """Scores, shape (n, c), as probabilities that add up to 1 in each row."""
    grown = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(grown / grown.sum(axis=1, keepdims=True), dtype=np.float32)
