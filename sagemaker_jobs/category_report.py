"""How good predicted categories are: accuracy, F1, calibration, and from which probability on they are believed."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from relevance.arrays import Mask, Matrix, Rows, Vector
from relevance.category_intent import CategoryPath

WANTED_PRECISION = 0.85
"""In [0, 1]: how many of the categories that are filled in are surely right. A wrong one puts a product where nobody
looks for it; a missing one leaves it where it was. More cannot be had of every catalogue: some put one kind of thing
under several categories (a marinade under sauces, and under Hispanic), and no text can tell which."""
LEAST_BELIEVED = 0.5
"""A category that is less likely than not is never filled in, however often such guesses were right: a shop's next
products are of kinds that nobody has measured."""
_CONFIDENCE = 1.96
"""Standard deviations on either side: a 95% interval."""
_BINS = 15


@dataclass(frozen=True)
class CategoryScore:
    """How one category fares among products that were not learnt from; shares in [0, 1]."""

    precision: float
    """Of those taken for it, how many are of it; 0 where none was taken for it."""
    recall: float
    """Of those of it, how many were taken for it."""
    f1: float
    support: int
    """Products of it."""


def scores_by_label(right: Rows, taken: Rows) -> dict[int, CategoryScore]:
    """For each label that products have: shapes (n,) of what they are and what they were taken for."""
    hits, have, got = Counter(right[right == taken].tolist()), Counter(right.tolist()), Counter(taken.tolist())
    return {
        label: CategoryScore(
            precision=hits[label] / got[label] if got[label] else 0.0,
            recall=hits[label] / have[label],
            f1=2 * hits[label] / (have[label] + got[label]),
            support=have[label],
        )
        for label in sorted(have)
    }


def accuracy(right: Rows, taken: Rows) -> float:
    """In [0, 1]; of at least one product."""
    return float((right == taken).mean())


def macro_f1(right: Rows, taken: Rows) -> float:
    """The mean F1 of the labels that products have, a rare one counting as much as a frequent one."""
    return float(np.mean([score.f1 for score in scores_by_label(right, taken).values()]))


def confusion(right: Sequence[CategoryPath], taken: Sequence[CategoryPath]) -> list[dict[str, Any]]:
    """The confusion matrix without its zeros: of which category, taken for which, how many products."""
    counted = Counter(zip(right, taken, strict=True))
    return [
        {"category": list(category), "taken_for": list(other), "products": count}
        for (category, other), count in sorted(counted.items())
    ]


def calibration_error(probabilities: Matrix, right: Rows) -> float:
    """How far the probability of the likeliest label, shape (n, c), is from how often it is right, in [0, 1].

    Source:
        Expected calibration error over 15 bins of equal width (Guo et al., 2017).
    """
    sure = probabilities.max(axis=1)
    hit = probabilities.argmax(axis=1) == right
    bins = np.minimum((sure * _BINS).astype(int), _BINS - 1)
    return float(
        sum(abs(sure[bins == place].mean() - hit[bins == place].mean()) * (bins == place).mean() for place in set(bins))
    )


def believed_from(probability: Vector, hit: Mask, families: Sequence[str]) -> float | None:
    """The probability from which on predictions are surely right often enough; None where there is none.

    Surely: the lower end of the 95% interval of their precision is at least WANTED_PRECISION, so that a handful of
    lucky ones do not open the door. A family's members are right or wrong together, so each family counts once, with
    its mean. The threshold lies half way between the last prediction that is believed and the next one, or
    LEAST_BELIEVED, which it is never below.

    Args:
        probability: Shape (n,), of predictions.
        hit: Shape (n,), whether they are right.
        families: Of the n products, as `product_folds.families` names them.
    """
    order = np.argsort(-probability, kind="stable").tolist()
    seen: dict[str, tuple[int, int]] = {}
    right = 0.0
    found = None
    for row, following in zip(order, [*order[1:], None], strict=True):
        hits, members = seen.get(families[row], (0, 0))
        right -= hits / members if members else 0
        hits, members = hits + int(hit[row]), members + 1
        right += hits / members
        seen[families[row]] = hits, members
        lower = LEAST_BELIEVED if following is None else max(float(probability[following]), LEAST_BELIEVED)
        last_of_equals = following is None or probability[following] < probability[row]
        if last_of_equals and lower_end(right / len(seen), len(seen)) >= WANTED_PRECISION:
            found = max((float(probability[row]) + lower) / 2, LEAST_BELIEVED)
    return found


def lower_end(share: float, tries: int) -> float:
    """Of the 95% interval of a share, in [0, 1], that so many tries gave.

    >>> round(lower_end(1.0, 22), 3), round(lower_end(0.9, 10), 3)
    (0.851, 0.596)

    Source:
        Wilson, Probable inference, the law of succession, and statistical inference, 1927.
    """
    square = _CONFIDENCE**2
    share = min(max(share, 0.0), 1.0)  # sums of thirds may be a hair beyond
    spread = _CONFIDENCE * math.sqrt(share * (1 - share) / tries + square / (4 * tries**2))
    return (share + square / (2 * tries) - spread) / (1 + square / tries)


def believed(
    right: Sequence[CategoryPath], found: Sequence[tuple[CategoryPath, float] | None]
) -> dict[str, dict[str, float]]:
    """How many of all get a category, and how many of these categories are right; shares in [0, 1].

    A category is right where it is the right one or holds it: `narrowest` are those as narrow as the right one,
    `broader` those that say less.
    """
    hits: dict[str, list[bool]] = {"all": [], "narrowest": [], "broader": []}
    for path, one in zip(right, found, strict=True):
        if one is not None:
            hit = path[: len(one[0])] == one[0]
            hits["all"].append(hit)
            hits["narrowest" if len(one[0]) >= len(path) else "broader"].append(hit)
    return {
        level: {"coverage": len(each) / len(right), "precision": sum(each) / len(each) if each else 0.0}
        for level, each in hits.items()
    }
