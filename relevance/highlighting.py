"""Which words of a hit the query found: the whole value with tags around them, or a few words around the first."""

import html
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from relevance.text import UNITS, analyse, normalise, words

SNIPPET_WORDS = 10
"""How long a snippet is where its attribute names no number of words."""
SEARCHED_CHARACTERS = 200_000
"""Of all hits of an answer together; what comes after is shown without tags, so that huge products cost no seconds."""
_SNIPPET_CHARACTERS = 200
"""A snippet is taken from so much of a value even then."""

INSTANT_SEARCH_TAGS = ("__ais-highlight__", "__/ais-highlight__")

_DEEPEST_LEVEL = 20
"""Values nested deeper than this are left out: a record's extra fields may hold anything."""
_REMEMBERED_CHARACTERS = 40
"""Longer words are rare, and not worth the memory of remembering what they are reduced to."""

_CJK = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_UNIT = "|".join(sorted((re.escape(way) for ways in UNITS.values() for way in ways), key=len, reverse=True))
# The numbers come first: what is read as one word with its unit is marked as one. "1,5" without a unit is two numbers.
_NUMBERS = (
    rf"(?<![\w.,])\d++(?:[.,]\d++)*+(?: ?(?:\"|'')|[ -]?(?!in \d)(?:{_UNIT})(?!\w))"
    rf"|(?<![^\W_{_CJK}])\d++(?:,\d{{3}}(?!\d)|\.\d++)*+[^\W_{_CJK}]*+"
)
_WORD = re.compile(rf"{_NUMBERS}|[{_CJK}]|[^\W_{_CJK}]++|&")
_PLAIN = re.compile("(?!and$)[a-z]+")
_UNIT_TOKENS = frozenset(token for ways in UNITS.values() for way in ways for token in analyse(way))
_LETTER_OR_DIGIT = re.compile(r"[^\W_]")
_SPECIAL = re.compile(r'[&<>"]')


class _Letters(dict[int, str]):
    """For each character the one that stands for it where words begin and end: its base letter, in small.

    One for one, so that a place in the result is the same place in the original. An accent that is a character of its
    own becomes a letter, since it does not end the word that it stands in.
    """

    def __missing__(self, code: int) -> str:
        character = chr(code)
        spelt = normalise(f"a{character}a")[1:-1]  # between letters, as white space at the ends is cut off
        letter = spelt[:1] or "a"
        self[code] = letter
        return letter


_LETTERS = _Letters({ord("&"): "&"})  # read aloud as "and"


def _letters(text: str) -> str:
    """A text of the same length in small base letters: what words are looked for in."""
    return text.lower() if text.isascii() else text.translate(_LETTERS)


@dataclass(frozen=True)
class Tags:
    """What the caller wants around the words found, and where a snippet was cut; put in as they are, not escaped."""

    pre: str = "<em>"
    post: str = "</em>"
    ellipsis: str = "…"

    @cached_property
    def text(self) -> Callable[[str], str]:
        """What is done to a text outside or inside the tags.

        It is escaped, but not for InstantSearch, which asks for marks of its own and then escapes by itself.
        """
        return str if (self.pre, self.post) == INSTANT_SEARCH_TAGS else escaped


@dataclass(frozen=True)
class _Found:
    """The places of one value that hold words of the query, in order, and which words of the query they hold."""

    spans: Sequence[tuple[int, int]]
    tokens: frozenset[str]


_NOTHING = _Found((), frozenset())


