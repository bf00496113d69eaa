"""docs/api.md: the OpenAPI document as a page for people."""

import json
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any
from urllib.parse import urlencode

_INTRODUCTION = """\
# The API

Written by `python -m cli.openapi` from the table of routes and the types, as is [openapi.json](openapi.json)
(OpenAPI {openapi}) beside it. A test sends every example below, and another every kind of request that the types allow.

The protocol is Algolia's: its official clients and InstantSearch work as they are, pointed at this address. Names of
fields, kinds of keys and the shape of errors are what they send and expect.

## Keys

A key comes as header or query parameter, `X-Algolia-API-Key` or `X-Api-Key`, in any case of letters.

| kind | who has it | opens |
| --- | --- | --- |
| search | every browser | searches |
| secured | made from the parent key on the shop's server, without a call, by any of Algolia's clients | searches, \
within the `filters`, `restrictIndices` and `validUntil` that it seals in |
| admin | the shop's own programs | everything |
| parent | the shop's server alone | nothing by itself: secured keys are made from it |

`vitrine keys` makes, lists and rotates them. A key that is wrong, or of a kind that a route does not take, is 403.

## What every answer has

- `X-Request-Id`: stands in every log line of the request.
- Errors are `{{"message": "...", "status": 4xx}}`; the message names the field, its value and what was expected. A path
  or method that is not listed here is 404.
- `Cache-Control: no-store`, except for a search by address. That has a weak `ETag` of the release, the code, the
  parameters as understood and what the key seals in; `If-None-Match` with it is answered 304, without a search. With
  `clickAnalytics` each answer needs a `queryID` of its own, and none may be kept; nor may one that has something in
  `degraded`.

"""

_IDLE = """\

## Taken, and idle

Algolia's clients know these parameters, this API takes them in any search and they change nothing; the answer's
`warnings` names those that it met. A parameter that stands nowhere on this page is 400.

"""


def page(document: Mapping[str, Any], idle: Sequence[str]) -> str:
    """The page in Markdown.

    Args:
        document: As `cli.openapi.document` makes it.
        idle: Parameters that are taken and change nothing; left out where types list their fields.
    """
    server = document["servers"][0]["url"]
    operations = list(_operations(document))
    parts = [
        _INTRODUCTION.format(openapi=document["openapi"]),
        _table(["status", ""], [["200", "Done"], *_statuses(document)]),
        "\n## Routes\n\n",
        _table(
            ["route", "", "keys"],
            [
                [f"[`{method} {path}`](#{_anchor(f'{method} {path}')})", operation["summary"], _keys(operation)]
                for method, path, operation in operations
            ],
        ),
    ]
    parts += [_route(server, method, path, operation) for method, path, operation in operations]
    parts += [_IDLE, ", ".join(f"`{name}`" for name in idle), "\n\n## Types\n"]
    types = document["components"]["schemas"]
    every_search = {*types["SearchParameters"]["properties"]}
    for name, schema in types.items():
        # a search among facets or among several takes all that a search takes: said once
        again = name != "SearchParameters" and every_search <= schema.get("properties", {}).keys()
        parts.append(_type(name, schema, {*idle, *(every_search if again else ())}))
    return "".join(parts)


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def _statuses(document: Mapping[str, Any]) -> Iterator[list[str]]:
    named = {
        status: said["description"]
        for _, _, operation in _operations(document)
        for status, said in operation["responses"].items()
        if "description" in said and status != "200"
    }
    named |= {status: said["description"] for status, said in document["components"]["responses"].items()}
    yield from ([status, said] for status, said in sorted(named.items()))


def _route(server: str, method: str, path: str, operation: Mapping[str, Any]) -> str:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    in_query = [parameter for parameter in operation["parameters"] if parameter["in"] == "query"]
    asked = [f"- {_asked(parameter)}\n" for parameter in operation["parameters"] if parameter["in"] == "path"] + (
        [f"- body: {_kind(body['schema'])}\n"] if body else []
    )
    if in_query:
        asked.append(f"- in the address: {_kind(operation['x-parameters'])}, lists with commas\n")
    answer = operation["responses"]["200"]["content"]["application/json"]["schema"]
    return (
        f"\n### {method} {path}\n\n{operation['summary']}. Keys: {_keys(operation)}.\n\n{''.join(asked)}"
        f"- answers {_kind(answer)}; {', '.join(operation['responses'])}\n"
        f"\n```\n{_curl(server, method, path, operation, body, in_query)}\n```\n"
    )


def _asked(parameter: Mapping[str, Any]) -> str:
    return f"`{{{parameter['name']}}}`: {parameter['description']}"


def _curl(
    server: str,
    method: str,
    path: str,
    operation: Mapping[str, Any],
    body: Mapping[str, Any],
    in_query: Sequence[Mapping[str, Any]],
) -> str:
    for parameter in operation["parameters"]:
        path = path.replace(f"{{{parameter['name']}}}", str(parameter.get("example", "")))
    sent = {parameter["name"]: _in_address(parameter["example"]) for parameter in in_query if "example" in parameter}
    query = f"?{urlencode(sent, safe=',')}" if sent else ""
    parts = [f"curl '{server}{path}{query}'"]
    if method not in ("GET", "POST") or (method == "POST" and not body):
        parts[0] = f"curl -X {method} '{server}{path}{query}'"
    if operation["security"]:
        key = "local-search" if "search" in operation["x-keys"] else "local-admin"
        parts.append(f"-H 'X-Algolia-API-Key: {key}'")
    if "example" in body:
        parts.append(f"-d '{json.dumps(body['example'], ensure_ascii=False)}'")
    return " \\\n  ".join(parts)


def _in_address(value: Any) -> str:
    return ",".join(value) if isinstance(value, list) else str(value)


def _keys(operation: Mapping[str, Any]) -> str:
    return ", ".join(operation["x-keys"]) or "none needed"


def _type(name: str, schema: Mapping[str, Any], unsaid: Set[str]) -> str:
    required = schema.get("required", ())
    rows = [
        [f"`{field}`", _expected(described), _default(described, required=field in required)]
        for field, described in schema.get("properties", {}).items()
        if field not in unsaid
    ]
    said = (schema.get("description") or "").partition("\n")[0]
    if "query" in unsaid:
        said += " Beside these, all fields of [SearchParameters](#searchparameters)."
    return f"\n### {name}\n\n{said}\n" + ("\n" + _table(["field", "", "default"], rows) if rows else "")


def _expected(field: Mapping[str, Any]) -> str:
    kind = _kind(field)
    said = field.get("description", "")
    return f"{said} ({kind})" if said and "#" in kind else (said or kind)


def _default(field: Mapping[str, Any], *, required: bool) -> str:
    if required:
        return "required"
    return f"`{json.dumps(field['default'], ensure_ascii=False)}`" if field.get("default") is not None else ""


def _kind(schema: Mapping[str, Any]) -> str:
    """What a value is, in words; types of ours as links."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{_anchor(name)})"
    if several := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(dict.fromkeys(_kind(kind) for kind in several if kind.get("type") != "null"))
    if "enum" in schema or "const" in schema:
        return " or ".join(json.dumps(value) for value in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    if isinstance(inner := schema.get("additionalProperties"), Mapping):
        return f"object of {_kind(inner)}"
    names = {"string": "text", "integer": "whole number", "boolean": "true or false", None: "anything"}
    return names.get(schema.get("type"), str(schema.get("type")))


def _anchor(heading: str) -> str:
    """As Markdown hosts make it of a heading."""
    return "".join(sign for sign in heading.lower().replace(" ", "-") if sign.isalnum() or sign in "-_")


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n" for cells in lines)
