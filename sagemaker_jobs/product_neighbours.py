"""Which products are the same kind of thing, seen from a catalogue that need not say so.

Products are near each other that state the same attributes, whose titles and categories use the same words, and whose
texts mean the same. A notebook whose title never says "notebook" states a processor and a display as other notebooks
do; a notebook bag, which does say it, does not.
"""

import math
import zlib
from collections import Counter
from collections.abc import Sequence

import faiss
import numpy as np
from numpy.typing import NDArray

from relevance.arrays import Matrix
from relevance.contracts.products import Product
from relevance.text import analyse, is_number

NEIGHBOURS = 20
_DIMENSION = 256
_SHARES = (0.7, 0.7, 1.0)
"""What attributes, words and meaning count."""
_RAREST = 3
"""A word or an attribute that fewer products have tells nothing about kinds."""


def product_neighbours(products: Sequence[Product], vectors: Matrix) -> NDArray[np.int64]:
    """The nearest products of each, itself among them.

    Args:
        products: n products.
        vectors: Shape (n, d), rows of length 1: what the encoder makes of their texts. Of shape (n, 0), words and
            attributes alone decide.

    Returns:
        Shape (n, NEIGHBOURS), row numbers, or (n, n) in a smaller catalogue.
    """
    parts = (
        _projected([set(product.attributes) for product in products]),
        _projected([_naming_words(product) for product in products]),
        vectors,
    )
    signatures = np.concatenate([share * part for share, part in zip(_SHARES, parts, strict=True)], axis=1)
    index = faiss.IndexFlatIP(signatures.shape[1])
    lengths = np.maximum(np.linalg.norm(signatures, axis=1, keepdims=True), 1e-9)
    signatures = (signatures / lengths).astype(np.float32)
    index.add(signatures)
    _, nearest = index.search(signatures, min(NEIGHBOURS, len(products)))
    return np.asarray(nearest, dtype=np.int64)


def _naming_words(product: Product) -> set[str]:
    text = " ".join((product.title, *product.categories))
    return {token for token in analyse(text) if not is_number(token)}.difference(analyse(product.brand))


def _projected(bags: Sequence[set[str]]) -> Matrix:
    """Bags of words as vectors, shape (n, _DIMENSION), of length 1 (0 for an empty bag).

    Each word is a random direction, fixed by the word itself, times its inverse document frequency.
    """
    frequencies = Counter(word for bag in bags for word in bag)
    directions = {
        word: np.random.default_rng(zlib.crc32(word.encode())).standard_normal(_DIMENSION)
        * min(math.log(1 + len(bags) / frequency), 5)
        for word, frequency in frequencies.items()
        if frequency >= min(_RAREST, len(bags) / 10)
    }
    vectors = np.zeros((len(bags), _DIMENSION), dtype=np.float32)
    for row, bag in enumerate(bags):
        for word in sorted(bag):  # the order of a set changes from run to run, and with it the last bits of a sum
            if word in directions:
                vectors[row] += directions[word]
    normed: Matrix = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return normed
