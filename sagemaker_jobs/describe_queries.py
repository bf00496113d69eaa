"""Queries that describe what is wanted in other words than a title's, and which products answer them.

What `derive_queries` draws is made of the words of titles, and a model that learns from nothing else learns to match
words (docs/decisions/0009-ranker.md). These are drawn from the rest of a catalogue:

- *value*: a kind of thing and a value that products state ("lithium battery", "toner for Phaser 7500"). A product that
  states the value answers whether its text says so or not.
- *category*: what a shop calls its shelves, alone or with a value.
- *description*: some words that stand side by side in a description.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from relevance.arrays import Rows, Vector
from relevance.contracts.products import AttributeValue, Product
from relevance.text import analyse, is_number, words
from sagemaker_jobs.derive_queries import PATIENCE, PREPOSITIONS, CatalogueFacts, Phrase

Description = Literal["value", "category", "category value", "description"]

DESCRIPTIONS: Mapping[Description, float] = {"value": 0.45, "category": 0.1, "category value": 0.15, "description": 0.3}
"""What is drawn how often; what a catalogue does not have is not drawn."""

LONGEST_VALUE = 4
"""Words; a longer value is a sentence that nobody types."""
_LEAST_STATING = 3
"""Fewer products that state a value make it a serial number."""
_SAID_BY = 0.3
"""In [0, 1]: part of the products that state a value whose title or description says it too. What sellers never say
(how a thing is packed, who certified it) no shopper asks for."""
_STATES_ANOTHER, _STATES_NONE = 0.1, 0.35
"""Relevance, in [0, 1], of a product that states another value, or none at all: that one may still have it."""
_SAME_SHELF = 0.3
"""Relevance, in [0, 1], of a product of another category under the same parent."""

Stated = tuple[str, str]
"""The name of an attribute, and a value in normalised words."""


@dataclass(frozen=True)
class DescribedQuery:
    """A query and what its answers must satisfy."""

    text: str
    pattern: Description
    source: int
    """Row of the product that it was drawn from."""
    type: Phrase = ()
    category: tuple[str, ...] = ()
    """From the broadest on."""
    stated: Stated | None = None
    described: tuple[str, ...] = ()
    """Tokens that a product must hold somewhere."""


class StatedFacts:
    """What the products of a catalogue state beside their titles."""

    def __init__(self, facts: CatalogueFacts) -> None:
        self.facts = facts
        self._states: dict[str, Rows] = {}
        self._rows: dict[Stated, Rows] = {}
        self._spoken: dict[Stated, str] = {}
        self._values_of: dict[int, list[Stated]] = defaultdict(list)
        self._read_values()
        shelves: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for row, product in enumerate(facts.products):
            for depth in range(1, len(product.categories) + 1):
                shelves[product.categories[:depth]].append(row)
        self._shelves = {category: np.array(rows) for category, rows in shelves.items()}

    def values_of(self, row: int) -> list[Stated]:
        """What a product states that a shopper may ask for."""
        return self._values_of.get(row, [])

    def spoken(self, stated: Stated) -> str:
        """A value as the catalogue writes it."""
        return self._spoken[stated]

    def relevance(self, query: DescribedQuery) -> Vector:
        """How well each product answers a query: shape (n,), in [0, 1]."""
        count = len(self.facts.products)
        found = np.ones(count, dtype=np.float32)
        if query.type:
            found *= self.facts.type_match(query.type)
        if query.category:
            match = np.zeros(count, dtype=np.float32)
            if len(query.category) > 1:
                match[self._shelves[query.category[:-1]]] = _SAME_SHELF
            match[self._shelves[query.category]] = 1
            found *= match
        if query.stated:
            name, value = query.stated
            states = np.full(count, _STATES_NONE, dtype=np.float32)
            states[self._states[name]] = _STATES_ANOTHER
            states[self._rows[query.stated]] = 1
            states[self.facts.shares(frozenset(analyse(value))) == 1] = 1
            found *= states
        if query.described:
            share = self.facts.shares(frozenset(query.described))
            found *= np.where(share == 1, 1.0, 0.3 * share**2).astype(np.float32)
        return found

    def _read_values(self) -> None:
        rows: dict[Stated, list[int]] = defaultdict(list)
        states: dict[str, list[int]] = defaultdict(list)
        for row, product in enumerate(self.facts.products):
            for name, attribute in product.attributes.items():
                states[name].append(row)
                for written in dict.fromkeys(_values(name, attribute)):
                    stated = (name, " ".join(words(written)))
                    self._spoken.setdefault(stated, written)
                    rows[stated].append(row)
        self._states = {name: np.array(stating) for name, stating in states.items()}
        for stated, stating in rows.items():
            if len(stating) < _LEAST_STATING:
                continue
            said = self.facts.shares(frozenset(analyse(stated[1])), said=True)[stating] == 1
            if said.mean() >= _SAID_BY:
                self._rows[stated] = np.unique(stating)
                for row in self._rows[stated].tolist():
                    self._values_of[row].append(stated)


def describe_queries(stated: StatedFacts, count: int, *, seed: int) -> list[DescribedQuery]:
    """Draw distinct queries; at most `count`, fewer where a catalogue has no more to say.

    The same facts and seed give the same queries.
    """
    generator = np.random.default_rng(seed)
    patterns, shares = list(DESCRIPTIONS), np.array(list(DESCRIPTIONS.values()))
    found: dict[str, DescribedQuery] = {}
    in_vain = 0
    while len(found) < count and in_vain < PATIENCE:
        query = _draw(stated, patterns[generator.choice(len(patterns), p=shares / shares.sum())], generator)
        if query is None or query.text in found:
            in_vain += 1
        else:
            found[query.text] = query
            in_vain = 0
    return list(found.values())


def _draw(stated: StatedFacts, pattern: Description, generator: np.random.Generator) -> DescribedQuery | None:
    facts = stated.facts
    row = int(generator.integers(len(facts.products)))
    product = facts.products[row]
    if pattern == "description":
        phrases = list(_phrases(product))
        if not phrases:
            return None
        chosen = phrases[generator.integers(len(phrases))]
        length = int(generator.integers(2, min(5, len(chosen)) + 1))
        begin = int(generator.integers(len(chosen) - length + 1))
        text = " ".join(chosen[begin : begin + length])
        described = tuple(dict.fromkeys(analyse(text)))
        telling = [token for token in described if _tells(token)]
        if len(telling) < 2 or described[0] not in telling or described[-1] not in telling:
            return None  # "for 10 30inch" and "5 pin" stand side by side too
        if set(described) <= set(facts.titles[row]):
            return None
        return DescribedQuery(text, pattern, row, described=described)
    type_phrase: Phrase = ()
    category: tuple[str, ...] = ()
    if pattern == "value":
        if not facts.types:
            return None
        type_phrase = facts.types[generator.integers(len(facts.types))]  # evenly, as derive_queries draws them
        of_type = np.flatnonzero(facts.type_match(type_phrase) == 1)
        if not len(of_type):
            return None
        row = int(generator.choice(of_type))
        thing = facts.spoken(type_phrase)
    else:
        if not product.categories:
            return None
        category = product.categories[: int(generator.integers(1, len(product.categories) + 1))]
        thing = " ".join(words(category[-1]))
    if pattern == "category":
        return DescribedQuery(thing, pattern, row, category=category)
    values = [value for value in stated.values_of(row) if not set(analyse(value[1])) & set(analyse(thing))]
    if not values:
        return None
    value = values[generator.integers(len(values))]
    spoken = " ".join(words(stated.spoken(value)))
    text = f"{thing} for {spoken}" if "compatib" in value[0] else f"{spoken} {thing}"
    return DescribedQuery(text, pattern, row, type=type_phrase, category=category, stated=value)


def _values(name: str, attribute: AttributeValue) -> Iterator[str]:
    """What an attribute says that can be typed: its name where it holds, the parts of a list, a short text."""
    if attribute is True:
        yield name.replace("_", " ")
    texts = attribute if isinstance(attribute, tuple) else (attribute,) if isinstance(attribute, str) else ()
    for text in texts:
        for part in re.split(r"[,;/|\n]|\\n", re.sub(r"\(.*?\)", " ", text)):
            spoken = words(part)
            # a "Y" or an "N" answers a question that the value does not repeat
            if 1 <= len(spoken) <= LONGEST_VALUE and any(len(word) > 1 and not is_number(word) for word in spoken):
                yield part.strip(" -.")


def _tells(token: str) -> bool:
    """Whether a token is a word that says something: no number, no preposition, no letter."""
    return len(token) > 2 and not is_number(token) and token not in PREPOSITIONS


def _phrases(product: Product) -> Iterator[list[str]]:
    """The clauses of a description as words, each of at least two."""
    for clause in re.split(r"[,.;:|()\n\u2022\u2013]\s+|\s[-\u2013]\s|[()|;\n]", product.description):
        spoken = words(clause)
        if len(spoken) >= 2:
            yield spoken
