"""Tokens as numbers: what the features compare."""

import zlib
from collections.abc import Iterable, Sequence

import numpy as np

from relevance.index.ragged import Ragged


def token_hash(token: str) -> int:
    """32 bits that stand for a token; two of 100,000 words share one about once, at no more harm than a wrong match."""
    return zlib.crc32(token.encode())


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
