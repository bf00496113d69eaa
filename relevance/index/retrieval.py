"""What retrieval can be tuned by, in one place; `benchmarks/retrieval.py` measures the choices."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from relevance.product_text import TEXT_FIELDS

SEARCHED_TOGETHER: Mapping[str, tuple[str, ...]] = {
    "text": ("title", "brand", "categories", "description"),
    "attributes": ("attributes",),
}
"""The two fields of the lexical index, and the text fields that each holds as one text.

Summing the BM25 of title, brand and description counts a word that stands in all of them three times, each with its own
idf; as one text it is the best of what was tried (decision 0002).
"""

TOGETHER = np.array([[name in parts for parts in SEARCHED_TOGETHER.values()] for name in TEXT_FIELDS], np.float32)
"""The same as a matrix, shape (text fields, fields of the index), of 0 and 1."""


@dataclass(frozen=True)
class Retrieval:
    """How words and meaning make one result set. The defaults serve; decision 0002 says how they were chosen."""

    field_weights: Mapping[str, float] = field(default_factory=lambda: {"text": 1.0, "attributes": 0.25})
    """What the BM25 score of each field of SEARCHED_TOGETHER counts in the sum; above 0."""
    lexical_share: float = 0.5
    """What the word match counts in a fused score, in [0, 1]."""
    lexical_limit: int = 1000
    """How many word matches are fused; as many as paging can reach."""
    dense_limit: int = 200
    """How many products may enter a result set by meaning alone."""
    cosine_floor: float = 0.25
    """The least cosine at which a product enters by meaning alone, in [-1, 1]."""

    sorted_share: float = 0.7
    """Where no product holds every word: the share of the best fused score that is enough to be sorted, in [0, 1]."""


SERVED = Retrieval()
"""What every search uses, and what the features of the ranker speak of."""
