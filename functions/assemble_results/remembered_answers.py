"""Answers to queries that are asked again and again, in the memory of one execution environment."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Self

from relevance.contracts.api import SearchParameters, SearchResponse
from relevance.filters import Condition
from relevance.query_profile import QueryProfile

MOST_BYTES = 32 << 20
"""Of all that is remembered; an answer of 20 hits takes some 30,000."""
LARGEST_BYTES = 1 << 20
"""What is larger than this would push too many others out."""

_PROFILE_BYTES = 1000
"""About; `sys.getsizeof` does not see what a model holds."""

_OF_THE_SHOPPER = {"user_token", "click_analytics", "analytics"}
"""Parameters that change who is told of the search, and nothing in its answer but what `params` repeats."""


@dataclass(frozen=True)
class Question:
    """All that an answer depends on: equal questions have equal answers, but for their query id and `params`."""

    release_id: str
    index: str
    parameters: str
    """What was set, as JSON: a default that is written out may mean another thing than one that is left open."""
    sealed: Condition | None
    """What the caller's key lets through."""

    @classmethod
    def of(cls, parameters: SearchParameters, release_id: str, index: str, sealed: Condition | None) -> Self:
        """From a search as it comes in."""
        written = parameters.model_dump_json(exclude_unset=True, exclude=_OF_THE_SHOPPER)
        return cls(release_id, index, written, sealed)


@dataclass(frozen=True)
class Recalled:
    """What was kept of a search."""

    answer: SearchResponse
    """With the query id and `params` of whoever asked first."""
    profile: QueryProfile | None
    """None for a search that cannot be compared with others."""


@dataclass(frozen=True)
class _Kept:
    answer: bytes
    profile: QueryProfile | None


class RememberedAnswers:
    """The answers asked for last, of one release at a time.

    As JSON: its size is known, nobody can change it, and Python's garbage collector has nothing in it to walk through.
    """

    def __init__(self, most: int, most_bytes: int = MOST_BYTES) -> None:
        """Of at most so many answers, 0 for none, in so many bytes."""
        self._most = most
        self._most_bytes = most_bytes
        self._answers: OrderedDict[Question, _Kept] = OrderedDict()
        self._release_id = ""
        self.size_bytes = 0
        """Of all that is remembered now, questions included."""

    def __len__(self) -> int:
        return len(self._answers)

    def recall(self, question: Question) -> Recalled | None:
        """What was kept of a question; None if nothing was."""
        kept = self._answers.get(question)
        if kept is None:
            return None
        self._answers.move_to_end(question)
        return Recalled(SearchResponse.model_validate_json(kept.answer), kept.profile)

    def keep(self, question: Question, answer: SearchResponse, profile: QueryProfile | None = None) -> None:
        """Remember an answer, unless it is degraded or too large; what was not asked for longest makes room."""
        if question.release_id != self._release_id:
            self._answers.clear()
            self._release_id, self.size_bytes = question.release_id, 0
        if not self._most or answer.degraded:
            return
        kept = _Kept(answer.model_dump_json().encode(), profile)
        size_bytes = _size_bytes(question, kept)
        if size_bytes > min(LARGEST_BYTES, self._most_bytes) or question in self._answers:
            return
        self._answers[question] = kept
        self.size_bytes += size_bytes
        while len(self._answers) > self._most or self.size_bytes > self._most_bytes:
            self.size_bytes -= _size_bytes(*self._answers.popitem(last=False))


def _size_bytes(question: Question, kept: _Kept) -> int:
    return len(kept.answer) + _PROFILE_BYTES + len(question.parameters) + len(repr(question.sealed))
