"""Stage 1: what a query means in the words of one catalogue."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from relevance.text import analyse, normalise

MAX_QUERY_CHARACTERS = 512
"""Longer queries are cut here, and the answer says so."""
MAX_QUERY_TOKENS = 32
"""Distinct tokens beyond this number are not searched for."""


@dataclass(frozen=True)
class BrandNames:
    """The brands of a catalogue, by the tokens that name them."""

    names: Mapping[tuple[str, ...], str]

    @classmethod
    def of(cls, brands: Sequence[str]) -> "BrandNames":
        """From distinct brand names; the first of two that read the same wins."""
        names: dict[tuple[str, ...], str] = {}
        for brand in brands:
            tokens = tuple(analyse(brand))
            if tokens:
                names.setdefault(tokens, brand)
        return cls(names)

    def named_in(self, tokens: Sequence[str]) -> tuple[str, tuple[str, ...]] | None:
        """The brand with the most tokens that stand side by side in a query, and those tokens.

        >>> BrandNames.of(["HP", "Bang & Olufsen"]).named_in(["bang", "and", "olufsen", "speaker"])
        ('Bang & Olufsen', ('bang', 'and', 'olufsen'))
        """
        longest = max(map(len, self.names), default=0)
        for length in range(min(longest, len(tokens)), 0, -1):
            for start in range(len(tokens) - length + 1):
                words = tuple(tokens[start : start + length])
                if words in self.names:
                    return self.names[words], words
        return None


@dataclass(frozen=True)
class ReadQuery:
    """The part of understanding that needs no catalogue."""

    query: str
    normalised: str
    tokens: tuple[str, ...]
    cut: bool
    """Whether the query was longer than MAX_QUERY_CHARACTERS or MAX_QUERY_TOKENS."""


def read_query(query: str) -> ReadQuery:
    """Cut, normalise and analyse what a shopper typed.

    >>> read_query("  Laptops, 17 inch ")
    ReadQuery(query='  Laptops, 17 inch ', normalised='laptops, 17inch', tokens=('laptop', '17inch'), cut=False)
    """
    short = query[:MAX_QUERY_CHARACTERS]
    tokens = tuple(dict.fromkeys(analyse(short)))
    cut = len(query) > MAX_QUERY_CHARACTERS or len(tokens) > MAX_QUERY_TOKENS
    return ReadQuery(short, normalise(short), tokens[:MAX_QUERY_TOKENS], cut)
