import numpy as np
import pytest

from relevance.encoder import TextEncoder
from relevance.product_text import embedding_text
from sagemaker_jobs.build_release import ARTEFACTS
from sagemaker_jobs.derive_queries import PATTERNS, CatalogueFacts, DerivedQuery, derive_queries
from sagemaker_jobs.product_neighbours import product_neighbours
from tests.sagemaker_jobs.derived_shop import made_up_shop


@pytest.fixture(scope="module")
def facts() -> CatalogueFacts:
    products = made_up_shop()
    vectors = TextEncoder.load(ARTEFACTS / "encoder").encode_batch(
        [embedding_text(product) for product in products], max_tokens=64
    )
    return CatalogueFacts(products, product_neighbours(products, vectors))


def answers(facts: CatalogueFacts, query: DerivedQuery, at_least: float = 0.99) -> set[str]:
    """Titles of the products that satisfy all of a query."""
    return {facts.products[row].title for row in np.flatnonzero(facts.relevance(query) >= at_least)}


def test_neighbours_are_of_the_same_kind():
    products = made_up_shop()

    neighbours = product_neighbours(products, np.zeros((len(products), 4), dtype=np.float32))

    attributes = [set(product.attributes) for product in products]
    assert all(attributes[row] == attributes[near] for row, list_ in enumerate(neighbours) for near in list_)


def test_types_are_what_products_are(facts):
    assert {("desk", "lamp"), ("tabl", "fan"), ("notebook",), ("notebook", "case"), ("kettl",)} <= set(facts.types)


def test_brands_and_colours_are_no_types(facts):
    assert not {("acorn",), ("black",), ("kettl", "black")} & set(facts.types)


def test_a_case_for_the_thing_is_not_the_thing(facts):
    found = answers(facts, DerivedQuery("notebook", "type", source=0, type=("notebook",)))

    assert found
    assert not any("case" in title for title in found)


def test_a_brand_and_a_type_ask_for_both(facts):
    found = answers(facts, DerivedQuery("birch kettle", "brand type", source=0, type=("kettl",), brand="Birch"))

    assert len(found) == 9
    assert all(title.startswith("Birch") and "kettle" in title for title in found)


def test_a_broken_attribute_is_worth_less_and_a_broken_type_nothing(facts):
    relevance = facts.relevance(
        DerivedQuery("red kettle", "type attribute", source=0, type=("kettl",), attributes=("red",))
    )

    worth = {
        (kind, colour): relevance[row]
        for row, product in enumerate(facts.products)
        for kind in ("kettle", "desk lamp")
        for colour in ("red", "white")
        if f"{kind} " in product.title and colour in product.title
    }
    assert worth["kettle", "red"] == 1
    assert 0 < worth["kettle", "white"] < 0.5
    assert worth["desk lamp", "red"] == 0


def test_title_words_find_at_least_their_source(facts):
    source = 7
    title_words = facts.titles[source][1:3]

    found = answers(facts, DerivedQuery("words", "title words", source=source, title_words=title_words))

    assert facts.products[source].title in found


def test_the_same_seed_derives_the_same_queries(facts):
    first, second = (derive_queries(facts, 60, seed=3) for _ in range(2))

    assert first == second


def test_another_seed_derives_others(facts):
    assert derive_queries(facts, 60, seed=3) != derive_queries(facts, 60, seed=4)


def test_derived_queries_are_distinct_and_of_several_patterns(facts):
    queries = derive_queries(facts, 150, seed=3)

    assert len({query.text for query in queries}) == len(queries)
    assert len({query.pattern for query in queries}) >= len(PATTERNS) - 2


def test_most_queries_are_answered_by_the_product_they_were_drawn_from(facts):
    queries = derive_queries(facts, 150, seed=3)

    answered = [facts.relevance(query)[query.source] == 1 for query in queries]

    assert np.mean(answered) > 0.95


def test_a_catalogue_with_nothing_to_ask_gives_no_queries():
    products = made_up_shop()[:1]
    facts = CatalogueFacts(products, np.zeros((1, 1), dtype=np.int64))

    assert all(query.pattern in ("brand", "title words") for query in derive_queries(facts, 10, seed=1))
