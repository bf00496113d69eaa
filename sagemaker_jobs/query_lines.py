"""What queries of a data set have in common, typed by shoppers or derived: their ids, their splits, their segments."""

from collections.abc import Mapping, Sequence
from hashlib import sha256

import numpy as np

from relevance.contracts.training import Segment, Split
from relevance.text import analyse

SHARES: Mapping[Split, float] = {"train": 0.8, "validation": 0.1, "test": 0.1}
"""In [0, 1]: the part of the queries, and of the time of a log, that each split is to have; in the order of time."""


def query_id(text: str) -> str:
    """The id of a query in a data set: the same text has the same one in every data set.

    >>> query_id("desk lamp")
    'q-295a2500ad66eff2'
    """
    return f"q-{sha256(text.encode()).hexdigest()[:16]}"


def sorted_words(text: str) -> str:
    """What two queries have in common that ask the same in another order or number: their tokens, sorted.

    >>> sorted_words("Desk lamps") == sorted_words("lamp, desk")
    True
    """
    return " ".join(sorted(analyse(text)))


def segments_of(frequencies: Sequence[int]) -> list[Segment]:
    """Head, torso or tail for each query: the most frequent tenth, the next four tenths, the rest.

    >>> segments_of([1, 50, 3, 2, 1, 1, 9, 1, 1, 1])[:4]
    ['torso', 'head', 'torso', 'torso']
    """
    order = np.argsort(-np.asarray(frequencies), kind="stable")
    found: list[Segment] = ["tail"] * len(frequencies)
    for place, at in enumerate(order.tolist()):
        if place < 0.1 * len(frequencies):
            found[at] = "head"
        elif place < 0.5 * len(frequencies):
            found[at] = "torso"
    return found
