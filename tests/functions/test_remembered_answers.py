"""Answers that are given a second time: to whom, how long, and what is never among them."""

import json

import pytest
from algoliasearch.search.client import SearchClientSync

from functions.assemble_results import handler as front_door
from functions.assemble_results.remembered_answers import LARGEST_BYTES, Question, Recalled, RememberedAnswers
from functions.aws.release_pointer import move_pointer
from functions.serving import serving
from relevance.contracts.api import SearchParameters, SearchResponse
from relevance.errors import ModelFailed
from relevance.filters import parse_filters
from tests.builders import a_product, a_release, an_http_event

OF_ONE_RUN = ("queryID", "processingTimeMS", "params")


def an_answer(query_id="0" * 32, **fields):
    said = {
        "hits": [{"objectID": "lamp", "price": 34, "extra": {"weights": [1.5, None, True]}}],
        "nb_hits": 1,
        "page": 0,
        "nb_pages": 1,
        "hits_per_page": 20,
        "query": "lamp",
        "params": "query=lamp",
        "index": "products",
        "processing_time_ms": 4,
        "release": "r1",
        "rung": "lambda",
        "degraded": (),
    }
    return SearchResponse.model_validate({"query_id": query_id} | said | fields)


def a_question(release_id="r1", index="products", sealed=None, **parameters):
    asked = SearchParameters.model_validate({"query": "lamp"} | parameters)
    return Question.of(asked, release_id, index, parse_filters(sealed) if sealed else None)


def a_secured_key(**restrictions):
    return SearchClientSync("app", "unused").generate_secured_api_key("parent-key", restrictions)


@pytest.fixture
def ask(install, release_folder, lambda_context, capsys):
    """One search of a shop whose release is live; returns its answer, and whether it was remembered."""
    install(release_folder)

    def send(index="products", key="search-key", **parameters):
        event = an_http_event("POST", f"/1/indexes/{index}/query", {"query": "lamp"} | parameters, key=key)
        capsys.readouterr()
        answered = front_door.lambda_handler(event, lambda_context)
        counted = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "SearchesRemembered" in line]
        return json.loads(answered["body"]), [bool(each["SearchesRemembered"][0]) for each in counted] == [True]

    return send


def same(answer, other):
    return [{name: each[name] for name in each if name not in OF_ONE_RUN} for each in (answer, other)]


def test_an_answer_comes_back_as_it_was_kept():
    answers = RememberedAnswers(10)
    answers.keep(a_question(), an_answer())

    assert answers.recall(a_question()) == Recalled(an_answer(), None)
    assert answers.recall(a_question(page=1)) is None


@pytest.mark.parametrize(
    "other",
    [
        {"release_id": "r2"},
        {"index": "products_price_asc"},
        {"sealed": "brand:Tuff"},
        {"query": "Lamp"},
        {"hitsPerPage": 3},
        {"filters": "brand:Tuff"},
        {"typoTolerance": True},
        {"getRankingInfo": True},
    ],
)
def test_whatever_an_answer_depends_on_makes_another_question(other):
    assert a_question(**other) != a_question()


@pytest.mark.parametrize(
    ("one", "another"),
    [
        ("brand:Tuff", "brand:Quill"),
        ("brand:Tuff", "NOT brand:Tuff"),
        ("price < 100", "price <= 100"),
        ("brand:Tuff AND brand:Quill", "brand:Tuff OR brand:Quill"),
        ("price:10 TO 20", "price:10 TO 21"),
    ],
)
def test_keys_that_let_other_products_through_ask_other_questions(one, another):
    assert a_question(sealed=one) != a_question(sealed=another)
    assert a_question(sealed=one) == a_question(sealed=one)


def test_a_sealed_filter_is_not_the_same_as_one_that_the_caller_asks_for():
    assert a_question(sealed="brand:Tuff") != a_question(filters="brand:Tuff")


def test_who_asks_is_no_part_of_the_question():
    assert a_question(userToken="anna", clickAnalytics=True) == a_question(userToken="ben")


def test_what_was_not_asked_for_longest_makes_room():
    answers = RememberedAnswers(2)
    for query in ("a", "b"):
        answers.keep(a_question(query=query), an_answer())
    answers.recall(a_question(query="a"))

    answers.keep(a_question(query="c"), an_answer())

    assert [answers.recall(a_question(query=query)) is not None for query in "abc"] == [True, False, True]


def test_no_more_bytes_are_remembered_than_there_may_be():
    answers = RememberedAnswers(1000, most_bytes=4000)
    for number in range(50):
        answers.keep(a_question(query=f"lamp {number}"), an_answer(hits=[{"objectID": "x" * number * 10}]))

    assert 1 < len(answers) < 20
    assert 2000 < answers.size_bytes <= 4000
    assert answers.recall(a_question(query="lamp 49")) is not None


