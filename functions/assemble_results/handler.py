"""The front door: one search, several in one call, health."""

import time
import uuid
from collections.abc import Callable
from functools import cache, partial
from typing import Any
from urllib.parse import unquote

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.api import (
    authorise,
    is_held,
    json_object,
    json_response,
    keepable,
    new_api,
    not_modified,
    on,
    weak_tag,
)
from functions.assemble_results.remembered_answers import Question, RememberedAnswers
from functions.assemble_results.search_metrics import SearchWatch
from functions.assemble_results.settings import AssembleSettings
from functions.keys import Caller
from functions.metric_catalogue import FACET_SEARCHES_ANSWERED
from functions.observability import logger, metrics, record, with_request_id
from functions.query_vectors import query_vectors
from functions.remote_stages import RemoteStages
from functions.routes import LIVE, READY, SEARCH, SEARCH_BY_ADDRESS, SEARCH_FACET, SEARCH_SEVERAL
from functions.serving import serving
from relevance.complaints import shortened
from relevance.contracts.api import (
    MAX_QUERIES,
    FacetSearchParameters,
    FacetSearchResponse,
    Health,
    SearchParameters,
    SearchResponse,
    SearchResponses,
)
from relevance.errors import BadRequest
from relevance.facet_search import search_facet
from relevance.parameters import from_text, parse_parameters
from relevance.query_profile import QueryProfile
from relevance.release import Release
from relevance.search import InProcess, Stages, search
from relevance.sorting import Sort, replicas_of

api = new_api()


@cache
def settings() -> AssembleSettings:
    """Read once per execution environment."""
    return AssembleSettings.from_environment()


@cache
def remembered() -> RememberedAnswers:
    """One per execution environment."""
    return RememberedAnswers(settings().remembered_queries)


@on(api, SEARCH)
def search_by_body(index: str) -> Response[str]:
    caller = authorise(api, settings(), SEARCH)
    sort = _sort_of(index, caller)
    parameters, warnings = parse_parameters(json_object(api), SearchParameters)
    return json_response(_answer(index, sort, parameters, warnings, caller))


@on(api, SEARCH_BY_ADDRESS)
def search_by_address(index: str) -> Response[str]:
    caller = authorise(api, settings(), SEARCH_BY_ADDRESS)
    sort = _sort_of(index, caller)
    written = api.current_event.query_string_parameters or {}
    named = {name: value for name, value in written.items() if not name.lower().startswith("x-")}
    parameters, warnings = parse_parameters(from_text(named), SearchParameters)

    def tag_of(release_id: str) -> str:
        return weak_tag(release_id, index, parameters.model_dump(), warnings, caller.condition)

    if not parameters.click_analytics and is_held(api, tag := tag_of(serving(settings()).current().release_id)):
        return not_modified(tag)
    answer = _answer(index, sort, parameters, warnings, caller)
    if parameters.click_analytics or answer.degraded:
        return json_response(answer)
    return json_response(answer, headers=keepable(tag_of(answer.release)))


@on(api, SEARCH_SEVERAL)
def search_several(index: str) -> Response[str]:
    caller = authorise(api, settings(), SEARCH_SEVERAL)
    if index != "*":
        raise BadRequest(f"the index in the path is {shortened(index)}: expected *", status=404)
    requests, warnings = _requests(json_object(api))
    checked = [_one_of_several(place, given, warnings, caller) for place, given in enumerate(requests)]
    return json_response(SearchResponses(results=[answer() for answer in checked]))


@on(api, SEARCH_FACET)
def search_inside_facet(index: str, facet: str) -> Response[str]:
    caller = authorise(api, settings(), SEARCH_FACET)
    _sort_of(index, caller)
    parameters, _ = parse_parameters(json_object(api), FacetSearchParameters)
    return json_response(_answer_facet(unquote(facet), parameters, caller))


@on(api, LIVE)
def live() -> Response[str]:
    return json_response(Health())


@on(api, READY)
def ready() -> Response[str]:
    return json_response(Health(release=serving(settings()).current().release_id))


@with_request_id
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return api.resolve(event, context)


