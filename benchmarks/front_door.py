"""The search function called as Lambda calls it, in this process, over an AWS that is only simulated (moto)."""

import io
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import patch

from aws_lambda_powertools.utilities.typing import LambdaContext
from moto import mock_aws

_KEY = "benchmark"
_REGION = "us-east-1"
_SETTINGS = {
    "RELEASE_BUCKET": "releases",
    "POINTER_TABLE": "pointers",
    "KEY_PARAMETER": "/vitrine/benchmark/keys",
}
_AWS = {
    "AWS_DEFAULT_REGION": _REGION,
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "POWERTOOLS_TRACE_DISABLED": "true",
    "POWERTOOLS_SERVICE_NAME": "assemble_results",
}
_CONTEXT = cast(
    LambdaContext,
    SimpleNamespace(
        function_name="assemble_results",
        memory_limit_in_mb=1769,
        invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:assemble_results",
        aws_request_id="00000000-0000-0000-0000-000000000000",
    ),
)


@contextmanager
def front_door(
    release: Path, watch: Callable[[str, str], object] = lambda body, logged: None, *, remembered_queries: int = 0
) -> Iterator[Callable[[str], str]]:
    """Serve a release that lies in a folder; yields a call from a query to the body of the answer.

    Keys, pointer, envelope, logs and metrics are all there; while this is open logs go nowhere but, behind each answer
    with its body, to `watch`. No query is remembered, its vector no more than its answer, unless
    `remembered_queries` says how many: the product's default is `SearchSettings`'.

    Raises:
        RuntimeError: From the call, if a search is not answered with 200.
    """
    settings = _SETTINGS | {
        "RELEASE_FOLDER": str(release.parent),
        "REMEMBERED_QUERIES": str(remembered_queries),
    }
    with redirect_stdout(io.StringIO()) as said, patch.dict(os.environ, _AWS | settings), mock_aws():
        # Here, so that the logger writes to the place above, and every client asks the simulated AWS.
        from functions.assemble_results.handler import lambda_handler, remembered
        from functions.assemble_results.handler import settings as kept_settings
        from functions.aws.clients import dynamodb, ssm
        from functions.aws.key_store import key_store, write_keys
        from functions.aws.release_pointer import move_pointer
        from functions.keys import KeyRing, key_hash

        kept = (kept_settings, remembered, dynamodb, ssm, key_store)
        _forget(kept)
        dynamodb().create_table(
            TableName=settings["POINTER_TABLE"],
            KeySchema=[{"AttributeName": "name", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "name", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        move_pointer(release.name, settings["POINTER_TABLE"], "products")
        write_keys(settings["KEY_PARAMETER"], KeyRing(search=(key_hash(_KEY),)))

        def ask(query: str) -> str:
            said.seek(0)
            said.truncate()
            answer = lambda_handler(_event(query), _CONTEXT)
            if answer["statusCode"] != 200:
                raise RuntimeError(f"{query!r}: {answer['statusCode']} {answer['body']}")
            watch(answer["body"], said.getvalue())
            return cast(str, answer["body"])

        try:
            yield ask
        finally:
            _forget(kept)


def _forget(kept: Iterable[Any]) -> None:
    """What a function keeps per execution environment would otherwise outlive this simulated AWS."""
    for cached in kept:
        cached.cache_clear()


def _event(query: str) -> dict[str, Any]:
    """A search as API Gateway's HTTP API hands it over, payload format 2.0."""
    path = "/1/indexes/products/query"
    return {
        "version": "2.0",
        "routeKey": "POST /1/indexes/{index}/query",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"content-type": "application/json", "x-algolia-api-key": _KEY},
        "requestContext": {
            "http": {"method": "POST", "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1"},
            "requestId": "request",
            "stage": "$default",
        },
        "body": json.dumps({"query": query}),
        "isBase64Encoded": False,
    }
