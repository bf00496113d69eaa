"""The ladder against a real HTTP server that stands for SageMaker Runtime, and fails in every way that one can."""

import json
import random
from functools import partial
from time import perf_counter

import pytest

from functions.assemble_results import handler as front_door
from functions.aws.endpoint import MOST_HANGING, LargeModelEndpoint
from functions.preprocess_query import handler as preprocess_query
from functions.query_vectors import Ladder, query_vectors
from relevance.circuit_breaker import CircuitBreaker, RetryBudget
from relevance.release import open_release
from relevance.understanding import read_query
from tests.builders import a_release, an_http_event
from tests.functions.conftest import installed, surroundings
from tests.sagemaker_runtime import (
    a_runtime,
    at_first,
    changed,
    hanging,
    hanging_up,
    refusing,
    right,
    saying,
    slow,
    trickling,
    trickling_from_the_first_byte,
)

DEADLINE_MS = 500
IN_TIME_S = 3.0
"""Far more than a deadline and a search here, and less than what is slow takes."""


@pytest.fixture(scope="module")
def opened(release_folder):
    return open_release(release_folder)


@pytest.fixture(scope="module")
def shop(tmp_path_factory, release_folder, opened):
    """Surroundings that the tests share, with an endpoint beside them; yields what stands for SageMaker Runtime."""
    with (
        pytest.MonkeyPatch.context() as patched,
        a_runtime(opened.encoder.encode, opened.space) as runtime,
        surroundings(tmp_path_factory.mktemp("releases")) as settings,
    ):
        patched.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", runtime.address)
        patched.setenv("ENDPOINT_NAME", "vitrine-test")
        patched.setenv("ENDPOINT_DEADLINE_MS", str(DEADLINE_MS))
        installed(settings, release_folder)
        yield runtime


@pytest.fixture
def runtime(shop, opened):
    """It answers with the vectors of the release's own encoder, until it is told otherwise."""
    shop.behaviour, shop.encode = right, opened.encoder.encode
    shop.forget()
    yield shop
    shop.let_go()


@pytest.fixture
def search(runtime, lambda_context):
    """Searches through a front door that has met no endpoint yet, and remembers nothing."""
    for cached in (front_door.settings, front_door.remembered, preprocess_query.settings, query_vectors):
        cached.cache_clear()
    return partial(search_of, lambda_context)


def search_of(lambda_context, query):
    event = an_http_event("POST", "/1/indexes/products/query", {"query": query})
    begun = perf_counter()
    response = front_door.lambda_handler(event, lambda_context)
    assert response["statusCode"] == 200
    assert perf_counter() - begun < IN_TIME_S
    return json.loads(response["body"])


def said(answer):
    return answer["rung"], answer["degraded"]


def reasons(caplog):
    return [record.reason for record in caplog.records if hasattr(record, "reason")]


def test_the_endpoint_is_asked_as_typed_and_told_the_deadline(search, runtime):
    answer = search("Wireless Mouse")

    assert said(answer) == ("endpoint", [])
    assert answer["hits"][0]["objectID"] == "mouse"
    assert runtime.asked[0].texts == ("Wireless Mouse",)
    assert runtime.paths == ["/endpoints/vitrine-test/invocations"]
    name, deadline_ms = runtime.attributes[0].split("=")
    assert name == "deadline_ms"
    assert DEADLINE_MS / 2 < int(deadline_ms) <= DEADLINE_MS


def test_the_endpoint_gets_the_corrected_words(search, runtime):
    search("desk kettel")

    assert runtime.asked[0].texts == ("desk kettle",)


def test_an_empty_query_asks_nobody(search, runtime):
    assert said(search("")) == ("lexical", [])
    assert not runtime.asked


WAYS_TO_FAIL = {
    "hangs": (hanging, "late"),
    "is slow by 4 s": (slow(4), "late"),
    "trickles": (trickling, "late"),
    "trickles its headers": (trickling_from_the_first_byte, "late"),
    "hangs up": (hanging_up, "unreachable"),
    "is empty": (saying(b""), "unusable"),
    "is garbage": (saying(b"<html>"), "unusable"),
    "is another JSON": (saying(b'{"vectors": "none"}'), "unusable"),
    "is far too long": (saying(b" " * (2 << 20)), "unusable"),
    "has another dimension": (changed(vectors=[[1.0, 0.0]]), "unusable"),
    "has no vector": (changed(vectors=[]), "unusable"),
    "has NaN": (changed(vectors=[[float("nan")] * 384]), "unusable"),
    "has infinity": (changed(vectors=[[float("inf")] + [0.0] * 383]), "unusable"),
    "has numbers too large": (changed(vectors=[[1e300] + [0.0] * 383]), "unusable"),
    "has another length": (changed(vectors=[[2.0] + [0.0] * 383]), "unusable"),
    "is of another space": (changed(space="another"), "unusable"),
    "is throttled": (refusing(429, "ThrottlingException"), "throttled"),
    "is throttled as a 400": (refusing(400, "ThrottlingException"), "throttled"),
    "has a model that takes no more": (refusing(424, "ModelError", OriginalStatusCode=429), "throttled"),
    "has a model that fails": (refusing(424, "ModelError", OriginalStatusCode=500), "failed"),
    "fails": (refusing(500, "InternalFailure"), "failed"),
    "is not there": (refusing(400, "ValidationError"), "failed"),
    "may not be called": (refusing(403, "AccessDeniedException"), "failed"),
}


