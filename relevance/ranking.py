"""Stage 3: the order of one query's candidates."""

from typing import Protocol

import numpy as np

from relevance.arrays import Matrix, Rows, Vector
from relevance.contracts.stages import UnderstoodQuery
from relevance.features import Candidates, feature_matrix
from relevance.index.table import CatalogueScale


class Scorer(Protocol):
    """Anything that scores feature rows: an ONNX session, a torch module, a fake in a test."""

    ranker_id: str

    def score(self, features: Matrix) -> Vector:
        """Shape (n, f) in, shape (n,) out; higher is more relevant."""

    def contributions(self, features: Matrix) -> Matrix:
        """What each feature adds to each score: shape (n, f) in and out; raises ModelFailed if it cannot say."""


def rerank(
    query: UnderstoodQuery, candidates: Candidates, scale: CatalogueScale, scorer: Scorer
) -> tuple[Rows, Vector]:
    """Order candidates by score, best first; equal scores keep the retriever's order.

    Returns:
        Places in `candidates`, shape (n,), best first; and the score of each candidate in the order given, shape (n,).

    Raises:
        ModelFailed: If the scorer does not answer.
    """
    if not len(candidates):
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
    scores = scorer.score(feature_matrix(query, candidates, scale))
    return np.argsort(-scores, kind="stable"), scores
