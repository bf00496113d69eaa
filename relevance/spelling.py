"""Misspelt words of a query, corrected to words of the catalogue.

Two libraries were measured on the 10,500 words of a real catalogue. symspellpy's delete index takes 170 ms and 13 MiB
each time that a release is opened; rapidfuzz compares with every word in 0.36 ms, at 12 MB in the layer, and knows
one price for every kind of edit. Here a table of letter counts leaves a few words to compare with: less time, no
index, and the same candidates, because two words within k edits differ in at most 2k letters.
"""

import json
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from relevance.text import is_number, tokens_of, words

SHORTEST = 4
"""Letters; a shorter word has so many neighbours that a correction would be a guess."""
SHORTEST_FOR_TWO = 5
"""Letters from which on two edits are corrected, as in a word of six that lost one and got one wrong; below, one."""
LONGEST = 60
"""Letters; a longer word is nobody's spelling of a product."""
MOST_UNKNOWN = 8
"""How many unknown words of one query are looked up; a text with more is not a query with a slip in it."""

_FILE = "spelling.json"
_SHORTEST_MEANT = 3
_LETTERS = 32

_EDIT = 100
_INVENTED = 101
# A letter left out or two swapped leave nothing open; a letter put in or put wrong could have been any of 26.
_NATS_PER_INVENTED = math.log(26)
# The square root of how many products hold the word: half of what Bayes would say if people asked as products read.
_FREQUENCY_POWER = 0.5

_SPACES = re.compile(r"(\s+)")
_DIGIT = re.compile(r"\d")
# Half of a character: what holds one cannot be written as UTF-8.
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_WORD = re.compile(rf"(?<!\w)[^\W\d_]{{{SHORTEST},{LONGEST}}}(?!\w)")