@pytest.mark.parametrize(("behaviour", "reason"), WAYS_TO_FAIL.values(), ids=WAYS_TO_FAIL)
def test_an_endpoint_that_fails_costs_a_search_its_vector_and_nothing_else(search, runtime, caplog, behaviour, reason):
    runtime.behaviour = behaviour

    answer = search("wireless mouse")

    assert said(answer) == ("lambda", ["endpoint"])
    assert answer["hits"][0]["objectID"] == "mouse"
    (record,) = [record for record in caplog.records if hasattr(record, "reason")]
    assert (record.reason, record.rung) == (reason, "lambda")
    assert "mouse" not in str(vars(record))


def test_nobody_listening_is_an_endpoint_that_fails(search, runtime, caplog):
    with runtime.stopped():
        answer = search("wireless mouse")

    assert said(answer) == ("lambda", ["endpoint"])
    assert reasons(caplog) == ["unreachable"]


def test_a_release_without_vectors_asks_nobody_for_one(search, runtime, tmp_path):
    release = open_release(a_release(tmp_path / "bare", encoder=False))

    found = query_vectors(front_door.settings()).vector_of(read_query("lamp"), release)

    assert (found.rung, found.degraded) == ("lexical", ("vector",))
    assert not runtime.asked


def test_a_vector_of_the_endpoint_is_remembered(search, runtime):
    search("wireless mouse")
    front_door.remembered.cache_clear()

    assert said(search("wireless mouse")) == ("endpoint", [])
    assert len(runtime.asked) == 1


def test_a_failure_is_not_remembered(search, runtime):
    runtime.behaviour = at_first(refusing(500, "InternalFailure"))

    assert said(search("wireless mouse")) == ("lambda", ["endpoint"])
    assert said(search("wireless mouse")) == ("endpoint", [])


@pytest.mark.parametrize("first", [refusing(429, "ThrottlingException"), hanging_up], ids=["throttled", "reset"])
def test_what_may_well_succeed_is_tried_once_more(search, runtime, first):
    runtime.behaviour = at_first(first)

    assert said(search("wireless mouse")) == ("endpoint", [])
    assert len(runtime.asked) == 2


def test_second_attempts_are_few(search, runtime, monkeypatch):
    monkeypatch.setenv("ENDPOINT_FAILURES", "100")
    runtime.behaviour = refusing(429, "ThrottlingException")

    for number in range(5):
        search(f"mouse {number}")

    assert len(runtime.asked) == 5 + 3


def test_calls_that_hang_do_not_pile_up(search, runtime, monkeypatch, caplog):
    monkeypatch.setenv("ENDPOINT_FAILURES", "100")
    runtime.behaviour = trickling_from_the_first_byte

    answers = [search(f"mouse {number}") for number in range(MOST_HANGING + 2)]

    assert {answer["rung"] for answer in answers} == {"lambda"}
    assert len(runtime.asked) == MOST_HANGING
    assert reasons(caplog) == ["late"] * MOST_HANGING + ["busy"] * 2


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(search, monkeypatch):
    """The breaker's, of the front door's ladder."""
    clock = Clock()
    drawn = random.Random(1)
    ladder = Ladder(
        LargeModelEndpoint("vitrine-test", DEADLINE_MS),
        CircuitBreaker(clock, drawn, failures=3, pause_seconds=2.0),
        RetryBudget(),
        deadline_ms=DEADLINE_MS,
        remembered=0,
        drawn=drawn,
    )
    monkeypatch.setattr(front_door, "query_vectors", lambda _: ladder)
    return clock


def test_an_endpoint_that_goes_on_failing_is_left_alone_until_it_is_back(search, runtime, clock, capsys):
    runtime.behaviour = refusing(500, "InternalFailure")
    failed = [search(f"mouse {number}") for number in range(5)]
    calls_before_the_pause = len(runtime.asked)
    clock.now += 4
    search("mouse of the probe")
    calls_of_the_probe = len(runtime.asked) - calls_before_the_pause
    search("mouse behind the probe")
    calls_behind_it = len(runtime.asked) - calls_before_the_pause - calls_of_the_probe
    clock.now += 8
    runtime.behaviour = right
    back = [search(f"mouse that is back {number}") for number in range(3)]

    assert {said(answer)[0] for answer in failed} == {"lambda"}
    assert all(answer["degraded"] == ["endpoint"] for answer in failed)
    assert (calls_before_the_pause, calls_of_the_probe, calls_behind_it) == (3, 1, 0)
    assert [said(answer) for answer in back] == [("endpoint", [])] * 3
    logged = capsys.readouterr().out
    assert logged.count('"EndpointFailed":[1.0]') == 4
    assert logged.count('"EndpointSkipped":[1.0]') == 3
    assert logged.count('"SearchesByEndpoint":[1.0]') == 3


def test_an_endpoint_that_was_down_is_used_again(search, runtime, clock):
    with runtime.stopped():
        for number in range(3):
            search(f"mouse {number}")

    assert said(search("mouse")) == ("lambda", ["endpoint"])
    clock.now += 4
    assert said(search("mouse")) == ("endpoint", [])


def test_the_function_of_stage_1_asks_the_endpoint_too(search, runtime, lambda_context):
    event = an_http_event("POST", "/1/analyze", {"query": "lamp"})

    answer = json.loads(preprocess_query.lambda_handler(event, lambda_context)["body"])

    assert said(answer) == ("endpoint", [])


def test_an_inference_component_is_named_where_the_endpoint_has_one(search, runtime):
    search("mouse")

    LargeModelEndpoint("vitrine-test", DEADLINE_MS, "copies").query_vector(
        "mouse", space=runtime.space, dimension=len(runtime.encode("mouse")), seconds=5
    )

    assert runtime.components == [None, "copies"]


def test_the_endpoints_vector_is_what_is_searched_with(search, runtime, opened):
    runtime.encode = lambda _: opened.encoder.encode("electric kettle")

    answer = search("qwertz")

    assert answer["hits"][0]["objectID"] == "kettle"
