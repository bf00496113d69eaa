"""The endpoint over real HTTP, with the networks of two layers; what cannot be had from them (a network that hangs or
breaks) is a small class beside."""

import asyncio
import io
import json
import threading

import aiohttp
import numpy as np
import pytest
from aiohttp import web

from functions.observability import NAMESPACE_VARIABLE
from relevance.contracts.large_model import LONGEST_TEXT, MOST_TEXTS, Refusal, Scores, Vectors
from relevance.errors import ModelFailed
from sagemaker_jobs.serve.__main__ import main
from sagemaker_jobs.serve.application import ATTRIBUTES, BODY_LIMIT_BYTES, ENDPOINT, Serving, make_application
from sagemaker_jobs.serve.large_model import LargeModel
from sagemaker_jobs.serve.measurements import Measurements

QUERY = {"task": "encode_query", "texts": ["desk lamp"]}


class Breakable:
    """A served model around a real one, whose networks can be made to hang or to fail."""

    def __init__(self, model: LargeModel) -> None:
        self._model = model
        self.manifest, self.tasks = model.manifest, model.tasks
        self.free, self.error = threading.Event(), None
        self.free.set()
        self.encoded = []

    def encode(self, texts, kind):
        self.free.wait(60)
        if self.error:
            raise self.error
        self.encoded += texts
        return self._model.encode(texts, kind)

    def probe(self):
        self.encode(["probe"], "encode_query")

    def check(self):
        self.probe()


@pytest.fixture(scope="module")
def model(packed) -> LargeModel:
    return LargeModel.load(packed)


def ask(open_model, scenario, **serving):
    """What `scenario(client, application)` gives, with a client of an endpoint that has had its time to open."""

    async def run():
        usual = {"deadline_ms": 60_000, "linger_ms": 0}
        application = make_application(open_model, Serving(**(usual | serving)), Measurements("Vitrine/test"))
        runner = web.AppRunner(application, handler_cancellation=True)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with aiohttp.ClientSession(f"http://127.0.0.1:{runner.addresses[0][1]}") as client:
            try:
                while "are being opened" in (await ping(client))[1]:
                    await asyncio.sleep(0.01)
                return await scenario(client, application)
            finally:
                await runner.cleanup()

    return asyncio.run(run())


async def ping(client):
    async with client.get("/ping") as answer:
        return answer.status, (await answer.json())["message"]


async def invoke(client, body, **headers):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"} | headers
    async with client.post("/invocations", data=io.BytesIO(content), headers=headers) as answer:
        return answer.status, await answer.read(), answer.headers


async def refused(client, body, **headers):
    status, content, _ = await invoke(client, body, **headers)
    refusal = Refusal.model_validate_json(content)
    assert refusal.status == status
    return status, refusal.message


def test_every_task_is_answered_by_its_own_network(model):
    texts = ["desk lamp", "a kettle"]

    async def scenario(client, _):
        bodies = (
            {"task": "encode_query", "texts": texts},
            {"task": "encode_product", "texts": texts},
            {"task": "score", "query": "lamp", "products": texts},
            {"task": "encode_shopper", "purchases": [{"product_id": "kettle", "age_days": 3}]},
            {"task": "encode_shopper", "purchases": [{"product_id": "gone", "age_days": 3}]},
        )
        answers = [await invoke(client, body) for body in bodies]
        assert [status for status, _, _ in answers] == [200] * 5
        return [content for _, content, _ in answers]

    queries, products, scores, taste, unknown = ask(lambda: model, scenario)

    described = model.manifest.encoder
    answer = Vectors.model_validate_json(queries)
    assert (answer.model_id, answer.space) == (described.encoder_id, described.space)
    np.testing.assert_allclose(answer.vectors, model.encode(texts, "encode_query"), atol=2e-6)
    np.testing.assert_allclose(
        Vectors.model_validate_json(products).vectors, model.encode(texts, "encode_product"), atol=2e-6
    )
    np.testing.assert_allclose(
        Scores.model_validate_json(scores).scores, model.score([("lamp", text) for text in texts]), atol=1e-5
    )
    assert Vectors.model_validate_json(taste).model_id == "shoppers-1"
    assert len(Vectors.model_validate_json(taste).vectors[0]) == described.dimension
    assert Vectors.model_validate_json(unknown).vectors == ()


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b'{"task": "enc', 400, "the body is .*: Invalid JSON"),
        ({"task": "sing"}, 400, r"\{'task': 'sing'\}: Input tag 'sing' .*'encode_query', 'encode_product'"),
        ({"task": "encode_query", "texts": []}, 400, r"texts is \[\]: .* at least 1 item"),
        ({"task": "encode_query", "texts": ["x"] * (MOST_TEXTS + 1)}, 400, r"texts is \[.*\.\.\.: .* at most 64 items"),
        ({"task": "encode_query", "texts": ["x" * (LONGEST_TEXT + 1)]}, 400, r"texts\.0 is 'x.*at most 4000 char"),
        ({"task": "encode_query", "texts": ["x"], "model": "gpt"}, 400, "model is 'gpt': Extra inputs"),
        ({"task": "score", "query": "x", "products": [3]}, 400, r"products\.0 is 3: .* valid string"),
        (b" " * (BODY_LIMIT_BYTES + 1), 413, "more than 4,194,304 bytes"),
    ],
)
def test_a_bad_request_is_told_the_field_the_value_and_what_was_expected(model, body, status, said):
    found, message = ask(lambda: model, lambda client, _: refused(client, body))

    assert found == status
    with pytest.raises(AssertionError, match=said):
        raise AssertionError(message)