class Spelling:
    """The words of one catalogue, and the nearest of them to a misspelt one."""

    def __init__(self, counts: Mapping[str, int], stems: Collection[str]) -> None:
        """
        Args:
            counts: In how many products each word stands, above 0; words without digits, as `relevance.text.words`
                gives them.
            stems: The stems of all words of the catalogue that hold no digit.
        """
        self.counts = counts
        self._stems = frozenset(stems)
        self._meant = sorted((word for word in counts if _SHORTEST_MEANT <= len(word) <= LONGEST), key=_by_length)
        self._lengths = np.array([len(word) for word in self._meant], dtype=np.int16)
        self._letters = _letter_counts(self._meant)

    @classmethod
    def of(cls, products: Iterable[Iterable[Iterable[str]]]) -> Self:
        """From the words of each product's fields."""
        return cls.counted(products_by_word(products))

    @classmethod
    def counted(cls, counts: Mapping[str, int]) -> Self:
        """From in how many products each word stands, words with digits too."""
        spoken = {word: count for word, count in sorted(counts.items()) if not is_number(word)}
        return cls(spoken, frozenset(tokens_of(list(spoken))))

    @classmethod
    def open(cls, index: Path) -> Self:
        """Read what `save` wrote."""
        return cls(**json.loads((index / _FILE).read_bytes()))

    def save(self, index: Path) -> None:
        """Write the words into a release's `index/`."""
        kept = {"counts": dict(self.counts), "stems": sorted(self._stems)}
        (index / _FILE).write_text(json.dumps(kept, ensure_ascii=False), encoding="utf-8")

    def knows(self, word: str) -> bool:
        """Whether a normalised word, or another form of it, stands in the catalogue: searching for it finds products.

        A word with a digit counts as known: it may be a model number.
        """
        return is_number(word) or tokens_of([word])[0] in self._stems

    def nearest(self, word: str) -> str | None:
        """The word of the catalogue that was most probably meant; None when none is near enough.

        Fewest edits first (a letter left out, put in, replaced, or two neighbours swapped); among equals the one that
        needs fewer invented letters, weighed against how common the words are.

        Args:
            word: Normalised; nothing is said of whether it needs correction, see `knows`.
        """
        if not SHORTEST <= len(word) <= LONGEST:
            return None
        letters = _letter_counts([word])[0]
        for edits in (1, 2) if len(word) >= SHORTEST_FOR_TWO else (1,):
            near = []
            for place in self._near(letters, len(word), edits):
                meant = self._meant[place]
                cost = edit_cost(word, meant, edits)
                if cost is not None:
                    invented = cost % _EDIT
                    doubt = _NATS_PER_INVENTED * invented - _FREQUENCY_POWER * math.log(self.counts[meant])
                    near.append((cost // _EDIT, doubt, meant))
            if near:
                return min(near)[2]
        return None

    def corrected(self, text: str, leave: Callable[[str], bool] = lambda _: False) -> str | None:
        """A query with each unknown word replaced by the nearest known one; None when nothing is to be corrected.

        What is written together with a digit stays, and so does a word in capitals among others that are not: both may
        be model numbers. So does each word that `leave`, which is given normalised words, claims for a language at
        large.
        """
        decided: dict[str, str | None] = {}

        def correction(written: re.Match[str]) -> str:
            read = words(written[0])
            if len(read) != 1 or (written[0].isupper() and not typed.isupper()):
                return written[0]
            word = read[0]
            if word not in decided and len(decided) < MOST_UNKNOWN and not self.knows(word):
                decided[word] = None if leave(word) else self.nearest(word)
            return decided.get(word) or written[0]

        typed = unicodedata.normalize("NFC", _SURROGATE.sub(" ", text))
        parts = _SPACES.split(typed)
        result = "".join(part if _DIGIT.search(part) else _WORD.sub(correction, part) for part in parts)
        return None if result == typed else result

    def _near(self, letters: NDArray[np.int8], length: int, edits: int) -> list[int]:
        """Places of all words within so many edits, and of a few others."""
        begin, end = np.searchsorted(self._lengths, [length - edits, length + edits + 1])
        differing = np.abs(self._letters[begin:end] - letters).sum(axis=1, dtype=np.int16)
        # A replaced letter differs on both sides, one that is missing on one side only.
        allowed = 2 * edits - np.abs(self._lengths[begin:end] - length)
        places: list[int] = (np.flatnonzero(differing <= allowed) + begin).tolist()
        return places


def products_by_word(products: Iterable[Iterable[Iterable[str]]]) -> Counter[str]:
    """In how many products each word stands, from the words of each product's fields."""
    counts: Counter[str] = Counter()
    for fields in products:
        counts.update({word for field in fields for word in field})
    return counts


def edit_cost(typed: str, meant: str, most_edits: int) -> int | None:
    """100 for each edit between two words, and 1 for each letter that was put in or put wrong.

    Edits are those of Damerau and Levenshtein, where no letter is edited twice.

    Returns:
        The least cost of at most `most_edits` edits; None when it takes more.

    >>> edit_cost("keybaord", "keyboard", 2), edit_cost("keyboar", "keyboard", 2), edit_cost("keybxard", "keyboard", 2)
    (100, 100, 101)
    >>> edit_cost("keyboard", "laptop", 2) is None
    True
    """
    shorter = min(len(typed), len(meant))
    begin = 0
    while begin < shorter and typed[begin] == meant[begin]:
        begin += 1
    same = 0
    while same < shorter - begin and typed[-1 - same] == meant[-1 - same]:
        same += 1
    typed, meant = typed[begin : len(typed) - same], meant[begin : len(meant) - same]
    too_much = (most_edits + 1) * _EDIT
    before: list[int] = []
    above = [_EDIT * place for place in range(len(meant) + 1)]
    last = ""
    for row, letter in enumerate(typed, start=1):
        cost = _INVENTED * row
        costs = [cost]
        for column, wanted in enumerate(meant, start=1):
            if letter == wanted:
                cost = above[column - 1]
            else:
                cost = min(above[column - 1] + _INVENTED, above[column] + _INVENTED, cost + _EDIT)
                if column > 1 and letter == meant[column - 2] and last == wanted:
                    cost = min(cost, before[column - 2] + _EDIT)
            costs.append(cost)
        if min(costs) >= too_much:
            return None
        before, above, last = above, costs, letter
    return above[-1] if above[-1] < too_much else None


def _by_length(word: str) -> tuple[int, str]:
    return len(word), word


def _letter_counts(spoken: list[str]) -> NDArray[np.int8]:
    """Shape (n, 32): how often each letter stands in each word. Letters of all scripts share the columns."""
    letters = np.frombuffer("".join(spoken).encode("utf-32-le"), dtype=np.uint32) % _LETTERS
    rows = np.repeat(np.arange(len(spoken)), [len(word) for word in spoken])
    counts = np.bincount(rows * _LETTERS + letters, minlength=len(spoken) * _LETTERS)
    return counts.reshape(-1, _LETTERS).astype(np.int8)
