"""Tokens as numbers: what the features compare."""

import zlib
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from relevance.contracts.stages import UnderstoodQuery
from relevance.index.ragged import Ragged


def token_hash(token: str) -> int:
    """32 bits that stand for a token; two of 100,000 words share one about once, at no more harm than a wrong match."""
    return zlib.crc32(token.encode())


def matches(query: UnderstoodQuery, texts: Ragged, *, ranked: bool = True) -> NDArray[np.bool_]:
    """Where texts hold the tokens of a query, or what may stand in their place.

    Args:
        query: With m tokens.
        texts: With `total` tokens in all.
        ranked: Whether to leave out the alternatives that only widen the result set.

    Returns:
        Shape (m, total); of an alternative of several tokens the place of the first.
    """
    hashes = np.array([token_hash(token) for token in query.tokens], dtype=np.uint32)
    found: NDArray[np.bool_] = np.equal(texts.values, hashes[:, np.newaxis])
    for row, others in zip(found, query.alternatives, strict=False):
        others = tuple(other for other in others if other.stands_for or not ranked)
        for other in others:
            if len(other.tokens) == 1:
                row |= texts.values == np.uint32(token_hash(other.tokens[0]))
            else:
                row[_phrase(other.tokens, texts)] = True
    return found


def _phrase(tokens: Sequence[str], texts: Ragged) -> NDArray[np.int64]:
    """The places where a phrase begins and does not run over the end of its text."""
    values = texts.values
    length = len(tokens)
    if len(values) < length:
        return np.empty(0, dtype=np.int64)
    starts = np.ones(len(values) - length + 1, dtype=bool)
    for step, token in enumerate(tokens):
        starts &= values[step : step + len(starts)] == token_hash(token)
    places = np.flatnonzero(starts)
    inside: NDArray[np.int64] = places[places + length <= texts.offsets[texts.owners(places) + 1]]
    return inside


def hashed(texts: Iterable[Sequence[str]]) -> Ragged:
    """The hashes of each text's tokens, in the order they stand in it."""
    known: dict[str, int] = {}
    lists = []
    for text in texts:
        for token in text:
            if token not in known:
                known[token] = token_hash(token)
        lists.append([known[token] for token in text])
    return Ragged.of(lists, np.uint32)
