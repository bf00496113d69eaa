import math

import numpy as np
import pytest

from relevance.bm25 import inverse_document_frequencies
from relevance.contracts.stages import UnderstoodQuery
from relevance.features import FEATURE_NAMES, Candidates, feature_matrix
from relevance.index.table import CatalogueScale, ProductTable
from relevance.product_text import analyse_products
from relevance.understanding import read_query
from tests.builders import a_product


def a_query(text, *, weights=None, brand_tokens=()):
    read = read_query(text)
    return UnderstoodQuery(
        query_id="0" * 32,
        release="r",
        query=text,
        normalised=read.normalised,
        tokens=read.tokens,
        weights=weights or (1.0,) * len(read.tokens),
        brand_tokens=brand_tokens,
    )


def at_cosines(cosines):
    """Vectors of length 1 in a plane, so far from a query's vector (1, 0)."""
    along = np.array(cosines, dtype=np.float32)
    return np.stack((along, np.sqrt(1 - along**2)), axis=1)


def features_of(query, *products, cosines=None):
    """By feature name, the values of each product; the scale is that of these products alone."""
    table = ProductTable.of(products, analyse_products(products))
    vectors = None if cosines is None else at_cosines(cosines)
    asked = query if cosines is None else query.model_copy(update={"vector": np.array([1, 0], dtype=np.float32)})
    matrix = feature_matrix(asked, Candidates(table, vectors), CatalogueScale.of(table))
    assert matrix.dtype == np.float32
    assert np.isfinite(matrix).all()
    return {name: column.tolist() for name, column in zip(FEATURE_NAMES, matrix.T, strict=True)}


def test_coverage_is_the_share_of_the_querys_weight():
    found = features_of(
        a_query("red desk lamp", weights=(1.0, 2.0, 5.0)),
        a_product(title="Lamp", description="for the desk"),
        a_product(title="Chair"),
    )

    assert found["title_coverage"] == pytest.approx([5 / 8, 0])
    assert found["coverage"] == pytest.approx([7 / 8, 0])


def test_title_share_is_the_share_of_the_title_that_the_query_names():
    found = features_of(a_query("desk lamp"), a_product(title="Desk lamp"), a_product(title="Lamp for a desk drawer"))

    assert found["title_share"] == pytest.approx([1.0, 0.4])


def test_neighbouring_words_of_the_query_count_when_they_are_neighbours_in_the_title():
    found = features_of(
        a_query("red desk lamp"),
        a_product(title="Desk lamp, red"),
        a_product(title="Red desk lamp"),
        a_product(title="Lamp desk red"),
        a_product(title="Red", brand="Desk"),
    )

    assert found["title_pairs"] == pytest.approx([0.5, 1.0, 0.0, 0.0])


def test_title_first_falls_with_the_place_of_the_first_match():
    found = features_of(
        a_query("lamp"), a_product(title="Lamp"), a_product(title="A big lamp"), a_product(title="Desk")
    )

    assert found["title_first"] == pytest.approx([1.0, 1 / 3, 0.0])


def test_numbers_found_and_missing_add_up_to_the_querys_numbers():
    found = features_of(
        a_query('laptop 15.6" 512 GB'),
        a_product(title="Laptop", attributes={"screen": '15.6"'}),
        a_product(title="Pen"),
    )

    assert found["numbers_found"] == [1, 0]
    assert found["numbers_missing"] == [1, 2]


def test_a_query_that_names_a_brand_conflicts_with_products_of_another():
    found = features_of(
        a_query("acme lamp", brand_tokens=("acm",)),
        a_product(title="Lamp", brand="Acme"),
        a_product(title="Acme style lamp", brand="Other"),
        a_product(title="Lamp"),
    )

    assert found["brand_conflict"] == [0, 1, 1]
    assert found["brand_named"] == [1, 0, 0]


def test_bm25_of_a_title_is_the_formula():
    # Both titles have the mean length, so the saturation of one occurrence is 1 * 2.2 / (1 + 1.2) = 1.
    weight = float(inverse_document_frequencies(np.array([1.0]), 2)[0])
    found = features_of(a_query("lamp", weights=(weight,)), a_product(title="Lamp red"), a_product(title="Chair blue"))

    assert weight == pytest.approx(math.log(1 + 1.5 / 1.5))
    assert found["title_bm25"] == pytest.approx([weight, 0])
    assert found["bm25"] == pytest.approx([weight, 0])
    assert found["bm25_of_best"] == pytest.approx([1, 0])


