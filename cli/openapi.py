"""The OpenAPI document and the page of the API, written from the table of routes and the types.

`python -m cli.openapi` writes docs/openapi.json and docs/api.md; with `--check` it only says whether they are current,
and ends with 1 if not.
"""

import argparse
import json
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, models_json_schema

from cli.api_examples import IN_PATH, example_of
from cli.api_page import page
from functions.keys import HEADER, OTHER_NAMES
from functions.routes import ROUTES, Route
from relevance.contracts.api import SearchParameters
from relevance.parameters import NOT_IMPLEMENTED

PROJECT = Path(__file__).parents[1]
DOCUMENT = PROJECT / "docs" / "openapi.json"
PAGE = PROJECT / "docs" / "api.md"

JSON = "application/json"
LOCAL_ADDRESS = "http://127.0.0.1:8108"

IN_EVERY_ROUTE = (429,)
"""API Gateway throttles every route."""
WITH_A_KEY = (403, 413, 503)

_SAID_OF_STATUS = {
    207: "Some operations were refused; `errors` has one entry for each",
    304: "The answer that the caller holds, by the tag in `If-None-Match`, is still the one",
    400: "A field is unknown or has a bad value; the message names it, its value and what was expected",
    403: "No key, a wrong one, or one of a kind that this route does not take",
    404: "There is no such path, index or object",
    413: "The body is longer than 1 MiB",
    429: "Too many requests; `Retry-After` says for how many seconds to wait",
    503: "No release, no keys or no catalogue could be read; `Retry-After` says for how many seconds to wait",
}

_REQUEST_ID = {
    "description": "Stands in every log line of this request",
    "schema": {"type": "string"},
}
_RETRY_AFTER = {"description": "Seconds to wait", "schema": {"type": "string"}}

_ERROR = {
    "type": "object",
    "description": "Every answer that is not a success.",
    "required": ["message", "status"],
    "properties": {
        "message": {"type": "string", "description": "the field, its value and what was expected"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
    },
}


class _Plain(GenerateJsonSchema):
    """Without a title for every field, which would be its name again, and without discriminators.

    Two spellings of one kind share a type, which tools that read discriminators take for a contradiction.
    """

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def tagged_union_schema(self, schema: Any) -> dict[str, Any]:
        return {name: value for name, value in super().tagged_union_schema(schema).items() if name != "discriminator"}


def document(routes: Sequence[Route] = ROUTES) -> dict[str, Any]:
    """The OpenAPI 3.1 document of some routes."""
    schemas = _schemas(routes)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(address(route), {})[route.method.lower()] = _operation(route, schemas)
    version = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Vitrine",
            "version": version,
            "description": "Product search that a shop owns. It speaks Algolia's wire protocol: the official clients "
            "work as they are.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": LOCAL_ADDRESS, "description": "`make up`; deployed, the stack's output `ApiAddress`"}],
        "paths": paths,
        "components": {
            "securitySchemes": dict(_security_schemes()),
            "schemas": {"Error": _ERROR, **schemas},
            "responses": {
                str(status): _error_response(status, said) for status, said in _SAID_OF_STATUS.items() if status >= 400
            },
        },
    }


def address(route: Route) -> str:
    """A route's path as callers write it: with a literal `*` where no index is named."""
    return route.path.replace("{index}", "*", 1) if route.all_indices else route.path


def statuses(route: Route) -> list[int]:
    """Everything that a route may answer, ascending."""
    return sorted({200, *route.statuses, *IN_EVERY_ROUTE, *(WITH_A_KEY if route.keys else ())})


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m cli.openapi", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; end with 1 if a file is out of date")
    given = parser.parse_args(arguments)
    made = document()
    outdated = [
        (path, text)
        for path, text in (
            (DOCUMENT, json.dumps(made, indent=2, ensure_ascii=False) + "\n"),
            (PAGE, page(made, sorted(NOT_IMPLEMENTED))),
        )
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]
    for path, text in outdated:
        if given.check:
            print(f"{path.name} is not what the routes and types say: run `python -m cli.openapi`", file=sys.stderr)
        else:
            path.write_text(text, encoding="utf-8")
    return 1 if given.check and outdated else 0


def _security_schemes() -> Iterator[tuple[str, dict[str, str]]]:
    for name in (HEADER, *OTHER_NAMES):
        for place in ("header", "query"):
            yield f"{name}-{place}", {"type": "apiKey", "in": place, "name": name}


def _error_response(status: int, said: str) -> dict[str, Any]:
    headers = {"X-Request-Id": _REQUEST_ID}
    if status in (429, 503):
        headers["Retry-After"] = _RETRY_AFTER
    return {
        "description": said,
        "headers": headers,
        "content": {JSON: {"schema": {"$ref": "#/components/schemas/Error"}}},
    }


def _operation(route: Route, schemas: Mapping[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": _operation_id(route),
        "summary": route.summary,
        "x-keys": list(route.keys),
        "security": [{name: []} for name, _ in _security_schemes()] if route.keys else [],
        "parameters": [_path_parameter(name) for name in re.findall(r"\{(\w+)\}", address(route))],
        "responses": {str(status): _response(route, status) for status in statuses(route)},
    }
    if route.request is not None and route.method == "GET":
        operation["parameters"] += _query_parameters(schemas[route.request.__name__], example_of(route) or {})
        operation["x-parameters"] = _reference(route.request)
    elif route.request is not None:
        schema = schemas[route.request.__name__]
        operation["requestBody"] = {
            "required": bool(schema.get("required")),
            "content": {JSON: {"schema": _reference(route.request)} | _example(route)},
        }
    return operation


def _operation_id(route: Route) -> str:
    words = re.findall(r"[A-Za-z]+", address(route).replace("*", "several"))
    return "_".join([route.method.lower(), *words])


def _path_parameter(name: str) -> dict[str, Any]:
    described = IN_PATH[name]
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": described.meaning,
        "schema": {"type": "integer" if isinstance(described.example, int) else "string"},
        "example": described.example,
    }


