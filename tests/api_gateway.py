"""API Gateway in a process: an HTTP request becomes the event of the function behind its route, as payload format 2.0.

Also a WSGI application, for tools that speak HTTP.
"""

import base64
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from importlib import import_module
from typing import Any
from urllib.parse import parse_qsl, unquote

from functions.routes import ROUTES, Route


@dataclass(frozen=True)
class Answer:
    """What the caller gets."""

    status: int
    headers: Mapping[str, str]
    """With lower-case names."""
    body: bytes


@dataclass(frozen=True)
class Context:
    """What Lambda tells a function about its run."""

    function_name: str = "function"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:eu-west-1:123456789012:function:function"
    aws_request_id: str = "request-1"

    def get_remaining_time_in_millis(self) -> int:
        return 5000


class ApiGateway:
    """Calls the handlers of functions; has no state of its own."""

    def send(
        self,
        method: str,
        address: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
    ) -> Answer:
        """One request; `address` is path and query as they stand in the request line."""
        return self.answer(http_event(method, address, body, headers))

    def answer(self, event: dict[str, Any]) -> Answer:
        """What the function behind an event's route answers."""
        route = route_of(event["requestContext"]["http"]["method"], event["rawPath"])
        function = route.function if route else "assemble_results"  # the default route's
        given = import_module(f"functions.{function}.handler").lambda_handler(event, Context())
        answered = given.get("body") or ""
        content = base64.b64decode(answered) if given.get("isBase64Encoded") else answered.encode()
        headers_back = {name.lower(): value for name, value in given.get("headers", {}).items()}
        return Answer(given["statusCode"], headers_back, content)

    def __call__(self, environ: Mapping[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """A WSGI application."""
        headers = {
            name.removeprefix("HTTP_").replace("_", "-"): value
            for name, value in environ.items()
            if name.startswith("HTTP_") or name in ("CONTENT_TYPE", "CONTENT_LENGTH")
        }
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        path, query = environ["REQUEST_URI"].partition("?")[0], environ.get("QUERY_STRING", "")
        answer = self.send(environ["REQUEST_METHOD"], f"{path}?{query}", body, headers)
        start_response(f"{answer.status} {HTTPStatus(answer.status).phrase}", list(answer.headers.items()))
        return [answer.body]


def http_event(
    method: str,
    address: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
) -> dict[str, Any]:
    """The event of a request: path decoded, what is repeated joined by commas, base64 for a body that is not text."""
    written_path, _, query = address.partition("?")
    path = unquote(written_path, errors="replace")
    try:
        text, encoded = (body.decode() if body else None), False
    except UnicodeDecodeError:
        text, encoded = base64.b64encode(body or b"").decode(), True
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    event = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": _joined((name.lower(), value) for name, value in pairs),
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api",
            "domainName": "api.example",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "t"},
            "requestId": "request-1",
            "routeKey": "$default",
            "stage": "$default",
            "time": "22/Nov/2026:00:00:00 +0000",
            "timeEpoch": 1795305600000,
        },
        "isBase64Encoded": encoded,
    }
    if query:  # the gateway leaves out what a request does not have
        event["queryStringParameters"] = _joined(parse_qsl(query, keep_blank_values=True, errors="replace"))
    if text is not None:
        event["body"] = text
    return event


def route_of(method: str, path: str) -> Route | None:
    """The route that a decoded path takes: the one with most literal segments."""
    fitting = [route for route in ROUTES if route.method == method and _pattern(route).fullmatch(path)]
    return min(fitting, key=lambda route: route.path.count("{"), default=None)


def _pattern(route: Route) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(route.path)), re.DOTALL)


def _joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined
