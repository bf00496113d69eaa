"""What every HTTP route has in common: the envelope, keys, bodies, errors in the wire's shape."""

import json
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, TypeVar

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from pydantic import BaseModel, ValidationError

from functions.aws.key_store import key_store
from functions.aws.release_store import StoreUnavailable
from functions.environment import SearchSettings
from functions.keys import Caller, require_key
from functions.observability import logger
from functions.routes import Route
from functions.serving import NoRelease
from relevance.complaints import complaints, expectations, shortened
from relevance.errors import BadRequest

MAX_BODY_BYTES = 1 << 20
JSON = "application/json"

Model = TypeVar("Model", bound=BaseModel)
Handler = TypeVar("Handler", bound=Callable[..., Any])


def error_response(message: str, status: int) -> Response[str]:
    """The shape that every answer has that is not a success."""
    headers = {"Retry-After": "1"} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    return Response(status, JSON, json.dumps({"message": message, "status": status}), headers=dict(headers))


def json_response(answer: BaseModel, status: HTTPStatus = HTTPStatus.OK) -> Response[str]:
    """A success, or a failure that has more to say than a message."""
    headers = {"Retry-After": "1"} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    return Response(status, JSON, answer.model_dump_json(by_alias=True, exclude_none=True), headers=dict(headers))


def new_api() -> APIGatewayHttpResolver:
    """A resolver whose errors have the wire's shape, unknown routes and our own faults included."""
    api = APIGatewayHttpResolver()

    def not_found(_: NotFoundError) -> Response[str]:
        event = api.current_event
        return error_response(f"there is no {event.http_method} {event.path}", HTTPStatus.NOT_FOUND)

    api.not_found(not_found)
    api.exception_handler(BadRequest)(_bad_request)
    api.exception_handler([NoRelease, StoreUnavailable])(_unavailable)
    api.exception_handler(Exception)(_our_fault)
    return api


def on(api: APIGatewayHttpResolver, route: Route) -> Callable[[Handler], Handler]:
    """Register the handler of a route; its arguments are the path's `{names}`."""
    register: Callable[[Handler], Handler] = api.route(
        route.path.replace("{", "<").replace("}", ">"), method=route.method
    )
    return register


def authorise(api: APIGatewayHttpResolver, settings: SearchSettings, route: Route) -> Caller:
    """Who calls; raises BadRequest with status 403 unless the request carries a key of a kind that the route takes."""
    event = api.current_event
    headers = {name.lower(): value for name, value in (event.headers or {}).items()}
    ring = key_store(settings.key_parameter).ring()
    return require_key(headers, event.query_string_parameters or {}, ring, route.keys, now_seconds=time.time())


def json_object(api: APIGatewayHttpResolver) -> dict[str, Any]:
    """The body, a JSON object; an absent one is an empty object.

    Raises:
        BadRequest: If it is longer than MAX_BODY_BYTES (413), no JSON, or no object.
    """
    given = _json(api, "an object", absent={})
    if not isinstance(given, dict):
        raise BadRequest(f"the body is {shortened(given)}: expected an object")
    return given


def json_list(api: APIGatewayHttpResolver) -> list[Any]:
    """The body, a JSON list; an absent one is an empty list. Raises BadRequest as `json_object` does."""
    given = _json(api, "a list", absent=[])
    if not isinstance(given, list):
        raise BadRequest(f"the body is {shortened(given)}: expected a list")
    return given


def checked(model: type[Model], given: dict[str, Any]) -> Model:
    """A request of ours from a JSON object; raises BadRequest naming fields, values and expectations."""
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise BadRequest("; ".join(complaints(error, expectations(model)))) from None


def _json(api: APIGatewayHttpResolver, expected: str, *, absent: Any) -> Any:
    body = _body(api)
    if not body.strip():
        return absent
    try:
        given = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"the body is not JSON ({error}): expected {expected}") from None
    if "\\u" in body:
        # Half a surrogate pair is what a cut emoji leaves behind; it can be neither searched for nor answered.
        given = json.loads(json.dumps(given, ensure_ascii=False).encode(errors="replace"))
    return given


def _body(api: APIGatewayHttpResolver) -> str:
    try:
        body = api.current_event.decoded_body or ""
    except ValueError:
        raise BadRequest("the body is not UTF-8: expected a JSON object") from None
    if len(body.encode(errors="surrogatepass")) > MAX_BODY_BYTES:
        raise BadRequest(f"the body is longer than {MAX_BODY_BYTES:,} bytes", status=413)
    return body


def _refuse_constant(name: str) -> Callable[..., Any]:
    raise ValueError(f"{name} is no JSON number")


def _bad_request(error: BadRequest) -> Response[str]:
    return error_response(str(error), error.status)


def _unavailable(error: Exception) -> Response[str]:
    logger.error("no answer possible", reason=str(error))
    return error_response(str(error), HTTPStatus.SERVICE_UNAVAILABLE)


def _our_fault(_: Exception) -> Response[str]:
    logger.exception("unexpected error")
    return error_response("Internal error; the log has it under this request's id", HTTPStatus.INTERNAL_SERVER_ERROR)