def test_the_same_answer_is_counted_once():
    answers = RememberedAnswers(10)
    answers.keep(a_question(), an_answer())
    size_bytes = answers.size_bytes

    answers.keep(a_question(), an_answer())

    assert (len(answers), answers.size_bytes) == (1, size_bytes)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ({}, {"degraded": ("ranker",)}),
        ({}, {"hits": [{"objectID": "x" * LARGEST_BYTES}]}),
        ({"filters": "brand:" + "x" * LARGEST_BYTES}, {}),
        ({"sealed": "brand:" + "x" * LARGEST_BYTES}, {}),
    ],
)
def test_what_is_degraded_or_too_large_is_not_remembered(question, answer):
    answers = RememberedAnswers(10)

    answers.keep(a_question(**question), an_answer(**answer))

    assert (len(answers), answers.size_bytes) == (0, 0)


def test_another_release_empties_the_memory():
    answers = RememberedAnswers(10)
    for query in "abc":
        answers.keep(a_question(query=query), an_answer())

    answers.keep(a_question(release_id="r2"), an_answer(release="r2"))

    assert len(answers) == 1
    assert answers.recall(a_question(query="a")) is None


def test_nothing_is_remembered_where_nothing_may_be():
    answers = RememberedAnswers(0)

    answers.keep(a_question(), an_answer())

    assert answers.recall(a_question()) is None


def test_a_search_that_was_answered_before_is_the_same_with_a_query_id_of_its_own(ask):
    asked = {"facets": ["*"], "getRankingInfo": True, "attributesToSnippet": ["description:3"], "query": "wireles mous"}

    (first, first_was), (second, second_was) = ask(**asked), ask(**asked)

    assert (first_was, second_was) == (False, True)
    assert same(first, second)[0] == same(first, second)[1]
    assert first["params"] == second["params"]
    assert first["queryID"] != second["queryID"]


def test_warnings_are_those_of_the_request(ask):
    ask()

    answer, was = ask(enableRules=True)

    assert was
    assert answer["warnings"] == ["enableRules is not implemented and changes nothing"]
    assert ask()[0]["warnings"] == []


def test_a_shoppers_token_is_told_to_nobody_else(ask):
    ask(userToken="anna", clickAnalytics=True)

    answer, was = ask(userToken="ben")

    assert was
    assert answer["params"] == "query=lamp&userToken=ben"


def test_a_key_never_sees_what_another_keys_filters_let_through(ask):
    answers = {}
    for _ in range(2):
        for brand in ("Tuff", "Quill"):
            answer, was = ask(key=a_secured_key(filters=f"brand:{brand}"), query="")
            answers.setdefault(brand, []).append(({hit["brand"] for hit in answer["hits"]}, was))
    unsealed, was = ask(query="")

    assert answers == {brand: [({brand}, False), ({brand}, True)] for brand in ("Tuff", "Quill")}
    assert (unsealed["nbHits"], was) == (8, False)


def test_two_keys_that_seal_in_the_same_share_their_answers(ask):
    ask(key=a_secured_key(filters="brand:Tuff"))

    _, was = ask(key=a_secured_key(filters="brand:Tuff", userToken="anna"))

    assert was


def test_a_replica_has_answers_of_its_own(ask):
    ask(query="")

    answer, was = ask(index="products_price_asc", query="")

    assert not was
    assert answer["hits"][0]["objectID"] == "mouse"


def test_a_release_that_is_swapped_in_answers_for_itself(ask, settings, install, tmp_path):
    first, _ = ask()
    folder = a_release(tmp_path / "next", [a_product("other", "Another lamp")], encoder=False, weights={"bm25": 1.0})
    install(folder)
    serving(front_door.settings()).refresh()

    second, was = ask()
    move_pointer(first["release"], settings.pointer_table, settings.index_name)
    serving(front_door.settings()).refresh()
    third, was_again = ask()

    assert [hit["objectID"] for hit in second["hits"]] == ["other"]
    assert (was, was_again) == (False, False)
    assert third["release"] == first["release"] != second["release"]


def test_a_degraded_answer_is_given_once(ask, monkeypatch):
    scorer = serving(front_door.settings()).current().scorer

    def fail(features):
        raise ModelFailed("the ranker is away")

    with monkeypatch.context() as broken:
        broken.setattr(scorer, "score", fail)
        degraded, _ = ask()
    whole, was = ask()

    assert degraded["degraded"] == ["ranker"]
    assert (whole["degraded"], was) == ([], False)


def test_with_no_memory_every_search_is_made_anew(ask, monkeypatch):
    monkeypatch.setenv("REMEMBERED_QUERIES", "0")
    front_door.settings.cache_clear()
    front_door.remembered.cache_clear()
    serving.cache_clear()

    first, second = ask(), ask()

    assert (first[1], second[1]) == (False, False)
    assert same(first[0], second[0])[0] == same(first[0], second[0])[1]


def test_of_several_searches_each_may_be_remembered(ask, lambda_context):
    ask()
    several = {"requests": [{"indexName": "products", "query": query} for query in ("lamp", "mouse", "lamp")]}

    event = an_http_event("POST", "/1/indexes/*/queries", several)
    results = json.loads(front_door.lambda_handler(event, lambda_context)["body"])["results"]

    assert [result["hits"][0]["objectID"] for result in results] == ["lamp", "mouse", "lamp"]
    assert len({result["queryID"] for result in results}) == 3
