"""The tokeniser of a served encoder, without the library that trained it."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from relevance.wordpiece import Tokeniser, WordPiece, padded

VOCABULARY, BROUGHT = "vocab.txt", "tokenizer.json"


class TokeniserFile:
    """What a network that reads no WordPiece brought with it, as one `tokenizer.json`."""

    def __init__(self, path: Path, padding: int) -> None:
        self._content = path.read_text(encoding="utf-8")
        self._padding = padding
        self._cutting_at = cache(self._opened)
        self._cutting_at(2)  # a file that cannot be read is refused now

    def encode(self, text: str, *, max_tokens: int) -> list[int]:
        """Token numbers of one text, framed as the network expects; at most `max_tokens`."""
        numbers: list[int] = self._cutting_at(max_tokens).encode(text).ids
        return numbers

    def pad(self, sequences: Sequence[Sequence[int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Token numbers and mask, each of shape (n, longest); the mask is 1 on tokens, 0 on padding."""
        return padded(sequences, self._padding)

    def _opened(self, max_tokens: int) -> Tokenizer:
        """One for each length: where it cuts is a property of the whole tokeniser."""
        tokenizer = Tokenizer.from_str(self._content)
        tokenizer.no_padding()
        tokenizer.enable_truncation(max_tokens)
        return tokenizer


def open_tokeniser(folder: Path, padding: int) -> Tokeniser:
    """That of an encoder's folder: WordPiece where there is a `vocab.txt`, else its `tokenizer.json`.

    Raises:
        Exception: If the file is missing, or is none; `tokenizers` names no kind of its own.
    """
    vocabulary = folder / VOCABULARY
    return WordPiece.load(vocabulary) if vocabulary.is_file() else TokeniserFile(folder / BROUGHT, padding)
