"""A shop's synonyms, as alternatives of the tokens that a query holds."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

from relevance.contracts.stages import Alternative
from relevance.contracts.synonyms import (
    SYNONYM_LIST,
    AlternativeCorrection,
    EqualPhrases,
    OneWaySynonym,
    Placeholder,
    Synonym,
)
from relevance.text import analyse

Tokens = tuple[str, ...]

_FILE = "synonyms.json"
_WEIGHT = 1.0
_WEIGHTS_OF_TYPOS = {1: 0.8, 2: 0.6}
"""What a correction counts, by how many typing errors away the shop says that it is."""


class Synonyms:
    """What stands for what: tokens of a query, and the tokens that a product may hold instead."""

    def __init__(self, synonyms: Iterable[Synonym]) -> None:
        """Of an index; phrases that hold no token, such as "!", stand for nothing."""
        found: dict[Tokens, dict[Tokens, float]] = defaultdict(dict)
        for synonym in synonyms:
            for said, meant, weight in _pairs(synonym):
                if said and meant and said != meant:
                    found[said][meant] = max(weight, found[said].get(meant, 0.0))
        self._found = {
            said: tuple(Alternative(tokens=tokens, weight=weight) for tokens, weight in meant.items())
            for said, meant in found.items()
        }
        self._longest = max(map(len, self._found), default=0)

    @classmethod
    def open(cls, index: Path) -> Self:
        """Those of a release's `index/`; none where the shop has given none."""
        file = index / _FILE
        return cls(SYNONYM_LIST.validate_json(file.read_bytes()) if file.exists() else ())

    def of(self, tokens: Sequence[str]) -> list[list[Alternative]]:
        """The alternatives of each token; those of a phrase are alternatives of each of its tokens.

        A product that says "tv" for "television set" so counts as one that holds both words.
        """
        alternatives: list[list[Alternative]] = [[] for _ in tokens]
        for length in range(1, min(self._longest, len(tokens)) + 1):
            for start in range(len(tokens) - length + 1):
                for alternative in self._found.get(tuple(tokens[start : start + length]), ()):
                    for place in range(start, start + length):
                        alternatives[place].append(alternative)
        return alternatives


def _pairs(synonym: Synonym) -> Iterable[tuple[Tokens, Tokens, float]]:
    """What a query says, what a product may hold, and what that counts."""
    match synonym:
        case EqualPhrases():
            phrases = [tuple(analyse(phrase)) for phrase in synonym.synonyms]
            return [(one, other, _WEIGHT) for one in phrases for other in phrases if one != other]
        case OneWaySynonym():
            said = tuple(analyse(synonym.input))
            return [(said, tuple(analyse(phrase)), _WEIGHT) for phrase in synonym.synonyms]
        case AlternativeCorrection():
            said, weight = tuple(analyse(synonym.word)), _WEIGHTS_OF_TYPOS[synonym.typos]
            return [(said, tuple(analyse(phrase)), weight) for phrase in synonym.corrections]
        case Placeholder():
            held = tuple(analyse(synonym.placeholder))
            return [(tuple(analyse(phrase)), held, _WEIGHT) for phrase in synonym.replacements]