def test_without_a_vector_the_features_say_so():
    product = a_product(title="Lamp")

    without = features_of(a_query("lamp"), product)
    beside = features_of(a_query("lamp"), product, a_product(title="Pen"), cosines=[0.8, 0.5])

    assert (without["vector_missing"], without["cosine"], without["cosine_of_best"]) == ([1], [0], [0])
    assert (beside["vector_missing"], beside["cosine"]) == ([0, 0], pytest.approx([0.8, 0.5]))
    assert beside["cosine_of_best"] == pytest.approx([0, -0.3])


def test_an_unknown_price_is_in_the_middle():
    found = features_of(
        a_query("lamp"), a_product(title="a", price=1), a_product(title="b", price=100), a_product(title="c")
    )

    cheap, dear, unknown = found["price_position"]
    assert cheap < unknown == 0.5 < dear == 1.0


def test_no_candidates_give_an_empty_matrix():
    table = ProductTable.of([], [])

    matrix = feature_matrix(a_query("lamp"), Candidates(table, None), CatalogueScale.of(table))

    assert matrix.shape == (0, len(FEATURE_NAMES))


def test_candidates_do_not_depend_on_their_order():
    products = [a_product(title=f"Lamp {number}", price=number) for number in range(5)]

    forwards = features_of(a_query("lamp 3"), *products)
    backwards = features_of(a_query("lamp 3"), *products[::-1])

    assert {name: values[::-1] for name, values in backwards.items()} == forwards


def test_coverage_of_one_field_leaves_the_others_out():
    found = features_of(
        a_query("red desk lamp", weights=(1.0, 2.0, 5.0)),
        a_product(title="Lamp", description="for the desk", attributes={"colour": "red"}),
    )

    assert found["description_coverage"] == pytest.approx([2 / 8])
    assert found["attributes_coverage"] == pytest.approx([1 / 8])
    assert found["coverage"] == pytest.approx([1.0])


def test_a_product_that_holds_every_token_is_complete_and_misses_none():
    found = features_of(
        a_query("red desk lamp", weights=(1.0, 2.0, 5.0)),
        a_product(title="Red desk lamp"),
        a_product(title="Red lamp"),
        a_product(title="Red desk"),
    )

    assert found["complete"] == [1.0, 0.0, 0.0]
    assert found["rarest_missing"] == pytest.approx([0, 2 / 8, 5 / 8])


def test_bm25_of_possible_does_not_depend_on_the_other_candidates():
    lamp, stand = a_product(title="Lamp"), a_product(title="Lamp stand", description="a lamp " * 9)

    table = ProductTable.of([lamp, stand], analyse_products([lamp, stand]))
    scale = CatalogueScale.of(table)
    name = FEATURE_NAMES.index("bm25_of_possible")
    together = feature_matrix(a_query("lamp"), Candidates(table, None), scale)[:, name]
    alone = feature_matrix(a_query("lamp"), Candidates(table.take(np.array([0])), None), scale)[:, name]

    assert together[0] == pytest.approx(alone[0])
    assert 0 < together.min() <= together.max() < 1


def test_likeness_is_greatest_among_what_most_of_the_best_are_like():
    titles = ("Lamp", "Lamp", "Lamp", "Lamp", "Lamp", "Chair")
    found = features_of(
        a_query("lamp"), *(a_product(title=title) for title in titles), cosines=(0.9, 0.9, 0.9, 0.9, 0.1, 0.9)
    )

    assert found["likeness"][0] == found["likeness"][5] > found["likeness"][4]
    assert found["likeness_of_best"][0] == pytest.approx(0)


def test_without_vectors_nothing_is_like_anything():
    found = features_of(a_query("lamp"), a_product(title="Lamp"), a_product(title="Chair"))

    assert found["likeness"] == found["likeness_of_best"] == [0.0, 0.0]


def test_what_is_known_to_be_sold_out_is_not_in_stock():
    found = features_of(a_query("lamp"), a_product(in_stock=True), a_product(in_stock=False), a_product())

    assert found["in_stock"] == [1.0, 0.0, 1.0]


def test_ratings_count_by_where_they_lie_in_the_catalogue():
    found = features_of(
        a_query("lamp"),
        a_product(rating=5, rating_count=1000),
        a_product(rating=1, rating_count=1),
        a_product(),
    )

    assert found["rating_position"][0] > 0.9 > found["rating_position"][2] == 0.5 > found["rating_position"][1]
    assert found["rating_count_position"][0] > 0.9 > 0.5 > found["rating_count_position"][1]


def test_a_query_without_a_token_tells_no_product_from_another():
    found = features_of(a_query("!"), a_product(title="Lamp"), a_product(title="Chair"), cosines=(0.5, 0.5))

    assert found["coverage"] == found["bm25"] == found["rarest_missing"] == [0.0, 0.0]