def _response(route: Route, status: int) -> dict[str, Any]:
    if status >= HTTPStatus.BAD_REQUEST:
        return {"$ref": f"#/components/responses/{status}"}
    headers: dict[str, Any] = {"X-Request-Id": _REQUEST_ID}
    if 304 in route.statuses:
        headers["ETag"] = {"description": "Unless `clickAnalytics` was asked for", "schema": {"type": "string"}}
    if status == HTTPStatus.NOT_MODIFIED:
        return {"description": _SAID_OF_STATUS[status], "headers": headers}
    return {
        "description": _SAID_OF_STATUS.get(status) or (route.response.__doc__ or "").partition("\n")[0],
        "headers": headers,
        "content": {JSON: {"schema": _reference(route.response)}},
    }


def _example(route: Route) -> dict[str, Any]:
    example = example_of(route)
    return {} if example is None else {"example": example}


def _query_parameters(schema: Mapping[str, Any], example: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A GET's parameters; those that are idle as one free form, which the address writes as name=value."""
    listed = [
        _query_parameter(name, field) | ({"example": example[name]} if name in example else {})
        for name, field in schema["properties"].items()
        if name not in NOT_IMPLEMENTED
    ]
    idle = {name: {"type": "string"} for name in schema["properties"] if name in NOT_IMPLEMENTED}
    if not idle:
        return listed
    free = {
        "name": "idle",
        "in": "query",
        "description": "Algolia's parameters that are taken and change nothing; the answer's `warnings` names them",
        "style": "form",
        "explode": True,
        "schema": {"type": "object", "properties": idle, "additionalProperties": False},
    }
    return [*listed, free]


def _query_parameter(name: str, field: Mapping[str, Any]) -> dict[str, Any]:
    kinds = [kind for kind in field.get("anyOf", [field]) if kind.get("type") != "null"]
    described = {key: field[key] for key in ("description", "default") if field.get(key) is not None}
    if len(kinds) > 1 and any(kind.get("type") == "array" for kind in kinds):
        described["description"] += "; a list is written as JSON"
        schema: Mapping[str, Any] = {"type": "string"}
    elif len(kinds) > 1:
        schema = {"anyOf": kinds}
    else:
        schema = {key: value for key, value in kinds[0].items() if key not in ("description", "default")}
    default = {"default": described.pop("default")} if "default" in described else {}
    parameter = {"name": name, "in": "query", **described, "schema": {**schema, **default}}
    return parameter | ({"style": "form", "explode": False} if schema.get("type") == "array" else {})


def _reference(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def _schemas(routes: Sequence[Route]) -> dict[str, Any]:
    requests = [route.request for route in routes if route.request is not None]
    asked = _definitions(requests, "validation")
    searches: list[type[BaseModel]] = [SearchParameters, *SearchParameters.__subclasses__()]
    for name in asked.keys() & {model.__name__ for model in searches}:
        asked[name] = _as_parsed(asked[name])
    answered = _definitions([route.response for route in routes], "serialization")
    for schema in answered.values():
        _leave_out_nulls(schema)
    return dict(sorted((answered | asked).items()))


def _definitions(models: Sequence[type[BaseModel]], mode: JsonSchemaMode) -> dict[str, Any]:
    _, written = models_json_schema(
        [(model, mode) for model in dict.fromkeys(models)],
        ref_template="#/components/schemas/{model}",
        schema_generator=_Plain,
    )
    return dict(written.get("$defs", {}))


def _as_parsed(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Search parameters as they are read: null counts as absent, `params` holds a query string, some are idle."""
    required = schema.get("required", ())
    properties = {name: field if name in required else _or_null(field) for name, field in schema["properties"].items()}
    idle = {name: {"description": "taken, and changes nothing"} for name in sorted(NOT_IMPLEMENTED)}
    written = {
        "anyOf": [{"type": "string"}, {"type": "null"}],
        "description": "parameters as a query string; fields beside it go before it",
    }
    return {**schema, "properties": properties | {"params": written} | idle}


def _or_null(field: Mapping[str, Any]) -> dict[str, Any]:
    said = {key: value for key, value in field.items() if key in ("description", "default")}
    kinds = field.get("anyOf") or [{key: value for key, value in field.items() if key not in said}]
    if {"type": "null"} not in kinds:
        kinds = [*kinds, {"type": "null"}]
    return said | {"anyOf": kinds}


def _leave_out_nulls(schema: dict[str, Any]) -> None:
    """An answer leaves out what it has not: such fields are not required, and never null."""
    for name, field in schema.get("properties", {}).items():
        kinds = field.get("anyOf", [])
        if {"type": "null"} not in kinds:
            continue
        others = [kind for kind in kinds if kind != {"type": "null"}]
        del field["anyOf"]
        field.pop("default", None)
        field.update(others[0] if len(others) == 1 else {"anyOf": others})
        schema["required"] = [one for one in schema.get("required", []) if one != name]


if __name__ == "__main__":
    sys.exit(main())
