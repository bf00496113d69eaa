"""The ranker: a small cross network over the features of query and product, beside the fused score."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

LARGEST_DEVIATION = 5.0
"""Standardised features are cut off here: an unheard-of price must not outweigh everything else."""

FUSED_WEIGHT = 10.0
"""What the fused score, in [0, 1], counts: the steepness that a softmax over 200 candidates needs."""

VECTOR_FEATURES = ("cosine", "cosine_of_best")
"""Without a query vector these say nothing; `vector_missing` is 1 then."""

READ_FEATURES = (
    "bm25",
    "bm25_of_best",
    "coverage",
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
features, the ranker wins on derived queries and loses on people's ratings (card.md)."""


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


class CrossLayer(nn.Module):
    """x0 * (W x + b) + x: every feature meets every other.

    Source:
        Wang et al., DCN V2 (WWW 2021), equation 1.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width)

    def forward(self, first: Tensor, current: Tensor) -> Tensor:
        """Shapes (n, f), (n, f) to (n, f)."""
        crossed: Tensor = first * self.linear(current) + current
        return crossed


class Ranker(nn.Module):
    """Score = the fused score, weighed, plus a correction learnt from the features.

    The correction's last layer starts at 0: an untrained ranker keeps the fused order. With neither crosses nor hidden
    units the correction is linear.
    """

    def __init__(
        self,
        feature_names: Sequence[str],
        *,
        read: Sequence[str] = READ_FEATURES,
        crosses: int = 2,
        hidden: int = 32,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        width = len(feature_names)
        self._fused = list(feature_names).index("fused")
        self.standardise = Standardise(feature_names, read)
        self.crosses = nn.ModuleList(CrossLayer(width) for _ in range(crosses))
        self.deep = nn.Sequential()
        if hidden:
            self.deep = nn.Sequential(
                nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, hidden), nn.ReLU()
            )
        self.last = nn.Linear(width + (hidden or width), 1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def fused(self, features: Tensor) -> Tensor:
        """The fused score as it counts: shape (n, f) in, shape (n,) out."""
        return FUSED_WEIGHT * features[:, self._fused]

    def correction(self, features: Tensor) -> Tensor:
        """What is added to it: shape (n, f) in, shape (n,) out."""
        standard = self.standardise(features)
        crossed = standard
        for layer in self.crosses:
            crossed = layer(standard, crossed)
        summed: Tensor = self.last(torch.cat((crossed, self.deep(standard)), dim=1)).squeeze(1)
        return summed

    def forward(self, features: Tensor) -> Tensor:
        """Shape (n, f) in, shape (n,) out; higher is more relevant."""
        return self.fused(features) + self.correction(features)