def test_another_type_of_content_and_another_address_are_refused(model):
    async def scenario(client, _):
        other = await refused(client, QUERY, **{"Content-Type": "text/csv"})
        async with client.get("/invocations") as answer:
            return other, answer.status, Refusal.model_validate_json(await answer.read()).status

    other, status, told = ask(lambda: model, scenario)

    assert other == (415, "Content-Type is 'text/csv': expected application/json")
    assert status == told == 405


def test_a_task_without_its_model_is_refused_with_those_that_are_served(model):
    class WithoutTeacher(Breakable):
        def __init__(self, model):
            super().__init__(model)
            self.tasks = ("encode_query", "encode_product")

    body = {"task": "score", "query": "x", "products": ["y"]}

    assert ask(lambda: WithoutTeacher(model), lambda client, _: refused(client, body)) == (
        404,
        "task is 'score': this endpoint serves encode_query, encode_product",
    )


@pytest.mark.parametrize("given", ["deadline_ms=0", "deadline_ms=soon", "deadline_ms=60001", "a=b,deadline_ms="])
def test_a_deadline_that_is_none_is_refused(model, given):
    status, message = ask(lambda: model, lambda client, _: refused(client, QUERY, **{ATTRIBUTES: given}))

    assert status == 400
    assert f"{given.partition('deadline_ms=')[2]!r}: expected 1 to 60000" in message


def test_ping_and_invocations_say_that_the_networks_are_not_open_until_they_are(model):
    opening = threading.Event()

    def open_model():
        opening.wait(60)
        return model

    async def run():
        application = make_application(open_model, Serving(), Measurements("Vitrine/test"))
        runner = web.AppRunner(application)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with aiohttp.ClientSession(f"http://127.0.0.1:{runner.addresses[0][1]}") as client:
            before = [await ping(client), await refused(client, QUERY)]
            opening.set()
            while (now := await ping(client))[0] != 200 and "opened" in now[1]:
                await asyncio.sleep(0.01)
        await runner.cleanup()
        return before, now, application

    before, now, _ = asyncio.run(run())

    assert before == [(503, "the networks are being opened")] * 2
    assert now[0] == 200


def test_ping_tells_why_a_folder_does_not_open(tmp_path):
    async def scenario(client, _):
        return await ping(client), await refused(client, QUERY)

    for status, message in ask(lambda: LargeModel.load(tmp_path), scenario):
        assert status == 503
        assert message.startswith("ReleaseRefused: large model in ")


def test_ping_tells_of_a_network_that_fails_and_of_its_recovery(model):
    breakable = Breakable(model)

    async def scenario(client, _):
        breakable.error = ModelFailed("a model failed: out of memory")
        broken = await ping(client), await refused(client, QUERY)
        breakable.error = None
        return broken, await ping(client)

    broken, mended = ask(lambda: breakable, scenario)

    assert broken == ((503, "ModelFailed: a model failed: out of memory"), (500, "a model failed: out of memory"))
    assert mended[0] == 200


