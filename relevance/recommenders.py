"""What a shopper buys next, from what was bought before: the scoring of the model that `train_shopper` makes, in numpy.

    score(product) = ln(max(what the shopper's products say for it, LEAST_SAID))
                   + trend_weight * trend of the product
                   + sequence_weight * (shopper . product + bias of the product)

The first part is a table of products that speak for each other, the second how much better a product sold of late than
altogether, the third the dot product of two vectors of one space, `[text ; behaviour]`: the first numbers of both are
in the text encoder's space, so that a shopper can be held against a query or a new product as well.
"""

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from relevance.arrays import Matrix, Rows, Vector
from relevance.contracts.models import ShopperManifest
from relevance.errors import FileDamaged, ReleaseRefused
from relevance.release_files import file_entry

ARRAYS, MANIFEST = "shopper.npz", "manifest.json"
LEAST_SAID = 1e-3
"""Below which it makes no difference how little is said for a product."""
LONGEST = 128
"""At most how many of a shopper's products the vector is made of, the one bought last first."""


class Bought(NamedTuple):
    """A product of a shopper's past."""

    product_id: str
    age_days: float
    """Since it was bought last, at least 0."""


class Recommended(NamedTuple):
    """A product that is new to the shopper."""

    product_id: str
    score: float
    """Of any size; higher is likelier."""


@dataclass(frozen=True)
class NextPurchases:
    """A trained model; n products, text vectors of d numbers, behaviour of h, k neighbours, a heads of attention."""

    product_ids: Sequence[str]
    """By row."""
    neighbours: NDArray[np.int32]
    """Shape (n, k): the rows of the products that each one speaks for, or against."""
    neighbour_weights: Matrix
    """Shape (n, k)."""
    trend: Vector
    """Shape (n,): the logarithm of a product's share of the late purchases over its share of all."""
    late_shoppers: Vector
    """Shape (n,): how many shoppers bought a product of late, those of long ago counting less."""
    trend_weight: float
    sequence_weight: float
    products: Matrix
    """Shape (n, d + h)."""
    bias: Vector
    """Shape (n,)."""
    reading: Matrix
    """Shape (n, h): what is read where a product was bought."""
    attention: Matrix
    """Shape (h, a)."""
    attention_bias: Vector
    """Shape (a,)."""
    forgetting_days: Vector
    """Shape (a,): after how long a head's attention falls to 1/e."""
    mix: Matrix
    """Shape (a h, h)."""
    mix_bias: Vector
    """Shape (h,)."""
    to_text: Matrix
    """Shape (h, d)."""

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Open what `train_shopper` wrote.

        Raises:
            ReleaseRefused: If there is no manifest, it is not understood, or the arrays do not fit it.
            FileDamaged: If a file is not what the manifest says.
        """
        try:
            manifest = ShopperManifest.model_validate_json((folder / MANIFEST).read_bytes())
        except (OSError, ValidationError) as error:
            raise ReleaseRefused(f"shopper model in {folder}: {error}") from error
        where = f"shopper model {manifest.shopper_model_id}: {ARRAYS}"
        if not (folder / ARRAYS).is_file() or file_entry(folder / ARRAYS) != manifest.files.get(ARRAYS):
            raise FileDamaged(f"{where} is not the file that its manifest promises")
        try:
            with np.load(folder / ARRAYS, allow_pickle=False) as arrays:
                named: dict[str, Any] = {field.name: arrays[field.name] for field in fields(cls)}
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise ReleaseRefused(f"{where}: {error}") from error
        named["product_ids"] = named["product_ids"].tolist()
        named |= {name: float(named[name]) for name in ("trend_weight", "sequence_weight")}
        model = cls(**named)
        found = (len(model.product_ids), model.products.shape[1])
        promised = (manifest.products, manifest.dimension + manifest.behaviour_dimension)
        if found != promised or model.products.shape[0] != found[0]:
            raise ReleaseRefused(f"{where} holds {found[0]} products of {found[1]} numbers, its manifest {promised}")
        return model

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What `load` reads, by name."""
        return {field.name: np.asarray(getattr(self, field.name)) for field in fields(self)}

    def recommend(self, past: Sequence[Bought], count: int) -> list[Recommended]:
        """The products that are likeliest to be bought next, best first, without those of the past.

        Args:
            past: In any order; products that the model does not know say nothing.
            count: At most how many.
        """
        rows, ages_days = self._known(past)
        scores = self.scores(rows, ages_days)
        scores[rows] = -np.inf
        best = np.argsort(-scores, kind="stable")[: min(count, len(scores) - len(rows))]
        return [Recommended(self.product_ids[row], float(scores[row])) for row in best.tolist()]

    def scores(self, rows: Rows, ages_days: Vector) -> Vector:
        """How likely each product is bought next, shape (n,); with no past, how many shoppers bought it of late.

        Args:
            rows: Shape (l,), distinct: what was bought, the one bought last first.
            ages_days: Shape (l,), ascending.
        """
        if not len(rows):
            return self.late_shoppers.copy()
        said = np.bincount(
            self.neighbours[rows].ravel(), self.neighbour_weights[rows].ravel(), minlength=len(self.product_ids)
        )
        sequence = self.products @ self.shopper(rows, ages_days) + self.bias
        found = np.log(np.maximum(said, LEAST_SAID)) + self.trend_weight * self.trend + self.sequence_weight * sequence
        scores: Vector = found.astype(np.float32)
        return scores

    def shopper(self, rows: Rows, ages_days: Vector) -> Vector:
        """A shopper's vector, `[taste ; habits]`: shape (d + h,); of one who bought nothing, zeros.

        Args:
            rows, ages_days: As for `scores`; what comes after the first LONGEST is not read.
        """
        rows, ages_days = rows[:LONGEST], ages_days[:LONGEST]
        if not len(rows):
            return np.zeros(self.products.shape[1], dtype=np.float32)
        read = self.reading[rows]  # (l, h)
        drawn = np.tanh(read) @ self.attention + self.attention_bias - ages_days[:, None] / self.forgetting_days
        weights = np.exp(drawn - drawn.max(axis=0))  # (l, a)
        weights /= weights.sum(axis=0)
        habits = (weights.T @ read).ravel() @ self.mix + self.mix_bias
        shopper: Vector = np.concatenate((habits @ self.to_text, habits)).astype(np.float32)
        return shopper

    def taste(self, past: Sequence[Bought]) -> Vector | None:
        """The part of a shopper's vector that may be held against queries and products, of length 1: shape (d,).

        None where the model knows nothing of the past.

        Args:
            past: As for `recommend`.
        """
        rows, ages_days = self._known(past)
        taste = self.shopper(rows, ages_days)[: self.to_text.shape[1]]
        length = float(np.linalg.norm(taste))
        return taste / np.float32(length) if length > 0 else None

    def _known(self, past: Sequence[Bought]) -> tuple[Rows, Vector]:
        """The rows of what the model knows of a past, the one bought last first, and their ages in days."""
        ages: dict[int, float] = {}
        for product_id, age_days in past:
            row = self._row_of.get(product_id)
            if row is not None:
                ages[row] = min(age_days, ages.get(row, age_days))
        rows = np.array(sorted(ages, key=lambda row: (ages[row], row)), dtype=np.int64)
        return rows, np.array([ages[row] for row in rows.tolist()], dtype=np.float32)

    @cached_property
    def _row_of(self) -> dict[str, int]:
        return {product_id: row for row, product_id in enumerate(self.product_ids)}
