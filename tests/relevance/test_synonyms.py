"""A shop's synonyms: what they make of a query, and which products it finds then."""

import pytest

from relevance.contracts.api import SearchParameters
from relevance.contracts.stages import Alternative, PreprocessRequest
from relevance.contracts.synonyms import SYNONYM_LIST
from relevance.index.local import LocalIndex
from relevance.release import Release, open_release
from relevance.search import InProcess, search, understand
from relevance.sorting import SORTS
from relevance.synonyms import Synonyms
from tests.builders import a_product, a_release

SOFAS = [
    a_product("sofa", "Red sofa"),
    a_product("couch", "Red couch"),
    a_product("tv", "Small tv with stand"),
    a_product("set", "Small television set"),
    a_product("alone", "Small set of a television maker"),
    a_product("street", "Plate for <number> high street"),
    a_product("chair", "Blue chair"),
]

SYNONYMS = [
    {"objectID": "1", "type": "synonym", "synonyms": ["sofa", "couch"]},
    {"objectID": "2", "type": "oneWaySynonym", "input": "tv", "synonyms": ["television set"]},
    {"objectID": "3", "type": "altCorrection2", "word": "armchair", "corrections": ["chair"]},
    {"objectID": "4", "type": "placeholder", "placeholder": "<number>", "replacements": ["12", "14"]},
    {"objectID": "5", "type": "synonym", "synonyms": ["!", "sofa", "Sofas"]},
]


def the_synonyms(*which):
    return Synonyms(SYNONYM_LIST.validate_python([SYNONYMS[number] for number in which or range(len(SYNONYMS))]))


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """A shop that finds by words alone, so that what is found is known by hand."""
    folder = a_release(tmp_path_factory.mktemp("synonyms"), SOFAS, weights={"bm25": 1.0}, encoder=False)
    release = open_release(folder)
    index = LocalIndex(folder)
    index.synonyms = the_synonyms()
    return Release(release.manifest, index, None, release.scorer)


def found(opened, query, **parameters):
    asked = SearchParameters(query=query, query_type="prefixNone", typo_tolerance=False, **parameters)
    answer = search(asked, opened, InProcess(opened), query_id="0" * 32, index_name="products")
    assert answer.nb_hits == len(answer.hits)
    return [hit["objectID"] for hit in answer.hits]


def test_equal_phrases_stand_for_each_other():
    synonyms = the_synonyms(0)

    assert synonyms.of(["red", "sofa"]) == [[], [Alternative(tokens=("couch",), weight=1)]]
    assert synonyms.of(["couch"]) == [[Alternative(tokens=("sofa",), weight=1)]]


def test_a_one_way_synonym_goes_one_way():
    synonyms = the_synonyms(1)

    assert synonyms.of(["tv"]) == [[Alternative(tokens=("televis", "set"), weight=1)]]
    assert synonyms.of(["televis", "set"]) == [[], []]


def test_a_phrase_gives_its_alternatives_to_each_of_its_tokens():
    synonyms = Synonyms(
        SYNONYM_LIST.validate_python([{"objectID": "1", "type": "synonym", "synonyms": ["television set", "tv"]}])
    )

    assert synonyms.of(["small", "televis", "set"]) == [[], *[[Alternative(tokens=("tv",), weight=1)]] * 2]


def test_a_correction_counts_less_the_further_away_it_is():
    assert the_synonyms(2).of(["armchair"]) == [[Alternative(tokens=("chair",), weight=0.6)]]


def test_phrases_without_a_word_and_forms_of_one_word_stand_for_nothing():
    assert the_synonyms(4).of(["sofa"]) == [[]]


def test_what_stands_for_a_word_is_found_and_ranked_as_if_it_were_the_word(opened):
    assert set(found(opened, "red sofa")) == {"sofa", "couch"}
    assert set(found(opened, "couch")) == {"sofa", "couch"}


def test_several_words_are_found_side_by_side_only(opened):
    assert set(found(opened, "tv")) == {"tv", "set"}


def test_a_replacement_finds_its_placeholder(opened):
    assert found(opened, "12 high street")[0] == "street"


def test_a_caller_may_go_without(opened):
    assert found(opened, "sofa", synonyms=False) == ["sofa"]


def test_the_word_that_was_found_is_marked_under_the_name_that_was_typed(opened):
    asked = SearchParameters(query="sofa")
    answer = search(asked, opened, InProcess(opened), query_id="0" * 32, index_name="products")

    marked = next(hit for hit in answer.hits if hit["objectID"] == "couch")["_highlightResult"]["title"]

    assert (marked["value"], marked["matchedWords"]) == ("Red <em>couch</em>", ["sofa"])


def test_a_sorted_replica_takes_a_synonym_for_the_word(opened):
    query = understand(PreprocessRequest(query_id="0" * 32, query="red sofa"), opened)

    retrieved = opened.index.retrieve(query, 10, sort=SORTS["price_asc"])

    assert retrieved.sorted_count == 2
