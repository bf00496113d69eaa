import numpy as np
import pytest

from relevance.index.postings import Postings
from relevance.index.tokens import hashed

PRODUCTS = 300


@pytest.fixture(scope="module")
def texts():
    """Two texts of each product: one word that all have, some that many have, and one of its own."""
    rng = np.random.default_rng(1)
    often = [f"often{number}" for number in range(10)]
    return [
        text
        for number in range(PRODUCTS)
        for text in (["everywhere", f"own{number}"], rng.choice(often, size=rng.integers(0, 4)).tolist())
    ]


@pytest.fixture(scope="module")
def postings(texts, tmp_path_factory):
    folder = tmp_path_factory.mktemp("postings")
    Postings.build(hashed(texts), PRODUCTS, folder)
    return Postings.open(folder, PRODUCTS)


@pytest.mark.parametrize(
    "tokens", [["everywhere"], ["own7"], ["often3"], ["own7", "own8", "often2"], ["nowhere"], [], ["own299", "nowhere"]]
)
def test_a_product_holds_a_token_that_stands_in_any_of_its_texts(postings, texts, tokens):
    expected = [row for row in range(PRODUCTS) if {*texts[2 * row], *texts[2 * row + 1]} & {*tokens}]

    assert np.flatnonzero(postings.holding(tokens)).tolist() == expected


def test_products_without_a_word_are_held_by_none(tmp_path):
    Postings.build(hashed([[], []]), 2, tmp_path)

    assert Postings.open(tmp_path, 2).holding(["lamp"]).tolist() == [False, False]
