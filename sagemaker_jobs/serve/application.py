"""The endpoint over HTTP, as SageMaker asks a container: `GET /ping` and `POST /invocations`; and `GET /metrics`.

`/ping` answers 200 only when every network has just given an answer. A request may say how long it is worth waiting
for, in the header that InvokeEndpoint's CustomAttributes become: `X-Amzn-SageMaker-Custom-Attributes: deadline_ms=60`.
"""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, cast

from aiohttp import web
from pydantic import ValidationError

from relevance.arrays import Matrix
from relevance.contracts.large_model import (
    REQUEST,
    EncodeShopper,
    EncodeTexts,
    Purchase,
    Refusal,
    ScoreProducts,
    Scores,
    Vectors,
)
from relevance.errors import BadRequest, ModelFailed
from relevance.pairs import Pair
from sagemaker_jobs.serve.lane import Batch, Lane, Overloaded, TooLate
from sagemaker_jobs.serve.large_model import Kind, LargeModel
from sagemaker_jobs.serve.measurements import Measurements

BODY_LIMIT_BYTES: Final = 4 * 1024**2
"""More than the longest request that is allowed, in any script."""
ATTRIBUTES: Final = "X-Amzn-SageMaker-Custom-Attributes"
LONGEST_DEADLINE_MS: Final = 60_000
"""SageMaker's own patience."""
_DEADLINE = re.compile(r"(?:^|[,;\s])deadline_ms=([^,;\s]*)")
_SHOWN_CHARACTERS = 60
_LINE_SECONDS = 60

Numbers = list[float]
"""One vector."""
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Serving:
    """How requests become batches."""

    most: int = 32
    """Texts, or pairs, that the worker is given at once."""
    linger_ms: float = 0.0
    """How long a text waits for others while the worker is idle; what comes while it is busy waits together anyway."""
    deadline_ms: int = 1000
    """How long an answer is waited for where a request does not say."""
    probe_ms: int = 1500
    """How long the networks have to answer a ping; SageMaker itself waits 2 s."""


class NotReady(Exception):
    """The networks are not open, or do not answer; the message says why."""


