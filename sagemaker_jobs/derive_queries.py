"""Queries that shoppers might type, and which products answer them, from a catalogue alone.

A query is drawn from a product: what kind of thing it is, its brand, its line, an attribute, some words of its title.
What was drawn is also what an answer must satisfy, so every product of the catalogue has a known relevance: the
products that satisfy all of it are the right ones, and those that look alike but break a part (another brand,
a bag for the thing instead of the thing) are the hard negatives. Nothing here was typed or rated by a person.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from relevance.arrays import Rows, Vector
from relevance.contracts.products import Product
from relevance.text import analyse, is_number, words

Phrase = tuple[str, ...]
"""Tokens side by side."""

Pattern = Literal["type", "brand type", "type attribute", "brand type attribute", "brand", "line", "title words"]

PATTERNS: Mapping[Pattern, float] = {
    "type": 0.44,
    "brand type": 0.16,
    "type attribute": 0.12,
    "brand type attribute": 0.06,
    "brand": 0.06,
    "line": 0.08,
    "title words": 0.08,
}
"""What is drawn how often; short queries rule, as in shops."""

PATIENCE = 1000
"""Draws in a row that bring nothing new, before a catalogue has no more to ask."""
LONGEST_PHRASE = 3
PREPOSITIONS = frozenset(analyse("for with and in to from of w by on or inc incl per the a"))
_SEVERAL_BRANDS = 3
_LEAST_HEADS = 8
_PURITY = 0.6
"""In [0, 1]: what part of the neighbours of a type's products must be of that type. A colour, a condition or a unit
heads a few titles of every kind, and fails."""
_HEAD_AFTER_ALL = 0.25
"""In [0, 1]: the part of heads among its neighbours from which a product that holds a phrase in another place is taken
for one of that type: "notebook PC", whose neighbours are notebooks, and not "notebook case"."""
_SURELY = 0.5
"""In [0, 1]: the part of a type among its neighbours from which a product is of that type, whatever its title says."""


@dataclass(frozen=True)
class DerivedQuery:
    """A query and what its answers must satisfy."""

    text: str
    pattern: Pattern
    source: int
    """Row of the product that it was drawn from."""
    type: Phrase = ()
    brand: str = ""
    line: Phrase = ()
    attributes: tuple[str, ...] = ()
    """Tokens that the product must hold somewhere."""
    title_words: tuple[str, ...] = ()


class CatalogueFacts:
    """What queries are drawn from: types, lines and brands of one catalogue, and who has them."""

    def __init__(self, products: Sequence[Product], neighbours: NDArray[np.int64]) -> None:
        """`neighbours`, shape (n, k), as `product_neighbours` finds them."""
        self.products = products
        self.neighbours = neighbours
        self._surfaces: dict[Phrase, Counter[str]] = defaultdict(Counter)
        self._heads: dict[Phrase, list[int]] = defaultdict(list)
        self._holders: dict[Phrase, list[int]] = defaultdict(list)
        self.titles = [tuple(analyse(product.title)) for product in products]
        self.brands = [tuple(analyse(product.brand)) for product in products]
        self._spoken = [words(product.title) for product in products]
        values = self._attribute_values()
        for row in range(len(products)):
            self._read_title(row, values)
        self._brand_of = np.array([product.brand for product in products], dtype=object)
        self._in_title = rows_of([set(title) for title in self.titles])
        said = [
            set(title) | set(analyse(product.description)) for title, product in zip(self.titles, products, strict=True)
        ]
        self._said = rows_of(said)
        self._anywhere = rows_of(
            [
                text | set(analyse(" ".join(map(str, product.attributes.values()))))
                for text, product in zip(said, products, strict=True)
            ]
        )
        self._values = values
        self.types = self._types()
        self._type_matches: dict[Phrase, Vector] = {}
        self.lines = self._lines()

    def spoken(self, phrase: Phrase) -> str:
        """The way titles most often write a phrase."""
        return self._surfaces[phrase].most_common(1)[0][0]

    def attributes_of(self, row: int) -> list[str]:
        """Words of a title that state a quantity or an attribute's value, as titles write them."""
        return [
            word
            for word, token in zip(self._spoken[row], self.titles[row], strict=True)
            if token not in self.brands[row] and (_is_quantity(token) or token in self._values)
        ]

    def lines_of(self, row: int) -> list[Phrase]:
        """Names of lines (ThinkPad, LaserJet) in a title."""
        title = self.titles[row]
        phrases = (title[at : at + n] for at in range(len(title)) for n in (1, 2) if at + n <= len(title))
        return [phrase for phrase in phrases if phrase in self.lines]

    def words_of(self, row: int) -> list[str]:
        """All words of a title, as it writes them."""
        return self._spoken[row]

    def relevance(self, query: DerivedQuery) -> Vector:
        """How well each product answers a query: shape (n,), in [0, 1]; 1 satisfies all that it was drawn from."""
        found = np.ones(len(self.products), dtype=np.float32)
        if query.type:
            found *= self.type_match(query.type)
        if query.brand:
            same = self._brand_of == query.brand
            named = self._marked(self._holders.get(tuple(analyse(query.brand)), []))
            # A part for that brand's machine, when only the brand was asked for, is not quite beside the point.
            found *= np.where(same, 1.0, np.where(named, 0.15, 0.0 if not query.type else 0.1)).astype(np.float32)
        if query.line:
            of_line = self._marked(self._holders.get(query.line, []))
            same = self._brand_of == self.lines[query.line]
            found *= np.where(of_line, np.where(same, 1.0, 0.4), 0.0).astype(np.float32)
        for token in query.attributes:
            found *= np.where(self._marked(self._anywhere.get(token, [])), 1.0, 0.35).astype(np.float32)
        if query.title_words:
            share = self._share(frozenset(query.title_words), self._in_title)
            alike = self._marked(self.neighbours[query.source].tolist())
            found *= np.where(share == 1, 1.0, np.where(alike, 0.5, 0.15) * share**2).astype(np.float32)
            found[query.source] = 1.0
        return found

    def shares(self, tokens: frozenset[str], *, said: bool = False) -> Vector:
        """Which part of some tokens each product holds: shape (n,), in [0, 1].

        Args:
            tokens: At least one.
            said: Count only what stands in titles and descriptions; by default attributes' values count too.
        """
        return self._share(tokens, self._said if said else self._anywhere).astype(np.float32)

    def type_match(self, phrase: Phrase) -> Vector:
        """How surely each product is of a type, whatever its title says: shape (n,), in [0, 1]."""
        if phrase not in self._type_matches:
            heads, share = self._spread(phrase)
            match = np.minimum(1, share / _SURELY) * np.where(heads | (share >= _SURELY), 1.0, 0.8)
            self._type_matches[phrase] = match.astype(np.float32)
        return self._type_matches[phrase]

    def _spread(self, phrase: Phrase) -> tuple[NDArray[np.bool_], Vector]:
        """Which products a phrase heads, and which part of each one's neighbours it heads; shapes (n,)."""
        heads = self._marked(self._heads[phrase])
        share = heads[self.neighbours].mean(axis=1)
        heads |= self._marked(self._holders[phrase]) & (share >= _HEAD_AFTER_ALL)
        return heads, heads[self.neighbours].mean(axis=1).astype(np.float32)

    def _share(self, tokens: frozenset[str], rows_of: Mapping[str, Rows]) -> NDArray[np.float64]:
        held = [rows_of[token] for token in tokens if token in rows_of]
        rows = np.concatenate(held) if held else np.empty(0, dtype=np.int64)
        return np.bincount(rows, minlength=len(self.products)) / len(tokens)

    def _marked(self, rows: Sequence[int] | Rows) -> NDArray[np.bool_]:
        marked = np.zeros(len(self.products), dtype=bool)
        marked[np.asarray(rows, dtype=np.int64)] = True
        return marked

    def _attribute_values(self) -> frozenset[str]:
        """Tokens that are the whole value of an attribute of several products: colours, materials, conditions."""
        values = Counter(
            value
            for product in self.products
            for value in {str(value).lower() for value in product.attributes.values() if isinstance(value, str)}
            if re.fullmatch(r"[^\W\d_]{3,}", value)
        )
        most = max(10, len(self.products) // 1000)
        return frozenset(analyse(value)[0] for value, count in values.items() if count >= most and analyse(value))

    def _read_title(self, row: int, values: frozenset[str]) -> None:
        """Note which phrases a title holds, and which of them are heads: what the product is, not what it is for."""
        title, spoken = self.titles[row], self._spoken[row]
        seen: set[Phrase] = set()
        behind_preposition = False
        for at, token in enumerate(title):
            behind_preposition = behind_preposition or token in PREPOSITIONS
            for end in range(at + 1, min(at + LONGEST_PHRASE, len(title)) + 1):
                phrase = title[at:end]
                if is_number(phrase[-1]) or phrase[-1] in PREPOSITIONS or len(phrase[-1]) < 2:
                    break
                following = title[end] if end < len(title) else ""
                ends_noun = not following or is_number(following) or following in (PREPOSITIONS | values)
                if phrase not in seen:
                    seen.add(phrase)
                    self._holders[phrase].append(row)
                    self._surfaces[phrase][" ".join(spoken[at:end])] += 1
                    if (ends_noun or following in self.brands[row]) and not behind_preposition:
                        self._heads[phrase].append(row)

    def _types(self) -> list[Phrase]:
        """Phrases that name kinds of products, in the order of their first title."""
        several = min(_SEVERAL_BRANDS, len(set(self.brands)))
        found: list[Phrase] = []
        for phrase, rows in self._heads.items():
            if len(rows) < _LEAST_HEADS or len({self.brands[row] for row in rows}) < several:
                continue
            if any(phrase == self.brands[row] for row in rows):
                continue
            _, share = self._spread(phrase)
            if share[rows].mean() >= _PURITY:
                found.append(phrase)
        # "notebook black" is pure, but "black" is not: what a thing is comes last.
        words_alone = {phrase[0] for phrase in found if len(phrase) == 1}
        return [phrase for phrase in found if phrase[-1] in words_alone]

    def _lines(self) -> dict[Phrase, str]:
        """Phrases of one or two words that nearly one brand alone uses, with that brand."""
        known = set(self.types)
        found: dict[Phrase, str] = {}
        for phrase, rows in self._holders.items():
            if len(phrase) > 2 or len(rows) < _LEAST_HEADS or phrase in known:
                continue
            if any(token in self._values or len(token) < 3 for token in phrase):
                continue
            brand, count = Counter(self.products[row].brand for row in rows).most_common(1)[0]
            of_brand = set(analyse(brand))
            if brand and count >= 0.85 * len(rows) and not of_brand.intersection(phrase):
                found[phrase] = brand
        return found


def derive_queries(facts: CatalogueFacts, count: int, *, seed: int) -> list[DerivedQuery]:
    """Draw distinct queries; at most `count`, fewer where a catalogue has no more to ask.

    Types are drawn evenly, so that a thousand cables do not make a thousand queries for cables. The same facts and
    seed give the same queries.
    """
    generator = np.random.default_rng(seed)
    patterns, shares = list(PATTERNS), np.array(list(PATTERNS.values()))
    found: dict[str, DerivedQuery] = {}
    in_vain = 0
    while len(found) < count and in_vain < PATIENCE:
        query = _draw(facts, patterns[generator.choice(len(patterns), p=shares / shares.sum())], generator)
        if query is None or query.text in found:
            in_vain += 1
        else:
            found[query.text] = query
            in_vain = 0
    return list(found.values())


def _draw(facts: CatalogueFacts, pattern: Pattern, generator: np.random.Generator) -> DerivedQuery | None:
    row = int(generator.integers(len(facts.products)))
    type_phrase: Phrase = ()
    brand = ""
    line: Phrase = ()
    attributes: list[str] = []
    if "type" in pattern:
        if not facts.types:
            return None
        type_phrase = facts.types[generator.integers(len(facts.types))]
        of_type = np.flatnonzero(facts.type_match(type_phrase) == 1)
        if not len(of_type):
            return None
        row = int(generator.choice(of_type))
    if "brand" in pattern:
        brand = facts.products[row].brand
        if not analyse(brand):
            return None
    if "attribute" in pattern:
        choices = [word for word in facts.attributes_of(row) if not set(analyse(word)).intersection(type_phrase)]
        if not choices:
            return None
        attributes = [choices[generator.integers(len(choices))]]
    if pattern == "line":
        lines = facts.lines_of(row)
        if not lines:
            return None
        line = lines[generator.integers(len(lines))]
    spoken = [
        brand.lower(),
        facts.spoken(line) if line else "",
        *attributes,
        facts.spoken(type_phrase) if type_phrase else "",
    ]
    chosen: list[str] = []
    if pattern == "title words":
        title = facts.words_of(row)
        if len(title) < 3:
            return None
        places = np.sort(
            generator.choice(len(title), size=min(int(generator.integers(2, 5)), len(title)), replace=False)
        )
        chosen = spoken = [title[place] for place in places]
    return DerivedQuery(
        text=_typed([part for part in spoken if part], generator),
        pattern=pattern,
        source=row,
        type=type_phrase,
        brand=brand,
        line=line,
        attributes=tuple(token for word in attributes for token in analyse(word)),
        title_words=tuple(token for word in chosen for token in analyse(word)),
    )


def _typed(parts: list[str], generator: np.random.Generator) -> str:
    """The parts as a hurried shopper types them: sometimes in another order, in the plural, or with a letter lost."""
    if len(parts) > 1 and generator.random() < 0.2:
        parts = [parts[place] for place in generator.permutation(len(parts))]
    text = " ".join(parts)
    luck = generator.random()
    if luck < 0.15 and text[-1].isalpha() and not text.endswith("s"):
        return text + "s"
    if luck > 0.95:
        letters = [at for at in range(1, len(text)) if text[at].isalpha() and text[at - 1].isalpha()]
        if len(letters) > 3:
            at = letters[generator.integers(len(letters))]
            return text[:at] + text[at + 1 :]
    return text


def rows_of(bags: Sequence[set[str]]) -> dict[str, Rows]:
    """By token, the rows whose bag holds it, in ascending order."""
    rows: dict[str, list[int]] = defaultdict(list)
    for row, bag in enumerate(bags):
        for token in bag:
            rows[token].append(row)
    return {token: np.array(of_token, dtype=np.int64) for token, of_token in rows.items()}


def _is_quantity(token: str) -> bool:
    """A number with its unit ("16gb"), as a shopper may ask for; no bare number, no model number."""
    return re.fullmatch(r"\d+(\.\d+)?[a-z]{1,4}", token) is not None
