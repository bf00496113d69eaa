"""Third stage of search: order candidates. A route of its own, and called by the front door."""

import time
import uuid
from functools import cache
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.api import authorise, checked, json_object, json_response, new_api, on
from functions.observability import metrics, with_request_id
from functions.rerank.settings import RerankSettings
from functions.routes import RERANK
from functions.serving import serving
from relevance.contracts.api import RerankGivenRequest
from relevance.contracts.stages import RerankRequest
from relevance.given_candidates import rerank_given
from relevance.search import rerank_rows

api = new_api()


@cache
def settings() -> RerankSettings:
    """Read once per execution environment."""
    return RerankSettings.from_environment()


@on(api, RERANK)
def rerank_given_candidates() -> Response[str]:
    begun = time.perf_counter()
    authorise(api, settings(), RERANK)
    asked = checked(RerankGivenRequest, json_object(api))
    answer = rerank_given(asked, serving(settings()).current(), query_id=uuid.uuid4().hex)
    took_ms = round((time.perf_counter() - begun) * 1000)
    return json_response(answer.model_copy(update={"processing_time_ms": took_ms}))


@with_request_id
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    if "requestContext" in event:
        return api.resolve(event, context)
    release = serving(settings()).current()
    return rerank_rows(RerankRequest.model_validate(event), release).model_dump(mode="json")
