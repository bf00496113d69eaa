"""A query and a product as one sequence of tokens, as a cross-encoder reads them: [CLS] query [SEP] product [SEP]."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from relevance.wordpiece import WordPiece

QUERY_TOKENS = 14
PRODUCT_TOKENS = 30
"""Where either text is cut: most titles with their categories fit, and twice as many tokens cost twice the time."""

LENGTH_STEP = 16
"""Sequences are padded to a multiple of this: kernels are compiled, or chosen, anew for every shape that is met."""

Pair = tuple[str, str]
"""A query as typed, and a product as `relevance.product_text.embedding_text` writes it."""


class PairTokens(NamedTuple):
    """One pair as token numbers."""

    query: list[int]
    """With [CLS] before and [SEP] behind."""
    product: list[int]
    """With [SEP] behind."""

    @property
    def length(self) -> int:
        """Of the whole sequence, without padding."""
        return len(self.query) + len(self.product)


def pair_tokens(wordpiece: WordPiece, pair: Pair) -> PairTokens:
    """Both texts of a pair, each cut where the cross-encoder stops reading it."""
    query, product = pair
    return PairTokens(
        wordpiece.encode(query, max_tokens=QUERY_TOKENS + 2),
        wordpiece.encode(product, max_tokens=PRODUCT_TOKENS + 2)[1:],
    )


def pad_pairs(wordpiece: WordPiece, pairs: Sequence[PairTokens]) -> tuple[NDArray[np.int64], ...]:
    """Token numbers, segments (0 for the query, 1 for the product) and mask; each of shape (n, t), t a multiple of
    LENGTH_STEP."""
    longest = max(pair.length for pair in pairs)
    shape = (len(pairs), -(-longest // LENGTH_STEP) * LENGTH_STEP)
    token_ids = np.full(shape, wordpiece.padding, dtype=np.int64)
    segments, mask = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    for row, pair in enumerate(pairs):
        token_ids[row, : pair.length] = (*pair.query, *pair.product)
        segments[row, len(pair.query) : pair.length] = 1
        mask[row, : pair.length] = 1
    return token_ids, segments, mask
