"""BERT's WordPiece in plain Python: text in, token numbers out.

It agrees with the `tokenizers` library token for token (tests/relevance/test_wordpiece.py compares both over
thousands of texts) and spares a search function that library's size and start. The one wilful difference: text
that spells a special token, such as "[SEP]", is text here, because a shopper typed it.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

LONGEST_WORD = 100
"""Characters; a longer word is unknown as a whole, as in the original."""

_ASCII_WORDS = re.compile(r"[a-z0-9]+|[^a-z0-9\s]")
_ASCII_CONTROLS = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 127))
_KNOWN_WORDS = 65_536
"""How many words' pieces are remembered; words follow Zipf, so this makes most of them a dictionary look-up."""

_INVISIBLE = frozenset({"Cc", "Cf", "Co", "Cs"})
"""Control, format, private use, surrogate; a code point that is not assigned yet stays."""

_IDEOGRAPHS = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B920, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)


class Tokeniser(Protocol):
    """Texts to token numbers: WordPiece, or what a network of another kind brought with it."""

    def encode(self, text: str, *, max_tokens: int) -> list[int]:
        """Token numbers of one text, framed; at most `max_tokens`."""
        ...

    def pad(self, sequences: Sequence[Sequence[int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Token numbers and mask, each of shape (n, longest)."""
        ...


class WordPiece:
    """An uncased vocabulary and the greedy longest-match split over it."""

    def __init__(self, vocabulary: Sequence[str]) -> None:
        self._numbers = {piece: number for number, piece in enumerate(vocabulary)}
        self.unknown = self._numbers["[UNK]"]
        self.start = self._numbers["[CLS]"]
        self.end = self._numbers["[SEP]"]
        self.padding = self._numbers["[PAD]"]
        self._pieces: dict[str, list[int]] = {}

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a `vocab.txt`: one piece per line, its number is its line, from 0."""
        return cls(path.read_text(encoding="utf-8").removesuffix("\n").split("\n"))

    def encode(self, text: str, *, max_tokens: int) -> list[int]:
        """Token numbers of one text, framed by [CLS] and [SEP].

        Args:
            text: Anything, lone surrogates and control characters included.
            max_tokens: Upper bound of the result's length, the frame included; at least 2. The rest is cut off.

        >>> WordPiece(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "ink", "##jet"]).encode("Inkjet ☃", max_tokens=8)
        [2, 4, 5, 1, 3]
        """
        numbers = [self.start]
        for word in basic_words(text):
            pieces = self._pieces.get(word)
            if pieces is None:
                pieces = self._split(word)
            numbers.extend(pieces)
            if len(numbers) >= max_tokens:
                del numbers[max_tokens - 1 :]
                break
        numbers.append(self.end)
        return numbers

    def holds(self, word: str) -> bool:
        """Whether a lower-case word is one piece by itself: the vocabulary has met it often."""
        return word in self._numbers

    def pad(self, sequences: Sequence[Sequence[int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Token numbers and mask, each of shape (n, longest); the mask is 1 on tokens, 0 on padding."""
        return padded(sequences, self.padding)

    def _split(self, word: str) -> list[int]:
        pieces = self._longest_pieces(word)
        if len(self._pieces) < _KNOWN_WORDS:
            self._pieces[word] = pieces
        return pieces

    def _longest_pieces(self, word: str) -> list[int]:
        if len(word) > LONGEST_WORD:
            return [self.unknown]
        pieces: list[int] = []
        begin = 0
        while begin < len(word):
            prefix = "##" if begin else ""
            for end in range(len(word), begin, -1):
                number = self._numbers.get(prefix + word[begin:end])
                if number is not None:
                    break
            else:
                return [self.unknown]
            pieces.append(number)
            begin = end
        return pieces


def padded(sequences: Sequence[Sequence[int]], padding: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Token numbers and mask, each of shape (n, longest); the mask is 1 on tokens, 0 on padding."""
    longest = max((len(sequence) for sequence in sequences), default=0)
    numbers = np.full((len(sequences), longest), padding, dtype=np.int64)
    mask = np.zeros((len(sequences), longest), dtype=np.int64)
    for row, sequence in enumerate(sequences):
        numbers[row, : len(sequence)] = sequence
        mask[row, : len(sequence)] = 1
    return numbers, mask


def basic_words(text: str) -> list[str]:
    """Lower-case words without accents; each punctuation mark and each ideograph is a word of its own.

    >>> basic_words('Écran 15.6" 中文')
    ['ecran', '15', '.', '6', '"', '中', '文']
    """
    if text.isascii():
        return _ASCII_WORDS.findall(text.translate(_ASCII_CONTROLS).lower())
    cleaned = "".join(_cleaned(character) for character in text)
    bare = "".join(c for c in unicodedata.normalize("NFD", cleaned) if unicodedata.category(c) != "Mn")
    # Character by character: str.lower() turns a final sigma into another letter than the original does.
    lowered = "".join(character.lower() for character in bare)
    return "".join(f" {c} " if _is_punctuation(c) else c for c in lowered).split()


@cache
def _cleaned(character: str) -> str:
    """A character as the split sees it: nothing for controls, a blank for white space, ideographs set apart."""
    code = ord(character)
    if character in "\t\n\r":
        return " "
    if code == 0xFFFD or unicodedata.category(character) in _INVISIBLE:
        return ""
    if character.isspace():
        return " "
    if any(low <= code <= high for low, high in _IDEOGRAPHS):
        return f" {character} "
    return character


@cache
def _is_punctuation(character: str) -> bool:
    code = ord(character)
    if code < 128:
        return not character.isalnum() and 32 < code < 127
    return unicodedata.category(character)[0] == "P"
