"""The OpenAPI document against the running functions: requests that fit the types, and requests that almost do."""

import pytest
import schemathesis
from hypothesis import HealthCheck, settings

from cli.openapi import document
from tests.api_gateway import ApiGateway

pytest_plugins = ("schemathesis.pytest.plugin",)

CONFIG = schemathesis.Config.from_dict(
    {
        "seed": 20261122,
        "headers": {"x-algolia-api-key": "admin-key"},
        "parameters": {"path.index": "products"},  # another is 404 before anything else is looked at
        "checks": {
            "negative_data_rejection": {"expected-statuses": [400, 403, 404, 413]},
            "positive_data_acceptance": {"enabled": False},  # a type cannot say what a filter's grammar takes
            "unsupported_method": {"enabled": False},  # another method is another route: 404
            "ignored_auth": {"enabled": False},  # tests/functions/test_route_keys.py walks every key
        },
        "generation": {"max-examples": 40, "deterministic": True, "with-security-parameters": False},
    }
)
API = schemathesis.openapi.from_dict(document(), config=CONFIG)
API.app = ApiGateway()


@API.parametrize()
@settings(suppress_health_check=list(HealthCheck), deadline=None)
@pytest.mark.usefixtures("gateway")
def test_every_answer_is_one_that_the_document_knows(case):
    case.call_and_validate()