def _answer(
    index: str, sort: Sort | None, parameters: SearchParameters, warnings: list[str], caller: Caller
) -> SearchResponse:
    watch = SearchWatch()
    release = serving(settings()).current()
    query_id = uuid.uuid4().hex
    question = Question.of(parameters, release.release_id, index, caller.condition)
    profiles: list[QueryProfile] = []
    recalled = remembered().recall(question)
    if recalled is not None:
        answer = recalled.answer.model_copy(update={"query_id": query_id, "params": parameters.written})
        profiles = [recalled.profile] if recalled.profile else []
    else:
        answer = search(
            parameters,
            release,
            _stages(release),
            query_id=query_id,
            index_name=index,
            sealed=caller.condition,
            sort=sort,
            profiled=profiles.append,
            passed=watch.passed,
        )
        watch.passed("assemble")
        remembered().keep(question, answer, profiles[0] if profiles else None)
    took_ms = watch.record(answer, release, remembered=recalled is not None)
    stages: dict[str, Any] = {f"{stage}_ms": round(stage_ms, 1) for stage, stage_ms in watch.stage_ms.items()}
    logger.info(
        "searched",
        query_id=answer.query_id,
        release=answer.release,
        rung=answer.rung,
        degraded=list(answer.degraded),
        hits=answer.nb_hits,
        remembered=recalled is not None,
        took_ms=round(took_ms, 1),
        **_watched(profiles, parameters),
        **stages,
    )
    return answer.model_copy(update={"processing_time_ms": round(took_ms), "warnings": (*warnings, *answer.warnings)})


def _watched(profiles: list[QueryProfile], parameters: SearchParameters) -> dict[str, Any]:
    """What the watch over quality reads of a shopper's search; nothing of one that must not be counted."""
    if not (profiles and parameters.analytics):
        return {}
    return profiles[0].model_dump(exclude={"hits", "rung"}, exclude_none=True)


def _answer_facet(facet: str, parameters: FacetSearchParameters, caller: Caller) -> FacetSearchResponse:
    begun = time.perf_counter()
    release = serving(settings()).current()
    answer = search_facet(
        facet, parameters, release, _stages(release), query_id=uuid.uuid4().hex, sealed=caller.condition
    )
    record(FACET_SEARCHES_ANSWERED)
    return answer.model_copy(update={"processing_time_ms": round((time.perf_counter() - begun) * 1000)})


def _stages(release: Release) -> Stages:
    if settings().search_path == "in_process":
        return InProcess(release, query_vectors(settings()))
    return RemoteStages(
        release,
        settings().preprocess_function,
        settings().rerank_function,
        settings().stage_deadline_ms,
        query_vectors(settings()),
    )


def _sort_of(index: str, caller: Caller) -> Sort | None:
    """The order that the index's name asks for; None is relevance. Raises BadRequest if there is no such index."""
    if caller.indices is not None and index not in caller.indices:
        raise BadRequest(f"the key is not valid for index {index}", status=403)
    name = settings().index_name
    replicas = replicas_of(name)
    if index not in (name, *replicas):
        raise BadRequest(
            f"Index {shortened(index)} does not exist: expected {', '.join((name, *replicas))}", status=404
        )
    return replicas.get(index)


def _requests(body: dict[str, Any]) -> tuple[list[Any], list[str]]:
    """The searches that are asked for, and what each should warn of."""
    requests, strategy = body.get("requests"), body.get("strategy")
    if not isinstance(requests, list) or len(requests) > MAX_QUERIES:
        raise BadRequest(f"requests is {shortened(requests)}: expected a list of at most {MAX_QUERIES} searches")
    if unknown := sorted(body.keys() - {"requests", "strategy"}):
        raise BadRequest(f"{shortened(unknown[0])} is not known: expected one of requests, strategy")
    if strategy not in (None, "none", "stopIfEnoughMatches"):
        raise BadRequest(f'strategy is {shortened(strategy)}: expected "none" or "stopIfEnoughMatches"')
    idle = strategy == "stopIfEnoughMatches"
    return requests, ["strategy is not implemented: every search is answered"] if idle else []


def _one_of_several(
    place: int, given: Any, warnings: list[str], caller: Caller
) -> Callable[[], SearchResponse | FacetSearchResponse]:
    """One search of several, checked before the first is answered."""
    where = f"requests[{place}]"
    if not isinstance(given, dict):
        raise BadRequest(f"{where} is {shortened(given)}: expected an object")
    fields = dict(given)
    index, kind = fields.pop("indexName", None), fields.pop("type", "default")
    if not isinstance(index, str):
        raise BadRequest(f"{where}.indexName is {shortened(index)}: expected the name of an index")
    sort = _sort_of(index, caller)
    if kind == "facet":
        facet = fields.pop("facet", None)
        if not isinstance(facet, str):
            raise BadRequest(f"{where}.facet is {shortened(facet)}: expected the name of a facet")
        facet_parameters, _ = parse_parameters(fields, FacetSearchParameters, where=f"{where}.")
        return partial(_answer_facet, facet, facet_parameters, caller)
    if kind != "default":
        raise BadRequest(f'{where}.type is {shortened(kind)}: expected "default" or "facet"')
    parameters, met = parse_parameters(fields, SearchParameters, where=f"{where}.")
    return partial(_answer, index, sort, parameters, [*warnings, *met], caller)
