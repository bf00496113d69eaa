"""First stage of search: what a query means. A route of its own, and called by the front door."""

import time
import uuid
from functools import cache
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.api import authorise, checked, json_object, json_response, new_api, on
from functions.observability import metrics, with_request_id
from functions.preprocess_query.settings import PreprocessSettings
from functions.query_vectors import query_vectors
from functions.routes import ANALYZE
from functions.serving import serving
from relevance.contracts.api import AnalyzeRequest, AnalyzeResponse
from relevance.contracts.stages import PreprocessRequest
from relevance.search import query_warnings, understand

api = new_api()


@cache
def settings() -> PreprocessSettings:
    """Read once per execution environment."""
    return PreprocessSettings.from_environment()


@on(api, ANALYZE)
def analyze() -> Response[str]:
    begun = time.perf_counter()
    authorise(api, settings(), ANALYZE)
    asked = checked(AnalyzeRequest, json_object(api))
    release = serving(settings()).current()
    request = PreprocessRequest(
        query_id=uuid.uuid4().hex, query=asked.query, typo_tolerance=asked.typo_tolerance is not False
    )
    understood = understand(request, release, query_vectors(settings()))
    return json_response(
        AnalyzeResponse(
            **understood.model_dump(include={"query", "normalised", "tokens", "weights", "brand", "query_id"}),
            corrected_query=understood.corrected,
            alternatives={
                token: tuple(" ".join(other.tokens) for other in others)
                for token, others in zip(understood.tokens, understood.alternatives, strict=False)
                if others
            },
            processing_time_ms=round((time.perf_counter() - begun) * 1000),
            release=understood.release,
            rung=understood.rung,
            degraded=understood.degraded,
            warnings=tuple(query_warnings(understood)),
        )
    )


@with_request_id
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    if "requestContext" in event:
        return api.resolve(event, context)
    release = serving(settings()).current()
    request = PreprocessRequest.model_validate(event)
    return understand(request, release, query_vectors(settings())).model_dump(mode="json")
