"""Two orders of the same products, by words and by meaning, made one."""

import numpy as np

from relevance.arrays import Vector


def fused_scores(bm25: Vector, cosines: Vector | None, *, lexical_share: float) -> Vector:
    """One score per candidate: each side over the best candidate's, then a weighted mean.

        fused = share * bm25 / max(bm25) + (1 - share) * max(cosine, 0) / max(cosine)

    Nothing but the best candidates counts for the others, so that a longer list gives the same scores.

    Args:
        bm25: Shape (n,), at least 0; 0 where no word matches.
        cosines: Shape (n,), in [-1, 1]; None when there is no query vector, and words decide alone.
        lexical_share: In [0, 1].

    Returns:
        Shape (n,), float32, in [0, 1].

    >>> fused_scores(np.array([4.0, 0.0], dtype=np.float32), np.array([0.2, 0.6], dtype=np.float32), lexical_share=0.25)
    array([0.5 , 0.75], dtype=float32)
    """
    by_words = _of_best(bm25)
    if cosines is None:
        return by_words
    by_meaning = _of_best(np.maximum(cosines, 0))
    return (lexical_share * by_words + (1 - lexical_share) * by_meaning).astype(np.float32)


def _of_best(scores: Vector) -> Vector:
    best = scores.max(initial=0.0)
    return (scores / best if best > 0 else np.zeros_like(scores)).astype(np.float32)
