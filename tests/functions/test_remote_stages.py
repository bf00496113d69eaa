import json

import pytest

from functions import remote_stages
from functions.assemble_results import handler as front_door
from functions.aws.stage_invoker import StageUnavailable
from functions.preprocess_query import handler as preprocess_query
from functions.rerank import handler as rerank
from tests.builders import a_release, an_http_event

QUERIES = ("wireless mouse", "earphones", "Quill laptop 14 inch", "2TB", "", "zzz unknown words", "wirless mose")


@pytest.fixture
def as_functions(monkeypatch, lambda_context):
    """`search_path = functions`, with the other two handlers called where the network would be; returns the calls."""
    monkeypatch.setenv("SEARCH_PATH", "functions")
    monkeypatch.setenv("PREPROCESS_FUNCTION", "preprocess_query")
    monkeypatch.setenv("RERANK_FUNCTION", "rerank")
    calls = []

    def invoke(function, message, deadline_ms):
        calls.append(function)
        handler = {"preprocess_query": preprocess_query, "rerank": rerank}[function]
        return json.loads(json.dumps(handler.lambda_handler(json.loads(message), lambda_context)))

    monkeypatch.setattr(remote_stages, "invoke", invoke)
    return calls


def search(query, lambda_context):
    event = an_http_event("POST", "/1/indexes/products/query", {"query": query, "getRankingInfo": True})
    return json.loads(front_door.lambda_handler(event, lambda_context)["body"])


def without_the_run(answer):
    return {name: value for name, value in answer.items() if name not in ("queryID", "processingTimeMS")}


@pytest.mark.parametrize("query", QUERIES)
def test_both_search_paths_give_the_same_answer(install, release_folder, lambda_context, monkeypatch, request, query):
    install(release_folder)
    in_process = search(query, lambda_context)
    calls = request.getfixturevalue("as_functions")
    front_door.settings.cache_clear()
    front_door.remembered.cache_clear()

    through_functions = search(query, lambda_context)

    assert calls == ["preprocess_query", "rerank"] if query else calls == ["preprocess_query"]
    assert without_the_run(through_functions) == without_the_run(in_process)


@pytest.mark.parametrize("broken", ["preprocess_query", "rerank"])
def test_a_function_that_does_not_answer_is_replaced_and_named(
    install, release_folder, lambda_context, as_functions, monkeypatch, broken
):
    install(release_folder)
    reached = remote_stages.invoke

    def invoke(function, message, deadline_ms):
        if function == broken:
            raise StageUnavailable(f"{function}: ReadTimeoutError")
        return reached(function, message, deadline_ms)

    monkeypatch.setattr(remote_stages, "invoke", invoke)

    answer = search("wireless mouse", lambda_context)

    assert answer["hits"][0]["objectID"] == "mouse"
    assert (answer["rung"], answer["degraded"]) == ("lambda", [broken])


def test_garbage_from_a_function_counts_as_no_answer(
    install, release_folder, lambda_context, as_functions, monkeypatch
):
    install(release_folder)
    monkeypatch.setattr(remote_stages, "invoke", lambda *_: {"vector": ["x"]})

    answer = search("wireless mouse", lambda_context)

    assert answer["hits"][0]["objectID"] == "mouse"
    assert answer["degraded"] == ["preprocess_query", "rerank"]


def test_a_function_with_another_release_open_is_not_believed(
    install, release_folder, lambda_context, as_functions, monkeypatch, tmp_path
):
    install(release_folder)
    other = a_release(tmp_path / "other", weights={"price_position": 1.0})
    reached = remote_stages.invoke

    def invoke(function, message, deadline_ms):
        answer = reached(function, message, deadline_ms)
        return answer | {"release": other.name} if function == "preprocess_query" else answer

    monkeypatch.setattr(remote_stages, "invoke", invoke)

    answer = search("wireless mouse", lambda_context)

    assert (answer["release"], answer["degraded"]) == (release_folder.name, ["preprocess_query"])


def test_a_release_without_a_ranker_asks_nobody_to_rerank(install, lambda_context, as_functions, tmp_path):
    install(a_release(tmp_path / "bare", encoder=False))

    answer = search("wireless mouse", lambda_context)

    assert as_functions == ["preprocess_query"]
    assert answer["degraded"] == ["vector", "ranker"]
