"""Calling another function and waiting for its answer."""

import json
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from functions.aws.clients import lambda_
from relevance.errors import VitrineError


class StageUnavailable(VitrineError):
    """A stage's function failed, or did not answer before its deadline."""


def invoke(function: str, message: str, deadline_ms: int) -> Any:
    """The answer of a function to a JSON message; raises StageUnavailable."""
    try:
        answer = lambda_(deadline_ms).invoke(FunctionName=function, Payload=message.encode())
        payload = json.loads(answer["Payload"].read())
    except (BotoCoreError, ClientError, ValueError) as error:
        raise StageUnavailable(f"{function}: {type(error).__name__}") from error
    if "FunctionError" in answer:
        raise StageUnavailable(f"{function} failed: {payload}")
    return payload