class Highlighter:
    """Marks the words of one query in the hits of one answer."""

    def __init__(
        self,
        query: str,
        tokens: Sequence[str],
        tags: Tags | None = None,
        *,
        alternatives: Mapping[str, str] | None = None,
        unfinished: str | None = None,
    ) -> None:
        """Of one query.

        Args:
            query: As typed, or as corrected; its words are what `matchedWords` names.
            tokens: What was searched for, as `analyse` makes it. A token that the query has no word for names itself.
            tags: Algolia's by default.
            alternatives: Tokens that were searched for beside those, each with the one that it stands for.
            unfinished: The last word, normalised, where it may be the beginning of one: of a word that begins so, no
                more than this is marked.
        """
        typed = dict(zip(analyse(query), words(query), strict=True))
        self._typed = {token: typed.get(token, unfinished or token) for token in tokens}
        self._stands_for = dict(alternatives or {}) | {token: token for token in tokens}
        self._unfinished = unfinished or ""
        self._last = next((token for token, word in self._typed.items() if word == unfinished), None)
        self._tags = tags or Tags()
        # A stem begins as its words do, so that most words need no analysis.
        self._initials = frozenset(token[0] for token in self._stands_for) | (
            {"&"} if "and" in self._stands_for else set()
        )
        self._words_of_ascii = _words_beginning(self._initials) if _is_plain(self._stands_for) else _WORD
        self._known: dict[str, frozenset[str]] = {}
        self._made: dict[str, dict[str, Any]] = {}
        self._left = SEARCHED_CHARACTERS

    def results(
        self, record: Mapping[str, Any], highlighted: Iterable[str], snippeted: Iterable[str]
    ) -> dict[str, Any]:
        """What a hit shows beside its record: `_highlightResult` and `_snippetResult`, each if it holds anything."""
        shown = {
            "_highlightResult": self.highlights(record, highlighted),
            "_snippetResult": self.snippets(record, snippeted),
        }
        return {name: result for name, result in shown.items() if result}

    def highlights(self, record: Mapping[str, Any], attributes: Iterable[str]) -> dict[str, Any]:
        """`_highlightResult`: each text and number of the attributes, in the record's own nesting.

        Args:
            record: A product as hits show it.
            attributes: Names, with dots into objects ("attributes.colour"); an object's name stands for all of it,
                "*" for the whole record but its id.

        >>> Highlighter("red lamps", ["red", "lamp"]).highlights({"title": "Lamp & shade"}, ["title"])["title"]["value"]
        '<em>Lamp</em> &amp; shade'
        """
        return _mapped(record, dict.fromkeys(attributes, 0), self._highlighted)

    def snippets(self, record: Mapping[str, Any], attributes: Iterable[str]) -> dict[str, Any]:
        """`_snippetResult`: as `highlights`, cut to so many words ("description:20") around the first one found.

        Where nothing was found, the first words.
        """
        return _mapped(record, dict(map(_name_and_length, attributes)), self._snippet)

    def _highlighted(self, text: str, _: int) -> dict[str, Any]:
        """Hits share brands and categories, which are looked through once."""
        made = self._made.get(text)
        if made is None:
            made = self._made[text] = self._searched_through(text)
        return made

    def _searched_through(self, text: str) -> dict[str, Any]:
        found = self._find(self._searched(text))
        if not found.spans:
            return {"value": self._tags.text(text), "matchLevel": "none", "matchedWords": []}
        return {
            "value": self._marked(text, found.spans, 0, len(text)),
            "matchLevel": self._level(found),
            "matchedWords": [word for token, word in self._typed.items() if token in found.tokens],
            "fullyHighlighted": _is_whole(text, found.spans),
        }

    def _snippet(self, text: str, length: int) -> dict[str, Any]:
        searched = self._searched(text, least=_SNIPPET_CHARACTERS)
        found = self._find(searched)
        spans = [match.span() for match in _WORD.finditer(_letters(searched)) if match[0] != "&"]
        first = 0
        if found.spans:
            at = next((number for number, span in enumerate(spans) if span[1] > found.spans[0][0]), len(spans))
            first = max(0, min(at - length // 2, len(spans) - length))
        last = first + length
        start = spans[first][0] if first else 0
        end = spans[last - 1][1] if last < len(spans) else len(searched)
        value = self._marked(text, found.spans, start, end)
        return {
            "value": (self._tags.ellipsis if first else "") + value + (self._tags.ellipsis if end < len(text) else ""),
            "matchLevel": self._level(found),
        }

    def _searched(self, text: str, *, least: int = 0) -> str:
        """The beginning of the text that may still be looked through, `least` characters of it in any case."""
        text = text[: max(self._left, least)]
        self._left -= len(text)
        return text

    def _find(self, text: str) -> _Found:
        letters = _letters(text)
        if self._initials.isdisjoint(letters):
            return _NOTHING
        spans: list[tuple[int, int]] = []
        seen: set[str] = set()
        for match in (self._words_of_ascii if letters.isascii() else _WORD).finditer(letters):
            start, end = match.span()
            if letters[start] not in self._initials:
                continue
            word = text[start:end]
            meant = self._known.get(word)
            if meant is None:
                meant = self._meant(word)
            if not meant:
                continue
            seen.update(meant)
            if self._last in meant and letters.startswith(self._unfinished, start, end):
                end = start + len(self._unfinished)
            if spans and spans[-1][1] == start:  # Chinese words are of several characters
                spans[-1] = (spans[-1][0], end)
            else:
                spans.append((start, end))
        return _Found(spans, frozenset(seen))

    def _meant(self, word: str) -> frozenset[str]:
        """The tokens of the query that a word stands for; none unless all of the word does."""
        tokens = _tokens(word)
        meant = frozenset(self._stands_for.get(token, "") for token in tokens)
        return self._known.setdefault(word, frozenset() if "" in meant else meant)

    def _marked(self, text: str, spans: Iterable[tuple[int, int]], start: int, end: int) -> str:
        """The text from `start` to `end`, escaped, with the tags around the spans that lie within."""
        parts: list[str] = []
        tags = self._tags
        written = start
        for span_start, span_end in spans:
            from_, to = max(span_start, start), min(span_end, end)
            if from_ < to:
                parts += (tags.text(text[written:from_]), tags.pre, tags.text(text[from_:to]), tags.post)
                written = to
        return "".join(parts) + self._tags.text(text[written:end])

    def _level(self, found: _Found) -> str:
        if not found.spans:
            return "none"
        return "full" if len(found.tokens) == len(self._typed) else "partial"


def _is_plain(tokens: Iterable[str]) -> bool:
    """Whether tokens are words of ASCII letters, none of them a unit: what is found then has no number before it."""
    return all(_PLAIN.fullmatch(token) and token not in _UNIT_TOKENS for token in tokens)


@lru_cache(maxsize=1 << 10)
def _words_beginning(initials: frozenset[str]) -> re.Pattern[str]:
    """Finds the words of an ASCII text that begin with one of some letters: most words need not be looked at then."""
    return re.compile(rf"(?<![a-z0-9])[{''.join(sorted(initials))}][a-z0-9]*+", re.ASCII)


def _tokens(word: str) -> tuple[str, ...]:
    return _remembered(word) if len(word) <= _REMEMBERED_CHARACTERS else tuple(analyse(word))


@lru_cache(maxsize=1 << 15)
def _remembered(word: str) -> tuple[str, ...]:
    return tuple(analyse(word))


def _is_whole(text: str, spans: Sequence[tuple[int, int]]) -> bool:
    """Whether no word stands outside the spans."""
    if _LETTER_OR_DIGIT.search(text, 0, spans[0][0]):
        return False
    ends = [0, *(end for _, end in spans)]
    starts = [*(start for start, _ in spans), len(text)]
    return not any(_LETTER_OR_DIGIT.search(text, end, start) for end, start in zip(ends, starts, strict=True))


def escaped(text: str) -> str:
    """A text as HTML, with no other entities than every client can undo."""
    # Not html.escape's quote=True: clients that undo the escaping do not know its entity for the apostrophe.
    return html.escape(text, quote=False).replace('"', "&quot;") if _SPECIAL.search(text) else text


def _name_and_length(attribute: str) -> tuple[str, int]:
    name, colon, length = attribute.rpartition(":")
    return (name, int(length)) if colon else (attribute, SNIPPET_WORDS)


def _parents(path: str) -> Iterator[str]:
    at = path.find(".")
    for _ in range(_DEEPEST_LEVEL):
        if at < 0:
            return
        yield path[:at]
        at = path.find(".", at + 1)


def _mapped(
    record: Mapping[str, Any], wanted: Mapping[str, int], leaf: Callable[[str, int], dict[str, Any]]
) -> dict[str, Any]:
    """The record's nesting with `leaf` of each text and number wanted; what holds neither is left out."""

    def of(value: Any, path: str, length: int | None, level: int) -> Any:
        if isinstance(value, str):
            return None if length is None else leaf(value, length)
        if isinstance(value, bool) or level > _DEEPEST_LEVEL:
            return None
        if isinstance(value, int | float):
            return None if length is None else leaf(str(value).removesuffix(".0"), length)
        if isinstance(value, list):
            return [made for item in value if (made := of(item, path, length, level + 1)) is not None] or None
        if isinstance(value, dict):
            return fields(value, f"{path}.", length, level + 1) or None
        return None

    def fields(values: Mapping[str, Any], prefix: str, length: int | None, level: int) -> dict[str, Any]:
        made = {}
        for name, value in values.items():
            path = prefix + name
            inner = wanted.get(path, length)
            if inner is None and path not in parents:
                continue
            if (field := of(value, path, inner, level)) is not None:
                made[name] = field
        return made

    if not wanted:
        return {}
    if not any("." in path or path == "*" for path in wanted):  # the usual case: a few fields of the record itself
        found = ((name, of(record[name], name, length, 0)) for name, length in wanted.items() if name in record)
        return {name: made for name, made in found if made is not None}
    parents = {parent for path in wanted for parent in _parents(path)}
    shown = {name: value for name, value in record.items() if name != "objectID" or name in wanted}
    return fields(shown, "", wanted.get("*"), 0)
