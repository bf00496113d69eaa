"""The ranker: a weighing of a few features that decides most, and a small cross network that corrects it."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

LARGEST_DEVIATION = 5.0
"""Standardised features are cut off here: an unheard-of price must not outweigh everything else."""

ANCHOR: Mapping[str, float] = {"fused": 10.0, "coverage": 3.0, "brand_named": 3.0}
"""What decides before anything is learnt: the weights of a few features, chosen by cross-validation over people's
ratings (docs/decisions/0009-ranker.md). Ten for `fused` is the steepness that a softmax over 200 candidates needs."""

VECTOR_FEATURES = ("cosine", "cosine_of_best", "likeness", "likeness_of_best")
"""Without a query vector these say nothing; `vector_missing` is 1 then."""

READ_FEATURES = (
    "bm25",
    "bm25_of_best",
    "bm25_of_possible",
    "coverage",
    "complete",
    "rarest_missing",
    "numbers_found",
    "numbers_missing",
    "brand_named",
    "brand_conflict",
    "cosine",
    "cosine_of_best",
    "vector_missing",
    "fused",
)
"""What the correction may read. A derived query is made of title words, so whatever tells titles from other text
(where the words stand, how long the title is) shows how the query was made rather than what a shopper wants: with all
features, the ranker wins on derived queries and loses on people's ratings."""


class Standardise(nn.Module):
    """Features to mean 0 and deviation 1; those that are not read, and those of a missing vector, to 0."""

    def __init__(self, feature_names: Sequence[str], read: Sequence[str]) -> None:
        super().__init__()
        self.mean: Tensor
        self.deviation: Tensor
        self.is_read: Tensor
        self.of_vector: Tensor
        self.register_buffer("mean", torch.zeros(len(feature_names)))
        self.register_buffer("deviation", torch.ones(len(feature_names)))
        self.register_buffer("is_read", torch.tensor([float(name in read) for name in feature_names]))
        self.register_buffer("of_vector", torch.tensor([float(name in VECTOR_FEATURES) for name in feature_names]))
        self._missing = list(feature_names).index("vector_missing")

    def fit(self, features: Tensor) -> None:
        """Learn mean and deviation from shape (n, f); of vector features from the rows that have a vector."""
        known = features[features[:, self._missing] == 0]
        for column, of_vector in enumerate(self.of_vector.tolist()):
            values = known[:, column] if of_vector and len(known) > 1 else features[:, column]
            self.mean[column] = values.mean()
            self.deviation[column] = values.std().clamp(min=1e-3)

    def forward(self, features: Tensor) -> Tensor:
        """Shape (n, f) to (n, f)."""
        standard = ((features - self.mean) / self.deviation).clamp(-LARGEST_DEVIATION, LARGEST_DEVIATION)
        missing = features[:, self._missing : self._missing + 1]  # (n, 1)
        return standard * self.is_read * (1 - missing * self.of_vector)


class CrossNetwork(nn.Module):
    """Every feature meets every other: a polynomial of degree `crosses` + 1.

        x[l + 1] = x[0] * (W[l] x[l] + b[l]) + x[l],    score = v . x[last]

    Source:
        Wang et al., DCN V2 (WWW 2021), equation 1.
    """

    def __init__(self, width: int, crosses: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(crosses))
        self.last = nn.Linear(width, 1, bias=False)
        nn.init.zeros_(self.last.weight)
        # Where the gradient is a polynomial of degree `crosses`, so many points of Gauss and Legendre integrate it
        # without an error.
        points, weights = np.polynomial.legendre.leggauss(crosses // 2 + 1)
        self._path = [(float(point + 1) / 2, float(weight) / 2) for point, weight in zip(points, weights, strict=True)]

    def forward(self, first: Tensor) -> Tensor:
        """Shape (n, f) to (n,)."""
        current = first
        for layer in self.layers:
            current = first * layer(current) + current
        score: Tensor = self.last(current).squeeze(1)
        return score

    def contributions(self, first: Tensor) -> Tensor:
        """What each feature adds, shape (n, f): a row's sum is its score, which is 0 where all features are.

        Each feature is credited with its derivative along the straight way from 0, so that what two features do
        together is shared between them.

        Source:
            Aumann and Shapley, Values of Non-Atomic Games (1974); integrated gradients in Sundararajan et al. (ICML
            2017). Here the integral is exact.
        """
        shares = [weight * first * self._gradient(point * first) for point, weight in self._path]
        return torch.stack(shares).sum(dim=0)

    def _gradient(self, first: Tensor) -> Tensor:
        """Of the score by the features, shape (n, f)."""
        current, crossed = first, []
        for layer in self.layers:
            crossed.append(layer(current))
            current = first * crossed[-1] + current
        of_first = torch.zeros_like(first)
        of_current = self.last.weight.expand_as(first)
        for layer, z in zip(reversed(self.layers), reversed(crossed), strict=True):
            assert isinstance(layer, nn.Linear)
            of_first = of_first + of_current * z
            of_current = of_current + (of_current * first) @ layer.weight
        return of_first + of_current


class Ranker(nn.Module):
    """Score = the anchor plus a correction learnt from the features.

    The correction starts at 0: an untrained ranker orders by the anchor. Without crosses it is linear.
    """

    def __init__(
        self,
        feature_names: Sequence[str],
        *,
        anchor: Mapping[str, float] = ANCHOR,
        read: Sequence[str] = READ_FEATURES,
        crosses: int = 2,
    ) -> None:
        super().__init__()
        self.anchor_weights: Tensor
        self.register_buffer("anchor_weights", torch.tensor([anchor.get(name, 0.0) for name in feature_names]))
        self.standardise = Standardise(feature_names, read)
        self.cross = CrossNetwork(len(feature_names), crosses)

    def anchor(self, features: Tensor) -> Tensor:
        """What decides before anything is learnt: shape (n, f) in, shape (n,) out."""
        return (features * self.anchor_weights).sum(dim=1)

    def correction(self, features: Tensor) -> Tensor:
        """What is added to it: shape (n, f) in, shape (n,) out."""
        corrected: Tensor = self.cross(self.standardise(features))
        return corrected

    def contributions(self, features: Tensor) -> Tensor:
        """What each feature adds to a score: shape (n, f), in which a row's sum is its score."""
        credited: Tensor = self.cross.contributions(self.standardise(features))
        return features * self.anchor_weights + credited

    def forward(self, features: Tensor) -> Tensor:
        """Shape (n, f) in, shape (n,) out; higher is more relevant."""
        return self.anchor(features) + self.correction(features)


class Explanation(nn.Module):
    """A ranker asked for its contributions instead of its score, for an ONNX graph of its own."""

    def __init__(self, ranker: Ranker) -> None:
        super().__init__()
        self._ranker = ranker

    def forward(self, features: Tensor) -> Tensor:
        """Shape (n, f) in, shape (n, f) out."""
        return self._ranker.contributions(features)
