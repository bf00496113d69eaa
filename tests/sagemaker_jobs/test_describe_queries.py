import numpy as np
import pytest

from sagemaker_jobs.derive_queries import CatalogueFacts
from sagemaker_jobs.describe_queries import DescribedQuery, StatedFacts, describe_queries
from sagemaker_jobs.product_neighbours import product_neighbours
from tests.builders import a_product
from tests.sagemaker_jobs.derived_shop import made_up_shop


def stated_of(products) -> StatedFacts:
    vectors = np.zeros((len(products), 0), dtype=np.float32)
    return StatedFacts(CatalogueFacts(products, product_neighbours(products, vectors)))


def printers_and_toners():
    """Toners state which printer they fit; half of them say so in their descriptions too."""
    fits = ("Phaser 7500", "LaserJet 4250", "Optra T")
    toners = [
        a_product(
            f"t{number}",
            f"{('Acorn', 'Birch', 'Cedar')[number % 3]} T{number} toner cartridge black",
            brand=("Acorn", "Birch", "Cedar")[number % 3],
            description=f"Black, fits {fits[number % 3]}" if number < 15 else "High yield for long jobs",
            attributes={"compatibility": f"{fits[number % 3]}, X{number}", "colour": "Black", "package": "Blister"},
            categories=["Office", "Toner"],
        )
        for number in range(30)
    ]
    lamps = [
        a_product(
            f"l{number}",
            f"{('Acorn', 'Birch', 'Cedar')[number % 3]} L{number} desk lamp white",
            brand=("Acorn", "Birch", "Cedar")[number % 3],
            description="Warm light for late hours",
            attributes={"dimmable": number % 2 == 0, "light_source": "LED", "power": "9 W"},
            categories=["Home", "Lamps"],
        )
        for number in range(30)
    ]
    return [*toners, *lamps]


@pytest.fixture(scope="module")
def stated() -> StatedFacts:
    return stated_of(printers_and_toners())


def answers(stated, query):
    return {stated.facts.products[row].product_id for row in np.flatnonzero(stated.relevance(query) >= 0.99)}


def test_a_value_is_answered_by_products_that_state_it_though_their_text_does_not_say_it(stated):
    query = DescribedQuery(
        "toner for phaser 7500", "value", 0, type=("toner", "cartridg"), stated=("compatibility", "phaser 7500")
    )

    assert answers(stated, query) == {f"t{number}" for number in range(0, 30, 3)}


def test_another_value_is_worth_less_than_none(stated):
    query = DescribedQuery("phaser 7500", "value", 0, stated=("compatibility", "phaser 7500"))

    relevance = dict(zip((p.product_id for p in stated.facts.products), stated.relevance(query).tolist(), strict=True))

    assert relevance["t1"] < relevance["l0"] < 0.5 < relevance["t0"]


def test_what_sellers_never_say_is_nothing_to_ask_for(stated):
    assert not any(name == "package" for row in range(60) for name, _ in stated.values_of(row))


def test_a_shelf_is_answered_by_what_stands_on_it(stated):
    found = answers(stated, DescribedQuery("lamps", "category", 30, category=("Home", "Lamps")))

    assert found == {f"l{number}" for number in range(30)}


def test_words_of_a_description_are_answered_by_all_that_hold_them(stated):
    found = answers(stated, DescribedQuery("high yield", "description", 20, described=("high", "yield")))

    assert found == {f"t{number}" for number in range(15, 30)}


def test_queries_are_drawn_of_every_sort_that_a_catalogue_has(stated):
    queries = describe_queries(stated, 60, seed=1)

    assert {query.pattern for query in queries} == {"value", "category", "category value", "description"}
    assert any(query.text.endswith("for phaser 7500") for query in queries)
    assert all(answers(stated, query) for query in queries)


def test_texts_differ_and_the_same_seed_draws_the_same(stated):
    queries = describe_queries(stated, 60, seed=1)

    assert len({query.text for query in queries}) == len(queries)
    assert describe_queries(stated, 60, seed=1) == queries
    assert describe_queries(stated, 60, seed=2) != queries


def test_a_phrase_does_not_begin_or_end_with_what_says_nothing(stated):
    phrases = [query.text.split() for query in describe_queries(stated, 60, seed=1) if query.pattern == "description"]

    assert phrases
    assert not {word for phrase in phrases for word in (phrase[0], phrase[-1])} & {"for", "a", "by", "of"}


def test_a_shop_of_bare_titles_describes_nothing():
    bare = [a_product(f"p{number}", f"Thing {number}") for number in range(30)]

    assert describe_queries(stated_of(bare), 20, seed=1) == []


def test_nothing_is_drawn_twice_from_the_made_up_shop_and_everything_is_answered():
    shop = stated_of(made_up_shop())

    assert all(answers(shop, query) for query in describe_queries(shop, 50, seed=3))
