import numpy as np
import pytest

from relevance.contracts.stages import PreprocessRequest
from relevance.features import feature_matrix
from relevance.filters import Is
from relevance.index.local import LocalIndex
from relevance.index.retrieval import Retrieval
from relevance.release import open_release
from relevance.search import understand
from relevance.sorting import SORTS
from tests.builders import a_product, a_release


@pytest.fixture(scope="module")
def opened(release_folder):
    return open_release(release_folder)


def read(opened, query):
    return understand(PreprocessRequest(query_id="0" * 32, query=query), opened)


def ids(opened, rows):
    return [record["objectID"] for record in opened.index.records(rows)]


def test_every_product_finds_its_own_row(opened):
    rows = opened.index.rows(["lamp", "nothing", "bag"])

    assert rows.tolist() == [7, -1, 0]


def test_the_result_set_is_counted_once_where_words_and_meaning_agree(opened):
    query = read(opened, "wireless earphones")
    retrieved = opened.index.retrieve(query, 1000)

    assert retrieved.count == len(retrieved.rows) == len(set(retrieved.rows.tolist()))
    assert (np.diff(retrieved.scores) <= 0).all()


def test_facets_count_the_same_result_set(opened):
    query = read(opened, "wireless earphones")

    members = opened.index.retrieve(query, 1000, members=True).members
    brands = opened.index.facets(members, ["brand"], 10)["brand"].counts

    assert sum(brands.values()) == opened.index.retrieve(query, 1000).count


def test_a_limit_cuts_the_reachable_and_not_the_count(opened):
    query = read(opened, "quill")

    retrieved = opened.index.retrieve(query, 1)

    assert len(retrieved.rows) == 1
    assert retrieved.count == opened.index.retrieve(query, 1000).count


def test_a_query_that_nothing_matches_has_an_empty_result_set(opened):
    query = read(opened, "zzzz").model_copy(update={"vector": None})

    retrieved = opened.index.retrieve(query, 10)

    assert (len(retrieved.rows), retrieved.count) == (0, 0)


def test_the_count_holds_when_word_matches_exceed_what_is_fused(opened, release_folder):
    query = read(opened, "wireless quill tuff")

    narrow = LocalIndex(release_folder, Retrieval(lexical_limit=2))

    assert narrow.retrieve(query, 1000).count == opened.index.retrieve(query, 1000).count


def test_a_product_whose_vector_is_all_zeros_is_found_by_words(tmp_path):
    products = [a_product("a", "Red lamp"), a_product("b", "Blue chair")]
    vectors = np.zeros((2, 4), dtype=np.float32)
    vectors[1, 0] = 1.0

    LocalIndex.build(products, vectors, tmp_path)

    index = LocalIndex(tmp_path)
    assert (len(index), index.dimension) == (2, 4)


@pytest.mark.parametrize("limit", [1, 3, 50])
def test_behind_a_filter_the_best_word_matches_are_found_however_deep_they_lie(tmp_path, limit):
    shop = [a_product(f"p{number}", f"Lamp {'lamp ' * (40 - number)}", brand="A") for number in range(40)]
    shop += [a_product(f"rare{number}", f"Lamp with a shade and a cable {number}", brand="B") for number in range(5)]
    opened = open_release(a_release(tmp_path, shop, encoder=False))
    index = LocalIndex(tmp_path / "releases" / opened.release_id, Retrieval(lexical_limit=limit))

    retrieved = index.retrieve(read(opened, "lamp"), 100, Is("brand", "B"))

    assert retrieved.count == 5
    assert ids(opened, retrieved.rows) == [f"rare{number}" for number in range(5)][:limit]


def test_one_product_is_a_catalogue(tmp_path):
    opened = open_release(a_release(tmp_path, [a_product("only", "One red lamp")], weights={"fused": 1.0}))

    assert ids(opened, opened.index.retrieve(read(opened, "lamp"), 10).rows) == ["only"]


def test_products_without_price_brand_or_date_are_a_catalogue(tmp_path):
    opened = open_release(a_release(tmp_path, [a_product("a", "Lamp"), a_product("b", "Chair")], weights={"fused": 1}))

    assert opened.index.facet_names == ()
    assert ids(opened, opened.index.retrieve(read(opened, ""), 10).rows) == ["a", "b"]


def test_a_shop_without_prices_categories_and_dates_is_searched_filtered_and_sorted_all_the_same(tmp_path):
    bare = [a_product("a", "Red lamp"), a_product("b", "Blue lamp")]
    opened = open_release(a_release(tmp_path, bare, weights={"fused": 1.0}))
    query = read(opened, "red lamp")

    retrieved = opened.index.retrieve(query, 10)

    assert ids(opened, retrieved.rows) == ["a", "b"]
    assert opened.index.facet_names == ()
    for sort in SORTS.values():
        assert set(ids(opened, opened.index.retrieve(read(opened, "lamp"), 10, sort=sort).rows)) == {"a", "b"}
    assert np.isfinite(feature_matrix(query, opened.index.candidates(query, retrieved.rows), opened.index.scale)).all()


def test_a_product_without_a_vector_is_found_by_its_words_only(tmp_path):
    products = [a_product("a", "Red lamp"), a_product("b", "Blue kettle"), a_product("c", "Green lamp")]
    opened = open_release(a_release(tmp_path / "with"))
    vectors = np.stack([opened.encoder.encode("red lamp"), opened.encoder.encode("kettle"), np.zeros(384, np.float32)])
    (tmp_path / "release").mkdir()
    LocalIndex.build(products, vectors, tmp_path / "release")
    index = LocalIndex(tmp_path / "release")
    query = read(opened, "lamp")

    rows = index.retrieve(query, 10).rows

    assert 2 in rows
    assert 2 not in index.retrieve(read(opened, "light"), 10).rows
    np.testing.assert_allclose(index.candidates(query, np.array([2])).vectors, np.zeros((1, 384)), atol=1e-6)
