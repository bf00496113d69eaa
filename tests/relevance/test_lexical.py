from itertools import pairwise

import numpy as np
import pytest

from relevance.bm25 import inverse_document_frequencies
from relevance.contracts.stages import Alternative, UnderstoodQuery
from relevance.index.lexical import LexicalIndex, LexicalWriter
from relevance.index.retrieval import SERVED
from relevance.index.tokens import hashed
from relevance.product_text import TEXT_FIELDS

WORDS = [f"word{number}" for number in range(30)]
PRODUCTS = 400
WEIGHTS = SERVED.field_weights


@pytest.fixture(scope="module")
def texts():
    """Products of 0 to 150 words a field: some longer than a length that tantivy keeps exactly."""
    rng = np.random.default_rng(11)
    shares = 1 / np.arange(1, 31)
    return [
        tuple(
            rng.choice(
                WORDS, size=rng.integers(150 if field == "description" else 12), p=shares / shares.sum()
            ).tolist()
            for field in TEXT_FIELDS
        )
        for _ in range(PRODUCTS)
    ]


@pytest.fixture(scope="module")
def index(texts, tmp_path_factory):
    folder = tmp_path_factory.mktemp("lexical")
    writer = LexicalWriter(folder, PRODUCTS)
    writer.add(texts[:250])
    writer.add(texts[250:])
    writer.close()
    return LexicalIndex.open(folder)


def a_query(index, *tokens, alternatives=()):
    weights = inverse_document_frequencies(index.document_frequencies(tokens), PRODUCTS)
    return UnderstoodQuery(
        query_id="0" * 32,
        release="r",
        query=" ".join(tokens),
        cut=False,
        normalised=" ".join(tokens),
        tokens=tokens,
        weights=tuple(weights.tolist()),
        alternatives=alternatives,
        brand=None,
        brand_tokens=(),
    )


PLAIN = ("word3", "word20", "word29")
WITH_ALTERNATIVES = ((), (Alternative(tokens=("word4",), weight=0.5), Alternative(tokens=("word28",), weight=1.0)), ())


@pytest.mark.parametrize("alternatives", [(), WITH_ALTERNATIVES])
@pytest.mark.parametrize("many", [0, 10**9])
def test_products_looked_at_one_by_one_have_the_scores_of_a_search(index, texts, alternatives, many, monkeypatch):
    monkeypatch.setattr("relevance.index.lexical._MANY", many)
    query = a_query(index, *PLAIN, alternatives=alternatives)
    tokens = hashed(field for text in texts for field in text)
    mean_lengths = tokens.lengths.reshape(PRODUCTS, -1).mean(axis=0, dtype=np.float32)

    rows, scores = index.search(query, WEIGHTS, PRODUCTS)
    one_by_one = index.scores(query, WEIGHTS, tokens, mean_lengths)

    np.testing.assert_allclose(one_by_one[rows], scores, rtol=1e-5)
    assert (np.delete(one_by_one, rows) == 0).all()
    assert 100 < len(rows) < PRODUCTS


def test_in_a_large_catalogue_alternatives_add_to_what_they_stand_for(index, monkeypatch):
    query = a_query(index, *PLAIN, alternatives=WITH_ALTERNATIVES)
    rows, best = index.search(query, WEIGHTS, PRODUCTS)
    score_of = dict(zip(rows.tolist(), best.tolist(), strict=True))

    monkeypatch.setattr("relevance.index.lexical._MANY", 0)
    rows, added = index.search(query, WEIGHTS, PRODUCTS)

    assert sorted(rows.tolist()) == sorted(score_of)
    assert all(score >= score_of[row] - 1e-5 for row, score in zip(rows.tolist(), added.tolist(), strict=True))


def test_a_phrase_cannot_be_looked_for_one_by_one(index, texts):
    phrase = ((), (Alternative(tokens=("word4", "word5"), weight=1.0),), ())

    assert index.scores(a_query(index, *PLAIN, alternatives=phrase), WEIGHTS, hashed([]), np.ones(5)) is None


def test_products_that_hold_a_phrase_are_known(index, texts):
    def holds(words):
        return ("word4", "word5") in pairwise(words)

    expected = [
        row for row, text in enumerate(texts) if holds([word for field in text[:4] for word in field]) or holds(text[4])
    ]

    assert sorted(index.holding(("word4", "word5")).tolist()) == expected
    assert 0 < len(expected) < PRODUCTS
