"""BM25 over weighted text fields, by tantivy."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Self

import numpy as np
import tantivy

from relevance.arrays import Rows, Vector
from relevance.bm25 import inverse_document_frequencies, saturated_counts
from relevance.contracts.stages import UnderstoodQuery
from relevance.index.ragged import Ragged
from relevance.index.retrieval import SEARCHED_TOGETHER, TOGETHER
from relevance.index.tokens import token_hash
from relevance.product_text import TEXT_FIELDS, AnalysedText

_TEXT = "text"
_SMALLEST_HEAP_BYTES = 128 << 20
_HEAP_BYTES_PER_PRODUCT = 4096
_LARGEST_HEAP_BYTES = 4_000_000_000
_MANY = 100_000
"""Of a query's tokens and their alternatives: in how many products they may stand, added up, for each to be looked at.

Beyond that alternatives add to their token's score instead of standing in for it: of a plain sum tantivy passes over
the products that cannot be among the best, of a maximum it does not.
"""


_Slot = list[tuple[tuple[str, ...], float]]
# tantivy keeps the length of a text in a byte: up to 40 exactly, then in steps of an eighth to a sixteenth.
_STEPS = np.arange(256 - 24)
_LENGTHS = np.concatenate(
    (np.arange(24), 24 + np.where(_STEPS < 8, _STEPS, (_STEPS % 8 + 8) << np.maximum(_STEPS // 8 - 1, 0)))
).astype(np.float32)


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    for field in SEARCHED_TOGETHER:
        # The text is analysed before it comes here, so that index, query and features agree on what a token is.
        builder.add_text_field(field, stored=False, tokenizer_name="whitespace", index_option="position")
    return builder.build()


class LexicalIndex:
    """An open index in one segment, in which a document's number is the product's row."""

    def __init__(self, index: tantivy.Index) -> None:
        self._schema = index.schema
        self._searcher = index.searcher()

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Memory-map the index that `LexicalWriter` wrote."""
        return cls(tantivy.Index.open(str(folder)))

    def search(
        self, query: UnderstoodQuery, weights: Mapping[str, float], limit: int, *, every: bool = False
    ) -> tuple[Rows, Vector]:
        """Products that hold any of a query's tokens, or `every` one, best weighted sum of their fields' BM25 first.

        A token's alternatives count as it does, by their weights: as often as the best of them stands in a field.

        Returns:
            Rows, shape (k,), k <= limit; and their scores, shape (k,), above 0.
        """
        return self._best(self._query(query, weights, every), limit)

    def _best(self, query: tantivy.Query, limit: int) -> tuple[Rows, Vector]:
        # Counting all matches would keep tantivy from passing over any.
        hits = self._searcher.search(query, limit=max(limit, 1), count=False).hits[:limit]
        rows = np.array([address.doc for _, address in hits], dtype=np.int64)
        return rows, np.array([score for score, _ in hits], dtype=np.float32)

    def holding(self, phrase: Sequence[str]) -> Rows:
        """The products that hold some tokens side by side in one of the fields, in no order."""
        return self._best(self._holding(phrase), self._searcher.num_docs)[0]

    def _holding(self, tokens: Sequence[str]) -> tantivy.Query:
        return _any_of([self._term(field, *tokens, boost=1.0) for field in SEARCHED_TOGETHER])

    def document_frequencies(self, tokens: Sequence[str]) -> Vector:
        """Shape (len(tokens),): in how many products each token stands, by the field that has most."""
        return np.array(
            [max(self._searcher.doc_freq(field, token) for field in SEARCHED_TOGETHER) for token in tokens],
            dtype=np.float32,
        )

    def frequencies_beside(self, tokens: Sequence[str], others: Sequence[str]) -> Vector:
        """Shape (len(others),): of the products that hold all the tokens as text, in how many each other one stands."""
        return np.array([self._products_with((*tokens, other)) for other in others], dtype=np.float32)

    def _products_with(self, tokens: Sequence[str]) -> int:
        terms = [tantivy.Query.term_query(self._schema, _TEXT, token) for token in tokens]
        query = tantivy.Query.boolean_query([(tantivy.Occur.Must, term) for term in terms])
        found = self._searcher.search(query, limit=1, count=True)
        return int(found.count)  # type: ignore[attr-defined]  # the stub forgets it

    def scores(
        self, query: UnderstoodQuery, weights: Mapping[str, float], texts: Ragged, mean_lengths: Vector
    ) -> Vector | None:
        """Shape (n,): what `search` would give products whose texts are at hand; 0 for one that holds no token.

        For products so few that it would have to go deep to come across them.

        Args:
            query: None of its alternatives may be a phrase: None comes back.
            weights: By field.
            texts: Token hashes of n * len(TEXT_FIELDS) texts.
            mean_lengths: Shape (len(TEXT_FIELDS),): mean tokens in the whole catalogue.
        """
        slots = self._slots(query)
        if any(len(tokens) > 1 for slot in slots for tokens, _ in slot):
            return None
        lengths = texts.lengths.reshape(-1, len(TEXT_FIELDS)) @ TOGETHER
        lengths = _LENGTHS[np.searchsorted(_LENGTHS, lengths, side="right") - 1]
        field_weights = np.array(list(weights.values()), dtype=np.float32)
        best_or_sum = np.sum if self._adds(query) else np.max
        total = np.zeros(len(lengths), dtype=np.float32)
        for slot in slots:
            found = []
            for (token,), boost in slot:
                texts_of_hits = texts.owners(np.flatnonzero(texts.values == np.uint32(token_hash(token))))
                counts = np.bincount(texts_of_hits, minlength=len(texts)).reshape(-1, len(TEXT_FIELDS)) @ TOGETHER
                frequencies = np.array([self._searcher.doc_freq(field, token) for field in weights], dtype=np.float32)
                rarity = inverse_document_frequencies(frequencies, self._searcher.num_docs)
                found.append(boost * rarity * saturated_counts(counts, lengths, mean_lengths @ TOGETHER))
            total += best_or_sum(found, axis=0) @ field_weights
        return total

    def _query(self, query: UnderstoodQuery, weights: Mapping[str, float], every: bool) -> tantivy.Query:
        adding = self._adds(query)
        slots = [
            [
                part
                for field, weight in weights.items()
                for part in self._in_field(field, [(tokens, weight * boost) for tokens, boost in slot], adding)
            ]
            for slot in self._slots(query)
        ]
        if every:
            return tantivy.Query.boolean_query([(tantivy.Occur.Must, _any_of(slot)) for slot in slots])
        return _any_of([part for slot in slots for part in slot])  # flat: a sum of sums takes half as long again

    def _in_field(self, field: str, slot: _Slot, adding: bool) -> list[tantivy.Query]:
        terms = [self._term(field, *tokens, boost=boost) for tokens, boost in slot]
        return terms if adding or len(terms) == 1 else [tantivy.Query.disjunction_max_query(terms)]

    def _adds(self, query: UnderstoodQuery) -> bool:
        """Whether alternatives add to a token's score, or stand in for it where they are better; see _MANY."""
        others = [token for slot in query.alternatives for other in slot for token in other.tokens]
        return bool(others) and float(self.document_frequencies([*query.tokens, *others]).sum()) > _MANY

    def _slots(self, query: UnderstoodQuery) -> list[_Slot]:
        """For each token what may stand in its place, itself first, and what each counts."""
        alternatives = query.alternatives or ((),) * len(query.tokens)
        slots: list[_Slot] = []
        for token, weight, others in zip(query.tokens, query.weights, alternatives, strict=True):
            held = ((token,), *(other.tokens for other in others))
            boosts = [1.0]
            if others:
                # Each as rare as the token itself: a rare synonym must not count more than the word asked for.
                counts = (1.0, *(other.weight for other in others))
                boosts = [count * weight / rarity for count, rarity in zip(counts, self._rarities(held), strict=True)]
            slots.append(list(zip(held, boosts, strict=True)))
        return slots

    def _rarities(self, phrases: Sequence[tuple[str, ...]]) -> list[float]:
        """The inverse document frequency of each phrase: the sum of its tokens', as tantivy counts it."""
        frequencies = self.document_frequencies([token for phrase in phrases for token in phrase])
        rarities = iter(inverse_document_frequencies(frequencies, self._searcher.num_docs).tolist())
        return [sum(next(rarities) for _ in phrase) for phrase in phrases]

    def _term(self, field: str, *tokens: str, boost: float) -> tantivy.Query:
        """One token, or several side by side, in one field."""
        if len(tokens) == 1:
            found = tantivy.Query.term_query(self._schema, field, tokens[0])
        else:
            found = tantivy.Query.phrase_query(self._schema, field, list(tokens))
        return tantivy.Query.boost_query(found, boost)


