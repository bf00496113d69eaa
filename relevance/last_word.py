"""The last word of a query, which a shopper may still be typing: what it is likely to become."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self

from relevance.arrays import Vector
from relevance.completion import Completions, unfinished_word
from relevance.contracts.stages import Alternative
from relevance.text import analyse, tokens_of

CONSIDERED = 32
"""Words that begin so, those that name most products: which of them stand beside the rest of the query is looked up."""
MOST_COMPLETIONS = 8
"""Words that are searched for beside the last one."""
WEIGHT_OF_COMPLETION = 0.5
"""What a longer word counts in retrieval where the word typed is one already."""
RARE = 5.0
"""A word that names so many times fewer products than the likeliest that begins so is taken for its beginning."""


class Vocabulary(Protocol):
    """What is to be known of a catalogue's words."""

    completions: Completions

    def frequencies_beside(self, tokens: Sequence[str], others: Sequence[str]) -> Vector:
        """In how many products each of the others stands, of those that hold all the tokens."""


@dataclass(frozen=True)
class LastWord:
    """A word that others of the catalogue begin with."""

    typed: str
    completed: str | None
    """The likeliest word, where the one typed is none or a rare one; it is searched for in its place."""
    token: str
    """What stands for the word among the query's tokens."""
    alternatives: tuple[Alternative, ...]

    @classmethod
    def of(cls, query: str, vocabulary: Vocabulary) -> Self | None:
        """The last word of a query as typed; None where it is finished, or begins no other word of the catalogue."""
        typed = unfinished_word(query)
        found = vocabulary.completions.beginning(typed, CONSIDERED) if typed else []
        if typed is None or not found:
            return None
        word_of: dict[str, str] = {}
        named: Counter[str] = Counter()
        for stem, (word, count) in zip(tokens_of([word for word, _ in found]), found, strict=True):
            word_of.setdefault(stem, word)
            named[stem] += count
        own = tokens_of([typed])[0]
        names = vocabulary.completions.count(typed)
        if names:
            word_of.pop(own, None)  # no more than another form of the word itself
        rest = [token for token in dict.fromkeys(analyse(query)) if token != own]
        count_of = _beside(rest, list(word_of), vocabulary) if rest else {stem: named[stem] for stem in word_of}
        likeliest = sorted(count_of, key=lambda stem: (-count_of[stem], -named[stem], stem))[:MOST_COMPLETIONS]
        if not likeliest:
            return None
        best = likeliest[0]
        finished = names * RARE > named[best]
        weights = {stem: (count_of[stem] / count_of[best]) ** 0.5 for stem in likeliest}
        if finished:
            weights = {stem: weight * WEIGHT_OF_COMPLETION for stem, weight in weights.items()}
        else:
            del weights[best]
            if names:
                weights[own] = 1.0
        alternatives = (
            Alternative(tokens=(stem,), weight=weight, stands_for=not finished) for stem, weight in weights.items()
        )
        return cls(typed, None if finished else word_of[best], own if finished else best, tuple(alternatives))


def _beside(rest: Sequence[str], stems: Sequence[str], vocabulary: Vocabulary) -> dict[str, int]:
    """In how many products each stem stands beside the rest of the query, or, where none does, at all."""
    counts = vocabulary.frequencies_beside(rest, stems)
    if not counts.any():
        counts = vocabulary.frequencies_beside((), stems)
    return {stem: int(count) for stem, count in zip(stems, counts, strict=True) if count}