class Endpoint:
    """The networks, their lanes, and the one thread that runs them."""

    def __init__(
        self, open_model: Callable[[], LargeModel], serving: Serving, measurements: Measurements, worker: Executor
    ) -> None:
        self.measurements = measurements
        self.serving = serving
        self._open_model = open_model
        self._worker = worker
        self._model: LargeModel | None = None
        self._trouble = "the networks are being opened"
        self._lanes: dict[str, Lane[Any, Any]] = {}
        self._serving: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Open the networks, hold them against the golden vectors, and take requests; never raises."""
        loop = asyncio.get_running_loop()
        try:
            model = await loop.run_in_executor(self._worker, self._open_model)
            await loop.run_in_executor(self._worker, model.check)
        except Exception as error:  # whatever it was: ping says so until the container is replaced
            self._trouble = f"{type(error).__name__}: {error}"
            print(json.dumps({"level": "error", "message": self._trouble}), flush=True)
            return
        computing: dict[str, Callable[[Any], Any]] = {
            "encode_query": partial(_encoded, model, "encode_query"),
            "encode_product": partial(_encoded, model, "encode_product"),
            "score": partial(_scored, model),
            "encode_shopper": partial(_tastes, model),
        }
        for task in model.tasks:
            lane = self._lane(task, computing[task])
            self._lanes[task] = lane
            self._serving.append(asyncio.create_task(lane.serve(), name=task))
        self._model, self._trouble = model, ""
        described = model.manifest.encoder
        opened = {"encoder": described.encoder_id, "space": described.space, "tasks": model.tasks}
        print(json.dumps({"level": "info", "message": "open"} | opened), flush=True)

    async def close(self) -> None:
        """Take no more."""
        for task in self._serving:
            task.cancel()

    async def probe(self) -> None:
        """Have every network give an answer, in the worker that gives all of them.

        Raises:
            NotReady: If one does not, or not soon enough, or a lane is not served any more.
        """
        model = self._ready()
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self.serving.probe_ms / 1000):
                await loop.run_in_executor(self._worker, model.probe)
        except TimeoutError:
            raise NotReady(f"the networks gave no answer within {self.serving.probe_ms} ms") from None
        except Exception as error:  # the worker's own end is a RuntimeError, a network's a ModelFailed
            raise NotReady(f"{type(error).__name__}: {error}") from error

    async def answer(self, body: bytes, deadline: float) -> tuple[str, Vectors | Scores]:
        """The task that was asked, and its answer; `deadline` is on the event loop's clock.

        Raises:
            NotReady, BadRequest, Overloaded, TooLate, ModelFailed
        """
        model = self._ready()
        request = _read(body)
        lane = self._lanes.get(request.task)
        if lane is None:
            able = ", ".join(model.tasks)
            raise BadRequest(f"task is {request.task!r}: this endpoint serves {able}", status=404)
        manifest = model.manifest
        if isinstance(request, ScoreProducts):
            pairs = [(request.query, product) for product in request.products]
            scores = await lane.ask(pairs, deadline)
            return request.task, Scores(model_id=manifest.teacher_id or "", scores=tuple(scores))
        if isinstance(request, EncodeShopper):
            (taste,) = await lane.ask([request.purchases], deadline)
            vectors, model_id = [] if taste is None else [taste], manifest.shopper_model_id or ""
        else:
            vectors, model_id = await lane.ask(request.texts, deadline), manifest.encoder.encoder_id
        return request.task, Vectors(model_id=model_id, space=manifest.encoder.space, vectors=tuple(vectors))

    def _lane(self, task: str, compute: Callable[[Any], Any]) -> Lane[Any, Any]:
        def told(batch: Batch) -> None:
            self.measurements.computed(task, batch)

        serving = self.serving
        return Lane(compute, self._worker, most=serving.most, linger_ms=serving.linger_ms, told=told)

    def _ready(self) -> LargeModel:
        if self._model is None:
            raise NotReady(self._trouble)
        for task in self._serving:
            if task.done():
                raise NotReady(f"{task.get_name()} is not served any more: {task.exception()!r}")
        return self._model


ENDPOINT = web.AppKey("ENDPOINT", Endpoint)


def make_application(
    open_model: Callable[[], LargeModel], serving: Serving, measurements: Measurements
) -> web.Application:
    """The endpoint; it answers at once, and opens the networks meanwhile."""
    application = web.Application(client_max_size=BODY_LIMIT_BYTES, middlewares=[_refusals])
    worker = ThreadPoolExecutor(1, thread_name_prefix="networks")
    application[ENDPOINT] = Endpoint(open_model, serving, measurements, worker)
    application.router.add_get("/ping", _ping)
    application.router.add_post("/invocations", _invocations)
    application.router.add_get("/metrics", _metrics)
    application.cleanup_ctx.append(_background)
    return application


async def _background(application: web.Application) -> AsyncIterator[None]:
    endpoint = application[ENDPOINT]
    tasks = [asyncio.create_task(endpoint.open()), asyncio.create_task(_write_lines(endpoint.measurements))]
    yield
    for task in tasks:
        task.cancel()
    await endpoint.close()


async def _write_lines(measurements: Measurements) -> None:
    while True:
        await asyncio.sleep(_LINE_SECONDS)
        if line := measurements.line(round(time.time() * 1000)):
            print(line, flush=True)


async def _ping(request: web.Request) -> web.Response:
    await request.app[ENDPOINT].probe()
    return web.json_response({"message": "every network has just given an answer", "status": 200})


async def _metrics(request: web.Request) -> web.Response:
    return web.json_response(request.app[ENDPOINT].measurements.totals())


async def _invocations(request: web.Request) -> web.Response:
    endpoint = request.app[ENDPOINT]
    began = asyncio.get_running_loop().time()
    if request.content_type != "application/json":
        raise BadRequest(f"Content-Type is {request.content_type!r}: expected application/json", status=415)
    deadline_ms = _deadline_ms(request.headers.get(ATTRIBUTES, ""), endpoint.serving.deadline_ms)
    task, answer = await endpoint.answer(await request.read(), began + deadline_ms / 1000)
    response = web.json_response(text=answer.model_dump_json())
    endpoint.measurements.answered(task, 1000 * (asyncio.get_running_loop().time() - began))
    return response


@web.middleware
async def _refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every answer that is not 200, in one shape, and counted."""
    measurements = request.app[ENDPOINT].measurements
    try:
        return await handler(request)
    except asyncio.CancelledError:
        measurements.refused("ClientGone")
        raise
    except NotReady as error:
        return _refused(measurements, "NotReady", 503, str(error))
    except BadRequest as error:
        return _refused(measurements, "BadRequest", error.status, str(error))
    except Overloaded as error:
        return _refused(measurements, "Overloaded", 429, str(error), {"Retry-After": str(error.retry_after_seconds)})
    except TooLate as error:
        return _refused(measurements, "TooLate", 504, str(error))
    except ModelFailed as error:
        return _refused(measurements, "ModelFailed", 500, str(error))
    except web.HTTPRequestEntityTooLarge:
        return _refused(measurements, "TooLarge", 413, f"the body has more than {BODY_LIMIT_BYTES:,} bytes")
    except web.HTTPException as error:
        return _refused(measurements, "BadRequest", error.status, f"{request.method} {request.path}: {error.reason}")


def _refused(
    measurements: Measurements, reason: str, status: int, message: str, headers: dict[str, str] | None = None
) -> web.Response:
    measurements.refused(reason)
    body = Refusal(message=message, status=status).model_dump_json()
    return web.json_response(text=body, status=status, headers=headers)


def _read(body: bytes) -> EncodeTexts | EncodeShopper | ScoreProducts:
    try:
        return REQUEST.validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the body"
        shown = repr(first["input"])
        if len(shown) > _SHOWN_CHARACTERS:
            shown = f"{shown[:_SHOWN_CHARACTERS]}..."
        raise BadRequest(f"{where} is {shown}: {first['msg']}") from None


def _deadline_ms(attributes: str, usual_ms: int) -> int:
    found = _DEADLINE.search(attributes)
    if found is None:
        return usual_ms
    given = found[1]
    with suppress(ValueError):
        if 0 < int(given) <= LONGEST_DEADLINE_MS:
            return int(given)
    raise BadRequest(f"deadline_ms in {ATTRIBUTES} is {given!r}: expected 1 to {LONGEST_DEADLINE_MS}")


def _encoded(model: LargeModel, kind: Kind, texts: Sequence[str]) -> list[Numbers]:
    return _as_lists(model.encode(texts, kind))


def _scored(model: LargeModel, pairs: Sequence[Pair]) -> list[float]:
    return cast(list[float], model.score(pairs).tolist())


def _tastes(model: LargeModel, shoppers: Sequence[Sequence[Purchase]]) -> list[Numbers | None]:
    tastes = (model.taste(purchases) for purchases in shoppers)
    return [None if taste is None else _as_lists(taste[None])[0] for taste in tastes]


def _as_lists(vectors: Matrix) -> list[Numbers]:
    """Six decimals: single precision holds no more of a vector of length 1, and the rest is a half of the answer."""
    return cast(list[Numbers], vectors.astype(float).round(6).tolist())
