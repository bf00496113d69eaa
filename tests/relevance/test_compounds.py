import pytest

from relevance.compounds import compounds, split
from relevance.contracts.stages import PreprocessRequest
from relevance.release import open_release
from relevance.search import InProcess
from relevance.text import analyse, words
from tests.builders import a_product, a_release

TITLES = ("Smartwatch black", "Smartwatch blue", "Smartwatch red", "Power bank 5000", "Power bank 9000", "Power bank")


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    products = [a_product(str(row), title) for row, title in enumerate((*TITLES, "Bank note", "Watch strap"))]
    return open_release(a_release(tmp_path_factory.mktemp("release"), products, encoder=False))


def standing_for(query, release):
    """By token of the query, the tokens that may stand in its place."""
    tokens = analyse(query)
    found = compounds(words(query), tokens, release.index.document_frequencies(tokens), release.index)
    return {token: [other.tokens for other in others] for token, others in zip(tokens, found, strict=True)}


def test_two_words_that_products_write_as_one_are_both_in_it(release):
    found = standing_for("smart watch", release)

    assert found == {"smart": [("smartwatch",)], "watch": [("smartwatch",)]}


def test_a_word_that_products_write_as_two_is_both_of_them(release):
    assert standing_for("powerbank", release) == {"powerbank": [("power", "bank")]}


def test_neighbours_that_no_product_joins_stay_apart(release):
    assert standing_for("power smart", release) == {"power": [], "smart": []}


def test_a_way_of_writing_that_hardly_any_product_uses_is_none(release):
    assert split("banknote", release.index) is None


def test_numbers_are_neither_joined_nor_split(release):
    assert standing_for("5000 9000 123456", release) == {"5000": [], "9000": [], "123456": []}


@pytest.mark.parametrize(("query", "first"), [("smart watch", "Smartwatch"), ("powerbank", "Power bank")])
def test_a_search_finds_the_other_way_of_writing(release, query, first):
    understood = InProcess(release).understand(PreprocessRequest(query_id="0" * 32, query=query))

    rows = release.index.retrieve(understood, 3).rows

    assert understood.corrected is None
    assert all(record["title"].startswith(first) for record in release.index.records(rows))


def test_an_empty_query_has_no_compounds(release):
    assert compounds([], [], release.index.document_frequencies([]), release.index) == []


def test_a_word_that_ends_a_compound_is_not_taken_for_a_beginning(release):
    understood = InProcess(release).understand(PreprocessRequest(query_id="0" * 32, query="smart wat"))
    finished = InProcess(release).understand(PreprocessRequest(query_id="0" * 32, query="smart watch"))

    assert understood.unfinished == "wat"
    assert finished.unfinished is None