def test_ping_tells_of_a_worker_that_hangs_and_a_request_still_gets_its_answer_in_time(model):
    breakable = Breakable(model)

    async def scenario(client, _):
        breakable.free.clear()
        late = await refused(client, QUERY, **{ATTRIBUTES: "deadline_ms=50"})
        hanging = await ping(client)
        breakable.free.set()
        return late, hanging, await ping(client)

    late, hanging, back = ask(lambda: breakable, scenario, probe_ms=500)

    assert late[0] == 504
    assert hanging == (503, "the networks gave no answer within 500 ms")
    assert back[0] == 200


def test_ping_tells_of_a_worker_that_is_gone(model):
    async def scenario(client, application):
        application[ENDPOINT]._worker.shutdown()
        return await ping(client)

    status, message = ask(lambda: model, scenario)

    assert status == 503
    assert "shutdown" in message


def test_ping_tells_of_a_lane_that_ended_and_nothing_is_asked_of_it(model):
    breakable = Breakable(model)

    async def scenario(client, _):
        breakable.error = KeyError("a fault of the program")
        await refused(client, QUERY, **{ATTRIBUTES: "deadline_ms=200"})
        breakable.error = None
        return await ping(client), await refused(client, QUERY)

    for status, message in ask(lambda: breakable, scenario):
        assert status == 503
        assert "encode_query is not served any more: KeyError" in message


def test_a_request_that_could_not_be_in_time_is_told_when_to_come_again(model):
    breakable = Breakable(model)

    async def scenario(client, application):
        await invoke(client, QUERY)
        lane = application[ENDPOINT]._lanes["encode_query"]
        lane._seconds_an_item = 3.0
        breakable.free.clear()
        waiting = asyncio.create_task(invoke(client, QUERY))
        while not lane._in_work:
            await asyncio.sleep(0.001)
        status, content, headers = await invoke(client, QUERY, **{ATTRIBUTES: "deadline_ms=1000"})
        breakable.free.set()
        return status, content, headers.get("Retry-After"), (await waiting)[0]

    status, content, retry_after, waited = ask(lambda: breakable, scenario)

    assert (status, retry_after, waited) == (429, "3", 200)
    assert Refusal.model_validate_json(content).message.startswith("what waits takes 3000 ms, this request has ")


def test_what_a_client_that_hung_up_had_asked_is_not_computed(model):
    breakable = Breakable(model)

    async def scenario(client, application):
        breakable.free.clear()
        lane = application[ENDPOINT]._lanes["encode_query"]
        first = asyncio.create_task(invoke(client, QUERY))
        while not lane._in_work:
            await asyncio.sleep(0.001)
        gone = asyncio.create_task(invoke(client, {"task": "encode_query", "texts": ["kettle"]}))
        while len(lane._queue) == 0:
            await asyncio.sleep(0.001)
        gone.cancel()
        while lane.expected_wait_seconds() or any(asked.waiting for asked in lane._queue):
            lane._seconds_an_item = 0.0
            await asyncio.sleep(0.001)
        breakable.free.set()
        await first
        await invoke(client, {"task": "encode_query", "texts": ["fan"]})
        async with client.get("/metrics") as answer:
            return await answer.json()

    counted = ask(lambda: breakable, scenario)

    assert [text for text in breakable.encoded if text != "probe"] == ["desk lamp", "fan"]
    assert counted["refused"]["ClientGone"] == 1
    assert counted["answered"] == {"encode_query": 2}


def test_many_clients_at_once_get_each_the_vector_of_the_own_text(model):
    texts = [f"lamp {number}" for number in range(40)]

    async def scenario(client, _):
        return await asyncio.gather(*(invoke(client, {"task": "encode_query", "texts": [text]}) for text in texts))

    answers = ask(lambda: model, scenario, most=8)

    found = [Vectors.model_validate_json(content).vectors[0] for _, content, _ in answers]
    np.testing.assert_allclose(found, model.encode(texts, "encode_query"), atol=2e-6)


@pytest.mark.parametrize(
    ("environment", "namespace"), [({}, "Vitrine/local"), ({NAMESPACE_VARIABLE: "Vitrine/dev"}, "Vitrine/dev")]
)
def test_the_program_counts_in_the_namespace_that_its_environment_names(monkeypatch, environment, namespace):
    served = []
    monkeypatch.setattr(web, "run_app", lambda application, **_: served.append(application))
    monkeypatch.delenv(NAMESPACE_VARIABLE, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    main([])

    measurements = served[0][ENDPOINT].measurements
    measurements.answered("score", 5.0)
    (about,) = json.loads(measurements.line(0))["_aws"]["CloudWatchMetrics"]
    assert about["Namespace"] == namespace
