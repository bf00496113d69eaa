"""Words that one writes as one and another as two: smartwatch, smart watch."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Protocol

from relevance.arrays import Vector
from relevance.contracts.stages import Alternative
from relevance.text import tokens_of

LEAST_PRODUCTS = 3
"""In how many products the other way of writing must stand; in fewer it may well be a slip."""
_SHORTEST_PART = 3


class Frequencies(Protocol):
    """What is to be known of a catalogue's tokens."""

    def document_frequencies(self, tokens: Sequence[str]) -> Vector:
        """In how many products each stands."""

    def frequencies_beside(self, tokens: Sequence[str], others: Sequence[str]) -> Vector:
        """In how many products each of the others stands, of those that hold all the tokens."""


def compounds(
    words: Sequence[str], tokens: Sequence[str], frequencies: Vector, catalogue: Frequencies
) -> list[list[Alternative]]:
    """What stands for each token: two neighbours joined for both of them, two halves for a word that no product holds.

    Args:
        words: Of the query, in order, normalised.
        tokens: Distinct tokens of these words.
        frequencies: Shape (len(tokens),): in how many products each stands.
        catalogue: Whose products tell which ways of writing there are.
    """
    found: list[list[Alternative]] = [[] for _ in tokens]
    token_of = dict(zip(words, tokens_of(words), strict=True))
    for pair, token in _joined(words, catalogue):
        if token not in tokens:
            for part in {token_of[word] for word in pair}.intersection(tokens):
                found[tokens.index(part)].append(Alternative(tokens=(token,), weight=1.0))
    for word, token in token_of.items():
        if token in tokens and not frequencies[tokens.index(token)] and (halves := split(word, catalogue)):
            found[tokens.index(token)].append(Alternative(tokens=halves, weight=1.0))
    return found


def ends_in_compound(words: Sequence[str], catalogue: Frequencies) -> bool:
    """Whether the last two words are written as one by products, and so are finished."""
    return bool(_joined(words[-2:], catalogue))


def _joined(words: Sequence[str], catalogue: Frequencies) -> list[tuple[tuple[str, str], str]]:
    """Neighbours that enough products write as one word, with its token."""
    pairs = [pair for pair in pairwise(words) if all(word.isalpha() for word in pair)]
    tokens = tokens_of(["".join(pair) for pair in pairs])
    products = catalogue.document_frequencies(tokens)
    return [
        (pair, token) for pair, token, count in zip(pairs, tokens, products, strict=True) if count >= LEAST_PRODUCTS
    ]


def split(word: str, catalogue: Frequencies) -> tuple[str, str] | None:
    """The tokens of a word's two halves, where they stand beside each other in most products; None where in too few."""
    halves = list(_halves(word))
    if not halves:
        return None
    known = catalogue.document_frequencies([token for pair in halves for token in pair]).reshape(-1, 2)
    together = [
        (float(catalogue.frequencies_beside(pair[:1], pair[1:])[0]), pair)
        for pair, counts in zip(halves, known, strict=True)
        if counts.min() >= LEAST_PRODUCTS
    ]
    most, best = max(together, default=(0.0, None), key=lambda found: found[0])
    return best if most >= LEAST_PRODUCTS else None


def _halves(word: str) -> Iterator[tuple[str, str]]:
    if word.isalpha() and word.isascii():
        for at in range(_SHORTEST_PART, len(word) - _SHORTEST_PART + 1):
            first, second = tokens_of([word[:at], word[at:]])
            yield first, second
