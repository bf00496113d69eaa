"""A linear classifier over vectors: multinomial logistic regression, trained by L-BFGS."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar

from relevance.arrays import Matrix, Rows, Vector
from relevance.category_intent import softmax

_ROUNDS = 60
"""Of L-BFGS at most; more change the last per mille of what is right, either way."""
_COOLEST, _WARMEST = 0.5, 20.0
"""Where every label is right, nothing but this keeps probabilities from becoming 1."""


def softmax_regression(vectors: Matrix, labels: Rows, count: int, *, decay: float) -> tuple[Matrix, Vector]:
    """The weights of least mean cross-entropy plus `decay` / 2 of the sum of their squares; the bias is free.

    Args:
        vectors: Shape (n, d).
        labels: Shape (n,), 0 to `count` - 1.
        count: Of labels.
        decay: At least 0.

    Returns:
        Weights, shape (d, count), and bias, shape (count,).
    """
    n, d = vectors.shape
    rows = np.arange(n)

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        table = flat.reshape(d + 1, count)
        narrow = table.astype(np.float32)  # sums of float32 are exact enough, and twice as fast
        probabilities = softmax(vectors @ narrow[:-1] + narrow[-1])
        entropy = _cross_entropy(probabilities, labels)
        probabilities[rows, labels] -= 1
        slope = np.empty_like(table)
        slope[:-1] = vectors.T @ probabilities / n + decay * table[:-1]
        slope[-1] = probabilities.sum(axis=0) / n
        return entropy + decay / 2 * float((table[:-1] ** 2).sum()), slope.ravel()

    start = np.zeros((d + 1) * count)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": _ROUNDS})
    table = found.x.reshape(d + 1, count).astype(np.float32)
    return table[:-1], table[-1]


def temperature_of(scores: Matrix, labels: Rows) -> float:
    """What scores, shape (n, c), are divided by for the labels, shape (n,), to be most likely.

    Source:
        Temperature scaling (Guo et al., On calibration of modern neural networks, 2017).
    """
    bounds = (np.log(_COOLEST), np.log(_WARMEST))
    found = minimize_scalar(
        lambda logarithm: _cross_entropy(softmax(scores / np.float32(np.exp(logarithm))), labels),
        bounds=bounds,
        method="bounded",
    )
    return float(np.exp(found.x))


def _cross_entropy(probabilities: Matrix, labels: Rows) -> float:
    likely = probabilities[np.arange(len(labels)), labels]
    return -float(np.log(np.maximum(likely, 1e-30), dtype=np.float64).mean())
