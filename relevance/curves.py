"""How well scores tell relevant products from others, at every threshold at once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Labels = NDArray[np.bool_]


@dataclass(frozen=True)
class Thresholds:
    """What comes of calling everything relevant that scores at least as high, from the highest score down.

    All of shape (m,): one entry for each distinct score.
    """

    scores: Numbers
    found: Numbers
    """How many relevant ones score so high."""
    false: Numbers
    """How many others do."""

    @property
    def recall(self) -> Numbers:
        """In [0, 1], not decreasing; also called the true positive rate."""
        recall: Numbers = self.found / self.found[-1]
        return recall

    @property
    def false_positive_rate(self) -> Numbers:
        """In [0, 1], not decreasing."""
        rate: Numbers = self.false / self.false[-1]
        return rate

    @property
    def precision(self) -> Numbers:
        """In [0, 1]."""
        return self.found / (self.found + self.false)

    @property
    def f1(self) -> Numbers:
        """In [0, 1]."""
        f1: Numbers = 2 * self.found / (self.found[-1] + self.found + self.false)
        return f1


def thresholds(scores: Numbers, relevant: Labels) -> Thresholds:
    """Count at every distinct score; equal scores are called relevant together or not at all.

    Args:
        scores: Shape (n,), higher is more relevant; minus infinity for what was not found at all.
        relevant: Shape (n,), of both kinds at least one.

    Raises:
        ValueError: If the shapes differ, a score is NaN, or all labels are the same.
    """
    if scores.shape != relevant.shape or np.isnan(scores).any():
        raise ValueError(f"scores {scores.shape} and labels {relevant.shape}: expected as many, and no NaN")
    if relevant.all() or not relevant.any():
        raise ValueError(f"all {len(relevant)} labels are the same: nothing can be told apart")
    order = np.argsort(-scores, kind="stable")
    descending = scores[order]
    last = np.append(descending[1:] != descending[:-1], True)
    found = np.cumsum(relevant[order], dtype=np.float64)[last]
    false = np.cumsum(~relevant[order], dtype=np.float64)[last]
    return Thresholds(descending[last], found, false)


def roc_auc(at: Thresholds) -> float:
    """The probability that a relevant one scores higher than another, ties counted half; in [0, 1].

    Source:
        Fawcett, An introduction to ROC analysis, Pattern Recognition Letters 2006: the trapezoids under the curve.

    >>> roc_auc(thresholds(np.array([3.0, 2.0, 2.0, 1.0]), np.array([True, True, False, False])))
    0.875
    """
    x, y = np.append(0.0, at.false_positive_rate), np.append(0.0, at.recall)
    return float(np.sum(np.diff(x) * (y[1:] + y[:-1]) / 2))


def average_precision(at: Thresholds) -> float:
    """Precision at each threshold, weighted by the recall that it adds; in [0, 1].

    No straight lines between the points, which would promise what no threshold gives.

    Source:
        Davis and Goadrich, The Relationship Between Precision-Recall and ROC Curves, ICML 2006.

    >>> round(average_precision(thresholds(np.array([3.0, 2.0, 1.0]), np.array([True, False, True]))), 4)
    0.8333
    """
    return float(np.sum(np.diff(np.append(0.0, at.recall)) * at.precision))


def cross_validated_f1(scores: Numbers, relevant: Labels, groups: NDArray[np.int64], folds: int = 10) -> float:
    """F1 with, for each group of pairs, the threshold that is best for the other folds' groups; in [0, 1].

    The best threshold of all pairs flatters itself, the more so the fewer there are. With no more groups than folds
    each group is left out alone.

    Args:
        scores, relevant: As `thresholds` takes them.
        groups: Shape (n,): the query that each pair belongs to.
        folds: At least 2.

    Returns:
        NaN if without some fold there is only one kind of label left to choose by.
    """
    names = np.unique(groups)
    predicted = np.zeros(len(scores), dtype=bool)
    for fold in range(min(folds, len(names))):
        left_out = np.isin(groups, names[fold::folds])
        others = relevant[~left_out]
        if others.all() or not others.any():
            return float("nan")
        at = thresholds(scores[~left_out], others)
        predicted[left_out] = scores[left_out] >= at.scores[np.argmax(at.f1)]
    return float(
        2 * np.count_nonzero(predicted & relevant) / (np.count_nonzero(predicted) + np.count_nonzero(relevant))
    )
