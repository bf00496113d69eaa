"""What every HTTP route has in common: the envelope, keys, bodies, errors in the wire's shape."""

import base64
import hashlib
import json
import time
from collections.abc import Callable, Mapping
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ValidationError

from functions.aws.key_store import key_store
from functions.aws.release_store import StoreUnavailable
from functions.environment import SearchSettings
from functions.keys import HEADER, OTHER_NAMES, Caller, require_key
from functions.observability import logger
from functions.routes import Route
from relevance.complaints import complaints, expectations, shortened
from relevance.errors import BadRequest, NoRelease

MAX_BODY_BYTES = 1 << 20
JSON = "application/json"

Model = TypeVar("Model", bound=BaseModel)
Handler = TypeVar("Handler", bound=Callable[..., Any])


def error_response(message: str, status: int) -> Response[str]:
    """The shape that every answer has that is not a success."""
    headers = {"Retry-After": "1"} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    return Response(status, JSON, json.dumps({"message": message, "status": status}), headers=dict(headers))


def json_response(
    answer: BaseModel, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] | None = None
) -> Response[str]:
    """A success, or a failure that has more to say than a message. Nobody may keep it, unless its headers say so."""
    retry = {"Retry-After": "1"} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    body = answer.model_dump_json(by_alias=True, exclude_none=True)
    return Response(status, JSON, body, headers={**retry, **(headers or {})})


def weak_tag(*parts: object) -> str:
    """An entity tag: the same for parts that are written the same, and the same code that answers."""
    return f'W/"{hashlib.sha256(json.dumps((_code(), *parts), default=repr).encode()).hexdigest()[:32]}"'


@cache
def _code() -> str:
    """A hash of the code that is deployed: another may answer the same search differently. Reads it once, in 5 ms."""
    deployed = Path(__file__).parents[1]
    files = sorted(path for room in ("functions", "relevance") for path in (deployed / room).rglob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def is_held(api: APIGatewayHttpResolver, tag: str) -> bool:
    """Whether the caller holds the answer with this tag, by its If-None-Match: a list of tags, or `*`."""
    held = {one.strip().removeprefix("W/") for one in _headers(api).get("if-none-match", "").split(",")}
    return bool(held & {"*", tag.removeprefix("W/")})


def keepable(tag: str) -> dict[str, str]:
    """The headers of an answer that its caller alone may keep, and asks for again by its tag."""
    return {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": ", ".join((HEADER, *OTHER_NAMES))}


def not_modified(tag: str) -> Response[str]:
    """The caller holds the answer."""
    return Response(HTTPStatus.NOT_MODIFIED, headers=dict(keepable(tag)))


class _Api(APIGatewayHttpResolver):
    """A resolver that marks every answer, errors included, with its request's id, which every log line has too."""

    def resolve(self, event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
        answer = super().resolve(event, context)
        answer["headers"] = {
            "Cache-Control": "no-store",
            "X-Request-Id": event["requestContext"]["requestId"],
            **answer.get("headers", {}),
        }
        return answer


def new_api() -> APIGatewayHttpResolver:
    """A resolver whose errors have the wire's shape, unknown routes and our own faults included."""
    api = _Api(debug=False)  # whatever the environment asks: its debugging prints the event, with the key

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
    query = api.current_event.query_string_parameters or {}
    ring = key_store(settings.key_parameter).ring()
    return require_key(_headers(api), query, ring, route.keys, now_seconds=time.time())


def _headers(api: APIGatewayHttpResolver) -> dict[str, str]:
    """With lower-case names."""
    return {name.lower(): value for name, value in (api.current_event.headers or {}).items()}


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
    event = api.current_event
    try:
        body = event.body or ""
        if event.is_base64_encoded:
            body = base64.b64decode(body, validate=True).decode()
    except ValueError:
        raise BadRequest("the body is not UTF-8: expected a JSON object") from None
    written = body.encode(errors="replace")  # some gateways pass half a surrogate pair on
    if len(written) > MAX_BODY_BYTES:
        raise BadRequest(f"the body is longer than {MAX_BODY_BYTES:,} bytes", status=413)
    return written.decode()


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
