"""BM25 of given candidates, field by field: the lexical features, for products from the index or from a caller."""

import numpy as np

from relevance.arrays import Matrix, Vector

K1 = 1.2
B = 0.75


def inverse_document_frequencies(frequencies: Vector, products: int) -> Vector:
    """How rare each token is.

        idf = ln(1 + (products - frequency + 0.5) / (frequency + 0.5))

    Args:
        frequencies: Shape (m,), products that hold the token, in [0, products].
        products: Size of the catalogue.

    Returns:
        Shape (m,), above 0.

    Source:
        Robertson and Zaragoza, The Probabilistic Relevance Framework (2009), in Lucene's never-negative form.
    """
    return np.log1p((products - frequencies + 0.5) / (frequencies + 0.5)).astype(np.float32)


def saturated_counts(counts: Matrix, lengths: Matrix, mean_lengths: Vector) -> Matrix:
    """BM25 without its idf: how much seeing a token `counts` times in a text of `lengths` tokens says.

        count * (k1 + 1) / (count + k1 * (1 - b + b * length / mean length))

    Args:
        counts: Shape (m, n, f): token i in field k of candidate j.
        lengths: Shape (n, f): tokens.
        mean_lengths: Shape (f,): mean over the catalogue; 0 for a field that no product has.

    Returns:
        Shape (m, n, f), in [0, k1 + 1).
    """
    relative = lengths / np.maximum(mean_lengths, 1e-9)
    return (counts * (K1 + 1) / (counts + K1 * (1 - B + B * relative))).astype(np.float32)
