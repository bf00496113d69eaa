"""Search as you type: the last word of a query, finished or not."""

import numpy as np
import pytest

from relevance.completion import Completions, unfinished_word
from relevance.contracts.api import SearchParameters
from relevance.contracts.stages import PreprocessRequest
from relevance.last_word import MOST_COMPLETIONS, LastWord
from relevance.release import open_release
from relevance.search import InProcess, search, understand
from tests.builders import a_product, a_release, some_products

PHONES = [a_product(f"phones{number}", "Wired headphones") for number in range(3)]
SHOP = [
    *some_products(),
    *PHONES,
    a_product("head", "Head torch"),
    a_product("cap", "Desk cap"),
    a_product("bag", "Camera bag"),
    a_product("battery", "Laptop battery"),
    a_product("battery2", "Laptop battery, large"),
    a_product("café", "Café crème 500ml"),
]


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    return open_release(a_release(tmp_path_factory.mktemp("typing"), SHOP, weights={"fused": 1.0}))


def read(opened, query, **wanted):
    return understand(PreprocessRequest(query_id="0" * 32, query=query, **wanted), opened)


def found(opened, query, **parameters):
    asked = SearchParameters(query=query, **parameters)
    answer = search(asked, opened, InProcess(opened), query_id="0" * 32, index_name="products")
    return [hit["objectID"] for hit in answer.hits]


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("wireless HEAD", "head"),
        ("wireless head ", None),
        ("wireless head!", None),
        ("", None),
        ("32 g", "32g"),
        ("Café", "cafe"),
        ("wi-f", "f"),
        ("跑步", "步"),
    ],
)
def test_the_last_word_is_unfinished_until_something_is_put_behind_it(query, word):
    assert unfinished_word(query) == word


def test_the_words_of_most_products_come_first():
    completions = Completions({"laptop": 3, "lamp": 9, "la": 50, "desk": 7})

    assert completions.beginning("la", 5) == [("lamp", 9), ("laptop", 3)]
    assert completions.beginning("la", 1) == [("lamp", 9)]
    assert completions.beginning("z", 5) == completions.beginning("", 5) == []


def test_what_is_written_is_read_back(tmp_path):
    Completions({"2tb": 1, "café": 2}).save(tmp_path)

    completions = Completions.open(tmp_path)

    assert completions.beginning("2", 5) == [("2tb", 1)]
    assert completions.count("café") == 2


def test_the_beginning_of_a_word_finds_what_the_word_finds(opened):
    for query in ("head", "headp", "headphone", "headphones"):
        assert set(found(opened, query)) >= {"phones0", "phones1", "phones2", "headset"}, query


def test_a_word_that_is_no_beginning_any_more_finds_only_itself(opened):
    without_meaning = read(opened, "headp ", typo_tolerance=False).model_copy(update={"vector": None})

    assert opened.index.retrieve(without_meaning, 10).count == 0


def test_a_caller_may_ask_for_whole_words_only(opened):
    assert read(opened, "headp", complete=False).unfinished is None
    assert found(opened, "headp", query_type="prefixNone") != found(opened, "headp")


def test_the_likeliest_word_is_the_one_that_stands_beside_the_others(opened):
    assert read(opened, "laptop ba").tokens == ("laptop", "batteri")
    assert read(opened, "camera ba").tokens == ("camera", "bag")


def test_the_query_is_encoded_with_its_last_word_completed(opened):
    np.testing.assert_array_equal(read(opened, "wired headph").vector, read(opened, "wired headphones").vector)


def test_a_word_of_its_own_stays_and_longer_ones_come_behind_it(opened):
    query = read(opened, "head")

    assert query.tokens == ("head",)
    assert [other.tokens for other in query.alternatives[0]] == [("headphon",)]
    assert found(opened, "head")[0] == "head"


def test_a_name_far_rarer_than_the_likeliest_longer_word_is_taken_for_its_beginning():
    shop = _Words({"head": 1, "headphones": 100}, {"head": 1, "headphon": 100})

    last = LastWord.of("head", shop)

    assert (last.completed, last.token) == ("headphones", "headphon")
    assert [(other.tokens, other.stands_for) for other in last.alternatives] == [(("head",), True)]


def test_no_more_words_are_searched_for_than_a_search_has_time_for():
    names = {f"lamp{number:02}": number + 1 for number in range(26)}

    last = LastWord.of("lam", _Words(names, names))

    assert (last.completed, len(last.alternatives)) == ("lamp25", MOST_COMPLETIONS - 1)


def test_spelling_leaves_the_beginning_of_a_word_alone_and_corrects_the_others(opened):
    query = read(opened, "wierd headph")

    assert query.corrected == "wired headph"
    assert query.tokens == ("wire", "headphon")


def test_as_much_of_a_word_is_marked_as_was_typed(opened):
    asked = SearchParameters(query="wired headp")
    answer = search(asked, opened, InProcess(opened), query_id="0" * 32, index_name="products")

    marked = next(hit for hit in answer.hits if hit["objectID"] == "phones0")["_highlightResult"]["title"]

    assert marked["value"] == "<em>Wired</em> <em>headp</em>hones"
    assert marked["matchedWords"] == ["wired", "headp"]
    assert marked["matchLevel"] == "full"


@pytest.mark.parametrize("query", ["h", "he", "💡", "a b c d e f g h i j", "x" * 600, "ﬁ", "2", "ß"])
def test_whatever_is_typed_has_an_answer(opened, query):
    assert isinstance(found(opened, query), list)


class _Words:
    """A catalogue of words only."""

    def __init__(self, names, products):
        self.completions = Completions(names)
        self._products = products

    def frequencies_beside(self, tokens, others):
        return np.array([self._products.get(other, 0) for other in others], dtype=np.float32)