class LexicalWriter:
    """Writes the index of products' texts into an existing, empty folder; row numbers follow their order."""

    def __init__(self, folder: Path, products: int) -> None:
        """Of so many products in all."""
        self._products = products
        self._index = tantivy.Index(_schema(), path=str(folder))
        # One thread and a heap for everything: one segment, in the order of the products.
        heap_bytes = min(max(_SMALLEST_HEAP_BYTES, _HEAP_BYTES_PER_PRODUCT * products), _LARGEST_HEAP_BYTES)
        self._writer = self._index.writer(heap_size=heap_bytes, num_threads=1)

    def add(self, texts: Iterable[AnalysedText]) -> None:
        """Index some more products."""
        for text in texts:
            document = tantivy.Document()
            tokens_of = dict(zip(TEXT_FIELDS, text, strict=True))
            for field, parts in SEARCHED_TOGETHER.items():
                document.add_text(field, " ".join(token for part in parts for token in tokens_of[part]))
            self._writer.add_document(document)

    def close(self) -> None:
        """Write what was added."""
        self._writer.commit()
        self._writer.wait_merging_threads()
        self._index.reload()
        segments = self._index.searcher().num_segments
        if segments > 1:
            raise RuntimeError(f"the lexical index of {self._products} products came out in {segments} segments, not 1")


def _any_of(queries: Sequence[tantivy.Query]) -> tantivy.Query:
    return tantivy.Query.boolean_query([(tantivy.Occur.Should, query) for query in queries])
