"""Search as you type: the words of a catalogue that begin as the last word of a query does."""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Self

import numpy as np

from relevance.product_text import TEXT_FIELDS, SpokenText
from relevance.text import normalise, words

NAMING_FIELDS = ("title", "brand", "categories")
"""Where words are taken from: a shopper begins to type what a product is called, not what is said of it."""
LONGEST = 60
"""Letters; a longer word is nobody's query."""

_FILE = "completion.tsv"
_PLACES = tuple(TEXT_FIELDS.index(field) for field in NAMING_FIELDS)
_ENDS_IN_A_WORD = re.compile(r"[^\W_]$")
_AFTER_EVERY_WORD = "\U0010ffff"


class Completions:
    """The words that products are called by, in alphabetical order."""

    def __init__(self, counts: Mapping[str, int]) -> None:
        """From how many products each word names; normalised words, as `relevance.text.words` gives them."""
        self._words = sorted(counts)
        self._counts = np.array([counts[word] for word in self._words], dtype=np.int64)

    @classmethod
    def open(cls, index: Path) -> Self:
        """Read what `save` wrote."""
        lines = (line.split("\t") for line in (index / _FILE).read_text(encoding="utf-8").splitlines())
        return cls({word: int(count) for word, count in lines})

    def save(self, index: Path) -> None:
        """Write the words into a release's `index/`: a word and its count a line."""
        lines = (f"{word}\t{count}\n" for word, count in zip(self._words, self._counts.tolist(), strict=True))
        (index / _FILE).write_text("".join(lines), encoding="utf-8")

    def count(self, word: str) -> int:
        """How many products are called by this very word."""
        place = bisect_left(self._words, word)
        return int(self._counts[place]) if place < len(self._words) and self._words[place] == word else 0

    def beginning(self, prefix: str, limit: int) -> list[tuple[str, int]]:
        """The words longer than a prefix that begin with it, those of most products first; at most `limit`.

        Returns:
            Each with how many products it names, above 0.

        >>> Completions({"lamp": 3, "laptop": 9, "desk": 2}).beginning("la", 5)
        [('laptop', 9), ('lamp', 3)]
        """
        if not prefix:
            return []
        begin = bisect_left(self._words, prefix)
        end = bisect_left(self._words, prefix + _AFTER_EVERY_WORD, begin)
        if begin < end and self._words[begin] == prefix:
            begin += 1
        counts = self._counts[begin:end]
        most = np.argsort(-counts, kind="stable")[:limit]
        return [(self._words[begin + place], int(counts[place])) for place in most]


def products_named(products: Iterable[SpokenText]) -> Counter[str]:
    """How many products each word names, from the words of their text fields."""
    counts: Counter[str] = Counter()
    for fields in products:
        counts.update({word for place in _PLACES for word in fields[place] if len(word) <= LONGEST})
    return counts


def unfinished_word(query: str) -> str | None:
    """The word that a shopper may still be typing, normalised: the last one, unless something was put behind it.

    >>> unfinished_word("wireless head"), unfinished_word("wireless "), unfinished_word('15"')
    ('head', None, None)
    """
    if not _ENDS_IN_A_WORD.search(query):
        return None
    last = words(query)[-1:]
    return last[0] if last and normalise(query).endswith(last[0]) else None
