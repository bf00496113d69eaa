"""Which categories can be learnt: those with enough different products; the others count as the one above them."""

from collections import defaultdict
from collections.abc import Sequence

from relevance.category_intent import CategoryPath
from sagemaker_jobs.product_folds import FOLDS

LEAST_FAMILIES = FOLDS
"""Different products of a category, sizes and colours counted once: one for each fold, so that it is both learnt and
measured."""
MOST_CLASSES = 1000
"""Beyond, the smallest are learnt as the category above them: the weights would not fit beside a function."""


def learnt_classes(paths: Sequence[CategoryPath], families: Sequence[str]) -> list[CategoryPath]:
    """What each product is learnt as: its category, a broader one that holds it, or () where not even that is enough.

    Args:
        paths: Of each product, broad to narrow, at least one level.
        families: Of each product, as `product_folds.families` names them.
    """
    least = LEAST_FAMILIES
    while True:
        found = _merged(paths, families, least)
        if len(set(found)) <= MOST_CLASSES:
            return found
        least *= 2


def _merged(paths: Sequence[CategoryPath], families: Sequence[str], least: int) -> list[CategoryPath]:
    found = list(paths)
    for depth in range(max(map(len, paths), default=0), 0, -1):
        held: dict[CategoryPath, set[str]] = defaultdict(set)
        for path, family in zip(found, families, strict=True):
            held[path].add(family)
        found = [path[:-1] if len(path) == depth and len(held[path]) < least else path for path in found]
    return found
